//! What stands at the margin: words, frames, semaphores, what is expected, and the heads of the blocks.

use super::compile::{Compiler, Scope};
use super::error::ParseError;
use super::expect::{always, expect};
use super::private;
use super::program::{Array, Block, Memory, Op, Process, Program};
use super::scene::{self, Instance};
use super::token::{Cursor, Kind, Line};
use super::{KEYWORDS, nearest};

const MOST_WORDS: usize = 48;
const LONGEST_ARRAY: i64 = 16;
const MOST_SEMAPHORES: usize = 8;
/// Processes of a program; their letters are `a` to `d`.
pub const MOST_PROCESSES: usize = 4;
const KNOWN: &str = "one of shared, frame, sem, const, scene, expect, always, deaths, memory, process, after death of";

pub(crate) fn program(lines: &[Line], text: &[String], instance: Instance) -> Result<Program, ParseError> {
    let mut p = Program {
        text: text.to_vec(),
        scene: instance.scene.clone(),
        size: instance.size.clone(),
        constants: instance.consts.keys().cloned().collect(),
        ..Program::default()
    };
    let (expects, at_all_times) = declarations(&mut p, lines, &instance)?;
    blocks(&mut p, lines, &instance)?;
    if p.processes.is_empty() {
        let last = lines.last().map_or(1, |l| l.number);
        return Err(ParseError::new(last, 1, "there is no process", "at least one", "process ann:"));
    }
    // They name processes and rooms, too.
    expects.into_iter().try_for_each(|c| expect(&mut p, c, &instance))?;
    at_all_times.into_iter().try_for_each(|c| always(&mut p, c, &instance))?;
    p.deaths = instance.deaths.unwrap_or(p.deaths);
    for (names, rests) in [(&instance.rests, true), (&instance.may_sleep, false)] {
        for (name, error) in names {
            let process = p.processes.iter_mut().find(|q| q.name == *name).ok_or_else(|| error.clone())?;
            *if rests { &mut process.rests } else { &mut process.may_sleep } = true;
        }
    }
    private::settle(&mut p);
    Ok(p)
}

/// The lines that begin with `expect`, and those that begin with `always`, behind that word.
type Expected<'l> = (Vec<Cursor<'l>>, Vec<Cursor<'l>>);

fn declarations<'l>(p: &mut Program, lines: &'l [Line], instance: &Instance) -> Result<Expected<'l>, ParseError> {
    let (mut expects, mut at_all_times) = (vec![], vec![]);
    for line in lines.iter().filter(|l| l.indent == 0) {
        let mut c = Cursor::new(line);
        let head = c.name(KNOWN, "shared count = 0")?;
        match head {
            "shared" | "frame" => loop {
                array(p, &mut c, head == "frame", instance)?;
                if !c.takes(",") {
                    c.end("shared head = 0, tail = 0")?;
                    break;
                }
            },
            "sem" => loop {
                semaphore(p, &mut c, instance)?;
                if !c.takes(",") {
                    c.end("sem filled = 0, empty = 3")?;
                    break;
                }
            },
            "expect" => expects.push(c),
            "always" => at_all_times.push(c),
            "deaths" => {
                p.deaths = scene::deaths(&mut c)?;
                c.end("deaths 2")?;
            }
            "memory" => {
                p.memory = match c.word() {
                    Some("tso") => Memory::Tso,
                    Some("sequential") => Memory::Sequential,
                    _ => return Err(c.unexpected("`sequential` or `tso`", "memory tso")),
                };
                c.at += 1;
                c.end("memory tso")?;
            }
            "process" | "after" | "const" | "scene" => {}
            other => {
                c.at = 0;
                let near = nearest(
                    other,
                    ["shared", "frame", "sem", "const", "expect", "always", "process", "after"].into_iter(),
                );
                let mut found = format!("`{other}` at the margin");
                if let Some(n) = near {
                    found += &format!(" (did you mean `{n}`?)");
                }
                return Err(c.error(found, KNOWN, "shared count = 0"));
            }
        }
    }
    Ok((expects, at_all_times))
}

/// A name that nothing else has.
fn fresh<'a>(p: &Program, c: &mut Cursor<'a>, instance: &Instance, example: &str) -> Result<&'a str, ParseError> {
    let at = c.clone();
    let name = c.name("a name", example)?;
    let taken = KEYWORDS.contains(&name)
        || p.arrays.iter().any(|a| a.name == name)
        || p.semaphores.iter().any(|s| s.0 == name)
        || instance.consts.contains_key(name);
    if taken { Err(at.error(format!("`{name}` is already taken"), "a new name", example)) } else { Ok(name) }
}

