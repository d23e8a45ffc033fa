//! Giving frames out: which decoded picture is due next, its time, and how it is to be shown.

use super::fields::Turn;
use super::{Player, SAME_NS};
use crate::video::codec::{Decoded, Delivery};
use crate::video::cut::Cut;
use crate::video::light::Screen;
use crate::{MediaError, VideoFormat, VideoFrame, caps};

impl Player {
    pub(super) fn accept(&mut self, decoded: Decoded) {
        let Some(due) = self.inside.remove(&decoded.tag) else { return };
        if self.codec.delivery() == Delivery::DecodedLate {
            // What was given to the codec before this one and has not come out never will.
            self.inside = self.inside.split_off(&decoded.tag);
        }
        if due.hidden || due.pts_ns < self.not_before_ns {
            return;
        }
        let colour = self.track.colour(decoded.colour);
        let coded = (decoded.width, decoded.height);
        let size = if self.codec.is_inset() { coded } else { self.track.cut(coded) };
        let format = self.track.shown(size, decoded.sar, colour);
        self.light = Screen::light(&format, &colour);
        let whole = VideoFormat { width: coded.0, height: coded.1, ..format };
        let (whole, picture) = self.screen.show(whole, &colour, decoded.samples);
        let picture = if size == coded { picture } else { Box::new(Cut { picture, whole, size }) };
        let format = VideoFormat { width: size.0, height: size.1, ..whole };
        let frame = VideoFrame { pts_ns: due.pts_ns, duration_ns: due.duration_ns, format, picture };
        self.waiting.insert((due.pts_ns, decoded.tag), (frame, decoded.fields));
    }

    /// The first waiting frame, if nothing that is still to be decoded comes before it.
    fn due(&mut self) -> Option<Turn> {
        let (&(pts_ns, _), _) = self.waiting.first_key_value()?;
        let earlier = |at: i64| at < pts_ns && at >= self.not_before_ns;
        let all_read = self.ended && self.ahead.is_empty() && self.inside.is_empty();
        let unsorted = matches!(self.codec.delivery(), Delivery::Decoded | Delivery::DecodedLate);
        let blocked = unsorted && self.ahead.iter().flatten().any(|packet| !packet.hidden && earlier(packet.pts_ns))
            || self.codec.delivery() == Delivery::DecodedLate
                && self.inside.values().any(|due| !due.hidden && earlier(due.pts_ns));
        if blocked && !all_read && self.waiting.len() < caps::WAITING_PICTURES {
            return None;
        }
        let (_, (mut frame, fields)) = self.waiting.pop_first()?;
        let ahead = self.ahead.iter().flatten().filter(|packet| !packet.hidden).map(|packet| packet.pts_ns);
        let inside = self.inside.values().filter(|due| !due.hidden).map(|due| due.pts_ns);
        let waiting = self.waiting.keys().map(|&(pts_ns, _)| pts_ns);
        let next = ahead.chain(inside).chain(waiting).filter(|&at| at > pts_ns).min();
        if let Some(next) = next {
            frame.duration_ns = next - pts_ns;
        }
        Some((frame, fields))
    }

    /// The next frame in order as it was coded, whatever a seek may want.
    pub(super) fn next_turn(&mut self) -> Result<Option<Turn>, MediaError> {
        loop {
            // An error may only overtake frames that were decoded after it.
            if let Some(error) = self.errors.pop_front() {
                return Err(error);
            }
            self.fill();
            if let Some((frame, fields)) = self.due() {
                // Wrong timestamps must not turn time back; frames of one time are shown one after another.
                if frame.pts_ns < self.last_pts_ns.saturating_sub(SAME_NS) {
                    return Err(MediaError::Damaged("a frame whose time is already past".into()));
                }
                let pts_ns = frame.pts_ns.max(self.last_pts_ns.saturating_add(1));
                self.last_pts_ns = pts_ns;
                return Ok(Some((VideoFrame { pts_ns, ..frame }, fields)));
            }
            if !self.step()? && self.waiting.is_empty() {
                return Ok(None);
            }
        }
    }
}
