//! What a run has shown, once it is at rest.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    aws::{number, text},
    callers::{Accepted, Edited},
    cloud::Cloud,
    oracle::{Decisions, Settled},
    people::Doubt,
    run::Outcome,
    scenario::Scenario,
    tenants::Tenants,
    watch::Spot,
};

/// How often a target may be claimed before anybody sends it back to work: four attempts, claims whose holders died, and looks
/// at what a platform is processing.
const MOST_CLAIMS: i64 = 25;

/// A target's row with what it stands for.
struct Row {
    settled: Settled,
    post: String,
    stored: Value,
}

/// The targets of accepted posts that have not ended.
#[must_use]
pub fn open_targets(cloud: &Cloud, scenario: &Scenario, tenants: &Arc<Tenants>, accepted: &[Accepted]) -> Vec<String> {
    let rows = rows(cloud, scenario, tenants, accepted);
    let mut open = Vec::new();
    for post in accepted {
        let Some(wish) = scenario.wishes.get(post.wish) else { continue };
        let ended = rows.iter().filter(|row| row.post == post.id && ended(&row.settled.state)).count();
        if ended < wish.ways.len() {
            let states: Vec<&str> =
                rows.iter().filter(|row| row.post == post.id).map(|row| row.settled.state.as_str()).collect();
            open.push(format!("{} {:?} {states:?}", post.id, wish.text));
        }
    }
    open
}

fn ended(state: &str) -> bool {
    matches!(state, "published" | "failed" | "expired" | "cancelled" | "needs_review")
}

fn rows(cloud: &Cloud, scenario: &Scenario, tenants: &Arc<Tenants>, accepted: &[Accepted]) -> Vec<Row> {
    let posts: BTreeMap<&str, &Accepted> = accepted.iter().map(|post| (post.id.as_str(), post)).collect();
    let row = |row: Value| {
        let post = text(&row, "post")?.to_owned();
        let accepted = posts.get(post.as_str())?;
        let wish = scenario.wishes.get(accepted.wish)?;
        let _member = tenants.members.get(&wish.tenant)?;
        let edit = wish.edit.as_ref().filter(|_| accepted.edited == Edited::Surely);
        let words = edit.map_or(&wish.text, |edit| &edit.text);
        let settled = Settled {
            mark: (text(&row, "destination")?.to_owned(), words.clone()),
            state: text(&row, "state")?.to_owned(),
            remote_id: text(&row, "remote_id").map(str::to_owned),
            by_person: false,
            has_twin: wish.twin,
        };
        Some(Row { settled, post, stored: row })
    };
    let targets = cloud.aws.state().into_iter().filter(|(key, _)| key.0.contains("#DAY#"));
    targets.filter_map(|(_, value)| row(value)).collect()
}

/// The targets that wait for a person's word.
#[must_use]
pub fn doubts(cloud: &Cloud, accepted: &[Accepted]) -> Vec<Doubt> {
    let posts: BTreeMap<&str, usize> = accepted.iter().map(|post| (post.id.as_str(), post.wish)).collect();
    let doubt = |row: &Value| {
        let wish = *posts.get(text(row, "post")?)?;
        let open = text(row, "state")? == "needs_review";
        let field = |name: &str| text(row, name).map(str::to_owned);
        let (post, target, place) = (field("post")?, field("target")?, field("destination")?);
        open.then_some(Doubt { wish, post, target, place })
    };
    let targets = cloud.aws.state().into_iter().filter(|(key, _)| key.0.contains("#DAY#"));
    targets.filter_map(|(_, row)| doubt(&row)).collect()
}

/// Whether each post is out once at each place, whatever it says by now.
fn count_edited(cloud: &Cloud, scenario: &Scenario) {
    let publications = cloud.oracle.publications();
    for wish in scenario.wishes.iter().filter(|wish| wish.edit.is_some() && !wish.twin) {
        let ours = publications.iter().filter(|publication| wish.texts().any(|text| text == publication.text));
        let mut places = BTreeMap::<&str, usize>::new();
        for publication in ours {
            *places.entry(&publication.destination).or_default() += 1;
        }
        if places.values().any(|count| *count > 1) {
            cloud.oracle.violated("I1", &format!("{:?} is out before and after its edit", wish.text));
        }
    }
}

/// Judges a run.
pub async fn of(cloud: &Cloud, scenario: &Scenario, tenants: &Arc<Tenants>, accepted: &[Accepted]) -> Outcome {
    let rows = rows(cloud, scenario, tenants, accepted);
    let targets: Vec<Settled> = rows.iter().map(|row| row.settled.clone()).collect();
    cloud.oracle.settled(&targets);
    count_edited(cloud, scenario);
    let Decisions { redriven, resolved, .. } = cloud.oracle.decisions();
    let most = MOST_CLAIMS + 10 * i64::try_from(redriven + resolved).unwrap_or(0);
    for row in &rows {
        if number(&row.stored, "attempts").is_some_and(|attempts| attempts > most) {
            cloud.oracle.violated("I10", &format!("{:?} was attempted too often", row.settled.mark));
        }
    }
    look_at_what_is_left(cloud).await;
    let mut states = BTreeMap::new();
    for target in &targets {
        *states.entry(target.state.clone()).or_default() += 1;
    }
    let (faults, mishaps) = cloud.plane.tally();
    Outcome {
        violations: cloud.oracle.violations(),
        trace: cloud.plane.trace(),
        lines: cloud.plane.lines(),
        places: cloud.plane.places(),
        faults,
        mishaps,
        accepted: accepted.len() as u64,
        states,
        publications: cloud.oracle.publications().len() as u64,
        unknowns: cloud.oracle.unknowns(),
        decisions: cloud.oracle.decisions(),
        looked: cloud.watch.looked(),
        used: cloud.watch.used(),
        virtual_time: Duration::try_from(cloud.time.elapsed()).unwrap_or_default(),
    }
}

/// What stands at the end of a run: in both tables, and in both queues.
async fn look_at_what_is_left(cloud: &Cloud) {
    for table in ["State", "Vault"] {
        let rows = cloud.aws.call("DynamoDB_20120810.Scan", &json!({ "TableName": table })).await;
        cloud.watch.look(Spot::Aws, table, rows.to_string().as_bytes());
    }
    for message in cloud.aws.messages() {
        cloud.watch.look(Spot::Aws, "a message", message.as_bytes());
    }
}
