//! From packets to frames: decodes, puts pictures into presentation order, times them, survives damage, and seeks.
//!
//! Order needs no guess about the codec's delay: the player reads a few packets ahead, and a decoded picture is due as
//! soon as none of the packets ahead is to be presented before it. H.264 holds back at most 16 pictures, so 16 packets
//! ahead suffice.

use std::collections::{BTreeMap, VecDeque};

use super::codec::{self, CONVERT, Codec, CodecError, Decoded, Delivery};
use crate::container::{Extent, Packet, Packets, VideoTrack};
use crate::guard::guarded;
use crate::{MediaError, NS, VideoFormat, VideoFrame, VideoInfo, VideoSource, caps};

/// Packets read ahead: the most pictures that a decoder may hold back, and one.
const AHEAD: usize = 17;

/// Times as near as this are one.
const SAME_NS: i64 = 1_000;

/// What is remembered of a packet while it is in the codec.
struct Due {
    pts_ns: i64,
    duration_ns: i64,
    hidden: bool,
}

/// One video track being played.
pub(crate) struct Player {
    packets: Box<dyn Packets>,
    track: VideoTrack,
    codec: Box<dyn Codec>,
    /// The configuration that it was opened with.
    config: usize,
    /// The stream says that x264 made it.
    from_x264: bool,
    info: VideoInfo,
    /// What was read ahead; damage stands where the packets are missing.
    ahead: VecDeque<Result<Packet, MediaError>>,
    /// Packets in the codec, by tag.
    inside: BTreeMap<i64, Due>,
    next_tag: i64,
    /// Decoded, sorted by time, then by tag.
    waiting: BTreeMap<(i64, i64), VideoFrame>,
    /// Errors that wait for the frames before them to leave.
    errors: VecDeque<MediaError>,
    ended: bool,
    /// Whether the first frame is there.
    opened: bool,
    /// After damage or a seek: nothing is decoded until a sync packet.
    await_sync: bool,
    /// Frames before this are not shown: what leads an open group of pictures that was entered by a seek.
    not_before_ns: i64,
    /// Where a seek wants to go, and the latest frame before it.
    target_ns: Option<i64>,
    candidate: Option<VideoFrame>,
    last_pts_ns: i64,
    scratch: Vec<Decoded>,
    /// Where it was opened, while nothing was taken from it: a seek to there has nothing to do.
    opened_at_ns: Option<i64>,
}

impl Player {
    /// Opens `track` and decodes a first frame, whose format becomes the stream's: with `begin_ns`, on the way there, as
    /// if it had been sought. Errors: the codec or its profile is not supported, or there is no frame to be had.
    pub(crate) fn open(
        track: VideoTrack,
        mut packets: Box<dyn Packets>,
        extent: Extent,
        begin_ns: i64,
    ) -> Result<Self, MediaError> {
        let from_x264 = begins_with_x264(&track, &mut *packets)?;
        let codec = guarded(|| codec::open(&track, 0, from_x264)).map_err(MediaError::Broken)??;
        let lasts_ns = extent.end_ns.map(|end| end.saturating_sub(extent.start_ns)).filter(|&ns| ns > 0);
        let counted = extent.packets.zip(lasts_ns).map(|(count, ns)| count as f64 * NS as f64 / ns as f64);
        let info = VideoInfo {
            codec: codec.name(),
            format: VideoFormat::untagged(1, 1),
            rate: track.rate.or(counted),
            duration_ns: extent.end_ns.filter(|&end| end > 0),
            frames: extent.packets,
            seekable: true,
        };
        let mut player = Self {
            packets,
            track,
            codec,
            config: 0,
            from_x264,
            info,
            ahead: VecDeque::new(),
            inside: BTreeMap::new(),
            next_tag: 0,
            waiting: BTreeMap::new(),
            errors: VecDeque::new(),
            ended: false,
            opened: false,
            await_sync: true,
            not_before_ns: i64::MIN,
            target_ns: None,
            candidate: None,
            last_pts_ns: i64::MIN,
            scratch: Vec::new(),
            opened_at_ns: None,
        };
        if begin_ns > 0 {
            player.seek(begin_ns)?;
        }
        player.first_frame()?;
        player.opened_at_ns = player.target_ns;
        Ok(player)
    }

