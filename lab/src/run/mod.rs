//! Replaying one schedule in the model: what each step did, in words, and how everything stood after it.

mod moment;

pub use moment::{End, Moment, ProcessView, SemaphoreView, Told};

use serde::Serialize;

use crate::lang::{Block, Op, Place, Program, TORN};
use crate::machine::{address, eval};
use crate::model::{Effect, Life, Model, State};
use crate::schedule::{self, Act};

/// A schedule that was replayed. It stops at the first step that goes wrong.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Run {
    pub schedule: String,
    pub moments: Vec<Moment>,
    pub end: End,
}

/// Replays a schedule.
pub fn replay(program: &Program, acts: &[Act]) -> Run {
    let mut r = Replay::new(program);
    for act in acts {
        if matches!(r.end, End::Fault(_)) {
            break;
        }
        r.act(*act);
    }
    Run { schedule: schedule::print(acts), moments: r.moments, end: r.end }
}

/// The steps alone.
pub fn tell(program: &Program, acts: &[Act]) -> Vec<Told> {
    replay(program, acts).moments.into_iter().filter_map(|m| m.told).collect()
}

/// A run that goes on step by step, as on a screen.
pub struct Replay<'p> {
    model: Model<'p>,
    state: State,
    asleep: Vec<Option<usize>>,
    ghosts: Vec<usize>,
    /// Everything so far; the first is the beginning.
    pub moments: Vec<Moment>,
    /// How it stands.
    pub end: End,
}

impl<'p> Replay<'p> {
    /// Before the first step.
    pub fn new(program: &'p Program) -> Self {
        let model = Model::keeping(program);
        let mut me = Self {
            state: vec![],
            asleep: vec![None; program.processes.len()],
            ghosts: vec![0; program.semaphores.len()],
            moments: vec![],
            end: End::Open,
            model,
        };
        match me.model.first() {
            Ok(first) => {
                me.state = first;
                me.end = me.ended();
                me.see(None);
            }
            Err((i, fault)) => {
                me.state = me.model.blank();
                me.end = End::Fault(format!("{}: {fault}", program.processes[i].name));
                me.see(None);
            }
        }
        me
    }

    /// The state, for goals.
    pub fn state(&self) -> &[i16] {
        &self.state
    }

    /// One step. What cannot happen changes nothing, and says why.
    pub fn act(&mut self, act: Act) {
        if matches!(self.end, End::Fault(_)) {
            return;
        }
        let before = self.state.clone();
        let (who, line, code) = self.names(act);
        let plan = self.plan(act);
        let effect = self.model.act(&mut self.state, act);
        let says = match &effect {
            Effect::Impossible => self.why_not(act),
            Effect::Fault(f) => f.to_string(),
            Effect::Happened => self.happened(act, plan),
        };
        let wrong = matches!(effect, Effect::Fault(_));
        if let Effect::Fault(f) = &effect {
            self.end = End::Fault(format!("{who}: {f}"));
            self.state = before;
        }
        let told = Told { act: schedule::print(&[act]), who, line, code, says, wrong };
        if !wrong {
            self.end = self.ended();
        }
        self.see(Some(told));
    }

    fn ended(&self) -> End {
        let m = &self.model;
        if m.is_over(&self.state) {
            return m.wrong_end(&self.state).map_or(End::Over, End::WrongEnd);
        }
        let moves = |a: &Act| !matches!(a, Act::Kill(_)) && m.act(&mut self.state.clone(), *a) != Effect::Impossible;
        if m.acts().iter().any(moves) { End::Open } else { End::Stuck(m.whereabouts(&self.state)) }
    }

    /// Who acts, and on which of its lines.
    fn names(&self, act: Act) -> (String, usize, String) {
        let p = self.model.program;
        match act {
            Act::Step(i) if i < p.processes.len() => {
                let q = &p.processes[i];
                let line = q.block.lines[self.model.pc(&self.state, i)];
                (q.name.clone(), line, p.code(line).to_owned())
            }
            Act::Recover => {
                let found = self.model.recovering(&self.state);
                let (line, code) = match found {
                    Some((who, pc, _)) if matches!(p.processes[who].recovery.ops[pc], Op::Halt) => (0, String::new()),
                    Some((who, pc, _)) => {
                        let line = p.processes[who].recovery.lines[pc];
                        (line, p.code(line).to_owned())
                    }
                    None => (0, String::new()),
                };
                ("recovery".into(), line, code)
            }
            Act::Step(i) | Act::Kill(i) | Act::Flush(i) => {
                (p.processes.get(i).map_or("nobody".into(), |q| q.name.clone()), 0, String::new())
            }
        }
    }

