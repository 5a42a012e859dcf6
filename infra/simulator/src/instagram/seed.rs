//! The world at the beginning: two people, their Pages, the accounts behind these and beside them.

use super::world::{Account, Page, Person, World};

/// Ada Example: the first person of Facebook's login page.
pub const ADA: &str = "10000000000000071";
/// Grace Example: another person, with one account.
pub const GRACE: &str = "10000000000000072";
/// The bakery's account: business, linked to a Page where Ada may do everything.
pub const BAKERY: &str = "17841400000000101";
/// The café's account: linked to a Page where Ada may not create content.
pub const CAFE: &str = "17841400000000102";
/// A creator's account without any Page: reached by Instagram Login only.
pub const CREATOR: &str = "17841400000000103";
/// A personal account: nobody may publish to it.
pub const PERSONAL: &str = "17841400000000104";
/// The garden's account: Grace's.
pub const GARDEN: &str = "17841400000000201";
/// How Instagram Login names the bakery in paths.
pub const BAKERY_SCOPED: &str = "27841400000000101";
/// How Instagram Login names the creator in paths.
pub const CREATOR_SCOPED: &str = "27841400000000103";
/// The bakery's Page.
pub const BAKERY_PAGE: &str = "100000000000171";
/// The café's Page.
pub const CAFE_PAGE: &str = "100000000000172";
/// A Page without an account.
pub const UNLINKED_PAGE: &str = "100000000000173";
/// The garden's Page.
pub const GARDEN_PAGE: &str = "100000000000271";

/// Fills an empty world.
pub(crate) fn fill(world: &mut World) {
    let accounts = [
        (BAKERY, BAKERY_SCOPED, "examplebakery", "Example Bakery", "BUSINESS", 1_200),
        (CAFE, "27841400000000102", "examplecafe", "Example Café Zürich", "BUSINESS", 640),
        (CREATOR, CREATOR_SCOPED, "examplecreator", "Example Creator 🧿", "MEDIA_CREATOR", 90),
        (PERSONAL, "27841400000000104", "ada.private", "Ada", "PERSONAL", 12),
        (GARDEN, "27841400000000201", "examplegarden", "Example Garden", "BUSINESS", 150),
    ];
    for (id, scoped_id, username, name, kind, followers) in accounts {
        let (made, published, calls) = (Vec::new(), Vec::new(), Vec::new());
        let account = Account { id, scoped_id, username, name, kind, followers, made, published, calls };
        world.accounts.insert(id, account);
    }
    let pages = [
        (BAKERY_PAGE, "Example Bakery", Some(BAKERY)),
        (CAFE_PAGE, "Example Café Zürich", Some(CAFE)),
        (UNLINKED_PAGE, "Example Unlinked", None),
        (GARDEN_PAGE, "Example Garden", Some(GARDEN)),
    ];
    for (id, name, account) in pages {
        world.pages.insert(id, Page { id, name, account });
    }
    let all = || vec!["MANAGE", "CREATE_CONTENT", "MODERATE", "ADVERTISE", "ANALYZE"];
    let ada = [(BAKERY_PAGE, all()), (CAFE_PAGE, vec!["ADVERTISE", "ANALYZE"]), (UNLINKED_PAGE, all())];
    world.people.insert(ADA, Person { id: ADA, name: "Ada Example", roles: ada.into() });
    world.people.insert(GRACE, Person { id: GRACE, name: "Grace Example", roles: [(GARDEN_PAGE, all())].into() });
}
