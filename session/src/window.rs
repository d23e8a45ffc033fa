//! The window as its user has left it, published through a [`tricine_channel::register::Register`]: a renderer that is started in a
//! dead one's place takes up its window, or opens one as that was. Full screen is not here, but a wish: see
//! [`PlayState`](crate::clock::PlayState).

use tricine_channel::register::REGISTER_WORDS;

/// The longest side of a window, and the farthest that one can be from the screen's corner, in pixels: what X11 can say.
const FARTHEST: i32 = 32_767;

/// How a window is, apart from full screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Where its content begins on the screen, in pixels; `None` where no display server tells.
    pub at: Option<(i32, i32)>,
    /// Width and height of its content, in pixels; not 0.
    pub size: (u32, u32),
    /// Whether it stays above others.
    pub above: bool,
    /// Whether the user has made it as large as the desktop.
    pub maximized: bool,
    /// Whether the pointer is hidden, as it has rested over the picture.
    pub pointer_hidden: bool,
    /// The display server's number of it, if it outlives its renderer; else 0.
    pub kept: u32,
}

impl Window {
    /// As a register's words: flags (a place is known, above, maximized, pointer hidden), x, y, width, height, the server's number.
    pub fn encode(&self) -> [u64; REGISTER_WORDS] {
        let flags = u64::from(self.at.is_some())
            | u64::from(self.above) << 1
            | u64::from(self.maximized) << 2
            | u64::from(self.pointer_hidden) << 3;
        let (x, y) = self.at.unwrap_or_default();
        [flags, i64::from(x) as u64, i64::from(y) as u64, self.size.0.into(), self.size.1.into(), self.kept.into()]
    }

    /// Reads what a predecessor wrote; `None` if it is no window.
    pub fn decode(words: [u64; REGISTER_WORDS]) -> Option<Self> {
        let [flags, x, y, width, height, kept] = words;
        let place = |word: u64| i32::try_from(word as i64).ok().filter(|n| (-FARTHEST..=FARTHEST).contains(n));
        let side = |word: u64| u32::try_from(word).ok().filter(|n| (1..=FARTHEST as u32).contains(n));
        let at = (place(x)?, place(y)?);
        Some(Self {
            at: (flags & 1 != 0).then_some(at),
            size: (side(width)?, side(height)?),
            above: flags & 2 != 0,
            maximized: flags & 4 != 0,
            pointer_hidden: flags & 8 != 0,
            kept: u32::try_from(kept).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_as_it_was_written_and_nothing_else_is_one() {
        let (at, size) = (Some((-3, 40)), (640, 360));
        let window = Window { at, size, above: true, maximized: false, pointer_hidden: true, kept: 7 };
        assert_eq!(window.encode(), [1 | 2 | 8, -3i64 as u64, 40, 640, 360, 7]);
        for window in [window, Window { at: None, above: false, maximized: true, ..window }] {
            assert_eq!(Window::decode(window.encode()), Some(window));
        }
        for (word, value) in [(1, 1 << 40), (2, 40_000), (3, 0), (4, 1 << 20), (5, 1 << 32)] {
            let mut words = window.encode();
            words[word] = value;
            assert_eq!(Window::decode(words), None, "{value} in word {word}");
        }
    }
}