    /// What the next access of this act will be, in words.
    fn plan(&self, act: Act) -> String {
        let p = self.model.program;
        match act {
            Act::Step(i) if i < p.processes.len() => {
                let (pc, locals) = (self.model.pc(&self.state, i), self.model.locals(&self.state, i));
                self.access(&p.processes[i].block, pc, &locals, Some(i))
            }
            Act::Recover => match self.model.recovering(&self.state) {
                Some((who, pc, locals)) => {
                    let block = &p.processes[who].recovery;
                    if matches!(block.ops[pc], Op::Halt) {
                        format!("starts {} again", p.processes[who].name)
                    } else {
                        self.access(block, pc, &locals, None)
                    }
                }
                None => String::new(),
            },
            Act::Flush(i) => self.model.buffered(&self.state, i).first().map_or(String::new(), |(word, value)| {
                format!("its store reaches memory: `{}` is {value} for everybody now", p.words[*word].0)
            }),
            _ => String::new(),
        }
    }

    fn access(&self, block: &Block, pc: usize, locals: &[i64], who: Option<usize>) -> String {
        let p = self.model.program;
        let word = |place: &Place| address(place, locals).ok();
        let name = |place: &Place| word(place).map_or("?".into(), |w| p.words[w].0.clone());
        let seen = |place: &Place| {
            let Some(w) = word(place) else { return 0 };
            let own = who.and_then(|i| self.model.buffered(&self.state, i).into_iter().rev().find(|b| b.0 == w));
            own.map_or(self.model.word(&self.state, w), |b| b.1)
        };
        let value = |e| eval(e, locals).unwrap_or(0);
        match &block.ops[pc] {
            Op::Load(_, x) => {
                let what = name(x);
                let half =
                    if p.arrays.iter().any(|a| a.frame && (a.base..a.base + 2 * a.len).contains(&word(x).unwrap_or(0)))
                    {
                        "reads one half: "
                    } else {
                        "looks: "
                    };
                format!("{half}`{what}` is {}", seen(x))
            }
            Op::Store(x, e) => {
                let later =
                    if who.is_some_and(|i| self.buffers(i)) { " (in its buffer: nobody else sees it yet)" } else { "" };
                format!("stores: `{}` = {}{later}", name(x), value(e))
            }
            Op::Cas(_, x, old, new) if seen(x) == value(old) => {
                format!("`{}` is {} as it expected, and becomes {}", name(x), value(old), value(new))
            }
            Op::Cas(_, x, old, _) => {
                format!("`{}` is {} and not {} any more: not stored", name(x), seen(x), value(old))
            }
            Op::Swap(_, x, e) => format!("`{}` was {}, and becomes {}", name(x), seen(x), value(e)),
            Op::Add(_, x, e) => format!("`{}` was {}, and becomes {}", name(x), seen(x), seen(x) + value(e)),
            Op::Wait(k) | Op::Try(_, k) => {
                let tokens = self.model.tokens(&self.state, *k);
                let woken = who.is_some_and(|i| self.asleep[i] == Some(*k));
                match tokens {
                    0 => format!("`{}` is 0: it gets no token and goes on", p.semaphores[*k].0),
                    n => format!(
                        "{}takes a token of `{}`: {} left",
                        if woken { "wakes up and " } else { "" },
                        p.semaphores[*k].0,
                        n - 1
                    ),
                }
            }
            Op::Post(k) => {
                let asleep: Vec<&str> = (0..p.processes.len())
                    .filter(|i| self.asleep[*i] == Some(*k))
                    .map(|i| p.processes[i].name.as_str())
                    .collect();
                let wakes =
                    if asleep.is_empty() { String::new() } else { format!("; {} can wake up", asleep.join(" or ")) };
                format!("posts `{}`: {} now{wakes}", p.semaphores[*k].0, self.model.tokens(&self.state, *k) + 1)
            }
            Op::Use(e) if value(e) == TORN => "shows a torn frame".into(),
            Op::Use(e) => format!("shows frame {}", value(e)),
            Op::Enter(k) => format!("goes into `{}`", p.rooms[*k]),
            Op::Leave(k) => format!("leaves `{}`", p.rooms[*k]),
            Op::Fence => "all its stores have reached memory".into(),
            _ => String::new(),
        }
    }

