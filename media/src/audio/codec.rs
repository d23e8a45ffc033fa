//! Audio codecs behind one small trait: symphonia's where they do, rusty_aac for AAC (symphonia's stops at two channels
//! and at AAC-LC), our own for AC-3 and PCM, lewton for Vorbis of more than two channels, opus-rs for Opus.

use rusty_aac::decode::layout;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use super::layer2;
use super::pcm::Pcm;
use crate::{MediaError, speakers};

/// How decoded samples are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rate: u32,
    pub(super) channels: u16,
    /// As in [`speakers`].
    pub(super) speakers: u32,
}

/// A decoder of packets.
pub(super) trait Codec: Send {
    /// Appends the packet's samples, interleaved in the order of the speakers' bits, to `out`.
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String>;
    /// Forgets what came before: the next packet is not the one after the last.
    fn reset(&mut self);
    /// How many milliseconds before a wanted sample decoding has to begin for that sample to be right.
    fn preroll_ms(&self) -> i64;
    /// The codec's usual name.
    fn name(&self) -> String;
}

/// The decoder for a track. Errors: [`MediaError::Unsupported`] names the codec.
pub(super) fn make(params: &AudioCodecParameters) -> Result<Box<dyn Codec>, MediaError> {
    if let Some(pcm) = Pcm::new(params) {
        return Ok(Box::new(pcm?));
    }
    match params.codec {
        CODEC_ID_AAC => Ok(Box::new(Aac::new(params)?)),
        CODEC_ID_ADPCM_IMA_QT => Ok(Box::new(super::ima::Ima::new(params)?)),
        #[cfg(feature = "ac3")]
        CODEC_ID_EAC3 if params.sample_rate.is_some_and(super::ac3::is_unknown) => {
            Err(MediaError::unsupported(super::ac3::UNKNOWN, CONVERT))
        }
        #[cfg(feature = "ac3")]
        CODEC_ID_AC3 | CODEC_ID_EAC3 => Ok(Box::new(super::ac3::Ac3::new(params.codec == CODEC_ID_EAC3))),
        CODEC_ID_OPUS => Ok(Box::new(super::opus::Opus::new(params)?)),
        CODEC_ID_VORBIS if params.extra_data.as_deref().and_then(|headers| headers.get(11)) > Some(&2) => {
            Ok(Box::new(super::vorbis::Vorbis::new(params.extra_data.as_deref().unwrap_or_default())?))
        }
        id => {
            let registry = symphonia::default::get_codecs();
            let options = AudioDecoderOptions::default();
            match registry.make_audio_decoder(params, &options) {
                Ok(decoder) => Ok(Box::new(Symphonia {
                    decoder,
                    decoded: false,
                    speakers: speakers::of(params.channels.as_ref()).0,
                })),
                Err(_) if registry.get_audio_decoder(id).is_none() => Err(unsupported(name_of(id))),
                Err(e) => Err(MediaError::Broken(format!("{} header: {e}", name_of(id)))),
            }
        }
    }
}

/// What to do about sound that is not supported.
pub(crate) const CONVERT: &str = "FFmpeg converts it: ffmpeg -nostdin -i IN -c:v copy -c:a flac OUT.mkv";

/// The error for a codec that this build lacks.
pub(crate) fn unsupported(name: &str) -> MediaError {
    MediaError::unsupported(format!("{name} audio"), CONVERT)
}

/// A codec's name for the user.
pub(crate) fn name_of(id: AudioCodecId) -> &'static str {
    match id {
        CODEC_ID_AAC => "AAC",
        CODEC_ID_OPUS => "Opus",
        CODEC_ID_VORBIS => "Vorbis",
        CODEC_ID_FLAC => "FLAC",
        CODEC_ID_ALAC => "ALAC",
        CODEC_ID_MP3 => "MP3",
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_EAC3 => "E-AC-3",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_MP1 => "MPEG-1 Layer I",
        CODEC_ID_MP2 => "MPEG-1 Layer II",
        CODEC_ID_WMA => "WMA",
        id => symphonia::default::get_codecs()
            .get_audio_decoder(id)
            .map_or("this kind of", |codec| codec.codec.info.short_name),
    }
}

