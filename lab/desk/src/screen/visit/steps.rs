//! Keys on the stage.

use std::time::Duration;

use ratatui::crossterm::event::KeyCode;
use tricine_lab::run::End;
use tricine_lab::schedule::Act;

use super::{Then, Visit};
use crate::Result;
use crate::command::instance;
use crate::screen::Ui;
use crate::stepper::Stepper;

/// Running freely takes so long, or so many runs.
const FREELY: (usize, Duration) = (10_000, Duration::from_millis(1500));
/// `g` gives up after so many steps.
const FARTHEST: usize = 60;

impl Visit<'_> {
    /// A key on the stage.
    pub(super) fn step(
        &mut self,
        ui: &mut Ui,
        key: KeyCode,
        stepper: &mut Option<Stepper<'_>>,
    ) -> Result<Option<Then>> {
        let Some(s) = stepper else { return Ok(None) };
        let processes = s.program().processes.len();
        let who = |c: char, from: char| Some(c as usize - from as usize).filter(|i| *i < processes);
        self.message = None;
        match key {
            KeyCode::Char(c @ 'a'..='d') if who(c, 'a').is_some() => s.act(Act::Step(c as usize - 'a' as usize))?,
            KeyCode::Char(c @ 'A'..='D') if who(c, 'A').is_some() => s.act(Act::Kill(c as usize - 'A' as usize))?,
            // The store buffers of the first and the second process, where the program has them.
            KeyCode::Char(c @ ('v' | 'w')) => s.act(Act::Flush(c as usize - 'v' as usize))?,
            KeyCode::Char('r') => s.act(Act::Recover)?,
            KeyCode::Char('u') => s.undo()?,
            KeyCode::Char('R') => s.restart()?,
            KeyCode::Char('x') => self.bytes = !self.bytes,
            KeyCode::Char('n') => match self.coming.pop_front() {
                Some(act) => {
                    s.act(act)?;
                    self.message = self.coming.is_empty().then(|| "That was the counterexample's last step.".into());
                }
                None => {
                    self.message =
                        Some("There is no counterexample: m marks your lines, and finds one if there is one.".into())
                }
            },
            KeyCode::Char('g') => far(s)?,
            KeyCode::Char('F') => {
                let freely = s.freely(FREELY.0, FREELY.1)?;
                let mut text = format!("{}.\n\n", crate::command::capital(&freely.says()));
                for (result, count) in freely.results.iter().take(8) {
                    text += &format!("- {count} times: {result}\n");
                }
                text += "\nIn each run all began at once, each on a processor of its own if there are enough, and nobody was killed. Each run was \
                         judged as the search judges it. What comes out right here was lucky, or is right: only the search (`m`) tells which.";
                self.say(ui, "Freely, at full speed", &text);
            }
            KeyCode::Char(c @ ('[' | ']')) => return self.other_instance(c == ']'),
            KeyCode::Enter => self.go_on(),
            _ => {}
        }
        self.goals(s);
        Ok(None)
    }

    /// Another size or scene of the program.
    fn other_instance(&mut self, next: bool) -> Result<Option<Then>> {
        let (_, now) = instance(self.lesson, &self.text, self.instance)?;
        let wanted = if next { now + 1 } else { now.saturating_sub(1) };
        if instance(self.lesson, &self.text, Some(wanted)).is_err() {
            self.message = Some("There is no other size or scene in this direction.".into());
            return Ok(None);
        }
        self.instance = Some(wanted);
        self.coming.clear();
        Ok(Some(Then::Rebuild))
    }

    fn goals(&mut self, s: &Stepper<'_>) {
        let now = instance(self.lesson, &self.text, self.instance).ok().map(|i| i.1);
        for (i, goal) in self.lesson.goals.iter().enumerate() {
            let here = goal.instance.is_none_or(|n| Some(n) == now);
            let met = !goal.after && goal.possible && here && goal.is_met(s.program(), &s.replay).unwrap_or(false);
            if met && self.reached.insert(i) {
                self.message = Some(format!("Reached: {}", goal.text));
            }
        }
    }
}

/// Steps on, the process that ran last, to the next change that the others can see.
fn far(s: &mut Stepper<'_>) -> Result<()> {
    let last = s.acts.iter().rev().find(|a| matches!(a, Act::Step(_) | Act::Recover)).copied();
    let act = last.unwrap_or(Act::Step(0));
    for _ in 0..FARTHEST {
        let before = s.replay.moments.last().map(|m| (m.words.clone(), tokens(m), m.shown));
        s.act(act)?;
        let Some(now) = s.replay.moments.last() else { return Ok(()) };
        let idle = now.processes.iter().enumerate().any(|(i, p)| act == Act::Step(i) && p.state != "ready");
        if before != Some((now.words.clone(), tokens(now), now.shown)) || idle || !matches!(s.replay.end, End::Open) {
            return Ok(());
        }
    }
    Ok(())
}

fn tokens(m: &tricine_lab::run::Moment) -> Vec<i64> {
    m.semaphores.iter().map(|s| s.tokens).collect()
}
