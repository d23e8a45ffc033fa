//! AIFF, AIFF-C, the samples of CAF that are not compressed (or by IMA's ADPCM alone), and AU: like WAV, blocks one after another behind a header. What bounds the sound
//! is the file, also where a header was never filled in, or the file was cut.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::*;

use super::mp4::boxes::Fields;
use super::wav::{Layout, Wav};
use super::{Contents, caps, id3};
use crate::audio::{IMA, pcm_bytes, unsupported};
use crate::{MediaError, MediaFile, speakers};

/// Bytes of a chunk that are read of it to learn what it says.
const HEAD: u64 = 4_096;

/// What a header says of the samples.
struct Format {
    id: AudioCodecId,
    channels: u32,
    rate: f64,
}

impl Format {
    /// `layout`: Apple's words on its channels.
    fn wav(
        self,
        file: &MediaFile,
        contents: Contents,
        data: std::ops::Range<u64>,
        layout: Option<Vec<u8>>,
    ) -> Result<Wav, MediaError> {
        let broken = || MediaError::Broken(format!("{} channels of {} Hz", self.channels, self.rate));
        if !(1..=8).contains(&self.channels) || !(0.5..=768_000.0).contains(&self.rate) {
            return Err(broken());
        }
        let said: Option<Channels> = layout.and_then(|body| speakers::of_apple(&body, self.channels));
        let channels = said.unwrap_or_else(|| speakers::channels(self.channels, 0));
        let (bytes, frames) = unit(self.id);
        let layout = Layout { rate: self.rate.round() as u32, block: bytes * u64::from(self.channels), frames };
        Ok(Wav::new(file, contents, layout, (self.id, channels), data))
    }
}

/// The bytes of one channel that are decoded together, and the samples in them.
fn unit(id: AudioCodecId) -> (u64, u64) {
    if id == CODEC_ID_ADPCM_IMA_QT { IMA } else { (pcm_bytes(id).unwrap_or(1) as u64, 1) }
}

/// Reads AU. Errors: its samples are of a kind that is not played, or make no sense.
pub(super) fn au(file: &MediaFile) -> Result<Wav, MediaError> {
    let broken = || MediaError::Broken("AU: it ends in its header".into());
    let head = read(file, 4, 20);
    let fields = &mut Fields(&head);
    let mut word = || fields.u32().ok_or_else(broken);
    let (begin, len, kind, rate, channels) = (word()?, word()?, word()?, word()?, word()?);
    let id = match kind {
        1 => CODEC_ID_PCM_MULAW,
        2 => CODEC_ID_PCM_S8,
        3 => CODEC_ID_PCM_S16BE,
        4 => CODEC_ID_PCM_S24BE,
        5 => CODEC_ID_PCM_S32BE,
        6 => CODEC_ID_PCM_F32BE,
        7 => CODEC_ID_PCM_F64BE,
        27 => CODEC_ID_PCM_ALAW,
        23..=26 => return Err(unsupported("ADPCM (G.72x) in AU")),
        _ => return Err(unsupported(&format!("AU's encoding {kind}"))),
    };
    // A length that nobody filled in has all bits set, or none.
    let (begin, unknown) = (u64::from(begin).min(file.len()), matches!(len, 0 | u32::MAX));
    let end = if unknown { file.len() } else { (begin + u64::from(len)).min(file.len()) };
    let contents = Contents { format: "AU", ..Contents::default() };
    Format { id, channels, rate: rate.into() }.wav(file, contents, begin..end, None)
}