/// How many frames `bytes` of ADPCM hold: symphonia's decoder counts the blocks of a packet by its duration. 0 of other
/// codecs, whose packets say so themselves.
fn adpcm_frames(params: &AudioCodecParameters, bytes: u64) -> u64 {
    let channels = params.channels.as_ref().map_or(1, |channels| channels.count()).max(1) as u64;
    let frames = params.frames_per_block.unwrap_or(0);
    // Of each channel's block: the bytes of its head, and the frames in that.
    let (head, within) = match params.codec {
        CODEC_ID_ADPCM_MS => (7, 2),
        CODEC_ID_ADPCM_IMA_WAV => (4, 1),
        _ => return 0,
    };
    let block = channels * (head + frames.saturating_sub(within).div_ceil(2));
    bytes / block * frames
}

struct Symphonia {
    decoder: Box<dyn AudioDecoder>,
    /// Whether it has decoded a packet.
    decoded: bool,
    /// What the container says.
    speakers: u32,
}

impl Symphonia {
    /// Makes the decoder the one of the layer of MPEG audio that the first packets are of: MP4 and FLV have one word for all layers, and who
    /// copies streams out of them writes "MP3" into other containers.
    fn be_of_layer(&mut self, data: &[u8]) {
        let own = self.decoder.codec_params();
        let &[0xff, second @ 0xe0..=0xff, ..] = data else { return };
        let id = match second >> 1 & 3 {
            1 => CODEC_ID_MP3,
            2 => CODEC_ID_MP2,
            3 => CODEC_ID_MP1,
            _ => return,
        };
        if self.decoded || own.codec == id || !matches!(own.codec, CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3) {
            return;
        }
        let params = AudioCodecParameters { codec: id, ..own.clone() };
        if let Ok(decoder) =
            symphonia::default::get_codecs().make_audio_decoder(&params, &AudioDecoderOptions::default())
        {
            self.decoder = decoder;
        }
    }
}

impl Codec for Symphonia {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        self.be_of_layer(data);
        // Without trim: the timeline cuts, and it knows the edit list as well.
        let frames = adpcm_frames(self.decoder.codec_params(), data.len() as u64);
        let paired = if self.decoder.codec_params().codec == CODEC_ID_MP2 { layer2::paired(data) } else { None };
        let (own, data) = (data, paired.as_deref().unwrap_or(data));
        let alac = self.decoder.codec_params().codec == CODEC_ID_ALAC;
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::from(frames), data);
        let decoded = self.decoder.decode_ref(&packet).map_err(|e| e.to_string())?;
        self.decoded = true;
        let (rate, own_channels) = (decoded.spec().rate(), decoded.spec().channels());
        let channels = u16::try_from(own_channels.count()).unwrap_or(u16::MAX);
        let speakers = match self.speakers {
            0 if alac => speakers::of(Some(own_channels)).0,
            0 => speakers::of_xiph(channels),
            said => said,
        };
        let shape = Shape { rate, channels, speakers };
        let mut samples = Vec::new();
        decoded.copy_to_vec_interleaved(&mut samples);
        if paired.is_some() {
            out.extend(samples.iter().step_by(2));
            let rate = [44_100, 48_000, 32_000].get(usize::from(own[2] >> 2 & 3)).copied();
            return Ok(Shape { rate: rate.unwrap_or(shape.rate), channels: 1, speakers: 0 });
        }
        // symphonia 0.6.1 has the places of these wrong among those of its own layouts.
        let order: &[usize] = match channels {
            7 if alac => &[0, 1, 2, 3, 5, 6, 4],
            8 if alac => &[0, 1, 2, 3, 6, 7, 4, 5],
            _ => &[],
        };
        if !order.is_empty() {
            let frames = samples.chunks_exact(order.len());
            samples = frames.flat_map(|frame| order.iter().map(|from| frame[*from])).collect();
        }
        out.append(&mut samples);
        Ok(shape)
    }

    fn reset(&mut self) {
        self.decoder.reset();
    }

    fn preroll_ms(&self) -> i64 {
        match self.decoder.codec_params().codec {
            // The bit reservoir reaches back over many frames at low bit rates.
            CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => 400,
            CODEC_ID_VORBIS => 400,
            _ => 0,
        }
    }

    fn name(&self) -> String {
        match self.decoder.codec_params().codec {
            CODEC_ID_MP1 => "MPEG-1 Layer I".into(),
            CODEC_ID_MP2 => "MPEG-1 Layer II".into(),
            CODEC_ID_MP3 => "MP3".into(),
            CODEC_ID_VORBIS => "Vorbis".into(),
            CODEC_ID_FLAC => "FLAC".into(),
            CODEC_ID_ALAC => "ALAC".into(),
            _ => self.decoder.codec_info().long_name.into(),
        }
    }
}

