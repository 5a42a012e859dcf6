//! Everything that can be known to be wrong with a post before it is accepted, all of it at once (F12).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{NewPost, NewTarget, Publisher, unavailable};
use crate::{
    connectors::Connectors,
    content::Content,
    http::MAX_BODY,
    ids::ConnectionId,
    media::Uploads,
    post::{MAX_TARGETS, Planned, TargetSpec},
    problem::{Code, Fault, Problem},
    schedule::{self, Schedule},
    store::{Connection, ConnectionState, SavedDestination, Store},
    tenant::Tenant,
};

/// A post that keeps every rule we know of.
#[derive(Debug)]
pub(super) struct Validated {
    pub(super) content: Content,
    pub(super) targets: Vec<TargetSpec>,
    pub(super) planned: Option<Planned>,
    pub(super) not_after: Option<Timestamp>,
}

/// The connections that targets name, as far as they exist.
pub(super) type Connections = BTreeMap<ConnectionId, Connection>;

/// What a post is checked against.
pub(super) struct Known<'a> {
    pub(super) connections: &'a Connections,
    pub(super) uploads: &'a Uploads,
    pub(super) connectors: &'a Connectors,
}

impl Publisher {
    /// Checks a post; the inner error holds everything that is wrong with it.
    pub(super) async fn check(
        &self,
        tenant: Tenant,
        wanted: &NewPost,
        now: Timestamp,
    ) -> Result<Result<Validated, Vec<Fault>>, Problem> {
        let named = if has_a_count_that_is_allowed(wanted) { wanted.targets.as_slice() } else { &[] };
        let connections = connections(&self.store, tenant, named.iter().map(|target| target.connection).collect());
        let connections = connections.await?;
        let uploads = self.media.find(tenant, contents(wanted), now).await?;
        let known = Known { connections: &connections, uploads: &uploads, connectors: &self.connectors };
        Ok(check_against(&known, wanted, now))
    }
}

/// Everything that a post says; nothing if it is refused for its number of targets.
pub(super) fn contents(wanted: &NewPost) -> impl Iterator<Item = &Content> {
    let named = if has_a_count_that_is_allowed(wanted) { wanted.targets.as_slice() } else { &[] };
    let base = (!named.is_empty()).then_some(&wanted.content);
    base.into_iter().chain(named.iter().filter_map(|target| target.content.as_ref()))
}

/// Refuses a post that is larger than one may be, as it would be written alone: in bulk its text is not counted by itself,
/// and addresses may have grown when they were read.
pub(super) fn size(wanted: &NewPost) -> Result<(), Problem> {
    let size = serde_json::to_vec(wanted).map_or(0, |bytes| bytes.len());
    if size > MAX_BODY {
        let text = format!("The post would have {size} bytes; at most {MAX_BODY} are taken.");
        return Err(Problem::new(Code::BodyTooLarge, text));
    }
    Ok(())
}

/// Reads every connection once, however often it is named. What a deleted tenant wants is refused.
pub(super) async fn connections(
    store: &Store,
    tenant: Tenant,
    named: BTreeSet<ConnectionId>,
) -> Result<Connections, Problem> {
    if named.is_empty() {
        return Ok(Connections::new());
    }
    let found = store.connections_of_post(tenant, named.into_iter()).await.map_err(unavailable)?;
    let found = found.ok_or_else(Problem::tenant_deleted)?;
    Ok(found.into_iter().map(|connection| (connection.id, connection)).collect())
}

pub(super) fn has_a_count_that_is_allowed(wanted: &NewPost) -> bool {
    (1..=MAX_TARGETS).contains(&wanted.targets.len())
}

/// Checks a post for which everything was read; the error holds everything that is wrong with it.
pub(super) fn check_against(known: &Known<'_>, wanted: &NewPost, now: Timestamp) -> Result<Validated, Vec<Fault>> {
    let mut faults = Vec::new();
    let planned = schedule(wanted.schedule.as_ref(), now, &mut faults);
    let not_after =
        not_after(wanted.not_after.as_deref(), planned.as_ref().map_or(now, |planned| planned.at), &mut faults);
    if !has_a_count_that_is_allowed(wanted) {
        faults.push(Fault::new("/targets", "targets.count", format!("A post has 1 to {MAX_TARGETS} targets.")));
        return Err(faults);
    }
    let mut targets = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, target) in wanted.targets.iter().enumerate() {
        let before = faults.len();
        let spec = one_target(index, target, known.connections, &mut faults);
        let Some(spec) = spec else { continue };
        if !seen.insert((spec.connection, spec.destination.clone())) {
            let text = "Another target of this post goes to the same destination.";
            faults.push(Fault::new(format!("/targets/{index}"), "target.repeated", text));
        }
        let goes_out = planned.as_ref().map_or(now, |planned| planned.at);
        content_rules(known, wanted, (index, &spec), (goes_out, now), &mut faults);
        if faults.len() == before {
            targets.push(spec);
        }
    }
    // The same content breaks the same rule once, however many targets share it.
    let mut told = BTreeSet::new();
    faults.retain(|fault| told.insert((fault.pointer.clone(), fault.code.clone())));
    if faults.is_empty() {
        Ok(Validated { content: wanted.content.clone(), targets, planned, not_after })
    } else {
        Err(faults)
    }
}

