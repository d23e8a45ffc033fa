//! The language of the lessons: a few lines that a learner can read aloud.
//!
//! Read in this order: `program` (what comes out), `token`, `scene` (constants and instances), `declare`
//! (everything that stands at the margin), `expect`, `compile` (statements), `expr`, `private` (what is no step, and what is
//! forgotten). `docs/lab-lessons.md` is its reference.

mod compile;
mod declare;
mod error;
mod expect;
mod expr;
mod private;
mod program;
mod scene;
mod token;

pub use declare::MOST_PROCESSES;
pub use error::ParseError;
pub use expect::MOST_EXPECTED;
pub use program::{Always, Array, Binary, Block, Expect, Expr, Memory, Of, Op, Place, Process, Program, Share, TORN};
pub use token::LARGEST;

/// Words with a meaning; nothing else may have their names.
pub(crate) const KEYWORDS: [&str; 41] = [
    "shared", "frame", "sem", "const", "scene", "process", "after", "death", "of", "expect", "deaths", "memory",
    "while", "if", "else", "break", "wait", "post", "try", "cas", "swap", "add", "fence", "fill", "with", "read",
    "use", "enter", "leave", "nothing", "and", "or", "not", "true", "false", "once", "repeats", "latest", "rests",
    "may", "sleep",
];

/// Reads a program: one [`Program`] for each scene and each size, everybody works first, smallest first.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Program>, ParseError> {
    let lines = token::lines(text)?;
    let source: Vec<String> = text.lines().map(str::to_owned).collect();
    scene::instances(&lines)?.into_iter().map(|instance| declare::program(&lines, &source, instance)).collect()
}

/// The known name that is nearest to a misspelt one.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.map(|k| (distance(name, k), k)).filter(|(d, k)| *d <= 2 && *d < k.chars().count()).min().map(|(_, k)| k)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = (before + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            before = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()]
}
