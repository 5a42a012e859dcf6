//! What holds for every connector, written once: a connector brings its [`Instance`], which is what is recorded of its
//! platform, and gets every check as a test of its own.
//!
//! ```ignore
//! fn instance() -> Instance { … }
//! compliance!(instance);
//! ```

pub(crate) mod answers;
pub(crate) mod conversations;
pub(crate) mod instance;
pub(crate) mod publishing;
pub(crate) mod refusals;
pub(crate) mod requests;
pub(crate) mod specifications;
pub(crate) mod webhooks;

pub(crate) use instance::{Conversation, Draft, Instance, Kind, Limit, Refused, Respelled, Signed};

/// Makes a test of every check, in a module `compliance`.
macro_rules! compliance {
    ($instance:path) => {
        $crate::connector::compliance::tests! {
            $instance;
            publishing: every_kind_of_post_is_published_once, f38_a_publish_goes_on_from_every_checkpoint,
                every_limit_holds_at_its_boundary_and_not_beyond, f12_what_a_preflight_finds_no_publish_sends,
                an_empty_post_is_refused;
            refusals: f43_every_documented_refusal_has_one_meaning, f43_an_unknown_refusal_may_have_been_a_publish,
                f35_a_failing_platform_may_have_published, every_code_is_of_the_platform_and_in_the_catalogue;
            answers: f44_an_answer_that_cannot_be_read_is_no_success, f44_half_an_answer_is_no_success,
                f44_a_word_that_nobody_knows_is_no_success, f44_no_answer_panics_a_parser, f44_a_huge_answer_is_survived,
                f44_ids_beyond_53_bits_stay_what_they_are, times_are_read_in_every_documented_form;
            requests: signing_twice_is_signing_once, f56_no_secret_is_shown_or_remembered,
                every_call_goes_to_a_host_of_the_platform, f45_what_a_post_says_cannot_change_a_path,
                the_consent_page_gets_state_and_address_and_no_secret;
            specifications: every_request_is_as_its_platform_specifies_it;
            conversations: every_conversation_comes_to_its_end, f44_a_listing_without_end_is_given_up,
                what_is_not_supported_says_why, only_the_platforms_word_ends_a_connection;
            webhooks: f74_a_repeat_has_the_key_of_the_first, f76_only_what_the_platform_signed_is_taken,
                f76_no_delivery_panics_the_webhook, f80_a_handshake_reflects_nothing_that_acts;
        }
    };
}
pub(crate) use compliance;

macro_rules! tests {
    ($instance:path; $($module:ident: $($check:ident),+;)+) => {
        mod compliance {
            $($(
                #[test]
                fn $check() {
                    $crate::connector::compliance::$module::$check(&$instance());
                }
            )+)+
        }
    };
}
pub(crate) use tests;
