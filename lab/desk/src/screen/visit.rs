//! One lesson on the screen: its pages, its keys, and what they do.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use ratatui::crossterm::event::KeyCode;
use ratatui::text::Line;
use tricine_lab::check;
use tricine_lab::lang::Program;
use tricine_lab::lesson::{Lesson, Regions};
use tricine_lab::run::End;
use tricine_lab::schedule::{self, Act};
use tricine_lab::verdict::Verdict;

use super::editor::Draft;
use super::{Ui, pages};
use crate::command::{instance, number_of, stage};
use crate::progress::{Entry, Progress, now};
use crate::stepper::Stepper;
use crate::{Error, Result};

/// Running freely takes so long, or so many runs.
const FREELY: (usize, Duration) = (10_000, Duration::from_millis(1500));
/// `g` gives up after so many steps.
const FARTHEST: usize = 60;

/// The parts of a lesson, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Text,
    Predict,
    Run,
    Repair,
    Why,
}

impl Page {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Text, "text"),
        (Self::Predict, "predict"),
        (Self::Run, "run"),
        (Self::Repair, "repair"),
        (Self::Why, "why"),
    ];
}

/// What a learner has before the eyes.
pub(super) struct Visit<'l> {
    pub(super) lesson: &'l Lesson,
    pub(super) page: Page,
    /// The learner's lines.
    pub(super) text: String,
    pub(super) entry: Entry,
    pub(super) scroll: u16,
    /// The question, and the answer that the cursor is at.
    pub(super) question: usize,
    pub(super) cursor: usize,
    /// What is ticked of a question that is not answered yet.
    pending: Vec<usize>,
    pub(super) verdict: Option<Verdict>,
    /// The counterexample's steps that are still to come.
    pub(super) coming: VecDeque<Act>,
    instance: Option<usize>,
    pub(super) reached: BTreeSet<usize>,
    /// What is to be said in the line under the stage.
    pub(super) message: Option<String>,
    pub(super) popup: Option<(String, Vec<Line<'static>>)>,
    pub(super) bytes: bool,
    pub(super) draft: Option<Draft>,
}

/// Why the loop of one program ends.
enum Then {
    Rebuild,
    Leave,
}

/// A lesson, until it is left.
pub(super) fn visit(ui: &mut Ui, lesson: &Lesson, progress: &mut Progress) -> Result<()> {
    let entry = progress.get(lesson);
    let answered = entry.predicted.len() >= lesson.predict.len();
    let page = if !lesson.text.is_empty() && !answered { Page::Text } else { Page::Run };
    let text = entry.text.clone().unwrap_or_else(|| lesson.start());
    let question = entry.predicted.len().min(lesson.predict.len().saturating_sub(1));
    let mut visit = Visit {
        lesson,
        page,
        text,
        entry,
        scroll: 0,
        question,
        cursor: 0,
        pending: vec![],
        verdict: None,
        coming: VecDeque::new(),
        instance: None,
        reached: BTreeSet::new(),
        message: None,
        popup: None,
        bytes: false,
        draft: None,
    };
    loop {
        let program = match instance(lesson, &visit.text, visit.instance) {
            Ok(program) => program,
            // What was kept cannot be read any more; the repair page says why.
            Err(_) => {
                visit.instance = None;
                visit.message = Some("Your lines cannot be read: this is the program as it was given out.".into());
                instance(lesson, &lesson.start(), None)?
            }
        };
        match visit.stay(ui, &program, progress)? {
            Then::Rebuild => {}
            Then::Leave => return Ok(()),
        }
    }
}

