//! Opus, by `opus-rs`: one or two channels directly, more as several streams in one packet. Streams come in Vorbis'
//! channel order and leave in WAVE's.

use opus_rs::OpusDecoder;
use opus_rs::multistream::{ChannelMappingTable, MultistreamDecoder};
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;

use super::codec::{CONVERT, Codec, Shape};
use crate::{MediaError, speakers};

/// Opus decodes at this rate whatever it was made from.
const RATE: u32 = 48_000;
/// The longest packet: 120 ms.
const MAX_FRAMES: usize = 5_760;

enum Inner {
    Plain(Box<OpusDecoder>),
    Multi(Box<MultistreamDecoder>),
}

pub(super) struct Opus {
    head: Head,
    inner: Inner,
    scratch: Vec<f32>,
}

/// What `OpusHead` says (RFC 7845, 5.1).
#[derive(Debug, Clone)]
pub(super) struct Head {
    channels: u8,
    /// Samples at 48 kHz to be cut off the start.
    pub(super) pre_skip: u16,
    gain: f32,
    family: u8,
    table: Vec<u8>,
}

impl Head {
    /// One stream of one or two channels.
    fn plain(channels: u8) -> Self {
        Self { channels, pre_skip: 0, gain: 1.0, family: 0, table: Vec::new() }
    }

    /// Reads `OpusHead`, magic included.
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        let body = head.strip_prefix(b"OpusHead")?;
        let [_, channels, s0, s1, _, _, _, _, g0, g1, family, table @ ..] = body else { return None };
        let gain = 10f32.powf(f32::from(i16::from_le_bytes([*g0, *g1])) / (20.0 * 256.0));
        let pre_skip = u16::from_le_bytes([*s0, *s1]);
        Some(Self { channels: *channels, pre_skip, gain, family: *family, table: table.to_vec() })
    }
}

/// How much of an Opus track's beginning is priming, at [`RATE`]; `None` of another codec.
pub(crate) fn pre_skip(params: &AudioCodecParameters) -> Option<i64> {
    let head = params.extra_data.as_deref().filter(|_| params.codec == CODEC_ID_OPUS)?;
    Head::parse(head).map(|head| head.pre_skip.into())
}

impl Opus {
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, MediaError> {
        let head = match (params.extra_data.as_deref(), params.channels.as_ref().map(|channels| channels.count())) {
            // CAF, as telephones record it, says no more than how many channels there are.
            (None, Some(channels @ 1..=2)) => Head::plain(channels as u8),
            (head, _) => Head::parse(head.unwrap_or_default()).ok_or(MediaError::Broken("Opus header".into()))?,
        };
        let inner = make(&head)?;
        Ok(Self { head, inner, scratch: Vec::new() })
    }
}

fn make(head: &Head) -> Result<Inner, MediaError> {
    let broken = |e: &str| MediaError::Broken(format!("Opus header: {e}"));
    match (head.family, head.channels) {
        (0, 1 | 2) => {
            let decoder = OpusDecoder::new(RATE as i32, head.channels.into()).map_err(broken)?;
            Ok(Inner::Plain(Box::new(decoder)))
        }
        // 255: channels that nothing is said of.
        (1 | 255, 1..=8) => {
            let table = ChannelMappingTable::parse(head.family, head.channels, &head.table)
                .filter(|t| t.stream_count > 0 && t.coupled_count <= t.stream_count && t.stream_count <= 8)
                .filter(|t| t.mapping.iter().all(|m| *m == 255 || *m < t.stream_count + t.coupled_count))
                .ok_or_else(|| broken("channel mapping"))?;
            Ok(Inner::Multi(Box::new(MultistreamDecoder::new(RATE as i32, table).map_err(broken)?)))
        }
        (family, n) => {
            Err(MediaError::unsupported(format!("Opus with {n} channels of mapping family {family}"), CONVERT))
        }
    }
}

/// For each channel in WAVE order, where Vorbis' order has it.
pub(super) fn wave_order(channels: usize) -> &'static [usize] {
    match channels {
        3 => &[0, 2, 1],
        5 => &[0, 2, 1, 3, 4],
        6 => &[0, 2, 1, 5, 3, 4],
        // FL FC FR SL SR BC LFE becomes FL FR FC LFE BC SL SR.
        7 => &[0, 2, 1, 6, 5, 3, 4],
        // FL FC FR SL SR BL BR LFE becomes FL FR FC LFE BL BR SL SR.
        8 => &[0, 2, 1, 7, 5, 6, 3, 4],
        _ => &[0, 1, 2, 3],
    }
}

impl Codec for Opus {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let channels = usize::from(self.head.channels);
        self.scratch.resize(MAX_FRAMES * channels, 0.0);
        let frames = match &mut self.inner {
            Inner::Plain(decoder) => decoder.decode(data, MAX_FRAMES, &mut self.scratch),
            Inner::Multi(decoder) => decoder.decode(data, MAX_FRAMES, &mut self.scratch),
        }?;
        let order = if self.head.family == 255 { &[0, 1, 2, 3, 4, 5, 6, 7] } else { wave_order(channels) };
        for frame in self.scratch.chunks_exact(channels).take(frames) {
            let reordered = order.iter().take(channels).filter_map(|from| frame.get(*from));
            out.extend(reordered.map(|sample| sample * self.head.gain));
        }
        let channels = self.head.channels.into();
        let speakers = if self.head.family == 255 { 0 } else { speakers::of_xiph(channels) };
        Ok(Shape { rate: RATE, channels, speakers })
    }

    fn reset(&mut self) {
        // A header that was good once is good again.
        if let Ok(fresh) = make(&self.head) {
            self.inner = fresh;
        }
    }

    fn preroll_ms(&self) -> i64 {
        // RFC 7845 asks for 80, after which a tone was still 47 dB off; after 500 it is exact to 16 bits.
        500
    }

    fn name(&self) -> String {
        "Opus".into()
    }
}
