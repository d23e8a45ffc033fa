//! What is expected of a program: of the frames that are shown, of words in the end, of each process, and at every moment.

use super::compile::{Compiler, Scope};
use super::error::ParseError;
use super::program::{Always, Expect, Of, Program, Share};
use super::scene::{self, Instance};
use super::token::Cursor;
use crate::machine;

const EXAMPLE: &str = "expect once frames";
/// Conditions that always hold, and shares of processes: of each at most so many.
pub const MOST_EXPECTED: usize = 8;

/// `expect once frames`, `expect count = 4, ann adds 2 to count`, `expect ann enters table`, `expect some slot = made`.
pub(super) fn expect(p: &mut Program, mut c: Cursor<'_>, instance: &Instance) -> Result<(), ParseError> {
    loop {
        one(p, &mut c, instance)?;
        if !c.takes(",") {
            return c.end(EXAMPLE);
        }
    }
}

fn one(p: &mut Program, c: &mut Cursor<'_>, instance: &Instance) -> Result<(), ParseError> {
    let at = c.clone();
    let what = c.name("`once`, `repeats`, `latest`, or a shared word", EXAMPLE)?;
    match (what, c.word()) {
        ("once", _) => p.expect = Some((Expect::Once, scene::sum(c, &instance.consts)?)),
        ("repeats", _) => p.expect = Some((Expect::Repeats, scene::sum(c, &instance.consts)?)),
        ("latest", _) => p.expect = Some((Expect::Latest, scene::sum(c, &instance.consts)?)),
        ("some", Some(_)) => {
            const EXAMPLE: &str = "expect some slot = made";
            let here = c.clone();
            let name = c.name("the name of an array", EXAMPLE)?;
            let Some(array) = p.arrays.iter().position(|a| a.name == name) else {
                return Err(here.error(
                    format!("`{name}` is not shared"),
                    "a name declared by `shared` or `frame`",
                    EXAMPLE,
                ));
            };
            c.needs("=", EXAMPLE)?;
            p.some.push((array, scene::sum(c, &instance.consts)?));
        }
        (name, Some("adds" | "enters")) => share(p, c, instance, &at, name)?,
        _ => {
            let index = word(p, c, instance, &at, what)?;
            c.needs("=", "expect count = 4")?;
            p.finals.push((index, scene::sum(c, &instance.consts)?));
        }
    }
    Ok(())
}

/// The index of the word that is called so, and perhaps has an index of its own.
fn word(
    p: &Program,
    c: &mut Cursor<'_>,
    instance: &Instance,
    at: &Cursor<'_>,
    name: &str,
) -> Result<usize, ParseError> {
    let Some(a) = p.arrays.iter().find(|a| a.name == name && !a.frame) else {
        let expected = "`once`, `repeats`, `latest`, or a shared word";
        return Err(at.error(format!("`{name}` is not a shared word"), expected, EXAMPLE));
    };
    if !c.takes("[") {
        return Ok(a.base);
    }
    let here = c.clone();
    let k = scene::sum(c, &instance.consts)?;
    let Some(k) = usize::try_from(k).ok().filter(|k| *k < a.len) else {
        return Err(here.error(format!("index {k}"), "an index in the array", "expect seq[0] = 1"));
    };
    c.needs("]", "expect seq[0] = 1")?;
    Ok(a.base + k)
}

/// `ann adds 2 to count`, `ann enters table`.
fn share(
    p: &mut Program,
    c: &mut Cursor<'_>,
    instance: &Instance,
    at: &Cursor<'_>,
    name: &str,
) -> Result<(), ParseError> {
    const ADDS: &str = "expect ann adds 2 to count";
    let Some(who) = p.processes.iter().position(|q| q.name == name) else {
        return Err(at.error(format!("`{name}` is not a process"), "the name of a process", ADDS));
    };
    let (of, wanted) = if c.takes_word("adds") {
        let wanted = scene::sum(c, &instance.consts)?;
        c.needs_word("to", ADDS)?;
        let here = c.clone();
        let name = c.name("a shared word", ADDS)?;
        (Of::Word(word(p, c, instance, &here, name)?), wanted)
    } else {
        c.at += 1;
        let room = c.name("the name of a room", "expect ann enters table")?;
        // Nobody may have a line that enters it.
        let known = p.rooms.iter().position(|r| r == room);
        let known = known.unwrap_or_else(|| {
            p.rooms.push(room.to_owned());
            p.rooms.len() - 1
        });
        (Of::Room(known), 1)
    };
    if p.shares.len() == MOST_EXPECTED || p.rooms.len() > machine::MOST_ROOMS {
        return Err(at.error("too much is expected", "at most 8 of these, and 4 rooms", ADDS));
    }
    p.shares.push(Share { who, of, wanted });
    Ok(())
}

/// `always account <= head`.
pub(super) fn always(p: &mut Program, mut c: Cursor<'_>, instance: &Instance) -> Result<(), ParseError> {
    const EXAMPLE: &str = "always account <= head";
    let at = c.clone();
    let (block, holds) = Compiler::condition(&mut Scope { program: p, consts: &instance.consts }, &mut c)?;
    c.end(EXAMPLE)?;
    let code = p.code(at.line.number);
    let condition = code.strip_prefix("always").unwrap_or(code).trim().to_owned();
    if p.always.len() == MOST_EXPECTED {
        return Err(at.error("too much is expected", "at most 8 of these", EXAMPLE));
    }
    p.always.push(Always { condition, block, holds });
    match machine::broken(p, &|k| p.words[k].1) {
        Some(fault) => Err(at.error(fault.to_string(), "a condition that holds at the beginning", EXAMPLE)),
        None => Ok(()),
    }
}
