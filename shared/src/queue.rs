//! Messages that point at work: publish jobs, their dead letters, webhook events. Never content, never a token.
//!
//! Every message carries its format's version. A reader ignores fields that it does not know and refuses versions that
//! it does not know, so that an old and a new build can share a queue during a deployment.

mod messages;

use std::{error::Error, sync::Arc};

use aws_sdk_sqs::{
    error::{ProvideErrorMetadata, SdkError},
    types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry},
};
use jiff::SignedDuration;

use crate::{aws::Failure, connector::Act, ids::ConnectionId, platform::Platform};

use messages::{Buried, WITHDRAWALS, WithErrand, encode, encode_as};
pub use messages::{Errand, InboundMessage, Job, MessageError, dead_fence, errand};

/// How many messages SQS takes at once.
const BATCH: usize = 10;
/// The longest value of a message attribute that we send.
const LONGEST_ATTRIBUTE: usize = 64;

/// Why a call to a queue brought nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// No answer, or not now: the message may have been sent all the same; sending it again does no harm.
    #[error("the queue did not answer")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// The queue will not take it.
    #[error("the queue refused ({code})")]
    Refused {
        /// The code of SQS.
        code: String,
        /// The whole refusal.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl<E> From<SdkError<E>> for QueueError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let Failure { refusal, cause: source } = error.into();
        match refusal {
            Some(code) => Self::Refused { code, source },
            None => Self::Unavailable(source),
        }
    }
}

/// One refused entry of a batch.
#[derive(Debug, thiserror::Error)]
#[error("the entry was refused ({0})")]
struct EntryRefused(String);

/// An answer that does not mention an entry of its batch.
#[derive(Debug, thiserror::Error)]
#[error("the answer does not mention the entry")]
struct NotMentioned;

/// How long a message stays hidden after it was sent: 0 to 15 minutes, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delay(i32);

impl Delay {
    /// At once.
    pub const NONE: Self = Self(0);
    /// The longest that SQS knows; what is later needs a due time instead.
    pub const LONGEST: SignedDuration = SignedDuration::from_mins(15);

    /// The delay for `duration`, rounded up to whole seconds; a negative one is none. `None` past [`Self::LONGEST`].
    #[must_use]
    pub fn fitting(duration: SignedDuration) -> Option<Self> {
        (duration <= Self::LONGEST).then(|| Self(whole_seconds(duration)))
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> i32 {
        self.0
    }
}

/// Rounds up, so that nothing comes back before its time; negative is zero.
fn whole_seconds(duration: SignedDuration) -> i32 {
    let partial = i64::from(duration.subsec_nanos() > 0);
    i32::try_from(duration.as_secs().saturating_add(partial).max(0)).unwrap_or(i32::MAX)
}

/// How full a queue is, approximately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Waiting to be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Waiting for their delay to pass.
    pub delayed: u64,
}

/// The queue of publish jobs.
#[derive(Debug, Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Queue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends `job`, to be received after `delay`.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn send(&self, job: &Job, delay: Delay) -> Result<(), QueueError> {
        self.send_body(job, encode(job)?, delay).await
    }

    /// Like [`Self::send`], for what else is to be done about a target.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn send_errand(&self, job: &Job, errand: Errand, delay: Delay) -> Result<(), QueueError> {
        self.send_body(job, encode(&WithErrand { job, errand })?, delay).await
    }

    async fn send_body(&self, job: &Job, body: String, delay: Delay) -> Result<(), QueueError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            // On a standard queue the group makes it fair: one tenant's flood does not delay the others.
            .message_group_id(job.tenant.to_string())
            .delay_seconds(delay.seconds())
            .send()
            .await?;
        Ok(())
    }

    /// Sends `jobs` at once, ten to a call; what fails inside a call that succeeded is tried once more. The results are
    /// in the order of `jobs`.
    pub async fn send_batch(&self, jobs: &[Job]) -> Vec<Result<(), QueueError>> {
        let jobs: Vec<_> = jobs.iter().map(|job| (*job, Delay::NONE)).collect();
        self.send_each(&jobs).await
    }

    /// Like [`Self::send_batch`], each job with a delay of its own.
    pub async fn send_each(&self, jobs: &[(Job, Delay)]) -> Vec<Result<(), QueueError>> {
        let mut results = Vec::with_capacity(jobs.len());
        for chunk in jobs.chunks(BATCH) {
            let mut outcome = self.send_chunk(chunk).await;
            let (again, positions): (Vec<(Job, Delay)>, Vec<usize>) = chunk
                .iter()
                .enumerate()
                .filter(|(index, _)| matches!(outcome.get(*index), Some(Err(Entry::Failed(_)))))
                .map(|(index, job)| (*job, index))
                .unzip();
            if !again.is_empty() {
                let second = self.send_chunk(&again).await;
                for (position, result) in positions.into_iter().zip(second) {
                    if let Some(slot) = outcome.get_mut(position) {
                        *slot = result;
                    }
                }
            }
            results.extend(outcome.into_iter().map(|result| result.map_err(Entry::into_error)));
        }
        results
    }

    /// One call for at most ten jobs; as many results as jobs.
    async fn send_chunk(&self, jobs: &[(Job, Delay)]) -> Vec<Result<(), Entry>> {
        let everything = |error: QueueError| jobs.iter().map(|_| Err(Entry::Final(error.clone()))).collect();
        let entries: Result<Vec<_>, QueueError> = jobs.iter().enumerate().map(entry).collect();
        let sent = match entries {
            Ok(entries) => {
                self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await
            }
            Err(error) => return everything(error),
        };
        match sent {
            Ok(answer) => (0..jobs.len()).map(|index| entry_result(&answer, &index.to_string())).collect(),
            Err(error) => everything(error.into()),
        }
    }

    /// Makes a received message come back after `after` (at most 12 hours, in whole seconds), instead of when its
    /// visibility ends.
    ///
    /// # Errors
    /// The queue did not answer, or the receipt handle is no longer good.
    pub async fn change_visibility(&self, receipt_handle: &str, after: SignedDuration) -> Result<(), QueueError> {
        const LONGEST: SignedDuration = SignedDuration::from_hours(12);
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(whole_seconds(after.min(LONGEST)))
            .send()
            .await?;
        Ok(())
    }

    /// How full the queue is.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        depth(&self.client, &self.url).await
    }
}

