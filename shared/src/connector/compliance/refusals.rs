//! Refusals: one meaning each, for every step and every conversation.

use std::collections::BTreeSet;

use super::{
    Instance,
    instance::{Conversation, answer, with_header},
};
use crate::connector::{Answer, ConnectorError, Disposition, Effect};

const CATALOGUE: &str = include_str!("../../../../docs/errors.md");

/// What the answer to the publish of the first kind is taken for.
fn of_publish(instance: &Instance, answer: &Answer) -> ConnectorError {
    let kind = instance.kinds.first().unwrap();
    let steps = instance.walk(kind);
    let step = steps.iter().find(|step| step.effect == Effect::Publish).unwrap();
    match instance.connector.publish(&kind.post, &step.checkpoint, Some(answer)) {
        Err(error) => error,
        Ok(next) => panic!("{next:?}"),
    }
}

/// What it is taken for in a listing.
fn of_read(instance: &Instance, answer: &Answer) -> ConnectorError {
    let mut talk = instance.begin(Conversation::FetchAccounts).unwrap();
    talk.advance(None).unwrap();
    match talk.advance(Some(answer)) {
        Err(error) => error,
        Ok(next) => panic!("{next:?}"),
    }
}

pub(crate) fn f43_every_documented_refusal_has_one_meaning(instance: &Instance) {
    assert!(!instance.refusals.is_empty());
    for refused in &instance.refusals {
        let error = of_publish(instance, &refused.answer);
        assert_eq!(error.refusal().code, refused.code, "{}", refused.name);
        let found = error.disposition(Effect::Publish);
        assert_eq!(found, refused.after_publish, "{} after a publish", refused.name);
        assert_eq!(error.disposition(Effect::Stage), refused.otherwise, "{} in a stage", refused.name);
        let error = of_read(instance, &refused.answer);
        assert_eq!(error.disposition(Effect::Read), refused.otherwise, "{} in a listing", refused.name);
    }
}

pub(crate) fn f43_an_unknown_refusal_may_have_been_a_publish(instance: &Instance) {
    let error = of_publish(instance, &instance.unknown_refusal);
    assert_eq!(error.disposition(Effect::Publish), Disposition::ReadBack, "{error:?}");
}

pub(crate) fn f35_a_failing_platform_may_have_published(instance: &Instance) {
    for status in [500, 502, 503, 504] {
        for body in ["", "<html>", "{}"] {
            let error = of_publish(instance, &answer(status, body));
            assert_eq!(error.disposition(Effect::Publish), Disposition::ReadBack, "{status} {body}: {error:?}");
            let error = of_read(instance, &answer(status, body));
            assert!(matches!(error.disposition(Effect::Read), Disposition::Retry(_)), "{status} {body}: {error:?}");
        }
    }
    let too_many = with_header(answer(429, ""), "retry-after", "19");
    for error in [of_publish(instance, &too_many), of_read(instance, &too_many)] {
        assert!(matches!(error.disposition(Effect::Publish), Disposition::Retry(_)), "{error:?}");
    }
}

pub(crate) fn every_code_is_of_the_platform_and_in_the_catalogue(instance: &Instance) {
    let refused = instance.refusals.iter().map(|refused| refused.code);
    let codes: BTreeSet<&str> = refused.chain(instance.limits.iter().map(|limit| limit.rule)).collect();
    for code in codes.into_iter().filter(|code| *code != "platform.answer_unreadable") {
        // Platforms that are one API, such as LinkedIn's members and Pages, have one family of codes.
        assert_eq!(code.split('.').next(), instance.name().split('_').next(), "{code}");
        assert!(CATALOGUE.contains(&format!("| `{code}` |")), "docs/errors.md does not name {code}");
    }
    for refused in &instance.refusals {
        let refusal = of_publish(instance, &refused.answer).refusal();
        for text in [refusal.platform_code, refusal.trace_id].into_iter().flatten() {
            assert!(text.len() <= 100 && !text.contains(char::is_control), "{text:?} could forge a line");
        }
        assert!(!refusal.message.is_empty());
    }
}
