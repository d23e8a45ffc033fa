//! What people see of a run: a step in words, and how everything stands after it.

use serde::Serialize;

/// One step in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Told {
    /// The step as in a schedule.
    pub act: String,
    pub who: String,
    /// The learner's line, or 0.
    pub line: usize,
    pub code: String,
    pub says: String,
    /// Whether it went wrong here.
    pub wrong: bool,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = if self.line > 0 { self.line.to_string() } else { String::new() };
        let cross = if self.wrong { "✗ " } else { "" };
        write!(f, "{:<3} {:<10} {line:>3}  {:<34} {cross}{}", self.act, self.who, self.code, self.says)
    }
}

/// How a process is, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct ProcessView {
    pub name: String,
    /// `ready`, `asleep`, `rests`, `done` or `dead`.
    pub state: &'static str,
    /// The semaphore that it sleeps at.
    pub asleep_at: Option<String>,
    /// The line that comes next.
    pub line: usize,
    /// What is its own: names and values.
    pub private: Vec<(String, i64)>,
    /// Stores that have not reached memory.
    pub buffered: Vec<(String, i64)>,
}

/// A semaphore is two numbers: tokens, and who sleeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct SemaphoreView {
    pub name: String,
    pub tokens: i64,
    pub sleepers: Vec<String>,
    /// Counted as sleepers, but dead: nobody takes them off.
    pub ghosts: usize,
}

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Moment {
    /// The step before it; none at the beginning.
    pub told: Option<Told>,
    pub words: Vec<(String, i64)>,
    pub semaphores: Vec<SemaphoreView>,
    pub processes: Vec<ProcessView>,
    /// In whose place recovery works, and its next line (0: the restart).
    pub recovery: Option<(String, usize)>,
    pub shown: i64,
}

/// How a run ended, so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum End {
    /// There is more to do.
    Open,
    Over,
    /// Everybody is done, and it is not what was expected.
    WrongEnd(String),
    Stuck(String),
    Fault(String),
}
