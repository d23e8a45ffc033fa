//! A window on a Wayland server, by minifb. It tells nothing of where it is, is not to fill the screen, and is gone with this process.

use minifb::{MouseButton, MouseMode, ScaleMode, WindowOptions};
use tricine_channel::time::mono_ns;

use super::keys::{Listener, Pressed};
use super::window::{Press, Seen, Surface};
use super::{DisplayError, Left};
use crate::canvas::Canvas;

const MS: u64 = 1_000_000;
/// How often the window is looked at: its events cannot be waited for.
const LOOK_NS: u64 = 4 * MS;

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    window: minifb::Window,
    /// The left button was down at the last look.
    down: bool,
    looked_ns: u64,
    /// What was seen while a picture was drawn.
    seen: Seen,
    pointer_hidden: bool,
}

impl Window {
    /// Opens it. Errors: in minifb's words.
    pub(super) fn open(title: &str, (width, height): (usize, usize), pressed: Pressed) -> Result<Self, minifb::Error> {
        let options = WindowOptions { resize: true, scale_mode: ScaleMode::UpperLeft, ..WindowOptions::default() };
        let mut window = minifb::Window::new(&plain(title), width, height, options)?;
        window.set_target_fps(0);
        window.set_input_callback(Box::new(Listener::new(pressed)));
        window.update();
        Ok(Self { window, down: false, looked_ns: 0, seen: Seen::default(), pointer_hidden: false })
    }

    /// Takes note of what minifb tells of the time of its last update alone.
    fn updated(&mut self) {
        self.looked_ns = mono_ns();
        let seen = &mut self.seen;
        seen.closed |= !self.window.is_open();
        let (_, wheel) = self.window.get_scroll_wheel().unwrap_or((0.0, 0.0));
        let turn = if wheel > 0.0 { Press::WheelUp } else { Press::WheelDown };
        seen.presses.extend((0..(wheel.abs().round() as u32).min(20)).map(|_| turn));
        let down = self.window.get_mouse_down(MouseButton::Left);
        if down && !std::mem::replace(&mut self.down, down) {
            seen.presses.push(Press::Left { at_ms: (self.looked_ns / MS) as u32 });
        }
        self.down = down;
        seen.pointer = self.window.get_mouse_pos(MouseMode::Pass);
    }
}

impl Surface for Window {
    fn server(&self) -> &'static str {
        "Wayland"
    }

    fn size(&self) -> (usize, usize) {
        self.window.get_size()
    }

    fn put(&mut self, picture: &Canvas) -> Result<(), DisplayError> {
        self.window
            .update_with_buffer(&picture.pixels, picture.width, picture.height)
            .map_err(|e| DisplayError(format!("the window cannot be drawn: {e}")))?;
        self.updated();
        Ok(())
    }

    fn look(&mut self) -> Result<Seen, DisplayError> {
        if mono_ns() - self.looked_ns >= LOOK_NS {
            self.window.update();
            self.updated();
        }
        let pointer = self.seen.pointer;
        Ok(std::mem::replace(&mut self.seen, Seen { pointer, ..Seen::default() }))
    }

    fn hide_pointer(&mut self, hide: bool) {
        self.pointer_hidden = hide;
        self.window.set_cursor_visibility(!hide);
    }

    fn entitle(&mut self, title: &str) {
        self.window.set_title(&plain(title));
    }

    fn left(&self) -> Option<Left> {
        let (width, height) = self.size();
        let size = (width.max(1) as u32, height.max(1) as u32);
        Some(Left { at: None, size, above: false, maximized: false, pointer_hidden: self.pointer_hidden, kept: 0 })
    }
}

/// minifb takes no title with a NUL in it.
fn plain(title: &str) -> String {
    title.replace('\0', " ")
}
