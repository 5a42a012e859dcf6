//! The world at the beginning: three accounts, each with a video that a person made in the app.

use super::world::{Account, Video, World};
use jiff::Timestamp;

/// Example Bakery: a public account. Its id begins with a dash, as real ones may.
pub const BAKERY: &str = "-000BakeryOpenId";
/// Example Garden: a private account.
pub const GARDEN: &str = "_000GardenOpenId";
/// Example Studio: a public account that has switched comments, duets and stitches off.
pub const STUDIO: &str = "aaaStudioOpenId0";

/// Fills an empty world.
pub(crate) fn fill(world: &mut World, now: Timestamp) {
    let bakery = Account {
        open_id: BAKERY,
        union_id: "union-bakery",
        username: "example.bakery",
        display_name: "Example Bakery",
        is_private: false,
        is_banned: false,
        comment_disabled: false,
        duet_disabled: false,
        stitch_disabled: false,
        max_seconds: 300,
    };
    let garden = Account {
        open_id: GARDEN,
        union_id: "union-garden",
        username: "example.garden",
        display_name: "Example Garden",
        is_private: true,
        ..bakery.clone()
    };
    let studio = Account {
        open_id: STUDIO,
        union_id: "union-studio",
        username: "example.studio",
        display_name: "Example Studio",
        comment_disabled: true,
        duet_disabled: true,
        stitch_disabled: true,
        ..bakery.clone()
    };
    for account in [bakery, garden, studio] {
        world.accounts.insert(account.open_id, account);
    }
    for open_id in [BAKERY, GARDEN, STUDIO] {
        write_by_hand(world, open_id, "We open at seven tomorrow", now);
    }
}

/// A video that a person posted in the app, at once for everyone to see.
pub(crate) fn write_by_hand(world: &mut World, open_id: &str, text: &str, now: Timestamp) -> String {
    let id = world.new_video_id();
    world.videos.push(Video {
        id: id.clone(),
        open_id: open_id.to_owned(),
        text: text.to_owned(),
        privacy: "PUBLIC_TO_EVERYONE".to_owned(),
        is_photo: false,
        created: now,
        public_at: Some(now),
        is_told: true,
        publish_id: None,
    });
    id
}
