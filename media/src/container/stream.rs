//! One track of a transport or a program stream: what is in its PES packets, and finding a time where there is no index.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::frames::Cutter;
use super::pes::{WRAP, bisect, ns, ticks, unwrap};
use super::pictures::{Counted, Pictures, Unit};
use super::timing::Timing;
use super::{CodecId, Packet, Packets, caps};
use crate::{MediaError, NS};

/// Ticks before a wanted time at which a picture to begin with is looked for, before the file's start is taken: a quarter of what wraps.
const FARTHEST: i64 = WRAP / 4;

/// A PES packet of one track.
pub(super) struct Piece {
    /// Where it began in the file.
    pub(super) place: u64,
    /// In ticks, which may have wrapped around.
    pub(super) time: Option<i64>,
    pub(super) body: Vec<u8>,
}

/// Where a track's PES packets come from.
pub(super) trait Source: Send {
    /// The next whole one; `None` at the end.
    fn next(&mut self) -> Result<Option<Piece>, MediaError>;
    /// Goes to a place, or to the first packet behind it.
    fn go(&mut self, at: u64);
    /// Bytes of the file.
    fn len(&self) -> u64;
    /// The first time of this track behind a place, in ticks, which may have wrapped around.
    fn time_behind(&self, at: u64) -> Result<Option<i64>, MediaError>;
}

/// What becomes of the bodies.
pub(super) enum Content {
    /// Pictures, one in each body.
    Pictures(CodecId),
    /// Pictures, cut anywhere.
    Cut(CodecId, Box<Pictures>, Counted),
    /// Sound, cut anywhere.
    Sound(Box<Cutter>),
}

impl Content {
    /// For pictures that were cut anywhere.
    pub(super) fn cut(codec: CodecId) -> Self {
        Self::Cut(codec.clone(), Box::new(Pictures::new(codec)), Counted::default())
    }

    fn codec(&self) -> Option<&CodecId> {
        match self {
            Self::Pictures(codec) | Self::Cut(codec, ..) => Some(codec),
            Self::Sound(_) => None,
        }
    }
}

/// Reads one track.
pub(super) struct Reader<S> {
    source: S,
    /// The first and the last time of the track, in ticks.
    span: (i64, i64),
    /// What the sound is, once a frame of it was seen.
    pub(super) sound: Option<AudioCodecParameters>,
    content: Content,
    /// The last time, which the next one is near to.
    near: i64,
    /// What is to be handed out, last first, with the places where it began.
    ready: Vec<(Packet, u64)>,
    timing: Timing,
    /// What follows that which is ready.
    failed: Option<MediaError>,
    ended: bool,
    /// Since it went to a place, no sound was found whose time is known.
    untimed: bool,
}

impl<S: Source> Reader<S> {
    /// A reader at the file's start.
    pub(super) fn new(source: S, span: (i64, i64), content: Content) -> Self {
        let timing = Timing::new(Some(ns(span.1 - span.0)));
        Self {
            source,
            span,
            sound: None,
            content,
            near: span.0,
            ready: Vec::new(),
            timing,
            failed: None,
            ended: false,
            untimed: false,
        }
    }

    /// Makes packets of a piece.
    fn take(&mut self, piece: Piece) -> Result<(), MediaError> {
        if let Some(time) = piece.time {
            self.near = unwrap(time, self.near);
        }
        let (near_ns, timed) = (ns(self.near), piece.time.is_some());
        match &mut self.content {
            Content::Pictures(codec) => {
                let (pts_ns, ..) = self.timing.place(near_ns, 0);
                let sync = begins_with_key(codec, &piece.body);
                self.ready.push((Packet { sync, ..Packet::new(piece.body, pts_ns) }, piece.place));
            }
            Content::Cut(codec, pictures, counted) => {
                let units = pictures.push(&piece.body, timed.then_some(near_ns), piece.place);
                if pictures.waiting() as u64 > caps::PACKET {
                    pictures.jump();
                    return Err(MediaError::Damaged("a picture without an end".into()));
                }
                for unit in units {
                    let (mut packet, place) = picture(codec, counted, unit);
                    (packet.pts_ns, packet.duration_ns, _) = self.timing.place(packet.pts_ns, packet.duration_ns);
                    self.ready.push((packet, place));
                }
                self.ready.reverse();
            }
            // The first one that begins in a piece has its time, and those behind it follow.
            Content::Sound(cutter) => {
                let mut timed = timed;
                let near_ns = if timed { self.timing.place(near_ns, 0).0 } else { near_ns };
                for frame in cutter.cut(&piece.body) {
                    let follows = frame.offset < 0 || !std::mem::take(&mut timed);
                    self.untimed &= follows;
                    // What began before the place cannot be told from what only looks like it.
                    if self.untimed {
                        continue;
                    }
                    self.ready.push((Packet { follows, ..Packet::new(frame.data, near_ns) }, piece.place));
                    self.sound.get_or_insert(frame.params);
                }
                self.ready.reverse();
            }
        }
        Ok(())
    }

