//! The APIs of Google Business Profile.

use http::Method;

use super::{Folder, Specified, discovery, judge::Uncovered};

const DOCUMENTS: [&str; 2] =
    ["google/mybusinessaccountmanagement__v1.json", "google/mybusinessbusinessinformation__v1.json"];

pub(super) fn business_profile(folder: &Folder) -> Specified {
    let mut posts = folder.read("google/mybusiness_v4_localposts_media.trimmed.json");
    // Google's own document of the posts is older than its pages about them.
    discovery::extend(&mut posts, &folder.read("google/localpost-2026-addendum.derived.json"));
    let mut operations = discovery::operations(&posts);
    operations.extend(DOCUMENTS.iter().flat_map(|name| discovery::operations(&folder.read(name))));
    let tokens = |path| Uncovered {
        method: Method::POST,
        host: "oauth2.googleapis.com",
        path,
        reason: "Google has no discovery document of its token endpoint",
    };
    Specified { operations, differences: Vec::new(), uncovered: vec![tokens("/token"), tokens("/revoke")] }
}
