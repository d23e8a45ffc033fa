//! From packets to frames: decodes, puts pictures into presentation order, times them, survives damage, and seeks.
//!
//! Order needs no guess about the codec's delay: the player reads a few packets ahead, and a decoded picture is due as
//! soon as none of the packets ahead is to be presented before it. H.264 holds back at most 16 pictures, so 16 packets
//! ahead suffice.

mod decode;
mod fields;
mod order;

use std::collections::{BTreeMap, VecDeque};

use super::codec::{self, Codec, Decoded};
use super::light::{Light, Screen};
use crate::container::{Extent, Packet, Packets, VideoTrack};
use crate::guard::guarded;
use crate::{MediaError, NS, VideoFormat, VideoFrame, VideoInfo, VideoSource, caps};
use fields::{Turn, Weave};

/// Packets read ahead: the most pictures that a decoder may hold back, and one.
const AHEAD: usize = 17;

/// Pictures that are so much too late, in ns, are not worth decoding any more.
const LOST_NS: i64 = 3_000_000_000;
/// Times as near as this are one.
const SAME_NS: i64 = 1_000;

/// What is remembered of a packet while it is in the codec.
struct Due {
    pts_ns: i64,
    duration_ns: i64,
    hidden: bool,
    /// The packet itself, where it can be decoded anew after damage of one before it.
    packet: Option<Packet>,
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
    /// How many pictures the codec is asked to have in work, if at all.
    at_once: Option<usize>,
    info: VideoInfo,
    /// What was read ahead; damage stands where the packets are missing.
    ahead: VecDeque<Result<Packet, MediaError>>,
    /// Packets in the codec, by tag.
    inside: BTreeMap<i64, Due>,
    next_tag: i64,
    /// Decoded, sorted by time, then by tag.
    waiting: BTreeMap<(i64, i64), Turn>,
    weave: Weave,
    /// What pictures are shown on, and what light the last one stands for.
    screen: Screen,
    light: Light,
    /// Errors that wait for the frames before them to leave.
    errors: VecDeque<MediaError>,
    ended: bool,
    /// Whether the first frame is there.
    opened: bool,
    /// After damage or a seek: nothing is decoded until a sync packet.
    await_sync: bool,
    /// The packet that comes next was in a codec that failed already.
    fed_again: bool,
    /// Frames before this are not shown: what leads an open group of pictures that was entered by a seek.
    not_before_ns: i64,
    /// Where a seek wants to go, and the latest frame before it.
    target_ns: Option<i64>,
    /// What is shown earlier comes too late.
    hurry_ns: i64,
    candidate: Option<VideoFrame>,
    last_pts_ns: i64,
    scratch: Vec<Decoded>,
    /// Where it was opened, while nothing was taken from it: a seek to there has nothing to do.
    opened_at_ns: Option<i64>,
}

impl Player {
    /// Opens `track` and decodes a first frame, whose format becomes the stream's: with `begin_ns`, on the way there, as
    /// if it had been sought. Interlaced pictures stay `untouched` if asked. `at_once`: see [`crate::Choice`]. Errors: the codec or its
    /// profile is not supported, or there is no frame to be had.
    pub(crate) fn open(
        track: VideoTrack,
        mut packets: Box<dyn Packets>,
        extent: Extent,
        begin_ns: i64,
        (untouched, at_once): (bool, Option<usize>),
    ) -> Result<Self, MediaError> {
        let from_x264 = begins_with_x264(&track, &mut *packets)?;
        let codec = guarded(|| codec::open(&track, 0, from_x264, at_once)).map_err(MediaError::Broken)??;
        let lasts_ns = extent.end_ns.map(|end| end.saturating_sub(extent.start_ns)).filter(|&ns| ns > 0);
        let counted = extent.packets.zip(lasts_ns).map(|(count, ns)| count as f64 * NS as f64 / ns as f64);
        let info = VideoInfo {
            codec: codec.name(),
            format: VideoFormat::untagged(1, 1),
            light: Light::default(),
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
            at_once,
            info,
            ahead: VecDeque::new(),
            inside: BTreeMap::new(),
            next_tag: 0,
            waiting: BTreeMap::new(),
            weave: Weave::new(untouched),
            screen: Screen::default(),
            light: Light::default(),
            errors: VecDeque::new(),
            ended: false,
            opened: false,
            await_sync: true,
            fed_again: false,
            not_before_ns: i64::MIN,
            target_ns: None,
            hurry_ns: i64::MIN,
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
        let Some((first, _)) = self.waiting.values().next() else {
            return Err(refusal.unwrap_or_else(|| {
                let why = self.errors.pop_front().map_or_else(|| "it has no frame".into(), |error| error.to_string());
                MediaError::Broken(format!("{} video: {why}", self.info.codec))
            }));
        };
        if let Some(MediaError::Unsupported { what, .. }) = refusal {
            self.errors.push_front(MediaError::Damaged(format!("{what}; going on at the next key frame")));
        }
        self.info.format = first.format;
        self.info.codec = self.track.named(self.codec.name());
        self.info.light = self.light;
        self.opened = true;
        Ok(())
    }
}

/// Whether a track's first packet says that x264 made it; the reader is at its start afterwards.
fn begins_with_x264(track: &VideoTrack, packets: &mut dyn Packets) -> Result<bool, MediaError> {
    #[cfg(feature = "h264")]
    if track.codec == crate::container::CodecId::H264 {
        let first = packets.next();
        packets.seek(i64::MIN)?;
        return Ok(matches!(first, Ok(Some(packet)) if crate::video::h264::is_from_x264(&packet.data)));
    }
    let _ = (track, packets);
    Ok(false)
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

    fn hurry(&mut self, film_ns: i64) {
        self.hurry_ns = film_ns;
        if film_ns.saturating_sub(self.last_pts_ns.max(0)) > LOST_NS
            && let Err(error) = self.leap(film_ns)
        {
            self.errors.push_back(error);
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
