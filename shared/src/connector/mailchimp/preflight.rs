//! Says beforehand what Mailchimp would refuse, or send in another way than meant.

use crate::{
    connector::{Finding, settings::MailchimpSettings},
    content::Content,
    options::{MailchimpAbTest, MailchimpOptions, MailchimpSegment, MailchimpWinner, Options},
};

/// The most conditions that a segment may have at Mailchimp.
const MOST_CONDITIONS: usize = 5;
/// How long an A/B test may wait: a month.
const LONGEST_WAIT: u32 = 31 * 24 * 60;

/// Everything about a campaign that Mailchimp would refuse.
pub(super) fn preflight(settings: &MailchimpSettings, content: &Content, options: Option<&Options>) -> Vec<Finding> {
    let none = MailchimpOptions::default();
    let options = options.and_then(Options::mailchimp).unwrap_or(&none);
    let mut check = Check { settings, findings: Vec::new() };
    check.body(content, options);
    check.envelope(options);
    if let Some(segment) = &options.segment {
        check.segment(segment);
    }
    if let Some(test) = &options.ab_test {
        check.ab_test(test);
    }
    check.findings
}

struct Check<'a> {
    settings: &'a MailchimpSettings,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn find(&mut self, rule: &'static str, pointer: &str, message: impl Into<String>) {
        self.findings.push(Finding { rule, pointer: pointer.into(), message: message.into() });
    }

    /// A finding about an option.
    fn option(&mut self, rule: &'static str, pointer: &str, message: impl Into<String>) {
        self.find(rule, &format!("/options/mailchimp{pointer}"), message);
    }

    fn body(&mut self, content: &Content, options: &MailchimpOptions) {
        let has_text = content.text.as_deref().is_some_and(|text| !text.trim().is_empty());
        let has_html = options.html.as_deref().is_some_and(|html| !html.trim().is_empty());
        if !has_text && !has_html && options.template.is_none() {
            self.find("mailchimp.post.empty", "", "A campaign needs text, HTML or a template.");
        }
        if options.html.is_some() && options.template.is_some() {
            let message = "A campaign has HTML of its own or a template, not both.";
            self.option("mailchimp.template.with_html", "/template", message);
        }
        if options.template.as_ref().is_some_and(|template| template.id == 0) {
            self.option("mailchimp.template.not_an_id", "/template/id", "The id of a template is a number above zero.");
        }
        if content.link.is_some() {
            let message = "A mail has no link of its own: put it into the text or the HTML.";
            self.find("mailchimp.link.unsupported", "/link", message);
        }
        if !content.media.is_empty() {
            let message = "A mail shows pictures from its HTML: put them there by their addresses.";
            self.find("mailchimp.media.unsupported", "/media", message);
        }
    }

    fn envelope(&mut self, options: &MailchimpOptions) {
        let has_subjects = options.ab_test.as_ref().is_some_and(|test| !test.subjects.is_empty());
        match &options.subject {
            None if has_subjects => {}
            None => self.option("mailchimp.subject.missing", "/subject", "A campaign needs a subject."),
            Some(subject) => self.line(subject, "mailchimp.subject.too_long", "/subject", "A subject"),
        }
        if options.subject.as_deref().is_some_and(|subject| subject.trim().is_empty()) {
            self.option("mailchimp.subject.missing", "/subject", "A campaign needs a subject.");
        }
        for (text, rule, pointer, what) in [
            (&options.preview_text, "mailchimp.preview_text.too_long", "/preview_text", "A preview text"),
            (&options.from_name, "mailchimp.from_name.too_long", "/from_name", "A sender's name"),
            (&options.to_name, "mailchimp.to_name.too_long", "/to_name", "A recipient's name"),
        ] {
            if let Some(text) = text {
                self.line(text, rule, pointer, what);
            }
        }
        if let Some(address) = &options.reply_to {
            self.email(address, "mailchimp.reply_to.not_an_address", "/reply_to");
        }
        if options.test_emails.len() > self.settings.test_emails {
            let message = format!("Test mails go to {} addresses at most.", self.settings.test_emails);
            self.option("mailchimp.test_emails.too_many", "/test_emails", message);
        }
        for (index, address) in options.test_emails.iter().enumerate() {
            self.email(address, "mailchimp.test_emails.not_an_address", &format!("/test_emails/{index}"));
        }
        let analytics = options.tracking.as_ref().and_then(|tracking| tracking.google_analytics.as_ref());
        if let Some(length) = analytics.map(String::len).filter(|length| *length > self.settings.analytics_limit) {
            let message = format!("The name has {length} bytes; Mailchimp takes {}.", self.settings.analytics_limit);
            self.option("mailchimp.tracking.too_long", "/tracking/google_analytics", message);
        }
        if options.folder_id.as_deref().is_some_and(|folder| !super::api::is_id(folder)) {
            let message = "The id of a folder has letters and digits only.";
            self.option("mailchimp.folder.not_an_id", "/folder_id", message);
        }
    }

    fn line(&mut self, text: &str, rule: &'static str, pointer: &str, what: &str) {
        let (length, limit) = (text.chars().count(), self.settings.line_limit);
        if length > limit {
            self.option(rule, pointer, format!("{what} has {limit} characters at most; this has {length}."));
        }
    }

    fn email(&mut self, address: &str, rule: &'static str, pointer: &str) {
        if !is_email(address) {
            self.option(rule, pointer, "This is no e-mail address.");
        }
    }

    fn segment(&mut self, segment: &MailchimpSegment) {
        match segment {
            MailchimpSegment::Saved(0) => {
                let message = "The id of a segment is a number above zero.";
                self.option("mailchimp.segment.not_an_id", "/segment/saved", message);
            }
            MailchimpSegment::Saved(_) => {}
            MailchimpSegment::Matching(conditions) => {
                if !(1..=MOST_CONDITIONS).contains(&conditions.conditions.len()) {
                    let message = format!("A segment has 1 to {MOST_CONDITIONS} conditions.");
                    self.option("mailchimp.segment.conditions", "/segment/matching/conditions", message);
                }
            }
        }
    }

    fn ab_test(&mut self, test: &MailchimpAbTest) {
        let kinds = [
            ("/ab_test/subjects", &test.subjects),
            ("/ab_test/from_names", &test.from_names),
            ("/ab_test/reply_to_addresses", &test.reply_to_addresses),
        ];
        let given: Vec<_> = kinds.iter().filter(|(_, variants)| !variants.is_empty()).collect();
        if given.len() != 1 {
            let message = "An A/B test compares subjects, or senders' names, or senders' addresses: one of these.";
            self.option("mailchimp.ab_test.kind", "/ab_test", message);
        }
        for (pointer, variants) in given {
            if !(2..=self.settings.variants).contains(&variants.len()) {
                let message = format!("An A/B test compares 2 to {} of them.", self.settings.variants);
                self.option("mailchimp.ab_test.variants", pointer, message);
            }
        }
        for (index, subject) in test.subjects.iter().enumerate() {
            self.line(subject, "mailchimp.subject.too_long", &format!("/ab_test/subjects/{index}"), "A subject");
        }
        for (index, address) in test.reply_to_addresses.iter().enumerate() {
            let pointer = format!("/ab_test/reply_to_addresses/{index}");
            self.email(address, "mailchimp.reply_to.not_an_address", &pointer);
        }
        if !(10..=100).contains(&test.test_size) {
            let message = "The test takes 10 to 100 percent of the recipients.";
            self.option("mailchimp.ab_test.size", "/ab_test/test_size", message);
        }
        let has_wait = test.wait_minutes.is_some_and(|minutes| (1..=LONGEST_WAIT).contains(&minutes));
        let needs_wait = test.winner != MailchimpWinner::Manual && test.test_size < 100;
        if needs_wait && !has_wait {
            let message = format!("Say after how many minutes it is decided: 1 to {LONGEST_WAIT}.");
            self.option("mailchimp.ab_test.wait", "/ab_test/wait_minutes", message);
        }
    }
}

/// Whether a text can be an address; whether one stands behind it, only mail can tell.
fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else { return false };
    let is_plain = text.chars().all(|character| !character.is_whitespace() && !character.is_control());
    let has_labels = domain.contains('.') && domain.split('.').all(|label| (1..=63).contains(&label.chars().count()));
    is_plain && has_labels && (1..=64).contains(&name.len()) && text.len() <= 254 && !domain.contains(['<', '>', ','])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ada@example.com", true)]
    #[case("ada+news@mail.example.co.uk", true)]
    #[case("ada", false)]
    #[case("@example.com", false)]
    #[case("ada@localhost", false)]
    #[case("ada@example..com", false)]
    #[case("ada @example.com", false)]
    #[case("Ada <ada@example.com>", false)]
    #[case("ada@example.com\r\nBcc: all@example.com", false)]
    fn an_address_has_a_name_and_a_domain(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(is_email(text), is_one);
    }
}
