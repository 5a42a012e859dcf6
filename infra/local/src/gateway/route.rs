//! Routes of an HTTP API, and which of them a request takes: the most specific one that fits, `$default` last.

use std::collections::BTreeMap;

/// A route's key: `GET /v1/posts/{post}`, `ANY /{proxy+}`, `$default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteKey {
    Default,
    Path { method: Option<String>, segments: Vec<Segment> },
}

/// A piece of a route's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(String),
    Variable(String),
    /// `{name+}`: everything that is left, at least one segment.
    Greedy(String),
}

impl RouteKey {
    /// Reads a method (`ANY` for all) and a path. Nothing when they make no route.
    pub(crate) fn parse(method: &str, path: &str) -> Option<Self> {
        if path == "$default" {
            return Some(Self::Default);
        }
        let method = match method.to_ascii_uppercase().as_str() {
            "ANY" | "*" | "X-AMAZON-APIGATEWAY-ANY-METHOD" => None,
            method => Some(method.to_owned()),
        };
        let mut segments = Vec::new();
        for segment in path.strip_prefix('/')?.split('/') {
            if matches!(segments.last(), Some(Segment::Greedy(_))) {
                return None;
            }
            segments.push(match segment.strip_prefix('{').map(|rest| rest.strip_suffix('}')) {
                Some(Some(name)) => match name.strip_suffix('+') {
                    Some(name) => Segment::Greedy(name.to_owned()),
                    None => Segment::Variable(name.to_owned()),
                },
                Some(None) => return None,
                None => Segment::Literal(segment.to_owned()),
            });
        }
        Some(Self::Path { method, segments })
    }

    /// The values of the path's variables, still percent-encoded; nothing when the route does not fit.
    pub(crate) fn matches(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        let Self::Path { method: wanted, segments } = self else { return Some(BTreeMap::new()) };
        if wanted.as_deref().is_some_and(|wanted| wanted != method) {
            return None;
        }
        let mut variables = BTreeMap::new();
        let mut rest = Some(path.strip_prefix('/')?);
        for segment in segments {
            let (first, after) = match rest?.split_once('/') {
                Some((first, after)) => (first, Some(after)),
                None => (rest?, None),
            };
            match segment {
                Segment::Literal(literal) if literal == first => {}
                Segment::Variable(name) if !first.is_empty() => {
                    variables.insert(name.clone(), first.to_owned());
                }
                Segment::Greedy(name) if rest != Some("") => {
                    variables.insert(name.clone(), rest?.to_owned());
                    return Some(variables);
                }
                Segment::Literal(_) | Segment::Variable(_) | Segment::Greedy(_) => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(variables)
    }

    /// What sorts first is tried first: literals before variables before greedy ones, segment by segment, then a method
    /// before any method, `$default` at the end.
    pub(crate) fn precedence(&self) -> (u8, Vec<u8>, bool) {
        match self {
            Self::Default => (2, Vec::new(), false),
            Self::Path { method, segments } => {
                let greedy = segments.iter().any(|segment| matches!(segment, Segment::Greedy(_)));
                let ranks = segments.iter().map(|segment| match segment {
                    Segment::Literal(_) => 0,
                    Segment::Variable(_) => 1,
                    Segment::Greedy(_) => 2,
                });
                (u8::from(greedy), ranks.collect(), method.is_none())
            }
        }
    }
}

impl std::fmt::Display for RouteKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Path { method, segments } = self else { return formatter.write_str("$default") };
        write!(formatter, "{} ", method.as_deref().unwrap_or("ANY"))?;
        for segment in segments {
            match segment {
                Segment::Literal(text) => write!(formatter, "/{text}")?,
                Segment::Variable(name) => write!(formatter, "/{{{name}}}")?,
                Segment::Greedy(name) => write!(formatter, "/{{{name}+}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: [(&str, &str); 9] = [
        ("ANY", "$default"),
        ("ANY", "/{proxy+}"),
        ("GET", "/pets/{proxy+}"),
        ("GET", "/pets/{kind}/{id}"),
        ("GET", "/pets/dog/{id}"),
        ("GET", "/pets/dog/1"),
        ("ANY", "/pets/dog/1"),
        ("GET", "/"),
        ("POST", "/v1/posts"),
    ];

    fn chosen(method: &str, path: &str) -> (String, BTreeMap<String, String>) {
        let mut keys: Vec<RouteKey> =
            ROUTES.iter().map(|(method, path)| RouteKey::parse(method, path).unwrap()).collect();
        keys.sort_by_key(RouteKey::precedence);
        keys.iter().find_map(|key| Some((key.to_string(), key.matches(method, path)?))).unwrap()
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        for (method, path, expected) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("DELETE", "/pets/dog/1", "ANY /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
            ("GET", "/pets/cat/2", "GET /pets/{kind}/{id}"),
            ("GET", "/pets/cat/2/toys", "GET /pets/{proxy+}"),
            ("POST", "/pets/cat/2", "ANY /{proxy+}"),
            ("GET", "/", "GET /"),
            ("POST", "/", "$default"),
            ("POST", "/v1/posts", "POST /v1/posts"),
            ("GET", "/v1/posts", "ANY /{proxy+}"),
        ] {
            assert_eq!(chosen(method, path).0, expected, "{method} {path}");
        }
    }

    #[test]
    fn variables_hold_what_stood_in_their_place() {
        let (_, variables) = chosen("GET", "/pets/cat/a%20b");
        assert_eq!(
            variables,
            BTreeMap::from([("kind".to_owned(), "cat".to_owned()), ("id".to_owned(), "a%20b".to_owned())])
        );
        let (_, variables) = chosen("GET", "/pets/cat/2/toys");
        assert_eq!(variables, BTreeMap::from([("proxy".to_owned(), "cat/2/toys".to_owned())]));
    }

    #[test]
    fn an_empty_segment_is_no_value() {
        let key = RouteKey::parse("GET", "/v1/posts/{post}").unwrap();
        assert_eq!(key.matches("GET", "/v1/posts/"), None);
        assert_eq!(key.matches("GET", "/v1/posts/1/"), None);
    }

    #[test]
    fn nonsense_is_no_route() {
        assert_eq!(RouteKey::parse("GET", "v1"), None);
        assert_eq!(RouteKey::parse("GET", "/{open"), None);
        assert_eq!(RouteKey::parse("GET", "/{all+}/more"), None);
    }
}
