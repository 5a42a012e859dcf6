//! IAM, as far as the functions' own policies go: what no statement allows is refused, as it would be at AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use emulators::{Access, Gate};

use super::properties::{Condition, Effect, Statement};
use crate::logs::{Level, Logs};

/// The statements of every function, by the access key id that it signs with: its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies(BTreeMap<String, Vec<Statement>>);

impl Policies {
    pub(super) fn add(&mut self, function: &str, statements: Vec<Statement>) {
        self.0.insert(function.to_owned(), statements);
    }

    /// A gate that lets functions do what their policies allow, and everybody else do everything.
    pub(crate) fn gate(self, logs: Logs) -> Gate {
        let told = Mutex::new(BTreeSet::new());
        Gate::new(move |access| {
            let allowed = self.allows(access);
            // Once each: the function's own log tells the rest.
            if !allowed
                && told.lock().unwrap_or_else(PoisonError::into_inner).insert((
                    access.caller.to_owned(),
                    access.action.to_owned(),
                    access.resource.to_owned(),
                ))
            {
                let text = format!("{} may not {} on {}", access.caller, access.action, access.resource);
                logs.say(Level::Info, "iam", text);
            }
            allowed
        })
    }

    fn allows(&self, access: &Access<'_>) -> bool {
        let Some(statements) = self.0.get(access.caller) else { return true };
        let applies = |statement: &&Statement| {
            statement.action.iter().any(|pattern| matches(&pattern.to_lowercase(), &access.action.to_lowercase()))
                && statement.resource.iter().any(|pattern| matches(pattern, access.resource))
                && statement.condition.as_ref().is_none_or(|condition| is_like(condition, access.leading_key))
        };
        let mut applying = statements.iter().filter(applies).peekable();
        applying.peek().is_some() && applying.all(|statement| statement.effect == Effect::Allow)
    }
}

/// Whether a condition holds. Stricter than IAM, for which it holds where no single item is asked about.
fn is_like(condition: &Condition, leading_key: Option<&str>) -> bool {
    leading_key.is_some_and(|key| condition.like.patterns.iter().any(|pattern| matches(pattern, key)))
}

/// IAM's patterns: `*` for any text, `?` for any character.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern.split_at(1).1;
            text.char_indices()
                .map(|(index, _)| index)
                .chain([text.len()])
                .any(|from| matches(rest, text.split_at(from).1))
        }
        Some(wanted) => {
            let mut characters = text.chars();
            let found = characters.next();
            found.is_some_and(|found| wanted == '?' || wanted == found)
                && matches(pattern.split_at(wanted.len_utf8()).1, characters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::properties::LeadingKeys;
    use super::*;

    fn statement(effect: Effect, action: &str, resource: &str) -> Statement {
        Statement {
            effect,
            action: vec![action.to_owned()],
            resource: vec![resource.to_owned()],
            sid: None,
            condition: None,
        }
    }

    #[test]
    fn a_function_may_do_what_is_allowed_and_not_denied() {
        let mut policies = Policies::default();
        policies.add(
            "worker",
            vec![
                statement(Effect::Allow, "dynamodb:GetItem", "arn:table/State"),
                statement(Effect::Allow, "sqs:*", "arn:queue/*"),
                statement(Effect::Deny, "sqs:PurgeQueue", "*"),
            ],
        );
        policies.add("idle", Vec::new());
        for (caller, action, resource, allowed) in [
            ("worker", "dynamodb:GetItem", "arn:table/State", true),
            ("worker", "dynamodb:getitem", "arn:table/State", true),
            ("worker", "dynamodb:GetItem", "arn:table/State/index/due", false),
            ("worker", "dynamodb:PutItem", "arn:table/State", false),
            ("worker", "sqs:SendMessage", "arn:queue/jobs", true),
            ("worker", "sqs:PurgeQueue", "arn:queue/jobs", false),
            ("idle", "dynamodb:GetItem", "arn:table/State", false),
            ("local", "dynamodb:DeleteTable", "arn:table/State", true),
        ] {
            let access = Access { caller, action, resource, leading_key: None };
            assert_eq!(policies.allows(&access), allowed, "{caller} {action} {resource}");
        }
    }

    #[test]
    fn a_condition_confines_a_right_to_the_items_of_some_keys() {
        let mut counts = statement(Effect::Allow, "dynamodb:UpdateItem", "arn:table/State");
        counts.condition = Some(Condition { like: LeadingKeys { patterns: vec!["RATE#*".to_owned()] } });
        let mut policies = Policies::default();
        policies.add("worker", vec![counts]);
        for (leading_key, allowed) in
            [(Some("RATE#tenant#1"), true), (Some("T#1"), false), (Some("T#RATE#1"), false), (None, false)]
        {
            let (action, resource) = ("dynamodb:UpdateItem", "arn:table/State");
            let access = Access { caller: "worker", action, resource, leading_key };
            assert_eq!(policies.allows(&access), allowed, "{leading_key:?}");
        }
    }

    #[test]
    fn patterns_match_as_in_iam() {
        for (pattern, text, matched) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("table/*/index/*", "table/State/index/due", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(matches(pattern, text), matched, "{pattern} {text}");
        }
    }
}
