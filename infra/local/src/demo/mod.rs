//! `cargo run -p local -- demo`: the main job, told as a story. It talks to a running cloud from outside, over HTTP alone,
//! and believes nothing that the platform's Page does not show.

pub mod browser;
mod report;
mod story;

use std::error::Error;
use std::io;

use crate::{Cloud, Options};

use browser::Client;
pub use report::{Report, Style};
use story::Story;

/// Seconds after which a lost answer is looked into: on AWS it is half a minute, a story should not take so long.
const SETTLE_SECONDS: &str = "2";

/// Starts a cloud, tells the story, and ends the cloud. `true` if all of it held.
///
/// # Errors
/// The cloud does not start or stop, or nobody takes what is told.
pub async fn run(
    mut options: Options,
    style: Style,
    output: Box<dyn io::Write + Send>,
) -> Result<bool, Box<dyn Error>> {
    options.parameters.insert("FacebookSettleSeconds".to_owned(), SETTLE_SECONDS.to_owned());
    let mut report = Report::new(style, output);
    report.begin()?;
    let cloud = Cloud::start(options).await?;
    report.started(&cloud)?;
    let client = Client::new(cloud.api_url(), &cloud.simulator_url(), cloud.api_key());
    let told = tell(client, &mut report).await;
    if let Err(error) = &told {
        report.broke_off(error.as_ref())?;
    }
    cloud.shutdown().await?;
    Ok(told.is_ok())
}

/// Tells the story on a cloud that runs, to its end.
///
/// # Errors
/// What did not hold.
pub async fn tell(client: Client, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let page = Story::new(client, report).tell().await?;
    report.end(&page)?;
    Ok(())
}
