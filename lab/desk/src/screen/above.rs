//! A text that lies over everything else until a key takes it away, and what is stepped by ptrace: a page of its own, in front of the
//! lesson, until it is left.

use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::text::Line;

use super::look::Look;
use super::{Clicks, Ui, popup};
use crate::{Error, Result};

/// A title, lines, and how far they are scrolled; or nothing.
#[derive(Default)]
pub(super) struct Above(Option<(String, Vec<Line<'static>>, u16)>);

impl Above {
    pub(super) fn say(&mut self, title: &str, lines: Vec<Line<'static>>) {
        self.0 = Some((title.into(), lines, 0));
    }

    /// Whether a key was for it: it scrolls, or goes away.
    pub(super) fn takes(&mut self, key: KeyCode) -> bool {
        let Some((_, _, scroll)) = &mut self.0 else { return false };
        match key {
            KeyCode::Down | KeyCode::PageDown => *scroll += 1,
            KeyCode::Up | KeyCode::PageUp => *scroll = scroll.saturating_sub(1),
            _ => self.0 = None,
        }
        true
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks) {
        if let Some((title, lines, scroll)) = &self.0 {
            popup(frame, look, clicks, title, lines.clone(), *scroll);
        }
    }
}

/// Each line of a text as a line of its own.
pub(super) fn each_line(look: Look, text: &str) -> Vec<Line<'static>> {
    text.lines().flat_map(|l| if l.is_empty() { vec![Line::default()] } else { look.markdown(l) }).collect()
}

/// A page in front of the lesson.
pub(super) trait Closer {
    /// What `?` says.
    const HELP: &str;

    fn above(&mut self) -> &mut Above;

    /// A key that does something here.
    ///
    /// # Errors
    /// A process was lost, or the terminal.
    fn press(&mut self, ui: &mut Ui, key: KeyCode) -> Result<()>;

    fn draw(&self, frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks);
}

/// Until it is left.
pub(super) fn stay<C: Closer>(ui: &mut Ui, page: &mut C) -> Result<()> {
    loop {
        ui.draw(|frame, look, clicks| page.draw(frame, look, clicks))?;
        let Some(key) = ui.key()? else { continue };
        if page.above().takes(key) {
            continue;
        }
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
            KeyCode::Char('?') => {
                let lines = each_line(ui.look, C::HELP);
                page.above().say("Keys", lines);
            }
            key => page.press(ui, key)?,
        }
    }
}

/// What came of a question, or why it could not be answered: a system call failed there, and the next key may do better.
pub(super) fn heard<T>(answer: Result<T>, seen: &mut T, message: &mut String) -> Result<()> {
    match answer {
        Ok(new) => *seen = new,
        Err(Error::Lost(why)) => *message = why,
        Err(e) => return Err(e),
    }
    Ok(())
}
