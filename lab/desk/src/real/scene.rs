//! One hand-over on real processes: the side that works is under ptrace, the other one sleeps over it. A film of six numbers is to pass.

use std::fs::File;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Side, Spec, recover};
use tricine_channel::meta::Len;
use tricine_channel::sys::process::{Exit, Reaped};
use tricine_channel::time::Deadline;
use tricine_stress::sys::trace::{Forked, SharedWords, Stepped, Tie, Tracer, pause};

use crate::{Error, Result};

/// More instructions than any hand-over takes.
const MOST: usize = 200_000;
/// Deaths of what lesson 16 measures, for each side; a build that is not optimized has more instructions than that.
const KILLS: usize = 1000;
/// The film: frames 0 to 5.
pub(super) const FRAMES: u64 = 6;
/// Of a frame's payload.
pub(super) const BYTES: u64 = 64;
/// Longer than any sleep here lasts.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the ledger has for a frame that did not come whole.
const TORN: u64 = u64::MAX;

/// Which side works; the other one sleeps until it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Works {
    /// It publishes frame 0 beside a consumer that sleeps.
    Producer,
    /// It takes and releases frame 0 of a full ring beside a producer that sleeps.
    Consumer,
}

impl Works {
    pub(crate) fn side(self) -> Side {
        if self == Self::Producer { Side::Producer } else { Side::Consumer }
    }

    pub(crate) fn other(self) -> Self {
        if self == Self::Producer { Self::Consumer } else { Self::Producer }
    }

    pub(crate) fn name(self) -> &'static str {
        if self == Self::Producer { "producer" } else { "consumer" }
    }
}

/// What came of a death.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct After {
    /// Whether the frame was published, or released, when recovery was over and before a successor did anything.
    pub(crate) done: bool,
    /// Whether each frame came whole and in order, none was missing, and the sleeper came to its end.
    pub(crate) whole: bool,
    /// The frames that were shown, in their order. One that is shown again is there twice.
    pub(crate) shown: Vec<u64>,
}

/// A change, and what came of a death right after it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Step {
    /// Instructions before it, from the first of `acquire`.
    pub(crate) instructions: usize,
    pub(crate) change: String,
    #[serde(flatten)]
    pub(crate) after: After,
}

/// One side at work, and killed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Show {
    pub(crate) dies: String,
    pub(crate) steps: Vec<Step>,
    /// From the first to the last instruction.
    pub(crate) instructions: usize,
    /// Deaths: before the first instruction, after each one.
    pub(crate) kills: usize,
    /// Those after which something was not as it has to be, by their instruction.
    pub(crate) bad: Vec<usize>,
}

/// The words that a side changes, as `docs/layout.md` calls them, the semaphores, and how many frames were shown.
pub(super) const WORDS: [&str; 11] = [
    "seq[0]",
    "seq[1]",
    "seq[2]",
    "begun",
    "taken",
    "released",
    "producer_asleep",
    "consumer_asleep",
    "filled",
    "empty",
    "shown",
];

pub(super) type Words = [i64; WORDS.len()];

/// The words that changed, or `None`.
pub(super) fn change(before: &Words, after: &Words) -> Option<String> {
    let all: Vec<String> = (0..WORDS.len())
        .filter(|i| before[*i] != after[*i])
        .map(|i| format!("{} {} -> {}", WORDS[i], before[i], after[i]))
        .collect();
    (!all.is_empty()).then(|| all.join(", "))
}

type Heard<T> = tricine_channel::error::Result<T>;

/// Publishes the next frame, if its slot is free in time.
fn publish(producer: &mut Producer<Len>, deadline: Deadline) -> Heard<bool> {
    loop {
        match producer.acquire(deadline)? {
            Acquired::Slot(mut slot) => {
                let n = slot.seq();
                slot.payload()[..BYTES as usize].fill(n as u8 + 1);
                slot.publish(Len(BYTES))?;
                return Ok(true);
            }
            // A token without a frame: recovery posted.
            Acquired::Woken => {}
            _ => return Ok(false),
        }
    }
}

/// Takes the next frame, shows it (writes its number into the ledger), and releases it: its number, if it is whole.
fn take(consumer: &mut Consumer<Len>, ledger: &SharedWords, deadline: Deadline) -> Heard<Option<u64>> {
    loop {
        match consumer.acquire(deadline)? {
            Acquired::Slot(slot) => {
                let n = slot.seq();
                // One comparison: a loop over the bytes would be most of the hand-over's instructions.
                let whole = slot.payload().to_vec()[..BYTES as usize] == [n as u8 + 1; BYTES as usize];
                let shown = ledger[0].load(SeqCst);
                if let Some(entry) = ledger.get(shown as usize + 1) {
                    entry.store(if whole { n } else { TORN }, SeqCst);
                    ledger[0].store(shown + 1, SeqCst);
                }
                slot.release();
                return Ok(whole.then_some(n));
            }
            Acquired::Woken => {}
            _ => return Ok(None),
        }
    }
}

