//! Reads what became of a post.

use serde_json::Value;

use super::{
    api,
    classify::{self, Failure},
};
use crate::connector::{Answer, ConnectorError};

/// What became of a post.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// TikTok is working; so many bytes of an upload are there, if it says.
    Working { uploaded: Option<u64> },
    /// It waits in the inbox.
    InInbox,
    /// It is out. The ids are told of public posts only, and late.
    Out { videos: Vec<String> },
    /// It is not out.
    Failed(Failure),
}

/// Reads the answer to a [`status`](super::requests::status).
///
/// # Errors
/// What TikTok refused, or no status.
pub(super) fn read(answer: &Answer) -> Result<Status, ConnectorError> {
    let data = api::read(answer)?;
    let status = data.get("status").and_then(Value::as_str);
    let status = status.ok_or(ConnectorError::Unreadable { what: "the status of a post" })?;
    Ok(match status {
        "SEND_TO_USER_INBOX" => Status::InInbox,
        "PUBLISH_COMPLETE" => Status::Out { videos: videos(&data) },
        "FAILED" => {
            let reason = data.get("fail_reason").and_then(Value::as_str).unwrap_or_default();
            Status::Failed(classify::failure(reason))
        }
        // `PROCESSING_UPLOAD`, `PROCESSING_DOWNLOAD`, and whatever is new: it is not the end.
        _ => Status::Working { uploaded: number(data.get("uploaded_bytes")) },
    })
}

// The name is misspelt by TikTok; the documented array of numbers comes as texts, or as one value, as well.
fn videos(data: &Value) -> Vec<String> {
    let ids = ["publicaly_available_post_id", "publicly_available_post_id"].iter().find_map(|name| data.get(name));
    match ids {
        Some(Value::Array(ids)) => ids.iter().filter_map(api::video_id).collect(),
        Some(id) => api::video_id(id).into_iter().collect(),
        None => Vec::new(),
    }
}

fn number(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{super::testing::*, *};

    #[rstest]
    #[case::documented(json!({"publicaly_available_post_id": [7_602_997_517_160_123_666_u64]}))]
    #[case::texts(json!({"publicaly_available_post_id": ["7602997517160123666"]}))]
    #[case::one_value(json!({"publicaly_available_post_id": 7_602_997_517_160_123_666_u64}))]
    #[case::spelt_right(json!({"publicly_available_post_id": ["7602997517160123666"]}))]
    fn f44_ids_of_videos_are_read_in_every_form(#[case] mut data: Value) {
        data["status"] = "PUBLISH_COMPLETE".into();
        assert_eq!(read(&ok(&data)), Ok(Status::Out { videos: vec!["7602997517160123666".into()] }));
    }

    #[test]
    fn the_documented_answer_keeps_every_digit_of_an_id_beyond_53_bits() {
        let body = r#"{"data":{"status":"PUBLISH_COMPLETE","publicaly_available_post_id":[7602997517160123666],"uploaded_bytes":50000123,"downloaded_bytes":0},"error":{"code":"ok","message":"","log_id":"20260204131433ABCDEF"}}"#;
        assert_eq!(read(&answer(200, body)), Ok(Status::Out { videos: vec!["7602997517160123666".into()] }));
    }

    #[test]
    fn a_status_that_nobody_knows_is_not_the_end() {
        let data = json!({"status": "PROCESSING_SOMETHING", "uploaded_bytes": "7"});
        assert_eq!(read(&ok(&data)), Ok(Status::Working { uploaded: Some(7) }));
        assert_eq!(read(&ok(&json!({"status": "PUBLISH_COMPLETE"}))), Ok(Status::Out { videos: Vec::new() }));
        assert!(read(&ok(&json!({}))).is_err());
    }

    #[rstest]
    #[case("internal", true, "tiktok.service.failed")]
    #[case("video_pull_failed", true, "tiktok.media.pull_failed")]
    #[case("photo_pull_failed", true, "tiktok.media.pull_failed")]
    #[case("file_format_check_failed", false, "tiktok.media.format")]
    #[case("duration_check_failed", false, "tiktok.media.duration")]
    #[case("frame_rate_check_failed", false, "tiktok.media.frame_rate")]
    #[case("picture_size_check_failed", false, "tiktok.media.picture_size")]
    #[case("spam_risk", false, "tiktok.post.spam_risk")]
    #[case("spam_risk_text", false, "tiktok.post.spam_risk")]
    #[case("spam_risk_user_banned_from_posting", false, "tiktok.account.banned")]
    #[case("spam_risk_too_many_posts", false, "tiktok.rate.posts")]
    #[case("auth_removed", false, "tiktok.token.removed")]
    #[case("publish_cancelled", false, "tiktok.publish.cancelled")]
    #[case("app_version_check_failed", false, "tiktok.app.version")]
    #[case("privacy_level_not_authorized", false, "tiktok.privacy.not_offered")]
    #[case("made up\nyesterday", false, "tiktok.publish.failed")]
    fn f43_every_reason_of_a_failure_has_one_meaning(#[case] reason: &str, #[case] passes: bool, #[case] code: &str) {
        let Ok(Status::Failed(failure)) = read(&ok(&json!({"status": "FAILED", "fail_reason": reason}))) else {
            panic!("no failure")
        };
        assert_eq!(matches!(failure, Failure::Passing(_)), passes);
        let refusal = failure.refusal();
        assert_eq!(refusal.code, code);
        assert!(refusal.platform_code.is_none_or(|code| !code.contains(char::is_control)));
        assert!(include_str!("../../../../docs/errors.md").contains(&format!("| `{code}` |")), "{code}");
    }
}
