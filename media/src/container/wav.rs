//! WAV: of 32 and of 64 bits, with numbers the other way round (RIFX), and Wave64, whose chunks have longer heads. Lengths that a recorder never filled in, or filled in wrongly, do not end the sound early: what
//! bounds it is the file, or a chunk that is one.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use super::frames::Frames;
use super::{Contents, Extent, Packet, Packets, Track, TrackKind, id3, riff};
use crate::audio::{name_of, pcm_bytes};
use crate::times::nearest_ns;
use crate::{MediaError, MediaFile, NS, caps, speakers};

/// Sample frames in one packet.
const PACKET: u64 = 2_048;

/// A file whose header was read.
#[derive(Clone)]
pub(super) struct Wav {
    file: MediaFile,
    contents: Contents,
    layout: Layout,
    /// Where the samples lie.
    data: std::ops::Range<u64>,
    /// They are frames that say themselves what they are.
    framed: bool,
}

/// How chunks lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Riff,
    /// Numbers begin with their highest byte.
    Rifx,
    /// Kinds of 16 bytes, lengths of 64 bits that count the head, chunks on multiples of eight.
    Wave64,
}

impl Form {
    /// The form of a file that begins so.
    fn of(head: &[u8]) -> Option<Self> {
        let wave = |at: usize, kind: &[u8]| head.get(at..at + 4) == Some(kind);
        match head.first_chunk()? {
            b"RIFF" | b"RF64" | b"BW64" if wave(8, b"WAVE") => Some(Self::Riff),
            b"RIFX" if wave(8, b"WAVE") => Some(Self::Rifx),
            b"riff" if wave(24, b"wave") => Some(Self::Wave64),
            _ => None,
        }
    }

    /// Bytes of the file's own head, and of a chunk's.
    fn heads(self) -> (u64, u64) {
        if self == Self::Wave64 { (40, 24) } else { (12, 8) }
    }

    /// Where the chunk behind one ends that has `len` bytes at `body`.
    fn behind(self, body: u64, len: u64) -> u64 {
        let end = body.saturating_add(len);
        if self == Self::Wave64 { end.div_ceil(8).saturating_mul(8) } else { end.saturating_add(len & 1) }
    }

    /// The chunk at `at`: its kind and length. `None` at the file's end.
    fn chunk(self, file: &MediaFile, at: u64) -> Result<Option<([u8; 4], u64)>, MediaError> {
        let (mut head, own) = ([0; 24], self.heads().1);
        if at.saturating_add(own) > file.len() {
            return Ok(None);
        }
        let head = &mut head[..own as usize];
        file.read_exact_at(head, at)?;
        let kind = [head[0], head[1], head[2], head[3]];
        let short = [head[4], head[5], head[6], head[7]];
        let len = match self {
            Self::Riff => u32::from_le_bytes(short).into(),
            Self::Rifx => u32::from_be_bytes(short).into(),
            Self::Wave64 => head.last_chunk().map_or(0, |len| u64::from_le_bytes(*len)).saturating_sub(own),
        };
        Ok(Some((kind, len)))
    }
}

/// Whether a file begins as one.
pub(crate) fn begins(head: &[u8]) -> bool {
    Form::of(head).is_some()
}

/// How sound is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Sample frames per second.
    pub(super) rate: u32,
    /// Bytes that are decoded together, and the sample frames in them.
    pub(super) block: u64,
    pub(super) frames: u64,
}

impl Layout {
    /// When the sample frame number `frame` is due, in ns.
    fn ns(&self, frame: u64) -> i64 {
        nearest_ns(frame, (1, self.rate))
    }
}