/// Where the side that works came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It stands before another instruction.
    On,
    /// Its hand-over is over.
    Over,
    /// Somebody killed it.
    Gone,
}

pub(crate) struct Stage<'t> {
    pub(super) tracer: &'t Tracer,
    pub(super) name: Name,
    pub(super) works: Works,
}

/// A channel with both sides attached: one sleeps, the other one is about to work, under ptrace.
pub(super) struct Scene {
    pub(super) region: Region,
    pub(super) works: Forked,
    pub(super) sleeps: Forked,
    /// How many frames were shown, and which.
    ledger: SharedWords,
    /// The region and both semaphores, to be read as bytes.
    pub(super) files: [File; 3],
    side: Works,
}

impl Stage<'_> {
    pub(super) fn begin(&self) -> Result<Scene> {
        self.name.unlink()?;
        let region = Region::create(&self.name, &Spec::fifo::<Len>(4096))?;
        let files = self.name.files()?;
        // A frame is shown twice at most, and once only: there is room for more.
        let ledger = SharedWords::new(1 + 4 * FRAMES as usize)?;
        let code = |done: Heard<bool>| i32::from(!done.is_ok_and(|d| d));
        let publishes = |all: u64, patience: Deadline, stops: bool| {
            code(Region::open(&self.name).and_then(|region| {
                let mut producer = Producer::<Len>::attach(&region)?;
                stops.then(pause);
                let mut done = true;
                for _ in 0..all {
                    done &= publish(&mut producer, patience)?;
                }
                stops.then(pause);
                Ok(done)
            }))
        };
        let takes = |all: u64, patience: Deadline, stops: bool| {
            code(Region::open(&self.name).and_then(|region| {
                let mut consumer = Consumer::<Len>::attach(&region)?;
                stops.then(pause);
                let mut done = true;
                for n in 0..all {
                    done &= take(&mut consumer, &ledger, patience)? == Some(n);
                }
                stops.then(pause);
                Ok(done)
            }))
        };
        let (sleeps, works) = match self.works {
            Works::Producer => (
                self.tracer.fork(Tie::Bound, || takes(FRAMES, Deadline::after(PATIENCE), false))?,
                self.tracer.fork_traced(|| publishes(1, Deadline::NOW, true))?,
            ),
            Works::Consumer => (
                self.tracer.fork(Tie::Bound, || publishes(FRAMES, Deadline::after(PATIENCE), false))?,
                self.tracer.fork_traced(|| takes(1, Deadline::NOW, true))?,
            ),
        };
        let mut scene = Scene { region, works, sleeps, ledger, files, side: self.works };
        // The one that works is about to, and the other one has gone to sleep over it.
        scene.works.run_to_pause()?;
        loop {
            if scene.sleeps.until_settled()? {
                return Err(Error::Lost("the other side of the channel stopped".into()));
            }
            let look = scene.region.look();
            if if self.works == Works::Producer { look.consumer_asleep } else { look.producer_asleep } {
                // The sleeper would answer, so it is held, as the lab does with those who are about to be woken.
                scene.sleeps.hold()?;
                return Ok(scene);
            }
        }
    }

    /// All changes, each with the instruction that made it, and how many instructions there are.
    pub(super) fn changes(&self) -> Result<(Vec<(usize, String)>, usize)> {
        // The C library finds a function when it is called first, by some hundred instructions. What this process forks later has inherited
        // what it found, so it finds everything before it counts.
        for works in [Works::Producer, Works::Consumer] {
            Stage { tracer: self.tracer, name: self.name.clone(), works }.die(0)?;
        }
        let mut scene = self.begin()?;
        let (mut all, mut before) = (vec![], scene.words());
        for instructions in 1..MOST {
            match scene.step()? {
                Came::On => {}
                Came::Over => return Ok((all, instructions - 1)),
                Came::Gone => return Err(Error::Lost("somebody killed the side under ptrace".into())),
            }
            let after = scene.words();
            all.extend(change(&before, &after).map(|change| (instructions, change)));
            before = after;
        }
        Err(Error::Lost("the side under ptrace did not come to an end".into()))
    }

    /// Kills the side after so many instructions, recovers, and lets a successor go on.
    pub(super) fn die(&self, instructions: usize) -> Result<After> {
        let mut scene = self.begin()?;
        for _ in 0..instructions {
            // It took some instructions less than the first time: it dies behind the last one.
            if scene.step()? != Came::On {
                break;
            }
        }
        let reaped = scene.works.kill()?;
        scene.recover(&reaped)?;
        scene.film()
    }

    pub(super) fn show(&self) -> Result<Show> {
        let (changes, instructions) = self.changes()?;
        let mut steps = vec![];
        for (at, change) in changes {
            steps.push(Step { instructions: at, change, after: self.die(at)? });
        }
        let (mut kills, mut bad) = (0, vec![]);
        for at in (0..=instructions).step_by(instructions.div_ceil(KILLS).max(1)) {
            kills += 1;
            if !self.die(at)?.whole {
                bad.push(at);
            }
        }
        self.name.unlink()?;
        Ok(Show { dies: self.works.name().into(), steps, instructions, kills, bad })
    }
}

