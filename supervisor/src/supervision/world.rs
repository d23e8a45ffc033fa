//! A small world for the machine to supervise: processes that start, work, crash, hang and are reaped late; inputs of all
//! sorts; a user who wants something at any time. Chance decides what happens next, the [`Audit`] whether it was right.

use fastrand::Rng;
use nix::sys::signal::Signal;
use tricine_channel::sys::process::Exit;

use super::audit::Audit;
use super::bug::Bug;
use super::chance::{Film, Weather, film, plan};
use super::process::Process;
use super::{Action, Ask, Death, Event, Kinds, MS, Plan, Supervision};
use crate::report::Ended;

/// What shows that a process was reaped: its number in the order of starts.
pub(super) type Token = u64;

/// When every world begins.
const BORN_NS: u64 = 1_000_000 * MS;

/// All of it.
pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) now_ns: u64,
    pub(super) machine: Supervision<Token>,
    pub(super) plan: Plan,
    films: Vec<Film>,
    opened: Option<Film>,
    pub(super) film: Option<Film>,
    pub(super) processes: Vec<Option<Process>>,
    placing: Vec<bool>,
    /// What is being opened, or that there is nothing left.
    opening: Option<Option<Film>>,
    pub(super) weather: Weather,
    pub(super) published: Vec<u64>,
    pub(super) consumed: Vec<u64>,
    /// Frames of the serials before.
    before: Vec<u64>,
    /// Of each role, over all its processes.
    pub(super) achieved: Vec<u64>,
    pub(super) generations: Vec<Vec<u64>>,
    pub(super) damaged: Kinds,
    next_id: Token,
    pub(super) audit: Audit,
    /// Events so far.
    pub(super) events: u64,
    /// All that happened and was done, for somebody who reads it.
    pub(super) story: Vec<String>,
    told: bool,
}

impl World {
    /// A world by chance. `told`: with its story.
    pub(super) fn new(seed: u64, bug: Option<Bug>, told: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = plan(&mut rng);
        let kinds = plan.kinds;
        let roles = plan.takes.len();
        let films = (0..rng.usize(1..5)).map(|_| film(&mut rng, &plan)).collect();
        let weather = Weather::any(&mut rng);
        let mut machine = Supervision::new(plan.clone(), BORN_NS);
        machine.bug = bug;
        let mut this = Self {
            now_ns: BORN_NS,
            machine,
            films,
            opened: None,
            film: None,
            processes: vec![None; roles],
            placing: vec![false; roles],
            opening: None,
            weather,
            published: vec![0; kinds],
            consumed: vec![0; kinds],
            before: vec![0; kinds],
            achieved: vec![0; roles],
            generations: vec![Vec::new(); kinds],
            damaged: Kinds::default(),
            next_id: 1,
            audit: Audit::new(&plan),
            events: 0,
            story: Vec::new(),
            told,
            plan,
            rng,
        };
        this.carry_out();
        this
    }

    /// Whether the session is over, or something was wrong.
    pub(super) const fn is_over(&self) -> bool {
        self.audit.done || self.audit.wrong.is_some()
    }

    /// From here on nobody does anything to the session, but what its inputs are like remains.
    pub(super) fn clear_up(&mut self) {
        self.weather = Weather::default();
        self.processes.iter_mut().flatten().for_each(|p| p.stubborn = false);
        self.tell(Event::Looping(false));
    }

    pub(super) fn chance(&mut self, thousandths: u32) -> bool {
        self.rng.u32(0..1000) < thousandths
    }

