//! What the learner's lines may not do, although they can be read. They may not declare what is the lesson's, nor add or leave out
//! processes. And nobody may do what is another one's part: the program that is given out says who stores a word of the
//! lesson's, who fills frames, who shows them, and who knows a constant.
//!
//! Otherwise the shortest repair would be to write down what is expected.

use serde::Serialize;

use super::region::Regions;
use crate::lang::{self, Binary, Block, Expr, Op, Program};

/// A line that a lesson does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}: {why}")]
#[allow(missing_docs)]
pub struct Refusal {
    pub line: usize,
    pub why: String,
}

/// Whether a program that was read keeps to its lesson. `lesson` is the text that is given out, `full` the learner's in it;
/// lines are counted after the first `offset` ones.
pub(super) fn keeps(lesson: &str, full: &str, own: &Program, offset: usize) -> Result<(), Refusal> {
    let (Some(regions), Some(given)) = (Regions::of(full), Regions::of(lesson)) else { return Ok(()) };
    let first = regions.before.len() + 1;
    let refuse = |line: usize, why: String| Err(Refusal { line: line.saturating_sub(offset).max(1), why });
    for (i, l) in regions.mine.iter().enumerate() {
        let word = l.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
        if ["const", "expect", "always", "deaths", "memory", "scene"].contains(&word) {
            let why = format!("`{word}` is the lesson's to say; your lines may declare `shared`, `frame` and `sem`");
            return refuse(first + i, why);
        }
    }
    // Otherwise the learner's lines would belong to a block of the lesson's.
    let indent = |l: &str| l.len() - l.trim_start().len();
    let wanted = regions.before.last().map_or(0, |l| indent(l));
    let code = regions.mine.iter().position(|l| !without_comment(l).trim().is_empty());
    if let Some(i) = code.filter(|i| indent(regions.mine[*i]) != wanted) {
        let have = indent(regions.mine[i]);
        return refuse(first + i, format!("{have} spaces; your first line has {wanted}, as the mark above it"));
    }
    let Some(theirs) = lang::parse(lesson).ok().and_then(|all| all.into_iter().next()) else { return Ok(()) };
    let names = |p: &Program| p.processes.iter().map(|q| q.name.clone()).collect::<Vec<_>>().join(", ");
    let (have, wanted) = (names(own), names(&theirs));
    if have != wanted {
        return refuse(first, format!("the processes are {have}; the lesson's are {wanted}, in this order"));
    }
    let parts = Parts { theirs: &theirs, own, mine: first..first + regions.mine.len(), given: &given };
    parts.broken().map_or(Ok(()), |(line, why)| refuse(line, why))
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or("")
}

/// Names in a text; a number is none.
fn names_in<'t>(lines: impl IntoIterator<Item = &'t str>) -> Vec<&'t str> {
    let of = |l: &'t str| without_comment(l).split(|c: char| !c.is_alphanumeric() && c != '_');
    lines.into_iter().flat_map(of).collect()
}

/// Who has which part in the program that is given out, and in the learner's.
struct Parts<'p> {
    theirs: &'p Program,
    own: &'p Program,
    /// The learner's lines in the whole program.
    mine: std::ops::Range<usize>,
    given: &'p Regions<'p>,
}

type Found = Option<(usize, String)>;

