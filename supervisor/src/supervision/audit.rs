//! What must hold of the machine in every world, checked from outside: by what it was told, what it wants done, and what
//! processes there are.

use std::collections::VecDeque;

use tricine_channel::sys::process::Exit;

use super::duty::State;
use super::process::Process;
use super::world::Token;
use super::{Action, Event, GRACE_NS, Kinds, MS, Plan, Say, Supervision, UNKILLABLE_NS};
use crate::report::Ended;

/// Keeps the books.
pub(super) struct Audit {
    plan: Plan,
    /// The first thing that was not as it must be.
    pub(super) wrong: Option<String>,
    pub(super) done: bool,
    /// What the current input holds, once the source has said so; `None` between two inputs.
    playing: Option<Option<Kinds>>,
    serial: Option<u32>,
    /// The role and the token of the death that is being told of.
    dead: Option<(usize, Token)>,
    recovered: bool,
    /// Why there may be another input: the user, a failure, or an end.
    over: bool,
    /// Somebody has said that an input is over of which the source has not said what it holds.
    early: bool,
    ended: Vec<Option<u32>>,
    /// Those that have the rest in hand, or have ended.
    ending: Vec<Option<u32>>,
    /// There may be another opening, since the last one came to nothing.
    vain: bool,
    /// What was opened last may begin.
    due: bool,
    /// The next input is being opened, or open, while this one plays.
    early_open: bool,
    roles: Vec<Books>,
    replaced: Vec<VecDeque<u64>>,
    again: usize,
    /// The user wants it to be read anew.
    reopened: bool,
    janitor_dead: Option<u64>,
    janitors: VecDeque<u64>,
    stopping_since: Option<u64>,
    opening_since: Option<u64>,
    holds: Kinds,
    /// Those of them whose ends count.
    ends: Kinds,
}

/// What is known of a role.
#[derive(Debug, Default, Clone)]
struct Books {
    crashes: VecDeque<u64>,
    hangs: u32,
    hung_at: Option<u64>,
    /// What the machine has done to the process that there is.
    told: bool,
    killed: bool,
    aborted: bool,
    failed: bool,
    /// The last deaths that may have been the data's fault: how much was achieved, and what was held.
    deaths: Vec<(u64, Option<(usize, u64)>)>,
    /// Some limit was passed: the session has to end.
    bankrupt: bool,
}

fn within(times: &mut VecDeque<u64>, now_ns: u64, period_ns: u64) -> usize {
    times.push_back(now_ns);
    times.retain(|&at| at == now_ns || now_ns - at < period_ns);
    times.len()
}

fn own(exit: Exit) -> bool {
    // SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS; a panic.
    matches!(exit, Exit::Signal(4 | 6 | 7 | 8 | 11 | 31) | Exit::Code(70))
}

impl Audit {
    pub(super) fn new(plan: &Plan) -> Self {
        let roles = plan.takes.len();
        Self {
            wrong: None,
            done: false,
            playing: None,
            serial: None,
            dead: None,
            recovered: false,
            over: true,
            early: false,
            ended: vec![None; roles],
            ending: vec![None; roles],
            vain: false,
            due: false,
            early_open: false,
            roles: vec![Books::default(); roles],
            replaced: vec![VecDeque::new(); plan.kinds],
            again: 0,
            reopened: false,
            janitor_dead: None,
            janitors: VecDeque::new(),
            stopping_since: None,
            opening_since: None,
            holds: Kinds::default(),
            ends: Kinds::default(),
            plan: plan.clone(),
        }
    }