impl Wav {
    /// A file whose samples are a codec's that has one in each block, as `layout` says, and lie at `data`.
    pub(super) fn new(
        file: &MediaFile,
        contents: Contents,
        layout: Layout,
        (id, channels): (AudioCodecId, Channels),
        data: std::ops::Range<u64>,
    ) -> Self {
        let params = params_of(id, &layout, channels);
        let track = Track { audio: Some(Ok(params)), ..Track::new(TrackKind::Audio, name_of(id)) };
        Self { file: file.clone(), contents: Contents { tracks: vec![track], ..contents }, layout, data, framed: false }
    }

    /// Reads the header. Errors: it has no format or no sound, or a format that cannot be.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let ends = || MediaError::Broken("it ends where its sound should begin".into());
        let mut head = [0; 40];
        let have = file.read_at(&mut head, 0)?;
        let form = Form::of(&head[..have]).ok_or_else(ends)?;
        let (mut format, mut long, mut place) = (None, None, None);
        let (mut at, own) = form.heads();
        while let Some((kind, len)) = form.chunk(file, at)? {
            // A hole, which may be terabytes long.
            if kind == [0; 4] {
                break;
            }
            let body = at + own;
            let mut head = vec![0; len.min(64) as usize];
            match &kind {
                b"ds64" | b"fmt " => {
                    file.read_exact_at(&mut head, body).map_err(|_| ends())?;
                    if &kind == b"fmt " {
                        format = Some(parse(&head, form == Form::Rifx)?);
                    } else {
                        long = head.get(8..16).and_then(|len| Some(u64::from_le_bytes(*len.first_chunk()?)));
                    }
                }
                b"data" => place = place.or(Some((body, len))),
                _ => {}
            }
            // What the samples are may be said behind them.
            match (format.take(), place) {
                (Some((params, layout, framed)), Some((body, len))) => {
                    let len = match (u32::try_from(len), long) {
                        (Ok(u32::MAX), Some(long)) => long,
                        _ => len,
                    };
                    let data = body..end_of_data(file, form, body, len)?;
                    let codec = params.as_ref().map_or_else(Clone::clone, |params| name_of(params.codec).to_owned());
                    let track = Track { audio: Some(params), ..Track::new(TrackKind::Audio, codec) };
                    let mut contents = Contents { format: "WAV", tracks: vec![track], ..Contents::default() };
                    if form == Form::Riff {
                        describe(file, data.end, &mut contents)?;
                    }
                    return Ok(Self { file: file.clone(), contents, layout, data, framed });
                }
                (known, _) => format = known,
            }
            at = form.behind(body, len);
        }
        Err(ends())
    }

    /// The frames that are its samples, such as those of MP3; `None` of any other file.
    pub(super) fn frames_within(&self) -> Result<Option<Frames>, MediaError> {
        if !self.framed {
            return Ok(None);
        }
        let found = Frames::open(&self.file.part(self.data.clone()))?;
        Ok(found.map(|frames| frames.within(self.contents.clone())))
    }

    fn frames(&self) -> u64 {
        (self.data.end - self.data.start) / self.layout.block * self.layout.frames
    }
}

/// Chunks that are looked at for what the file says about itself.
const MOST_CHUNKS: usize = 64;

/// Adds what stands before the sound, or behind its `end`: a list `INFO`, or a tag of ID3.
fn describe(file: &MediaFile, end: u64, contents: &mut Contents) -> Result<(), MediaError> {
    let (mut at, mut left) = (12, MOST_CHUNKS);
    while let Some((kind, len)) = Form::Riff.chunk(file, at)?.filter(|_| left > 0) {
        left -= 1;
        let (body, mut next) = (at + 8, (at + 8).saturating_add(len).saturating_add(len & 1));
        match &kind {
            b"data" => next = end + (end & 1),
            b"LIST" => {
                let mut form = [0; 4];
                if file.read_exact_at(&mut form, body).is_ok() && &form == b"INFO" {
                    next = body + 4;
                }
            }
            b"id3 " | b"ID3 " if len <= caps::COVER && body.saturating_add(len) <= file.len() => {
                let mut bytes = vec![0; len as usize];
                file.read_exact_at(&mut bytes, body)?;
                contents.cover = id3::read_whole(bytes, &mut contents.tags, &mut contents.attachments).map(Into::into);
            }
            kind => {
                let mut bytes = vec![0; riff::wanted(kind, len as u32)];
                if file.read_exact_at(&mut bytes, body).is_ok() {
                    contents.tags.extend(riff::word(kind, &bytes));
                }
            }
        }
        at = next;
    }
    Ok(())
}

