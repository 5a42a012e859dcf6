use super::*;
use crate::Survey;

/// With everything that needs escaping after a beginning that does not and one that does, hexadecimal digits, and bytes.
fn secrets() -> [(&'static str, Vec<u8>); 4] {
    [
        ("a token", b"kVq8sB2x\"Y7\\p/T+n=0 L&w".to_vec()),
        ("a phrase", "\"é\\/+= q9Zx0Lw4".into()),
        ("digits", b"0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_vec()),
        ("a key", vec![0x00, 0xff, 0x80, 0x22, 0x0a, 0x5c, 0xc3, 0x28, 0x01, 0x9d, 0x11, 0x45]),
    ]
}

fn scanner() -> Scanner {
    let mut scanner = Scanner::default();
    for (name, secret) in secrets() {
        scanner.keep(name, secret).unwrap();
    }
    scanner
}

#[test]
fn f56_every_form_of_every_secret_is_found_wherever_it_stands() {
    let scanner = scanner();
    for (name, secret) in secrets() {
        for form in Form::ALL {
            for before in ["", "{\"error\":\"", "0123456789abcdef and more than fits into what is shown of it "] {
                let mut haystack = before.as_bytes().to_vec();
                haystack.extend(form.of(&secret));
                haystack.extend(b"\"}");
                let findings = scanner.scan(&haystack);
                let finding = findings.iter().find(|finding| finding.canary == name && finding.at == before.len());
                let finding = finding.unwrap_or_else(|| panic!("{name} as {form} after {before:?}"));
                assert!(finding.whole && before.ends_with(&finding.context), "{finding:?}");
            }
        }
    }
}

#[test]
fn f56_the_first_eight_bytes_are_enough_and_seven_are_not() {
    let mut scanner = Scanner::default();
    scanner.keep("token", "kVq8sB2xY7pTn0Lw").unwrap();
    scanner.keep("digits", "0f1e2d3c4b5a69788796a5b4c3d2e1f0").unwrap();
    for form in Form::ALL {
        let of = |text: &str| scanner.scan(&form.of(text.as_bytes())).into_iter().find(|finding| !finding.whole);
        assert!(of("kVq8sB2x").is_some_and(|finding| finding.canary == "token"), "{form}");
        assert!(of("0f1e2d3c4b5a6978").is_some_and(|finding| finding.canary == "digits"), "{form}");
        assert_eq!((of("kVq8sB2"), of("0f1e2d3c4b5a69")), (None, None), "{form}");
    }
}

#[test]
fn f56_a_secret_is_found_inside_a_larger_body_that_is_base64_as_a_whole() {
    let scanner = scanner();
    for before in ["", "a", "ab", "abc", "{\"access_token\":\""] {
        for encoding in [data_encoding::BASE64, data_encoding::BASE64URL_NOPAD] {
            for (name, secret) in secrets() {
                let body = encoding.encode(&[before.as_bytes(), &secret, b"\",\"token_type\":\"bearer\"}"].concat());
                let findings = scanner.scan(body.as_bytes());
                assert!(
                    findings.iter().any(|finding| finding.canary == name && finding.whole),
                    "{name} after {before}"
                );
            }
        }
    }
}

#[test]
fn what_is_shown_holds_no_other_secret_either() {
    let mut scanner = Scanner::default();
    scanner.keep("one", "kVq8sB2xY7pTn0Lw").unwrap();
    scanner.keep("two", "Zr5tGh1mQw3eRt7y").unwrap();
    let findings = scanner.scan(b"one=kVq8sB2xY7pTn0Lw two=Zr5tGh1mQw3eRt7y");
    let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["one (raw) after `one=`", "two (raw) after `one=**************** two=`"]);
    assert!(!format!("{scanner:?}").contains("kVq8"));
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert!(Scanner::default().scan(b"kVq8sB2xY7pTn0Lw").is_empty());
    let scanner = scanner();
    assert!(scanner.scan(b"").is_empty() && scanner.scan(b"kVq8").is_empty());
    let words: Vec<String> = (0..20_000).map(|number| format!("{number:x} {number}")).collect();
    let text = words.join(" ");
    assert!(scanner.scan(text.as_bytes()).is_empty());
}

#[test]
fn a_secret_that_is_kept_twice_is_found_once() {
    let mut scanner = Scanner::default();
    for name in ["first", "second"] {
        scanner.keep(name, "kVq8sB2xY7pTn0Lw").unwrap();
    }
    assert_eq!(scanner.names().collect::<Vec<_>>(), ["first"]);
    assert_eq!(scanner.scan(b"kVq8sB2xY7pTn0Lw").len(), 1);
}

#[test]
fn what_chance_would_find_is_no_canary() {
    let mut scanner = Scanner::default();
    for weak in ["", "short", "aaaabbbbaaaabbbb", "0f1e2d3c4b5a697"] {
        assert_eq!(scanner.keep("weak", weak), Err(Weak { name: "weak".into() }), "{weak}");
    }
    assert_eq!(scanner.names().count(), 0);
}

#[test]
fn a_place_may_hold_what_it_is_allowed_to_and_has_to() {
    let mut scanner = Scanner::default();
    scanner.keep("token 1", "kVq8sB2xY7pTn0Lw").unwrap();
    scanner.keep("state 1", "Zr5tGh1mQw3eRt7y").unwrap();
    let mut survey = Survey::new(&scanner);
    survey.allow("answer /connect", "state", "the browser brings it back");
    survey.allow("answer /nowhere", "state", "nobody needs this");
    survey.look("answer /connect/1", "location: ?state=Zr5tGh1mQw3eRt7y");
    survey.look("log", "state=Zr5tGh1mQw3eRt7y");
    survey.look("answer /connect/1", "token=kVq8sB2xY7pTn0Lw");
    survey.look("queue", "");
    assert_eq!((survey.seen("answer"), survey.seen("log"), survey.seen("queue")), (1, 1, 0));
    let violations = survey.end();
    assert_eq!(
        violations,
        [
            "answer /connect/1: token 1 (raw) after `token=`",
            "log: state 1 (raw) after `state=`",
            "answer /nowhere: state is allowed there (nobody needs this) and is not there",
        ]
    );
}