    /// The current input is over.
    fn go_on(&mut self) {
        self.roles[self.plan.source].told |= self.playing.is_some();
        (self.playing, self.over, self.due, self.early_open) = (None, false, true, false);
    }

    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.wrong.is_none() {
            self.wrong = Some(what());
        }
    }

    fn period_ns(&self) -> u64 {
        self.plan.limit.period.as_nanos() as u64
    }

    /// Something is about to be told to the machine.
    pub(super) fn hear(&mut self, now_ns: u64, event: &Event<Token>, achieved: &[u64]) {
        self.dead = None;
        self.recovered = false;
        let period_ns = self.period_ns();
        match *event {
            Event::Failed { role } => self.roles[role].failed = true,
            Event::Opened { role, tracks, aside, .. } if role == self.plan.source => {
                // Of a second word on the same input, only what may be left aside is news.
                self.holds = self.playing.flatten().unwrap_or(tracks);
                let others = Kinds(self.holds.0 & !aside.0);
                self.ends = if others.and(self.plan.wanted).is_empty() { self.holds } else { others };
                self.roles[role].failed |= tracks.and(self.plan.wanted).is_empty();
            }
            Event::Ended { role, serial } => {
                if Some(serial) == self.serial {
                    self.ended[role] = Some(serial);
                    self.ending[role] = Some(serial);
                }
                self.over |= self.all(&self.ended);
                self.early |= self.playing == Some(None) && Some(serial) == self.serial;
            }
            Event::Ending { role, serial } => {
                if Some(serial) == self.serial {
                    self.ending[role] = Some(serial);
                }
                self.early |= self.playing == Some(None) && Some(serial) == self.serial;
            }
            Event::Next => self.over = true,
            Event::Open | Event::NoneLeft if self.playing.is_some() => {
                self.opening_since = None;
                self.early_open &= matches!(event, Event::Open);
            }
            Event::NotOpen | Event::Unfolded => self.vain = true,
            Event::Opening | Event::Rebased => self.opening_since = self.opening_since.map(|_| now_ns),
            Event::Reopened if self.playing.is_some() => {
                self.roles[self.plan.source].told = true;
                (self.playing, self.reopened) = (None, true);
            }
            Event::NoJanitor => {
                let many = within(&mut self.janitors, now_ns, period_ns) > self.plan.limit.intensity;
                self.janitor_dead = if many { None } else { self.janitor_dead.or(Some(now_ns)) };
            }
            Event::NotStarted { role } => {
                let many = within(&mut self.roles[role].crashes, now_ns, period_ns) > self.plan.limit.intensity;
                self.roles[role].bankrupt |= many;
            }
            Event::Exited { role, ref death } => {
                self.dead = Some((role, death.reaped));
                let intensity = self.plan.limit.intensity;
                let source = role == self.plan.source;
                let books = &mut self.roles[role];
                // What the machine has told to go, it may think of as it likes.
                let hung = books.aborted && !books.told;
                let own_doing = !books.told && !books.killed;
                if hung {
                    let again = books.hung_at.replace(achieved[role]) == Some(achieved[role]);
                    books.hangs = if again { books.hangs + 1 } else { 1 };
                    books.bankrupt |= books.hangs >= 3;
                }
                if hung || own_doing && !(source && books.failed) {
                    let many = within(&mut books.crashes, now_ns, period_ns) > intensity;
                    books.bankrupt |= many;
                }
                if own_doing && !hung && !books.failed && own(death.exit) {
                    books.deaths.push((achieved[role], death.held));
                }
            }
            _ => {}
        }
    }

    /// Whether all that count have said so of the current serial.
    fn all(&self, said: &[Option<u32>]) -> bool {
        let playing = matches!(self.playing, Some(Some(_)));
        let over = |role: usize| !self.needs(role, Some(self.ends)) || said[role] == self.serial;
        playing && (0..said.len()).all(|role| role == self.plan.source || over(role))
    }

    fn needs(&self, role: usize, tracks: Option<Kinds>) -> bool {
        let takes = self.plan.takes[role].and(self.plan.wanted);
        role == self.plan.source || !takes.and(tracks.unwrap_or(Kinds(u8::MAX))).is_empty()
    }

    /// The machine wants something done.
    pub(super) fn look(
        &mut self,
        now_ns: u64,
        action: &Action<Token>,
        processes: &[Option<Process>],
        generations: &[Vec<u64>],
    ) {
        let source = self.plan.source;
        match *action {
            Action::Start { role, skip } => {
                self.must(processes[role].is_none(), || format!("a second process of role {role}"));
                self.must(self.stopping_since.is_none(), || format!("role {role} started during the end"));
                let twice = matches!(self.roles[role].deaths[..], [.., (a, _), (b, _)] if a == b);
                self.must(!skip || role == source && twice, || "the source skips without having died twice".into());
                let Books { crashes, hangs, hung_at, deaths, .. } = std::mem::take(&mut self.roles[role]);
                self.roles[role] = Books { crashes, hangs, hung_at, deaths, ..Books::default() };
            }
            Action::Quit { role } => self.roles[role].told = true,
            Action::Abort { role } => self.roles[role].aborted = true,
            Action::Kill { role } => self.roles[role].killed = true,
            Action::Recover { role, reaped, .. } => {
                self.must(self.dead == Some((role, reaped)), || format!("recovery of {role} without a death"));
                self.must(!self.recovered, || format!("{role} recovered twice"));
                self.recovered = true;
            }
            Action::Discard { kind, frame, reaped } => {
                let dead = self.dead.filter(|&(_, token)| token == reaped).map(|(role, _)| role);
                let held = dead.map(|role| &self.roles[role].deaths);
                let twice = held.is_some_and(|deaths| {
                    let mut last = deaths.iter().rev().filter_map(|&(_, held)| held);
                    [last.next(), last.next()] == [Some((kind, frame)); 2]
                });
                self.must(twice, || format!("frame {frame} of {kind} discarded, of which nobody died twice"));
            }
            Action::Make { kind, generation, .. } => {
                let there = &generations[kind];
                self.must(there.len() < 2, || format!("{} regions of {kind} at once", there.len() + 1));
                self.must(there.iter().all(|&g| g < generation), || format!("generation {generation} again"));
            }
            Action::Replace { kind, .. } => {
                let uses = |role: usize| role == source || self.plan.takes[role].has(kind);
                let attached = processes.iter().enumerate().find(|(role, p)| p.is_some() && uses(*role)).map(|p| p.0);
                self.must(attached.is_none(), || format!("region {kind} replaced while {attached:?} is attached"));
                // Counted when it is done, which is up to some seconds after it was decided.
                let window_ns = self.period_ns() - UNKILLABLE_NS - GRACE_NS;
                let times = within(&mut self.replaced[kind], now_ns, window_ns);
                self.must(times <= self.plan.limit.intensity, || format!("region {kind} replaced {times} times"));
            }
            Action::Open => {
                let ending = self.all(&self.ending);
                let may = self.over || std::mem::take(&mut self.vain) || ending;
                self.must(may, || "another input though nothing has ended the current one".into());
                self.opening_since = Some(now_ns);
                if self.over || self.playing.is_none() {
                    self.go_on();
                } else {
                    self.early_open = true;
                }
            }
            Action::Begin { serial, again, .. } => {
                let before = self.serial;
                let due = again || self.due || self.over || self.all(&self.ending);
                self.must(due, || "another input begins though the current one goes on".into());
                self.due &= again;
                self.early_open &= again;
                self.must(serial == before.map_or(1, |s| s + 1), || format!("serial {serial} after {before:?}"));
                self.must(processes[source].is_none(), || format!("serial {serial} while the old source lives"));
                self.serial = Some(serial);
                (self.playing, self.over, self.opening_since) = (Some(None), false, None);
                self.early = false;
                let wanted = std::mem::take(&mut self.reopened);
                self.again = if again { self.again + usize::from(!wanted) } else { 0 };
                let times = self.again;
                self.must(times <= self.plan.limit.intensity, || format!("the input changed {times} times"));
                self.roles[source].deaths.clear();
            }
            Action::Rewind { serial, .. } => {
                self.must(self.over || self.early || self.all(&self.ending), || {
                    "another round though the last one is not over".into()
                });
                self.serial = Some(serial);
                (self.over, self.early) = (false, false);
                self.roles[source].deaths.clear();
            }
            Action::Holds { .. } => self.playing = Some(Some(self.holds)),
            Action::Janitor => self.janitor_dead = None,
            Action::Say(Say::Unplayable) => self.over = true,
            Action::Say(Say::NoAnswer) => self.vain = true,
            Action::Say(Say::OtherTracks) => {
                self.roles[source].told = true;
                self.playing = None;
            }
            Action::Say(_) | Action::Place { .. } | Action::Unlink { .. } => {}
            Action::Done(_) => {
                // One that cannot be killed may be left behind.
                let left = processes.iter().enumerate().find(|(role, p)| p.is_some() && !self.roles[*role].killed);
                let left = left.map(|p| p.0);
                self.must(left.is_none(), || format!("the end, and role {left:?} is there"));
                self.done = true;
            }
        }
    }

    /// All is done that the machine wants done now.
    pub(super) fn settled(&mut self, now_ns: u64, machine: &Supervision<Token>, processes: &[Option<Process>]) {
        if self.done {
            return;
        }
        if machine.serial() != self.serial.unwrap_or(1) {
            // The user has sought.
            self.serial = Some(machine.serial());
            self.over = false;
            self.roles[self.plan.source].deaths.clear();
        }
        let open = self.early_open && self.opening_since.is_none();
        if self.early_open && self.over || open && self.all(&self.ending) {
            self.go_on();
        }
        if let Some((role, _)) = self.dead {
            self.must(self.recovered, || format!("role {role} died and is not recovered"));
        }
        if machine.is_ending() {
            if self.stopping_since.is_none() && machine.stop == Some(Ended::Played) {
                let heard = self.playing.is_none() || self.over;
                self.must(heard, || "the session ends before the last of its last input was heard".into());
            }
            let since = *self.stopping_since.get_or_insert(now_ns);
            let late = now_ns > since + GRACE_NS + 2 * UNKILLABLE_NS + 1_000 * MS;
            self.must(!late, || "the session does not end".into());
            return;
        }
        if let Some(tracks) = self.playing {
            for (role, process) in processes.iter().enumerate() {
                let there = process.is_some() || !matches!(machine.posts[role].state, State::Idle);
                let needed = self.needs(role, tracks);
                self.must(!needed || there, || format!("role {role} is needed, and nobody will start it"));
                let soon = machine.posts[role].due_ns().is_none_or(|at| at <= now_ns + 7_000 * MS);
                self.must(soon, || format!("role {role} starts some day"));
            }
        }
        for (role, process) in processes.iter().enumerate() {
            let idle = matches!(machine.posts[role].state, State::Idle);
            self.must(process.is_none() || !idle, || format!("a process of role {role} that is not known"));
        }
        let bankrupt = self.roles.iter().position(|r| r.bankrupt);
        self.must(bankrupt.is_none(), || format!("role {bankrupt:?} is beyond its limit and goes on"));
        let slow = self.opening_since.is_some_and(|at| now_ns > at + super::OPEN_NS + 1_000 * MS);
        self.must(!slow, || "the opening does not end".into());
        let dirty = self.janitor_dead.is_some_and(|at| now_ns > at + 7_000 * MS);
        self.must(!dirty, || "the janitor is not replaced".into());
    }
}
