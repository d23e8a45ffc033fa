//! Pictures decoded by FFmpeg, in presentation order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ac_ffmpeg::codec::video::scaler::VideoFrameScaler;
use ac_ffmpeg::codec::video::{self, VideoDecoder};
use ac_ffmpeg::codec::{Decoder, VideoCodecParameters};

use super::demux::Reader;
use super::{Foreign, broken, name, ns};
use crate::container::{Colour, VideoTrack};
use crate::guard::guarded;
use crate::video::{Deep, Light, Samples, Screen, copy_plane, planes, widen};
use crate::{ColorRange, MediaError, MediaFile, NS, Picture, VideoFormat, VideoFrame, VideoInfo, VideoSource, caps};

/// Opens a track of pictures; `about` is what another container's reader says of them. Errors: it does not decode.
pub(super) fn open(
    file: &MediaFile,
    track: &Foreign,
    about: Option<VideoTrack>,
    zero_ns: i64,
) -> Result<Box<dyn VideoSource>, MediaError> {
    let params = track.params.as_video_codec_parameters().cloned();
    let params = params.ok_or_else(|| MediaError::Broken("pictures that are not described".into()))?;
    let length_ns = track.end_ns.map(|end| end.saturating_sub(zero_ns));
    let rate = track.frames.zip(track.end_ns).map(|(n, end)| (n as f64, (end - track.start_ns) as f64 / NS as f64));
    let info = VideoInfo {
        codec: about.as_ref().map_or_else(|| name(track.codec), |about| about.named(name(track.codec))),
        format: VideoFormat::untagged(1, 1),
        light: Light::default(),
        rate: rate.filter(|(_, s)| *s > 0.0).map(|(n, s)| n / s).filter(|rate| (0.01..=1000.0).contains(rate)),
        duration_ns: length_ns,
        frames: track.frames,
        seekable: true,
    };
    let (reader, decoder) = (Reader::open(file, track.stream)?, decoder(&params)?);
    let scaler = Arc::default();
    let mut source = Source {
        reader,
        decoder,
        params,
        about,
        info,
        zero_ns,
        drained: false,
        held: VecDeque::new(),
        last_ns: -1,
        scaler,
        screen: Screen::default(),
    };
    // Only a picture tells its size.
    let first = source.first()?;
    source.info.format = first.format;
    source.held.push_back(first);
    Ok(Box::new(source))
}

fn decoder(params: &VideoCodecParameters) -> Result<VideoDecoder, MediaError> {
    let builder = VideoDecoder::from_codec_parameters(params).map_err(broken("FFmpeg has no such decoder"))?;
    // What is damaged is to be said, not guessed.
    let builder = builder.set_option("threads", "auto").set_option("err_detect", "explode");
    builder.build().map_err(broken("FFmpeg's decoder"))
}

struct Source {
    reader: Reader,
    decoder: VideoDecoder,
    params: VideoCodecParameters,
    about: Option<VideoTrack>,
    info: VideoInfo,
    zero_ns: i64,
    /// All packets were given to the decoder.
    drained: bool,
    /// The next frames, which were decoded already.
    held: VecDeque<VideoFrame>,
    /// When the last frame was due.
    last_ns: i64,
    scaler: Scaler,
    screen: Screen,
}

impl Source {
    fn first(&mut self) -> Result<VideoFrame, MediaError> {
        let mut why = MediaError::Broken(format!("no {} picture decodes", self.info.codec));
        for _ in 0..caps::REFUSED_PACKETS {
            match self.decode() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => break,
                Err(error) => why = error,
            }
        }
        Err(MediaError::unsupported(format!("{} ({why})", self.info.codec), crate::video::CONVERT))
    }

    /// The next frame. Errors: a packet was refused.
    fn decode(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        let failed = |error: ac_ffmpeg::Error| MediaError::Damaged(format!("FFmpeg: {error}"));
        loop {
            if let Some(frame) = self.decoder.take().map_err(failed)? {
                match self.described(frame) {
                    Some(frame) => return Ok(Some(frame)),
                    None => return Err(MediaError::Damaged("a picture of no size, or too large".into())),
                }
            }
            if self.drained {
                return Ok(None);
            }
            match self.reader.next()? {
                Some(packet) => self.decoder.try_push(packet).map_err(|e| match e.into_inner() {
                    Some(error) => failed(error),
                    None => MediaError::Damaged("FFmpeg's decoder takes no packet".into()),
                })?,
                None => {
                    self.drained = true;
                    // Where nothing was decoded there is nothing to be had.
                    let _ = self.decoder.try_flush();
                }
            }
        }
    }

    fn described(&mut self, frame: video::VideoFrame) -> Option<VideoFrame> {
        let (width, height) = (u32::try_from(frame.width()).ok()?, u32::try_from(frame.height()).ok()?);
        if width == 0 || height == 0 || width.max(height) > caps::MAX_SIDE {
            return None;
        }
        let due = ns(frame.best_effort_timestamp()).or_else(|| ns(frame.pts()));
        // A frame without a time comes after the one before.
        let step_ns = self.info.rate.map_or(NS / 25, |rate| (NS as f64 / rate) as i64);
        let pts_ns = due.map_or(self.last_ns + step_ns, |due| due - self.zero_ns);
        self.last_ns = pts_ns;
        let full = frame.pixel_format().name().starts_with("yuvj").then_some(ColorRange::Full);
        let coded = Colour { range: full, ..Colour::default() };
        let colour = self.about.as_ref().map_or(coded, |about| about.colour(coded));
        let format = match &self.about {
            Some(about) => about.shown((width, height), None, colour),
            None => VideoFormat { range: full.unwrap_or_default(), ..VideoFormat::untagged(width, height) },
        };
        self.info.light = Screen::light(&format, &colour);
        let decoded = Decoded { frame, scaler: self.scaler.clone() };
        let deep = if self.info.light == Light::Ordinary { None } else { decoded.converted(TEN_BITS).ok() };
        let samples = match deep {
            Some(frame) => Samples::Deep(Box::new(TenBits(frame))),
            None => Samples::Bytes(Box::new(decoded)),
        };
        let (format, picture) = self.screen.show(format, &colour, samples);
        Some(VideoFrame { pts_ns, duration_ns: 0, format, picture })
    }

    /// A decoder that knows of nothing before.
    fn renew(&mut self) -> Result<(), MediaError> {
        self.decoder = decoder(&self.params)?;
        self.drained = false;
        self.held.clear();
        Ok(())
    }
}

