//! Puts a track's samples onto the film's timeline. All positions here are sample times from the film's start.
//!
//! Sound follows its own count of samples; a packet's timestamp is believed only where that has to be wrong. Where a
//! container is exact, that is a difference of more than 5 ms. Where it rounds or its writer stamped by a clock on the wall
//! (Matroska), it is a gap of 100 ms, or a smaller deviation that lasts: following each timestamp would click. A gap is filled
//! with silence, an overlap is cut; a time that cannot be right (beyond the film's end, or far back) is ignored.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::codec::{self, Codec, Shape};
use super::guarded;
use crate::container::Packets;
use crate::{AudioBlock, AudioInfo, AudioSource, MediaError, NS};

/// How far coarse timestamps may differ from the count, in ms: for one packet, and for many.
const JUMP_MS: i64 = 100;
const DRIFT_MS: i64 = 30;
/// So many packets in a row are many.
const LASTING: u32 = 16;
/// Frames of silence in one block.
const SILENT_BLOCK: i64 = 4_096;

pub(super) struct Stream {
    demux: Box<dyn Packets>,
    codec: Box<dyn Codec>,
    info: AudioInfo,
    shape: Shape,
    /// The first packet's place and every packet's length, where timestamps are coarse and packets of one length: after a
    /// seek, a packet then is where counting from the first one would have put it.
    grid: Option<(i64, i64)>,
    /// Where the packet after the last one should begin; unknown after a seek.
    next: Option<i64>,
    /// The next sample time to hand out.
    due: i64,
    /// Samples of the last packet that wait for the silence before them.
    held: Vec<f32>,
    /// The sample time at which `held` is due.
    held_at: i64,
    /// How many packets in a row were due later (negative: earlier) than the count has it.
    drift: i32,
}

