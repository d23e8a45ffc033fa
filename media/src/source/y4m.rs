//! YUV4MPEG2, from a file or a pipe. Written here rather than with the `y4m` crate because that one cannot seek, knows
//! neither the range nor interlacing, and cannot pick a stream up in the middle, which a restarted decoder has to.
//!
//! A file's 4:2:0 frames are read from the file straight into the slot; a pipe's are read in order into recycled
//! buffers. Nothing is read ahead from a pipe: what one decoder left unread is there for the next.

mod pipe;

use std::sync::Arc;

use crate::times::{is_rate, units_ns};
use crate::{
    About, ColorRange, Media, MediaError, MediaFile, NS, Picture, VideoFormat, VideoFrame, VideoInfo, VideoSource,
};
use crate::{Light, MAX_SIDE, caps};

pub use pipe::{open_pipe, open_pipe_with_header, resume_pipe};

/// What a stream begins with.
const MAGIC: &str = "YUV4MPEG2";
/// What is said of anything else.
const NO_HEADER: &str = "it does not begin as YUV4MPEG2 does; write it with: ffmpeg -nostdin -i IN -f yuv4mpegpipe -";

/// How chroma is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chroma {
    Mono,
    C420,
    C422,
    C444,
}

/// A stream's first line, understood.
#[derive(Debug, Clone, PartialEq)]
struct Header {
    format: VideoFormat,
    /// Frames per second as a fraction.
    rate: (i64, i64),
    chroma: Chroma,
    /// Whether luma is stored in full range and handed on in limited: grey, as FFmpeg has it.
    squeeze: bool,
    interlaced: bool,
}

impl Header {
    fn parse(line: &str) -> Result<Self, MediaError> {
        let broken = |what: &str| MediaError::Broken(format!("YUV4MPEG2 header: {what}"));
        let mut words = line.trim_end().split(' ').filter(|word| !word.is_empty());
        if words.next() != Some(MAGIC) {
            return Err(MediaError::Unknown(NO_HEADER.into()));
        }
        let (mut width, mut height, mut rate, mut sar) = (0, 0, (25, 1), (1, 1));
        let (mut chroma, mut interlaced, mut range) = (Chroma::C420, false, None);
        for word in words {
            let Some((key, value)) = word.split_at_checked(1) else { continue };
            let ratio = || {
                let (num, den) = value.split_once(':')?;
                Some((num.parse::<u32>().ok()?, den.parse::<u32>().ok()?))
            };
            let side = || value.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
            match key {
                "W" => width = side().ok_or_else(|| broken(&format!("width {value}")))?,
                "H" => height = side().ok_or_else(|| broken(&format!("height {value}")))?,
                "F" => {
                    let (num, den) = ratio().ok_or_else(|| broken(&format!("frame rate {value}")))?;
                    // 0:0 says "unknown"; FFmpeg then takes 25.
                    if num > 0 && den > 0 {
                        if !is_rate(num.into(), den.into()) {
                            return Err(broken(&format!("frame rate {value}")));
                        }
                        rate = (num.into(), den.into());
                    }
                }
                "A" => sar = ratio().filter(|(num, den)| *num > 0 && *den > 0).unwrap_or((1, 1)),
                "I" => interlaced = matches!(value, "t" | "b" | "m"),
                "C" => {
                    chroma = match value {
                        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Chroma::C420,
                        "422" => Chroma::C422,
                        "444" => Chroma::C444,
                        "mono" => Chroma::Mono,
                        other => {
                            let depth = other.rsplit_once('p').and_then(|(_, depth)| depth.parse::<u8>().ok());
                            let depth = depth.map(|depth| format!(" ({depth} bit)")).unwrap_or_default();
                            return Err(MediaError::unsupported(
                                format!("YUV4MPEG2 with C{other}{depth}"),
                                "add -pix_fmt yuv420p to the ffmpeg that writes it",
                            ));
                        }
                    };
                }
                "X" if value == "COLORRANGE=FULL" => range = Some(ColorRange::Full),
                "X" if value == "COLORRANGE=LIMITED" => range = Some(ColorRange::Limited),
                _ => {}
            }
        }
        if width == 0 || height == 0 {
            return Err(broken("no size"));
        }
        // Grey is full range unless the header says otherwise.
        let squeeze = chroma == Chroma::Mono && range != Some(ColorRange::Limited);
        let range = range.filter(|_| !squeeze).unwrap_or(ColorRange::Limited);
        let format = VideoFormat { range, sar, ..VideoFormat::untagged(width, height) };
        Ok(Self { format, rate, chroma, squeeze, interlaced })
    }

