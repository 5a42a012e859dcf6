//! All simulated platforms behind one address: each under its own name, and Facebook at the root as well.

use crate::App;
use crate::body::Severed;
use crate::call::Call;
use crate::facebook::{self, Facebook};
use crate::html;
use crate::mailchimp::{self, Mailchimp};
use crate::options::Options;
use crate::outbox;
use crate::reply::Reply;
use crate::tap::Tap;
use crate::tiktok::{self, Tiktok};
use hyper::Method;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use tokio::task::JoinHandle;

/// One of each.
#[derive(Clone, Debug)]
pub(crate) struct Platforms {
    pub(crate) facebook: Facebook,
    pub(crate) mailchimp: Mailchimp,
    pub(crate) tiktok: Tiktok,
    /// Sees every call that comes over a socket.
    tap: Arc<OnceLock<Tap>>,
}

impl Platforms {
    /// Fresh ones that can be reached at `base`.
    pub(crate) fn new(options: &Options, base: &str) -> Self {
        Self {
            facebook: Facebook::new(options.clone(), base.to_owned()),
            mailchimp: Mailchimp::new(options.clone(), format!("{base}/{}", Name::Mailchimp.text())),
            tiktok: Tiktok::new(options.clone(), format!("{base}/{}", Name::Tiktok.text())),
            tap: Arc::default(),
        }
    }

    /// From now on shows every call that comes over a socket to this.
    pub(crate) fn tap(&self, tap: Tap) {
        // A second one would hear half of the story.
        let _first = self.tap.set(tap);
    }

    pub(crate) fn listener(&self) -> Option<&Tap> {
        self.tap.get()
    }

    /// Delivers the webhooks of each until aborted.
    pub(crate) fn deliver(&self) -> Vec<JoinHandle<()>> {
        vec![
            tokio::spawn(outbox::deliver(self.facebook.clone())),
            tokio::spawn(outbox::deliver(self.mailchimp.clone())),
            tokio::spawn(outbox::deliver(self.tiktok.clone())),
        ]
    }

    /// Answers a call, or severs its connection.
    pub(crate) async fn serve(&self, call: Call) -> Result<Reply, Severed> {
        let is_front = call.method == Method::GET && call.path == "/" && call.bearer.is_none();
        let (platform, call) = call.addressed();
        match platform {
            None if is_front => Ok(front()),
            Some(Name::Facebook) | None => self.facebook.serve(&call).await,
            Some(Name::Mailchimp) => self.mailchimp.serve(&call).await,
            Some(Name::Tiktok) => self.tiktok.serve(&call).await,
        }
    }
}

/// The name under which a platform stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Facebook,
    Mailchimp,
    Tiktok,
}

impl Name {
    const ALL: [Self; 3] = [Self::Facebook, Self::Mailchimp, Self::Tiktok];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Facebook => "facebook",
            Self::Mailchimp => "mailchimp",
            Self::Tiktok => "tiktok",
        }
    }

    /// The app that the platform knows.
    pub(crate) const fn app(self) -> App {
        match self {
            Self::Facebook => facebook::APP,
            Self::Mailchimp => mailchimp::APP,
            Self::Tiktok => tiktok::APP,
        }
    }

    /// The platform that a path's first segment names.
    pub(crate) fn of(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == segment)
    }
}

fn front() -> Reply {
    let mut body = String::from("<h1>Simulated platforms</h1><ul>");
    for name in Name::ALL {
        let _ = write!(body, "<li><a href=\"/{0}/\">{0}</a></li>", name.text());
    }
    body.push_str("</ul>");
    Reply::html(200, html::page("Simulated platforms", &body))
}
