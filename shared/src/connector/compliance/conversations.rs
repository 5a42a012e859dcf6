//! Conversations that are not publishes.

use super::{
    Instance,
    instance::{Conversation, Ending, answer},
};
use crate::connector::{Answer, ConnectorError, Disposition, Effect};

fn talk(instance: &Instance, conversation: Conversation, answers: &[Answer]) -> Ending {
    let mut talk = instance.begin(conversation)?;
    let mut next = talk.advance(None)?;
    for (index, answer) in answers.iter().enumerate() {
        assert!(next.is_some(), "{conversation:?} is over before answer {index}");
        next = talk.advance(Some(answer))?;
    }
    assert!(next.is_none(), "{conversation:?} goes on with {next:?}");
    Ok(())
}

pub(crate) fn every_conversation_comes_to_its_end(instance: &Instance) {
    for (conversation, answers) in &instance.conversations {
        if let Err(error) = talk(instance, *conversation, answers) {
            panic!("{conversation:?}: {error}");
        }
    }
    // What is supported is recorded.
    for conversation in Conversation::ALL {
        let is_recorded = instance.conversations.iter().any(|(recorded, _)| *recorded == conversation);
        assert_eq!(is_recorded, instance.begin(conversation).is_ok(), "{conversation:?}");
    }
}

pub(crate) fn f44_a_listing_without_end_is_given_up(instance: &Instance) {
    let Some(endless) = &instance.endless else { return };
    let mut talk = instance.begin(Conversation::FetchAccounts).unwrap();
    talk.advance(None).unwrap();
    for _ in 0..300 {
        match talk.advance(Some(endless)) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the listing ended"),
            Err(error) => {
                assert!(matches!(error, ConnectorError::Unreadable { .. }), "{error:?}");
                return;
            }
        }
    }
    panic!("the listing is read for ever");
}

pub(crate) fn what_is_not_supported_says_why(instance: &Instance) {
    for conversation in Conversation::ALL {
        let Err(error) = instance.begin(conversation) else { continue };
        let ConnectorError::Unsupported { platform, what, reason } = error else {
            panic!("{conversation:?}: {error:?}")
        };
        assert_eq!(platform, instance.name());
        assert!(what.len() > 3 && reason.len() > 10, "{conversation:?}: cannot {what}: {reason}");
    }
}

pub(crate) fn only_the_platforms_word_ends_a_connection(instance: &Instance) {
    for (status, body) in
        [(500, ""), (502, "<html>"), (503, "{}"), (200, "<html>"), (302, ""), (404, "<html>"), (200, "")]
    {
        let mut talk = instance.begin(Conversation::Health).unwrap();
        let mut next = talk.advance(None);
        for _ in 0..5 {
            let Ok(Some(_)) = next else { break };
            next = talk.advance(Some(&answer(status, body)));
        }
        if let Err(error) = next {
            let found = error.disposition(Effect::Read);
            assert_ne!(found, Disposition::Reconnect, "{status} {body}: {error:?}");
        }
    }
}