/// Why an entry of a batch was not sent.
enum Entry {
    /// The entry alone failed: worth one more try.
    Failed(QueueError),
    /// The whole call failed, after the SDK's own retries.
    Final(QueueError),
}

impl Entry {
    fn into_error(self) -> QueueError {
        match self {
            Self::Failed(error) | Self::Final(error) => error,
        }
    }
}

fn entry((index, (job, delay)): (usize, &(Job, Delay))) -> Result<SendMessageBatchRequestEntry, QueueError> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(encode(job)?)
        .message_group_id(job.tenant.to_string())
        .delay_seconds(delay.seconds())
        .build()
        .map_err(|error| QueueError::Refused { code: "unencodable".into(), source: Arc::new(error) })
}

fn entry_result(
    answer: &aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput,
    id: &str,
) -> Result<(), Entry> {
    if answer.successful().iter().any(|sent| sent.id() == id) {
        return Ok(());
    }
    match answer.failed().iter().find(|failed| failed.id() == id) {
        Some(failed) => {
            let code = failed.code().to_owned();
            let source = Arc::new(EntryRefused(code.clone()));
            Err(Entry::Failed(if failed.sender_fault() {
                QueueError::Refused { code, source }
            } else {
                QueueError::Unavailable(source)
            }))
        }
        None => Err(Entry::Failed(QueueError::Unavailable(Arc::new(NotMentioned)))),
    }
}

async fn depth(client: &aws_sdk_sqs::Client, url: &str) -> Result<Depth, QueueError> {
    let answer = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed)
        .send()
        .await?;
    let number = |name| {
        let text = answer.attributes().and_then(|attributes| attributes.get(&name));
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    Ok(Depth {
        visible: number(QueueAttributeName::ApproximateNumberOfMessages),
        in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        delayed: number(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
    })
}

/// Why a target ended among the dead letters: codes out of bounded sets, never prose.
#[derive(Debug, Clone, Copy)]
pub struct Reason<'a> {
    /// The refusal's stable code, such as `facebook.text.too_long`.
    pub code: &'a str,
    /// Who can do something about it.
    pub act: Act,
    /// Where it was to be published.
    pub platform: Platform,
    /// Through which connection.
    pub connection: ConnectionId,
}

impl Reason<'_> {
    fn attributes(&self) -> [(&'static str, String); 4] {
        let act = match self.act {
            Act::Caller => "caller",
            Act::EndUser => "end_user",
            Act::Operator => "operator",
            Act::Nobody => "nobody",
        };
        [
            ("code", bounded(self.code)),
            ("act", act.to_owned()),
            ("platform", self.platform.name().to_owned()),
            ("connection", self.connection.to_string()),
        ]
    }
}

/// A code as it stands; what is no code (other characters, too long, empty) becomes `other`.
fn bounded(code: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let good = !code.is_empty() && code.len() <= LONGEST_ATTRIBUTE && code.bytes().all(plain);
    if good { code.to_owned() } else { "other".to_owned() }
}

/// The queue of publish jobs that have failed for good.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl DeadLetters {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends `job`, whose target failed under the claim `fence`, with its reason as message attributes.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn send(&self, job: &Job, fence: u64, reason: &Reason<'_>) -> Result<(), QueueError> {
        let mut message = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(encode(&Buried { job, dead: fence })?)
            .message_group_id(job.tenant.to_string());
        for (name, value) in reason.attributes() {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let attribute = attribute
                .map_err(|error| QueueError::Refused { code: "unencodable".into(), source: Arc::new(error) })?;
            message = message.message_attributes(name, attribute);
        }
        message.send().await?;
        Ok(())
    }

    /// Sends a message as it came that nobody here can do anything with, with a code that says why.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn send_unread(&self, body: &str, code: &str) -> Result<(), QueueError> {
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(bounded(code)).build();
        let attribute =
            attribute.map_err(|error| QueueError::Refused { code: "unencodable".into(), source: Arc::new(error) })?;
        let message = self.client.send_message().queue_url(&self.url).message_body(body);
        message.message_attributes("code", attribute).send().await?;
        Ok(())
    }

    /// How full the queue is.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        depth(&self.client, &self.url).await
    }
}

