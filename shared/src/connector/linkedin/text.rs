//! Little text, the mark-up of commentaries. An unescaped reserved character makes LinkedIn cut the text there, and still
//! answer 201.

use crate::options::LinkedinMention;

const RESERVED: [char; 15] = ['\\', '|', '{', '}', '@', '[', ']', '(', ')', '<', '>', '#', '*', '_', '~'];

/// A text as LinkedIn wants it: hashtags and the given mentions as mark-up, all else as it reads.
pub(super) fn little(text: &str, mentions: &[LinkedinMention]) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(character) = rest.chars().next() {
        if let Some(mention) = mention_at(rest, mentions) {
            written.push_str("@[");
            escape(&mention.name, &mut written);
            written.push_str("](");
            written.push_str(&mention.urn);
            written.push(')');
            rest = rest.get(1 + mention.name.len()..).unwrap_or_default();
            before = mention.name.chars().next_back();
            continue;
        }
        if let Some(tag) = hashtag_at(rest, before) {
            written.push_str("{hashtag|\\#|");
            escape(tag, &mut written);
            written.push('}');
            rest = rest.get(1 + tag.len()..).unwrap_or_default();
            before = tag.chars().next_back();
            continue;
        }
        escape(rest.get(..character.len_utf8()).unwrap_or_default(), &mut written);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        before = Some(character);
    }
    written
}

/// The mention that a text begins with: the longest, so that no name hides another.
fn mention_at<'a>(text: &str, mentions: &'a [LinkedinMention]) -> Option<&'a LinkedinMention> {
    let rest = text.strip_prefix('@')?;
    let fitting = mentions.iter().filter(|mention| !mention.name.is_empty() && rest.starts_with(&mention.name));
    fitting.max_by_key(|mention| mention.name.len())
}

/// The hashtag that a text begins with: letters, digits and `_`, one letter at least, and not within a word.
fn hashtag_at(text: &str, before: Option<char>) -> Option<&str> {
    if before.is_some_and(|character| character.is_alphanumeric() || matches!(character, '_' | '&' | '/')) {
        return None;
    }
    let rest = text.strip_prefix('#')?;
    let end = rest.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(rest.len());
    let tag = rest.get(..end)?;
    tag.chars().any(char::is_alphabetic).then_some(tag)
}

fn escape(text: &str, written: &mut String) {
    for character in text.chars() {
        if RESERVED.contains(&character) {
            written.push('\\');
        }
        written.push(character);
    }
}

/// How long LinkedIn may take a text to be: in UTF-16 units of its mark-up, the longest of all ways to count.
pub(super) fn length(little: &str) -> usize {
    little.encode_utf16().count()
}

/// What is left of a commentary when the ways in which LinkedIn rewrites it are taken away: escapes, hashtags as mark-up,
/// shortened links, white space.
pub(super) fn normalized(commentary: &str) -> String {
    let plain = unescaped(commentary);
    let words = plain.split_whitespace().map(|word| match word.find("http") {
        Some(at) if word.get(at..).is_some_and(|rest| rest.starts_with("http://") || rest.starts_with("https://")) => {
            format!("{}\u{fffc}", word.get(..at).unwrap_or_default())
        }
        Some(_) | None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn unescaped(commentary: &str) -> String {
    let mut plain = String::with_capacity(commentary.len());
    let mut rest = commentary;
    while let Some(character) = rest.chars().next() {
        let template = ["{hashtag|\\#|", "{hashtag|#|"].into_iter().find_map(|begin| rest.strip_prefix(begin));
        if let Some((tag, after)) = template.and_then(|inner| inner.split_once('}')) {
            plain.push('#');
            plain.push_str(&tag.replace('\\', ""));
            rest = after;
            continue;
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match (character, rest.chars().next()) {
            ('\\', Some(next)) => {
                plain.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::reserved("a (b) c_d", r"a \(b\) c\_d")]
    #[case::backslash(r"a\b", r"a\\b")]
    #[case::hashtag("Go #RustLang!", r"Go {hashtag|\#|RustLang}!")]
    #[case::hashtag_with_underscore("#a_b", r"{hashtag|\#|a\_b}")]
    #[case::a_number("We are #1", r"We are \#1")]
    #[case::within_a_word("C#sharp", r"C\#sharp")]
    #[case::mention("Hi @Acme & @Acme Labs", "Hi @[Acme](urn:li:organization:1) & @[Acme Labs](urn:li:organization:2)")]
    #[case::no_mention("a@b.example", r"a\@b.example")]
    fn texts_become_little_text(#[case] text: &str, #[case] expected: &str) {
        let mention = |name: &str, urn: &str| LinkedinMention { name: name.into(), urn: urn.into() };
        let mentions = [mention("Acme", "urn:li:organization:1"), mention("Acme Labs", "urn:li:organization:2")];
        assert_eq!(little(text, &mentions), expected);
    }

    #[test]
    fn what_linkedin_rewrites_is_the_same_text() {
        let sent = little("RSE call (16:00 UTC) #RStats https://example.com/a?b=c\n\nNow", &[]);
        let listed = "RSE call \\(16:00 UTC\\) {hashtag|\\#|RStats} https://lnkd.in/abc\nNow";
        assert_eq!(normalized(&sent), normalized(listed));
        assert_ne!(normalized(&sent), normalized("RSE call"));
    }

    proptest! {
        #[test]
        fn no_character_is_lost_and_none_is_left_bare(text in "\\PC{0,60}") {
            let sent = little(&text, &[]);
            prop_assert_eq!(unescaped(&sent), text);
            let bare = sent.replace("{hashtag|\\#|", "").replace("\\\\", "");
            let bare: Vec<char> = bare.chars().collect();
            for (index, character) in bare.iter().enumerate() {
                let is_reserved = RESERVED.contains(character) && !matches!(character, '}' | '\\');
                prop_assert!(!is_reserved || (index > 0 && bare[index - 1] == '\\'), "{}", sent);
            }
        }
    }
}
