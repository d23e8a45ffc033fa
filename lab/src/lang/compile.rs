//! Statements: each becomes operations of at most one shared access.

use std::collections::BTreeMap;

use super::error::ParseError;
use super::program::{Array, Binary, Block, Expr, Op, Place, Program};
use super::token::{Cursor, Line};
use super::{KEYWORDS, nearest};
use crate::machine::MOST_ROOMS;

const MOST_OPS: usize = 300;
const DEEPEST_BLOCK: usize = 12;
/// One bit each in a mask of 32.
const MOST_LOCALS: usize = 28;
const KNOWN: &str = "wait, post, fill, use, fence, enter, leave, while, if, break, nothing, or an assignment";

/// What a block can refer to.
pub(crate) struct Scope<'a> {
    pub(crate) program: &'a mut Program,
    pub(crate) consts: &'a BTreeMap<String, i64>,
}

impl Scope<'_> {
    pub(crate) fn array(&self, name: &str) -> Option<&Array> {
        self.program.arrays.iter().find(|a| a.name == name)
    }
}

pub(crate) struct Compiler<'s, 'p> {
    pub(crate) scope: &'s mut Scope<'p>,
    pub(crate) block: Block,
    temporaries: usize,
    /// The jumps out of each loop that we are in.
    loops: Vec<Vec<usize>>,
    /// Private values by where they are first asked for, and those that are given a value.
    asked: Vec<(usize, ParseError)>,
    given: Vec<usize>,
}

impl<'s, 'p> Compiler<'s, 'p> {
    fn new(scope: &'s mut Scope<'p>) -> Self {
        Self { scope, block: Block::default(), temporaries: 0, loops: vec![], asked: vec![], given: vec![] }
    }

    /// A condition by itself: the loads that it needs, and what is to be true then.
    pub(crate) fn condition(scope: &'s mut Scope<'p>, c: &mut Cursor<'_>) -> Result<(Block, Expr), ParseError> {
        let mut me = Self::new(scope);
        let holds = me.expr(c)?;
        me.asked.into_iter().next().map_or(Ok((me.block, holds)), |(_, error)| Err(error))
    }

    /// The block whose head is line `at`, and the index of the line after it.
    pub(crate) fn block_of(scope: &'s mut Scope<'p>, lines: &[Line], at: usize) -> Result<(Block, usize), ParseError> {
        let mut me = Self::new(scope);
        let next = me.body(lines, at, 1)?;
        let last = lines[next - 1].number;
        me.emit(&lines[next - 1], Op::Halt)?;
        me.block.span = (lines[at].number, last);
        if let Some((_, error)) = me.asked.iter().find(|(l, _)| !me.given.contains(l)) {
            return Err(error.clone());
        }
        Ok((me.block, next))
    }

    pub(crate) fn emit(&mut self, line: &Line, op: Op) -> Result<usize, ParseError> {
        if self.block.ops.len() >= MOST_OPS {
            return Err(ParseError::new(line.number, 1, "the block is too long", "fewer lines", "wait filled"));
        }
        self.block.ops.push(op);
        self.block.lines.push(line.number);
        Ok(self.block.ops.len() - 1)
    }

    /// The lines below the head at `at` that are indented deeper.
    fn body(&mut self, lines: &[Line], at: usize, depth: usize) -> Result<usize, ParseError> {
        let head = &lines[at];
        let first = lines.get(at + 1).filter(|l| l.indent > head.indent);
        let Some(first) = first else {
            let expected = "indented lines below this one";
            return Err(ParseError::new(head.number, head.end, "an empty block", expected, "    nothing"));
        };
        if depth > DEEPEST_BLOCK {
            return Err(ParseError::new(head.number, 1, "too many blocks in each other", "at most 12", "while true:"));
        }
        let mut next = at + 1;
        while let Some(line) = lines.get(next).filter(|l| l.indent > head.indent) {
            if line.indent != first.indent {
                let expected = format!("{} spaces, as in line {}", first.indent, first.number);
                let found = format!("{} spaces", line.indent);
                return Err(ParseError::new(line.number, line.indent + 1, found, &expected, "    wait filled"));
            }
            next = self.statement(lines, next, depth)?;
        }
        Ok(next)
    }

