//! Where runs take place: each has a channel of its own, brought to a fill level, before its deaths (`scene`).

use std::time::Duration;

use tricine_channel::channel::bug::Bug;
use tricine_session::Result;
use tricine_session::channel::{Barriers, ChannelName, Kind, Region, Side, Spec, StreamRegion};
use tricine_stress::sys::trace::Tracer;

use super::actor::{Actor, Start};
use super::bugs;
use super::case::{Case, Past, Second, Survivor};
use super::ledger::{Film, Ledger};
use super::look::picture;
use super::route::Route;
use super::scene::{Bell, Scene};

/// Frames that come after those of the fill level: the victim's, and once around the ring.
const FRAMES_AFTER: usize = 5;

/// How far a process got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// It was killed after that instruction.
    Instruction,
    /// It was killed in its sleep.
    Asleep,
    /// It was killed after the end of what is swept.
    End,
}

/// A death.
#[derive(Debug, Clone)]
pub struct Death {
    /// After this many instructions.
    pub instructions: u64,
    /// Where that was.
    pub reached: Reached,
    /// The address of the instruction that it did not come to.
    pub counter: u64,
    /// The words that it left.
    pub words: String,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The first death, and the second if there was to be one.
    pub deaths: Vec<Death>,
    /// Instructions stepped.
    pub steps: u64,
    /// Frames whose effect came again, each explained by a death between effect and record.
    pub repeated: u64,
    /// Frames that came again and were known to be done.
    pub redelivered: u64,
    /// All that is wrong; nothing if all is well.
    pub wrongs: Vec<String>,
    /// The victim did not keep to its route, so that it was killed somewhere else.
    pub astray: bool,
}

/// Where runs take place, one after another, each in a channel of its own.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Forks the processes.
    pub tracer: &'a Tracer,
    /// The session that the channels belong to.
    pub session: &'a str,
    /// What the processes share.
    pub ledger: &'a Ledger,
    /// What they hand over.
    pub film: &'a Film,
    /// How long a wait may take.
    pub patience: Duration,
    /// Where the survivor runs.
    pub other_cpu: usize,
    /// Channels so far.
    pub channels: u64,
    /// What is wrong with the channel's code, once it has come to the fill level.
    pub bug: Option<Bug>,
}

/// From where on the victim of a case is swept.
pub(super) fn start(case: &Case) -> Start {
    let settled = case.role == Side::Consumer && case.fill.past.contains(&Past::Released);
    if settled { Start::Settled } else { Start::First }
}

impl Stage<'_> {
    /// Runs `case` with a death after each of these numbers of instructions. With a `route` the first victim goes most
    /// of its way at full speed.
    pub fn run(&mut self, case: &Case, at: &[u64], route: Option<&Route>) -> Result<Outcome> {
        self.with_channel(case, |stage, actor, watch| Scene::new(stage, actor, watch).play(case, at, route))
    }

    /// Steps the victim through its whole operation, unharmed.
    pub fn survey(&mut self, case: &Case) -> Result<Route> {
        self.with_channel(case, |stage, actor, watch| {
            let mut scene = Scene::new(stage, actor, watch);
            let mut victim = scene.traced("the victim", |a| a.victim(case.operation, start(case)))?;
            let asleep = case.survivor == Survivor::Asleep;
            let survivor = match asleep {
                true => scene.sleeper(case.role.other())?,
                false => scene.survivor(case.role.other(), Survivor::Parked)?,
            };
            let bell = match case.second {
                Some(Second::OtherSide) => Bell::Nobody,
                _ if case.survivor == Survivor::Serving => Bell::Nobody,
                _ if asleep => Bell::Running,
                _ => Bell::Parked(&survivor),
            };
            let (mut route, mut before) = (Route::default(), None);
            scene.walk(&mut victim, u64::MAX, bell, |victim, n| {
                let now = Some(picture(watch, stage.ledger));
                if now != before {
                    route.changes.push(n);
                }
                before = now;
                if victim.is_stopped() {
                    route.counters.push(victim.program_counter()?);
                }
                Ok(())
            })?;
            let last = scene.deaths.last().map_or(0, |d| d.instructions);
            // One more is its sleep, or what comes after its end.
            route.changes.push(last + 1);
            if matches!(case.survivor, Survivor::Asleep | Survivor::Serving) {
                // Held, and not dead: in front of a change it is still to come.
                route.changes = route.changes.iter().flat_map(|n| [n.saturating_sub(1), *n]).collect();
            }
            route.changes.dedup();
            if scene.woke {
                // After a sleep the other side runs, too, and no two ways are the same.
                route.counters.truncate(scene.slept_at as usize);
            }
            Ok(route.finish())
        })
    }

    fn with_channel<T>(&mut self, case: &Case, body: impl FnOnce(&Self, Actor<'_>, &Region) -> Result<T>) -> Result<T> {
        let name = ChannelName { session: self.session.into(), kind: Kind::Video, generation: self.channels };
        self.channels += 1;
        let capacity = self.film.len() as u64;
        // Either way has half of the rows.
        let barriers = if case.fill.published().is_multiple_of(2) { Barriers::Both } else { Barriers::Sleeper };
        let spec = Spec { mode: case.mode, capacity, base: 0, resume_pts_ns: 0, resume_serial: 0, barriers };
        let watch = StreamRegion::create(&name, &spec)?;
        let result = (|| {
            self.ledger.clear();
            let total = (case.fill.published() + FRAMES_AFTER) as u64;
            let actor = Actor { channel: &name, ledger: self.ledger, film: self.film, total, patience: self.patience };
            bugs::seed(None);
            actor.live_through(case.fill.past)?;
            bugs::seed(self.bug);
            body(self, actor, &watch)
        })();
        name.unlink()?;
        result
    }
}
