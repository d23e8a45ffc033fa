//! Where pictures go. Each display shows frames that it is given and knows nothing of time, channels or counters.

mod framemd5;
mod headless;
mod keys;
mod mouse;
mod terminal;
mod wayland;
mod window;
mod x11;

use std::fs::File;
use std::os::fd::BorrowedFd;

use tricine_channel::channel::Payload;
use tricine_session::frame::{FrameMeta, i420_len};
use tricine_session::link::{DisplaySpec, Key, Spec};
use tricine_session::window::Window as Left;

use crate::canvas::Canvas;
use crate::convert::Rect;
use crate::osd::Overlay;
pub(crate) use x11::Segment;

/// A frame in place: its description and its I420 planes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a> {
    /// Checked: its sizes fit `bytes`.
    pub(crate) meta: &'a FrameMeta,
    bytes: Payload<'a>,
}

impl<'a> Picture<'a> {
    /// `None` unless `bytes` are exactly the I420 planes that `meta` describes.
    pub(crate) fn new(meta: &'a FrameMeta, bytes: impl Into<Payload<'a>>) -> Option<Self> {
        let bytes = bytes.into();
        (meta.width > 0 && meta.height > 0 && bytes.len() == i420_len(meta.width, meta.height))
            .then_some(Self { meta, bytes })
    }

    /// All three planes, without padding.
    pub(crate) fn bytes(&self) -> Payload<'a> {
        self.bytes
    }

    /// Luma and both chroma planes.
    pub(crate) fn planes(&self) -> [Plane<'a>; 3] {
        let (width, height) = (self.meta.width as usize, self.meta.height as usize);
        let (half, rows) = (width.div_ceil(2), height.div_ceil(2));
        let (luma, chroma) = (width * height, half * rows);
        let plane =
            |width, from, len| Plane { width, bytes: self.bytes.get(from..from + len).unwrap_or((&[][..]).into()) };
        [plane(width, 0, luma), plane(half, luma, chroma), plane(half, luma + chroma, chroma)]
    }
}

/// One of a picture's planes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plane<'a> {
    /// Bytes of a row.
    pub(crate) width: usize,
    /// All rows.
    pub(crate) bytes: Payload<'a>,
}

impl Plane<'_> {
    /// Copies `count` rows from row `first` on to `to`, as far as there are so many.
    pub(crate) fn copy_rows(&self, first: usize, count: usize, to: &mut Vec<u8>) {
        let from = (first * self.width).min(self.bytes.len());
        let end = ((first + count) * self.width).min(self.bytes.len());
        if let Some(rows) = self.bytes.get(from..end) {
            rows.copy_to_vec(to);
        }
    }
}

/// Why a display cannot go on, in words for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DisplayError(pub(crate) String);

/// What came of showing a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is seen.
    Shown,
    /// The display is not ready for another: nobody saw it.
    Skipped,
}

/// A place for pictures.
pub(crate) trait Display {
    /// What the user may call it, such as `window (X11)`.
    fn describe(&self) -> String;

    /// Does ahead of time what a frame needs before it can be shown. What is on the screen stays.
    fn prepare(&mut self, picture: &Picture<'_>) -> Result<(), DisplayError>;

    /// Whether that takes time.
    fn prepares(&self) -> bool {
        true
    }

    /// Shows the frame that was prepared last.
    fn show(&mut self, overlay: &Overlay) -> Result<Outcome, DisplayError>;

    /// Shows the same frame once more, since the overlay or the window changed.
    fn redraw(&mut self, overlay: &Overlay) -> Result<(), DisplayError> {
        let _ = overlay;
        Ok(())
    }

    /// Takes up what the user did since.
    fn pump(&mut self) -> Pumped {
        Pumped::default()
    }

    /// Becomes readable when [`Display::pump`] has something to take up.
    fn events(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The picture on the screen, if the display has kept it: upright, without the overlay.
    fn picture(&mut self) -> Option<Canvas> {
        None
    }

    /// Fills the screen, or stops doing so. Whether it can.
    fn fullscreen(&mut self, on: bool) -> bool {
        !on
    }

    /// Names what is played.
    fn entitle(&mut self, title: &str) {
        let _ = title;
    }

    /// How the window is, if this is one: what a successor needs to open its own as this one was left.
    fn window(&self) -> Option<Left> {
        None
    }

    /// Where in the window the picture lies; `None` where nothing can be drawn over it.
    fn area(&self) -> Option<Rect> {
        None
    }

    /// Whether there is a user to look at it and an overlay to be shown.
    fn is_seen(&self) -> bool {
        false
    }

    /// Whether the time has a place of its own beside the picture, and so is always shown.
    fn has_line(&self) -> bool {
        false
    }

    /// Whether [`Display::pump`] has to be called often, since what is to come announces itself by nothing.
    fn is_restless(&self) -> bool {
        false
    }

    /// Whether the shown picture would look better if it were prepared again.
    fn is_outdated(&self) -> bool {
        false
    }

    /// The terminal has answered a question.
    fn answered(&mut self) {}

    /// Whether an answer is still to come.
    fn is_unanswered(&self) -> bool {
        false
    }

    /// The terminal was somebody else's meanwhile.
    fn retake(&mut self) {}
}

/// What the user did.
#[derive(Debug, Default)]
pub(crate) struct Pumped {
    /// Keys, each once, in order.
    pub(crate) keys: Vec<Key>,
    /// The window needs to be drawn again.
    pub(crate) redraw: bool,
    /// Something happened: look again soon.
    pub(crate) active: bool,
}

/// Shows that the role lives.
pub(crate) type Beat = Box<dyn Fn()>;

/// What a display begins with besides its first frame.
pub(crate) struct Begin<'a> {
    /// What is played.
    pub(crate) title: &'a str,
    /// Whether to fill the screen.
    pub(crate) fullscreen: bool,
    /// How a predecessor has left its window.
    pub(crate) left: Option<Left>,
    /// What is written in the place of a window; else a socket for the window to hang on, which a predecessor's may.
    pub(crate) file: Option<File>,
    /// Whether a predecessor has shown frames.
    pub(crate) begun: bool,
    /// Shows that the role lives, to be called where the display waits for somebody out there.
    pub(crate) beat: Beat,
}

/// Opens the display of `spec` for its first frame: a film without pictures never flashes a window.
pub(crate) fn open(spec: &Spec, begin: Begin<'_>, picture: &Picture<'_>) -> Result<Box<dyn Display>, DisplayError> {
    Ok(match &spec.work.display {
        DisplaySpec::None => Box::new(headless::Headless),
        // Where a predecessor was here, its file is continued.
        DisplaySpec::FrameMd5(path) => {
            let file = begin.file.ok_or_else(|| DisplayError("the supervisor handed no open file over".into()))?;
            Box::new(framemd5::FrameMd5::open(file, path.as_path(), begin.begun, begin.beat, picture.meta)?)
        }
        DisplaySpec::Window => Box::new(window::Window::open(begin, picture)?),
        DisplaySpec::Terminal => Box::new(terminal::Terminal::open()?),
    })
}

/// Checks what can be checked before the first frame.
pub(crate) fn check(spec: &DisplaySpec) -> Result<(), DisplayError> {
    match spec {
        DisplaySpec::Terminal => terminal::check(),
        DisplaySpec::FrameMd5(_) | DisplaySpec::Window | DisplaySpec::None => Ok(()),
    }
}
