//! A window by minifb, on X11 or Wayland.
//!
//! Two pictures are kept, the one on the screen and the one that is prepared, each converted and scaled to the window, so
//! that a change of the overlay, of the window's size or an exposure draws the right one without its slot. What goes to
//! the screen is made in memory that the server reads, if there is such; a picture of the window's own size by the
//! conversion itself. Memory that only turning, scaling or an overlay needs is there only while they do.

use std::os::fd::{AsFd, BorrowedFd};

use minifb::{MouseButton, MouseMode, ScaleMode, WindowOptions};
use tricine_channel::time::mono_ns;
use tricine_session::link::Key;

use super::keys::{Listener, Pressed};
use super::mouse::Mouse;
use super::x11::{Companion, Press};
use super::{Begin, Display, DisplayError, Left, Outcome, Picture, Pumped};
use crate::canvas::Canvas;
use crate::convert::{self, Rect, Scaler};
use crate::osd::Overlay;
use crate::paint::Painter;

const MS: u64 = 1_000_000;
/// How often the window is looked at where its events cannot be waited for, and where they can, for the sake of the wish to
/// close it, which X11 tells one client alone.
const LOOK_NS: u64 = 4 * MS;
const LOOK_ANYWAY_NS: u64 = 180 * MS;
/// A picture smaller than this is shown larger.
const SMALLEST_SIDE: usize = 240;

/// A frame on its way to the screen.
#[derive(Debug, Default)]
struct Shot {
    /// Converted and turned.
    picture: Canvas,
    /// The size that its pixels would have if they were square.
    shape: (usize, usize),
    /// Scaled to the window; empty while the picture itself can go there.
    fitted: Canvas,
    fitted_is_current: bool,
}

impl Shot {
    /// Whether the picture needs no scaling for a window of that size.
    fn fits(&self, size: (usize, usize)) -> bool {
        self.shape == size && (self.picture.width, self.picture.height) == size
    }

    /// The picture at the window's size.
    fn at(&mut self, size: (usize, usize), scaler: &mut Scaler, companion: &mut Option<Companion>) -> &Canvas {
        // One that was made for another size lies where the server cannot read it.
        let lends = companion.as_ref().is_some_and(Companion::lends);
        if self.fits(size) && (self.picture.is_lent() || !lends) {
            self.fitted = Canvas::default();
            scaler.rest();
            return &self.picture;
        }
        if !self.fitted_is_current || (self.fitted.width, self.fitted.height) != size {
            lend(companion, &mut self.fitted, size);
            scaler.draw(&self.picture, &mut self.fitted, convert::fit(self.shape, size.0, size.1));
            self.fitted_is_current = true;
        }
        &self.fitted
    }
}

/// Gives `canvas` that size, in memory that the server reads if there is some to be had.
fn lend(companion: &mut Option<Companion>, canvas: &mut Canvas, size: (usize, usize)) {
    match companion {
        Some(companion) => companion.lend(canvas, size),
        None => canvas.resize(size.0, size.1),
    }
}

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    window: minifb::Window,
    companion: Option<Companion>,
    pressed: Pressed,
    mouse: Mouse,
    front: Shot,
    back: Shot,
    scratch: Canvas,
    canvas: Canvas,
    scaler: Scaler,
    painter: Painter,
    size: (usize, usize),
    /// The left button was down at the last look, where its presses are not told.
    down: bool,
    closed: bool,
    looked_ns: u64,
}

