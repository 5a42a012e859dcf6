//! Which nodes and edges of Meta's contract the calls to the Graph API are for, and where the contract ends.

use http::Method;
use serde_json::json;

use super::{
    Folder, Specified,
    judge::{Change, Difference, Uncovered},
    meta::Contract,
    operation::Operation,
};

const GRAPH: &str = "graph.facebook.com";
const CONTAINERS: &str = "/{version}/{account}/media";
const VIDEOS: &str = "graph-video.facebook.com";
const INSTAGRAM: &str = "graph.instagram.com";

fn read(folder: &Folder, host: &str, table: &[(&'static str, &str)]) -> (Contract, Vec<Operation>) {
    let enumerations = folder.read("meta/graph-v25-enum_types.trimmed.json");
    let contract = Contract::new(folder.read("meta/graph-v25-codegen.trimmed.json"), &enumerations);
    let operations = table.iter().flat_map(|(path, node)| contract.operations(host, path, node)).collect();
    (contract, operations)
}

fn get(host: &'static str, path: &'static str, reason: &'static str) -> Uncovered {
    Uncovered { method: Method::GET, host, path, reason }
}

/// The calls of Facebook Login.
fn login() -> [Uncovered; 2] {
    [
        get(GRAPH, "/{version}/oauth/access_token", "tokens are not in the contract of the nodes"),
        get(GRAPH, "/{version}/debug_token", "the inspection of tokens is not in the contract of the nodes"),
    ]
}

/// What a person may do at a Page is documented and sent, and missing among the fields of a Page.
fn tasks(contract: &Contract) -> Difference {
    let mut fields = contract.fields("Page");
    fields["items"]["enum"].as_array_mut().expect("a list of fields").push("tasks".into());
    Difference {
        method: Method::GET,
        path: "/{version}/me/accounts",
        change: Change::Parameter("fields", fields),
        reason: "`tasks` of a Page is documented and needed; the contract lacks it",
    }
}

/// What is published may say that it was made by a machine.
fn generated(path: &'static str) -> Difference {
    Difference {
        method: Method::POST,
        path,
        change: Change::Parameter("is_ai_generated", json!({ "type": "boolean" })),
        reason: "Meta added it with v26; the contract is of v25",
    }
}

pub(super) fn facebook(folder: &Folder) -> Specified {
    let table = [
        ("/{version}/me", "User"),
        ("/{version}/me/accounts", "User"),
        ("/{version}/{user}/permissions", "User"),
        ("/{version}/{page}/feed", "Page"),
        ("/{version}/{page}/photos", "Page"),
        ("/{version}/{page}/published_posts", "Page"),
        ("/{version}/{page}/video_reels", "Page"),
        ("/{version}/{post}", "PagePost"),
        ("/{version}/{video}", "AdVideo"),
        ("/{version}/{post}/insights", "PagePost"),
    ];
    let (contract, mut operations) = read(folder, GRAPH, &table);
    operations.extend(contract.operations(VIDEOS, "/{version}/{page}/videos", "Page"));
    let created = Difference {
        method: Method::POST,
        path: "/{version}/{page}/feed",
        change: Change::Parameter("fields", contract.fields("PagePost")),
        reason: "the contract says that a Page comes back; it is the post, whose fields may be asked for in the same call",
    };
    let bounded = |name: &'static str| Difference {
        method: Method::GET,
        path: "/{version}/{page}/published_posts",
        change: Change::Parameter(name, json!({ "type": "integer" })),
        reason: "any listing by time may be bounded in time; the contract says so of `feed`, and not of this edge",
    };
    let reels = Difference {
        method: Method::POST,
        path: "/{version}/{page}/video_reels",
        change: Change::Parameter("upload_phase", json!({ "enum": ["start", "finish"] })),
        reason: "the contract has the words in capitals; the documented calls have them in small letters, as those for videos",
    };
    let differences = vec![
        created,
        tasks(&contract),
        bounded("since"),
        bounded("until"),
        reels,
        generated("/{version}/{page}/videos"),
        generated("/{version}/{page}/video_reels"),
    ];
    let mut uncovered = Vec::from(login());
    uncovered.push(Uncovered {
        method: Method::POST,
        host: "rupload.facebook.com",
        path: "/video-upload/{version}/{video}",
        reason: "the host that takes the files of reels is in no contract",
    });
    Specified { operations, differences, uncovered }
}

pub(super) fn instagram_through_facebook(folder: &Folder) -> Specified {
    let table = [
        ("/{version}/me", "User"),
        ("/{version}/me/accounts", "User"),
        ("/{version}/{account}/content_publishing_limit", "IGUser"),
        ("/{version}/{account}/media", "IGUser"),
        ("/{version}/{account}/media_publish", "IGUser"),
        ("/{version}/{media}", "IGMedia"),
        ("/{version}/{container}", "ShadowIGMediaBuilder"),
        ("/{version}/{media}/insights", "IGMedia"),
    ];
    let (contract, operations) = read(folder, GRAPH, &table);
    let mut uncovered = Vec::from(login());
    uncovered.push(Uncovered {
        method: Method::DELETE,
        host: GRAPH,
        path: "/{version}/{user}/permissions/{permission}",
        reason: "the contract has a permission as a parameter of `permissions` alone; it is documented as a path as well",
    });
    Specified { operations, differences: vec![tasks(&contract), generated(CONTAINERS)], uncovered }
}

pub(super) fn instagram_through_instagram(folder: &Folder) -> Specified {
    let table = [
        ("/{version}/me", "IGUserForIGOnlyAPI"),
        ("/access_token", "IGAccessTokenForIGOnlyAPI"),
        ("/refresh_access_token", "IGRefreshAccessTokenForIGOnlyAPI"),
        ("/{version}/{account}/content_publishing_limit", "IGUserForIGOnlyAPI"),
        ("/{version}/{account}/media", "IGUserForIGOnlyAPI"),
        ("/{version}/{account}/mediapublish", "IGUserForIGOnlyAPI"),
        ("/{version}/{media}", "IGMediaForIGOnlyAPI"),
        ("/{version}/{container}", "ShadowIGMediaBuilder"),
        ("/{version}/{media}/insights", "IGMediaForIGOnlyAPI"),
    ];
    let publish = Difference {
        method: Method::POST,
        path: "/{version}/{account}/mediapublish",
        change: Change::Path("/{version}/{account}/media_publish"),
        reason: "the contract alone spells the edge without the underscore; the documented and live one has it",
    };
    let (_, operations) = read(folder, INSTAGRAM, &table);
    let exchange = Uncovered {
        method: Method::POST,
        host: "api.instagram.com",
        path: "/oauth/access_token",
        reason: "the exchange of codes has a host of its own, of which the contract says nothing",
    };
    Specified { operations, differences: vec![publish, generated(CONTAINERS)], uncovered: vec![exchange] }
}
