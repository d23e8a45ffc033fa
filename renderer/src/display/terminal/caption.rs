//! The overlay in letters: panels through which the picture shimmers, and a line at the bottom for time and state.

use unicode_width::UnicodeWidthChar;

use super::cells::{Grid, HALVES, Rgb, TAIL, rgb};
use crate::look::{self, ACCENT, PANEL, SOFT, WHITE};
use crate::osd::{Bar, KEYS, Overlay, Pipeline, clock_text};

/// How much of the picture is covered by a panel, of 16.
const COVER: u16 = 13;
/// Screens of fewer rows have no line for the time.
const LEAST_ROWS: usize = 5;
const VOLUME_CELLS: usize = 10;

/// Whether the last row belongs to the time.
pub(super) fn has_line(rows: usize) -> bool {
    rows >= LEAST_ROWS
}

/// Draws all of `overlay`.
pub(super) fn draw(grid: &mut Grid, overlay: &Overlay) {
    subtitles(grid, &overlay.lines);
    let mut top = 1;
    if let Some(message) = &overlay.message {
        let text = shorten(message, grid.columns.saturating_sub(6));
        panel(grid, 1, top, width(&text) + 4, 1);
        write(grid, 3, top, &text, WHITE);
        top += 2;
    }
    if let Some((volume, muted)) = overlay.volume {
        self::volume(grid, volume, muted);
    }
    if let Some(pipeline) = &overlay.pipeline {
        self::pipeline(grid, pipeline, top);
    }
    if let Some(bar) = &overlay.bar {
        self::bar(grid, bar);
    }
    if overlay.help {
        help(grid);
    }
}

/// Columns that a text takes.
fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `text`, each letter one column wide, or as much of its end as fits into `room` (a path says most there).
fn shorten(text: &str, room: usize) -> String {
    let letters: Vec<char> = text.chars().map(|c| if c.width() == Some(1) { c } else { '?' }).collect();
    match letters.len().checked_sub(room) {
        None | Some(0) => letters.into_iter().collect(),
        Some(more) => std::iter::once('\u{2026}').chain(letters.into_iter().skip(more + 1)).take(room).collect(),
    }
}

/// Lets the picture shimmer through a rectangle.
fn panel(grid: &mut Grid, column: usize, row: usize, width: usize, height: usize) {
    let dark = rgb(PANEL);
    for (x, y) in (row..row + height).flat_map(|y| (column..column + width).map(move |x| (x, y))) {
        let Some(cell) = grid.at(x, y) else { continue };
        let mut back: Rgb = [0; 3];
        for (i, channel) in back.iter_mut().enumerate() {
            let under = (u16::from(cell.front[i]) + u16::from(cell.back[i])) / 2;
            *channel = ((u16::from(dark[i]) * COVER + under * (16 - COVER)) / 16) as u8;
        }
        (cell.glyph, cell.marks, cell.back) = (' ', [TAIL; 2], back);
    }
}

/// Writes on a panel, from `column` on; the column after the text.
fn write(grid: &mut Grid, column: usize, row: usize, text: &str, color: u32) -> usize {
    let mut at = column;
    for glyph in text.chars() {
        if let Some(cell) = grid.at(at, row) {
            (cell.glyph, cell.front) = (glyph, rgb(color));
        }
        at += 1;
    }
    at
}

/// A line, `part` of its `length` in colour, in steps of half a cell.
fn line(grid: &mut Grid, column: usize, row: usize, length: usize, part: f64, color: u32) {
    let halves = (part.clamp(0.0, 1.0) * length as f64 * 2.0).round() as usize;
    for i in 0..length {
        let (glyph, color) = match halves.saturating_sub(i * 2) {
            0 => ('\u{2500}', 0x5a636d),
            1 => ('\u{2578}', color),
            _ => ('\u{2501}', color),
        };
        write(grid, column + i, row, &glyph.to_string(), color);
    }
}

/// Lines of subtitles, the last one above the line for the time.
fn subtitles(grid: &mut Grid, lines: &[String]) {
    let room = grid.columns.saturating_sub(4);
    let lines: Vec<String> = lines.iter().flat_map(|line| broken(line, room)).collect();
    let below = grid.rows.saturating_sub(1 + usize::from(has_line(grid.rows)));
    // What is said last is read first.
    let most = grid.rows.saturating_sub(2).min(lines.len());
    for (line, row) in lines.iter().rev().take(most).zip((0..=below).rev()) {
        let wide = width(line);
        let column = grid.columns.saturating_sub(wide) / 2;
        panel(grid, column.saturating_sub(1), row, wide + 2, 1);
        spell(grid, column, row, line);
    }
}