/// Where the sound ends that is declared to be `len` bytes long: there, if the file ends or goes on with a chunk, else at the
/// file's end.
fn end_of_data(file: &MediaFile, form: Form, body: u64, len: u64) -> Result<u64, MediaError> {
    let end = form.behind(body, len);
    if len == 0 || end >= file.len() {
        return Ok(if len == 0 { file.len() } else { body.saturating_add(len).min(file.len()) });
    }
    let honest = match form.chunk(file, end)? {
        Some((kind, len)) => {
            let letters = kind.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_'));
            letters && end.saturating_add(8).saturating_add(len) <= file.len()
        }
        // A few bytes are no chunk, and no sound that anybody would miss.
        None => true,
    };
    Ok(if honest { body + len } else { file.len() })
}

/// Reads `fmt `, whose numbers may be `big`-endian: the codec, or the name of one that there is no decoder for, how it is stored, and whether
/// it is frames that say themselves what they are.
fn parse(fmt: &[u8], big: bool) -> Result<(Result<AudioCodecParameters, String>, Layout, bool), MediaError> {
    let broken = |what: &str| MediaError::Broken(format!("WAV: {what}"));
    let half = |at: usize| {
        let bytes = fmt.get(at..at + 2).map_or([0; 2], |bytes| [bytes[0], bytes[1]]);
        u32::from(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let word = |at: usize| if big { half(at) << 16 | half(at + 2) } else { half(at) | half(at + 2) << 16 };
    let (mut tag, channels, rate) = (half(0), half(2), word(4));
    let (mut block, bits) = (u64::from(half(12)), half(14));
    // An extensible header has the codec's number further down.
    let mut mask = 0;
    if tag == 0xfffe {
        (tag, mask) = (half(24), word(20));
    }
    // A header may be wrong about its blocks: a sample has the bits that it has.
    if matches!(tag, 1 | 3) {
        block = block.max(u64::from(bits.div_ceil(8) * channels));
    }
    if !(1..=8).contains(&channels) || !(1..=768_000).contains(&rate) || block == 0 {
        return Err(broken(&format!("{channels} channels of {rate} Hz in blocks of {block} bytes")));
    }
    let bytes = block / u64::from(channels);
    let adpcm = |head: u64, within: u64| {
        let head = head * u64::from(channels);
        block.checked_sub(head).map(|rest| rest * 2 / u64::from(channels) + within)
    };
    let (id, frames) = match (tag, bytes) {
        (1, 2) if big => (CODEC_ID_PCM_S16BE, Some(1)),
        (1, 3) if big => (CODEC_ID_PCM_S24BE, Some(1)),
        (1, 4) if big => (CODEC_ID_PCM_S32BE, Some(1)),
        (3, 4) if big => (CODEC_ID_PCM_F32BE, Some(1)),
        (3, 8) if big => (CODEC_ID_PCM_F64BE, Some(1)),
        (1, 1) => (CODEC_ID_PCM_U8, Some(1)),
        (1, 2) => (CODEC_ID_PCM_S16LE, Some(1)),
        (1, 3) => (CODEC_ID_PCM_S24LE, Some(1)),
        (1, 4) => (CODEC_ID_PCM_S32LE, Some(1)),
        (3, 4) => (CODEC_ID_PCM_F32LE, Some(1)),
        (3, 8) => (CODEC_ID_PCM_F64LE, Some(1)),
        (6, 1) => (CODEC_ID_PCM_ALAW, Some(1)),
        (7, 1) => (CODEC_ID_PCM_MULAW, Some(1)),
        (2, _) if bits == 4 => (CODEC_ID_ADPCM_MS, adpcm(7, 2)),
        (0x11, _) if bits == 4 => (CODEC_ID_ADPCM_IMA_WAV, adpcm(4, 1)),
        _ => {
            let framed = matches!(tag, 0x50 | 0x55 | 0x2000);
            return Ok((Err(format!("{} in WAV", codec(tag, bits))), Layout { rate, block, frames: 1 }, framed));
        }
    };
    let frames = frames.filter(|frames| *frames > 0).ok_or_else(|| broken("blocks without a sample"))?;
    // More bytes than the samples have are of no known form.
    if pcm_bytes(id).is_some_and(|bytes| bytes as u64 * u64::from(channels) != block) {
        return Err(broken("blocks that do not fit its samples"));
    }
    let layout = Layout { rate, block, frames };
    Ok((Ok(params_of(id, &layout, speakers::channels(channels, mask))), layout, false))
}

fn params_of(id: AudioCodecId, layout: &Layout, channels: Channels) -> AudioCodecParameters {
    let mut params = AudioCodecParameters::new();
    params.for_codec(id).with_sample_rate(layout.rate).with_frames_per_block(layout.frames);
    params.with_max_frames_per_packet(PACKET.max(layout.frames));
    params.with_channels(channels);
    params
}

/// What AVI's sound is, whose tracks are described as WAV files are.
pub(super) fn params(fmt: &[u8]) -> Result<AudioCodecParameters, String> {
    match parse(fmt, false) {
        Ok((params, ..)) => params.map_err(|name| name.trim_end_matches(" in WAV").to_owned()),
        Err(error) => Err(format!("sound that cannot be ({error})")),
    }
}

/// The name of a codec that WAV files have and that is not played.
fn codec(tag: u32, bits: u32) -> String {
    match tag {
        1 | 3 => format!("PCM of {bits} bits"),
        0x20 => "Yamaha ADPCM".into(),
        0x31 => "GSM".into(),
        0x14 | 0x42 => "G.723".into(),
        0x40 | 0x45 | 0x64 => "G.726".into(),
        0x65 | 0x28f => "G.722".into(),
        0x50 => "MPEG-1 Layer II".into(),
        0x55 => "MP3".into(),
        0x160..=0x163 => "WMA".into(),
        0x2000 => "AC-3".into(),
        0x2001 => "DTS".into(),
        tag => format!("codec {tag:#x}"),
    }
}

impl super::Container for Wav {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, _track: usize) -> Option<Extent> {
        Some(Extent { start_ns: 0, end_ns: Some(self.layout.ns(self.frames())), packets: None })
    }

    fn packets(&self, _track: usize) -> Result<Box<dyn Packets>, MediaError> {
        Ok(Box::new(Reader { wav: self.clone(), block: 0 }))
    }
}

struct Reader {
    wav: Wav,
    /// The next block's number.
    block: u64,
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let Layout { block, frames, .. } = self.wav.layout;
        let left = (self.wav.data.end - self.wav.data.start) / block - self.block;
        let blocks = (PACKET / frames).max(1).min(left);
        if blocks == 0 {
            return Ok(None);
        }
        let mut data = vec![0; (blocks * block) as usize];
        self.wav.file.read_exact_at(&mut data, self.wav.data.start + self.block * block)?;
        let pts_ns = self.wav.layout.ns(self.block * frames);
        self.block += blocks;
        Ok(Some(Packet::new(data, pts_ns)))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let Layout { rate, block, frames } = self.wav.layout;
        let frame = i128::from(target_ns.max(0)) * i128::from(rate) / i128::from(NS);
        let wanted = u64::try_from(frame).unwrap_or(u64::MAX) / frames;
        self.block = wanted.min((self.wav.data.end - self.wav.data.start) / block);
        Ok(())
    }
}
