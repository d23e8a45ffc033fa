//! One lesson on the screen: its pages, its keys, and what they do.

mod steps;
mod work;

use std::collections::{BTreeSet, VecDeque};

use ratatui::crossterm::event::KeyCode;
use tricine_lab::lang::Program;
use tricine_lab::lesson::Lesson;
use tricine_lab::schedule::Act;
use tricine_lab::verdict::Verdict;

use super::above::Above;
use super::editor::Draft;
use super::{Ui, pages};
use crate::command::{given, instance, stage};
use crate::progress::{Entry, Progress};
use crate::stepper::Stepper;
use crate::{Error, Result};

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
    pub(super) above: Above,
    /// What was measured here.
    pub(super) measured: Option<String>,
    pub(super) bytes: bool,
    pub(super) draft: Option<Draft>,
}

/// What is stepped by ptrace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closer {
    Channel,
    Calls,
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
    let text = entry.text.clone().unwrap_or_else(|| given(lesson));
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
        above: Above::default(),
        measured: None,
        bytes: false,
        draft: None,
    };
    loop {
        let program = match instance(lesson, &visit.text, visit.instance) {
            // A lesson that only measures.
            _ if lesson.program.is_empty() => Program::default(),
            Ok((program, _)) => program,
            // What was kept cannot be read any more; the repair page says why.
            Err(_) => {
                visit.instance = None;
                visit.message = Some("Your lines cannot be read: this is the program as it was given out.".into());
                instance(lesson, &given(lesson), None)?.0
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
            if self.page == Page::Run && stepper.is_none() && !program.processes.is_empty() {
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
            if self.above.takes(key) {
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
        let own = instance(self.lesson, &self.text, self.instance).map(|(_, n)| (self.text.clone(), n));
        let (text, number) = match own {
            Ok(own) => own,
            Err(_) => (given(self.lesson), instance(self.lesson, &given(self.lesson), None)?.1),
        };
        Stepper::new(program, stage(self.lesson, &text, program, number, ui.session.name())?)
    }

    fn say(&mut self, ui: &Ui, title: &str, text: &str) {
        self.above.say(title, ui.look.markdown(text));
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
                self.above.say("Keys", pages::help(ui.look, self.lesson, program));
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
            KeyCode::Char('M') if self.lesson.measure.is_some() => {
                self.measure(ui, progress);
                return Ok(None);
            }
            KeyCode::Char('C') if self.closer().is_some() => {
                // The stage's processes wait meanwhile, each in front of its step.
                let (visited, title) = match self.closer() {
                    Some((_, Closer::Channel)) => (super::real::visit(ui), "The shipped channel"),
                    _ => (super::ways::visit(ui), "Call by call"),
                };
                if let Err(e) = visited {
                    self.say(ui, title, &e.to_string());
                }
                return Ok(None);
            }
            KeyCode::Char('e' | 'm') if program.processes.is_empty() => {
                self.message = Some("There is nothing to repair in this lesson: M measures.".into());
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
            Page::Run if stepper.is_some() => return self.step(ui, key, stepper),
            _ => match key {
                KeyCode::Down | KeyCode::PageDown => self.scroll += if key == KeyCode::Down { 1 } else { 10 },
                KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
                KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
                KeyCode::Enter => self.go_on(),
                KeyCode::Char('R') if self.page == Page::Repair => {
                    self.text = given(self.lesson);
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

    /// What of this lesson can be stepped closer than by its program, and what its key is called.
    pub(super) fn closer(&self) -> Option<(&'static str, Closer)> {
        match self.lesson.measure.as_ref()?.name.as_str() {
            "channel" => Some(("the channel", Closer::Channel)),
            "calls" => Some(("call by call", Closer::Calls)),
            _ => None,
        }
    }

    /// Whether the program has another size or scene.
    pub(super) fn has_others(&self) -> bool {
        instance(self.lesson, &self.text, Some(1)).is_ok()
    }

    fn go_on(&mut self) {
        let at = Page::ALL.iter().position(|p| p.0 == self.page).unwrap_or(0);
        let mut next = Page::ALL.get(at + 1).map_or(Page::Why, |p| p.0);
        if next == Page::Predict && self.lesson.predict.is_empty() {
            next = Page::Run;
        }
        if next == Page::Repair && self.lesson.program.is_empty() {
            next = Page::Why;
        }
        self.go(next);
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
            // What is said about the answers may be longer than the screen.
            KeyCode::Down | KeyCode::PageDown if answered => self.scroll += 1,
            KeyCode::Up | KeyCode::PageUp if answered => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down => self.cursor = (self.cursor + 1).min(answers.saturating_sub(1)),
            KeyCode::Up => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Char(' ') if !answered => tick(&mut self.pending, self.cursor),
            KeyCode::Char(c @ 'a'..='g') if !answered && usize::from(c as u8 - b'a') < answers => {
                self.cursor = usize::from(c as u8 - b'a');
                tick(&mut self.pending, self.cursor);
            }
            KeyCode::Enter if answered => {
                (self.cursor, self.scroll) = (0, 0);
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
}