    /// Bytes of one frame without its header.
    fn frame_len(&self) -> usize {
        let (w, h) = (self.format.width as usize, self.format.height as usize);
        match self.chroma {
            Chroma::Mono => w * h,
            Chroma::C420 => self.format.i420_len(),
            Chroma::C422 => w * h + 2 * w.div_ceil(2) * h,
            Chroma::C444 => 3 * w * h,
        }
    }

    fn pts(&self, frame: u64) -> i64 {
        units_ns(frame, (self.rate.1, self.rate.0))
    }

    fn info(&self, frames: Option<u64>) -> VideoInfo {
        let chroma = match self.chroma {
            Chroma::Mono => "grey",
            Chroma::C420 => "4:2:0",
            Chroma::C422 => "4:2:2",
            Chroma::C444 => "4:4:4",
        };
        VideoInfo {
            codec: format!("raw {chroma}"),
            format: self.format,
            light: Light::default(),
            rate: Some(self.rate.0 as f64 / self.rate.1 as f64),
            duration_ns: frames.map(|frames| self.pts(frames)),
            frames,
            seekable: frames.is_some(),
        }
    }

    fn media(&self, video: Box<dyn VideoSource>) -> Media {
        let notices = if self.interlaced { vec!["interlaced video is shown as it is".into()] } else { Vec::new() };
        Media {
            video: Some(video),
            audio: None,
            subtitles: Default::default(),
            about: About::default(),
            notices,
            missing: Vec::new(),
        }
    }

    fn frame(&self, number: u64, picture: Box<dyn Picture>) -> VideoFrame {
        let pts_ns = self.pts(number);
        VideoFrame { pts_ns, duration_ns: self.pts(number + 1) - pts_ns, format: self.format, picture }
    }

    /// Turns a frame as stored into I420. Chroma is averaged.
    fn convert(&self, frame: &[u8], out: &mut [u8]) {
        let (w, h) = (self.format.width as usize, self.format.height as usize);
        let luma = w * h;
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        let (Some((y, planes)), Some((out_y, out_c))) = (frame.split_at_checked(luma), out.split_at_mut_checked(luma))
        else {
            return;
        };
        out_y.copy_from_slice(y);
        if self.squeeze {
            out_y.iter_mut().for_each(|y| *y = ((u32::from(*y) * 219 + 127) / 255) as u8 + 16);
        }
        // Columns and rows that one stored chroma sample stands for, against the two of 4:2:0.
        let (sw, step) = match self.chroma {
            Chroma::Mono => return out_c.fill(128),
            Chroma::C420 => return out_c.copy_from_slice(planes),
            Chroma::C422 => (cw, 1),
            Chroma::C444 => (w, 2),
        };
        for (plane, out) in planes.chunks_exact(sw * h).zip(out_c.chunks_exact_mut(cw * ch)) {
            for (row, line) in out.chunks_exact_mut(cw).enumerate() {
                let above = plane.chunks_exact(sw).nth(2 * row).unwrap_or_default();
                let below = plane.chunks_exact(sw).nth(2 * row + 1).unwrap_or(above);
                for (column, sample) in line.iter_mut().enumerate() {
                    let at = column * step;
                    let right = (at + step - 1).min(sw - 1);
                    let sum: u16 = [above.get(at), above.get(right), below.get(at), below.get(right)]
                        .into_iter()
                        .map(|value| u16::from(value.copied().unwrap_or(128)))
                        .sum();
                    *sample = ((sum + 2) / 4) as u8;
                }
            }
        }
    }
}

/// Whether `line` is the header of a frame; the error names what it is instead.
fn check_frame_header(line: &[u8]) -> bool {
    line.strip_prefix(b"FRAME").is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
}

