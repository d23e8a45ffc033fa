//! What the user reads on standard error: a status line on a terminal, a progress display for `--unpaced`, notices and
//! errors as plain lines.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IsTerminal, stderr};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use tricine_channel::time::mono_ns;
use tricine_session::clock::PlayState;
use tricine_session::control::{ControlRegion, Role};
use tricine_session::terminal;

use crate::cli::Play;
use crate::out::Out;

mod line;

use line::Line;

/// How often the status line is drawn.
const EVERY_NS: u64 = 250_000_000;

/// How many lines are kept while the film has the terminal.
const KEPT_LINES: usize = 100;

/// The status line, or none.
#[derive(Debug)]
pub(crate) struct Status {
    /// Draws the line, and moves it out of the way of others.
    bar: ProgressBar,
    /// Whether there is to be one at all.
    wanted: bool,
    progress: bool,
    drawn_ns: u64,
    /// What is played.
    pub(crate) title: String,
    /// There is nothing to be seen of it.
    pub(crate) heard_only: bool,
    /// The film's length, if known.
    pub(crate) duration_ns: Option<i64>,
    /// Its frames, if known.
    pub(crate) frames: Option<u64>,
    /// What is said of an input that is still coming.
    reading: Option<String>,
    /// The line is there for that alone.
    lent: bool,
    /// Lines for later, while the film has the terminal.
    held: RefCell<Option<VecDeque<String>>>,
}

/// A line that is drawn where [`Screen`] says.
fn bar() -> ProgressBar {
    ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(Box::<Screen>::default(), 5))
}

