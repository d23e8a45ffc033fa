//! Sound that is whole in each packet of a stream: samples of DVDs and of Blu-ray discs, and Opus in transport streams. Samples
//! become packets of plain PCM.

use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use crate::speakers;

type Found = (Vec<u8>, AudioCodecParameters);

fn pcm(id: AudioCodecId, rate: u32, channels: symphonia::core::audio::Channels) -> AudioCodecParameters {
    let mut params = AudioCodecParameters::new();
    params.for_codec(id).with_sample_rate(rate).with_channels(channels);
    params
}

/// The samples of a packet of a Blu-ray disc: a header of four bytes, then sample frames of an even number of channels; `None` of what
/// cannot be.
pub(super) fn bluray(body: &[u8]) -> Option<Found> {
    const CHANNELS: [&str; 12] =
        ["", "C", "", "LR", "LRC", "LRS", "LRCS", "LRxy", "LRCxy", "LRCxyE", "LRCxlry", "LRCxlryE"];
    let (&[_, _, form, bits], samples) = body.split_first_chunk()?;
    let letters = CHANNELS.get(usize::from(form >> 4)).filter(|letters| !letters.is_empty())?;
    let rate = match form & 15 {
        1 => 48_000,
        4 => 96_000,
        5 => 192_000,
        _ => return None,
    };
    let (id, bytes) = match bits >> 6 {
        1 => (CODEC_ID_PCM_S16BE, 2),
        2 | 3 => (CODEC_ID_PCM_S24BE, 3),
        _ => return None,
    };
    let (count, stored) = (letters.len(), letters.len().next_multiple_of(2));
    let frames = samples.chunks_exact(stored * bytes);
    Some((
        frames.flat_map(|frame| &frame[..count * bytes]).copied().collect(),
        pcm(id, rate, speakers::of_letters(letters)?),
    ))
}

/// The sound of a DVD: behind a header of three bytes samples of 16 bits, or groups of four samples (of one channel, two) whose lower
/// bits stand behind their upper 16.
#[derive(Default)]
pub(super) struct Dvd {
    /// What is said of the samples, and the beginning of a group that ends in the next packet.
    form: u8,
    left: Vec<u8>,
}

impl Dvd {
    /// The samples of a packet; `None` of what cannot be.
    pub(super) fn take(&mut self, body: &[u8]) -> Option<Found> {
        let (&[_, form, _], samples) = body.split_first_chunk()?;
        if form != self.form {
            (self.form, self.left) = (form, Vec::new());
        }
        let rate = [48_000, 96_000, 44_100, 32_000][usize::from(form >> 4 & 3)];
        let channels = usize::from(form & 7) + 1;
        let mut data = std::mem::take(&mut self.left);
        data.extend_from_slice(samples);
        let group = if channels == 1 { 2 } else { 4 };
        let low = [0, group / 2, group].get(usize::from(form >> 6)).copied()?;
        // Whole sample frames, of which groups may have parts.
        let unit = match low {
            0 => 2 * channels,
            low => (2 * group + low) * if channels.is_power_of_two() { channels.div_ceil(4) } else { channels },
        };
        self.left = data.split_off(data.len() - data.len() % unit);
        if low == 0 {
            return Some((data, pcm(CODEC_ID_PCM_S16BE, rate, speakers::channels(channels as u32, 0))));
        }
        let mut out = Vec::with_capacity(data.len() * 3 / 2);
        for bytes in data.chunks_exact(2 * group + low) {
            let (upper, lower) = bytes.split_at(2 * group);
            for n in 0..group {
                let third = if low == group { lower[n] } else { (lower[n / 2] << (n % 2 * 4)) & 0xf0 };
                out.extend([upper[2 * n], upper[2 * n + 1], third]);
            }
        }
        Some((out, pcm(CODEC_ID_PCM_S24BE, rate, speakers::channels(channels as u32, 0))))
    }
}

/// Opus in a transport stream (ETSI TS 101 154, and the draft that encoders follow).
pub(super) struct Opus {
    params: Option<AudioCodecParameters>,
}

impl Opus {
    /// `code`: how many channels there are, in Vorbis' order.
    pub(super) fn new(code: u8) -> Self {
        // How many streams there are, how many of them have two channels, and where each channel is.
        let (streams, coupled, map): (u8, u8, &[u8]) = match code {
            1 => (1, 0, &[0]),
            2 => (1, 1, &[0, 1]),
            3 => (2, 1, &[0, 2, 1]),
            4 => (2, 2, &[0, 1, 2, 3]),
            5 => (3, 2, &[0, 4, 1, 2, 3]),
            6 => (4, 2, &[0, 4, 1, 2, 3, 5]),
            7 => (4, 3, &[0, 4, 1, 2, 3, 5, 6]),
            8 => (5, 3, &[0, 6, 1, 2, 3, 4, 5, 7]),
            _ => return Self { params: None },
        };
        let mut head = b"OpusHead\x01".to_vec();
        head.extend([code, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, u8::from(code > 2), streams, coupled]);
        head.extend(map);
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_OPUS).with_sample_rate(48_000).with_extra_data(head.into());
        params.with_channels(speakers::channels(code.into(), 0));
        Self { params: Some(params) }
    }

    /// The packets of Opus in a packet of the stream, each behind a header of its own.
    pub(super) fn take(&mut self, mut body: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        let Some(params) = &self.params else { return found };
        while let Some((packet, rest)) = unit(body) {
            found.push((packet.to_vec(), params.clone()));
            body = rest;
        }
        found
    }
}

/// The packet that begins here, and what is behind it.
fn unit(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[first, flags], mut rest) = body.split_first_chunk()?;
    if first != 0x7f || flags & 0xe0 != 0xe0 {
        return None;
    }
    let mut len = 0;
    loop {
        let (&more, behind) = rest.split_first()?;
        (len, rest) = (len + usize::from(more), behind);
        if more < 255 {
            break;
        }
    }
    // What is to be cut off at its start and its end.
    rest = rest.get(2 * (flags >> 3 & 3).count_ones() as usize..)?;
    if flags & 4 != 0 {
        let (&more, behind) = rest.split_first()?;
        rest = behind.get(usize::from(more)..)?;
    }
    rest.split_at_checked(len)
}
