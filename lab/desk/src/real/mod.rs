//! The shipped channel under the learner's hands: a real producer and a real consumer, one of them under ptrace. It stops at whatever
//! instruction the learner chooses, is killed there, and the real recovery sets up its successor. No probe, no feature, no second build:
//! the code is what plays films.
//!
//! Read in this order: `scene` (the two processes), `seen` (what is shown of them), `place` (where an instruction is in the source), `hand`
//! (what can be asked), `script` (for files of steps). The screen is `screen/real.rs`.

mod hand;
mod place;
pub(crate) mod scene;
pub(crate) mod script;
mod seen;

use tricine_channel::channel::Name;
use tricine_stress::sys::trace::Tracer;

pub(crate) use hand::{Answer, Ask, Part, work};
pub(crate) use scene::{After, Works};
pub(crate) use seen::{Seen, State};

use crate::Result;
use crate::measure::{Talk, Task};

/// The channel's name within a session.
fn name(session: &str) -> Name {
    Name::new(format!("tricine.{session}.lab-channel"), 0)
}

/// Whether a process can be stepped by single instructions to the end of a hand-over.
fn can_be_stepped() -> Result<()> {
    #[cfg(target_arch = "aarch64")]
    if !std::arch::is_aarch64_feature_detected!("lse") {
        let why = "this processor changes a shared word by a pair of instructions (ldxr, stxr), and the second one fails whenever a process \
                   was stopped between them: stepped by single instructions, it would never get on. Processors with LSE (ARMv8.1) need one \
                   instruction for it, and so does x86";
        return Err(crate::Error::Lost(why.into()));
    }
    Ok(())
}

/// A hand-over of one side after the other, each killed at every so many instructions: for what lesson 16 measures. In a process of one thread.
pub(crate) fn shows(part: &Part) -> Result<Vec<scene::Show>> {
    can_be_stepped()?;
    let tracer = Tracer::new()?;
    let stage = |works| scene::Stage { tracer: &tracer, name: name(&part.session), works };
    [Works::Producer, Works::Consumer].map(|works| stage(works).show()).into_iter().collect()
}

/// The channel in a process of its own, which does what it is asked.
pub(crate) struct Real {
    talk: Talk<Ask, Answer>,
}

impl Real {
    pub(crate) fn start(session: &str) -> Result<Self> {
        can_be_stepped()?;
        Ok(Self { talk: Talk::start(&Task::Real(Part::new(session)))? })
    }

    /// Where it stands after that.
    pub(crate) fn ask(&mut self, ask: Ask) -> Result<Seen> {
        match self.talk.ask(&ask)? {
            Answer::Seen(seen) => Ok(*seen),
            Answer::Died(_) => Err(crate::Error::Lost("an answer to another question".into())),
        }
    }

    /// What comes of a death at this instruction, in processes of its own.
    pub(crate) fn die(&mut self, works: Works, at: usize) -> Result<After> {
        match self.talk.ask(&Ask::Die(works, at))? {
            Answer::Died(after) => Ok(after),
            Answer::Seen(_) => Err(crate::Error::Lost("an answer to another question".into())),
        }
    }
}
