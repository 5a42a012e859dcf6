//! Which connector speaks for which platform.

use std::sync::Arc;

use crate::{
    connector::{
        Connector, Finding, facebook::Facebook, gbp::Gbp, instagram::Instagram, linkedin::Linkedin,
        mailchimp::Mailchimp, settings::Settings, tiktok::Tiktok,
    },
    content::Content,
    options::Options,
    platform::Platform,
    reach::{Purpose, Reach, Refused},
};

/// Every connector of this build, and where the addresses in a post may lead.
#[derive(Clone)]
pub struct Connectors {
    facebook: Arc<dyn Connector>,
    mailchimp: Arc<dyn Connector>,
    tiktok: Arc<dyn Connector>,
    gbp: Arc<dyn Connector>,
    linkedin: Arc<dyn Connector>,
    linkedin_page: Arc<dyn Connector>,
    instagram: Arc<dyn Connector>,
    reach: Reach,
}

impl std::fmt::Debug for Connectors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connectors")
    }
}

impl Connectors {
    /// The connector of each platform, with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            facebook: Arc::new(Facebook::new(settings.facebook)),
            mailchimp: Arc::new(Mailchimp::new(settings.mailchimp)),
            tiktok: Arc::new(Tiktok::new(settings.tiktok)),
            gbp: Arc::new(Gbp::new(settings.gbp)),
            linkedin: Arc::new(Linkedin::member(settings.linkedin.clone())),
            linkedin_page: Arc::new(Linkedin::page(settings.linkedin)),
            instagram: Arc::new(Instagram::new(settings.instagram)),
            reach: Reach::default(),
        }
    }

    /// The same, with another connector for the platform that it speaks for.
    #[must_use]
    pub fn with(mut self, connector: Arc<dyn Connector>) -> Self {
        let place = match connector.platform() {
            Platform::Facebook => &mut self.facebook,
            Platform::Mailchimp => &mut self.mailchimp,
            Platform::Tiktok => &mut self.tiktok,
            Platform::Gbp => &mut self.gbp,
            Platform::Linkedin => &mut self.linkedin,
            Platform::LinkedinPage => &mut self.linkedin_page,
            Platform::Instagram => &mut self.instagram,
        };
        *place = connector;
        self
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
            Platform::Mailchimp => self.mailchimp.as_ref(),
            Platform::Tiktok => self.tiktok.as_ref(),
            Platform::Gbp => self.gbp.as_ref(),
            Platform::Linkedin => self.linkedin.as_ref(),
            Platform::LinkedinPage => self.linkedin_page.as_ref(),
            Platform::Instagram => self.instagram.as_ref(),
        }
    }

    /// Everything about a post that would be refused on its way to `platform`: by its rules, and by ours for addresses
    /// (F45), which are fetched and shall not make anybody fetch what is not public. Pointers begin in the content, or with
    /// `/options`.
    #[must_use]
    pub fn preflight(&self, platform: Platform, content: &Content, options: Option<&Options>) -> Vec<Finding> {
        if let Some(options) = options.filter(|options| options.platform() != platform) {
            let message = format!("These options are for {}, and the target is at {platform}.", options.platform());
            return vec![Finding { rule: "options.other_platform", pointer: "/options".into(), message }];
        }
        let mut findings = self.of(platform).preflight(content, options);
        let link = content.link.iter().map(|url| ("/link".to_owned(), url, Purpose::Link));
        let media = content.media.iter().enumerate().flat_map(|(index, media)| {
            let file = (format!("/media/{index}/url"), &media.url, Purpose::Fetch);
            let thumbnail =
                media.thumbnail.iter().map(move |url| (format!("/media/{index}/thumbnail"), url, Purpose::Fetch));
            std::iter::once(file).chain(thumbnail)
        });
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