    fn statement(&mut self, lines: &[Line], at: usize, depth: usize) -> Result<usize, ParseError> {
        self.temporaries = 0;
        let line = &lines[at];
        let mut c = Cursor::new(line);
        let head = c.name(KNOWN, "wait filled")?;
        match head {
            "while" => {
                let top = self.block.ops.len();
                let condition = self.expr(&mut c)?;
                colon(&mut c, "while head == tail:")?;
                let out = self.emit(line, Op::Unless(condition, 0))?;
                self.loops.push(vec![out]);
                let next = self.body(lines, at, depth + 1)?;
                self.emit(line, Op::Jump(top))?;
                for jump in self.loops.pop().unwrap_or_default() {
                    self.lands_here(jump);
                }
                return Ok(next);
            }
            "if" => {
                let condition = self.expr(&mut c)?;
                colon(&mut c, "if asleep == 1:")?;
                let skip = self.emit(line, Op::Unless(condition, 0))?;
                let mut next = self.body(lines, at, depth + 1)?;
                let other = lines.get(next).filter(|l| l.indent == line.indent).map(Cursor::new);
                if let Some(mut c) = other.filter(|c| c.word() == Some("else")) {
                    c.at += 1;
                    colon(&mut c, "else:")?;
                    let over = self.emit(&lines[next], Op::Jump(0))?;
                    self.lands_here(skip);
                    next = self.body(lines, next, depth + 1)?;
                    self.lands_here(over);
                } else {
                    self.lands_here(skip);
                }
                return Ok(next);
            }
            "break" => {
                let jump = self.emit(line, Op::Jump(0))?;
                let Some(innermost) = self.loops.last_mut() else {
                    return Err(ParseError::new(
                        line.number,
                        line.indent + 1,
                        "`break` outside of a loop",
                        "a loop around it",
                        "while true:",
                    ));
                };
                innermost.push(jump);
            }
            "nothing" => {}
            "wait" | "post" => {
                let s = self.semaphore(&mut c)?;
                self.emit(line, if head == "wait" { Op::Wait(s) } else { Op::Post(s) })?;
            }
            "use" => {
                let value = self.expr(&mut c)?;
                self.emit(line, Op::Use(value))?;
            }
            "fence" => {
                self.emit(line, Op::Fence)?;
            }
            "enter" | "leave" => {
                let room = self.room(&mut c)?;
                self.emit(line, if head == "enter" { Op::Enter(room) } else { Op::Leave(room) })?;
            }
            "fill" => self.fill(&mut c)?,
            "cas" | "swap" | "add" | "try" => {
                let nobody = self.temporary();
                self.exchange(head, nobody, &mut c)?;
            }
            _ => {
                c.at = 0;
                self.assignment(&mut c)?;
            }
        }
        c.end(if head == "wait" { "wait filled" } else { "x = x + 1" })?;
        Ok(at + 1)
    }

    fn lands_here(&mut self, jump: usize) {
        let here = self.block.ops.len();
        if let Op::Jump(to) | Op::Unless(_, to) = &mut self.block.ops[jump] {
            *to = here;
        }
    }

    fn fill(&mut self, c: &mut Cursor<'_>) -> Result<(), ParseError> {
        const EXAMPLE: &str = "fill slot[n % 3] with n";
        let first = self.place(c, Some(true), EXAMPLE)?;
        c.needs_word("with", EXAMPLE)?;
        let value = self.expr(c)?;
        let second = Place { base: first.base + first.len, ..first.clone() };
        self.emit(c.line, Op::Store(first, value.clone()))?;
        self.emit(c.line, Op::Store(second, value))?;
        Ok(())
    }

    /// `cas`, `swap`, `add` and `try`, after their name: what comes back goes into `to`.
    fn exchange(&mut self, what: &str, to: usize, c: &mut Cursor<'_>) -> Result<(), ParseError> {
        if what == "try" {
            let s = self.semaphore(c)?;
            self.emit(c.line, Op::Try(to, s))?;
            return Ok(());
        }
        let example = match what {
            "cas" => "ok = cas mail, old, new",
            "swap" => "old = swap mail, new",
            _ => "old = add count, 1",
        };
        let place = self.place(c, Some(false), example)?;
        c.needs(",", example)?;
        let first = self.expr(c)?;
        let op = match what {
            "swap" => Op::Swap(to, place, first),
            "add" => Op::Add(to, place, first),
            _ => {
                c.needs(",", example)?;
                Op::Cas(to, place, first, self.expr(c)?)
            }
        };
        self.emit(c.line, op)?;
        Ok(())
    }

