//! The world at the beginning: two people, their Pages, a post that somebody wrote by hand.

use super::world::{Business, Page, Post, User, Visibility, World};
use jiff::{SignedDuration, Timestamp};

/// Ada Example: the first person of the login page.
pub const ADA: &str = "10000000000000001";
/// Grace Example: another person with other Pages.
pub const GRACE: &str = "10000000000000002";
/// Example Bakery: Ada may do everything here.
pub const BAKERY: &str = "100000000000101";
/// Example Café Zürich: Ada may not create content here.
pub const CAFE: &str = "100000000000102";
/// Example Oddities: few fans, no username, no insights, listings that begin with an empty page.
pub const ODDITIES: &str = "100000000000103";
/// Example Bookshop: Ada and Grace share it.
pub const BOOKSHOP: &str = "100000000000104";
/// Example Franchise: Ada's through [`HOLDING`] only.
pub const FRANCHISE: &str = "100000000000105";
/// Example Holding: a business portfolio that owns a Page.
pub const HOLDING: &str = "200000000000001";
/// Example Garden: Grace's.
pub const GARDEN: &str = "100000000000201";
/// Example Hardware: Grace's.
pub const HARDWARE: &str = "100000000000202";

const ALL_TASKS: [&str; 6] =
    ["PROFILE_PLUS_FULL_CONTROL", "MANAGE", "CREATE_CONTENT", "MODERATE", "ADVERTISE", "ANALYZE"];
const NO_CONTENT: [&str; 2] = ["ADVERTISE", "ANALYZE"];
const NO_INSIGHTS: [&str; 2] = ["CREATE_CONTENT", "MODERATE"];

/// Tasks per Page.
type Roles = &'static [(&'static str, &'static [&'static str])];

/// Fills an empty world.
pub(crate) fn fill(world: &mut World, now: Timestamp) {
    let pages = [
        (BAKERY, "Example Bakery", Some("examplebakery"), "Bakery", 1200),
        (CAFE, "Example Café Zürich", Some("examplecafe"), "Cafe", 640),
        (ODDITIES, "Example Oddities 🧿", None, "Shopping & Retail", 12),
        (BOOKSHOP, "Example Bookshop", Some("examplebookshop"), "Bookstore", 310),
        (FRANCHISE, "Example Franchise", None, "Bakery", 220),
        (GARDEN, "Example Garden", Some("examplegarden"), "Nursery & Gardening Store", 150),
        (HARDWARE, "Example Hardware", None, "Hardware Store", 101),
    ];
    for (id, name, username, category, fans) in pages {
        let page = Page {
            id: id.to_owned(),
            name: name.to_owned(),
            username,
            category,
            fans,
            lists_oddly: id == ODDITIES,
            subscribed: None,
        };
        world.pages.insert(page.id.clone(), page);
    }
    let people: [(&str, &str, Roles); 2] = [
        (
            ADA,
            "Ada Example",
            &[
                (BAKERY, &ALL_TASKS),
                (CAFE, &NO_CONTENT),
                (ODDITIES, &NO_INSIGHTS),
                (BOOKSHOP, &ALL_TASKS),
                (FRANCHISE, &ALL_TASKS),
            ],
        ),
        (GRACE, "Grace Example", &[(GARDEN, &ALL_TASKS), (HARDWARE, &ALL_TASKS), (BOOKSHOP, &ALL_TASKS)]),
    ];
    for (id, name, roles) in people {
        let roles = roles.iter().map(|(page, tasks)| ((*page).to_owned(), tasks.to_vec())).collect();
        world.users.insert(id.to_owned(), User { id: id.to_owned(), name: name.to_owned(), roles });
    }
    let holding = Business {
        id: HOLDING.to_owned(),
        name: "Example Holding".to_owned(),
        user: ADA.to_owned(),
        owned: vec![FRANCHISE.to_owned()],
        client: Vec::new(),
    };
    world.businesses.insert(holding.id.clone(), holding);
    write_by_hand(world, BAKERY, "We open at seven tomorrow.", now);
}

/// A post that a person made on the Page itself: no application is named.
pub(crate) fn write_by_hand(world: &mut World, page: &str, message: &str, now: Timestamp) -> String {
    let number = world.ids.object();
    let yesterday = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    let post = Post {
        id: format!("{page}_{}", 555_000_000_000 + number),
        page: page.to_owned(),
        message: Some(message.to_owned()),
        link: None,
        photos: Vec::new(),
        video: None,
        place: None,
        created: yesterday,
        recorded: yesterday,
        updated: yesterday,
        visibility: Visibility::Published,
        by_app: false,
        hidden: false,
        pinned: false,
        number,
    };
    let id = post.id.clone();
    world.posts.insert(id.clone(), post);
    id
}
