//! Sound decoded by FFmpeg. What it decodes is handed on as packets of plain samples, so that the timeline places and cuts them as
//! those of every other codec.

use ac_ffmpeg::codec::audio::AudioDecoder;
use ac_ffmpeg::codec::audio::frame::{self, AudioFrame};
use ac_ffmpeg::codec::{AudioCodecParameters, Decoder};
use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio as symphonia_audio;
use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_F32LE;

use super::demux::{Reader, due};
use super::{Foreign, broken, name, ns};
use crate::container::{Packet, Packets, Shifted};
use crate::{AudioBlock, AudioInfo, AudioSource, MediaError, MediaFile, NS};

/// Sound decoded before a wanted place, whose codecs may need what came before.
const PREROLL_NS: i64 = NS / 5;

/// Opens a track of sound. Errors: it does not decode.
pub(super) fn open(file: &MediaFile, track: &Foreign, zero_ns: i64) -> Result<Box<dyn AudioSource>, MediaError> {
    let params = track.params.as_audio_codec_parameters().cloned();
    let params = params.ok_or_else(|| MediaError::Broken("sound that is not described".into()))?;
    let channels = u16::try_from(params.channel_layout().channels()).ok().filter(|n| (1..=8).contains(n));
    let channels =
        channels.ok_or_else(|| MediaError::unsupported("sound of more than 8 channels", crate::audio::CONVERT))?;
    let mut plain = symphonia_audio::AudioCodecParameters::new();
    plain.for_codec(CODEC_ID_PCM_F32LE).with_sample_rate(params.sample_rate());
    plain.with_channels(Channels::Discrete(channels));
    let decoded =
        Samples { reader: Reader::open(file, track.stream)?, decoder: decoder(&params)?, params, drained: false };
    let packets = Box::new(Shifted { packets: Box::new(decoded), zero_ns });
    let end_ns = track.end_ns.map(|end| end.saturating_sub(zero_ns).max(0));
    let inner = crate::audio::play(packets, &plain, end_ns)?;
    let info = AudioInfo { codec: name(track.codec), ..inner.info().clone() };
    Ok(Box::new(Named { inner, info }))
}

fn decoder(params: &AudioCodecParameters) -> Result<AudioDecoder, MediaError> {
    let builder = AudioDecoder::from_codec_parameters(params).map_err(broken("FFmpeg has no such decoder"))?;
    builder.build().map_err(broken("FFmpeg's decoder"))
}

/// Samples under their codec's own name.
struct Named {
    inner: Box<dyn AudioSource>,
    info: AudioInfo,
}

impl AudioSource for Named {
    fn info(&self) -> &AudioInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        self.inner.next_block()
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.inner.seek(target_ns)
    }
}

struct Samples {
    reader: Reader,
    decoder: AudioDecoder,
    params: AudioCodecParameters,
    /// All packets were given to the decoder.
    drained: bool,
}

impl Packets for Samples {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let failed = |error: ac_ffmpeg::Error| MediaError::Damaged(format!("FFmpeg: {error}"));
        loop {
            if let Some(frame) = self.decoder.take().map_err(failed)? {
                let data = interleaved(&frame).ok_or_else(|| {
                    MediaError::unsupported(format!("sound as {}", frame.sample_format().name()), crate::audio::CONVERT)
                })?;
                let pts_ns = ns(frame.pts());
                let mut packet = Packet::new(data, pts_ns.unwrap_or_default());
                packet.follows = pts_ns.is_none();
                return Ok(Some(packet));
            }
            if self.drained {
                return Ok(None);
            }
            match self.reader.next()? {
                Some(packet) => {
                    let packet = match due(&packet) {
                        Some(ns) => packet.with_pts(ac_ffmpeg::time::Timestamp::from_nanos(ns)),
                        None => packet,
                    };
                    self.decoder.try_push(packet).map_err(|e| match e.into_inner() {
                        Some(error) => failed(error),
                        None => MediaError::Damaged("FFmpeg's decoder takes no packet".into()),
                    })?;
                }
                None => {
                    self.drained = true;
                    // Where nothing was decoded there is nothing to be had.
                    let _ = self.decoder.try_flush();
                }
            }
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.reader.seek(target_ns.saturating_sub(PREROLL_NS))?;
        self.decoder = decoder(&self.params)?;
        self.drained = false;
        Ok(())
    }

    fn coarse(&self) -> bool {
        // FFmpeg's times are those of its container, and ASF's and Matroska's are milliseconds.
        true
    }
}

/// The samples of a frame as interleaved 32-bit floats; `None` for a format that FFmpeg has none of its decoders give.
fn interleaved(frame: &AudioFrame) -> Option<Vec<u8>> {
    let format = frame.sample_format();
    let channels = usize::try_from(frame.channel_layout().channels()).ok().filter(|n| (1..=8).contains(n))?;
    let name = format.name().trim_end_matches('p');
    let (bytes, read): (usize, fn(&[u8]) -> f32) = match name {
        "u8" => (1, |b| (f32::from(b[0]) - 128.0) / 128.0),
        "s16" => (2, |b| f32::from(i16::from_ne_bytes([b[0], b[1]])) / 32_768.0),
        "s32" => (4, |b| (f64::from(i32::from_ne_bytes([b[0], b[1], b[2], b[3]])) / 2_147_483_648.0) as f32),
        "flt" => (4, |b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])),
        "dbl" => (8, |b| f64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32),
        _ => return None,
    };
    let (planes, samples): (frame::Planes<'_>, _) = (frame.planes(), frame.samples());
    let mut out = Vec::with_capacity(samples * channels * 4);
    for sample in 0..samples {
        for channel in 0..channels {
            let (plane, at) = if format.is_planar() { (channel, sample) } else { (0, sample * channels + channel) };
            let from = planes.get(plane)?.data().get(at * bytes..(at + 1) * bytes)?;
            out.extend_from_slice(&read(from).to_le_bytes());
        }
    }
    Some(out)
}