/// Reads AIFF. Errors: it has no sound, or is compressed.
pub(super) fn aiff(file: &MediaFile) -> Result<Wav, MediaError> {
    let (mut format, mut data, mut contents) = (None, None, Contents { format: "AIFF", ..Contents::default() });
    let (mut at, mut head, mut layout) = (12, [0; 8], None);
    for _ in 0..caps::ENTRIES {
        if file.read_exact_at(&mut head, at).is_err() || head[..4] == [0; 4] {
            break;
        }
        let [k0, k1, k2, k3, len @ ..] = head;
        let (body, len) = (at + 8, u64::from(u32::from_be_bytes(len)));
        let mut words = |name: &str| contents.tags.push((name.to_owned(), text(file, body, len)));
        match &[k0, k1, k2, k3] {
            b"COMM" => format = Some(common(&read(file, body, len))?),
            b"SSND" if data.is_none() => {
                let offset = Fields(&read(file, body, len.max(8))).u32().unwrap_or(0);
                let begin = (body + 8 + u64::from(offset)).min(file.len());
                let end = if len <= 8 { file.len() } else { (body + len).clamp(begin, file.len().max(begin)) };
                data = Some(begin..end);
                if len <= 8 {
                    break;
                }
            }
            b"CHAN" => layout = Some(read(file, body, len)),
            b"NAME" => words("title"),
            b"AUTH" => words("artist"),
            b"ID3 " | b"id3 " => {
                let mut bytes = vec![0; len.min(caps::COVER).min(file.len().saturating_sub(body)) as usize];
                file.read_exact_at(&mut bytes, body)?;
                contents.cover = id3::read_whole(bytes, &mut contents.tags, &mut contents.attachments).map(Into::into);
            }
            _ => {}
        }
        at = body + len + (len & 1);
    }
    let nothing = || MediaError::Broken("it ends where its sound should begin".into());
    format.ok_or_else(nothing)?.wav(file, contents, data.ok_or_else(nothing)?, layout)
}

/// The chunk that describes AIFF's samples. Errors: they are compressed, or make no sense.
fn common(body: &[u8]) -> Result<Format, MediaError> {
    let fields = &mut Fields(body);
    let broken = || MediaError::Broken("AIFF: a format that makes no sense".into());
    let channels = fields.u16().ok_or_else(broken)?.into();
    fields.skip(4).ok_or_else(broken)?;
    let bits = fields.u16().ok_or_else(broken)?;
    let power = i32::from(fields.u16().ok_or_else(broken)? & 0x7fff) - 16_383 - 63;
    let rate = fields.u64().ok_or_else(broken)? as f64 * f64::from(power).exp2();
    let kind = fields.u32().map_or(*b"NONE", u32::to_be_bytes);
    let little = &kind == b"sowt";
    let id = match (&kind, bits.div_ceil(8)) {
        (b"NONE" | b"twos" | b"sowt", 1) => CODEC_ID_PCM_S8,
        (b"raw ", 1) => CODEC_ID_PCM_U8,
        (b"NONE" | b"twos", 2) => CODEC_ID_PCM_S16BE,
        (b"NONE" | b"twos", 3) | (b"in24", _) => CODEC_ID_PCM_S24BE,
        (b"NONE" | b"twos", 4) | (b"in32", _) => CODEC_ID_PCM_S32BE,
        (_, 2) if little => CODEC_ID_PCM_S16LE,
        (_, 3) if little => CODEC_ID_PCM_S24LE,
        (_, 4) if little => CODEC_ID_PCM_S32LE,
        (b"fl32" | b"FL32", _) => CODEC_ID_PCM_F32BE,
        (b"fl64" | b"FL64", _) => CODEC_ID_PCM_F64BE,
        (b"alaw" | b"ALAW", _) => CODEC_ID_PCM_ALAW,
        (b"ulaw" | b"ULAW", _) => CODEC_ID_PCM_MULAW,
        (b"ima4", _) => CODEC_ID_ADPCM_IMA_QT,
        _ => return Err(unsupported("compressed AIFF")),
    };
    Ok(Format { id, channels, rate })
}

