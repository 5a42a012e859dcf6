//! Finds secrets where they must not be: in logs, rows, messages, answers, panics. For tests alone.
//!
//! A test gives a [`Scanner`] its canaries, secrets that the system under test is about to use, and then all that this
//! system has written. Each is looked for as it is, and in every [form](Form) that it may take on its way; its first
//! bytes are enough, as half a token in a log is a leak as well.
//!
//! ```
//! let mut scanner = canary::Scanner::default();
//! scanner.keep("the token", "kVq8sB2xY7pTn0Lw")?;
//! let findings = scanner.scan(b"{\"message\":\"refused: Bearer kVq8sB2xY7\"}");
//! assert_eq!(findings[0].to_string(), "the token (raw, its beginning) after `{\"message\":\"refused: Bearer `");
//! # Ok::<(), canary::Weak>(())
//! ```

mod forms;
mod scanner;
mod survey;

pub use forms::Form;
pub use scanner::{Finding, Scanner, Weak};
pub use survey::Survey;
