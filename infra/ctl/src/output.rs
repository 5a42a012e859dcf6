//! What was asked for goes to standard output, everything else to standard error.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::failure::Failure;

/// Prints one line of the answer.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::Unshown("the answer cannot be written", error))
}

/// Prints a value of the answer as one line of JSON.
pub(crate) fn say_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let line = serde_json::to_string(value)
        .map_err(|error| Failure::Unshown("the answer cannot be written", io::Error::other(error)))?;
    say(&line)
}

/// Tells something about the answer.
pub(crate) fn note(line: &str) {
    // With standard error gone there is nobody to tell.
    let _told = writeln!(io::stderr(), "{line}");
}

/// Prints rows in columns as wide as they need to be.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let mut widths = heads.map(|head| head.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    say(&line(heads))?;
    rows.iter().try_for_each(|row| say(&line(row.each_ref().map(String::as_str))))
}
