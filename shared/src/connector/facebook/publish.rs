//! Publishes on a Page: text and link by one call to `/feed`, one photo by one call to `/photos`, several photos by staging
//! each and one call to `/feed`; and says beforehand what a Page would refuse.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{files, graph, video};
use crate::{
    connector::{
        Act, Answer, Body, Checkpoint, ConnectorError, Effect, Finding, Next, Prepared, Published, Refusal, Request,
        settings::FacebookSettings,
    },
    content::{Content, Media, MediaKind},
    options::Options,
};

/// Everything about `content` that a Page would refuse.
pub(super) fn preflight(settings: &FacebookSettings, content: &Content, options: Option<&Options>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |rule, pointer: String, message: String| findings.push(Finding { rule, pointer, message });
    let text = content.text.as_deref().unwrap_or_default();
    if text.trim().is_empty() && content.link.is_none() && content.media.is_empty() {
        find("facebook.post.empty", String::new(), "A post needs text, a link, a photo or a video.".into());
    }
    let length = text.chars().count();
    if length > settings.text_limit {
        let message = format!("The text has {length} characters; a Page takes {}.", settings.text_limit);
        find("facebook.text.too_long", "/text".into(), message);
    }
    if let Some(link) = &content.link {
        if !matches!(link.scheme(), "http" | "https") {
            find("facebook.link.not_http", "/link".into(), "A link must be an http or https address.".into());
        }
        if !content.media.is_empty() {
            let message = "A Page shows either a link preview or photos or a video: put the link into the text.".into();
            find("facebook.link.with_photo", "/link".into(), message);
        }
    }
    if content.media.len() > settings.photo_limit {
        let message = format!("{} photos are too many: a post takes {}.", content.media.len(), settings.photo_limit);
        find("facebook.media.too_many", "/media".into(), message);
    }
    for (index, media) in content.media.iter().enumerate() {
        match media.kind {
            MediaKind::Image | MediaKind::Video => {}
            MediaKind::Document => {
                let message = "A Page shows no documents: put a link to it.".into();
                find("facebook.media.document_unsupported", format!("/media/{index}/kind"), message);
            }
        }
        // What postd fetches itself, the rules for every platform hold.
        if !media.can_be_fetched() && !video::is_sent_by_us(content, options) {
            let message = "Facebook fetches photos and videos from public https addresses.".into();
            find("facebook.media.url_not_https", format!("/media/{index}/url"), message);
        }
    }
    if place(options).is_some_and(|place| !graph::is_id(place)) {
        let message = "A place is given by the id of its Page: digits.".into();
        find("facebook.place.not_an_id", "/options/facebook/place".into(), message);
    }
    findings.extend(video::preflight(settings, content, options));
    findings.extend(files::findings(content));
    findings
}

fn place(options: Option<&Options>) -> Option<&str> {
    options.and_then(Options::facebook)?.place.as_deref()
}

/// What is remembered of a post with several photos.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct State {
    /// The ids of those that are staged, in the order of the post. A Page shows none of them yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    staged: Vec<String>,
}

impl State {
    fn read(checkpoint: &Checkpoint) -> Result<Self, ConnectorError> {
        Ok(checkpoint.read()?.unwrap_or_default())
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self)
    }
}

/// The call that publishes, then its answer; before that, if there are several photos, a call for each. A video takes more.
pub(super) fn step(
    settings: &FacebookSettings,
    post: &Prepared,
    checkpoint: &Checkpoint,
    answer: Option<&Answer>,
) -> Result<Next, ConnectorError> {
    if video::is_video(&post.content) {
        return video::step(settings, post, checkpoint, answer);
    }
    let mut state = State::read(checkpoint)?;
    let photos = post.content.media.as_slice();
    let is_staging = photos.len() > 1 && state.staged.len() < photos.len();
    match answer {
        Some(answer) if is_staging => {
            let id = graph::id(graph::read(answer)?.get("id"));
            state.staged.push(id.ok_or(ConnectorError::Unreadable { what: "the id of a staged photo" })?);
        }
        Some(answer) => return published(answer).map(Next::Done),
        None => {
            if let Some(finding) = preflight(settings, &post.content, post.options.as_ref()).into_iter().next() {
                return Err(refused_before(finding));
            }
        }
    }
    let (request, effect) = match photos {
        [] => (with_text(settings, post), Effect::Publish),
        [photo] => (with_photo(settings, post, photo), Effect::Publish),
        several => match several.get(state.staged.len()) {
            Some(photo) => (staging(settings, post, photo), Effect::Stage),
            // Photos can be used once only: if this call left before and was carried out, the Page says so.
            None => (with_staged(settings, post, &state.staged), Effect::Publish),
        },
    };
    Ok(Next::Call { request, effect, checkpoint: state.checkpoint() })
}