    /// Decodes up to the first frame and leaves it waiting.
    fn first_frame(&mut self) -> Result<(), MediaError> {
        let (mut refusal, mut refused) = (None, 0);
        while self.waiting.is_empty() {
            match self.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error @ MediaError::Unsupported { .. }) => {
                    refusal = Some(error);
                    refused += 1;
                    if refused == caps::REFUSED_PACKETS {
                        break;
                    }
                }
                Err(error @ MediaError::Damaged(_)) => self.errors.push_back(error),
                Err(error) => return Err(error),
            }
        }
        let Some(first) = self.waiting.values().next() else {
            return Err(refusal.unwrap_or_else(|| {
                let why = self.errors.pop_front().map_or_else(|| "it has no frame".into(), |error| error.to_string());
                MediaError::Broken(format!("{} video: {why}", self.info.codec))
            }));
        };
        self.info.format = first.format;
        self.info.codec = self.codec.name();
        self.opened = true;
        Ok(())
    }

    /// Decodes one packet; `false` when there is none left. Errors say what was skipped.
    fn step(&mut self) -> Result<bool, MediaError> {
        self.fill();
        let packet = match self.ahead.pop_front() {
            Some(Ok(packet)) => packet,
            Some(Err(error)) => {
                self.await_sync = true;
                return Err(error);
            }
            None if self.inside.is_empty() => return Ok(false),
            None => {
                let result = self.run(|codec, out| codec.flush(out));
                self.inside.clear();
                return result.map(|()| true);
            }
        };
        if packet.config != self.config {
            return self.reconfigure(packet);
        }
        if self.await_sync {
            if !packet.sync {
                return Ok(true);
            }
            self.await_sync = false;
            if self.target_ns.is_some() {
                self.not_before_ns = packet.pts_ns;
            }
        }
        if self.passes_by(&packet) && guarded(|| self.codec.disposable(&packet.data)).unwrap_or(false) {
            return Ok(true);
        }
        let tag = self.next_tag;
        self.next_tag += 1;
        let Packet { data, pts_ns, duration_ns, hidden, .. } = packet;
        self.inside.insert(tag, Due { pts_ns, duration_ns, hidden });
        // What a late codec swallows never comes back.
        while self.inside.len() > 2 * caps::WAITING_PICTURES {
            self.inside.pop_first();
        }
        let leading = pts_ns < self.not_before_ns;
        let result = self.run(|codec, out| codec.decode(data, tag, out));
        if !matches!(self.codec.delivery(), Delivery::Late | Delivery::DecodedLate) {
            self.inside.remove(&tag);
        }
        match result {
            // The pictures that lead an open group refer to what was not decoded.
            Err(MediaError::Damaged(_)) if leading && !self.await_sync => Ok(true),
            result => result.map(|()| true),
        }
    }

    /// Goes over to the configuration of `packet`, which comes next; what the codec still holds is taken out before.
    fn reconfigure(&mut self, packet: Packet) -> Result<bool, MediaError> {
        if packet.config >= self.track.configs.len() {
            return Err(MediaError::Damaged("a sample of another codec".into()));
        }
        let flushed = self.run(|codec, out| codec.flush(out));
        self.config = packet.config;
        self.restart()?;
        self.ahead.push_front(Ok(packet));
        flushed.map(|()| true)
    }

    /// Whether a seek is on its way to a later packet, which has been read already.
    fn passes_by(&self, packet: &Packet) -> bool {
        let Some(target_ns) = self.target_ns else { return false };
        let nearer = |other: &Packet| !other.hidden && other.pts_ns > packet.pts_ns && other.pts_ns <= target_ns;
        self.ahead.iter().flatten().any(nearer)
    }

    /// Reads packets ahead.
    fn fill(&mut self) {
        let sorted = matches!(self.codec.delivery(), Delivery::Decoded | Delivery::DecodedLate);
        let depth = if sorted { AHEAD } else { 2 };
        while !self.ended && self.ahead.len() < depth {
            match self.packets.next() {
                Ok(Some(packet)) => self.ahead.push_back(Ok(packet)),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = !matches!(error, MediaError::Damaged(_));
                    self.ahead.push_back(Err(error));
                }
            }
        }
    }

    /// Calls the codec inside the fence and puts what it gives among the waiting.
    fn run(
        &mut self,
        work: impl FnOnce(&mut dyn Codec, &mut Vec<Decoded>) -> Result<(), CodecError>,
    ) -> Result<(), MediaError> {
        let mut out = std::mem::take(&mut self.scratch);
        let result = guarded(|| work(&mut *self.codec, &mut out));
        for decoded in out.drain(..) {
            self.accept(decoded);
        }
        self.scratch = out;
        let damaged = match result {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(CodecError::Unsupported(what))) if !self.opened => {
                self.restart()?;
                return Err(MediaError::unsupported(what, CONVERT));
            }
            Ok(Err(CodecError::Unsupported(why) | CodecError::Damaged(why))) => why,
            Err(panic) => format!("{}: {panic}", self.info.codec),
        };
        self.restart()?;
        Err(MediaError::Damaged(format!("{damaged}; going on at the next key frame")))
    }

    /// A fresh codec, which starts at the next sync packet.
    fn restart(&mut self) -> Result<(), MediaError> {
        self.codec =
            guarded(|| codec::open(&self.track, self.config, self.from_x264)).map_err(MediaError::Broken)??;
        self.inside.clear();
        self.await_sync = true;
        Ok(())
    }

    /// Forgets all that belongs to the place in the film, before a seek.
    fn leave(&mut self) -> Result<(), MediaError> {
        self.opened_at_ns = None;
        self.restart()?;
        self.ahead.clear();
        self.waiting.clear();
        self.errors.clear();
        self.ended = false;
        self.not_before_ns = i64::MIN;
        self.last_pts_ns = i64::MIN;
        self.candidate = None;
        self.target_ns = None;
        Ok(())
    }

    fn accept(&mut self, decoded: Decoded) {
        let Some(due) = self.inside.remove(&decoded.tag) else { return };
        if self.codec.delivery() == Delivery::DecodedLate {
            // What was given to the codec before this one and has not come out never will.
            self.inside = self.inside.split_off(&decoded.tag);
        }
        if due.hidden || due.pts_ns < self.not_before_ns {
            return;
        }
        let frame = VideoFrame {
            pts_ns: due.pts_ns,
            duration_ns: due.duration_ns,
            format: self.format(&decoded),
            picture: decoded.picture,
        };
        self.waiting.insert((due.pts_ns, decoded.tag), frame);
    }

    /// The container overrules the codec on pixel aspect, the codec the container on colour, as in FFmpeg.
    fn format(&self, decoded: &Decoded) -> VideoFormat {
        let plain = VideoFormat::untagged(decoded.width, decoded.height);
        let colour = decoded.colour.or(self.track.colour);
        let from_display = self.track.display.and_then(|(w, h)| {
            reduce(u64::from(w) * u64::from(decoded.height), u64::from(h) * u64::from(decoded.width))
        });
        VideoFormat {
            range: colour.range.unwrap_or(plain.range),
            matrix: colour.matrix.unwrap_or(plain.matrix),
            sar: self.track.sar.or(from_display).or(decoded.sar).unwrap_or((1, 1)),
            rotation: self.track.rotation,
            ..plain
        }
    }

    /// The first waiting frame, if nothing that is still to be decoded comes before it.
    fn due(&mut self) -> Option<VideoFrame> {
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
        let (_, mut frame) = self.waiting.pop_first()?;
        let ahead = self.ahead.iter().flatten().filter(|packet| !packet.hidden).map(|packet| packet.pts_ns);
        let inside = self.inside.values().filter(|due| !due.hidden).map(|due| due.pts_ns);
        let waiting = self.waiting.keys().map(|&(pts_ns, _)| pts_ns);
        let next = ahead.chain(inside).chain(waiting).filter(|&at| at > pts_ns).min();
        if let Some(next) = next {
            frame.duration_ns = next - pts_ns;
        }
        Some(frame)
    }

    /// The next frame in order, whatever a seek may want.
    fn next_in_order(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        loop {
            // An error may only overtake frames that were decoded after it.
            if let Some(error) = self.errors.pop_front() {
                return Err(error);
            }
            self.fill();
            if let Some(frame) = self.due() {
                // Wrong timestamps must not turn time back; frames of one time are shown one after another.
                if frame.pts_ns < self.last_pts_ns.saturating_sub(SAME_NS) {
                    return Err(MediaError::Damaged("a frame whose time is already past".into()));
                }
                let pts_ns = frame.pts_ns.max(self.last_pts_ns.saturating_add(1));
                self.last_pts_ns = pts_ns;
                return Ok(Some(VideoFrame { pts_ns, ..frame }));
            }
            if !self.step()? && self.waiting.is_empty() {
                return Ok(None);
            }
        }
    }
}

