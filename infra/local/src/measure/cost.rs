//! What a million published targets would cost at AWS: counted calls and units times list prices, one post per target.

use emulators::Counts;

use super::load::{Counted, POSTS};
use super::report::Report;
use super::scene::Logged;

const SECTION: &str = "6. Calls";
const MONEY: &str = "7. USD per million published targets, one by one (us-east-1, list prices, no free tier)";
/// USD per million targets: the limit that postd sets itself (docs/performance.md).
const LIMIT: f64 = 4.70;
const BULK_MONEY: &str = "7. USD per million published targets, in bulk, 1,000 posts to a request";
/// The same in bulk.
const BULK_LIMIT: f64 = 2.60;

/// USD per million.
mod price {
    pub(super) const API_REQUEST: f64 = 1.00;
    pub(super) const LAMBDA_REQUEST: f64 = 0.20;
    /// Per million GB-seconds, arm64.
    pub(super) const LAMBDA_GB_SECOND: f64 = 13.3334;
    pub(super) const WRITE_UNIT: f64 = 0.625;
    pub(super) const READ_UNIT: f64 = 0.125;
    pub(super) const SQS_REQUEST: f64 = 0.40;
    pub(super) const SQS_FAIR: f64 = 0.10;
    pub(super) const KMS_REQUEST: f64 = 3.00;
    pub(super) const SECRET_REQUEST: f64 = 5.00;
    pub(super) const TRACE: f64 = 5.00;
    /// Per million bytes.
    pub(super) const LOG_BYTE: f64 = 0.000_5;
    pub(super) const EGRESS_BYTE: f64 = 0.000_09;
}

/// What cannot be counted on one machine.
mod assumed {
    /// Seconds that the publish function takes at 128 MB.
    pub(super) const PUBLISH_SECONDS: f64 = 0.010;
    /// Seconds that a batch of ten takes at 256 MB: the platform's slowest answer.
    pub(super) const BATCH_SECONDS: f64 = 1.2;
    /// Lambda's own lines per invocation.
    pub(super) const PLATFORM_LOG: f64 = 300.0;
    /// What CloudWatch adds to every line.
    pub(super) const LOG_LINE: f64 = 26.0;
    /// One line of the API's access log.
    pub(super) const ACCESS_LOG: f64 = 450.0;
    /// Bytes to the platform, TLS included.
    pub(super) const EGRESS: f64 = 2_000.0;
    /// Targets that find no data key in the cache.
    pub(super) const KEY_MISSES: f64 = 0.01;
    /// X-Ray's default rule, without its first trace in each second.
    pub(super) const TRACED: f64 = 0.05;
}

/// How posts come.
struct Way<'a> {
    /// The title of its table.
    money: &'static str,
    /// USD per million targets: the limit that postd sets itself (docs/performance.md).
    limit: f64,
    accepted: &'a Counts,
    log: Logged,
    /// Requests per post.
    requests: f64,
}

/// Counts, then money.
pub(crate) fn tell(counted: &Counted, report: &mut Report) {
    calls("accepted post", &counted.accepted, report);
    calls("post accepted in bulk", &counted.accepted_in_bulk, report);
    calls("published target", &counted.published, report);
    report.number(SECTION, "log bytes per accepted post, publish", (per_target(bytes(counted.publish_log)), "B"), None);
    report.number(SECTION, "log bytes per post in bulk, publish", (per_target(bytes(counted.bulk_log)), "B"), None);
    report.number(SECTION, "log bytes per target, consumer", (per_target(bytes(counted.consumer_log)), "B"), None);
    let accepted = &counted.accepted;
    cost(counted, &Way { money: MONEY, limit: LIMIT, accepted, log: counted.publish_log, requests: 1.0 }, report);
    let accepted = &counted.accepted_in_bulk;
    let bulk = Way { money: BULK_MONEY, limit: BULK_LIMIT, accepted, log: counted.bulk_log, requests: 1.0 / 1_000.0 };
    cost(counted, &bulk, report);
}

