//! One step of a program, over any [`World`]: the model's numbers, or real shared memory and real semaphores.

use serde::Serialize;

use crate::lang::{Binary, Block, Expect, Expr, LARGEST, Of, Op, Place, Program, TORN};

/// A semaphore with more tokens than this only grows.
pub const MOST_TOKENS: i64 = 100;
/// Rooms of a program.
pub(crate) const MOST_ROOMS: usize = 4;
/// Private operations between two steps; more of them never end.
const LONGEST_SILENCE: usize = 4_000;

/// What a step acts on.
#[allow(missing_docs)]
pub trait World {
    fn load(&mut self, word: usize) -> i64;
    fn store(&mut self, word: usize, value: i64);
    /// What the word held; it holds `new` now if that was `old`.
    fn cas(&mut self, word: usize, old: i64, new: i64) -> i64;
    fn swap(&mut self, word: usize, value: i64) -> i64;
    fn add(&mut self, word: usize, value: i64) -> i64;
    fn fence(&mut self);
    /// Whether it got a token. A model says no; the real world sleeps until it has one.
    fn wait(&mut self, semaphore: usize) -> bool;
    fn try_wait(&mut self, semaphore: usize) -> bool;
    /// How many tokens there are now.
    fn post(&mut self, semaphore: usize) -> i64;
    /// A frame is shown.
    fn show(&mut self, frame: i64) -> Result<(), Fault>;
    /// How many are inside now.
    fn enter(&mut self, room: usize) -> i64;
    fn leave(&mut self, room: usize);
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and there are more.
    Ran,
    /// It cannot be done: the process sleeps.
    Sleeps,
    /// It was the last.
    Done,
    /// It went wrong.
    Fault(Fault),
}

/// What can be wrong with one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Fault {
    #[error("it shows a torn frame: one half is of one frame, the other half of another")]
    Torn,
    #[error("it shows an empty slot: nothing was written there yet")]
    Empty,
    #[error("it shows frame {frame} again, after frame {after}")]
    Again { frame: i64, after: i64 },
    #[error("it shows frame {frame} after frame {after}: frame {} is lost", after + 1)]
    Lost { frame: i64, after: i64 },
    #[error("two processes are in the room at the same time")]
    Crowded,
    #[error("from here on `{condition}` does not hold: {values}")]
    Broken { condition: String, values: String },
    #[error("it asks for index {index} of an array of {len}")]
    Index { index: i64, len: usize },
    #[error("it divides by zero")]
    Division,
    #[error("a value reaches {value}: a counter that only grows")]
    Grows { value: i64 },
    #[error("a semaphore reaches {tokens} tokens: it is posted again and again, and nobody takes them")]
    Overflows { tokens: i64 },
    #[error("line {line} goes round for ever without a shared access: nobody else can change what it waits for")]
    Endless { line: usize },
}

/// Whether showing this frame is what was expected; `shown` is the last one before it, and then this one.
///
/// # Errors
/// The frame is torn, empty, late, or another was lost.
pub fn judge(expect: Option<Expect>, shown: &mut i64, frame: i64) -> Result<(), Fault> {
    let Some(expect) = expect else { return Ok(()) };
    let after = *shown;
    let right = match expect {
        Expect::Once => frame == after + 1,
        Expect::Repeats => frame == after + 1 || frame == after && frame > 0,
        Expect::Latest => frame > 0 && frame >= after,
    };
    if right {
        *shown = frame;
        return Ok(());
    }
    Err(match frame {
        TORN => Fault::Torn,
        0 => Fault::Empty,
        _ if frame <= after => Fault::Again { frame, after },
        _ => Fault::Lost { frame, after },
    })
}

/// Which of the conditions that always have to hold does not, with these words in memory.
pub fn broken(p: &Program, word: &dyn Fn(usize) -> i64) -> Option<Fault> {
    p.always.iter().find_map(|a| {
        let (mut locals, mut values) = (vec![0; a.block.locals.len()], vec![]);
        let mut holds = || {
            for op in &a.block.ops {
                if let Op::Load(to, place) = op {
                    let k = address(place, &locals)?;
                    locals[*to] = word(k);
                    values.push(format!("{} is {}", p.words[k].0, locals[*to]));
                }
            }
            eval(&a.holds, &locals)
        };
        match holds() {
            Ok(0) => Some(Fault::Broken { condition: a.condition.clone(), values: values.join(", ") }),
            Ok(_) => None,
            Err(fault) => Some(fault),
        }
    })
}

/// What is wrong with the words in memory where everybody is done.
pub fn wrong_words(p: &Program, word: &dyn Fn(usize) -> i64) -> Option<String> {
    let wrong = p.finals.iter().find(|(k, v)| word(*k) != *v);
    let wrong = wrong.map(|(k, v)| format!("`{}` is {} instead of {v}", p.words[*k].0, word(*k)));
    let lacking = || {
        p.some.iter().find_map(|(array, v)| {
            let a = &p.arrays[*array];
            let whole = |k: &usize| word(a.base + k) == *v && (!a.frame || word(a.base + a.len + k) == *v);
            let none = !(0..a.len).any(|k| whole(&k));
            none.then(|| format!("no `{}` holds {}{v}", a.name, if a.frame { "frame " } else { "" }))
        })
    };
    wrong.or_else(lacking)
}

/// What a process has left to others, or done in their place. `done` is what is counted of each of the program's shares.
pub fn wrong_share(p: &Program, done: &dyn Fn(usize) -> i64) -> Option<String> {
    let (share, done) = p.shares.iter().enumerate().map(|(k, s)| (s, done(k))).find(|(s, done)| *done != s.wanted)?;
    let name = &p.processes[share.who].name;
    Some(match share.of {
        Of::Word(k) => format!("{name} itself has added {done} to `{}` instead of {}", p.words[k].0, share.wanted),
        Of::Room(k) => format!("{name} has entered `{}` {done} times instead of once", p.rooms[k]),
    })
}