    fn assignment(&mut self, c: &mut Cursor<'_>) -> Result<(), ParseError> {
        const EXAMPLE: &str = "x = x + 1";
        let at = c.clone();
        let name = c.name("a name", EXAMPLE)?;
        if self.scope.array(name).is_some() {
            *c = at;
            let place = self.place(c, Some(false), "head = head + 1")?;
            c.needs("=", "head = head + 1")?;
            if let Some(word) = c.word().filter(|w| ["cas", "swap", "add", "try", "read"].contains(w)) {
                let expected = format!("a name of your own: what `{word}` gives back is private");
                return Err(c.error(format!("`{word}` into a shared word"), &expected, "old = add count, 1"));
            }
            let value = self.expr(c)?;
            self.emit(c.line, Op::Store(place, value))?;
            return Ok(());
        }
        if c.sign() != Some("=") {
            let near = nearest(name, KEYWORDS.into_iter());
            let hint = near.filter(|n| *n != name).map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
            return Err(at.error(format!("`{name}` is no command{hint}"), KNOWN, EXAMPLE));
        }
        if KEYWORDS.contains(&name) || self.scope.consts.contains_key(name) || self.is_semaphore(name) {
            let found = if self.is_semaphore(name) {
                format!("`{name}` is a semaphore and cannot be assigned")
            } else {
                format!("`{name}` cannot be assigned")
            };
            return Err(at.error(found, "wait, post or try for a semaphore; a name of your own", "post filled"));
        }
        c.at += 1;
        match c.word() {
            Some("read") => {
                c.at += 1;
                let first = self.place(c, Some(true), "v = read slot[n % 3]")?;
                let second = Place { base: first.base + first.len, ..first.clone() };
                let (a, b) = (self.temporary(), self.temporary());
                self.emit(c.line, Op::Load(a, first))?;
                self.emit(c.line, Op::Load(b, second))?;
                let both = Expr::Binary(Binary::Halves, Box::new((Expr::Local(a), Expr::Local(b))));
                let to = self.give(name, &at)?;
                self.emit(c.line, Op::Set(to, both))?;
            }
            Some(what @ ("cas" | "swap" | "add" | "try")) => {
                c.at += 1;
                let to = self.give(name, &at)?;
                self.exchange(what, to, c)?;
            }
            _ => {
                let value = self.expr(c)?;
                let to = self.give(name, &at)?;
                self.emit(c.line, Op::Set(to, value))?;
            }
        }
        Ok(())
    }

    pub(crate) fn temporary(&mut self) -> usize {
        self.temporaries += 1;
        let name = format!("%{}", self.temporaries);
        self.local(&name)
    }

    fn local(&mut self, name: &str) -> usize {
        let known = self.block.locals.iter().position(|l| l == name);
        known.unwrap_or_else(|| {
            self.block.locals.push(name.to_owned());
            self.block.locals.len() - 1
        })
    }

    fn give(&mut self, name: &str, at: &Cursor<'_>) -> Result<usize, ParseError> {
        let l = self.local(name);
        self.given.push(l);
        self.room_for_locals(at)?;
        Ok(l)
    }

    pub(crate) fn room_for_locals(&self, at: &Cursor<'_>) -> Result<(), ParseError> {
        if self.block.locals.len() > MOST_LOCALS {
            return Err(at.error("too many names in this block", "fewer names, or shorter lines", "x = x + 1"));
        }
        Ok(())
    }

    /// A name in an expression that is neither shared nor a constant.
    pub(crate) fn asks(&mut self, name: &str, at: &Cursor<'_>) -> Result<Expr, ParseError> {
        let known = self
            .scope
            .program
            .arrays
            .iter()
            .map(|a| a.name.as_str())
            .chain(self.scope.consts.keys().map(String::as_str));
        let near = nearest(name, known.chain(self.block.locals.iter().map(String::as_str).filter(|l| *l != name)));
        let hint = near.map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
        let found = if self.is_semaphore(name) {
            format!("`{name}` is a semaphore: its value cannot be read")
        } else {
            format!("`{name}` is never given a value here{hint}")
        };
        let error = at.error(found, "a shared word, a constant, or a name that this block assigns", "x = 0");
        let l = self.local(name);
        self.asked.push((l, error));
        self.room_for_locals(at)?;
        Ok(Expr::Local(l))
    }

    fn is_semaphore(&self, name: &str) -> bool {
        self.scope.program.semaphores.iter().any(|s| s.0 == name)
    }

    fn semaphore(&mut self, c: &mut Cursor<'_>) -> Result<usize, ParseError> {
        let at = c.clone();
        let name = c.name("the name of a semaphore", "post filled")?;
        let all = &self.scope.program.semaphores;
        all.iter().position(|s| s.0 == name).ok_or_else(|| {
            let hint = nearest(name, all.iter().map(|s| s.0.as_str()))
                .map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
            at.error(
                format!("`{name}` is not a semaphore{hint}"),
                "the name of one, declared by `sem`",
                "sem filled = 0",
            )
        })
    }

    fn room(&mut self, c: &mut Cursor<'_>) -> Result<usize, ParseError> {
        let name = c.name("the name of a room", "enter kitchen")?;
        let rooms = &mut self.scope.program.rooms;
        if let Some(k) = rooms.iter().position(|r| r == name) {
            return Ok(k);
        }
        if rooms.len() == MOST_ROOMS {
            return Err(c.error("too many rooms", "at most 4", "enter kitchen"));
        }
        rooms.push(name.to_owned());
        Ok(rooms.len() - 1)
    }
}

fn colon(c: &mut Cursor<'_>, example: &str) -> Result<(), ParseError> {
    c.needs(":", example)?;
    c.end(example)
}
