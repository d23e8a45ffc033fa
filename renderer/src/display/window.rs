//! A window, on X11 or Wayland: what is the same for both.
//!
//! Two pictures are kept, the one on the screen and the one that is prepared, each converted and scaled to the window, so
//! that a change of the overlay, of the window's size or an exposure draws the right one without its slot. What goes to
//! the screen is made in memory that the server reads, if there is such; a picture of the window's own size by the
//! conversion itself. Memory that only turning, scaling or an overlay needs is there only while they do.

use std::os::fd::BorrowedFd;

use tricine_channel::time::mono_ns;
use tricine_session::link::Key;

use super::keys::Pressed;
use super::mouse::Mouse;
use super::{Begin, Display, DisplayError, Left, Outcome, Picture, Pumped, wayland, x11};
use crate::canvas::Canvas;
use crate::convert::{self, Rect, Scaler};
use crate::osd::Overlay;
use crate::paint::Painter;

/// A picture smaller than this is shown larger.
const SMALLEST_SIDE: usize = 240;

/// A press of a button of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    /// The left one.
    Left {
        /// When, in ms of a clock that wraps.
        at_ms: u32,
    },
    /// The wheel, one step up.
    WheelUp,
    /// The wheel, one step down.
    WheelDown,
}

/// What happened since the last look, besides keys.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Anything.
    pub(super) any: bool,
    /// Part of the window is to be drawn again.
    pub(super) exposed: bool,
    /// Buttons, in order.
    pub(super) presses: Vec<Press>,
    /// Where the pointer is now, if that is known.
    pub(super) pointer: Option<(f32, f32)>,
    /// The user has made the window fill the screen, or not, by other means than ours.
    pub(super) refilled: bool,
    /// The user has closed it.
    pub(super) closed: bool,
}

/// A window as its display server has it.
pub(super) trait Surface: std::fmt::Debug {
    /// What kind of server that is.
    fn server(&self) -> &'static str;

    /// Its width and height in pixels, as they were at the last look.
    fn size(&self) -> (usize, usize);

    /// Whether pictures can lie in memory that the server reads.
    fn lends(&self) -> bool {
        false
    }

    /// Gives `canvas` that size, in memory that the server reads if there is some to be had.
    fn lend(&mut self, canvas: &mut Canvas, size: (usize, usize)) {
        canvas.resize(size.0, size.1);
    }

    /// Draws `picture` at the window's corner.
    fn put(&mut self, picture: &Canvas) -> Result<(), DisplayError>;

    /// Takes up what happened; keys go where they were promised to.
    fn look(&mut self) -> Result<Seen, DisplayError>;

    /// Hides the pointer, or shows it again.
    fn hide_pointer(&mut self, hide: bool);

    /// Names what is played.
    fn entitle(&mut self, title: &str);

    /// Fills the screen, or stops doing so. Whether it can.
    fn fullscreen(&mut self, on: bool) -> bool {
        !on
    }

    /// How it is, for a successor.
    fn left(&self) -> Option<Left>;

    /// Becomes readable when something happened; `None` where nothing tells.
    fn events(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

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
    fn at(&mut self, size: (usize, usize), scaler: &mut Scaler, surface: &mut dyn Surface) -> &Canvas {
        // One that was made for another size lies where the server cannot read it.
        if self.fits(size) && (self.picture.is_lent() || !surface.lends()) {
            self.fitted = Canvas::default();
            scaler.rest();
            return &self.picture;
        }
        if !self.fitted_is_current || (self.fitted.width, self.fitted.height) != size {
            surface.lend(&mut self.fitted, size);
            scaler.draw(&self.picture, &mut self.fitted, convert::fit(self.shape, size.0, size.1));
            self.fitted_is_current = true;
        }
        &self.fitted
    }
}

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    surface: Box<dyn Surface>,
    pressed: Pressed,
    mouse: Mouse,
    front: Shot,
    back: Shot,
    scratch: Canvas,
    canvas: Canvas,
    scaler: Scaler,
    painter: Painter,
    /// As it was drawn last.
    size: (usize, usize),
    closed: bool,
    /// Why it is of no use any more.
    lost: Option<DisplayError>,
}

impl Window {
    /// Takes up a predecessor's, or opens one: as that was left, else as large as the picture if the screen allows.
    pub(super) fn open(begin: Begin<'_>, picture: &Picture<'_>) -> Result<Self, DisplayError> {
        let hidden = begin.left.is_some_and(|left| left.pointer_hidden);
        let pressed = Pressed::default();
        let surface = surface(begin, &pressed, convert::display_size(picture.meta))?;
        Ok(Self {
            size: surface.size(),
            surface,
            pressed,
            mouse: Mouse::new(hidden, mono_ns()),
            front: Shot::default(),
            back: Shot::default(),
            scratch: Canvas::default(),
            canvas: Canvas::default(),
            scaler: Scaler::default(),
            painter: Painter::default(),
            closed: false,
            lost: None,
        })
    }