fn array(p: &mut Program, c: &mut Cursor<'_>, frame: bool, instance: &Instance) -> Result<(), ParseError> {
    let example = if frame { "frame slot[3]" } else { "shared seq[3] = 0, released = 0" };
    let name = fresh(p, c, instance, example)?;
    let mut len = 1;
    let mut listed = false;
    if c.takes("[") {
        let at = c.clone();
        len = scene::sum(c, &instance.consts)?;
        if !(1..=LONGEST_ARRAY).contains(&len) {
            return Err(at.error(format!("a length of {len}"), "a length from 1 to 16", example));
        }
        c.needs("]", example)?;
        listed = true;
    }
    let mut first = vec![];
    if c.takes("=") {
        first.push(scene::sum(c, &instance.consts)?);
        while listed && matches!(c.peek(), Some(Kind::Number(_))) {
            first.push(scene::sum(c, &instance.consts)?);
        }
    }
    let len = usize::try_from(len).unwrap_or(1);
    if first.len() > len {
        return Err(c.error(format!("{} values for {len} words", first.len()), "as many values as words", example));
    }
    let base = p.words.len();
    for half in 0..=usize::from(frame) {
        for k in 0..len {
            let index = if listed { format!("[{k}]") } else { String::new() };
            let value = first.get(k).or(first.first()).copied().unwrap_or(0);
            p.words.push((format!("{name}{index}{}", "'".repeat(half)), value));
        }
    }
    if p.words.len() > MOST_WORDS {
        return Err(c.error("too many words", "at most 48 in all", example));
    }
    p.arrays.push(Array { name: name.into(), base, len, frame, line: c.line.number });
    Ok(())
}

fn semaphore(p: &mut Program, c: &mut Cursor<'_>, instance: &Instance) -> Result<(), ParseError> {
    const EXAMPLE: &str = "sem filled = 0, empty = 3";
    let name = fresh(p, c, instance, EXAMPLE)?;
    c.needs("=", EXAMPLE)?;
    let at = c.clone();
    let value = scene::sum(c, &instance.consts)?;
    if !(0..=crate::machine::MOST_TOKENS).contains(&value) {
        return Err(at.error(format!("{value} tokens"), "a number from 0 to 100", EXAMPLE));
    }
    if p.semaphores.len() == MOST_SEMAPHORES {
        return Err(at.error("too many semaphores", "at most 8", EXAMPLE));
    }
    p.semaphores.push((name.into(), value));
    Ok(())
}

fn blocks(p: &mut Program, lines: &[Line], instance: &Instance) -> Result<(), ParseError> {
    let mut at = 0;
    let mut recoveries: Vec<(String, Block, ParseError)> = vec![];
    while at < lines.len() {
        let line = &lines[at];
        let mut c = Cursor::new(line);
        if line.indent > 0 {
            return Err(c.error("an indented line without a block", "a line at the margin", "process ann:"));
        }
        let head = c.next();
        let recovers = *head.unwrap_or(&Kind::Number(0)) == Kind::Name("after".into());
        if recovers {
            const EXAMPLE: &str = "after death of consumer:";
            c.needs_word("death", EXAMPLE)?;
            c.needs_word("of", EXAMPLE)?;
        } else if *head.unwrap_or(&Kind::Number(0)) != Kind::Name("process".into()) {
            at += 1;
            continue;
        }
        let here = c.clone();
        let name = c.name("the name of a process", "process ann:")?.to_owned();
        c.needs(":", "process ann:")?;
        c.end("process ann:")?;
        let mut scope = Scope { program: p, consts: &instance.consts };
        let (block, next) = Compiler::block_of(&mut scope, lines, at)?;
        let known = if recovers {
            recoveries.iter().any(|r| r.0 == name)
        } else {
            p.processes.iter().any(|q| q.name == name) || KEYWORDS.contains(&name.as_str())
        };
        if known {
            return Err(here.error(format!("`{name}` has one already"), "another name", "process bob:"));
        }
        if recovers {
            let error =
                here.error(format!("`{name}` is not a process"), "the name of a process", "after death of bob:");
            recoveries.push((name, block, error));
        } else if p.processes.len() == MOST_PROCESSES {
            return Err(here.error("too many processes", "at most 4", "process bob:"));
        } else {
            let idle = Block { ops: vec![Op::Halt], lines: vec![0], ..Block::default() };
            p.processes.push(Process { name, block, recovery: idle, ..Process::default() });
        }
        at = next;
    }
    for (name, block, error) in recoveries {
        p.processes.iter_mut().find(|q| q.name == name).ok_or(error)?.recovery = block;
    }
    Ok(())
}
