//! The learner's region: the lines between `# --- your lines ---` and `# --- end of your lines ---`. Everything else is the
//! lesson's, and so are what is expected and how many deaths there are.

use crate::lang::{self, Op, ParseError, Program};

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

/// What the learner's lines may not do, although they can be read: declare what is the lesson's, add or leave out processes,
/// or show frames that were never read.
pub(super) fn rules(lesson: &str, full: &str, offset: usize) -> Result<(), ParseError> {
    let Some(own) = Regions::of(full) else { return Ok(()) };
    let first = own.before.len() + 1;
    let here = |line: usize, found: String, expected: &str, example: &str| {
        let line = (line + first).saturating_sub(offset);
        Err(ParseError { line, column: 1, found, expected: expected.into(), example: example.into() })
    };
    for (i, l) in own.mine.iter().enumerate() {
        let word = l.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
        if ["const", "expect", "deaths", "memory", "scene"].contains(&word) {
            let found = format!("`{word}` is the lesson's to say");
            return here(i, found, "`shared`, `frame`, `sem`, `process` or `after death of`", "sem lock = 1");
        }
    }
    // Otherwise the learner's lines would belong to a block of the lesson's.
    let indent = |l: &str| l.len() - l.trim_start().len();
    let wanted = own.before.last().map_or(0, |l| indent(l));
    let first_code = own.mine.iter().position(|l| !l.split('#').next().unwrap_or("").trim().is_empty());
    if let Some(i) = first_code.filter(|i| indent(own.mine[*i]) != wanted) {
        let expected = format!("{wanted} spaces, as at the mark before your lines");
        return here(i, format!("{} spaces", indent(own.mine[i])), &expected, "process ann:");
    }
    let (Ok(lesson), Ok(own)) = (lang::parse(lesson), lang::parse(full)) else { return Ok(()) };
    let names = |p: &Program| p.processes.iter().map(|q| q.name.clone()).collect::<Vec<_>>();
    let (wanted, have) = (names(&lesson[0]), names(&own[0]));
    if wanted != have {
        let found = format!("the processes are {}", have.join(", "));
        return here(0, found, &format!("the lesson's: {}", wanted.join(", ")), &format!("process {}:", wanted[0]));
    }
    for (q, w) in own[0].processes.iter().zip(&lesson[0].processes) {
        let uses = |b: &lang::Block| b.ops.iter().position(|op| matches!(op, Op::Use(_)));
        let line = |at: usize, b: &lang::Block| b.lines[at].saturating_sub(offset);
        if let Some(at) = uses(&q.block).filter(|_| uses(&w.block).is_none()) {
            let found = format!("`use` in {}", q.name);
            let (expected, example) = ("`use` where the lesson has it", "use v");
            return Err(ParseError {
                line: line(at, &q.block),
                column: 1,
                found,
                expected: expected.into(),
                example: example.into(),
            });
        }
        if let Some(at) = unread(&own[0], &q.block) {
            let found = "`use` of something that was not read from a frame".into();
            let expected = "a name that only `read` gives a value to (or 0)".into();
            return Err(ParseError {
                line: line(at, &q.block),
                column: 1,
                found,
                expected,
                example: "v = read slot[0]".into(),
            });
        }
        if let Some(at) = uses(&q.recovery) {
            let found = "`use` in recovery".into();
            return Err(ParseError {
                line: line(at, &q.recovery),
                column: 1,
                found,
                expected: "no `use`: recovery shows nothing".into(),
                example: "post filled".into(),
            });
        }
    }
    Ok(())
}

/// A `use` of what does not come from a frame, in a program that has frames.
fn unread(p: &Program, block: &lang::Block) -> Option<usize> {
    use crate::lang::{Binary, Expr};
    if !p.arrays.iter().any(|a| a.frame) {
        return None;
    }
    block.ops.iter().position(|op| {
        let Op::Use(e) = op else { return false };
        let Expr::Local(l) = e else { return true };
        let from_frame = |op: &Op| match op {
            Op::Set(to, e) if to == l => matches!(e, Expr::Number(0) | Expr::Binary(Binary::Halves, _)),
            Op::Load(to, _)
            | Op::Own(to, _)
            | Op::Swap(to, ..)
            | Op::Add(to, ..)
            | Op::Cas(to, ..)
            | Op::Try(to, _) => to != l,
            _ => true,
        };
        !block.ops.iter().all(from_frame)
    })
}
