//! The shipped channel, instruction by instruction: a real producer publishes beside a consumer that sleeps, and a real consumer
//! releases beside a producer that sleeps, under ptrace. Each change of a word or a token is a step. The stepped side is killed after
//! each of them and at instructions in between; then the real recovery runs, a successor goes on, and the sleeper has to come to its end.
//! No probe, no feature, no second build: the code is what plays films.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Side, Spec, recover};
use tricine_channel::meta::Len;
use tricine_channel::sys::process::Exit;
use tricine_channel::time::Deadline;
use tricine_stress::sys::trace::{Forked, Stepped, Tie, Tracer, pause};

use super::{Measured, Task, told};
use crate::{Error, Result};

/// More instructions than any step of a side takes.
const MOST: usize = 200_000;
/// Deaths at instructions between the steps, for each side; all of them if there are no more.
const KILLS: usize = 250;
const BYTES: u64 = 64;
/// Longer than any sleep here lasts.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    session: String,
}

/// What came of a death.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct After {
    /// Whether the frame was published, or released, when recovery was over and before a successor did anything.
    done: bool,
    /// Whether the consumers got each frame whole and in order, the one at work again or not at all missing, and the sleeper came to its end.
    whole: bool,
}

/// A step, and what came of a death right after it.
#[derive(Serialize, Deserialize)]
pub(super) struct Step {
    /// Instructions before it, from the first of `acquire`.
    instructions: usize,
    change: String,
    #[serde(flatten)]
    after: After,
}

/// One side at work, and killed.
#[derive(Serialize, Deserialize)]
pub(super) struct Show {
    dies: String,
    steps: Vec<Step>,
    /// From the first to the last instruction.
    instructions: usize,
    /// Deaths between the steps.
    kills: usize,
    /// Those after which something was not as it has to be, by their instruction.
    bad: Vec<usize>,
}