fn staging(settings: &FacebookSettings, post: &Prepared, photo: &Media) -> Request {
    let url = graph::edge(settings, &[&post.destination, "photos"]);
    let mut fields = vec![("url".into(), photo.address().as_str().into()), ("published".into(), "false".into())];
    if let Some(alt_text) = &photo.alt_text {
        fields.push(("alt_text_custom".into(), alt_text.clone()));
    }
    Request { body: Body::Form(fields), ..Request::new(Method::POST, url) }
}

fn with_staged(settings: &FacebookSettings, post: &Prepared, staged: &[String]) -> Request {
    let mut request = with_text(settings, post);
    if let Body::Form(fields) = &mut request.body {
        let photos = staged.iter().enumerate();
        fields.extend(
            photos.map(|(index, id)| (format!("attached_media[{index}]"), json!({ "media_fbid": id }).to_string())),
        );
    }
    request
}

fn with_text(settings: &FacebookSettings, post: &Prepared) -> Request {
    let mut url = graph::edge(settings, &[&post.destination, "feed"]);
    url.query_pairs_mut().append_pair("fields", "id,permalink_url");
    let mut fields = Vec::new();
    if let Some(text) = &post.content.text {
        fields.push(("message".into(), text.clone()));
    }
    if let Some(link) = &post.content.link {
        fields.push(("link".into(), link.as_str().into()));
    }
    fields.extend(place(post.options.as_ref()).map(|place| ("place".into(), place.into())));
    Request { body: Body::Form(fields), ..Request::new(Method::POST, url) }
}

// Without `fields`: the answer then holds both the photo's id and the post's.
fn with_photo(settings: &FacebookSettings, post: &Prepared, photo: &Media) -> Request {
    let url = graph::edge(settings, &[&post.destination, "photos"]);
    let mut fields = vec![("url".into(), photo.address().as_str().into())];
    if let Some(text) = &post.content.text {
        fields.push(("caption".into(), text.clone()));
    }
    if let Some(alt_text) = &photo.alt_text {
        fields.push(("alt_text_custom".into(), alt_text.clone()));
    }
    fields.extend(place(post.options.as_ref()).map(|place| ("place".into(), place.into())));
    Request { body: Body::Form(fields), ..Request::new(Method::POST, url) }
}

fn published(answer: &Answer) -> Result<Published, ConnectorError> {
    let body = graph::read(answer)?;
    let remote_id = graph::id(body.get("post_id")).or_else(|| graph::id(body.get("id")));
    let remote_id = remote_id.ok_or(ConnectorError::Unreadable { what: "the id of the post" })?;
    Ok(Published { remote_id, url: graph::address(body.get("permalink_url")) })
}

