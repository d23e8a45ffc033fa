//! What can be asked of a hand-over, and the process that does it.

use serde::{Deserialize, Serialize};
use tricine_channel::sys::process::Reaped;
use tricine_stress::sys::trace::Tracer;

use super::place::Place;
use super::scene::{After, Came, Scene, Stage, Works, change};
use super::seen::{Seen, State, phase, rows};
use crate::measure::Answers;
use crate::{Error, Result};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(super) session: String,
}

impl Part {
    pub(crate) fn new(session: &str) -> Self {
        Self { session: session.into() }
    }
}

/// What is to happen.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// A new hand-over, before the first instruction.
    Begin(Works),
    /// So many instructions.
    Step(usize),
    /// To where so many instructions were carried out; back as well, in new processes.
    Go(usize),
    /// To the next change of a word that both sides see.
    Change,
    /// SIGKILL, here.
    Kill,
    /// What follows a death: the real recovery, and then a successor, with which the film goes on to its end.
    Recover,
    /// What comes of a death after so many instructions, in processes of its own. The hand-over that stands is given up.
    Die(Works, usize),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Seen(Box<Seen>),
    Died(After),
}

/// The hand-over that stands.
struct Hand {
    scene: Scene,
    works: Works,
    at: usize,
    state: State,
    reaped: Option<Reaped>,
    after: Option<After>,
    changed: Option<String>,
}

/// The changes of a whole hand-over and its instructions, of each side that was asked for.
type Known = [Option<(Vec<(usize, String)>, usize)>; 2];

/// Answers until nobody asks any more.
pub(crate) fn work(part: &Part, answers: &mut Answers) -> Result<()> {
    let tracer = Tracer::new()?;
    let (mut hand, mut known): (Option<Hand>, Known) = (None, [None, None]);
    let name = super::name(&part.session);
    let stage = |works| Stage { tracer: &tracer, name: name.clone(), works };
    let worked = answers.serve(|ask: Ask| {
        if let Ask::Die(works, at) = ask {
            hand = None;
            return Ok(Answer::Died(stage(works).die(at)?));
        }
        let seen = answer(&stage, &mut hand, &mut known, ask)?;
        Ok(Answer::Seen(Box::new(seen)))
    });
    name.unlink()?;
    worked
}

fn answer<'t>(
    stage: &impl Fn(Works) -> Stage<'t>,
    hand: &mut Option<Hand>,
    known: &mut Known,
    ask: Ask,
) -> Result<Seen> {
    let begin = |works| {
        let scene = stage(works).begin()?;
        Ok::<_, Error>(Hand { scene, works, at: 0, state: State::Stands, reaped: None, after: None, changed: None })
    };
    if let Ask::Begin(works) = ask {
        // The processes of the one before end first: both have the same name.
        *hand = None;
        if known[works as usize].is_none() {
            known[works as usize] = Some(stage(works).changes()?);
        }
        *hand = Some(begin(works)?);
    }
    let Some(now) = hand else { return Err(Error::Lost("no hand-over was begun".into())) };
    if let Ask::Go(to) = ask
        && (to < now.at || now.state != State::Stands)
    {
        let works = now.works;
        *hand = None;
        *hand = Some(begin(works)?);
    }
    let Some(now) = hand else { return Err(Error::Lost("no hand-over was begun".into())) };
    let before = now.scene.words();
    match ask {
        Ask::Begin(_) | Ask::Die(..) => {}
        Ask::Step(n) => now.step(n, false)?,
        Ask::Go(to) => now.step(to - now.at, false)?,
        Ask::Change => now.step(usize::MAX, true)?,
        Ask::Kill if matches!(now.state, State::Stands | State::Over) => {
            now.reaped = Some(now.scene.works.kill()?);
            now.state = State::Dead;
        }
        Ask::Kill => {}
        Ask::Recover => match (now.state, &now.reaped) {
            (State::Dead, Some(reaped)) => {
                now.scene.recover(reaped)?;
                now.state = State::Recovered;
            }
            (State::Recovered, _) => {
                now.after = Some(now.scene.film()?);
                now.state = State::Went;
            }
            _ => {}
        },
    }
    now.changed = change(&before, &now.scene.words());
    let (changes, instructions) = known[now.works as usize].clone().unwrap_or_default();
    now.seen(changes, instructions)
}

impl Hand {
    /// So many instructions, or up to the first that changes a word.
    fn step(&mut self, most: usize, to_change: bool) -> Result<()> {
        let before = self.scene.words();
        for _ in 0..most {
            if self.state != State::Stands {
                return Ok(());
            }
            match self.scene.step()? {
                Came::On => self.at += 1,
                Came::Over => self.state = State::Over,
                Came::Gone => {
                    self.reaped = Some(self.scene.works.kill()?);
                    self.state = State::Dead;
                }
            }
            if to_change && self.scene.words() != before {
                return Ok(());
            }
        }
        Ok(())
    }

    fn seen(&self, changes: Vec<(usize, String)>, instructions: usize) -> Result<Seen> {
        let place = match self.state {
            State::Stands => Some(Place::of(self.scene.works.program_counter()?)),
            _ => None,
        };
        Ok(Seen {
            works: self.works,
            state: self.state,
            at: self.at,
            instructions,
            changes,
            changed: self.changed.clone(),
            phase: phase(self.works, &self.scene.words()).into(),
            place,
            rows: rows(&self.scene)?,
            pids: [self.scene.works.id(), self.scene.sleeps.id()],
            after: self.after.clone(),
        })
    }
}
