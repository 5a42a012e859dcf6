//! `cargo run -p local -- demo`: the main job, told as a story. It talks to a running cloud from outside, over HTTP alone,
//! and believes nothing that the platform's Page does not show.

pub(crate) mod browser;
mod report;
mod story;

use std::error::Error;

use local::{Cloud, Options};

use report::Report;
pub(crate) use report::Style;
use story::Story;

/// Seconds after which a lost answer is looked into: on AWS it is half a minute, a story should not take so long.
const SETTLE_SECONDS: &str = "2";

/// Starts a cloud, tells the story, and ends the cloud. `true` if all of it held.
pub(crate) async fn run(mut options: Options, style: Style) -> Result<bool, Box<dyn Error>> {
    options.parameters.insert("FacebookSettleSeconds".to_owned(), SETTLE_SECONDS.to_owned());
    let mut report = Report::new(style);
    report.begin()?;
    let cloud = Cloud::start(options).await?;
    report.started(&cloud)?;
    let told = Story::new(&cloud, &mut report).tell().await;
    let page = match told {
        Ok(page) => page,
        Err(error) => {
            report.broke_off(error.as_ref())?;
            cloud.shutdown().await?;
            return Ok(false);
        }
    };
    report.end(&page)?;
    cloud.shutdown().await?;
    Ok(true)
}