    fn size(&self) -> (usize, usize) {
        let (width, height) = self.surface.size();
        (width.max(1), height.max(1))
    }

    fn blit(&mut self, overlay: &Overlay) -> Result<(), DisplayError> {
        if let Some(error) = self.lost.take() {
            return Err(error);
        }
        let (size, surface) = (self.size(), &mut *self.surface);
        let mut picture = self.front.at(size, &mut self.scaler, surface);
        if overlay.is_empty() {
            self.canvas = Canvas::default();
        } else {
            surface.lend(&mut self.canvas, size);
            self.canvas.copy(picture);
            self.painter.draw(&mut self.canvas, overlay);
            picture = &self.canvas;
        }
        self.size = size;
        surface.put(picture)
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

/// A window where a server is: on Wayland if one is named, else on X11. `shape` is the first picture's.
fn surface(begin: Begin<'_>, pressed: &Pressed, shape: (usize, usize)) -> Result<Box<dyn Surface>, DisplayError> {
    let mut silent = None;
    if std::env::var_os("WAYLAND_DISPLAY").is_some_and(|name| !name.is_empty()) {
        let left = begin.left.map(|left| (left.size.0 as usize, left.size.1 as usize));
        let size = left.unwrap_or_else(|| first_size(shape, (1920, 1080)));
        match wayland::Window::open(begin.title, size, pressed.clone()) {
            Ok(mut window) => {
                window.hide_pointer(begin.left.is_some_and(|left| left.pointer_hidden));
                if begin.fullscreen {
                    // The wish is taken back.
                    pressed.push(Key::Fullscreen);
                }
                return Ok(Box::new(window));
            }
            Err(error) => silent = Some(error.to_string()),
        }
    }
    let first = |(width, height)| first_size(shape, (width * 9 / 10, height * 9 / 10));
    match x11::Window::open(begin, pressed.clone(), first) {
        Ok(window) => Ok(Box::new(window)),
        Err(error) => {
            let why = silent.unwrap_or_else(|| error.to_string());
            Err(DisplayError(format!("no display: {why}; try --display terminal or --display none")))
        }
    }
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
        format!("window ({})", self.surface.server())
    }

    fn prepare(&mut self, picture: &Picture<'_>) -> Result<(), DisplayError> {
        let size = self.size();
        let shot = &mut self.back;
        shot.shape = convert::display_size(picture.meta);
        shot.fitted_is_current = false;
        if shot.shape == size && convert::turned_size(picture.meta) == size {
            self.surface.lend(&mut shot.picture, size);
        } else if shot.picture.is_lent() {
            shot.picture = Canvas::default();
        }
        if convert::is_upright(picture.meta) {
            self.scratch = Canvas::default();
            convert::to_canvas(picture, &mut shot.picture);
        } else {
            convert::to_canvas(picture, &mut self.scratch);
            convert::turn(&self.scratch, picture.meta, &mut shot.picture);
        }
        self.back.at(size, &mut self.scaler, &mut *self.surface);
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
        let seen = match self.surface.look() {
            Ok(seen) => seen,
            Err(error) => {
                // Whoever draws next hears of it.
                self.lost = Some(error);
                return Pumped { redraw: true, ..Pumped::default() };
            }
        };
        if seen.closed && !std::mem::replace(&mut self.closed, true) {
            self.pressed.push(Key::Quit);
        }
        if seen.refilled {
            self.pressed.push(Key::Fullscreen);
        }
        if let Some(hide) = self.mouse.look(seen.pointer, !seen.presses.is_empty(), mono_ns()) {
            self.surface.hide_pointer(hide);
        }
        seen.presses.into_iter().for_each(|press| self.press(press));
        let (redraw, keys) = (seen.exposed || self.size() != self.size, self.pressed.take());
        Pumped { redraw, active: seen.any || redraw || !keys.is_empty(), keys }
    }

    fn events(&self) -> Option<BorrowedFd<'_>> {
        self.surface.events()
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
        let can = self.surface.fullscreen(on);
        if on && !can {
            // The wish is taken back.
            self.pressed.push(Key::Fullscreen);
        }
        can
    }

    fn area(&self) -> Option<Rect> {
        let (width, height) = self.size();
        (self.front.shape.0 > 0).then(|| convert::fit(self.front.shape, width, height))
    }

    fn entitle(&mut self, title: &str) {
        self.surface.entitle(title);
    }

    fn window(&self) -> Option<Left> {
        let pointer_hidden = self.mouse.is_hidden();
        self.surface.left().map(|left| Left { pointer_hidden, ..left })
    }

    fn is_seen(&self) -> bool {
        true
    }

    fn is_restless(&self) -> bool {
        self.surface.events().is_none()
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