impl Visit<'_> {
    fn stay(&mut self, ui: &mut Ui, program: &Program, progress: &mut Progress) -> Result<Then> {
        let mut stepper: Option<Stepper<'_>> = None;
        loop {
            if self.page == Page::Run && stepper.is_none() {
                match self.begin(ui, program) {
                    Ok(new) => stepper = Some(new),
                    Err(e) => {
                        self.say(ui, "The real processes cannot be started", &e.to_string());
                        self.page = Page::Repair;
                    }
                }
            }
            ui.draw(|frame, look, clicks| pages::draw(frame, look, clicks, self, program, stepper.as_ref()))?;
            let key = ui.key()?;
            if let Some(then) = self.look_around(ui, stepper.as_mut(), progress)? {
                return Ok(then);
            }
            let Some(key) = key else { continue };
            if self.popup.take().is_some() {
                continue;
            }
            match self.press(ui, key, program, &mut stepper, progress) {
                Ok(None) => {}
                Ok(Some(then)) => return Ok(then),
                // The stage begins anew; what was there is lost, and said.
                Err(e @ (Error::Lost(_) | Error::Differ { .. } | Error::Session(_))) => {
                    self.say(ui, "The stage begins anew", &e.to_string());
                    stepper = None;
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn begin<'p>(&self, ui: &Ui, program: &'p Program) -> Result<Stepper<'p>> {
        // The program may be the one that was given out, if the learner's cannot be read.
        let text = if instance(self.lesson, &self.text, self.instance).is_ok() {
            self.text.clone()
        } else {
            self.lesson.start()
        };
        let number = number_of(self.lesson, &text, self.instance)?;
        Stepper::new(program, stage(self.lesson, &text, program, number, ui.session.name())?)
    }

    fn say(&mut self, ui: &Ui, title: &str, text: &str) {
        self.popup = Some((title.into(), ui.look.markdown(text)));
    }

    /// What happens without a key: a file was saved, a process was killed by somebody else.
    fn look_around(
        &mut self,
        ui: &Ui,
        stepper: Option<&mut Stepper<'_>>,
        progress: &mut Progress,
    ) -> Result<Option<Then>> {
        if let Some(saved) = self.draft.as_mut().and_then(Draft::saved) {
            match saved {
                Ok(text) => {
                    self.take(&text, progress);
                    return Ok(Some(Then::Rebuild));
                }
                Err(e) => self.say(ui, "Your file cannot be read", &e.to_string()),
            }
        }
        if let Some(s) = stepper
            && let Some(i) = s.stage.killed_by_others()
        {
            match s.act(Act::Kill(i)) {
                Ok(()) => self.message = Some("Somebody else killed it: not by a key of yours.".into()),
                Err(e) => {
                    self.say(ui, "The stage begins anew", &e.to_string());
                    return Ok(Some(Then::Rebuild));
                }
            }
        }
        Ok(None)
    }

    /// Takes what the learner wrote, and marks it.
    fn take(&mut self, text: &str, progress: &mut Progress) {
        self.text = Regions::of(text).map_or_else(|| text.to_owned(), |r| r.mine.join("\n"));
        self.mark(text, progress);
    }

    fn mark(&mut self, text: &str, progress: &mut Progress) {
        let verdict = check(self.lesson, text);
        self.coming.clear();
        self.instance = None;
        self.scroll = 0;
        self.page = Page::Repair;
        let (kept, changed) = (self.text.clone(), self.text.trim_end() != self.lesson.start().trim_end());
        let right = matches!(verdict, Verdict::Right { .. });
        progress.change(self.lesson, |e| {
            e.text = changed.then_some(kept);
            match right {
                true => e.right_at = e.right_at.or(Some(now())),
                false if e.right_at.is_none() => e.wrong += 1,
                false => {}
            }
        });
        self.entry = progress.get(self.lesson);
        if let Verdict::Wrong(w) = &verdict {
            self.instance = Some(w.instance);
            let short = format!("{}{}", w.schedule, w.then);
            self.coming = schedule::parse(&short, tricine_lab::lang::MOST_PROCESSES).unwrap_or_default().into();
        }
        self.verdict = Some(verdict);
    }

    fn go(&mut self, page: Page) {
        self.page = page;
        self.scroll = 0;
        self.message = None;
    }

    fn press(
        &mut self,
        ui: &mut Ui,
        key: KeyCode,
        program: &Program,
        stepper: &mut Option<Stepper<'_>>,
        progress: &mut Progress,
    ) -> Result<Option<Then>> {
        match key {
            KeyCode::Char('?') => {
                self.popup = Some(("Keys".into(), pages::help(ui.look, program)));
                return Ok(None);
            }
            KeyCode::Esc | KeyCode::Char('q') => return Ok(Some(Then::Leave)),
            KeyCode::Char(c @ '1'..='5') => {
                let page = Page::ALL[usize::from(c as u8 - b'1')].0;
                self.go(page);
                return Ok(None);
            }
            KeyCode::Backspace => {
                let at = Page::ALL.iter().position(|p| p.0 == self.page).unwrap_or(0);
                self.go(Page::ALL[at.saturating_sub(1)].0);
                return Ok(None);
            }
            KeyCode::Char('e') => return self.edit(ui, progress),
            KeyCode::Char('m') => {
                let text = self.text.clone();
                self.mark(&text, progress);
                return Ok(Some(Then::Rebuild));
            }
            KeyCode::Char('h') => {
                self.hint(ui, progress);
                return Ok(None);
            }
            KeyCode::Char('p') => {
                self.go(Page::Predict);
                return Ok(None);
            }
            KeyCode::Char('n') if self.page == Page::Repair && !self.coming.is_empty() => {
                self.go(Page::Run);
                self.message = Some("The counterexample: n is its next step. It runs on real processes.".into());
                return Ok(None);
            }
            _ => {}
        }
        match self.page {
            Page::Predict => self.predict(key, progress),
            Page::Run => return self.step(ui, key, stepper),
            _ => match key {
                KeyCode::Down | KeyCode::PageDown => self.scroll += if key == KeyCode::Down { 1 } else { 10 },
                KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
                KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
                KeyCode::Enter => self.go_on(),
                KeyCode::Char('R') if self.page == Page::Repair => {
                    self.text = self.lesson.start();
                    (self.verdict, self.instance, self.draft) = (None, None, None);
                    self.coming.clear();
                    progress.change(self.lesson, |e| e.text = None);
                    self.message = Some("These are the lines as they were given out.".into());
                    return Ok(Some(Then::Rebuild));
                }
                _ => {}
            },
        }
        Ok(None)
    }

    fn go_on(&mut self) {
        let at = Page::ALL.iter().position(|p| p.0 == self.page).unwrap_or(0);
        let mut next = Page::ALL.get(at + 1).map_or(Page::Why, |p| p.0);
        if next == Page::Predict && self.lesson.predict.is_empty() {
            next = Page::Run;
        }
        self.go(next);
    }

    fn edit(&mut self, ui: &mut Ui, progress: &mut Progress) -> Result<Option<Then>> {
        if self.draft.is_none() {
            let full = self.lesson.with(&self.text).map_or_else(|_| self.text.clone(), |f| f.0);
            self.draft = Some(Draft::create(&self.lesson.id, &full)?);
        }
        let Some(draft) = &mut self.draft else { return Ok(None) };
        let edited = ui.aside(|| draft.edit())?;
        let saved = draft.saved();
        self.page = Page::Repair;
        if let Err(e) = edited {
            self.say(ui, "Your editor", &e.to_string());
        }
        match saved {
            Some(Ok(text)) => {
                self.take(&text, progress);
                Ok(Some(Then::Rebuild))
            }
            Some(Err(e)) => {
                self.say(ui, "Your file cannot be read", &e.to_string());
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn hint(&mut self, ui: &Ui, progress: &mut Progress) {
        let most = self.lesson.hints.len();
        if most == 0 {
            self.message = Some("This lesson has no hints.".into());
            return;
        }
        let n = (self.entry.hints + 1).min(most);
        progress.change(self.lesson, |e| e.hints = n);
        self.entry = progress.get(self.lesson);
        let text: Vec<String> =
            self.lesson.hints[..n].iter().enumerate().map(|(i, h)| format!("{}. {h}", i + 1)).collect();
        self.say(ui, &format!("Hint {n} of {most}"), &text.join("\n"));
    }

    /// The answers that are ticked now, and whether the question was answered.
    pub(super) fn ticked(&self) -> (&[usize], bool) {
        self.entry.predicted.get(self.question).map_or((&self.pending, false), |t| (t, true))
    }

    fn predict(&mut self, key: KeyCode, progress: &mut Progress) {
        let Some(question) = self.lesson.predict.get(self.question) else { return self.go(Page::Run) };
        let (answers, answered) = (question.answers.len(), self.ticked().1);
        let tick = |pending: &mut Vec<usize>, i: usize| match pending.iter().position(|t| *t == i) {
            Some(at) => {
                pending.remove(at);
            }
            None => pending.push(i),
        };
        match key {
            KeyCode::Down => self.cursor = (self.cursor + 1).min(answers.saturating_sub(1)),
            KeyCode::Up => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Char(' ') if !answered => tick(&mut self.pending, self.cursor),
            KeyCode::Char(c @ 'a'..='g') if !answered && usize::from(c as u8 - b'a') < answers => {
                self.cursor = usize::from(c as u8 - b'a');
                tick(&mut self.pending, self.cursor);
            }
            KeyCode::Enter if answered => {
                self.cursor = 0;
                if self.question + 1 < self.lesson.predict.len() {
                    self.question += 1;
                } else {
                    self.question = 0;
                    self.go(Page::Run);
                }
            }
            KeyCode::Enter if self.pending.is_empty() => {
                self.message = Some("First say what you think: nothing runs before that.".into());
            }
            KeyCode::Enter => {
                let ticked = std::mem::take(&mut self.pending);
                progress.change(self.lesson, |e| e.predicted.push(ticked));
                self.entry = progress.get(self.lesson);
                self.message = None;
            }
            _ => {}
        }
    }

    /// A key on the stage.
    fn step(&mut self, ui: &mut Ui, key: KeyCode, stepper: &mut Option<Stepper<'_>>) -> Result<Option<Then>> {
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
                text += "\nEach run began with both at once, on processors of their own, at full speed. What comes out right here \
                         was lucky, or is right: only the search (`m`) tells which.";
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
        let now = number_of(self.lesson, &self.text, self.instance)?;
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
        let now = number_of(self.lesson, &self.text, self.instance).ok();
        for (i, goal) in self.lesson.goals.iter().enumerate() {
            let here = goal.instance.is_none_or(|n| Some(n) == now);
            let met =
                !goal.after && goal.possible && here && goal.is_met(s.program(), s.replay.state()).unwrap_or(false);
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
