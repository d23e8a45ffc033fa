//! One small frame through each mechanism, stopped at every system call of both sides: what enters the kernel, and who sleeps in it.
//!
//! Read in this order: `scene` (the two processes), this file (what can be asked, and the process that does it). The screen is
//! `screen/ways.rs`; the whole list at once is measured (`measure/calls.rs`).

mod scene;

use serde::{Deserialize, Serialize};
use tricine_stress::sys::trace::Tracer;

pub(crate) use scene::{MECHANISMS, Scene, Stop, Where};

use crate::measure::{Answers, Talk, Task};
use crate::{Error, Result};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    session: String,
}

impl Part {
    pub(crate) fn new(session: &str) -> Self {
        Self { session: session.into() }
    }

    pub(crate) fn session(&self) -> &str {
        &self.session
    }
}

/// What a side does: 0 is the writer, 1 the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    /// It goes on to its next stop.
    Step(usize),
    Kill(usize),
}

/// What is to happen.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// New processes for the mechanism of this number, and these acts.
    Play(usize, Vec<Act>),
    /// One more.
    Act(Act),
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) mechanism: usize,
    pub(crate) acts: Vec<Act>,
    pub(crate) stops: Vec<Stop>,
    pub(crate) pids: [u32; 2],
    pub(crate) at: [Where; 2],
}

/// Both sides in a process of its own, which does what it is asked.
pub(crate) struct Ways {
    talk: Talk<Ask, Seen>,
}

impl Ways {
    pub(crate) fn start(session: &str) -> Result<Self> {
        Ok(Self { talk: Talk::start(&Task::Ways(Part::new(session)))? })
    }

    pub(crate) fn ask(&mut self, ask: &Ask) -> Result<Seen> {
        self.talk.ask(ask)
    }
}

/// Answers until nobody asks any more.
pub(crate) fn work(part: &Part, answers: &mut Answers) -> Result<()> {
    let tracer = Tracer::new()?;
    let mut stands: Option<(usize, Scene, Vec<Act>)> = None;
    let worked = answers.serve(|ask: Ask| {
        let acts = match ask {
            Ask::Play(mechanism, acts) => {
                // Those before end first: what has a name has the same one.
                stands = None;
                let scene = Scene::begin(&tracer, &part.session, mechanism)?;
                stands = Some((mechanism, scene, vec![]));
                acts
            }
            Ask::Act(act) => vec![act],
        };
        let (mechanism, scene, done) = stands.as_mut().ok_or_else(|| Error::Lost("no frame was begun".into()))?;
        for act in acts {
            match act {
                Act::Step(who) => scene.step(who)?,
                Act::Kill(who) => scene.kill(who)?,
            }
            done.push(act);
        }
        Ok(Seen {
            mechanism: *mechanism,
            acts: done.clone(),
            stops: scene.stops.clone(),
            pids: scene.pids(),
            at: scene.at(),
        })
    });
    drop(stands);
    Scene::forget(&part.session)?;
    worked
}
