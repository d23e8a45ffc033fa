//! The terminal: its size, and what puts it back as it was.

use std::os::fd::AsFd;

/// Alternate screen, no cursor, no line wrap.
pub const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
/// Undoes [`ENTER`], any colour, and a screen that was half drawn. Not for a terminal that was not entered: it would move
/// the cursor.
pub const LEAVE: &str = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

/// How large a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Letters in a row; not 0.
    pub columns: u16,
    /// Rows; not 0.
    pub rows: u16,
    /// In pixels, 0 if unknown.
    pub width: u16,
    /// In pixels, 0 if unknown.
    pub height: u16,
}

/// The size of the terminal at `fd`; `None` if it is none or does not know.
pub fn size(fd: impl AsFd) -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(fd).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Size {
        columns: size.ws_col,
        rows: size.ws_row,
        width: size.ws_xpixel,
        height: size.ws_ypixel,
    })
}
