//! All simulated platforms behind one address: each under its own name, and Facebook at the root as well.

use crate::App;
use crate::body::Severed;
use crate::call::Call;
use crate::facebook::{self, Facebook};
use crate::gbp::{self, Gbp};
use crate::html;
use crate::instagram::{self, Instagram};
use crate::linkedin::{self, Linkedin};
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
    pub(crate) gbp: Gbp,
    pub(crate) linkedin: Linkedin,
    pub(crate) instagram: Instagram,
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
            gbp: Gbp::new(options.clone(), format!("{base}/{}", Name::Gbp.text())),
            linkedin: Linkedin::new(options.clone(), format!("{base}/{}", Name::Linkedin.text())),
            instagram: Instagram::new(options.clone(), format!("{base}/{}", Name::Instagram.text())),
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
            tokio::spawn(outbox::deliver(self.gbp.clone())),
            tokio::spawn(outbox::deliver(self.linkedin.clone())),
            tokio::spawn(outbox::deliver(self.instagram.clone())),
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
            Some(Name::Gbp) => self.gbp.serve(&call).await,
            Some(Name::Linkedin | Name::LinkedinPage) => self.linkedin.serve(&call).await,
            Some(Name::Instagram) => self.instagram.serve(&call).await,
        }
    }
}

/// The name under which a platform stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Facebook,
    Mailchimp,
    Tiktok,
    Gbp,
    Linkedin,
    /// The same LinkedIn, under the name that its app for Pages has.
    LinkedinPage,
    Instagram,
}

impl Name {
    const ALL: [Self; 7] =
        [Self::Facebook, Self::Mailchimp, Self::Tiktok, Self::Gbp, Self::Linkedin, Self::LinkedinPage, Self::Instagram];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Facebook => "facebook",
            Self::Mailchimp => "mailchimp",
            Self::Tiktok => "tiktok",
            Self::Gbp => "gbp",
            Self::Linkedin => "linkedin",
            Self::LinkedinPage => "linkedin_page",
            Self::Instagram => "instagram",
        }
    }

    /// The app that the platform knows.
    pub(crate) const fn app(self) -> App {
        match self {
            Self::Facebook => facebook::APP,
            Self::Mailchimp => mailchimp::APP,
            Self::Tiktok => tiktok::APP,
            Self::Gbp => gbp::APP,
            Self::Linkedin => linkedin::MEMBER_APP,
            Self::LinkedinPage => linkedin::PAGE_APP,
            Self::Instagram => instagram::APP,
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