/// Whether a track's first packet says that x264 made it; the reader is at its start afterwards.
fn begins_with_x264(track: &VideoTrack, packets: &mut dyn Packets) -> Result<bool, MediaError> {
    #[cfg(feature = "h264")]
    if track.codec == crate::container::CodecId::H264 {
        let first = packets.next();
        packets.seek(i64::MIN)?;
        return Ok(matches!(first, Ok(Some(packet)) if super::h264::is_from_x264(&packet.data)));
    }
    let _ = (track, packets);
    Ok(false)
}

/// `a : b` in lowest terms, if both fit; `None` for a zero.
fn reduce(a: u64, b: u64) -> Option<(u32, u32)> {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    let ratio = (u32::try_from(a.checked_div(x)?).ok()?, u32::try_from(b.checked_div(x)?).ok()?);
    (ratio.0 > 0 && ratio.1 > 0).then_some(ratio)
}

impl VideoSource for Player {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        self.opened_at_ns = None;
        let Some(target_ns) = self.target_ns else {
            return match self.candidate.take() {
                Some(frame) => Ok(Some(frame)),
                None => self.next_in_order(),
            };
        };
        loop {
            let frame = self.next_in_order()?;
            let Some(frame) = frame else {
                self.target_ns = None;
                return Ok(self.candidate.take());
            };
            if frame.pts_ns > target_ns {
                self.target_ns = None;
                return Ok(Some(match self.candidate.take() {
                    Some(before) => {
                        self.candidate = Some(frame);
                        before
                    }
                    None => frame,
                }));
            }
            let ends_ns = frame.pts_ns.saturating_add(frame.duration_ns);
            if frame.duration_ns > 0 && ends_ns > target_ns {
                self.target_ns = None;
                self.candidate = None;
                return Ok(Some(frame));
            }
            self.candidate = Some(frame);
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        if self.opened_at_ns.take() == Some(target_ns) {
            return Ok(());
        }
        self.leave()?;
        self.target_ns = Some(target_ns);
        let mut from_ns = target_ns;
        loop {
            self.packets.seek(from_ns)?;
            match self.packets.next() {
                Ok(Some(packet)) if !self.codec.begins(&packet.data) && packet.pts_ns < from_ns => {
                    from_ns = packet.pts_ns - 1;
                }
                Ok(Some(packet)) => {
                    self.ahead.push_back(Ok(packet));
                    return Ok(());
                }
                Ok(None) => {
                    self.ended = true;
                    return Ok(());
                }
                Err(error) => {
                    self.ended = !matches!(error, MediaError::Damaged(_));
                    self.ahead.push_back(Err(error));
                    return Ok(());
                }
            }
        }
    }

    fn seek_past(&mut self, after_ns: i64) -> Result<(), MediaError> {
        self.leave()?;
        self.packets.seek(after_ns)?;
        loop {
            match self.packets.next() {
                Ok(Some(packet)) if packet.sync && packet.pts_ns > after_ns && self.codec.begins(&packet.data) => {
                    self.not_before_ns = packet.pts_ns;
                    self.ahead.push_back(Ok(packet));
                    return Ok(());
                }
                Ok(Some(_)) | Err(MediaError::Damaged(_)) => {}
                Ok(None) => {
                    self.ended = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}