/// `H:MM:SS` or `M:SS`.
pub(crate) fn clock_text(ns: i64) -> String {
    let s = ns.max(0) / 1_000_000_000;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

impl Status {
    /// With a line only where standard error is a terminal, and nobody wants quiet; without a clock it counts frames instead of time.
    pub(crate) fn new(options: &Play) -> Self {
        let wanted = !options.quiet && stderr().is_terminal();
        let bar = if wanted { bar() } else { ProgressBar::hidden() };
        Self {
            bar,
            wanted,
            progress: options.unpaced,
            drawn_ns: 0,
            title: String::new(),
            heard_only: false,
            duration_ns: None,
            frames: None,
            reading: None,
            lent: false,
            held: RefCell::default(),
        }
    }

    /// Draws no line until [`Status::release`].
    pub(crate) fn hide(&mut self) {
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// From now on the film has the terminal: what would be written into the picture is kept.
    pub(crate) fn hold(&mut self) {
        self.hide();
        if stderr().is_terminal() {
            self.held.get_mut().get_or_insert_default();
        }
    }

    /// The terminal is back: writes what was kept, and draws the line again.
    pub(crate) fn release(&mut self) {
        let held = self.held.take();
        held.into_iter().flatten().for_each(|text| self.line(&text));
        if self.wanted {
            self.bar = bar();
        }
    }

    /// What the line says while an input is still coming; `None` once it is there. Pictures that will be on the terminal are not there yet.
    pub(crate) fn reads(&mut self, text: Option<String>) {
        self.reading = text;
        let free = self.wanted && self.held.get_mut().is_none();
        if self.reading.is_none() && std::mem::take(&mut self.lent) {
            self.hide();
        } else if self.reading.is_some() && self.bar.is_hidden() && free {
            self.lent = true;
            self.bar = bar();
        }
    }

    /// Whether it is time to draw the line.
    pub(crate) fn is_due(&self) -> bool {
        !self.bar.is_hidden() && mono_ns() >= self.drawn_ns + EVERY_NS
    }

    /// Draws the line if it is time to. `place` is what chapter and tracks are called.
    pub(crate) fn tick(&mut self, control: &ControlRegion, state: &PlayState, position_ns: i64, place: Vec<String>) {
        if !self.is_due() {
            return;
        }
        self.drawn_ns = mono_ns();
        let message = ProgressStyle::with_template("{wide_msg}").ok();
        if let Some(reading) = self.reading.clone() {
            message.into_iter().for_each(|style| self.bar.set_style(style));
            self.bar.set_message(reading);
            self.bar.tick();
            return;
        }
        let page = control.renderer();
        if self.progress {
            let done = page.presented.get();
            let template = match self.frames {
                Some(frames) => {
                    self.bar.set_length(frames);
                    "{wide_bar:.cyan/blue} {pos}/{len} frames  {per_sec}  {eta} left"
                }
                None => "{spinner} {pos} frames  {per_sec}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_position(done);
            return;
        }
        message.into_iter().for_each(|style| self.bar.set_style(style));
        let mut more = Vec::new();
        more.extend((state.speed != 1.0).then(|| format!("×{}", state.speed)));
        more.push(match (state.audible, state.muted) {
            (false, _) => "no sound".into(),
            (true, true) => "muted".into(),
            (true, false) => format!("vol {}", state.volume),
        });
        more.extend(place);
        if !self.heard_only {
            more.push(format!("dropped {}", page.dropped.get()));
            let offset = (page.av_offset_ns.count() > 0).then(|| page.last_av_offset_ns.get() as i64 as f64 / 1e6);
            more.extend(offset.map(|ms| format!("A/V {ms:+.1} ms")));
        }
        let length_ns = self.duration_ns.filter(|length| *length > 0);
        let text = Line {
            mark: if state.paused { '‖' } else { '▶' },
            title: &self.title,
            time: clock_text(position_ns),
            length: length_ns.map(clock_text),
            part: length_ns.filter(|_| self.heard_only).map(|length| position_ns as f64 / length as f64),
            more,
        }
        .fit(terminal::size(stderr()).map_or(80, |size| size.columns.into()));
        self.bar.set_message(text);
        self.bar.tick();
    }

    /// Draws the line again, after it was taken away.
    pub(crate) fn renew(&mut self) {
        if !self.bar.is_hidden() {
            self.bar = bar();
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if let Some(held) = &mut *self.held.borrow_mut() {
            if held.len() == KEPT_LINES {
                held.pop_front();
            }
            held.push_back(text.to_owned());
            return;
        }
        let text = &text[..text.floor_char_boundary(2000)];
        self.bar.suspend(|| Out::stderr().line(&format!("tricine: {text}\n")));
    }

    /// An error: always said.
    pub(crate) fn error(&self, text: &str) {
        self.line(text);
    }

    /// Something to know, unless the user wants quiet.
    pub(crate) fn notice(&self, text: &str) {
        if !tracing::enabled!(tracing::Level::WARN) {
            return;
        }
        self.line(text);
    }

    /// A line of a role's log: warnings always, more where more is wanted.
    pub(crate) fn log(&self, role: Role, line: &str, quiet: bool, verbose: u8) {
        let (level, text) = line.split_once(' ').unwrap_or(("", line));
        let shown = match level {
            "ERROR" => true,
            "WARN" => !quiet,
            "INFO" => verbose > 0,
            // What a library prints by itself.
            _ => verbose > 1,
        };
        if shown {
            self.line(&format!(
                "{role}: {}",
                if matches!(level, "ERROR" | "WARN" | "INFO" | "DEBUG") { text } else { line }
            ));
        }
    }
}

/// The terminal as the status line is drawn on it: each drawing whole, or not at all.
#[derive(Debug, Default)]
struct Screen(Mutex<String>);

impl Screen {
    fn add(&self, text: &str) -> io::Result<()> {
        self.0.lock().map_err(|_| io::ErrorKind::Other)?.push_str(text);
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        terminal::size(stderr()).map_or(80, |size| size.columns)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.add(&if n == 0 { String::new() } else { format!("\x1b[{n}A") })
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.add(&if n == 0 { String::new() } else { format!("\x1b[{n}B") })
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.add(&if n == 0 { String::new() } else { format!("\x1b[{n}C") })
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.add(&if n == 0 { String::new() } else { format!("\x1b[{n}D") })
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text)?;
        self.add("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.0.lock().map_err(|_| io::ErrorKind::Other)?);
        Out::stderr().draw(drawn.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for (s, text) in [(0, "0:00"), (75, "1:15"), (3723, "1:02:03"), (-4, "0:00")] {
            assert_eq!(clock_text(s * 1_000_000_000), text);
        }
    }
}
