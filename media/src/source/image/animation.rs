//! Animations: GIF, APNG and WebP, decoded picture after picture on a thread of their own.

use std::io::BufReader;

use crossbeam_channel::{Receiver, bounded};
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Frames, ImageDecoder, ImageFormat};

use super::{Decoded, apng, error, limits, to_i420, webp};
use crate::guard::guarded;
use crate::{MediaError, MediaFile, VideoFrame, VideoInfo, VideoSource};

/// What a delay that no one can have meant is taken for.
const DEFAULT_DELAY_NS: i64 = 100_000_000;

type Shown = Result<(Decoded, i64), MediaError>;

/// An animation decoding on a thread of its own, two pictures ahead at most: the crate's frame iterator must not change
/// threads, while sources do.
pub(super) struct Animation {
    file: MediaFile,
    kind: ImageFormat,
    frames: Receiver<Shown>,
}

impl Animation {
    pub(super) fn start(file: MediaFile, kind: ImageFormat) -> Result<Self, MediaError> {
        let (to, frames) = bounded(1);
        let input = file.clone();
        std::thread::Builder::new().name("animation".into()).spawn(move || {
            let sent = guarded(|| -> Result<(), MediaError> {
                let show = |picture, (num, den): (u32, u32)| -> Result<bool, MediaError> {
                    let delay = i64::from(num) * 1_000_000 / i64::from(den.max(1));
                    let delay = if delay <= 10_000_000 { DEFAULT_DELAY_NS } else { delay };
                    Ok(to.send(Ok((to_i420(picture)?, delay))).is_ok())
                };
                if kind == ImageFormat::WebP {
                    let decoder = WebPDecoder::new(BufReader::new(input.reader())).map_err(error)?;
                    let mut frames = webp::Frames::open(&input, decoder.dimensions())?;
                    while let Some((picture, ms)) = frames.next()?
                        && show(picture, (ms, 1))?
                    {}
                    return Ok(());
                }
                if kind == ImageFormat::Png && is_deep(&input)? {
                    let mut frames = apng::Frames::open(&input)?;
                    while let Some((picture, num, den)) = frames.next()?
                        && show(picture, (num * 1000, den))?
                    {}
                    return Ok(());
                }
                for frame in open_frames(&input, kind)? {
                    let frame = frame.map_err(|e| MediaError::Damaged(e.to_string()))?;
                    let delay = frame.delay().numer_denom_ms();
                    if !show(frame.into_buffer(), delay)? {
                        break;
                    }
                }
                Ok(())
            });
            let problem = match sent {
                Ok(Ok(())) => return,
                Ok(Err(e)) => e,
                Err(panic) => MediaError::Damaged(panic),
            };
            // A receiver that has gone wants no error either.
            drop(to.send(Err(problem)));
        })?;
        Ok(Self { file, kind, frames })
    }

    /// The next picture with its delay; `None` at the end.
    pub(super) fn receive(&mut self) -> Result<Option<(Decoded, i64)>, MediaError> {
        self.frames.recv().map_or(Ok(None), |shown| shown.map(Some))
    }
}

/// Whether a PNG has samples of 16 bits, as its header says.
fn is_deep(file: &MediaFile) -> Result<bool, MediaError> {
    let mut head = [0; 25];
    file.read_exact_at(&mut head, 0)?;
    Ok(head[24] == 16)
}

fn open_frames(file: &MediaFile, kind: ImageFormat) -> Result<Frames<'static>, MediaError> {
    let reader = BufReader::new(file.reader());
    Ok(match kind {
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(reader).map_err(error)?;
            decoder.set_limits(limits()).map_err(error)?;
            decoder.into_frames()
        }
        _ => PngDecoder::with_limits(reader, limits()).and_then(PngDecoder::apng).map_err(error)?.into_frames(),
    })
}

pub(super) struct AnimatedVideo {
    pub(super) source: Animation,
    pub(super) info: VideoInfo,
    /// When the next picture is due.
    pub(super) pts: i64,
    /// What a seek had to take to find its frame.
    pub(super) ahead: Option<(i64, Decoded, i64)>,
}

impl AnimatedVideo {
    fn take(&mut self) -> Result<Option<(i64, Decoded, i64)>, MediaError> {
        if let Some(ready) = self.ahead.take() {
            return Ok(Some(ready));
        }
        let Some((picture, delay)) = self.source.receive()? else { return Ok(None) };
        let pts = self.pts;
        self.pts = pts.saturating_add(delay);
        Ok(Some((pts, picture, delay)))
    }
}

impl VideoSource for AnimatedVideo {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        Ok(self.take()?.map(|(pts_ns, picture, duration_ns)| VideoFrame {
            pts_ns,
            duration_ns,
            format: picture.format,
            picture: Box::new(picture.i420),
        }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.source = Animation::start(self.source.file.clone(), self.source.kind)?;
        self.pts = 0;
        self.ahead = None;
        let mut last = None;
        while let Ok(Some(shown)) = self.take() {
            let end = shown.0.saturating_add(shown.2);
            last = Some(shown);
            if end > target_ns {
                break;
            }
        }
        self.ahead = last;
        Ok(())
    }
}