/// The value of an expression.
///
/// # Errors
/// Division by zero.
pub fn eval(e: &Expr, locals: &[i64]) -> Result<i64, Fault> {
    let (op, a, b) = match e {
        Expr::Number(n) => return Ok(*n),
        Expr::Local(l) => return Ok(locals[*l]),
        Expr::Binary(op, both) => (*op, eval(&both.0, locals)?, eval(&both.1, locals)?),
    };
    Ok(match op {
        Binary::Add => a.saturating_add(b),
        Binary::Subtract => a.saturating_sub(b),
        Binary::Multiply => a.saturating_mul(b),
        Binary::Divide => a.checked_div_euclid(b).ok_or(Fault::Division)?,
        Binary::Modulo => a.checked_rem_euclid(b).ok_or(Fault::Division)?,
        Binary::Equal => i64::from(a == b),
        Binary::Unequal => i64::from(a != b),
        Binary::Less => i64::from(a < b),
        Binary::LessOrEqual => i64::from(a <= b),
        Binary::Greater => i64::from(a > b),
        Binary::GreaterOrEqual => i64::from(a >= b),
        Binary::And => i64::from(a != 0 && b != 0),
        Binary::Or => i64::from(a != 0 || b != 0),
        Binary::Halves => {
            if a == b {
                a
            } else {
                TORN
            }
        }
    })
}

/// The word that a place means.
///
/// # Errors
/// An index outside of the array.
pub fn address(place: &Place, locals: &[i64]) -> Result<usize, Fault> {
    let index = eval(&place.index, locals)?;
    let found = usize::try_from(index).ok().filter(|i| *i < place.len);
    found.map(|i| place.base + i).ok_or(Fault::Index { index, len: place.len })
}

/// What may be stored.
fn bounded(value: i64) -> Result<i64, Fault> {
    if value.abs() > LARGEST { Err(Fault::Grows { value }) } else { Ok(value) }
}

/// Runs what nobody can see, up to the next step.
///
/// # Errors
/// What is wrong with it: most of all, that it never ends.
pub fn settle<W: World>(block: &Block, pc: &mut usize, locals: &mut [i64], world: &mut W) -> Result<(), Fault> {
    for _ in 0..LONGEST_SILENCE {
        match &block.ops[*pc] {
            Op::Set(to, e) => locals[*to] = bounded(eval(e, locals)?)?,
            Op::Own(to, place) => locals[*to] = world.load(address(place, locals)?),
            Op::Jump(to) => {
                *pc = *to;
                continue;
            }
            Op::Unless(e, to) => {
                if eval(e, locals)? == 0 {
                    *pc = *to;
                    continue;
                }
            }
            _ => return Ok(()),
        }
        *pc += 1;
    }
    Err(Fault::Endless { line: block.lines[*pc] })
}

/// Forgets the private values that are not asked for again.
pub fn forget(block: &Block, pc: usize, locals: &mut [i64]) {
    let live = block.live.get(pc).copied().unwrap_or(0);
    for (i, l) in locals.iter_mut().enumerate() {
        if live & (1 << i) == 0 {
            *l = 0;
        }
    }
}

/// One step: the shared access at `pc`, and what is private after it.
pub fn step<W: World>(block: &Block, pc: &mut usize, locals: &mut [i64], world: &mut W) -> Outcome {
    match access(&block.ops[*pc], locals, world) {
        Err(fault) => return Outcome::Fault(fault),
        Ok(false) => return Outcome::Sleeps,
        Ok(true) => {}
    }
    if !matches!(block.ops[*pc], Op::Halt) {
        *pc += 1;
    }
    match settle(block, pc, locals, world) {
        Err(fault) => Outcome::Fault(fault),
        Ok(()) if matches!(block.ops[*pc], Op::Halt) => Outcome::Done,
        Ok(()) => Outcome::Ran,
    }
}

fn access<W: World>(op: &Op, locals: &mut [i64], world: &mut W) -> Result<bool, Fault> {
    match op {
        Op::Load(to, place) => locals[*to] = world.load(address(place, locals)?),
        Op::Store(place, e) => world.store(address(place, locals)?, bounded(eval(e, locals)?)?),
        Op::Cas(to, place, old, new) => {
            let (old, new) = (eval(old, locals)?, bounded(eval(new, locals)?)?);
            locals[*to] = i64::from(world.cas(address(place, locals)?, old, new) == old);
        }
        Op::Swap(to, place, e) => locals[*to] = world.swap(address(place, locals)?, bounded(eval(e, locals)?)?),
        Op::Add(to, place, e) => {
            let (at, by) = (address(place, locals)?, bounded(eval(e, locals)?)?);
            let before = world.add(at, by);
            bounded(before + by)?;
            locals[*to] = before;
        }
        Op::Wait(s) => return Ok(world.wait(*s)),
        Op::Try(to, s) => locals[*to] = i64::from(world.try_wait(*s)),
        Op::Post(s) => {
            let tokens = world.post(*s);
            if tokens > MOST_TOKENS {
                return Err(Fault::Overflows { tokens });
            }
        }
        Op::Use(e) => world.show(eval(e, locals)?)?,
        Op::Enter(room) => {
            if world.enter(*room) > 1 {
                return Err(Fault::Crowded);
            }
        }
        Op::Leave(room) => world.leave(*room),
        Op::Fence => world.fence(),
        Op::Set(..) | Op::Jump(_) | Op::Unless(..) | Op::Own(..) | Op::Halt => {}
    }
    Ok(true)
}
