//! The terminal: half blocks in 24-bit colour on the alternate screen, and letters for what is said over the picture.
//!
//! Only what changes is sent, and nothing while the last screen is still under way: the terminal is asked to say when it
//! has drawn it, as a connection such as ssh takes seconds of pictures before it resists. The keyboard is the
//! supervisor's; it passes the answers on, and it or its janitor gives the terminal back, however this process ends.

mod caption;
mod cells;
mod tty;

use std::io::IsTerminal;

use tricine_channel::time::mono_ns;
use tricine_session::terminal::{self, ENTER, Size};

use super::{Display, DisplayError, Outcome, Picture, Pumped};
use crate::canvas::Canvas;
use crate::convert::{self, Rect, Scaler, Shrinker};
use crate::osd::Overlay;
use cells::{Grid, Screen};
use tty::Tty;

const MS: u64 = 1_000_000;
/// How often the terminal's size is looked at.
const LOOK_NS: u64 = 50 * MS;
/// Larger screens are not filled.
const MOST_COLUMNS: u16 = 1000;
const MOST_ROWS: u16 = 500;
/// Taken where the terminal does not know its size.
const USUAL: Size = Size { columns: 80, rows: 24, width: 0, height: 0 };
/// "Are you well?" The answer, to the keyboard, comes once all before it is drawn.
const ASK: &[u8] = b"\x1b[5n";
/// Screens that may be under way.
const MOST_UNANSWERED: u32 = 2;
/// A terminal that has not answered for so long is not asked any more.
const ANSWER_NS: u64 = 500 * MS;

/// A picture at the size of the terminal.
#[derive(Debug, Default)]
struct Shot {
    canvas: Canvas,
    /// The size that its pixels would have if they were square.
    shape: (usize, usize),
}

/// The terminal on standard output.
#[derive(Debug)]
pub(super) struct Terminal {
    tty: Tty,
    size: Size,
    looked_ns: u64,
    shrinker: Shrinker,
    scaler: Scaler,
    front: Shot,
    back: Shot,
    scratch: Canvas,
    screen: Screen,
    grid: Grid,
    /// Whether the alternate screen is ours.
    entered: bool,
    /// What the terminal shows is not what it should.
    stale: bool,
    /// Somebody hears the terminal's answers.
    heard: bool,
    unanswered: u32,
    asked_ns: u64,
}

/// Whether standard output is a terminal that pictures can be shown on.
pub(super) fn check() -> Result<(), DisplayError> {
    let problem = if !std::io::stdout().is_terminal() {
        "standard output is no terminal"
    } else if std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
        "this terminal (TERM=dumb) has no colours and no cursor"
    } else {
        return Ok(());
    };
    Err(DisplayError(format!("no display: {problem}; try --display window or --display none")))
}

impl Terminal {
    /// Looks at the terminal; nothing is written before the first picture.
    pub(super) fn open() -> Result<Self, DisplayError> {
        let tty = Tty::open().map_err(|e| DisplayError(format!("the terminal cannot be written to: {e}")))?;
        Ok(Self {
            tty,
            size: size(),
            looked_ns: mono_ns(),
            shrinker: Shrinker::default(),
            scaler: Scaler::default(),
            front: Shot::default(),
            back: Shot::default(),
            scratch: Canvas::default(),
            screen: Screen::default(),
            grid: Grid::default(),
            entered: false,
            stale: false,
            heard: false,
            unanswered: 0,
            asked_ns: 0,
        })
    }

    /// Whether the terminal can take a screen.
    fn is_ready(&mut self, now_ns: u64) -> bool {
        if self.unanswered > 0 && now_ns > self.asked_ns + ANSWER_NS {
            (self.heard, self.unanswered) = (false, 0);
        }
        self.tty.is_clear() && self.unanswered < MOST_UNANSWERED
    }

    /// Draws the front, or remembers that it is to be drawn.
    fn draw(&mut self, overlay: &Overlay) -> Result<Outcome, DisplayError> {
        let gone = |e| DisplayError(format!("the terminal is gone: {e}"));
        let now_ns = mono_ns();
        self.tty.flush().map_err(gone)?;
        if !self.is_ready(now_ns) {
            self.stale = true;
            return Ok(Outcome::Skipped);
        }
        self.compose(overlay);
        let out = self.tty.buffer();
        if !std::mem::replace(&mut self.entered, true) {
            out.extend_from_slice(ENTER.as_bytes());
            self.screen.forget();
        }
        if self.screen.update(&self.grid, out) && self.heard {
            if self.unanswered == 0 {
                self.asked_ns = now_ns;
            }
            self.unanswered += 1;
            out.extend_from_slice(ASK);
        }
        self.stale = false;
        self.tty.flush().map_err(gone)?;
        Ok(Outcome::Shown)
    }

