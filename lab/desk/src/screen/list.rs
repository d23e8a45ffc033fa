//! The list of lessons.

use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{Ui, head, keys, page};
use crate::Result;
use crate::course::Course;
use crate::progress::Progress;

/// Lets the learner choose. The lesson's index, or `None` to quit.
pub(super) fn choose(ui: &mut Ui, course: &Course, progress: &Progress, chosen: &mut usize) -> Result<Option<usize>> {
    let most = course.lessons.len().saturating_sub(1);
    let done = course.lessons.iter().filter(|l| progress.is_done(l)).count();
    loop {
        *chosen = (*chosen).min(most);
        let at = *chosen;
        ui.draw(|frame, look, clicks| {
            let (top, body, foot) = page(frame.area());
            let right = format!("{done} of {} done", course.lessons.len());
            head(frame, look, top, "Tricine lab: you are the scheduler", &right);
            let block = look.frame(if course.place.is_empty() { "Lessons" } else { &course.place });
            let inner = block.inner(body);
            frame.render_widget(block, body);
            let rows = usize::from(inner.height);
            let from = at.saturating_sub(rows.saturating_sub(1));
            for (row, (i, l)) in course.lessons.iter().enumerate().skip(from).take(rows).enumerate() {
                let place = Rect { y: inner.y + row as u16, height: 1, ..inner };
                let mark = if progress.is_done(l) { "✓" } else { " " };
                let style = if i == at { look.chosen() } else { Style::new() };
                let arrow = if i == at { "▶" } else { " " };
                let text = look.text(&format!(" {arrow} {mark} {:<4} {} ", l.id, l.title));
                frame.render_widget(Paragraph::new(Line::from(Span::styled(text, style))), place);
                // A click on the chosen one opens it; a click on another one chooses it.
                let key = if i == at { KeyCode::Enter } else { KeyCode::F(u8::try_from(i + 100).unwrap_or(255)) };
                clicks.push((place, key));
            }
            if let Some(trouble) = &progress.trouble {
                let place = Rect { y: foot.y + 1, height: 1, ..foot };
                frame.render_widget(Paragraph::new(Line::styled(look.text(trouble), look.bad())), place);
            }
            let items = [
                (KeyCode::Enter, "Enter", "open"),
                (KeyCode::Up, "↑", ""),
                (KeyCode::Down, "↓", "choose"),
                (KeyCode::Char('q'), "q", "quit"),
            ];
            let plain = [
                (KeyCode::Enter, "Enter", "open"),
                (KeyCode::Up, "k", ""),
                (KeyCode::Down, "j", "choose"),
                (KeyCode::Char('q'), "q", "quit"),
            ];
            keys(frame, look, clicks, Rect { height: 1, ..foot }, if look.unicode { &items } else { &plain });
        })?;
        match ui.key()? {
            Some(KeyCode::Enter) => return Ok(Some(*chosen)),
            Some(KeyCode::Char('q') | KeyCode::Esc) => return Ok(None),
            Some(KeyCode::Down | KeyCode::Char('j')) => *chosen = (*chosen + 1).min(most),
            Some(KeyCode::Up | KeyCode::Char('k')) => *chosen = chosen.saturating_sub(1),
            Some(KeyCode::Home) => *chosen = 0,
            Some(KeyCode::End) => *chosen = most,
            Some(KeyCode::F(n)) if n >= 100 => *chosen = usize::from(n) - 100,
            _ => {}
        }
    }
}
