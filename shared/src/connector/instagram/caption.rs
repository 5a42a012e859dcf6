//! Captions: what counts in them, and when two are the same.

/// How many words of a text begin with this sign: `#` for hashtags, `@` for mentions.
pub(super) fn marked(text: &str, sign: char) -> usize {
    let mut before = ' ';
    let mut count = 0;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let begins_word = !before.is_alphanumeric() && before != '_';
        let has_word = characters.peek().is_some_and(|next| next.is_alphanumeric() || *next == '_');
        if character == sign && begins_word && has_word {
            count += 1;
        }
        before = character;
    }
    count
}

/// What is left of a text when the ways in which Instagram re-spaces it are taken away.
pub(super) fn normalized(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none("no tags here: # alone, a#b, ##", 0)]
    #[case::some("#one #two,#three\n#käse", 4)]
    #[case::doubled("##two", 1)]
    fn hashtags_are_words(#[case] text: &str, #[case] expected: usize) {
        assert_eq!(marked(text, '#'), expected);
    }

    #[test]
    fn an_address_of_mail_is_no_mention() {
        assert_eq!(marked("write to me@example.com or @me", '@'), 1);
    }

    #[test]
    fn space_does_not_make_another_caption() {
        assert_eq!(normalized(" a\u{a0}b\n\n c "), "a b c");
    }
}
