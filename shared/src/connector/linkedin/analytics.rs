//! The figures of a post. Those of a Page's post come in one piece; those of a member's post one call each, if our app may
//! ask for them.

use http::Method;
use serde_json::Value;

use super::{Profile, api};
use crate::connector::{Analytics, Answer, ConnectorError, Flow, Step, settings::LinkedinSettings};

const MEMBER_SCOPE: &str = "r_member_postAnalytics";
/// What a member's post is asked for, and what it is called.
const MEMBER_METRICS: [(&str, &str); 5] = [
    ("IMPRESSION", "impressions"),
    ("MEMBERS_REACHED", "unique_impressions"),
    ("REACTION", "likes"),
    ("COMMENT", "comments"),
    ("RESHARE", "shares"),
];
const PAGE_METRICS: [(&str, &str); 6] = [
    ("impressionCount", "impressions"),
    ("uniqueImpressionsCount", "unique_impressions"),
    ("clickCount", "clicks"),
    ("likeCount", "likes"),
    ("commentCount", "comments"),
    ("shareCount", "shares"),
];

pub(super) fn flow(
    settings: &LinkedinSettings,
    profile: Profile,
    remote_id: &str,
) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
    let may = settings.member_scopes.iter().any(|scope| scope == MEMBER_SCOPE);
    if profile == Profile::Member && !may {
        return Err(ConnectorError::Unsupported {
            platform: profile.name(),
            what: "tell the figures of a post",
            reason: "LinkedIn shows a member's figures only to apps with the scope r_member_postAnalytics",
        });
    }
    let post = api::id_of(remote_id, &api::POSTS).map(|_| remote_id.to_owned());
    let settings = settings.clone();
    match profile {
        Profile::Member => Ok(Box::new(MemberFlow { settings, post, asked: 0, figures: Analytics::default() })),
        Profile::Page => Ok(Box::new(PageFlow { settings, post, is_counting: false })),
    }
}

fn post(post: Option<&String>) -> Result<&str, ConnectorError> {
    post.map(String::as_str).ok_or(ConnectorError::Unreadable { what: "the URN of a post" })
}

/// The name of a post's kind in lists of `shares`, and in `(share:…)`.
fn names(post: &str) -> (&'static str, &'static str) {
    if api::id_of(post, &["ugcPost"]).is_some() { ("ugcPosts", "ugc") } else { ("shares", "share") }
}

struct PageFlow {
    settings: LinkedinSettings,
    post: Option<String>,
    is_counting: bool,
}

impl Flow<Analytics> for PageFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Analytics>, ConnectorError> {
        let post = post(self.post.as_ref())?;
        let encoded = api::encoded(post);
        let Some(answer) = answer else {
            // Figures are asked of the author.
            return Ok(Step::Call(api::call(&self.settings, Method::GET, &format!("posts/{encoded}"), None)));
        };
        let body = api::read(answer)?;
        if !self.is_counting {
            let author = api::urn(body.get("author"), &["organization", "organizationBrand"]);
            let author = author.ok_or(ConnectorError::Unreadable { what: "the `author` of a post" })?;
            let (list, _) = names(post);
            let query =
                format!("q=organizationalEntity&organizationalEntity={}&{list}=List({encoded})", api::encoded(&author));
            let path = "organizationalEntityShareStatistics";
            let request = api::call(&self.settings, Method::GET, path, Some(&query));
            self.is_counting = true;
            return Ok(Step::Call(api::restli(request, "FINDER")));
        }
        let mut figures = Analytics::default();
        // A post that nobody has seen is left out; an element without its URN would be the figures of the whole Page.
        let is_ours = |element: &&Value| {
            ["share", "ugcPost"].iter().any(|name| element.get(*name).and_then(Value::as_str) == Some(post))
        };
        let element = api::elements(&body)?.iter().find(is_ours);
        if let Some(total) = element.and_then(|element| element.get("totalShareStatistics")) {
            for (theirs, ours) in PAGE_METRICS {
                if let Some(count) = total.get(theirs).and_then(Value::as_u64) {
                    figures.0.insert(ours.to_owned(), count);
                }
            }
        }
        Ok(Step::Done(figures))
    }
}

struct MemberFlow {
    settings: LinkedinSettings,
    post: Option<String>,
    asked: usize,
    figures: Analytics,
}

impl Flow<Analytics> for MemberFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Analytics>, ConnectorError> {
        let post = post(self.post.as_ref())?;
        if let Some(answer) = answer {
            let body = api::read(answer)?;
            // `metricType` is an object or a text, by version; what was asked is known without it.
            let count = api::elements(&body)?.first().and_then(|element| element.get("count")?.as_u64());
            if let (Some((_, name)), Some(count)) = (MEMBER_METRICS.get(self.asked.wrapping_sub(1)), count) {
                self.figures.0.insert((*name).to_owned(), count);
            }
        }
        let Some((metric, _)) = MEMBER_METRICS.get(self.asked) else {
            return Ok(Step::Done(std::mem::take(&mut self.figures)));
        };
        self.asked += 1;
        let (_, kind) = names(post);
        let query = format!("q=entity&entity=({kind}:{})&queryType={metric}&aggregation=TOTAL", api::encoded(post));
        let request = api::call(&self.settings, Method::GET, "memberCreatorPostAnalytics", Some(&query));
        Ok(Step::Call(api::restli(request, "FINDER")))
    }
}