    fn buffers(&self, _i: usize) -> bool {
        self.model.program.memory == crate::lang::Memory::Tso
    }

    fn happened(&mut self, act: Act, plan: String) -> String {
        match act {
            Act::Step(i) => {
                self.asleep[i] = None;
                match self.model.life(&self.state, i) {
                    Life::Done => format!("{plan}; and is done"),
                    Life::Rests => format!("{plan}; and rests"),
                    _ => plan,
                }
            }
            Act::Kill(i) => {
                let slept = self.asleep[i].take();
                if let Some(k) = slept {
                    self.ghosts[k] += 1;
                    let name = &self.model.program.semaphores[k].0;
                    return format!("SIGKILL, in its sleep: `{name}` still counts it among those who sleep");
                }
                "SIGKILL: what was private is gone".into()
            }
            _ => plan,
        }
    }

    /// Why an act does nothing. A step at an empty semaphore is how a process falls asleep.
    fn why_not(&mut self, act: Act) -> String {
        let p = self.model.program;
        match act {
            Act::Step(i) if i < p.processes.len() => match self.model.life(&self.state, i) {
                Life::Alive if self.model.drains_first(&self.state, i) => {
                    format!("waits until its stores have reached memory: `{}`", schedule::print(&[Act::Flush(i)]))
                }
                Life::Alive => {
                    let op = &p.processes[i].block.ops[self.model.pc(&self.state, i)];
                    let Op::Wait(k) = op else { return "cannot go on".into() };
                    let again = self.asleep[i].replace(*k).is_some();
                    format!(
                        "{} at `{}`, which is 0",
                        if again { "still sleeps" } else { "falls asleep" },
                        p.semaphores[*k].0
                    )
                }
                Life::Rests => "rests: it takes no more steps".into(),
                Life::Done => "is done: it takes no more steps".into(),
                Life::Dead => "is dead".into(),
            },
            Act::Kill(_) => "is not there to be killed".into(),
            Act::Recover if self.model.recovering(&self.state).is_none() => "nobody is dead: nothing to recover".into(),
            Act::Recover => "recovery sleeps".into(),
            _ => "none of its stores is waiting".into(),
        }
    }

    fn see(&mut self, told: Option<Told>) {
        let (m, s, p) = (&self.model, &self.state, self.model.program);
        let name_of = |i: usize| p.processes[i].name.clone();
        let semaphores = p.semaphores.iter().enumerate().map(|(k, x)| SemaphoreView {
            name: x.0.clone(),
            tokens: m.tokens(s, k),
            sleepers: (0..p.processes.len()).filter(|i| self.asleep[*i] == Some(k)).map(name_of).collect(),
            ghosts: self.ghosts[k],
        });
        let processes = p.processes.iter().enumerate().map(|(i, q)| {
            let life = m.life(s, i);
            let asleep_at = self.asleep[i].map(|k| p.semaphores[k].0.clone());
            let state = match life {
                Life::Alive if asleep_at.is_some() => "asleep",
                Life::Alive => "ready",
                Life::Rests => "rests",
                Life::Done => "done",
                Life::Dead => "dead",
            };
            let alive = life == Life::Alive;
            let named =
                q.block.locals.iter().cloned().zip(m.locals(s, i)).filter(|(n, _)| alive && !n.starts_with('%'));
            ProcessView {
                name: q.name.clone(),
                state,
                asleep_at,
                line: if alive { q.block.lines[m.pc(s, i)] } else { 0 },
                private: named.collect(),
                buffered: m.buffered(s, i).into_iter().map(|(w, v)| (p.words[w].0.clone(), v)).collect(),
            }
        });
        let recovery = m.recovering(s).map(|(who, pc, _)| {
            let r = &p.processes[who].recovery;
            (name_of(who), if matches!(r.ops[pc], Op::Halt) { 0 } else { r.lines[pc] })
        });
        let moment = Moment {
            told,
            words: p.words.iter().enumerate().map(|(k, w)| (w.0.clone(), m.word(s, k))).collect(),
            semaphores: semaphores.collect(),
            processes: processes.collect(),
            recovery,
            shown: m.shown(s),
        };
        self.moments.push(moment);
    }
}