impl VideoSource for Source {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        match self.held.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => guarded(|| self.decode()).map_err(MediaError::Damaged)?,
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.reader.seek(target_ns.saturating_add(self.zero_ns))?;
        self.renew()?;
        let (mut shown, mut refused) = (None, 0);
        loop {
            match guarded(|| self.decode()).map_err(MediaError::Damaged).and_then(|decoded| decoded) {
                Ok(Some(after)) if after.pts_ns > target_ns => {
                    self.held.extend(shown.into_iter().chain([after]));
                    return Ok(());
                }
                Ok(Some(frame)) => shown = Some(frame),
                // Past the end: the last one.
                Ok(None) => {
                    self.held.extend(shown);
                    return Ok(());
                }
                // What leads an open group refers to what was not decoded.
                Err(MediaError::Damaged(_)) if refused < caps::REFUSED_PACKETS => refused += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn seek_past(&mut self, after_ns: i64) -> Result<(), MediaError> {
        self.reader.seek_past(after_ns.saturating_add(self.zero_ns))?;
        self.renew()
    }
}

/// What HDR is converted to before it is shown: 4:2:0 of 10 bits.
const TEN_BITS: &str = "yuv420p10le";

type Scaler = Arc<Mutex<Option<((String, usize, usize), VideoFrameScaler)>>>;

/// A frame as FFmpeg has it.
struct Decoded {
    frame: video::VideoFrame,
    scaler: Scaler,
}

impl Decoded {
    /// In the pixel format `wanted`, by FFmpeg's scaler.
    fn converted(&self, wanted: &str) -> Result<video::VideoFrame, ac_ffmpeg::Error> {
        let (format, width, height) = (self.frame.pixel_format(), self.frame.width(), self.frame.height());
        let key = (format!("{} to {wanted}", format.name()), width, height);
        let mut scaler = self.scaler.lock().unwrap_or_else(PoisonError::into_inner);
        if scaler.as_ref().is_none_or(|(of, _)| *of != key) {
            let made = VideoFrameScaler::builder()
                .source_pixel_format(format)
                .source_width(width)
                .source_height(height)
                .target_pixel_format(video::frame::get_pixel_format(wanted))
                .target_width(width)
                .target_height(height)
                .build()?;
            *scaler = Some((key, made));
        }
        let (_, scaler) = scaler.as_mut().expect("it was made just now");
        scaler.scale(&self.frame)
    }
}

/// A frame of 4:2:0 of 10 bits.
struct TenBits(video::VideoFrame);

impl Deep for TenBits {
    fn depth(&self) -> u32 {
        10
    }

    fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
        let plane = &self.0.planes()[plane];
        widen(plane.data().get(y * plane.line_size()..).unwrap_or_default(), to);
    }
}

impl Picture for Decoded {
    fn write_i420(&mut self, out: &mut [u8]) {
        let name = self.frame.pixel_format().name();
        let own = matches!(name, "yuv420p" | "yuvj420p");
        let converted = if own { None } else { self.converted("yuv420p").ok() };
        // A picture that FFmpeg's scaler does not know is grey.
        let Some(frame) = (if own { Some(&self.frame) } else { converted.as_ref() }) else { return out.fill(128) };
        let (width, height) = (frame.width(), frame.height());
        let halves = width.div_ceil(2);
        let [y, u, v] = planes(out, width as u32, height as u32);
        for (plane, width, to) in [(0, width, y), (1, halves, u), (2, halves, v)] {
            let plane = &frame.planes()[plane];
            // A picture that lies in memory upside down has a negative distance between its lines.
            if (width..=4 * caps::MAX_SIDE as usize).contains(&plane.line_size()) {
                copy_plane(plane.data(), plane.line_size(), width, to);
            }
        }
    }
}
