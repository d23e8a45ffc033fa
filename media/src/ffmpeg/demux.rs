//! A reader of one stream's packets. Each has a demuxer of its own, so that no stream waits for another one.

use std::sync::Once;

use ac_ffmpeg::format::demuxer::{Demuxer, DemuxerWithStreamInfo, SeekTarget};
use ac_ffmpeg::format::io::IO;
use ac_ffmpeg::packet::Packet;
use ac_ffmpeg::time::Timestamp;

use super::{Foreign, broken, ns};
use crate::MediaReader;
use crate::container::TrackKind;
use crate::{MediaError, MediaFile, NS, caps};

/// How far before a wanted time a demuxer is sent, one after another, until it stops at a key packet that is not after it.
const BACK_NS: [i64; 4] = [0, 2 * NS, 20 * NS, 120 * NS];
/// Packets at a file's end by which its length is measured.
const LAST_PACKETS: usize = 4_096;

pub(super) struct Reader {
    file: MediaFile,
    demuxer: DemuxerWithStreamInfo<MediaReader>,
    stream: usize,
    /// What a seek has read already.
    ahead: Option<Packet>,
}

impl Reader {
    /// Opens `file` for the packets of `stream`. Errors: FFmpeg knows no such file.
    pub(super) fn open(file: &MediaFile, stream: usize) -> Result<Self, MediaError> {
        static LOGS: Once = Once::new();
        LOGS.call_once(|| ac_ffmpeg::set_log_callback(|_, text| tracing::debug!("FFmpeg: {}", text.trim_end())));
        let demuxer = Demuxer::builder().build(IO::from_seekable_read_stream(file.reader()));
        let demuxer = demuxer.map_err(broken("FFmpeg does not know it"))?;
        let demuxer = demuxer.find_stream_info(None).map_err(|(_, e)| broken("FFmpeg finds no stream")(e))?;
        Ok(Self { file: file.clone(), demuxer, stream, ahead: None })
    }

    /// The usual name of the container.
    pub(super) fn format(&self) -> String {
        self.demuxer.input_format().name().to_owned()
    }

    /// The streams of pictures and of sound that FFmpeg has decoders for.
    pub(super) fn tracks(&self) -> Vec<Foreign> {
        let mut tracks = Vec::new();
        for (stream, about) in self.demuxer.streams().iter().enumerate().take(caps::TRACKS) {
            let params = about.codec_parameters();
            let kind = match (params.is_video_codec(), params.is_audio_codec()) {
                (true, _) => TrackKind::Video,
                (_, true) => TrackKind::Audio,
                _ => continue,
            };
            let Some(codec) = params.decoder_name() else { continue };
            let start_ns = ns(about.start_time()).unwrap_or(0);
            let end_ns = ns(about.duration()).filter(|&ns| ns > 0).map(|ns| start_ns + ns);
            tracks.push(Foreign { stream, kind, codec, start_ns, end_ns, frames: about.frames(), params });
        }
        tracks
    }

    /// The stream's next packet. [`MediaError::Damaged`]: FFmpeg could not read on; there may be more.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        if let Some(packet) = self.ahead.take() {
            return Ok(Some(packet));
        }
        loop {
            match self.demuxer.take() {
                Ok(Some(packet)) if packet.stream_index() == self.stream => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => return Err(MediaError::Damaged(format!("FFmpeg: {error}"))),
            }
        }
    }

    /// Goes to a key packet that is due at or before `target_ns`, or to the beginning.
    pub(super) fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        for back_ns in BACK_NS {
            let place = Timestamp::from_nanos(target_ns.saturating_sub(back_ns).max(0));
            if target_ns <= back_ns || self.demuxer.seek_to_timestamp(place, SeekTarget::UpTo).is_err() {
                break;
            }
            self.ahead = None;
            let first = self.key_after(i64::MIN);
            if let Ok(Some(packet)) = first
                && due(&packet).is_some_and(|ns| ns <= target_ns)
            {
                self.ahead = Some(packet);
                return Ok(());
            }
        }
        *self = Self::open(&self.file, self.stream)?;
        Ok(())
    }

    /// Goes to the first key packet after `after_ns`, or to the end.
    pub(super) fn seek_past(&mut self, after_ns: i64) -> Result<(), MediaError> {
        // The packets of a stream that was sent too far back are passed over.
        self.seek(after_ns)?;
        self.ahead = self.key_after(after_ns)?;
        Ok(())
    }

    fn key_after(&mut self, after_ns: i64) -> Result<Option<Packet>, MediaError> {
        let mut failures = 0;
        loop {
            match self.next() {
                Ok(Some(packet)) if packet.is_key() && due(&packet).is_some_and(|ns| ns > after_ns) => {
                    return Ok(Some(packet));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(MediaError::Damaged(_)) if failures < caps::FAILURES => failures += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// When a packet is due, in ns: by its own time, or by that of its decoding where it has no other.
pub(super) fn due(packet: &Packet) -> Option<i64> {
    ns(packet.pts()).or_else(|| ns(packet.dts()))
}

/// When a stream ends whose container does not say so: the last packets tell.
pub(super) fn measured_end(file: &MediaFile, stream: usize) -> Option<i64> {
    let mut reader = Reader::open(file, stream).ok()?;
    // As far as any film goes: a demuxer stops at the last place that it knows.
    reader.demuxer.seek_to_timestamp(Timestamp::from_secs(1 << 20), SeekTarget::UpTo).ok()?;
    let mut end_ns = None;
    for _ in 0..LAST_PACKETS {
        let Ok(Some(packet)) = reader.next() else { return end_ns };
        let duration = packet.duration().map_or(0, |duration| i64::try_from(duration.as_nanos()).unwrap_or(0));
        end_ns = end_ns.max(due(&packet).map(|ns| ns.saturating_add(duration)));
    }
    // It stopped somewhere else.
    None
}