/// Opens a file. Errors: as [`open_pipe`].
pub fn open_file(file: &MediaFile) -> Result<Media, MediaError> {
    let mut head = vec![0; caps::Y4M_HEADER];
    let n = file.read_at(&mut head, 0)?;
    let end = head.iter().take(n).position(|byte| *byte == b'\n');
    let end = end.ok_or_else(|| MediaError::Unknown(NO_HEADER.into()))?;
    let header = Header::parse(&String::from_utf8_lossy(head.get(..end).unwrap_or_default()))?;
    let first = end as u64 + 1;
    let mut video = FileVideo {
        file: file.clone(),
        info: header.info(Some(0)),
        header: Arc::new(header),
        places: Vec::new(),
        scan: first,
        next: 0,
    };
    // An estimate that is exact where frames have no parameters, as they practically never have.
    let frames = (file.len() - first) / (video.header.frame_len() as u64 + 6);
    video.info = video.header.info(Some(frames));
    Ok(video.header.clone().media(Box::new(video)))
}

struct FileVideo {
    file: MediaFile,
    header: Arc<Header>,
    info: VideoInfo,
    /// Where each frame found so far has its samples.
    places: Vec<u64>,
    /// Where the next frame's header should be.
    scan: u64,
    next: usize,
}

impl FileVideo {
    /// Finds one more frame; `None` at the end.
    fn find(&mut self) -> Result<Option<()>, MediaError> {
        if self.scan >= self.file.len() {
            return Ok(None);
        }
        let mut head = [0; caps::Y4M_FRAME_HEADER];
        let n = self.file.read_at(&mut head, self.scan)?;
        let head = head.get(..n).unwrap_or_default();
        let line =
            head.iter().position(|byte| *byte == b'\n').filter(|end| head.get(..*end).is_some_and(check_frame_header));
        let Some(line) = line else {
            self.scan = self.file.len();
            return Err(MediaError::Damaged("a frame's header is missing; what follows is skipped".into()));
        };
        let place = self.scan + line as u64 + 1;
        self.scan = place + self.header.frame_len() as u64;
        if self.scan > self.file.len() {
            return Err(MediaError::Damaged("the file ends within a frame".into()));
        }
        self.places.push(place);
        Ok(Some(()))
    }
}

impl VideoSource for FileVideo {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        while self.places.len() <= self.next {
            if self.find()?.is_none() {
                return Ok(None);
            }
        }
        let Some(place) = self.places.get(self.next).copied() else { return Ok(None) };
        let number = self.next as u64;
        self.next += 1;
        let picture = FilePicture { file: self.file.clone(), place, header: self.header.clone() };
        Ok(Some(self.header.frame(number, Box::new(picture))))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let target = i128::from(target_ns.max(0));
        let near = target * i128::from(self.header.rate.0) / (i128::from(self.header.rate.1) * i128::from(NS));
        let near = usize::try_from(near).unwrap_or(usize::MAX - 1);
        // pts are rounded down, so the frame after may begin at the target as well.
        while self.places.len() <= near + 1 && matches!(self.find(), Ok(Some(()))) {}
        let next = near + usize::from(i128::from(self.header.pts(near as u64 + 1)) <= target);
        self.next = next.min(self.places.len().saturating_sub(1));
        Ok(())
    }
}

/// A frame in a file, read when there is a slot to read it into: `pread` keeps no position that could be lost.
struct FilePicture {
    file: MediaFile,
    place: u64,
    header: Arc<Header>,
}

impl FilePicture {
    fn read(&self, out: &mut [u8]) {
        let mut got = 0;
        while let Some(rest) = out.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, self.place + got as u64) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // The file shrank since its length was checked: grey is better than what the slot held before.
        out.iter_mut().skip(got).for_each(|byte| *byte = 128);
    }
}

impl Picture for FilePicture {
    fn write_i420(&mut self, out: &mut [u8]) {
        if self.header.chroma == Chroma::C420 {
            return self.read(out);
        }
        let mut frame = vec![0; self.header.frame_len()];
        self.read(&mut frame);
        self.header.convert(&frame, out);
    }
}
