//! `cargo run -p local -- demo --all`: every platform, from a login to what is out, with everything that postd does there.
//! The stories happen at once, each against its own simulator, and are told one after the other.

mod account;
mod afterwards;
mod event;
mod facebook;
mod gbp;
mod instagram;
mod likeness;
mod linkedin;
mod lost;
mod mailchimp;
mod telling;
mod tiktok;
mod token;

use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::browser::Client;
use super::report::Report;
use super::steps::{Failure, Steps, field, list};
use crate::Cloud;
use telling::{Heard, Tally, Teller};

/// How often a story looks whether something has happened: seven tell theirs at once.
const LOOK: Duration = Duration::from_millis(200);

/// Seconds after which a lost answer is looked into, and limits that nobody reaches who is alone on a machine.
pub(super) const PARAMETERS: [(&str, &str); 9] = [
    ("FacebookSettleSeconds", super::SETTLE_SECONDS),
    ("InstagramSettleSeconds", super::SETTLE_SECONDS),
    ("LinkedinSettleSeconds", super::SETTLE_SECONDS),
    ("TiktokSettleSeconds", super::SETTLE_SECONDS),
    ("GbpSettleSeconds", super::SETTLE_SECONDS),
    ("MailchimpSettleSeconds", super::SETTLE_SECONDS),
    ("TenantRequestsPerMinute", "1000000"),
    ("PublicRequestsPerMinute", "1000000"),
    ("OauthRequestsPerMinute", "1000"),
];

/// What a story is told on.
struct Chapter<'a> {
    steps: Steps<'a>,
    cloud: &'a Cloud,
    told: Teller,
}

impl Chapter<'_> {
    /// Has a simulated platform do something; what it says.
    async fn control(&self, platform: &str, path: &str, body: Value) -> Result<Value, Failure> {
        self.steps.client.control_of(platform, Method::POST, path, Some(body)).await
    }
}

/// Tells all stories on a cloud that runs; whether all of it held.
pub(super) async fn tell(cloud: &Cloud, client: &Client, report: &mut Report) -> Result<bool, Failure> {
    let steps = Steps::new(client).looking_every(LOOK);
    let begin = |name| {
        let (told, heard) = telling::story(name);
        (Chapter { steps, cloud, told }, heard)
    };
    let (facebook, facebook_heard) = begin("Facebook Pages");
    let (instagram, instagram_heard) = begin("Instagram");
    let (linkedin, linkedin_heard) = begin("LinkedIn");
    let (tiktok, tiktok_heard) = begin("TikTok");
    let (gbp, gbp_heard) = begin("Google Business Profile");
    let (mailchimp, mailchimp_heard) = begin("Mailchimp");
    let heard: Vec<Heard> =
        vec![facebook_heard, instagram_heard, linkedin_heard, tiktok_heard, gbp_heard, mailchimp_heard];
    let mut tally = Tally::new(report);
    let (listened, ..) = tokio::join!(
        tally.listen(heard),
        Box::pin(run(facebook, facebook::tell)),
        Box::pin(run(instagram, instagram::tell)),
        Box::pin(run(linkedin, linkedin::tell)),
        Box::pin(run(tiktok, tiktok::tell)),
        Box::pin(run(gbp, gbp::tell)),
        Box::pin(run(mailchimp, mailchimp::tell)),
    );
    listened?;
    Ok(tally.end()?)
}

/// One story to its end, or to what did not hold.
async fn run(chapter: Chapter<'_>, story: impl AsyncFnOnce(&Chapter<'_>) -> Result<(), Failure>) {
    let ended = story(&chapter).await;
    chapter.told.ended(&ended);
}

/// The `inner` lists of those in the list `outer` whose `name` is this.
fn under<'v>(state: &'v Value, outer: &str, (name, wanted): (&str, &str), inner: &str) -> Vec<&'v Value> {
    let fits = |place: &&Value| place.get(name).and_then(Value::as_str) == Some(wanted);
    list(state, outer).iter().filter(fits).flat_map(|place| list(place, inner)).collect()
}

/// Those of them that came through our app.
fn ours(all: Vec<&Value>) -> Vec<Value> {
    let is_ours = |post: &&Value| field(post, "/by_api") == true || field(post, "/by_app") == true;
    all.into_iter().filter(is_ours).cloned().collect()
}