impl Window {
    /// Opens it as a predecessor has left its own, else as large as the picture if the screen allows.
    pub(super) fn open(begin: &Begin<'_>, picture: &Picture<'_>) -> Result<Self, DisplayError> {
        let mut companion = Companion::connect();
        let room = companion.as_ref().map_or((1920, 1080), |c| (c.screen().0 * 9 / 10, c.screen().1 * 9 / 10));
        let (width, height) = match begin.left {
            Some(left) => (left.size.0 as usize, left.size.1 as usize),
            None => first_size(convert::display_size(picture.meta), room),
        };
        let options = WindowOptions { resize: true, scale_mode: ScaleMode::UpperLeft, ..WindowOptions::default() };
        let mut window = minifb::Window::new(&plain(begin.title), width, height, options)
            .map_err(|e| DisplayError(format!("no display: {e}; try --display terminal or --display none")))?;
        window.set_target_fps(0);
        let pressed = Pressed::default();
        window.set_input_callback(Box::new(Listener::new(pressed.clone())));
        // A round trip: the window is mapped before another connection speaks of it.
        window.update();
        let id = u32::try_from(window.get_window_handle().addr()).ok();
        companion = companion.filter(|_| std::env::var_os("WAYLAND_DISPLAY").is_none() || id.is_some());
        if let Some(c) = &mut companion
            && let Err(error) = c.watch(id.unwrap_or(0))
        {
            tracing::debug!("minifb's window cannot be watched: {error}");
            companion = None;
        }
        let hidden = begin.left.is_some_and(|left| left.pointer_hidden);
        let mut this = Self {
            window,
            companion,
            pressed,
            mouse: Mouse::new(hidden, mono_ns()),
            front: Shot::default(),
            back: Shot::default(),
            scratch: Canvas::default(),
            canvas: Canvas::default(),
            scaler: Scaler::default(),
            painter: Painter::default(),
            size: (width, height),
            down: false,
            closed: false,
            looked_ns: 0,
        };
        if hidden {
            this.window.set_cursor_visibility(false);
        }
        if let (Some(companion), Some(left)) = (&mut this.companion, &begin.left)
            && let Err(error) = companion.restore(left)
        {
            tracing::debug!("the window cannot be put where it was: {error}");
        }
        if begin.fullscreen {
            this.fullscreen(true);
        }
        // Its size may be another one now, and the first picture is made for it.
        this.window.update();
        Ok(this)
    }

    fn size(&self) -> (usize, usize) {
        let (width, height) = self.window.get_size();
        (width.max(1), height.max(1))
    }

    fn blit(&mut self, overlay: &Overlay) -> Result<(), DisplayError> {
        let size = self.size();
        let mut picture = self.front.at(size, &mut self.scaler, &mut self.companion);
        if overlay.is_empty() {
            self.canvas = Canvas::default();
        } else {
            lend(&mut self.companion, &mut self.canvas, size);
            self.canvas.copy(picture);
            self.painter.draw(&mut self.canvas, overlay);
            picture = &self.canvas;
        }
        if self.companion.as_mut().is_some_and(|c| c.put(picture)) {
            self.window.update();
        } else {
            self.window
                .update_with_buffer(&picture.pixels, picture.width, picture.height)
                .map_err(|e| DisplayError(format!("the window cannot be drawn: {e}")))?;
        }
        self.updated();
        self.size = size;
        Ok(())
    }

    /// Takes note of what minifb tells of the time of its last update alone.
    fn updated(&mut self) {
        let now_ns = mono_ns();
        self.looked_ns = now_ns;
        if !self.window.is_open() && !std::mem::replace(&mut self.closed, true) {
            self.pressed.push(Key::Quit);
        }
        let mut pressed = false;
        if self.companion.is_none() {
            let (_, wheel) = self.window.get_scroll_wheel().unwrap_or((0.0, 0.0));
            let turn = if wheel > 0.0 { Press::WheelUp } else { Press::WheelDown };
            (0..(wheel.abs().round() as u32).min(20)).for_each(|_| self.press(turn));
            let down = self.window.get_mouse_down(MouseButton::Left);
            pressed = down && !std::mem::replace(&mut self.down, down);
            if pressed {
                self.press(Press::Left { at_ms: (now_ns / MS) as u32 });
            }
            self.down = down;
        }
        self.rest(pressed, now_ns);
    }

    /// Hides the pointer, or shows it again.
    fn rest(&mut self, pressed: bool, now_ns: u64) {
        let at = self.window.get_mouse_pos(MouseMode::Pass);
        if let Some(hide) = self.mouse.look(at, pressed, now_ns) {
            self.window.set_cursor_visibility(!hide);
        }
    }

    /// A button of the mouse was pressed.
    fn press(&mut self, press: Press) {
        match press {
            Press::Left { at_ms } if self.mouse.press(at_ms) => self.pressed.push(Key::Fullscreen),
            Press::Left { .. } => {}
            Press::WheelUp => self.pressed.push(Key::VolumeUp),
            Press::WheelDown => self.pressed.push(Key::VolumeDown),
        }
    }
}

/// minifb takes no title with a NUL in it.
fn plain(title: &str) -> String {
    title.replace('\0', " ")
}

/// The window's first size: the picture's, or as much of it as fits into `room`; a tiny picture is enlarged.
fn first_size(shape: (usize, usize), room: (usize, usize)) -> (usize, usize) {
    let (width, height) = (shape.0.max(1), shape.1.max(1));
    let times = (SMALLEST_SIDE / width.max(height)).max(1);
    let (width, height) = (width * times, height * times);
    if width <= room.0 && height <= room.1 {
        return (width, height);
    }
    let Rect { width, height, .. } = convert::fit((width, height), room.0.max(1), room.1.max(1));
    (width, height)
}

