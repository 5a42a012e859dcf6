//! The world at the beginning: three people in two accounts, their audiences, a campaign that somebody wrote by hand.

use super::world::{Account, Audience, Campaign, Content, Person, Status, World};
use jiff::Timestamp;
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// Ada Example: the owner of Example Bakery's account.
pub const ADA: &str = "10000001";
/// Grace Example: a manager of Example Garden's account, whose plan allows to stop campaigns.
pub const GRACE: &str = "10000002";
/// Vic Example: may look at Example Bakery's account, and nothing else.
pub const VIC: &str = "10000003";
/// The bakery's newsletter: 120 members, two segments.
pub const NEWSLETTER: &str = "a6b5da1054";
/// The bakery's audience that has no members: nothing can be sent to it.
pub const NOBODY: &str = "b7c6eb2165";
/// The bakery's audience whose sender's domain is not verified.
pub const UNVERIFIED: &str = "c8d7fc3276";
/// The garden's audience.
pub const GARDENERS: &str = "d9e80d4387";
/// A segment of [`NEWSLETTER`] with 40 members.
pub const REGULARS: u64 = 501;
/// A segment of [`NEWSLETTER`] with none.
pub const STRANGERS: u64 = 502;
/// A template of the bakery, with the areas `body` and `footer`.
pub const TEMPLATE: u64 = 17;
/// The data centre of the bakery's account.
pub const DATA_CENTRE: &str = "us6";

const BAKERY: &str = "8d3a3db4d97663a9074efcc16";
const GARDEN: &str = "9e4b4ec5e08774ba185f0dd27";

/// Fills an empty world.
pub(crate) fn fill(world: &mut World, now: Timestamp) {
    let account = |id, name, data_centre: &str, is_premium, domain| Account {
        id,
        name,
        data_centre: data_centre.to_owned(),
        is_premium,
        verified_domains: vec![domain],
        templates: BTreeMap::from([(TEMPLATE, vec!["body", "footer"])]),
    };
    for account in [
        account(BAKERY, "Example Bakery", DATA_CENTRE, false, "bakery.example.com"),
        account(GARDEN, "Example Garden", "us21", true, "garden.example.com"),
    ] {
        world.accounts.insert(account.id, account);
    }
    for (id, name, email, account, role) in [
        (ADA, "Ada Example", "ada@bakery.example.com", BAKERY, "owner"),
        (GRACE, "Grace Example", "grace@garden.example.com", GARDEN, "manager"),
        (VIC, "Vic Example", "vic@bakery.example.com", BAKERY, "viewer"),
    ] {
        let person = Person { id, name, email, account, role: role.to_owned(), is_disabled: false };
        world.people.insert(id, person);
    }
    let audience = |id, web_id, account, name, members, from_email| Audience {
        id,
        web_id,
        account,
        name,
        members,
        from_name: "Example Bakery",
        from_email,
        segments: BTreeMap::new(),
    };
    let newsletter = audience(NEWSLETTER, 1001, BAKERY, "Bakery newsletter", 120, "news@bakery.example.com");
    let gardeners = audience(GARDENERS, 2001, GARDEN, "Gardeners", 60, "news@garden.example.com");
    for audience in [
        Audience { segments: BTreeMap::from([(REGULARS, 40), (STRANGERS, 0)]), ..newsletter },
        audience(NOBODY, 1002, BAKERY, "Nobody yet", 0, "news@bakery.example.com"),
        audience(UNVERIFIED, 1003, BAKERY, "Old newsletter", 30, "news@elsewhere.example.com"),
        Audience { from_name: "Example Garden", ..gardeners },
    ] {
        world.audiences.insert(audience.id, audience);
    }
    write_by_hand(world, NEWSLETTER, "We open at seven tomorrow", Status::Sent(now), now);
}

/// A campaign that a person made at Mailchimp.
pub(crate) fn write_by_hand(world: &mut World, list: &str, subject: &str, status: Status, now: Timestamp) -> String {
    let id = world.new_id();
    let count = world.audiences.get(list).map_or(0, |audience| audience.members);
    let settings = Map::from_iter([
        ("subject_line".to_owned(), json!(subject)),
        ("title".to_owned(), json!(subject)),
        ("from_name".to_owned(), json!("Example Bakery")),
        ("reply_to".to_owned(), json!("news@bakery.example.com")),
    ]);
    let campaign = Campaign {
        id: id.clone(),
        web_id: world.ids.object(),
        kind: "regular".to_owned(),
        list: Some(list.to_owned()),
        recipients: json!({ "list_id": list }),
        settings,
        tracking: json!({}),
        variate_settings: None,
        content: Some(Content { html: Some(format!("<p>{subject}</p>")), plain_text: None, template: None }),
        status,
        created: now,
        recipient_count: count,
        emails_sent: if matches!(status, Status::Sent(_)) { count } else { 0 },
        tests: Vec::new(),
        by_api: false,
    };
    world.campaigns.insert(id.clone(), campaign);
    id
}