    fn compose(&mut self, overlay: &Overlay) {
        self.grid.clear(self.size.columns.into(), self.size.rows.into());
        let place = place(self.front.shape, self.size);
        let mut picture = &self.front.canvas;
        if (picture.width, picture.height) != (place.width, place.height) && picture.width > 0 {
            // The terminal has another size than when this was prepared.
            self.scratch.resize(place.width, place.height);
            self.scaler.draw(picture, &mut self.scratch, Rect { x: 0, y: 0, ..place });
            picture = &self.scratch;
        }
        self.grid.lay(picture, place.x, place.y);
        caption::draw(&mut self.grid, overlay);
    }
}

fn size() -> Size {
    let size = terminal::size(std::io::stdout()).unwrap_or(USUAL);
    Size { columns: size.columns.min(MOST_COLUMNS), rows: size.rows.min(MOST_ROWS), ..size }
}

/// Where a picture of that shape goes, in half cells, leaving the last row to the time.
fn place(shape: (usize, usize), size: Size) -> Rect {
    let rows = usize::from(size.rows);
    let rows = if caption::has_line(rows) { rows - 1 } else { rows };
    let (columns, lines) = (f64::from(size.columns), rows as f64 * 2.0);
    // How much higher than wide half a cell is; a cell is usually twice as high as wide.
    let tall = if size.width > 0 && size.height > 0 {
        let cell = (f64::from(size.width) / columns, f64::from(size.height) / f64::from(size.rows));
        (cell.1 / 2.0 / cell.0).clamp(0.25, 4.0)
    } else {
        1.0
    };
    let (w, h) = (shape.0.max(1) as f64, shape.1.max(1) as f64);
    let scale = (columns / w).min(lines * tall / h);
    let side = |wanted: f64, most: f64| wanted.round().clamp(1.0, most.max(1.0)) as usize;
    let (width, height) = (side(w * scale, columns), side(h * scale / tall, lines));
    Rect { x: (columns as usize - width) / 2, y: (lines as usize).saturating_sub(height) / 2, width, height }
}

impl Display for Terminal {
    fn describe(&self) -> String {
        format!("terminal ({}x{})", self.size.columns, self.size.rows)
    }

    fn prepare(&mut self, picture: &Picture<'_>) -> Result<(), DisplayError> {
        let shape = convert::display_size(picture.meta);
        let place = place(shape, self.size);
        self.back.shape = shape;
        self.back.canvas.resize(place.width, place.height);
        self.shrinker.draw(picture, &mut self.back.canvas);
        Ok(())
    }

    fn show(&mut self, overlay: &Overlay) -> Result<Outcome, DisplayError> {
        std::mem::swap(&mut self.front, &mut self.back);
        self.draw(overlay)
    }

    fn redraw(&mut self, overlay: &Overlay) -> Result<(), DisplayError> {
        self.draw(overlay).map(drop)
    }

    fn pump(&mut self) -> Pumped {
        let now_ns = mono_ns();
        if now_ns >= self.looked_ns + LOOK_NS {
            self.looked_ns = now_ns;
            let size = size();
            if size != std::mem::replace(&mut self.size, size) {
                // Terminals differ in what they do to their content then.
                self.screen.forget();
                self.stale = true;
            }
        }
        // That it is gone is said when there is something to draw.
        let _ = self.tty.flush();
        let redraw = self.stale && self.is_ready(now_ns);
        Pumped { redraw, active: redraw, ..Pumped::default() }
    }

    fn is_restless(&self) -> bool {
        self.stale || !self.tty.is_clear()
    }

    fn is_outdated(&self) -> bool {
        let place = place(self.front.shape, self.size);
        (self.front.canvas.width, self.front.canvas.height) != (place.width, place.height)
    }

    fn answered(&mut self) {
        self.heard = true;
        self.unanswered = self.unanswered.saturating_sub(1);
        self.asked_ns = mono_ns();
    }

    fn is_unanswered(&self) -> bool {
        self.unanswered > 0
    }

    fn retake(&mut self) {
        self.tty.drop_pending();
        (self.entered, self.stale, self.unanswered) = (false, true, 0);
    }

    fn is_seen(&self) -> bool {
        true
    }

    fn has_line(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_kept_whatever_the_shape_of_the_letters() {
        let size = |columns, rows, width, height| Size { columns, rows, width, height };
        let rect = |x, y, width, height| Rect { x, y, width, height };
        for (shape, size, wanted) in [
            ((1280, 720), size(80, 24, 0, 0), rect(0, 0, 80, 45)),
            ((1280, 720), size(80, 24, 800, 480), rect(0, 0, 80, 45)),
            // Letters of 8 by 20: half of one is a quarter higher than wide.
            ((1280, 720), size(80, 24, 640, 480), rect(0, 5, 80, 36)),
            ((720, 1280), size(80, 24, 0, 0), rect(27, 0, 26, 46)),
            ((1, 1), size(1, 1, 0, 0), rect(0, 0, 1, 1)),
            ((16, 9), size(200, 3, 0, 0), rect(94, 0, 11, 6)),
        ] {
            assert_eq!(place(shape, size), wanted, "{shape:?} in {size:?}");
        }
    }
}