fn cost(counted: &Counted, way: &Way<'_>, report: &mut Report) {
    let logged = |log: Logged| per_target(bytes(log) + f64::from(log.lines) * assumed::LOG_LINE);
    let both = [way.accepted, &counted.published];
    let sum = |of: fn(&Counts) -> f64| per_target(both.iter().map(|counts| of(counts)).sum());
    let of_service = |service: &str| {
        let calls = |counts: &&Counts| {
            counts.iter().filter(|(name, _)| name.starts_with(service)).map(|(_, one)| one.calls).sum::<u64>()
        };
        per_target(both.iter().map(|counts| number(calls(counts))).sum())
    };
    // Per target: its share of the request that accepts, a tenth of a batch.
    let runs = way.requests + 0.1;
    let gigabyte_seconds = assumed::PUBLISH_SECONDS * 0.125 + assumed::BATCH_SECONDS / 10.0 * 0.25;
    let logs = logged(way.log) + logged(counted.consumer_log) + runs * assumed::PLATFORM_LOG;
    let lines = [
        ("API Gateway: requests (by design, not counted)", way.requests * price::API_REQUEST),
        ("DynamoDB writes (counted)", sum(Counts::write_units) * price::WRITE_UNIT),
        ("DynamoDB reads (counted)", sum(Counts::read_units) * price::READ_UNIT),
        ("SQS requests (counted; receive and delete are Lambda's)", of_service("SQS.") * price::SQS_REQUEST),
        ("SQS fair queue, one message each (by design, not counted)", price::SQS_FAIR),
        ("KMS (counted, warm)", of_service("KMS.") * price::KMS_REQUEST),
        ("KMS, 1 % of targets find no cached key (assumed)", assumed::KEY_MISSES * price::KMS_REQUEST),
        ("Secrets Manager (counted, warm)", of_service("SecretsManager.") * price::SECRET_REQUEST),
        ("Lambda requests: accepting and 0.1", runs * price::LAMBDA_REQUEST),
        ("Lambda time: 10 ms at 128 MB, 1.2 s/10 at 256 MB (assumed)", gigabyte_seconds * price::LAMBDA_GB_SECOND),
        ("Logs: functions (counted) + 26 B/line + 300 B/run (assumed)", logs * price::LOG_BYTE),
        ("Egress: 2 kB to the platform (assumed)", assumed::EGRESS * price::EGRESS_BYTE),
    ];
    let mut all = 0.0;
    for (what, dollars) in lines {
        all += dollars;
        report.number(way.money, what, (dollars, "USD"), None);
    }
    report.number(way.money, "SUM of what every publish needs", (all, "USD"), Some(way.limit));
    let beyond = [
        ("API access log: 450 B a request (assumed)", way.requests * assumed::ACCESS_LOG * price::LOG_BYTE),
        ("X-Ray: 5 % of the invocations (assumed)", assumed::TRACED * runs * price::TRACE),
    ];
    for (what, dollars) in beyond {
        all += dollars;
        report.number(way.money, what, (dollars, "USD"), None);
    }
    report.number(way.money, "SUM with what the template switches on besides", (all, "USD"), Some(way.limit));
}

fn per_target(count: f64) -> f64 {
    count / f64::from(POSTS)
}

/// Every operation that was called, per post.
fn calls(per: &str, counts: &Counts, report: &mut Report) {
    for (name, count) in counts.iter() {
        let calls = number(count.calls) / f64::from(POSTS);
        report.number(SECTION, format!("{name} per {per}"), (calls, "calls"), None);
    }
    let posts = f64::from(POSTS);
    report.number(SECTION, format!("DynamoDB write units per {per}"), (counts.write_units() / posts, "WRU"), None);
    report.number(SECTION, format!("DynamoDB read units per {per}"), (counts.read_units() / posts, "RRU"), None);
}

/// Counts here stay far below the limit of `u32`.
fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn bytes(log: Logged) -> f64 {
    number(u64::try_from(log.bytes).unwrap_or(u64::MAX))
}