impl Display for Window {
    fn describe(&self) -> String {
        let server = if self.companion.is_some() { "X11" } else { "Wayland" };
        format!("window ({server})")
    }

    fn prepare(&mut self, picture: &Picture<'_>) -> Result<(), DisplayError> {
        let size = self.size();
        let shot = &mut self.back;
        shot.shape = convert::display_size(picture.meta);
        shot.fitted_is_current = false;
        if shot.shape == size && convert::turned_size(picture.meta) == size {
            lend(&mut self.companion, &mut shot.picture, size);
        } else if shot.picture.is_lent() {
            shot.picture = Canvas::default();
        }
        if picture.meta.rotation == Default::default() {
            self.scratch = Canvas::default();
            convert::to_canvas(picture, &mut shot.picture);
        } else {
            convert::to_canvas(picture, &mut self.scratch);
            convert::rotate(&self.scratch, picture.meta.rotation, &mut shot.picture);
        }
        self.back.at(size, &mut self.scaler, &mut self.companion);
        Ok(())
    }

    fn show(&mut self, overlay: &Overlay) -> Result<Outcome, DisplayError> {
        std::mem::swap(&mut self.front, &mut self.back);
        self.blit(overlay)?;
        Ok(Outcome::Shown)
    }

    fn redraw(&mut self, overlay: &Overlay) -> Result<(), DisplayError> {
        self.blit(overlay)
    }

    fn pump(&mut self) -> Pumped {
        let now_ns = mono_ns();
        let mut pumped = Pumped::default();
        let mut look = now_ns - self.looked_ns >= if self.companion.is_some() { LOOK_ANYWAY_NS } else { LOOK_NS };
        let mut presses = Vec::new();
        if let Some(companion) = &mut self.companion {
            match companion.drain() {
                Ok(seen) => {
                    look |= seen.any;
                    pumped.active = seen.any;
                    pumped.redraw = seen.exposed;
                    presses = seen.presses;
                    if seen.refilled {
                        self.pressed.push(Key::Fullscreen);
                    }
                }
                Err(_) => self.companion = None,
            }
        }
        if look {
            self.window.update();
            self.updated();
        }
        if !presses.is_empty() {
            self.rest(true, now_ns);
            presses.into_iter().for_each(|press| self.press(press));
        }
        pumped.redraw |= self.size() != self.size;
        pumped.keys = self.pressed.take();
        pumped.active |= pumped.redraw || !pumped.keys.is_empty();
        pumped
    }

    fn events(&self) -> Option<BorrowedFd<'_>> {
        self.companion.as_ref().map(AsFd::as_fd)
    }

    fn picture(&mut self) -> Option<Canvas> {
        let (width, height) = self.front.shape;
        if width == 0 {
            return None;
        }
        let mut square = Canvas::default();
        square.resize(width, height);
        self.scaler.draw(&self.front.picture, &mut square, Rect { x: 0, y: 0, width, height });
        Some(square)
    }

    fn fullscreen(&mut self, on: bool) -> bool {
        match self.companion.as_mut().map(|c| c.fullscreen(on)) {
            Some(Ok(())) => return true,
            Some(Err(error)) => tracing::warn!("full screen: {error}"),
            None => {}
        }
        if on {
            // The wish is taken back.
            self.pressed.push(Key::Fullscreen);
        }
        !on
    }

    fn area(&self) -> Option<Rect> {
        let (width, height) = self.size();
        (self.front.shape.0 > 0).then(|| convert::fit(self.front.shape, width, height))
    }

    fn entitle(&mut self, title: &str) {
        self.window.set_title(&plain(title));
    }

    fn window(&self) -> Option<Left> {
        let pointer_hidden = self.mouse.is_hidden();
        match &self.companion {
            Some(companion) => companion.left().map(|left| Left { pointer_hidden, ..left }),
            None => {
                let size = (self.size.0 as u32, self.size.1 as u32);
                Some(Left { at: None, size, above: false, maximized: false, pointer_hidden })
            }
        }
    }

    fn is_seen(&self) -> bool {
        true
    }

    fn is_restless(&self) -> bool {
        self.companion.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_size_fits_the_screen_and_can_be_seen() {
        for (shape, wanted) in [
            ((1280, 720), (1280, 720)),
            ((3840, 2160), (1728, 972)),
            ((1, 1), (240, 240)),
            ((64, 48), (192, 144)),
            ((1080, 1920), (547, 972)),
            ((0, 0), (240, 240)),
        ] {
            assert_eq!(first_size(shape, (1728, 972)), wanted, "{shape:?}");
        }
    }
}