type Words = [(&'static str, i64); 10];

fn words(region: &Region) -> Words {
    let look = region.look();
    let number = |n: u64| n as i64;
    [
        ("seq[0]", number(look.seq[0])),
        ("seq[1]", number(look.seq[1])),
        ("seq[2]", number(look.seq[2])),
        ("begun", number(look.begun)),
        ("producer asleep", look.producer_asleep.into()),
        ("consumer asleep", look.consumer_asleep.into()),
        ("released", number(look.released)),
        ("taken", number(look.taken)),
        ("filled", i64::from(region.bell(Side::Consumer).value())),
        ("empty", i64::from(region.bell(Side::Producer).value())),
    ]
}

fn change(before: &Words, after: &Words) -> Option<String> {
    let changed = before.iter().zip(after).filter(|(b, a)| b.1 != a.1);
    let all: Vec<String> = changed.map(|(b, a)| format!("{} {} -> {}", b.0, b.1, a.1)).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

type Answer<T> = tricine_channel::error::Result<T>;

/// Publishes the next frame, if its slot is free in time.
fn publish(producer: &mut Producer<Len>, deadline: Deadline) -> Answer<bool> {
    loop {
        match producer.acquire(deadline)? {
            Acquired::Slot(mut slot) => {
                let n = slot.seq();
                slot.payload()[..BYTES as usize].fill(n as u8 + 1);
                slot.publish(Len(BYTES))?;
                return Ok(true);
            }
            // A token without a frame: recovery rang.
            Acquired::Woken => {}
            _ => return Ok(false),
        }
    }
}

/// Takes the next frame: its number, if it is whole.
fn take(consumer: &mut Consumer<Len>, deadline: Deadline) -> Answer<Option<u64>> {
    loop {
        match consumer.acquire(deadline)? {
            Acquired::Slot(slot) => {
                let n = slot.seq();
                let whole = slot.payload().to_vec().iter().take(BYTES as usize).all(|b| u64::from(*b) == n + 1);
                slot.release();
                return Ok(whole.then_some(n));
            }
            Acquired::Woken => {}
            _ => return Ok(None),
        }
    }
}

struct Stage<'t> {
    tracer: &'t Tracer,
    name: Name,
    dies: Side,
}

/// A channel with both sides attached: one sleeps, the other is about to work, under ptrace.
struct Scene {
    region: Region,
    works: Forked,
    sleeps: Forked,
}

impl Stage<'_> {
    fn begin(&self) -> Result<Scene> {
        self.name.unlink()?;
        let region = Region::create(&self.name, &Spec::fifo::<Len>(4096))?;
        let code = |done: Answer<bool>| i32::from(!done.is_ok_and(|d| d));
        let name = self.name.clone();
        let (sleeps, works) = match self.dies {
            Side::Producer => {
                let sleeps = self.tracer.fork(Tie::Bound, || {
                    code(Region::open(&name).and_then(|region| {
                        let mut consumer = Consumer::<Len>::attach(&region)?;
                        let mut all = true;
                        for n in 0..2 {
                            all &= take(&mut consumer, Deadline::after(PATIENCE))? == Some(n);
                        }
                        Ok(all)
                    }))
                })?;
                let works = self.tracer.fork_traced(|| {
                    code(Region::open(&name).and_then(|region| {
                        let mut producer = Producer::<Len>::attach(&region)?;
                        pause();
                        let done = publish(&mut producer, Deadline::NOW);
                        pause();
                        done
                    }))
                })?;
                (sleeps, works)
            }
            Side::Consumer => {
                let sleeps = self.tracer.fork(Tie::Bound, || {
                    code(Region::open(&name).and_then(|region| {
                        let mut producer = Producer::<Len>::attach(&region)?;
                        let mut all = true;
                        for _ in 0..4 {
                            all &= publish(&mut producer, Deadline::after(PATIENCE))?;
                        }
                        Ok(all)
                    }))
                })?;
                let works = self.tracer.fork_traced(|| {
                    code(Region::open(&name).and_then(|region| {
                        let mut consumer = Consumer::<Len>::attach(&region)?;
                        pause();
                        let done = take(&mut consumer, Deadline::NOW).map(|n| n == Some(0));
                        pause();
                        done
                    }))
                })?;
                (sleeps, works)
            }
        };
        let mut scene = Scene { region, works, sleeps };
        // The one that works is about to, and the other one has gone to sleep over it.
        scene.works.run_to_pause()?;
        loop {
            if scene.sleeps.until_settled()? {
                return Err(Error::Lost("the other side of the channel stopped".into()));
            }
            let look = scene.region.look();
            if if self.dies == Side::Producer { look.consumer_asleep } else { look.producer_asleep } {
                return Ok(scene);
            }
        }
    }

    /// All changes, each with the instruction that made it, and how many instructions there are.
    fn changes(&self) -> Result<(Vec<(usize, String)>, usize)> {
        let mut scene = self.begin()?;
        let (mut all, mut before) = (vec![], words(&scene.region));
        // The sleeper would answer, so it is held, as the lab does with those who are about to be woken.
        scene.sleeps.hold()?;
        for instructions in 1..MOST {
            match scene.works.step()? {
                Stepped::Instruction => {}
                Stepped::Paused => return Ok((all, instructions - 1)),
                other => return Err(Error::Lost(format!("the side under ptrace: {other:?}"))),
            }
            let after = words(&scene.region);
            all.extend(change(&before, &after).map(|change| (instructions, change)));
            before = after;
        }
        Err(Error::Lost("the side under ptrace did not come to an end".into()))
    }

    /// Kills the side after so many instructions, recovers, and lets a successor go on.
    fn die(&self, instructions: usize) -> Result<After> {
        let mut scene = self.begin()?;
        scene.sleeps.hold()?;
        for _ in 0..instructions {
            match scene.works.step()? {
                Stepped::Instruction => {}
                // It took some instructions less than the first time: it dies behind the last one.
                Stepped::Paused => break,
                other => return Err(Error::Lost(format!("the side under ptrace: {other:?}"))),
            }
        }
        let reaped = scene.works.kill()?;
        recover(&scene.region, self.dies, &reaped)?;
        let region = &scene.region;
        let (done, mut whole) = match self.dies {
            Side::Producer => {
                let mut producer = Producer::<Len>::attach(region)?;
                let done = producer.next_seq() > 0;
                scene.sleeps.resume()?;
                let mut whole = true;
                while producer.next_seq() < 2 {
                    whole &= publish(&mut producer, Deadline::after(PATIENCE))?;
                }
                (done, whole)
            }
            Side::Consumer => {
                let mut consumer = Consumer::<Len>::attach(region)?;
                let released = region.look().released;
                scene.sleeps.resume()?;
                let mut whole = released <= 1;
                for n in released..4 {
                    whole &= take(&mut consumer, Deadline::after(PATIENCE))? == Some(n);
                }
                (released > 0, whole)
            }
        };
        whole &= scene.sleeps.reap(PATIENCE)? == Some(Exit::Code(0));
        Ok(After { done, whole })
    }

    fn show(&self) -> Result<Show> {
        let (changes, instructions) = self.changes()?;
        let mut steps = vec![];
        for (at, change) in changes {
            steps.push(Step { instructions: at, change, after: self.die(at)? });
        }
        let stride = instructions.div_ceil(KILLS).max(1);
        let (mut kills, mut bad) = (0, vec![]);
        for at in (0..=instructions).step_by(stride) {
            kills += 1;
            if !self.die(at)?.whole {
                bad.push(at);
            }
        }
        self.name.unlink()?;
        let dies = if self.dies == Side::Producer { "producer" } else { "consumer" };
        Ok(Show { dies: dies.into(), steps, instructions, kills, bad })
    }
}

/// The whole show, in a process of one thread.
pub(super) fn work(part: &Part) -> Result<Vec<Show>> {
    let tracer = Tracer::new()?;
    let name = Name::new(format!("tricine.{}.lab-channel", part.session), 0);
    let stage = |dies| Stage { tracer: &tracer, name: name.clone(), dies };
    Ok(vec![stage(Side::Producer).show()?, stage(Side::Consumer).show()?])
}

pub(super) fn measure(session: &str) -> Result<Measured> {
    let shows: Vec<Show> = told(&Task::Channel(Part { session: session.into() }))?;
    let mut says = String::new();
    for show in &shows {
        let producer = show.dies == "producer";
        says += if producer {
            "**The producer dies.** It publishes frame 0, one instruction at a time, beside a consumer that sleeps.\n"
        } else {
            "\n**The consumer dies.** It takes and releases frame 0 of a full ring, beside a producer that sleeps.\n"
        };
        says += &format!("```\n{:>5}  {:<24}killed here, and recovered\n", "", "change");
        for s in &show.steps {
            let frame = match (producer, s.after.done) {
                (true, true) => "frame 0 was there",
                (true, false) => "frame 0 filled again",
                (false, true) => "frame 0 done with",
                (false, false) => "frame 0 given again",
            };
            let whole = if s.after.whole { "all whole" } else { "NOT WHOLE" };
            says += &format!("{:>5}  {:<24}{frame}; {whole}\n", s.instructions, s.change);
        }
        says += &format!(
            "```\nKilled at {} of its {} instructions besides: {}.\n",
            show.kills,
            show.instructions + 1,
            if show.bad.is_empty() { "the same each time".into() } else { format!("NOT WHOLE at {:?}", show.bad) }
        );
    }
    says += "\n*Whole*: each frame arrived whole and in order, and nobody slept on. The real recovery ran each time. It changed no word of a frame: it gave the claim back and posted both semaphores.";
    if shows.iter().any(|s| !s.bad.is_empty() || s.steps.iter().any(|s| !s.after.whole)) {
        says += "\n\n**A frame was not whole, or somebody slept on: that is a bug of Tricine. Please report it.**";
    }
    Ok(Measured { says, figures: json!(shows), ..Measured::default() })
}