pub(super) fn refused_before(finding: Finding) -> ConnectorError {
    ConnectorError::Rejected(Refusal {
        code: finding.rule.into(),
        message: finding.message,
        platform_code: None,
        trace_id: None,
        act: Act::Caller,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{super::testing::*, *};

    fn content(value: serde_json::Value) -> Content {
        serde_json::from_value(value).unwrap()
    }

    fn first(content: Content) -> (Request, Effect) {
        let post = Prepared { content, ..Prepared::at("100") };
        match step(&FacebookSettings::default(), &post, &Checkpoint::default(), None).unwrap() {
            Next::Call { request, effect, .. } => (request, effect),
            other @ (Next::Look { .. } | Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
        }
    }

    fn form(request: &Request) -> Vec<(&str, &str)> {
        match &request.body {
            Body::Form(fields) => fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            Body::Empty | Body::Json(_) | Body::Bytes(_) | Body::Piece(_) => panic!("no form"),
        }
    }

    #[test]
    fn text_and_link_are_one_publish_call_to_the_feed() {
        let (request, effect) = first(content(json!({ "text": "Hello\nworld", "link": "https://example.com/a" })));
        assert_eq!(effect, Effect::Publish);
        assert_eq!(request.method, Method::POST);
        assert_eq!(request.url.as_str(), "https://graph.facebook.com/v26.0/100/feed?fields=id%2Cpermalink_url");
        assert_eq!(form(&request), [("message", "Hello\nworld"), ("link", "https://example.com/a")]);
    }

    #[test]
    fn one_photo_is_one_publish_call_to_the_photos() {
        let photo = json!({ "url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A cat" });
        let (request, effect) = first(content(json!({ "text": "Hello", "media": [photo] })));
        assert_eq!(effect, Effect::Publish);
        assert_eq!(request.url.as_str(), "https://graph.facebook.com/v26.0/100/photos");
        let expected = [("url", "https://example.com/a.jpg"), ("caption", "Hello"), ("alt_text_custom", "A cat")];
        assert_eq!(form(&request), expected);
    }

    #[test]
    fn several_photos_are_staged_and_then_one_publish_call_to_the_feed() {
        let photo = |name: &str| json!({ "url": format!("https://example.com/{name}.jpg"), "kind": "image" });
        let content = content(json!({ "text": "Hello", "media": [photo("a"), photo("b")] }));
        let post = Prepared { content, ..Prepared::at("100200300400") };
        let mut checkpoint = Checkpoint::default();
        let mut answer = None;
        let mut calls = Vec::new();
        for id in ["900000000000001", "900000000000002", "100200300400_5"] {
            let next = step(&FacebookSettings::default(), &post, &checkpoint, answer.as_ref()).unwrap();
            let Next::Call { request, effect, checkpoint: stored } = next else { panic!("{next:?}") };
            // Whoever comes after it makes the same call.
            match step(&FacebookSettings::default(), &post, &stored, None).unwrap() {
                Next::Call { request: again, effect: its, .. } => assert!(again.body == request.body && its == effect),
                other @ (Next::Look { .. } | Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
            }
            let form: Vec<_> = form(&request).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            calls.push((effect, format!("{} {}", request.url.path(), form.join("&"))));
            checkpoint = stored;
            answer = Some(ok(&json!({ "id": id })));
        }
        let next = step(&FacebookSettings::default(), &post, &checkpoint, answer.as_ref()).unwrap();
        assert!(matches!(next, Next::Done(published) if published.remote_id == "100200300400_5"));
        let staged =
            |name: &str| format!("/v26.0/100200300400/photos url=https://example.com/{name}.jpg&published=false");
        let feed = r#"/v26.0/100200300400/feed message=Hello&attached_media[0]={"media_fbid":"900000000000001"}&attached_media[1]={"media_fbid":"900000000000002"}"#;
        assert_eq!(
            calls,
            [(Effect::Stage, staged("a")), (Effect::Stage, staged("b")), (Effect::Publish, feed.to_owned())]
        );
    }

    #[rstest]
    #[case::feed(json!({"id": "100_5", "permalink_url": "https://www.facebook.com/100/posts/5"}), "100_5", Some("https://www.facebook.com/100/posts/5"))]
    #[case::photo(json!({"id": "900", "post_id": "100_7"}), "100_7", None)]
    #[case::photo_without_post(json!({"id": "900"}), "900", None)]
    #[case::odd_link(json!({"id": "100_5", "permalink_url": "javascript:alert(1)"}), "100_5", None)]
    fn the_answer_names_the_post(#[case] body: serde_json::Value, #[case] id: &str, #[case] url: Option<&str>) {
        let post = Prepared::at("100");
        let next = step(&FacebookSettings::default(), &post, &Checkpoint::default(), Some(&ok(&body))).unwrap();
        match next {
            Next::Done(published) => {
                assert_eq!(published.remote_id, id);
                assert_eq!(published.url.as_ref().map(url::Url::as_str), url);
            }
            other @ (Next::Call { .. } | Next::Look { .. } | Next::Wait { .. }) => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::not_json(200, "<html>")]
    #[case::no_id(200, "{}")]
    #[case::odd_id(200, r#"{"id":"../me"}"#)]
    #[case::a_redirect(302, "")]
    #[case::a_proxy(403, "<html>")]
    fn f44_an_answer_that_cannot_be_read_is_read_back(#[case] status: u16, #[case] body: &'static str) {
        let error = published(&answer(status, body)).unwrap_err();
        assert_eq!(error.disposition(Effect::Publish), crate::connector::Disposition::ReadBack, "{error:?}");
    }

    #[rstest]
    #[case::nothing(json!({}), &[("facebook.post.empty", "")])]
    #[case::blank(json!({"text": " \n"}), &[("facebook.post.empty", "")])]
    #[case::text(json!({"text": "a"}), &[])]
    #[case::link_only(json!({"link": "https://example.com"}), &[])]
    #[case::odd_link(json!({"link": "ftp://example.com"}), &[("facebook.link.not_http", "/link")])]
    #[case::photo_only(json!({"media": [{"url": "https://e.com/a", "kind": "image"}]}), &[])]
    #[case::plain_http(json!({"media": [{"url": "http://e.com/a", "kind": "image"}]}), &[("facebook.media.url_not_https", "/media/0/url")])]
    #[case::video(json!({"media": [{"url": "https://e.com/a", "kind": "video"}]}), &[])]
    #[case::two_videos(
        json!({"media": vec![json!({"url": "https://e.com/a", "kind": "video"}); 2]}),
        &[("facebook.video.not_alone", "/media")]
    )]
    #[case::a_video_and_a_photo(
        json!({"media": [{"url": "https://e.com/a", "kind": "image"}, {"url": "https://e.com/b", "kind": "video"}]}),
        &[("facebook.video.not_alone", "/media")]
    )]
    #[case::a_video_at_facebook(
        json!({"media": [{"url": "https://video.xx.fbcdn.net/a.mp4", "kind": "video"}]}),
        &[("facebook.video.url_at_facebook", "/media/0/url")]
    )]
    #[case::ten(json!({"media": vec![json!({"url": "https://e.com/a", "kind": "image"}); 10]}), &[])]
    #[case::eleven(
        json!({"media": vec![json!({"url": "https://e.com/a", "kind": "image"}); 11]}),
        &[("facebook.media.too_many", "/media")]
    )]
    #[case::both(
        json!({"link": "https://e.com", "media": [{"url": "https://e.com/a", "kind": "image"}]}),
        &[("facebook.link.with_photo", "/link")]
    )]
    fn a_preflight_finds_what_a_page_refuses(#[case] value: serde_json::Value, #[case] expected: &[(&str, &str)]) {
        let findings = preflight(&FacebookSettings::default(), &content(value), None);
        let found: Vec<_> = findings.iter().map(|finding| (finding.rule, finding.pointer.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_longest_text_counts_characters_and_not_bytes() {
        let limit = FacebookSettings::default().text_limit;
        let of = |length| Content { text: Some("é".repeat(length)), ..Content::default() };
        assert_eq!(preflight(&FacebookSettings::default(), &of(limit), None), []);
        let findings = preflight(&FacebookSettings::default(), &of(limit + 1), None);
        assert_eq!(findings[0].rule, "facebook.text.too_long");
    }

    #[test]
    fn what_the_preflight_refuses_is_never_sent() {
        let post = Prepared::at("100");
        let error = step(&FacebookSettings::default(), &post, &Checkpoint::default(), None).unwrap_err();
        assert_eq!(error.refusal().code, "facebook.post.empty");
    }
}
