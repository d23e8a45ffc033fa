//! What a learner does besides stepping: edits, has it marked, asks for a hint, measures.

use ratatui::text::Line;
use tricine_lab::lesson::Regions;
use tricine_lab::schedule;
use tricine_lab::verdict::Verdict;

use super::{Page, Then, Visit};
use crate::Result;
use crate::command::{full, given, marked};
use crate::progress::{Progress, now};
use crate::screen::Ui;
use crate::screen::editor::Draft;

impl Visit<'_> {
    /// Takes what the learner wrote, and marks it.
    pub(super) fn take(&mut self, text: &str, progress: &mut Progress) {
        self.text = Regions::of(text).map_or_else(|| text.to_owned(), |r| r.mine.join("\n"));
        self.mark(text, progress);
    }

    pub(super) fn mark(&mut self, text: &str, progress: &mut Progress) {
        let verdict = marked(self.lesson, text);
        self.coming.clear();
        self.instance = None;
        self.scroll = 0;
        self.page = Page::Repair;
        let (kept, changed) = (self.text.clone(), self.text.trim_end() != given(self.lesson).trim_end());
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

    pub(super) fn edit(&mut self, ui: &mut Ui, progress: &mut Progress) -> Result<Option<Then>> {
        if self.draft.is_none() {
            let full = full(self.lesson, &self.text).unwrap_or_else(|_| self.text.clone());
            match Draft::create(progress.draft(self.lesson), &full) {
                Ok(draft) => self.draft = Some(draft),
                Err(e) => self.say(ui, "Your file", &e.to_string()),
            }
        }
        let Some(draft) = &mut self.draft else { return Ok(None) };
        let edited = ui.aside(|| draft.edit())?;
        let (saved, gone) = (draft.saved(), draft.is_gone());
        self.page = Page::Repair;
        if let Err(e) = edited {
            self.say(ui, "Your editor", &e.to_string());
        } else if gone {
            // The next `e` writes it again.
            self.draft = None;
            self.say(
                ui,
                "Your file is gone",
                "The editor has removed it. Your lines are as they were; `e` writes the file again.",
            );
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

    /// Measures what the lesson measures, and holds it against what was predicted.
    pub(super) fn measure(&mut self, ui: &mut Ui, progress: &mut Progress) {
        let Some(m) = &self.lesson.measure else { return };
        self.above.say("Measuring", vec![Line::raw("It takes some seconds. Other work disturbs it.")]);
        let _ = ui.draw(|frame, look, clicks| self.above.draw(frame, look, clicks));
        let measured = match crate::measure::measure(&m.name, ui.session.name()) {
            Ok(measured) => measured,
            Err(e) => return self.say(ui, "It could not be measured", &e.to_string()),
        };
        let mut text =
            measured.disturbed.iter().map(|d| format!("**{}**\n\n", crate::command::capital(d))).collect::<String>();
        text += &measured.says;
        for (i, (question, ticked)) in self.lesson.predict.iter().zip(&self.entry.predicted).enumerate() {
            let here: Vec<&str> = measured.answers.iter().filter(|a| a.0 == i).map(|a| a.1.as_str()).collect();
            let said: Vec<&str> =
                ticked.iter().filter_map(|t| question.answers.get(*t)).map(|a| a.text.as_str()).collect();
            if !here.is_empty() {
                let so = if agrees(&said, &here) { "✓" } else { "✗" };
                text += &format!(
                    "\n\n{so} Question {}: you said {}; here it is {}.",
                    i + 1,
                    if said.is_empty() { "nothing".into() } else { said.join(", ") },
                    here.join(" or ")
                );
            }
        }
        if self.lesson.program.is_empty() && self.entry.predicted.len() >= self.lesson.predict.len() {
            progress.change(self.lesson, |e| e.right_at = e.right_at.or(Some(now())));
            self.entry = progress.get(self.lesson);
        }
        self.say(ui, "On this machine", &text);
        self.measured = Some(text);
    }

    pub(super) fn hint(&mut self, ui: &Ui, progress: &mut Progress) {
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
}

/// Whether everything that was ticked is so on this machine. Whoever ticks everything, or nothing, has said nothing.
fn agrees(said: &[&str], here: &[&str]) -> bool {
    !said.is_empty() && said.iter().all(|s| here.contains(s))
}

#[cfg(test)]
mod tests {
    use super::agrees;

    #[test]
    fn a_place_is_ones_own_if_nothing_else_was_ticked() {
        assert!(agrees(&["pipe"], &["pipe"]) && agrees(&["shm"], &["shm", "posix-mq"]));
        assert!(agrees(&["unix", "pipe"], &["pipe", "unix"]));
        assert!(!agrees(&["shm", "pipe", "posix-mq", "unix", "tcp"], &["pipe"]));
        assert!(!agrees(&["shm", "pipe"], &["pipe"]) && !agrees(&[], &["pipe"]));
    }
}
