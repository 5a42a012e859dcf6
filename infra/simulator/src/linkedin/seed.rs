//! The world at the beginning.

use super::world::{Member, Organization, Role, World};

/// Ann Example: administers the bakery, and may only look at the garden's figures.
pub const ANN: &str = "782bbtaQ";
/// Bob Example: has no role anywhere.
pub const BOB: &str = "9xKfb-2_";
/// Example Bakery.
pub const BAKERY: &str = "urn:li:organization:2414183";
/// Example Garden.
pub const GARDEN: &str = "urn:li:organization:2414184";

pub(crate) fn fill(world: &mut World) {
    world.members = vec![Member { id: ANN, name: "Ann Example" }, Member { id: BOB, name: "Bob Example" }];
    world.organizations = vec![
        Organization { urn: BAKERY, name: "Example Bakery", vanity: "example-bakery" },
        Organization { urn: GARDEN, name: "Example Garden", vanity: "example-garden" },
    ];
    world.roles = vec![
        Role { organization: BAKERY, member: ANN, name: "ADMINISTRATOR".to_owned() },
        Role { organization: GARDEN, member: ANN, name: "ANALYST".to_owned() },
    ];
}
