//! The learner's region: the lines between `# --- your lines ---` and `# --- end of your lines ---`. Everything else is the
//! lesson's. [`super::rules`] has what the learner's lines may do.

use crate::lang::ParseError;

/// The mark before the learner's lines.
pub const BEGIN: &str = "# --- your lines ---";
/// The mark after them.
pub const END: &str = "# --- end of your lines ---";

/// A program's text in three parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Regions<'t> {
    pub before: Vec<&'t str>,
    pub mine: Vec<&'t str>,
    pub after: Vec<&'t str>,
}

/// Why a text does not fit into a lesson.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is the lesson's and was changed: it has to be `{expected}`")]
#[allow(missing_docs)]
pub struct RegionError {
    pub line: usize,
    pub expected: String,
}

impl From<RegionError> for ParseError {
    fn from(e: RegionError) -> Self {
        let found = "this line is the lesson's and was changed";
        ParseError {
            line: e.line,
            column: 1,
            found: found.into(),
            expected: format!("`{}`", e.expected),
            example: BEGIN.into(),
        }
    }
}

impl<'t> Regions<'t> {
    /// The parts, if both marks are there.
    pub fn of(text: &'t str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let begin = lines.iter().position(|l| l.trim() == BEGIN)?;
        let end = lines.iter().position(|l| l.trim() == END).filter(|e| *e > begin)?;
        let (before, mine, after) = (&lines[..=begin], &lines[begin + 1..end], &lines[end..]);
        Some(Self { before: before.to_vec(), mine: mine.to_vec(), after: after.to_vec() })
    }
}

/// The lesson's program with the learner's region, and by how many lines the learner's text is shifted in it.
pub(super) fn put(program: &str, text: &str) -> Result<(String, usize), RegionError> {
    let Some(lesson) = Regions::of(program) else { return Ok((program.to_owned(), 0)) };
    let (mine, offset) = match Regions::of(text) {
        None => (text.lines().collect(), lesson.before.len()),
        Some(own) => {
            same(&lesson.before, &own.before, 0)?;
            same(&lesson.after, &own.after, own.before.len() + own.mine.len())?;
            (own.mine, 0)
        }
    };
    let all: Vec<&str> = lesson.before.iter().chain(&mine).chain(&lesson.after).copied().collect();
    Ok((all.join("\n") + "\n", offset))
}

/// Whether these lines are as they were; blanks at the end of a line, and lines at the end of the file, do not matter.
fn same(lesson: &[&str], own: &[&str], offset: usize) -> Result<(), RegionError> {
    let count = lesson.len().max(own.len());
    for i in 0..count {
        let (a, b) = (lesson.get(i).copied().unwrap_or(""), own.get(i).copied().unwrap_or(""));
        if a.trim_end() != b.trim_end() {
            return Err(RegionError { line: offset + i + 1, expected: a.trim_end().to_owned() });
        }
    }
    Ok(())
}
