//! Audio files whose container symphonia reads: WAV, MP3, FLAC, Ogg, AIFF, CAF, ADTS.

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::errors::{Error, SeekErrorKind};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::Timestamp;

use super::mp4::Opened;
use super::{Demux, Packet};
use crate::media::{MediaError, MediaFile, MediaReader, NS};

/// How many read errors in a row end the stream: a demuxer that makes no progress must not be asked for ever.
const MAX_FAILURES: u32 = 100;

struct Source {
    reader: MediaReader,
    len: u64,
}

impl std::io::Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buf)
    }
}

impl std::io::Seek for Source {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.reader.seek(to)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// Opens the first audio track. Errors: [`MediaError::Unknown`] where symphonia knows no such file.
pub(super) fn open(file: &MediaFile) -> Result<Opened, MediaError> {
    let format = probe(file)?;
    let Some(track) = format.default_track(TrackType::Audio) else { return Ok(None) };
    let Some(CodecParameters::Audio(params)) = track.codec_params.clone() else { return Ok(None) };
    let time_base = track.time_base.map(|base| (base.numer.get(), base.denom.get()));
    let time_base = time_base.or(params.sample_rate.map(|rate| (1, rate))).unwrap_or((1, 48_000));
    let duration = track.duration.map(|duration| duration.get());
    let (id, delay) = (track.id, track.delay.unwrap_or(0));
    let mut demux = Probed {
        file: file.clone(),
        format,
        id,
        time_base,
        duration,
        origin: 0,
        last_trim: 0,
        failures: 0,
        done: false,
    };
    demux.set_origin(&params, delay.into())?;
    Ok(Some((Box::new(demux), params)))
}

fn probe(file: &MediaFile) -> Result<Box<dyn FormatReader>, MediaError> {
    let source = Source { reader: file.reader(), len: file.len() };
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    if let Some((_, extension)) = file.name.rsplit_once('.') {
        hint.with_extension(extension);
    }
    symphonia::default::get_probe().probe(&hint, stream, FormatOptions::default(), MetadataOptions::default()).map_err(
        |e| match e {
            Error::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => MediaError::Io(e),
            e => MediaError::Unknown(format!("no audio format that Tricine knows ({e})")),
        },
    )
}

struct Probed {
    file: MediaFile,
    format: Box<dyn FormatReader>,
    id: u32,
    time_base: (u32, u32),
    /// In ticks, without priming and padding.
    duration: Option<u64>,
    /// The tick that is the film's start: a stream cut from a longer one does not begin at 0.
    origin: i64,
    /// How many ticks of the packet read last are priming.
    last_trim: i64,
    failures: u32,
    done: bool,
}

impl Probed {
    /// `delay`: the priming in ticks that the file declares; it may be longer than a packet (MP3 at 24 kHz and below).
    fn set_origin(&mut self, params: &AudioCodecParameters, delay: i64) -> Result<(), MediaError> {
        for _ in 0..16 {
            match self.next() {
                Ok(Some(packet)) => {
                    let head = params.extra_data.as_deref().and_then(super::opus::Head::parse);
                    let skip = head.filter(|_| params.codec == CODEC_ID_OPUS).map(|head| i64::from(head.pre_skip));
                    self.origin = packet.start.saturating_add(skip.unwrap_or(self.last_trim.max(delay)));
                    break;
                }
                Ok(None) => break,
                Err(MediaError::Damaged(_)) => {}
                Err(e) => return Err(e),
            }
        }
        self.seek(i64::MIN)
    }
}

impl Demux for Probed {
    fn time_base(&self) -> (u32, u32) {
        self.time_base
    }

    fn duration_ns(&self) -> Option<i64> {
        let (num, den) = self.time_base;
        let ns = i128::from(self.duration?) * i128::from(num) * i128::from(NS) / i128::from(den);
        i64::try_from(ns).ok()
    }

    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        while !self.done {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.id => {
                    self.failures = 0;
                    let start = packet.pts.get().saturating_sub(self.origin);
                    let trim_end = i64::try_from(packet.trim_end.get()).unwrap_or(i64::MAX);
                    self.last_trim = i64::try_from(packet.trim_start.get()).unwrap_or(0);
                    return Ok(Some(Packet { data: packet.data.into_vec(), start, trim_end }));
                }
                Ok(Some(_)) => {}
                Ok(None) => self.done = true,
                Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => self.done = true,
                Err(Error::IoError(e)) => return Err(e.into()),
                Err(Error::ResetRequired) => self.done = true,
                Err(e) => {
                    self.failures += 1;
                    self.done = self.failures >= MAX_FAILURES;
                    return Err(MediaError::Damaged(e.to_string()));
                }
            }
        }
        Ok(None)
    }

    fn seek(&mut self, ticks: i64) -> Result<(), MediaError> {
        self.done = false;
        self.failures = 0;
        // A little earlier than asked: the packet before overlaps.
        let back = i64::from(self.time_base.1 / self.time_base.0.max(1) / 4);
        let target = ticks.saturating_sub(back).saturating_add(self.origin);
        if target > self.origin {
            let to = SeekTo::Timestamp { ts: Timestamp::new(target), track_id: self.id };
            match self.format.seek(SeekMode::Accurate, to) {
                Ok(_) => return Ok(()),
                Err(Error::SeekError(SeekErrorKind::OutOfRange)) => {
                    self.done = true;
                    return Ok(());
                }
                Err(_) => {}
            }
        }
        // The start, or a file that cannot be sought: read from the start, the timeline drops what is not wanted.
        self.format = probe(&self.file)?;
        Ok(())
    }
}
