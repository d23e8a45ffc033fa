//! Sound: from a file of its own or from a film's audio track.
//!
//! Three parts: a [`Demux`] cuts the file into packets with their place in time, a [`Codec`](codec::Codec) turns a
//! packet into samples, and [`stream`] puts the samples onto the film's timeline: priming is cut off, gaps are filled
//! with silence, a seek is exact to the sample. MP4 and Matroska are read here (symphonia knows neither edit lists nor
//! discard padding, and seeks by keyframes of the video); every other container is symphonia's.

mod codec;
mod mkv;
mod mp4;
mod opus;
mod probed;
mod stream;
mod vorbis;

use symphonia::core::codecs::audio::AudioCodecParameters;

use crate::{AudioSource, MediaError, MediaFile};

/// One packet of a track.
struct Packet {
    data: Vec<u8>,
    /// When its first decoded sample is due, in ticks of [`Demux::time_base`]; priming is due before 0.
    start: i64,
    /// Ticks to cut off its end.
    trim_end: i64,
}

/// A container, seen as one audio track.
trait Demux: Send {
    /// Seconds a tick, as a fraction.
    fn time_base(&self) -> (u32, u32);
    /// Whether timestamps are rounded to milliseconds, so that only counting from the start places a sample exactly.
    fn coarse(&self) -> bool {
        false
    }
    /// The film's length in nanoseconds, where the file tells.
    fn duration_ns(&self) -> Option<i64>;
    /// The next packet; `None` at the end. `Damaged` makes progress.
    fn next(&mut self) -> Result<Option<Packet>, MediaError>;
    /// What the packets are from the last one on, if that has changed: another link of a chain begins.
    fn changed(&mut self) -> Option<AudioCodecParameters> {
        None
    }
    /// Goes to a packet that begins at or before `ticks` (the first one if none does), not far before.
    fn seek(&mut self, ticks: i64) -> Result<(), MediaError>;
}

/// Opens the (default, else first playable) audio track of `file`; `None` if it has none. Errors: the track is of a
/// codec that is not supported (which names it), the file is of no known kind, is broken, or cannot be read.
pub fn open(file: &MediaFile) -> Result<Option<Box<dyn AudioSource>>, MediaError> {
    guarded("audio", || {
        let mut head = [0; 12];
        let n = file.read_at(&mut head, 0)?;
        let head = head.get(..n).unwrap_or_default();
        let track = if head.get(4..8) == Some(b"ftyp") || head.get(4..8).is_some_and(|kind| mp4::TOP.contains(&kind)) {
            mp4::open(file)?
        } else if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
            mkv::open(file)?
        } else if let Some(name) = foreign(head) {
            return Err(codec::unsupported(name));
        } else {
            probed::open(file)?
        };
        let Some((demux, params)) = track else { return Ok(None) };
        Ok(Some(Box::new(stream::Stream::open(demux, &params)?) as Box<dyn AudioSource>))
    })?
}

/// Names an audio file of a kind that nothing here reads.
fn foreign(head: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 7] = [
        (b"\x0b\x77", "AC-3"),
        (b"\x7f\xfe\x80\x01", "DTS"),
        (b"\x30\x26\xb2\x75", "Windows Media"),
        (b"wvpk", "WavPack"),
        (b"MAC ", "Monkey's"),
        (b"MPCK", "Musepack"),
        (b"#!AMR", "AMR"),
    ];
    kinds.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| name)
}

/// Runs code of a demuxer or codec; its panic becomes an error.
fn guarded<T>(what: &str, work: impl FnOnce() -> T) -> Result<T, MediaError> {
    crate::guard::guarded(work).map_err(|e| MediaError::Broken(format!("the {what} decoder failed on it: {e}")))
}
