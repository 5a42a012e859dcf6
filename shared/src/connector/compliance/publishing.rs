//! Publishes: each kind once, from every checkpoint, and nothing that a preflight finds.

use super::{Draft, Instance};
use crate::connector::{Checkpoint, ConnectorError, Effect, Next, Prepared};

pub(crate) fn every_kind_of_post_is_published_once(instance: &Instance) {
    assert!(!instance.kinds.is_empty());
    for kind in &instance.kinds {
        assert_eq!(instance.connector.preflight(&kind.post.content, kind.post.options.as_ref()), [], "{}", kind.name);
        let steps = instance.walk(kind);
        let publishes = steps.iter().filter(|step| step.effect == Effect::Publish).count();
        assert_eq!(publishes, 1, "{}", kind.name);
    }
}

pub(crate) fn f38_a_publish_goes_on_from_every_checkpoint(instance: &Instance) {
    for kind in &instance.kinds {
        let steps = instance.walk(kind);
        let publish = steps.iter().position(|step| step.effect == Effect::Publish).unwrap();
        for (index, step) in steps.iter().enumerate() {
            let stored = serde_json::to_string(&step.checkpoint).unwrap();
            assert!(stored.len() < 8_192, "{}: a checkpoint of {} bytes", kind.name, stored.len());
            let checkpoint: Checkpoint = serde_json::from_str(&stored).unwrap();
            // What was answered in an earlier run is known by its checkpoint alone.
            let next = instance.connector.publish(&kind.post, &checkpoint, None);
            let next = next.unwrap_or_else(|error| panic!("{} from step {index}: {error}", kind.name));
            let effect = match &next {
                Next::Call { effect, .. } => Some(*effect),
                Next::Look { .. } | Next::Wait { .. } => None,
                Next::Done(_) => panic!("{} is out without an answer, from step {index}", kind.name),
            };
            if index > publish {
                assert_ne!(effect, Some(Effect::Publish), "{} is published again from step {index}", kind.name);
            }
            // The same step once more, or a look at what became of it; never a later one.
            if index < publish && step.effect != Effect::Publish {
                assert_ne!(effect, Some(Effect::Publish), "{} skips steps from step {index}", kind.name);
            }
        }
    }
}

fn rules(instance: &Instance, draft: &Draft) -> Vec<&'static str> {
    let findings = instance.connector.preflight(&draft.content, draft.options.as_ref());
    findings.into_iter().map(|finding| finding.rule).collect()
}

fn refusal(instance: &Instance, draft: &Draft) -> Option<String> {
    let post = Prepared {
        content: draft.content.clone(),
        options: draft.options.clone(),
        ..instance.kinds.first().unwrap().post.clone()
    };
    match instance.connector.publish(&post, &Checkpoint::default(), None) {
        Err(ConnectorError::Rejected(refusal)) => Some(refusal.code),
        Err(error) => panic!("{error:?}"),
        Ok(_) => None,
    }
}

pub(crate) fn every_limit_holds_at_its_boundary_and_not_beyond(instance: &Instance) {
    assert!(!instance.limits.is_empty());
    for limit in &instance.limits {
        let found = rules(instance, &limit.within);
        assert!(!found.contains(&limit.rule), "{} at its boundary: {found:?}", limit.rule);
        let found = rules(instance, &limit.beyond);
        assert!(found.contains(&limit.rule), "{} beyond its boundary: {found:?}", limit.rule);
    }
}

pub(crate) fn f12_what_a_preflight_finds_no_publish_sends(instance: &Instance) {
    for limit in &instance.limits {
        let found = rules(instance, &limit.beyond);
        let refused = refusal(instance, &limit.beyond);
        let refused = refused.unwrap_or_else(|| panic!("{} is sent", limit.rule));
        assert!(found.contains(&refused.as_str()), "{refused} is not among {found:?}");
    }
}

pub(crate) fn an_empty_post_is_refused(instance: &Instance) {
    assert_ne!(rules(instance, &Draft::default()), [""; 0]);
    assert!(refusal(instance, &Draft::default()).is_some());
}
