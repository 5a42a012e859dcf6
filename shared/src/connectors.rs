//! Which connector speaks for which platform.

use std::sync::Arc;

use crate::{
    connector::{Connector, Finding},
    content::Content,
    platform::Platform,
    reach::{Purpose, Reach, Refused},
};

/// Every connector of this build, and where the addresses in a post may lead.
#[derive(Clone)]
pub struct Connectors {
    facebook: Arc<dyn Connector>,
    reach: Reach,
}

impl std::fmt::Debug for Connectors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connectors")
    }
}

impl Connectors {
    /// One connector for each platform.
    #[must_use]
    pub fn new(facebook: Arc<dyn Connector>) -> Self {
        Self { facebook, reach: Reach::default() }
    }

    /// The same, with addresses that lead elsewhere: to the local cloud's own hosts.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// The connector of a platform.
    #[must_use]
    pub fn of(&self, platform: Platform) -> &dyn Connector {
        match platform {
            Platform::Facebook => self.facebook.as_ref(),
        }
    }

    /// Everything about `content` that would be refused on its way to `platform`: by its rules, and by ours for addresses
    /// (F45): the platform fetches them, and shall not be made to fetch what is not public.
    #[must_use]
    pub fn preflight(&self, platform: Platform, content: &Content) -> Vec<Finding> {
        let mut findings = self.of(platform).preflight(content);
        let link = content.link.iter().map(|url| ("/link".to_owned(), url, Purpose::Link));
        let media = content.media.iter().enumerate();
        let media = media.map(|(index, media)| (format!("/media/{index}/url"), &media.url, Purpose::Fetch));
        for (pointer, url, purpose) in link.chain(media) {
            let Err(refused) = self.reach.check(url, purpose) else { continue };
            // The platform's own rule says it in its own words.
            let is_told = findings.iter().any(|finding| finding.pointer == pointer);
            if !(is_told && refused == Refused::Scheme) {
                findings.push(Finding { rule: refused.code(), pointer, message: refused.to_string() });
            }
        }
        findings
    }
}