impl Scene {
    pub(super) fn words(&self) -> Words {
        let look = self.region.look();
        let number = |n: u64| n as i64;
        [
            number(look.seq[0]),
            number(look.seq[1]),
            number(look.seq[2]),
            number(look.begun),
            number(look.taken),
            number(look.released),
            look.producer_asleep.into(),
            look.consumer_asleep.into(),
            i64::from(self.region.bell(Side::Consumer).value()),
            i64::from(self.region.bell(Side::Producer).value()),
            number(self.ledger[0].load(SeqCst)),
        ]
    }

    /// One instruction of the side that works.
    pub(super) fn step(&mut self) -> Result<Came> {
        match self.works.step()? {
            Stepped::Instruction => Ok(Came::On),
            Stepped::Paused => Ok(Came::Over),
            Stepped::Gone(_) => Ok(Came::Gone),
            other => Err(Error::Lost(format!("the side under ptrace: {other:?}"))),
        }
    }

    /// The real recovery, in the supervisor's place.
    pub(super) fn recover(&self, reaped: &Reaped) -> Result<()> {
        Ok(recover(&self.region, self.side.side(), reaped)?)
    }

    /// A successor of the dead side, in this process: the film goes on to its end.
    pub(super) fn film(&mut self) -> Result<After> {
        let region = &self.region;
        let (done, mut whole) = match self.side {
            Works::Producer => {
                let mut producer = Producer::<Len>::attach(region)?;
                let done = producer.next_seq() > 0;
                self.sleeps.resume()?;
                let mut whole = true;
                while producer.next_seq() < FRAMES && whole {
                    whole = publish(&mut producer, Deadline::after(PATIENCE))?;
                }
                (done, whole)
            }
            Works::Consumer => {
                let mut consumer = Consumer::<Len>::attach(region)?;
                let released = region.look().released;
                self.sleeps.resume()?;
                let mut whole = released <= 1;
                for n in released..FRAMES {
                    whole = whole && take(&mut consumer, &self.ledger, Deadline::after(PATIENCE))? == Some(n);
                }
                (released > 0, whole)
            }
        };
        whole &= self.sleeps.reap(PATIENCE)? == Some(Exit::Code(0));
        let shown: Vec<u64> =
            (0..self.ledger[0].load(SeqCst)).map(|i| self.ledger[i as usize + 1].load(SeqCst)).collect();
        whole &= in_order(&shown);
        Ok(After { done, whole, shown })
    }
}

/// Whether the film was shown from its first to its last frame, the one at which a side died perhaps twice.
fn in_order(shown: &[u64]) -> bool {
    shown.first() == Some(&0)
        && shown.last() == Some(&(FRAMES - 1))
        && shown.windows(2).all(|w| w[1] == w[0] || w[1] == w[0] + 1)
        && shown.len() as u64 <= FRAMES + 1
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn a_film_may_show_one_frame_twice_and_leave_none_out() {
        assert!(in_order(&[0, 1, 2, 3, 4, 5]) && in_order(&[0, 0, 1, 2, 3, 4, 5]));
        for wrong in [&[0, 1, 2, 3, 4][..], &[1, 2, 3, 4, 5], &[0, 1, 3, 4, 5], &[0, 1, 0, 1, 2, 3, 4, 5], &[]] {
            assert!(!in_order(wrong), "{wrong:?}");
        }
        assert!(!in_order(&[0, 0, 1, 1, 2, 3, 4, 5]), "one death, one frame");
    }
}
