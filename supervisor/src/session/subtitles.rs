//! Which subtitles are shown, and when.

use tricine_session::link::DisplaySpec;

use super::Session;
use crate::cli::Sid;

/// Subtitles are so far from their time at most, in ms.
const LATEST_MS: i32 = 3_600_000;

impl Session {
    /// The input is open: what the user asked for is shown, else what is usual.
    pub(super) fn choose_subtitles(&mut self) {
        let Some(opened) = &self.opened else { return };
        let (count, usual) = (opened.subtitles.len(), opened.subtitle);
        let track = match self.options.sid {
            Sid::Is(asked) if usize::from(asked) > count => {
                if matches!(self.display, DisplaySpec::Window | DisplaySpec::Terminal) {
                    self.status.notice(&format!(
                        "--sid {asked}: it has {count} tracks of subtitles; `tricine info` lists them"
                    ));
                }
                0
            }
            Sid::Is(asked) => asked,
            Sid::Auto => usual,
        };
        self.show_subtitles(track);
        if track > 0 {
            let title = self.subtitle_title(track);
            self.tell_some(|| format!("subtitles: {title}"));
        }
    }

    /// Another track from now on. The caller broadcasts.
    fn show_subtitles(&mut self, track: u16) {
        if track != self.state.subtitles.track {
            self.state.subtitles.track = track;
            self.turn_page();
        }
    }

    /// What was read ahead is of no use any more.
    pub(super) fn turn_page(&mut self) {
        self.state.subtitles.serial = self.state.subtitles.serial.wrapping_add(1);
    }

    fn subtitle_title(&self, track: u16) -> String {
        let tracks = self.opened.as_ref().map(|opened| opened.subtitles.as_slice()).unwrap_or_default();
        match usize::from(track).checked_sub(1).and_then(|at| tracks.get(at)) {
            Some(found) => format!("{track} of {}: {}", tracks.len(), found.title),
            None => "off".into(),
        }
    }

    /// The next track that can be shown, or the one before; none comes behind the last.
    pub(super) fn next_subtitles(&mut self, forward: bool) {
        let tracks = self.opened.as_ref().map(|opened| opened.subtitles.as_slice()).unwrap_or_default();
        let shown = |track: usize| track == 0 || tracks.get(track - 1).is_some_and(|found| found.shown);
        let (count, now) = (tracks.len() + 1, usize::from(self.state.subtitles.track));
        if !(1..count).any(shown) {
            return self.osd("there are no subtitles");
        }
        let step = if forward { 1 } else { count - 1 };
        let next = (1..=count).map(|n| (now + n * step) % count).find(|&track| shown(track)).unwrap_or(0);
        self.state.subtitles.hidden = false;
        self.show_subtitles(next as u16);
        let title = self.subtitle_title(next as u16);
        self.osd(&format!("subtitles {title}"));
    }

    pub(super) fn hide_subtitles(&mut self) {
        self.state.subtitles.hidden = !self.state.subtitles.hidden;
        self.osd(if self.state.subtitles.hidden { "subtitles hidden" } else { "subtitles visible" });
    }

    pub(super) fn delay_subtitles(&mut self, by_ms: i32) {
        let delay_ms = (self.state.subtitles.delay_ms + by_ms).clamp(-LATEST_MS, LATEST_MS);
        self.state.subtitles.delay_ms = delay_ms;
        self.turn_page();
        self.osd(&format!("subtitle delay {:.1} s", f64::from(delay_ms) / 1000.0));
    }
}