/// Reads CAF; `None` if its sound is compressed. Errors: its description makes no sense.
pub(super) fn caf(file: &MediaFile) -> Result<Option<Wav>, MediaError> {
    let (mut format, mut contents) = (None, Contents { format: "CAF", ..Contents::default() });
    let (mut at, mut head) = (8, [0; 12]);
    let (mut data, mut layout) = (None, None);
    for _ in 0..caps::ENTRIES {
        if file.read_exact_at(&mut head, at).is_err() || head[..4] == [0; 4] {
            break;
        }
        let [k0, k1, k2, k3, len @ ..] = head;
        // A length of -1 is that of the rest.
        let (body, len) = (at + 12, u64::from_be_bytes(len));
        let end = body.saturating_add(len).min(file.len());
        match &[k0, k1, k2, k3] {
            b"desc" => match described(&read(file, body, len)) {
                Some(known) => format = Some(known),
                None => return Ok(None),
            },
            b"chan" => layout = Some(read(file, body, len)),
            // In front of the samples is how often they were edited.
            b"data" => data = Some((body + 4).min(end)..end),
            b"info" => {
                let all = read(file, body, len);
                let words = all.get(4..).unwrap_or_default().split(|&byte| byte == 0).collect::<Vec<_>>();
                let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                contents.tags.extend(words.as_chunks().0.iter().map(|[name, value]| (word(name), word(value))));
            }
            _ => {}
        }
        at = end;
    }
    let nothing = || MediaError::Broken("it ends where its sound should begin".into());
    format.ok_or_else(nothing)?.wav(file, contents, data.ok_or_else(nothing)?, layout).map(Some)
}

/// How CAF's samples are stored; `None` if they are compressed.
fn described(body: &[u8]) -> Option<Format> {
    let fields = &mut Fields(body);
    let rate = f64::from_bits(fields.u64()?);
    let (kind, flags) = (fields.u32()?.to_be_bytes(), fields.u32()?);
    let block = fields.u32()?;
    fields.skip(4)?;
    let channels = fields.u32()?;
    let (float, little) = (flags & 1 != 0, flags & 2 != 0);
    let id = match (&kind, float, block.checked_div(channels)?, little) {
        (b"lpcm", false, 1, _) => CODEC_ID_PCM_S8,
        (b"lpcm", false, 2, true) => CODEC_ID_PCM_S16LE,
        (b"lpcm", false, 2, false) => CODEC_ID_PCM_S16BE,
        (b"lpcm", false, 3, true) => CODEC_ID_PCM_S24LE,
        (b"lpcm", false, 3, false) => CODEC_ID_PCM_S24BE,
        (b"lpcm", false, 4, true) => CODEC_ID_PCM_S32LE,
        (b"lpcm", false, 4, false) => CODEC_ID_PCM_S32BE,
        (b"lpcm", true, 4, true) => CODEC_ID_PCM_F32LE,
        (b"lpcm", true, 4, false) => CODEC_ID_PCM_F32BE,
        (b"lpcm", true, 8, true) => CODEC_ID_PCM_F64LE,
        (b"lpcm", true, 8, false) => CODEC_ID_PCM_F64BE,
        (b"alaw", ..) => CODEC_ID_PCM_ALAW,
        (b"ulaw", ..) => CODEC_ID_PCM_MULAW,
        (b"ima4", ..) => CODEC_ID_ADPCM_IMA_QT,
        _ => return None,
    };
    Some(Format { id, channels, rate })
}

/// What there is of a chunk's beginning.
fn read(file: &MediaFile, body: u64, len: u64) -> Vec<u8> {
    let mut bytes = vec![0; len.min(HEAD).min(file.len().saturating_sub(body)) as usize];
    match file.read_exact_at(&mut bytes, body) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// A chunk of words.
fn text(file: &MediaFile, body: u64, len: u64) -> String {
    let bytes = read(file, body, len.min(caps::ID3_TEXT));
    String::from_utf8_lossy(&bytes).trim_matches(['\0', ' ']).to_owned()
}
