//! The world at the beginning: two people, their accounts and locations.

use super::world::{Account, Location, Person, World};

/// Ada owns the bakery and manages the chain.
pub const ADA: &str = "117000000000000000001";
/// Grace owns the bookshop.
pub const GRACE: &str = "117000000000000000002";

/// Ada's own account.
pub const ADA_ACCOUNT: &str = "111000000000000000001";
/// The group that Ada manages.
pub const CHAIN_ACCOUNT: &str = "111000000000000000002";
/// Grace's own account.
pub const GRACE_ACCOUNT: &str = "111000000000000000003";

/// Ada's bakery; the chain's group reaches it as well.
pub const BAKERY: &str = "accounts/111000000000000000001/locations/9007199254740993";
/// A shop of the chain.
pub const CAFE: &str = "accounts/111000000000000000002/locations/9007199254740995";
/// A shop of the chain that is not verified.
pub const KIOSK: &str = "accounts/111000000000000000002/locations/9007199254740997";
/// Grace's bookshop.
pub const BOOKSHOP: &str = "accounts/111000000000000000003/locations/9007199254740999";

pub(crate) fn fill(world: &mut World) {
    world.people = [
        Person { id: ADA, name: "Ada Example", email: "ada@example.com", accounts: vec![CHAIN_ACCOUNT, ADA_ACCOUNT] },
        Person { id: GRACE, name: "Grace Example", email: "grace@example.com", accounts: vec![GRACE_ACCOUNT] },
    ]
    .into_iter()
    .map(|person| (person.id, person))
    .collect();
    let (bakery, cafe, kiosk, bookshop) =
        ("9007199254740993", "9007199254740995", "9007199254740997", "9007199254740999");
    world.accounts = [
        (ADA_ACCOUNT, "Ada Example", "PERSONAL", vec![bakery]),
        (CHAIN_ACCOUNT, "Example chain", "LOCATION_GROUP", vec![bakery, cafe, kiosk]),
        (GRACE_ACCOUNT, "Grace Example", "PERSONAL", vec![bookshop]),
    ]
    .into_iter()
    .map(|(id, name, kind, locations)| (id, Account { id, name, kind, locations }))
    .collect();
    world.locations = [
        (bakery, "Bakery", "Berlin", true),
        (cafe, "Café", "Berlin", true),
        (kiosk, "Kiosk", "Hamburg", false),
        (bookshop, "Bookshop", "London", true),
    ]
    .into_iter()
    .map(|(id, title, locality, has_voice)| (id, Location { id, title, locality, has_voice }))
    .collect();
}