/// The queue of stored webhook events.
#[derive(Debug, Clone)]
pub struct Inbound {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Inbound {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends the pointer to a stored event.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn send(&self, message: &InboundMessage) -> Result<(), QueueError> {
        self.send_body(encode(message)?).await
    }

    /// Sends the pointer to a stored withdrawal.
    ///
    /// # Errors
    /// The queue did not answer, or refused.
    pub async fn send_withdrawal(&self, message: &InboundMessage) -> Result<(), QueueError> {
        self.send_body(encode_as(WITHDRAWALS, message)?).await
    }

    async fn send_body(&self, body: String) -> Result<(), QueueError> {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;

    /// A job as the first release writes it: every later build must read this.
    const JOB: &str = r#"{"v":1,"tenant":"ten_00000000000000000000000000000001","post":"post_00000000000000000000000000000002","target":"t3","version":4}"#;
    const INBOUND: &str = r#"{"v":1,"platform":"facebook","day":"2026-11-21","event":"page-feed-1"}"#;

    #[test]
    fn a_job_is_written_and_read_as_the_first_release_did() {
        let job = Job::decode(JOB).unwrap();
        assert_eq!((job.target.to_string().as_str(), job.version), ("t3", 4));
        assert_eq!(encode(&job).unwrap(), JOB);
    }

    #[test]
    fn a_dead_letter_is_a_job_with_a_mark_that_the_first_release_ignores() {
        let job = Job::decode(JOB).unwrap();
        let buried = encode(&Buried { job: &job, dead: 7 }).unwrap();
        assert_eq!(buried, JOB.replace(r#""version":4}"#, r#""version":4,"dead":7}"#));
        assert_eq!((Job::decode(&buried), dead_fence(&buried)), (Ok(job), Some(7)));
        for other in [JOB, "", "null", r#"{"v":1,"dead":null}"#, r#"{"v":1,"dead":"7"}"#, r#"{"v":1,"dead":-7}"#] {
            assert_eq!(dead_fence(other), None, "{other}");
        }
    }

    #[test]
    fn an_inbound_message_is_written_and_read_as_the_first_release_did() {
        let message = InboundMessage::decode(INBOUND).unwrap();
        assert_eq!(message.day, Date::constant(2026, 11, 21));
        assert_eq!(encode(&message).unwrap(), INBOUND);
    }

    #[test]
    fn fields_that_a_later_build_adds_are_ignored() {
        let later = JOB.replace(r#""v":1"#, r#""v":1,"hint":{"x":[1]}"#);
        assert_eq!(Job::decode(&later), Job::decode(JOB));
    }

    #[test]
    fn another_version_is_refused_even_if_everything_else_fits() {
        assert_eq!(Job::decode(&JOB.replace(r#""v":1"#, r#""v":2"#)), Err(MessageError::Version(2)));
        assert_eq!(Job::decode(r#"{"v":7}"#), Err(MessageError::Version(7)));
    }

    #[test]
    fn what_is_no_job_is_malformed_and_is_not_repeated_in_the_error() {
        for body in ["", "null", "[]", "canary", "{}", r#"{"v":"1"}"#, r#"{"v":1}"#, INBOUND, r#"{"v":-1}"#] {
            let error = Job::decode(body).unwrap_err();
            assert_eq!(error, MessageError::Malformed, "{body}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_delay_is_rounded_up_and_ends_at_fifteen_minutes() {
        let seconds = |duration| Delay::fitting(duration).map(Delay::seconds);
        assert_eq!(seconds(SignedDuration::from_secs(-5)), Some(0));
        assert_eq!(seconds(SignedDuration::ZERO), Some(0));
        assert_eq!(seconds(SignedDuration::from_millis(1)), Some(1));
        assert_eq!(seconds(SignedDuration::from_millis(1001)), Some(2));
        assert_eq!(seconds(Delay::LONGEST), Some(900));
        assert_eq!(seconds(Delay::LONGEST + SignedDuration::from_nanos(1)), None);
        assert_eq!(seconds(SignedDuration::MIN), Some(0));
        assert_eq!(seconds(SignedDuration::MAX), None);
    }

    #[test]
    fn only_a_code_becomes_an_attribute() {
        assert_eq!(bounded("facebook.text.too_long"), "facebook.text.too_long");
        for prose in ["", "The user said: hi", "café", &"x".repeat(65)] {
            assert_eq!(bounded(prose), "other");
        }
    }
}
