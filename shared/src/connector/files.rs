//! What a platform takes of a file whose facts are known: those of an upload are, before its post is accepted. Of a file at a
//! caller's own address nothing is known then, and nothing is found.

use std::ops::RangeInclusive;

use super::Finding;
use crate::content::Facts;

/// What a platform takes of one kind of file. What its facts do not tell is not judged.
pub(super) struct Limits {
    /// The platform's name, as people write it.
    pub(super) platform: &'static str,
    /// The media types, and the rule.
    pub(super) types: Option<(&'static [&'static str], &'static str)>,
    /// The numbers of bytes, and the rules for too few and too many.
    pub(super) bytes: Option<(RangeInclusive<u64>, &'static str, &'static str)>,
    /// The narrowest and the widest shape as width over height in thousandths, and the rule.
    pub(super) shape: Option<(RangeInclusive<u64>, &'static str)>,
    /// The pixels of each side, and the rule.
    pub(super) sides: Option<(RangeInclusive<u32>, &'static str)>,
    /// The pixels of the width, and the rule.
    pub(super) width: Option<(RangeInclusive<u32>, &'static str)>,
    /// The pixels altogether, and the rule.
    pub(super) pixels: Option<(u64, &'static str)>,
    /// The milliseconds that it plays, and the rule.
    pub(super) duration: Option<(RangeInclusive<u64>, &'static str)>,
}

/// A mebibyte: platforms say MB and do not say which; what is surely too much is refused, and no less.
pub(super) const MIB: u64 = 1024 * 1024;
/// A second in milliseconds.
pub(super) const SECOND: u64 = 1000;

impl Limits {
    /// Nothing is asked of a file.
    pub(super) const fn of(platform: &'static str) -> Self {
        Self { platform, types: None, bytes: None, shape: None, sides: None, width: None, pixels: None, duration: None }
    }

    /// Every rule that a file breaks; `pointer` is where it stands.
    pub(super) fn check(&self, facts: &Facts, pointer: &str) -> Vec<Finding> {
        let name = self.platform;
        let mut findings = Vec::new();
        let mut find = |rule, message: String| findings.push(Finding { rule, pointer: pointer.to_owned(), message });
        if let Some((types, rule)) = self.types
            && !types.contains(&facts.content_type.as_str())
        {
            find(rule, format!("The file is {}; {name} takes {}.", facts.content_type, types.join(", ")));
        }
        if let Some((bytes, too_few, too_many)) = &self.bytes {
            if facts.bytes < *bytes.start() {
                find(too_few, format!("The file has {} bytes; {name} takes {} and more.", facts.bytes, bytes.start()));
            } else if facts.bytes > *bytes.end() {
                find(too_many, format!("The file has {} bytes; {name} takes {} at most.", facts.bytes, bytes.end()));
            }
        }
        if let Some((width, height)) = facts.size() {
            if let Some((shape, rule)) = &self.shape
                && let Some(thousandths) = (u64::from(width) * 1000).checked_div(u64::from(height))
                && !shape.contains(&thousandths)
            {
                let (from, to) = (decimal(*shape.start()), decimal(*shape.end()));
                let text = format!("It is {width} by {height} pixels; {name} takes shapes from {from}:1 to {to}:1.");
                find(rule, text);
            }
            if let Some((sides, rule)) = &self.sides
                && !(sides.contains(&width) && sides.contains(&height))
            {
                let (from, to) = (sides.start(), sides.end());
                let text = format!("It is {width} by {height} pixels; {name} takes sides from {from} to {to}.");
                find(rule, text);
            }
            if let Some((widths, rule)) = &self.width
                && !widths.contains(&width)
            {
                let text = format!("It is {width} pixels wide; {name} takes {} to {}.", widths.start(), widths.end());
                find(rule, text);
            }
            let pixels = u64::from(width) * u64::from(height);
            if let Some((most, rule)) = self.pixels
                && pixels > most
            {
                find(rule, format!("It has {pixels} pixels; {name} takes {most} at most."));
            }
        }
        if let (Some((durations, rule)), Some(duration)) = (&self.duration, facts.duration_ms)
            && !durations.contains(&duration)
        {
            let (from, to) = (durations.start() / SECOND, durations.end() / SECOND);
            let text = format!("It plays for {} s; {name} takes {from} to {to} s.", decimal(duration));
            find(rule, text);
        }
        findings
    }
}

/// Thousandths as a decimal number.
fn decimal(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LIMITS: Limits = Limits {
        types: Some((&["image/jpeg"], "type")),
        bytes: Some((10..=100, "few", "many")),
        shape: Some((800..=1910, "shape")),
        sides: Some((10..=100, "sides")),
        width: Some((20..=90, "width")),
        pixels: Some((5_000, "pixels")),
        duration: Some((3 * SECOND..=60 * SECOND, "duration")),
        ..Limits::of("It")
    };

    fn facts() -> Facts {
        Facts { content_type: "image/jpeg".into(), bytes: 50, width: Some(50), height: Some(50), duration_ms: None }
    }

    #[rstest]
    #[case(Facts { content_type: "image/png".into(), ..facts() }, &["type"])]
    #[case(Facts { bytes: 10, ..facts() }, &[])]
    #[case(Facts { bytes: 9, ..facts() }, &["few"])]
    #[case(Facts { bytes: 101, ..facts() }, &["many"])]
    #[case(Facts { height: Some(63), ..facts() }, &["shape"])]
    #[case(Facts { height: Some(62), ..facts() }, &[])]
    #[case(Facts { width: Some(96), height: Some(52), ..facts() }, &["width"])]
    #[case(Facts { width: Some(101), height: Some(101), ..facts() }, &["sides", "width", "pixels"])]
    #[case(Facts { width: None, ..facts() }, &[])]
    #[case(Facts { height: Some(0), ..facts() }, &["sides"])]
    #[case(Facts { duration_ms: Some(2_999), ..facts() }, &["duration"])]
    #[case(Facts { duration_ms: Some(60_000), ..facts() }, &[])]
    fn what_is_known_is_judged_at_its_boundary(#[case] facts: Facts, #[case] expected: &[&str]) {
        let found = LIMITS.check(&facts, "/media/0/url");
        assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), expected);
        assert!(found.iter().all(|finding| finding.pointer == "/media/0/url"));
    }
}