fn schedule(schedule: Option<&Schedule>, now: Timestamp, faults: &mut Vec<Fault>) -> Option<Planned> {
    let schedule = schedule?;
    match schedule.resolve(now) {
        Ok(at) => Some(Planned { schedule: schedule.clone(), at: to_the_millisecond(at) }),
        Err(error) => {
            let pointer = format!("/schedule{}", error.pointer(schedule));
            faults.push(Fault::new(pointer, error.code(), format!("The time is {error}.")));
            None
        }
    }
}

fn not_after(text: Option<&str>, goes_out: Timestamp, faults: &mut Vec<Fault>) -> Option<Timestamp> {
    let pointer = "/not_after";
    match schedule::instant(text?).map(to_the_millisecond) {
        Ok(at) if at > goes_out => Some(at),
        Ok(_) => {
            faults.push(Fault::new(pointer, "not_after.too_early", "It must lie after the time of the post."));
            None
        }
        Err(_) => {
            let text = "Write a time with an offset, such as 2026-12-24T18:00:00+01:00.";
            faults.push(Fault::new(pointer, "not_after.not_an_instant", text));
            None
        }
    }
}

/// What the store keeps of a time: the first answer shows it as every later one does.
fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn one_target(
    index: usize,
    target: &NewTarget,
    connections: &Connections,
    faults: &mut Vec<Fault>,
) -> Option<TargetSpec> {
    let pointer = |field: &str| format!("/targets/{index}/{field}");
    let Some(connection) = connections.get(&target.connection) else {
        faults.push(Fault::new(pointer("connection"), "connection.unknown", "No such connection."));
        return None;
    };
    if connection.state == ConnectionState::Disconnected {
        let text = "This connection was given up: connect the account again.";
        faults.push(Fault::new(pointer("connection"), "connection.disconnected", text));
        return None;
    }
    let destination = match choose(target.destination.as_deref(), &connection.destinations) {
        Ok(destination) => destination,
        Err((code, text)) => {
            faults.push(Fault::new(pointer("destination"), code, text));
            return None;
        }
    };
    if let Some(refusal) = &destination.refusal {
        faults.push(Fault::new(pointer("destination"), refusal.code.clone(), refusal.message.clone()));
        return None;
    }
    Some(TargetSpec {
        platform: connection.platform,
        connection: connection.id,
        destination: destination.id.clone(),
        content: target.content.clone(),
        app: connection.app,
        options: target.options.clone(),
    })
}

fn choose<'a>(
    wanted: Option<&str>,
    destinations: &'a [SavedDestination],
) -> Result<&'a SavedDestination, (&'static str, &'static str)> {
    match (wanted, destinations) {
        (Some(id), all) => all
            .iter()
            .find(|destination| destination.id == id)
            .ok_or(("destination.unknown", "The connection has no such destination.")),
        (None, [only]) => Ok(only),
        (None, []) => Err(("destination.none", "The connection has no destination to publish to.")),
        (None, _) => Err(("destination.required", "The connection has several destinations: name one.")),
    }
}

fn content_rules(
    known: &Known<'_>,
    wanted: &NewPost,
    (index, spec): (usize, &TargetSpec),
    (goes_out, now): (Timestamp, Timestamp),
    faults: &mut Vec<Fault>,
) {
    let (base, content) = match &spec.content {
        Some(own) => (format!("/targets/{index}/content"), own),
        None => ("/content".to_owned(), &wanted.content),
    };
    let of_uploads = known.uploads.faults(content, goes_out, now).into_iter();
    faults.extend(of_uploads.map(|fault| Fault { pointer: format!("{base}{}", fault.pointer), ..fault }));
    let content = known.uploads.with_facts(content);
    for finding in known.connectors.preflight(spec.platform, &content, spec.options.as_ref()) {
        let of_options = finding.pointer.split('/').nth(1) == Some("options");
        let base = if of_options { format!("/targets/{index}") } else { base.clone() };
        faults.push(Fault::new(format!("{base}{}", finding.pointer), finding.rule, finding.message));
    }
}