    /// The last picture, whose end is that of the file.
    fn rest(&mut self) {
        self.ended = true;
        if let Content::Cut(codec, pictures, counted) = &mut self.content
            && let Some(unit) = pictures.flush()
        {
            self.ready.push(picture(codec, counted, unit));
        }
    }

    /// The next packet, and where it began.
    fn placed(&mut self) -> Result<Option<(Packet, u64)>, MediaError> {
        loop {
            if let Some(packet) = self.ready.pop() {
                return Ok(Some(packet));
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            match self.source.next() {
                Ok(Some(piece)) => self.take(piece)?,
                Ok(None) if self.ended => return Ok(None),
                Ok(None) => self.rest(),
                Err(error) => {
                    // What is missing may be the end of what waits here, and the beginning of what comes. (A picture of MPEG-1 and
                    // MPEG-2 tells whether it is whole.)
                    if let Content::Cut(codec, pictures, counted) = &mut self.content {
                        let waits = pictures.flush().filter(|_| *codec == CodecId::Mpeg12);
                        self.ready.extend(waits.map(|unit| picture(codec, counted, unit)));
                        counted.jump(ns(self.near));
                    }
                    self.failed = Some(error);
                }
            }
        }
    }

    fn go(&mut self, at: u64) {
        self.source.go(at);
        match &mut self.content {
            Content::Pictures(_) => {}
            Content::Cut(_, pictures, counted) => {
                pictures.jump();
                counted.jump(ns(self.near));
            }
            Content::Sound(cutter) => cutter.jump(),
        }
        self.ready.clear();
        self.timing.jump();
        (self.ended, self.untimed, self.failed) = (false, true, None);
    }
}

/// A picture that was cut out, and where it began. Those of MPEG-1 and MPEG-2 are counted; of others, one without a time is only near to the
/// one before it.
fn picture(codec: &CodecId, counted: &mut Counted, unit: Unit) -> (Packet, u64) {
    let sync = begins_with_key(codec, &unit.data);
    let (pts_ns, duration_ns) = counted.time(&unit.data, unit.time_ns);
    // Only pictures of MPEG-1 and MPEG-2 say how long they last.
    let duration_ns = if *codec == CodecId::Mpeg12 { duration_ns } else { 0 };
    let follows = unit.time_ns.is_none() && *codec != CodecId::Mpeg12;
    (Packet { sync, follows, duration_ns, ..Packet::new(unit.data, pts_ns) }, unit.place)
}

/// Whether decoding can begin with this picture.
fn begins_with_key(codec: &CodecId, data: &[u8]) -> bool {
    let mut units = data.windows(4).filter(|window| window[..3] == [0, 0, 1]).map(|window| window[3]);
    match codec {
        CodecId::H264 => units.any(|head| matches!(head & 0x1f, 5 | 7)),
        CodecId::Hevc => units.any(|head| matches!(head >> 1 & 0x3f, 16..=21 | 32..=33)),
        CodecId::Mpeg4 => data.windows(5).any(|window| window[..4] == [0, 0, 1, 0xb6] && window[4] >> 6 == 0),
        _ => units.any(|head| head == 0xb3),
    }
}

impl<S: Source> Packets for Reader<S> {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        Ok(self.placed()?.map(|(packet, _)| packet))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        // Beyond the track's ends, times could not be told from those that wrapped around.
        let ticks = ticks(target_ns).clamp(self.span.0, self.span.1.saturating_add(90_000));
        // From a little before the target, then from further and further back, to the last picture that can be begun with.
        // Sound is begun a little earlier: of the first piece, what began before it is lost.
        let (mut back, early_ns) = if self.content.codec().is_some() { (90_000, 0) } else { (27_000, NS / 10) };
        loop {
            let wanted = ticks.saturating_sub(back);
            // Times that fall lead to wrong places.
            let from =
                if back < FARTHEST { bisect(self.source.len(), wanted, |at| self.source.time_behind(at))? } else { 0 };
            self.near = wanted;
            self.go(from);
            let mut best = None;
            loop {
                match self.placed() {
                    Ok(Some((packet, _))) if packet.pts_ns > target_ns && (packet.sync || best.is_some()) => break,
                    Ok(Some((packet, place))) if packet.sync && packet.pts_ns <= target_ns.saturating_sub(early_ns) => {
                        best = Some(place)
                    }
                    Ok(Some(_)) | Err(MediaError::Damaged(_)) => {}
                    Ok(None) => break,
                    Err(error) => return Err(error),
                }
            }
            if best.is_some() || from == 0 {
                let at = best.unwrap_or(0);
                self.near = wanted;
                self.go(at);
                return Ok(());
            }
            back = back.saturating_mul(4).min(FARTHEST);
        }
    }

    fn coarse(&self) -> bool {
        true
    }
}
