//! The form of a consent page, as a browser reads it and a person fills it in.

/// A form. It goes to the address of its page, as forms do that do not say otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    fields: Vec<Field>,
    button: Option<(String, String)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Field {
    name: String,
    value: String,
    /// Whether a person may tick it: radio buttons and boxes.
    is_choice: bool,
    is_ticked: bool,
}

impl Form {
    /// The first form of a page.
    pub(crate) fn read(page: &str) -> Option<Self> {
        let (_, rest) = page.split_once("<form")?;
        let (_, inside) = rest.split_once('>')?;
        let (inside, _) = inside.split_once("</form>")?;
        let mut form = Self { fields: Vec::new(), button: None };
        for tag in inside.split('<').filter_map(|piece| piece.split_once('>')).map(|(tag, _)| tag) {
            let (kind, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            let attributes = attributes(rest);
            let (Some(name), Some(text)) = (value(&attributes, "name"), value(&attributes, "value")) else { continue };
            let (name, text) = (name.to_owned(), text.to_owned());
            match kind {
                "input" => form.fields.push(Field {
                    name,
                    value: text,
                    is_choice: matches!(value(&attributes, "type"), Some("radio" | "checkbox")),
                    is_ticked: value(&attributes, "checked").is_some(),
                }),
                "button" if form.button.is_none() => form.button = Some((name, text)),
                _ => {}
            }
        }
        Some(form)
    }

    /// What a browser sends when a person ticks `chosen` and nothing else of the same names, leaves the rest as it is, and
    /// presses the first button.
    ///
    /// # Errors
    /// The page does not offer a choice.
    pub(crate) fn filled(self, chosen: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        for (name, value) in chosen {
            if !self.fields.iter().any(|field| field.is_choice && field.name == *name && field.value == *value) {
                return Err(format!("the login page does not offer `{name}` {value}"));
            }
        }
        let is_sent = |field: &Field| {
            let is_asked = chosen.iter().any(|(name, _)| field.name == *name);
            match (field.is_choice, is_asked) {
                (false, _) => true,
                (true, true) => chosen.contains(&(field.name.as_str(), field.value.as_str())),
                (true, false) => field.is_ticked,
            }
        };
        let (button, fields) = (self.button, self.fields);
        let fields = fields.into_iter().filter(is_sent).map(|field| (field.name, field.value));
        Ok(fields.chain(button).collect())
    }
}

fn value<'a>(attributes: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
}

/// Names and values; one without a value has an empty one.
fn attributes(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        let end = rest.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return found;
        }
        let quoted = after.strip_prefix("=\"").and_then(|after| after.split_once('"'));
        let (value, after) = quoted.unwrap_or(("", after.trim_start_matches('=')));
        found.push((name.to_owned(), unescaped(value)));
        rest = after;
    }
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<h1>Log in</h1><form method=\"post\">\
        <input type=\"hidden\" name=\"state\" value=\"a&amp;b\">\
        <label><input type=\"radio\" name=\"user\" value=\"1\" checked> Ada</label>\
        <label><input type=\"radio\" name=\"user\" value=\"2\"> Grace</label>\
        <input type=\"checkbox\" name=\"pages\" value=\"11\" checked><input type=\"checkbox\" name=\"pages\" value=\"12\" checked>\
        <input type=\"checkbox\" name=\"scopes\" value=\"read\" checked><input type=\"checkbox\" name=\"decline\" value=\"x\">\
        <button name=\"action\" value=\"continue\">Go</button><button name=\"action\" value=\"cancel\">No</button></form>";

    fn sent(chosen: &[(&str, &str)]) -> Result<String, String> {
        let filled = Form::read(PAGE).unwrap().filled(chosen)?;
        Ok(filled.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_nobody_touches_is_sent_as_it_stands() {
        assert_eq!(sent(&[]).unwrap(), "state=a&b user=1 pages=11 pages=12 scopes=read action=continue");
    }

    #[test]
    fn what_is_chosen_replaces_what_was_ticked() {
        let chosen = [("user", "2"), ("pages", "12"), ("decline", "x")];
        assert_eq!(sent(&chosen).unwrap(), "state=a&b user=2 pages=12 scopes=read decline=x action=continue");
    }

    #[test]
    fn nobody_chooses_what_the_page_does_not_offer() {
        assert_eq!(sent(&[("user", "3")]).unwrap_err(), "the login page does not offer `user` 3");
        assert!(sent(&[("state", "a&b")]).is_err(), "that is nothing to tick");
        assert_eq!(Form::read("<p>Something went wrong</p>"), None);
    }
}