/// A line in as many as it takes, broken at spaces where there are some.
fn broken(line: &str, room: usize) -> Vec<String> {
    let (mut lines, mut last) = (Vec::new(), String::new());
    for word in line.split(' ') {
        if !last.is_empty() && width(&last) + 1 + width(word) > room {
            lines.push(std::mem::take(&mut last));
        }
        if !last.is_empty() {
            last.push(' ');
        }
        for letter in word.chars() {
            if width(&last) + letter.width().unwrap_or(0) > room {
                lines.push(std::mem::take(&mut last));
            }
            last.push(letter);
        }
    }
    lines.push(last);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// Writes letters of any width.
fn spell(grid: &mut Grid, column: usize, row: usize, text: &str) {
    let mut at = column;
    for glyph in text.chars() {
        let wide = glyph.width().unwrap_or(0);
        if wide == 0 {
            // It belongs to the letter before it.
            let before = (column..at).rev().find(|&x| grid.at(x, row).is_some_and(|cell| cell.glyph != TAIL));
            if let Some(cell) = before.and_then(|x| grid.at(x, row))
                && let Some(free) = cell.marks.iter_mut().find(|mark| **mark == TAIL)
                && !glyph.is_control()
            {
                *free = glyph;
            }
            continue;
        }
        for (x, glyph) in (at..at + wide).zip([glyph, TAIL]) {
            if let Some(cell) = grid.at(x, row) {
                (cell.glyph, cell.marks, cell.front) = (glyph, [TAIL; 2], rgb(WHITE));
            }
        }
        at += wide;
    }
}

fn volume(grid: &mut Grid, volume: u8, muted: bool) {
    let label = if muted { "muted" } else { "volume" };
    let width = label.len() + VOLUME_CELLS + 9;
    let column = grid.columns.saturating_sub(width + 1);
    panel(grid, column, 1, width, 1);
    let at = write(grid, column + 2, 1, label, SOFT) + 1;
    line(grid, at, 1, VOLUME_CELLS, f64::from(volume) / 100.0, if muted { SOFT } else { ACCENT });
    write(grid, at + VOLUME_CELLS + 1, 1, &format!("{volume:>3}"), WHITE);
}

fn bar(grid: &mut Grid, bar: &Bar) {
    if !has_line(grid.rows) {
        return;
    }
    let row = grid.rows - 1;
    panel(grid, 0, row, grid.columns, 1);
    let (mark, color) = if bar.paused { ('\u{2016}', WHITE) } else { ('\u{25b6}', ACCENT) };
    write(grid, 1, row, &mark.to_string(), color);
    let now = clock_text(bar.position_s);
    let widest = bar.duration_s.map_or(now.len(), |d| clock_text(d).len()).max(now.len());
    let left = write(grid, 3, row, &format!("{now:>widest$}"), WHITE) + 1;
    let mut words: Vec<(String, u32)> = Vec::new();
    words.extend((bar.speed != 1.0).then(|| (format!("{}\u{d7}", (bar.speed * 100.0).round() / 100.0), ACCENT)));
    words.extend(bar.muted.then(|| ("muted".into(), ACCENT)));
    words.extend(bar.looping.then(|| ("loop".into(), ACCENT)));
    words.extend(bar.duration_s.map(|d| (clock_text(d), SOFT)));
    let mut right = grid.columns.saturating_sub(1);
    for (word, color) in words.iter().rev() {
        let start = right.saturating_sub(width(word));
        // The time comes first, then what is said of it, then the line.
        if start < left + 1 {
            break;
        }
        write(grid, start, row, word, *color);
        right = start - 1;
    }
    if let Some(permille) = bar.permille.filter(|_| right > left + 6) {
        line(grid, left, row, right - left, f64::from(permille) / 1000.0, ACCENT);
    }
}

fn pipeline(grid: &mut Grid, pipeline: &Pipeline, top: usize) {
    let name_width = pipeline.figures.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let value_width = pipeline.figures.iter().map(|(_, value)| width(value)).max().unwrap_or(0).max(8);
    let column_width = name_width + value_width + 2;
    let room = grid.rows.saturating_sub(top + 2);
    let columns = if room < pipeline.figures.len() + 2 { 2 } else { 1 };
    let rows = pipeline.figures.len().div_ceil(columns);
    let inner = (column_width * columns + columns - 1).max(29);
    panel(grid, 1, top, inner + 2, rows + 2);
    let slot = inner / 3;
    for (i, state) in pipeline.slots.iter().enumerate() {
        let (label, color) = look::slot(*state);
        let from = 2 + i * slot;
        for x in from..from + slot - 1 {
            if let Some(cell) = grid.at(x, top).filter(|c| c.glyph != HALVES) {
                cell.back = rgb(color);
            }
        }
        write(grid, from + (slot - 1).saturating_sub(label.len()) / 2, top, label, WHITE);
    }
    for (i, (name, value)) in pipeline.figures.iter().enumerate() {
        let (row, x) = (top + 2 + i % rows.max(1), 2 + i / rows.max(1) * (column_width + 1));
        write(grid, x, row, name, SOFT);
        write(grid, x + name_width + 2, row, value, WHITE);
    }
}

fn help(grid: &mut Grid) {
    let keys = KEYS.iter().map(|(key, _)| width(key)).max().unwrap_or(0);
    let words = KEYS.iter().map(|(_, word)| width(word)).max().unwrap_or(0);
    let column = keys + 2 + words;
    let columns = if grid.columns >= 2 * column + 9 { 2 } else { 1 };
    let rows = KEYS.len().div_ceil(columns);
    let (wide, high) = (column * columns + 3 * (columns - 1) + 4, rows + 2);
    let (x, y) = (grid.columns.saturating_sub(wide) / 2, grid.rows.saturating_sub(high) / 2);
    panel(grid, x, y, wide.min(grid.columns), high);
    for (i, (key, word)) in KEYS.iter().enumerate() {
        let (left, row) = (x + 2 + i / rows * (column + 3), y + 1 + i % rows);
        write(grid, left, row, key, ACCENT);
        write(grid, left + keys + 2, row, word, WHITE);
    }
}
