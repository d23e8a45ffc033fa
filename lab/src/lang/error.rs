//! What a learner is told about a line that cannot be read.

use serde::Serialize;

/// The first thing in a program that cannot be read: where it is, what was found, what was expected, and an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}, column {column}: {found}; expected {expected}, for example `{example}`")]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What stands there.
    pub found: String,
    /// What could stand there.
    pub expected: String,
    /// A line, or a part of one, that can be read.
    pub example: String,
}

impl ParseError {
    pub(crate) fn new(line: usize, column: usize, found: impl Into<String>, expected: &str, example: &str) -> Self {
        Self { line, column, found: found.into(), expected: expected.into(), example: example.into() }
    }
}