struct Aac {
    config: Option<Vec<u8>>,
    decoder: rusty_aac::AacDecoder,
    name: &'static str,
    /// Which of the standard's channel configurations it is, and its speakers.
    layout: (u8, u32),
}

/// The speakers of rows of channels.
fn speakers_of(rows: Option<Vec<layout::Tag>>) -> u32 {
    rows.map_or(0, |rows| u32::try_from(layout::OutputConfig::configure(rows, false).mask).unwrap_or(0))
}

impl Aac {
    fn new(params: &AudioCodecParameters) -> Result<Self, MediaError> {
        let config = params.extra_data.as_deref().filter(|config| !config.is_empty()).map(<[u8]>::to_vec);
        let mut aac = Self { config, decoder: rusty_aac::AacDecoder::new(), name: "AAC", layout: (0, 0) };
        let Aac { config, .. } = &mut aac;
        // A word that the configuration is too short for counts as zero, as in FFmpeg.
        if let Some(config) = config.as_mut().filter(|c| rusty_aac::AacDecoder::with_config_bytes(c).is_err()) {
            config.extend([0; 4]);
        }
        aac.decoder = aac.fresh().map_err(|e| MediaError::unsupported(format!("AAC ({e})"), CONVERT))?;
        if let Some(stream) = aac.config.as_deref().and_then(|config| rusty_aac::config::parse(config).ok()) {
            let number = stream.channel_config;
            let rows = stream.pce.as_ref().map(layout::pce_layout).or_else(|| layout::default_layout(number, false));
            aac.layout = (number, speakers_of(rows));
        }
        aac.name = match aac.config.as_deref().and_then(|config| config.first()).map(|byte| byte >> 3) {
            Some(1) => "AAC Main",
            Some(2) | None => "AAC LC",
            Some(4) => "AAC LTP",
            Some(5) => "HE-AAC",
            Some(29) => "HE-AAC v2",
            Some(23) => "AAC LD",
            _ => "AAC",
        };
        Ok(aac)
    }

    fn fresh(&self) -> Result<rusty_aac::AacDecoder, String> {
        match &self.config {
            Some(config) => rusty_aac::AacDecoder::with_config_bytes(config).map_err(|e| e.to_string()),
            None => Ok(rusty_aac::AacDecoder::new()),
        }
    }
}

impl Codec for Aac {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let audio = self.decoder.decode(data, None).map_err(|e| e.to_string())?;
        out.extend_from_slice(&audio.samples);
        let number = rusty_aac::parse_adts(data).map_or(0, |header| header.channels as u8);
        if number != 0 && number != self.layout.0 {
            self.layout = (number, speakers_of(layout::default_layout(number, false)));
        }
        Ok(Shape { rate: audio.sample_rate, channels: audio.channels, speakers: self.layout.1 })
    }

    fn reset(&mut self) {
        // A configuration that was good once is good again.
        if let Ok(fresh) = self.fresh() {
            self.decoder = fresh;
        }
    }

    fn preroll_ms(&self) -> i64 {
        150
    }

    fn name(&self) -> String {
        self.name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_of_aac_that_is_too_short_is_filled_up() {
        // It says that it depends on another coder, and not how far that is behind.
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_AAC).with_extra_data([0x12, 0x12].into());
        assert!(Aac::new(&params).is_ok_and(|aac| aac.name == "AAC LC"));
        params.with_extra_data([0xff].into());
        assert!(Aac::new(&params).is_err());
    }
}
