//! `cargo run -p local -- demo`: the main job, told as a story, and with `--all` everything that postd does at each of its
//! platforms. It talks to a running cloud from outside, over HTTP, and believes nothing that the platform's own side does not
//! show.

mod all;
pub mod browser;
mod form;
mod report;
mod steps;
mod story;

use std::error::Error;
use std::io;

use crate::{Cloud, Options};

use browser::Client;
pub use report::{Report, Style};
use story::Story;

/// Seconds after which a lost answer is looked into: on AWS it is half a minute or more, a story should not take so long.
const SETTLE_SECONDS: &str = "2";

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The main job, at a Facebook Page.
    MainJob,
    /// Every platform, with everything that postd does there.
    AllPlatforms,
}

/// Starts a cloud, tells the story, and ends the cloud. `true` if all of it held.
///
/// # Errors
/// The cloud does not start or stop, or nobody takes what is told.
pub async fn run(
    mut options: Options,
    (scope, style): (Scope, Style),
    output: Box<dyn io::Write + Send>,
) -> Result<bool, Box<dyn Error>> {
    let (what, parameters): (_, &[(&str, &str)]) = match scope {
        Scope::MainJob => (
            "from a login to a post: the real functions, embedded AWS, a simulated Facebook.",
            &[("FacebookSettleSeconds", SETTLE_SECONDS)],
        ),
        Scope::AllPlatforms => (
            "at six platforms: the real functions, embedded AWS, simulators of all platforms, which work at once.",
            &all::PARAMETERS,
        ),
    };
    for (name, value) in parameters {
        options.parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    let mut report = Report::new(style, output);
    report.begin(what)?;
    let cloud = Cloud::start(options).await?;
    report.started(&cloud)?;
    let client = Client::new(cloud.api_url(), &cloud.simulator_url(), cloud.api_key());
    let told = match scope {
        Scope::MainJob => tell(client, &mut report).await.map(|()| true),
        Scope::AllPlatforms => Box::pin(all::tell(&cloud, &client, &mut report)).await,
    };
    if let Err(error) = &told {
        report.broke_off(error.as_ref())?;
    }
    cloud.shutdown().await?;
    Ok(told.is_ok_and(|held| held))
}

/// Tells the story of the main job on a cloud that runs, to its end.
///
/// # Errors
/// What did not hold.
pub async fn tell(client: Client, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let page = Story::new(&client, report).tell().await?;
    report.end(&page)?;
    Ok(())
}
