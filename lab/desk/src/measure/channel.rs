//! The shipped channel, instruction by instruction: a real producer publishes a frame under ptrace. Each change of a word or a
//! token is a step; then the producer is killed after each of them, the real recovery runs, and a successor publishes the frame.
//! No probe, no feature, no second build: the code is what plays films.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Side, Spec, recover};
use tricine_channel::meta::Len;
use tricine_channel::time::Deadline;
use tricine_stress::sys::trace::{Forked, Stepped, Tracer, pause};

use super::{Measured, Task, told};
use crate::{Error, Result};

/// More instructions than any publishing takes.
const MOST: usize = 200_000;
const BYTES: u64 = 64;

#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    session: String,
}

/// A step of the producer, and what came of a death right after it.
#[derive(Serialize, Deserialize)]
pub(super) struct Step {
    /// Instructions before it, from the first of `acquire`.
    instructions: usize,
    change: String,
    /// Whether the frame was there after recovery, before a successor did anything.
    published: bool,
    /// Whether the consumer got each frame once, in order, from the dead and its successor.
    whole: bool,
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

fn publish(producer: &mut Producer<Len>) -> tricine_channel::error::Result<bool> {
    match producer.acquire(Deadline::NOW)? {
        Acquired::Slot(mut slot) => {
            let n = slot.seq();
            slot.payload()[..BYTES as usize].fill(n as u8 + 1);
            slot.publish(Len(BYTES))?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

struct Show<'t> {
    tracer: &'t Tracer,
    name: Name,
}

impl Show<'_> {
    /// A new channel, and a producer that is about to publish its first frame.
    fn begin(&self) -> Result<(Region, Forked)> {
        self.name.unlink()?;
        let region = Region::create(&self.name, &Spec::fifo::<Len>(4096))?;
        let name = self.name.clone();
        let mut forked = self.tracer.fork_traced(|| {
            let done = Region::open(&name).and_then(|region| {
                let mut producer = Producer::<Len>::attach(&region)?;
                pause();
                publish(&mut producer)?;
                pause();
                Ok(())
            });
            i32::from(done.is_err())
        })?;
        forked.run_to_pause()?;
        Ok((region, forked))
    }

    /// Steps to the change after so many others. The instructions and the change; `None` at the end.
    fn to_change(&self, region: &Region, forked: &mut Forked, number: usize) -> Result<Option<(usize, String)>> {
        let (mut seen, mut before) = (0, words(region));
        for instructions in 1..MOST {
            match forked.step()? {
                Stepped::Instruction => {}
                Stepped::Paused => return Ok(None),
                other => return Err(Error::Lost(format!("the producer under ptrace: {other:?}"))),
            }
            let after = words(region);
            if let Some(change) = change(&before, &after) {
                if seen == number {
                    return Ok(Some((instructions, change)));
                }
                seen += 1;
            }
            before = after;
        }
        Err(Error::Lost("the producer did not come to an end".into()))
    }

    /// Kills the producer where it stands, recovers, and lets a successor go on.
    fn die(&self, region: &Region, forked: &mut Forked) -> Result<(bool, bool)> {
        let reaped = forked.kill()?;
        recover(region, Side::Producer, &reaped)?;
        let mut producer = Producer::<Len>::attach(region)?;
        let published = producer.next_seq() > 0;
        while producer.next_seq() < 2 && publish(&mut producer)? {}
        let mut consumer = Consumer::<Len>::attach(region)?;
        let mut whole = true;
        for n in 0..2 {
            match consumer.acquire(Deadline::NOW)? {
                Acquired::Slot(slot) => {
                    whole &= slot.seq() == n
                        && slot.payload().to_vec().iter().take(BYTES as usize).all(|b| u64::from(*b) == n + 1);
                    slot.release();
                }
                _ => whole = false,
            }
        }
        Ok((published, whole))
    }
}

/// The whole show, in a process of one thread.
pub(super) fn work(part: &Part) -> Result<Vec<Step>> {
    let tracer = Tracer::new()?;
    let show = Show { tracer: &tracer, name: Name::new(format!("tricine.{}.lab-channel", part.session), 0) };
    let mut steps = vec![];
    loop {
        let (region, mut forked) = show.begin()?;
        let found = show.to_change(&region, &mut forked, steps.len())?;
        let Some((instructions, change)) = found else { break };
        let (published, whole) = show.die(&region, &mut forked)?;
        steps.push(Step { instructions, change, published, whole });
    }
    show.name.unlink()?;
    Ok(steps)
}

pub(super) fn measure(session: &str) -> Result<Measured> {
    let steps: Vec<Step> = told(&Task::Channel(Part { session: session.into() }))?;
    let mut says = String::from(
        "A real producer of Tricine's channel publishes frame 0, one instruction at a time. After how many \
         it changed what, and what a SIGKILL right there led to:\n```\n",
    );
    says += &format!("{:>5}  {:<24}{}\n", "", "change", "killed here, and recovered");
    for s in &steps {
        let frame = if s.published { "frame 0 was there" } else { "frame 0 was filled again" };
        let whole = if s.whole { "all whole" } else { "NOT WHOLE" };
        says += &format!("{:>5}  {:<24}{frame}; {whole}\n", s.instructions, s.change);
    }
    says += "```\nRecovery changed no word of a frame: it gave the claim back and posted both semaphores.";
    if steps.iter().any(|s| !s.whole) {
        says += "\n\n**A frame was not whole: that is a bug of Tricine. Please report it.**";
    }
    Ok(Measured { says, figures: json!(steps), ..Measured::default() })
}
