//! What a person may see of the world: no token, no code.

use super::little;
use super::world::{Asset, World};
use crate::content::Content;
use crate::faults::Fault;
use crate::outbox::SentWebhook;
use serde::Serialize;
use serde_json::Value;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateView {
    /// Members and Pages.
    pub authors: Vec<AuthorView>,
    /// The files that were announced, oldest first.
    pub files: Vec<FileView>,
    /// The faults that are set.
    pub faults: Vec<Fault>,
    /// How many webhooks wait.
    pub pending_webhooks: usize,
    /// The finished ones.
    pub sent_webhooks: Vec<SentWebhook>,
}

/// A member or a Page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthorView {
    /// Its URN.
    pub urn: String,
    /// Its name.
    pub name: String,
    /// Its posts, newest first.
    pub posts: Vec<PostView>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileView {
    /// Its URN.
    pub urn: String,
    /// Whose it is.
    pub owner: String,
    /// How many bytes came.
    pub length: u64,
    /// The SHA-256 of all of it, once all parts have come, in order.
    pub sha256: Option<String>,
    /// The first byte of each part that came.
    pub begins: Vec<u8>,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PostView {
    /// Its URN.
    pub urn: String,
    /// What was sent.
    pub commentary: String,
    /// What readers see of it.
    pub shown: String,
    /// What hangs on it.
    pub content: Option<Value>,
    /// Who sees it.
    pub visibility: String,
    /// Whether nobody may reshare it.
    pub reshare_disabled: bool,
    /// Whether it was made through the API.
    pub by_api: bool,
}

impl StateView {
    pub(crate) fn of(world: &World) -> Self {
        let members = world.members.iter().map(|member| (format!("urn:li:person:{}", member.id), member.name));
        let pages = world.organizations.iter().map(|page| (page.urn.to_owned(), page.name));
        let author = |(urn, name): (String, &str)| {
            let posts = world.posts.iter().rev().filter(|post| post.author == urn && !post.is_deleted);
            let posts = posts.map(|post| PostView {
                urn: post.urn.clone(),
                commentary: post.commentary.clone(),
                shown: little::shown(&post.commentary),
                content: post.content.clone(),
                visibility: post.visibility.clone(),
                reshare_disabled: post.reshare_disabled,
                by_api: post.by_api,
            });
            AuthorView { posts: posts.collect(), name: name.to_owned(), urn }
        };
        Self {
            authors: members.chain(pages).map(author).collect(),
            files: world.assets.iter().map(file).collect(),
            faults: world.faults.list().to_vec(),
            pending_webhooks: world.outbox.pending(),
            sent_webhooks: world.outbox.sent(),
        }
    }
}

fn file(asset: &Asset) -> FileView {
    let came = || asset.parts.iter().filter_map(|part| part.came);
    FileView {
        urn: asset.urn.clone(),
        owner: asset.owner.clone(),
        sha256: asset.parts.last().and_then(|part| part.content.as_ref()).map(Content::sha256),
        length: came().map(|(length, _)| length).sum(),
        begins: came().map(|(_, first)| first).collect(),
    }
}
