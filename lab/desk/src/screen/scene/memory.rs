//! What the processes share, on the screen: words as numbers or as bytes, and semaphores as tokens and sleepers.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::last;
use crate::screen::look::Look;
use crate::screen::visit::Visit;
use crate::stepper::Stepper;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    look: Look,
    area: Rect,
    visit: &Visit<'_>,
    mut lines: Vec<Line<'static>>,
    heading: Option<usize>,
) {
    let block = look.frame(if visit.bytes { "memory, as bytes" } else { "shared memory" });
    let inner = block.inner(area);
    frame.render_widget(block, area);
    // Where there is no room, the heading goes first.
    if let Some(heading) = heading.filter(|_| lines.len() > usize::from(inner.height)) {
        lines.remove(heading);
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Words and semaphores, for so many columns, and which line is only the heading of the semaphores. Where it is tight, the slots share a line.
pub(super) fn lines(
    look: Look,
    width: u16,
    tight: bool,
    visit: &Visit<'_>,
    s: &Stepper<'_>,
) -> (Vec<Line<'static>>, Option<usize>) {
    let Some(now) = last(s) else { return (vec![], None) };
    let before = s.replay.moments.len().checked_sub(2).map(|i| &s.replay.moments[i]);
    let wide = width >= 38;
    let names = s.program().arrays.iter().map(|a| a.name.chars().count() + 3 * usize::from(a.frame));
    let names = names.chain(now.semaphores.iter().map(|s| s.name.chars().count()));
    let column = names.max().unwrap_or(0).clamp(6, if wide { 14 } else { 9 });
    let word = |name: &str, value: &str, is_new| word(look, column, name, value, is_new);
    let mut lines = vec![];
    if visit.bytes {
        lines.extend(raw(look, s, width));
    } else {
        for a in &s.program().arrays {
            let values = |from: usize, n: usize| (from..from + n).map(|k| s.stage.word(k)).collect::<Vec<_>>();
            let changed = |from: usize, n: usize| {
                before.is_some_and(|b| {
                    (from..from + n).any(|k| b.words.get(k).map(|w| w.1) != now.words.get(k).map(|w| w.1))
                })
            };
            let room = usize::from(width).saturating_sub(column + 2);
            if a.frame && tight {
                let halves = |k: usize| format!("{}|{}", s.stage.word(a.base + k), s.stage.word(a.base + a.len + k));
                let is_new = changed(a.base, 2 * a.len);
                let rows = in_rows((0..a.len).map(halves), room);
                lines.extend(rows.iter().enumerate().map(|(i, r)| word(if i == 0 { &a.name } else { "" }, r, is_new)));
            } else if a.frame {
                for k in 0..a.len {
                    let halves = (s.stage.word(a.base + k), s.stage.word(a.base + a.len + k));
                    let is_new = changed(a.base + k, 1) || changed(a.base + a.len + k, 1);
                    let torn = if halves.0 == halves.1 { "" } else { "  torn" };
                    lines.push(word(&format!("{}[{k}]", a.name), &format!("{}|{}{torn}", halves.0, halves.1), is_new));
                }
            } else {
                let all = values(a.base, a.len);
                let is_new = changed(a.base, a.len);
                let mut rows = in_rows(all.iter().map(ToString::to_string), room).into_iter();
                let mut line = word(&a.name, &rows.next().unwrap_or_default(), is_new);
                if wide && a.len == 1 {
                    line.push_span(Span::styled(format!("   {}", hex(&all[0].to_le_bytes())), look.faint()));
                }
                lines.push(line);
                lines.extend(rows.map(|row| word("", &row, is_new)));
            }
        }
        if s.program().expect.is_some() {
            let is_new = before.is_some_and(|b| b.shown != now.shown);
            lines.push(word("shows", &format!("frame {}", s.stage.shown()), is_new));
        }
    }
    let heading = (!now.semaphores.is_empty()).then_some(lines.len());
    if heading.is_some() {
        lines.push(Line::styled(
            if wide { "semaphores: tokens, and who sleeps there" } else { "semaphores" },
            look.faint(),
        ));
    }
    for (k, sem) in now.semaphores.iter().enumerate() {
        let is_new = before.is_some_and(|b| b.semaphores.get(k).map(|x| x.tokens) != Some(sem.tokens));
        let mut line = word(&sem.name, &s.stage.tokens(k).to_string(), is_new);
        if !sem.sleepers.is_empty() {
            line.push_span(Span::styled(format!(" zZ {}", sem.sleepers.join(", ")), look.changed()));
        }
        if sem.ghosts > 0 {
            line.push_span(Span::styled(format!(" +{} dead", sem.ghosts), look.bad()));
        }
        lines.push(line);
        if wide {
            lines.push(Line::styled(format!("{:column$}  {}", "", hex(&s.stage.semaphore_bytes(k))), look.faint()));
        }
    }
    (lines, heading)
}

/// Values beside each other, in as many rows as they need.
pub(super) fn in_rows(values: impl Iterator<Item = String>, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for value in values {
        match rows.last_mut() {
            Some(row) if row.is_empty() => *row = value,
            Some(row) if row.len() + 1 + value.len() <= width => *row += &format!(" {value}"),
            _ => rows.push(value),
        }
    }
    rows
}

/// A name and its value; a star says that the last step changed it.
fn word(look: Look, column: usize, name: &str, value: &str, is_new: bool) -> Line<'static> {
    let style = if is_new { look.changed() } else { Style::new() };
    let star = if is_new { "*" } else { " " };
    Line::from(vec![Span::raw(look.text(&format!("{name:<column$} "))), Span::styled(format!("{star}{value}"), style)])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

/// The object's bytes, eight a word, as `xxd` shows them.
fn raw(look: Look, s: &Stepper<'_>, width: u16) -> Vec<Line<'static>> {
    let a_row = if width >= 55 { 2 } else { 1 };
    let all: Vec<[u8; 8]> = (0..s.program().words.len()).map(|k| s.stage.word(k).to_le_bytes()).collect();
    let row = |(i, words): (usize, &[[u8; 8]])| {
        let bytes: Vec<String> =
            words.iter().map(|w| if width >= 30 { hex(w) } else { hex(&w[..4]) + " .." }).collect();
        Line::raw(look.text(&format!("{:02x}: {}", i * a_row * 8, bytes.join("  "))))
    };
    all.chunks(a_row).enumerate().map(row).collect()
}