impl Parts<'_> {
    fn broken(&self) -> Found {
        let processes = 0..self.own.processes.len();
        let of =
            |i: usize| self.shows(i).or_else(|| self.fills(i)).or_else(|| self.stores(i)).or_else(|| self.knows(i));
        processes.into_iter().find_map(of).or_else(|| self.declares())
    }

    fn name(&self, i: usize) -> &str {
        &self.own.processes[i].name
    }

    /// `use` where the lesson has it, and of what was read from a frame.
    fn shows(&self, i: usize) -> Found {
        let uses = |op: &Op| matches!(op, Op::Use(_));
        let (q, given) = (&self.own.processes[i], &self.theirs.processes[i]);
        if let Some(line) = line_of(&q.block, uses).filter(|_| line_of(&given.block, uses).is_none()) {
            return Some((line, format!("`use` is not {}'s part: it shows no frames in this lesson", q.name)));
        }
        if let Some(line) = line_of(&q.recovery, uses) {
            return Some((line, "`use` in recovery: recovery shows nothing".into()));
        }
        let at = unread(self.own, &q.block)?;
        let why = "`use` of something that was not read from a frame: only `v = read …` may give this name its value";
        Some((q.block.lines[at], why.into()))
    }

    /// `fill` where the lesson has it: a frame is seen by others only if it came through the slots.
    fn fills(&self, i: usize) -> Found {
        let fills = |op: &Op| matches!(op, Op::Store(p, _) if is_frame(self.own, p.base));
        let theirs = |op: &Op| matches!(op, Op::Store(p, _) if is_frame(self.theirs, p.base));
        let (q, given) = (&self.own.processes[i], &self.theirs.processes[i]);
        if let Some(line) = line_of(&q.recovery, fills) {
            return Some((line, "`fill` in recovery: recovery makes no frames".into()));
        }
        let line = line_of(&q.block, fills).filter(|_| line_of(&given.block, theirs).is_none())?;
        Some((line, format!("`fill` is not {}'s part: it makes no frames in this lesson, it is given them", q.name)))
    }

    /// A word of the lesson's is stored by those who store it in the program that is given out, and by their recovery.
    fn stores(&self, i: usize) -> Found {
        let q = &self.own.processes[i];
        let lessons = self.own.arrays.iter().filter(|a| !a.frame && !self.mine.contains(&a.line));
        lessons.into_iter().find_map(|a| {
            let given = self.theirs.arrays.iter().find(|b| b.name == a.name)?;
            let stores = |op: &Op, base: usize| stored(op) == Some(base);
            let by =
                |q: &lang::Process| [&q.block, &q.recovery].iter().any(|b| b.ops.iter().any(|o| stores(o, given.base)));
            let whose: Vec<&str> = self.theirs.processes.iter().filter(|q| by(q)).map(|q| q.name.as_str()).collect();
            if whose.is_empty() || whose.contains(&q.name.as_str()) {
                return None;
            }
            let line = [&q.block, &q.recovery].iter().find_map(|b| line_of(b, |o| stores(o, a.base)))?;
            let whose = whose.join(" and ");
            Some((line, format!("{} stores `{}`, which is the part of {whose} in this lesson", q.name, a.name)))
        })
    }

    /// A constant is known to those whose lines name it in the program that is given out.
    fn knows(&self, i: usize) -> Found {
        let (q, given) = (&self.own.processes[i], &self.theirs.processes[i]);
        let known = self.names_of(self.theirs, given);
        let lines = [&q.block, &q.recovery].map(|b| b.span.0..=b.span.1);
        lines.into_iter().flatten().filter(|n| *n > 0).find_map(|n| {
            let names = names_in([self.own.text.get(n - 1)?.as_str()]);
            let unknown = names.into_iter().find(|w| self.is_constant(w) && !known.contains(w))?;
            let who: Vec<&str> = self.theirs.processes.iter().filter(|q| self.names_of(self.theirs, q).contains(&unknown)).map(|q| q.name.as_str()).collect();
            let who = if who.is_empty() { "no process does".into() } else { format!("only {} does", who.join(" and ")) };
            let name = self.name(i);
            let why = format!("{name} does not know `{unknown}`: {who} in this lesson. What {name} needs of it has to come from shared memory");
            Some((n, why))
        })
    }

    fn is_constant(&self, name: &str) -> bool {
        self.theirs.constants.iter().any(|c| c == name)
    }

    fn names_of<'t>(&self, p: &'t Program, q: &lang::Process) -> Vec<&'t str> {
        let spans = [&q.block, &q.recovery].map(|b| b.span).into_iter().filter(|s| s.0 > 0);
        let lines = spans.flat_map(|(from, to)| p.text.get(from - 1..to).unwrap_or(&[]));
        names_in(lines.map(String::as_str))
    }

    /// Declarations give nobody what only another one knows, and frames begin empty.
    fn declares(&self) -> Found {
        let everybody =
            |name: &str| self.theirs.processes.iter().all(|q| self.names_of(self.theirs, q).contains(&name));
        let declaration = |l: &&str| ["shared", "frame", "sem"].iter().any(|w| names_in([*l]).first() == Some(w));
        let given = names_in(self.given.mine.iter().copied().filter(declaration));
        self.mine.clone().find_map(|n| {
            let line = self.own.text.get(n - 1).map(String::as_str).filter(declaration)?;
            let unknown =
                names_in([line]).into_iter().find(|w| self.is_constant(w) && !everybody(w) && !given.contains(w));
            let own_frame = |a: &&lang::Array| a.line == n && a.frame;
            let mut frames = self.own.arrays.iter().filter(own_frame);
            let full = frames.find(|a| (a.base..a.base + 2 * a.len).any(|k| self.own.words[k].1 != 0));
            let unknown = unknown.map(|w| format!("`{w}` in a declaration: not every process knows it in this lesson"));
            let full =
                full.map(|a| format!("`{}` begins with a frame in it: a frame comes into a slot by `fill`", a.name));
            Some((n, unknown.or(full)?))
        })
    }
}

fn line_of(block: &Block, is: impl Fn(&Op) -> bool) -> Option<usize> {
    block.ops.iter().position(is).map(|at| block.lines[at])
}

/// The array that an operation changes, by its first word.
fn stored(op: &Op) -> Option<usize> {
    match op {
        Op::Store(p, _) | Op::Cas(_, p, ..) | Op::Swap(_, p, _) | Op::Add(_, p, _) => Some(p.base),
        _ => None,
    }
}

fn is_frame(p: &Program, word: usize) -> bool {
    p.arrays.iter().any(|a| a.frame && (a.base..a.base + 2 * a.len).contains(&word))
}

/// A `use` of what does not come from a frame, in a program that has frames.
fn unread(p: &Program, block: &Block) -> Option<usize> {
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