    /// Something happens.
    pub(super) fn turn(&mut self) {
        let weather = self.weather;
        let roles = self.processes.len();
        let role = self.rng.usize(0..roles);
        match self.rng.u8(0..10) {
            0..=1 => self.pass(),
            2 if self.opening.is_some() && self.rng.bool() => self.answer(),
            3 if self.placing[role] => {
                self.placing[role] = false;
                let found = !self.chance(weather.no_place / 8);
                self.tell(Event::Placed { role, found });
            }
            _ => self.act(role),
        }
        if self.chance(weather.kill) {
            let signals = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV, Signal::SIGABRT];
            let signal = signals[self.rng.usize(0..4)];
            self.die(role, Exit::Signal(signal as i32));
        }
        if self.chance(weather.stick)
            && let Some(process) = &mut self.processes[role]
        {
            (process.stuck, process.stubborn) = (self.rng.bool(), true);
        }
        if self.chance(weather.spoil) {
            let kind = self.rng.usize(0..self.plan.kinds);
            self.damaged = self.damaged.or(Kinds::of(kind));
        }
        if self.chance(weather.forge) {
            self.forge(role);
        }
        if self.chance(weather.janitor) {
            self.tell(Event::NoJanitor);
        }
        if self.chance(weather.user) {
            let wish = match self.rng.u8(0..40) {
                0 => Event::Stop(Ended::Quit),
                1 => Event::Stop(Ended::Signal(15)),
                2..=15 => Event::Next,
                16..=25 => Event::Sought,
                31..=33 => Event::Reopened,
                26..=30 => Event::Looping(self.rng.bool()),
                _ => Event::Rebased,
            };
            self.tell(wish);
        }
    }

    /// Ends the session as a user would.
    pub(super) fn quit(&mut self) {
        self.tell(Event::Stop(Ended::Quit));
    }

    /// A role says what it likes.
    fn forge(&mut self, role: usize) {
        let kind = self.rng.usize(0..self.plan.kinds + 1);
        let number = self.rng.u64(0..4);
        let ask = Ask { capacity: u64::MAX, base: 0, resume_pts_ns: -1, resume_serial: 0 };
        let said = match self.rng.u8(0..6) {
            0 => Event::Switched { role, kind, generation: number },
            1 => Event::Asked { role, kind, ask },
            2 => Event::Opened { role, tracks: Kinds(self.rng.u8(..)), aside: Kinds(self.rng.u8(..)), seekable: true },
            3 => Event::Ended { role, serial: number as u32 },
            4 => Event::Ready { role },
            _ => Event::Beat { role, at_ns: u64::MAX },
        };
        if self.processes[role].is_some() {
            self.tell(said);
        }
    }

    /// Time passes: the dead are reaped, the living beat.
    fn pass(&mut self) {
        let step = [1, 20, 250, 250][self.rng.usize(0..4)] * MS;
        self.now_ns += self.rng.u64(1..=step);
        for role in 0..self.processes.len() {
            let Some(process) = &self.processes[role] else { continue };
            match process.dying {
                Some((exit, at)) if at <= self.now_ns => self.reap(role, exit),
                None if !process.stuck => self.tell(Event::Beat { role, at_ns: self.now_ns }),
                _ => {}
            }
        }
        self.tell(Event::Tick);
    }

    fn reap(&mut self, role: usize, exit: Exit) {
        let Some(process) = self.processes[role].take() else { return };
        let mine = |kind: usize| role == self.plan.source || self.plan.takes[role].has(kind);
        let held = (0..self.plan.kinds)
            .find(|&kind| role != self.plan.source && mine(kind) && self.consumed[kind] < self.published[kind])
            .map(|kind| (kind, self.before[kind] + self.consumed[kind]));
        let there = |kind: &usize| mine(*kind) && self.damaged.has(*kind) && !self.generations[*kind].is_empty();
        let spoilt = (0..self.plan.kinds).filter(there).fold(Kinds::default(), |all, kind| all.or(Kinds::of(kind)));
        let death = Death { reaped: process.id, exit, achieved: self.achieved[role], held, spoilt };
        self.tell(Event::Exited { role, death });
    }

    /// A process begins to die.
    pub(super) fn die(&mut self, role: usize, exit: Exit) {
        let late = if self.chance(100) { 400 * MS } else { 5 * MS };
        let at = self.now_ns + self.rng.u64(0..late);
        let immortal = self.chance(self.weather.immortal);
        let Some(process) = self.processes[role].as_mut().filter(|p| p.dying.is_none()) else { return };
        process.immortal |= immortal;
        process.stuck |= process.immortal;
        if !process.immortal {
            process.dying = Some((exit, at));
        }
    }

    fn answer(&mut self) {
        let stands_for_others = self.chance(10);
        let goes_on = self.chance(100);
        let answer = match self.opening {
            Some(None) => Event::NoneLeft,
            // It says that it is at work, and comes to an end all the same.
            Some(Some(Film { opens: Some(_), .. })) if goes_on => return self.tell(Event::Opening),
            Some(Some(film @ Film { opens: Some(true), .. })) if stands_for_others => {
                self.films.push(film);
                Event::Unfolded
            }
            Some(Some(film @ Film { opens: Some(true), .. })) => {
                self.opened = Some(film);
                Event::Open
            }
            Some(Some(Film { opens: Some(false), .. })) => Event::NotOpen,
            // Never.
            _ => return,
        };
        self.opening = None;
        self.tell(answer);
    }

    pub(super) fn tell(&mut self, event: Event<Token>) {
        if self.is_over() {
            return;
        }
        self.events += 1;
        if self.told {
            self.story.push(format!("{} ms {event:?}", self.now_ns / MS));
        }
        self.audit.hear(self.now_ns, &event, &self.achieved);
        self.machine.step(self.now_ns, event);
        if matches!(event, Event::Sought) {
            self.rewind();
        }
        self.carry_out();
    }

    /// The next generation whose name nobody else has taken.
    fn free(&mut self, mut generation: u64) -> u64 {
        while self.chance(self.weather.taken) {
            generation += 1;
        }
        generation
    }

    fn rewind(&mut self) {
        // Numbers of frames are never used again.
        self.before.iter_mut().zip(&self.published).for_each(|(before, published)| *before += published);
        self.published.fill(0);
        self.consumed.fill(0);
    }

    /// Does what the machine wants, and lets the audit look at it.
    fn carry_out(&mut self) {
        let mut unmade = None;
        let mut numbers = Vec::new();
        for action in self.machine.actions() {
            if self.told {
                self.story.push(format!("      {action:?}"));
            }
            self.audit.look(self.now_ns, &action, &self.processes, &self.generations);
            match action {
                Action::Place { role, .. } => self.placing[role] = true,
                Action::Start { role, skip } => {
                    if skip && let Some(film) = self.film.as_mut().filter(|_| role == self.plan.source) {
                        film.kills = None;
                    }
                    if self.chance(self.weather.not_started) {
                        unmade = Some(role);
                        continue;
                    }
                    self.processes[role] = Some(Process { id: self.next_id, ..Process::default() });
                    self.next_id += 1;
                }
                Action::Quit { role } => {
                    if let Some(process) = &mut self.processes[role] {
                        process.told = true;
                    }
                }
                Action::Abort { role } | Action::Kill { role } => {
                    let stays = matches!(action, Action::Abort { .. }) && self.rng.bool();
                    let signal = if matches!(action, Action::Kill { .. }) { Signal::SIGKILL } else { Signal::SIGABRT };
                    if !stays {
                        self.die(role, Exit::Signal(signal as i32));
                    }
                }
                Action::Discard { kind, .. } => self.consumed[kind] += 1,
                Action::Make { kind, generation, .. } => {
                    let generation = self.free(generation);
                    numbers.push((kind, generation));
                    self.generations[kind].push(generation);
                    if let Some(process) = &mut self.processes[self.plan.source] {
                        process.asking = Kinds(process.asking.0 & !Kinds::of(kind).0);
                    }
                }
                Action::Unlink { kind, below } => self.generations[kind].retain(|&g| g >= below),
                Action::Replace { kind, generation } => {
                    let generation = self.free(generation);
                    numbers.push((kind, generation));
                    self.generations[kind] = vec![generation];
                    self.damaged = Kinds(self.damaged.0 & !Kinds::of(kind).0);
                }
                Action::Open => self.opening = Some(self.films.pop()),
                Action::Begin { again, .. } => {
                    if !again {
                        self.film = self.opened.take();
                    }
                    self.rewind();
                }
                Action::Rewind { .. } => self.rewind(),
                Action::Recover { .. } | Action::Holds { .. } | Action::Janitor | Action::Say(_) | Action::Done(_) => {}
            }
        }
        self.audit.settled(self.now_ns, &self.machine, &self.processes);
        for (kind, generation) in numbers {
            self.tell(Event::Made { kind, generation });
        }
        if let Some(role) = unmade {
            self.tell(Event::NotStarted { role });
        }
    }
}
