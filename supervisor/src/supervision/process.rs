//! The processes of a small world, and what they do when it is their turn.

use nix::sys::signal::Signal;
use tricine_channel::sys::process::Exit;
use tricine_session::error::EXIT_CORRUPT;

use super::chance::Film;
use super::world::{Token, World};
use super::{Ask, Event, Kinds};

/// A process.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    pub(super) id: Token,
    pub(super) ready: bool,
    pub(super) opened: bool,
    pub(super) asking: Kinds,
    /// It does nothing and does not beat any more.
    pub(super) stuck: bool,
    /// It does not obey.
    pub(super) stubborn: bool,
    pub(super) told: bool,
    /// It is on its way out: how, and when it will be reaped.
    pub(super) dying: Option<(Exit, u64)>,
    /// What it has said of the end of a serial.
    pub(super) ending: Option<u32>,
    pub(super) ended: Option<u32>,
    /// It is stuck in the kernel: no signal ends it.
    pub(super) immortal: bool,
}

impl World {
    /// A process does what comes next.
    pub(super) fn act(&mut self, role: usize) {
        let Some(mut process) = self.processes[role].clone() else { return };
        if process.dying.is_some() || process.stuck {
            return;
        }
        if process.told && !process.stubborn {
            return self.die(role, Exit::Code(0));
        }
        let uses = |kind: usize| role == self.plan.source || self.plan.takes[role].has(kind);
        if (0..self.plan.kinds).any(|k| uses(k) && self.damaged.has(k) && !self.generations[k].is_empty()) {
            return self.die(role, Exit::Code(EXIT_CORRUPT));
        }
        if !process.ready {
            process.ready = true;
            self.processes[role] = Some(process);
            return self.tell(Event::Ready { role });
        }
        if role == self.plan.source { self.read(role, process) } else { self.show(role, process) }
    }

    fn read(&mut self, role: usize, mut process: Process) {
        let Some(film) = &mut self.film else { return };
        if !process.opened {
            process.opened = true;
            self.processes[role] = Some(process);
            if !film.plays {
                self.tell(Event::Failed { role });
                return self.die(role, Exit::Code(1));
            }
            if film.changes {
                film.tracks = Kinds(self.rng.u8(1..1 << self.plan.kinds));
            }
            let Film { tracks, aside, seekable, .. } = *film;
            return self.tell(Event::Opened { role, tracks, aside, seekable });
        }
        let film = *film;
        let kind = self.rng.usize(0..self.plan.kinds);
        if !film.tracks.and(self.plan.wanted).has(kind) {
            return;
        }
        let larger = self.chance(30);
        let (published, consumed) = (self.published[kind], self.consumed[kind]);
        if self.generations[kind].is_empty() || larger {
            if !process.asking.has(kind) {
                process.asking = process.asking.or(Kinds::of(kind));
                self.processes[role] = Some(process);
                let ask = Ask { capacity: 1, base: published, resume_pts_ns: 0, resume_serial: 1 };
                self.tell(Event::Asked { role, kind, ask });
            }
        } else if film.kills == Some((role, published)) {
            self.die(role, Exit::Signal(Signal::SIGSEGV as i32));
        } else if film.stalls == Some((role, published)) {
            process.stuck = true;
            self.processes[role] = Some(process);
        } else if published < film.len && published < consumed + 3 && !process.asking.has(kind) {
            self.published[kind] += 1;
            self.achieved[role] += 1;
        }
    }

    fn show(&mut self, role: usize, mut process: Process) {
        let Some(film) = self.film else { return };
        if self.chance(self.weather.no_place) {
            self.tell(Event::Failed { role });
            return self.die(role, Exit::Code(1));
        }
        let mine: Vec<usize> = (0..self.plan.kinds).filter(|&k| self.plan.takes[role].has(k)).collect();
        let kind = mine[self.rng.usize(0..mine.len())];
        if film.idles == Some((role, self.consumed[kind])) {
            return;
        }
        if let [_, .., newest] = self.generations[kind][..] {
            return self.tell(Event::Switched { role, kind, generation: newest });
        }
        if self.consumed[kind] < self.published[kind] {
            if film.kills == Some((role, self.consumed[kind])) {
                self.die(role, Exit::Signal(Signal::SIGSEGV as i32));
            } else if film.stalls == Some((role, self.consumed[kind])) {
                process.stuck = true;
                self.processes[role] = Some(process);
            } else {
                self.consumed[kind] += 1;
                self.achieved[role] += 1;
            }
            return;
        }
        let serial = self.machine.serial();
        let wanted = film.tracks.and(self.plan.wanted);
        let all = mine.iter().all(|&k| !wanted.has(k) || self.consumed[k] >= film.len);
        if all && self.machine.is_playing() && process.ended != Some(serial) {
            if process.ending != Some(serial) && self.chance(700) {
                process.ending = Some(serial);
                self.processes[role] = Some(process);
                return self.tell(Event::Ending { role, serial });
            }
            process.ended = Some(serial);
            self.processes[role] = Some(process);
            self.tell(Event::Ended { role, serial });
        }
    }
}
