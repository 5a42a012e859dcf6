//! What readers see of a commentary, and what the API shows of it.

const RESERVED: &str = r"\|{}@[]()<>#*_~";

/// Up to the first reserved character that is neither escaped nor mark-up: LinkedIn cuts the text there and says nothing.
pub(crate) fn shown(commentary: &str) -> String {
    let mut shown = String::new();
    let mut rest = commentary;
    while let Some(character) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix("{hashtag|\\#|")
            && let Some((tag, after)) = inner.split_once('}')
        {
            shown.push('#');
            shown.push_str(&tag.replace('\\', ""));
            rest = after;
        } else if let Some((name, after)) = mention(rest) {
            shown.push_str(&name.replace('\\', ""));
            rest = after;
        } else if character == '\\' {
            let mut following = rest.chars();
            following.next();
            let Some(escaped) = following.next().filter(|escaped| RESERVED.contains(*escaped)) else { return shown };
            shown.push(escaped);
            rest = following.as_str();
        } else if RESERVED.contains(character) && !is_bare_hashtag(rest) {
            return shown;
        } else {
            shown.push(character);
            rest = rest.split_at(character.len_utf8()).1;
        }
    }
    shown
}

fn is_bare_hashtag(rest: &str) -> bool {
    rest.strip_prefix('#').and_then(|tag| tag.chars().next()).is_some_and(char::is_alphanumeric)
}

fn mention(rest: &str) -> Option<(&str, &str)> {
    let (name, after) = rest.strip_prefix("@[")?.split_once("](urn:li:")?;
    let (urn, after) = after.split_once(')')?;
    (urn.starts_with("organization:") || urn.starts_with("person:")).then_some((name, after))
}

/// Links are shortened in what is read.
pub(crate) fn listed(commentary: &str) -> String {
    let words = commentary.split(' ').enumerate().map(|(position, word)| {
        if word.starts_with("http") { format!("https://lnkd.in/e{position}") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unescaped_bracket_cuts_the_text() {
        assert_eq!(shown("Fresh (bread)"), "Fresh ");
        assert_eq!(shown("Fresh \\(bread\\) {hashtag|\\#|Rye}"), "Fresh (bread) #Rye");
        assert_eq!(shown("Hi @[Acme](urn:li:organization:1)!"), "Hi Acme!");
        assert_eq!(shown("a \\b"), "a ");
    }
}