impl Stream {
    pub(super) fn open(
        mut demux: Box<dyn Packets>,
        params: &AudioCodecParameters,
        duration_ns: Option<i64>,
    ) -> Result<Self, MediaError> {
        let mut codec = codec::make(params)?;
        // Only decoding tells the truth: HE-AAC may announce itself in the first packet alone.
        let mut shape: Option<Shape> = None;
        let mut lengths: Vec<(i64, usize)> = Vec::new();
        let mut why = String::from("no packet");
        for _ in 0..64 {
            let packet = match demux.next() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(MediaError::Damaged(e)) => {
                    why = e;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let mut samples = Vec::new();
            match guarded(&codec.name(), || codec.decode(&packet.data, &mut samples)) {
                // Vorbis' first packet has no sample, but has a shape.
                Ok(Ok(found)) if valid(found) => {
                    shape = Some(found);
                    lengths.push((packet.pts_ns, samples.len() / usize::from(found.channels)));
                    if lengths.len() == 2 || !demux.coarse() {
                        break;
                    }
                }
                Ok(Ok(found)) => why = format!("{} Hz, {} channels", found.rate, found.channels),
                Ok(Err(e)) => why = e,
                Err(_) => why = "the decoder failed on it".into(),
            }
        }
        let shape = shape.ok_or_else(|| match why.strip_suffix(" is not supported") {
            Some(what) => MediaError::unsupported(what, codec::CONVERT),
            None => MediaError::Broken(format!("no {} packet decodes: {why}", codec.name())),
        })?;
        codec = codec::make(params)?;
        demux.seek(i64::MIN)?;
        let info = AudioInfo {
            codec: codec.name(),
            sample_rate: shape.rate,
            channels: shape.channels,
            duration_ns,
            seekable: true,
        };
        let mut stream =
            Self { demux, codec, info, shape, grid: None, next: None, due: 0, held: Vec::new(), held_at: 0, drift: 0 };
        if let [(start, first), (_, second)] = lengths.as_slice()
            && first == second
            && *first as i64 > i64::from(shape.rate) / 200
        {
            stream.grid = Some((stream.frames(*start), *first as i64));
        }
        Ok(stream)
    }

    fn frames(&self, ns: i64) -> i64 {
        scale(ns, self.shape.rate.into(), NS)
    }

    fn block(&self, at: i64, samples: Vec<f32>) -> AudioBlock {
        AudioBlock {
            pts_ns: scale(at, NS, self.shape.rate.into()),
            sample_rate: self.shape.rate,
            channels: self.shape.channels,
            speakers: self.shape.speakers,
            samples,
        }
    }

    /// Silence up to the held samples, or those.
    fn hand_out(&mut self) -> Option<AudioBlock> {
        if self.held.is_empty() {
            return None;
        }
        let at = self.due;
        if at < self.held_at {
            let frames = (self.held_at - at).min(SILENT_BLOCK);
            self.due += frames;
            return Some(self.block(at, vec![0.0; frames as usize * usize::from(self.shape.channels)]));
        }
        let samples = std::mem::take(&mut self.held);
        self.due += (samples.len() / usize::from(self.shape.channels)) as i64;
        Some(self.block(at, samples))
    }

    /// Where a packet that claims to begin at `claimed` is put.
    fn place(&mut self, claimed: i64) -> i64 {
        let rate = i64::from(self.shape.rate);
        let Some(next) = self.next else {
            // The film's start is where its first sound is, give or take the container's rounding.
            if self.due == 0 && (0..=rate / 200).contains(&claimed) {
                return 0;
            }
            let counted = self.grid.map(|(first, length)| {
                let packets = (claimed.saturating_sub(first) + length / 2).div_euclid(length);
                first.saturating_add(packets.saturating_mul(length))
            });
            return counted.filter(|place| place.abs_diff(claimed) <= self.shape.rate as u64 / 1000).unwrap_or(claimed);
        };
        let off = claimed.saturating_sub(next);
        let limit = self.info.duration_ns.map_or(next + 60 * rate, |ns| scale(ns, rate, NS) + rate);
        let believed = if !self.demux.coarse() {
            off.abs() > rate / 200
        } else if off.abs() <= rate * DRIFT_MS / 1000 {
            self.drift = 0;
            false
        } else {
            let same = self.drift.signum() == off.signum() as i32;
            self.drift = if same { self.drift.saturating_add(self.drift.signum()) } else { off.signum() as i32 };
            off.abs() >= rate * JUMP_MS / 1000 || self.drift.unsigned_abs() >= LASTING
        };
        if !believed || off < -rate || claimed > limit {
            return next;
        }
        self.drift = 0;
        claimed
    }

    /// A change of rate or channels in the middle of the stream.
    fn reshape(&mut self, shape: Shape) {
        let (old, new) = (self.shape.rate.into(), shape.rate.into());
        self.due = scale(self.due, new, old);
        self.next = self.next.map(|next| scale(next, new, old));
        self.shape = shape;
    }
}

fn valid(shape: Shape) -> bool {
    (1..=8).contains(&shape.channels) && (1..=768_000).contains(&shape.rate)
}

/// `value * num / den`, rounded to the nearest.
fn scale(value: i64, num: i64, den: i64) -> i64 {
    let (num, den) = (i128::from(num), i128::from(den.max(1)));
    let exact = (i128::from(value) * num + den / 2).div_euclid(den);
    exact.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

impl AudioSource for Stream {
    fn info(&self) -> &AudioInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        loop {
            if let Some(block) = self.hand_out() {
                return Ok(Some(block));
            }
            let Some(packet) = guarded("container", || self.demux.next())?? else { return Ok(None) };
            if let Some(params) = self.demux.changed() {
                self.codec = codec::make(&params)?;
            }
            let mut samples = Vec::new();
            let codec = &mut self.codec;
            let decoded = guarded(&self.info.codec, || codec.decode(&packet.data, &mut samples));
            let problem = match decoded {
                Ok(Ok(shape)) if valid(shape) => {
                    let known = shape.speakers.count_ones() == u32::from(shape.channels);
                    let shape = Shape { speakers: if known { shape.speakers } else { 0 }, ..shape };
                    if shape != self.shape {
                        self.reshape(shape);
                    }
                    None
                }
                Ok(Ok(shape)) => Some(format!("{} Hz with {} channels", shape.rate, shape.channels)),
                Ok(Err(e)) => Some(e),
                Err(_) => {
                    // What panicked may be in any state.
                    self.codec.reset();
                    Some("the decoder failed on it".into())
                }
            };
            let claimed = self.frames(packet.pts_ns);
            // What an edit hides is decoded for the sake of what follows.
            let start = match self.next.filter(|_| packet.follows) {
                _ if packet.hidden => claimed,
                Some(next) => next,
                None => self.place(claimed),
            };
            if let Some(problem) = problem {
                // Before the wanted sample, a decoder that lacks what came before may complain.
                if start >= self.due {
                    return Err(MediaError::Damaged(format!("{} packet: {problem}", self.info.codec)));
                }
                continue;
            }
            if packet.hidden {
                continue;
            }
            let channels = usize::from(self.shape.channels);
            let trim = usize::try_from(self.frames(packet.trim_ns)).unwrap_or(0);
            samples.truncate((samples.len() / channels).saturating_sub(trim) * channels);
            let frames = (samples.len() / channels) as i64;
            if frames > 0 || trim > 0 {
                // Vorbis' first packet after a reset has no sample and therefore no place.
                self.next = Some(start + frames);
            }
            let early = (self.due - start).clamp(0, frames);
            samples.drain(..early as usize * channels);
            self.held = samples;
            self.held_at = start + early;
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let due = scale(target_ns.max(0), self.shape.rate.into(), NS);
        let from_ns = target_ns.max(0) - self.codec.preroll_ms() * 1_000_000;
        guarded("container", || self.demux.seek(from_ns))??;
        self.codec.reset();
        (self.next, self.drift) = (None, 0);
        self.due = due;
        self.held.clear();
        Ok(())
    }
}
