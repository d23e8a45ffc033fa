//! YUV4MPEG2 from a pipe: read in order into recycled buffers, nothing ahead, and picked up in the middle by the next
//! frame's header, which counts as one only if another follows at the right distance.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex};

use super::{Header, NO_HEADER, check_frame_header};
use crate::{Media, MediaError, Picture, VideoFrame, VideoInfo, VideoSource, caps};

/// Opens a stream from its start. Errors: no YUV4MPEG2, a layout that is not supported, or reading failed.
pub fn open_pipe(pipe: Arc<File>) -> Result<Media, MediaError> {
    open_pipe_with_header(pipe).map(|(media, _)| media)
}

/// As [`open_pipe`], and returns the stream's first line as well, which [`resume_pipe`] wants after a restart.
pub fn open_pipe_with_header(pipe: Arc<File>) -> Result<(Media, String), MediaError> {
    let mut input = PipeInput { pipe, ahead: Vec::new() };
    let Some(line) = input.line(caps::Y4M_HEADER)? else {
        let why = "the pipe was closed before anything came through it; see what its writer says";
        return Err(MediaError::Unknown(why.into()));
    };
    let line = String::from_utf8_lossy(&line).into_owned();
    let header = Header::parse(&line)?;
    let media = header.media(Box::new(PipeVideo::new(input, header.clone(), 0)));
    Ok((media, line))
}

/// Goes on with a stream of which an earlier decoder read a part, possibly of a frame: finds the next frame's header.
/// `header` is the stream's first line; the frame found is numbered `frame`, which gives it its pts. Errors: as
/// [`open_pipe`]; [`MediaError::Broken`] if there is no frame within the length of four.
pub fn resume_pipe(pipe: Arc<File>, header: &str, frame: u64) -> Result<Media, MediaError> {
    let header = Header::parse(header)?;
    let mut input = PipeInput { pipe, ahead: Vec::new() };
    input.resynchronise(header.frame_len())?;
    Ok(header.media(Box::new(PipeVideo::new(input, header.clone(), frame))))
}

/// A pipe with what had to be read from it to find a frame.
struct PipeInput {
    pipe: Arc<File>,
    ahead: Vec<u8>,
}

impl PipeInput {
    /// Fills `buf` as far as the stream goes.
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize, MediaError> {
        let ready = self.ahead.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(self.ahead.drain(..ready)) {
            *to = from;
        }
        let mut got = ready;
        while let Some(rest) = buf.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.pipe.as_ref().read(rest) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(got)
    }

    /// The next line without its end; `None` at the stream's end. Byte by byte, so as to take nothing of what follows.
    fn line(&mut self, limit: usize) -> Result<Option<Vec<u8>>, MediaError> {
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < limit {
            match (self.fill(&mut byte)?, byte) {
                (0, _) if line.is_empty() => return Ok(None),
                (0, _) => return Err(MediaError::Damaged("the stream ends within a header".into())),
                (_, [b'\n']) => return Ok(Some(line)),
                (_, [byte]) => line.push(byte),
            }
        }
        Err(MediaError::Unknown(NO_HEADER.into()))
    }

    fn resynchronise(&mut self, frame_len: usize) -> Result<(), MediaError> {
        let mut at = 0;
        while at < 4 * (frame_len + caps::Y4M_FRAME_HEADER) {
            // From `at`: a header, a frame, and the start of the header after it.
            let want = at + caps::Y4M_FRAME_HEADER + frame_len + 5;
            let have = self.ahead.len();
            if have < want {
                let mut more = vec![0; want - have];
                let ready = std::mem::take(&mut self.ahead);
                let got = self.fill(&mut more)?;
                self.ahead = ready;
                self.ahead.extend_from_slice(more.get(..got).unwrap_or_default());
            }
            let window = self.ahead.get(at..).unwrap_or_default();
            let Some(found) = window.windows(5).position(|bytes| bytes == b"FRAME") else {
                if self.ahead.len() < want {
                    break;
                }
                at = self.ahead.len() - 4;
                continue;
            };
            let candidate = window.get(found..).unwrap_or_default();
            let line = candidate.iter().take(caps::Y4M_FRAME_HEADER).position(|byte| *byte == b'\n');
            let valid = line.is_some_and(|end| {
                let after = candidate.get(end + 1 + frame_len..);
                let header = candidate.get(..end).is_some_and(check_frame_header);
                // Either the next frame's header fits, or the stream ends just there.
                header && after.is_some_and(|after| after.starts_with(b"FRAME") || after.is_empty())
            });
            let whole = window.len() >= found + caps::Y4M_FRAME_HEADER + frame_len + 5;
            at += found;
            if valid {
                self.ahead.drain(..at);
                return Ok(());
            }
            if whole || self.ahead.len() < want {
                at += 1;
            }
        }
        Err(MediaError::Broken("no frame found where the stream was left".into()))
    }
}

type Pool = Arc<Mutex<Vec<Vec<u8>>>>;

/// A frame read from a pipe; its buffer goes back to the pool.
struct PipePicture {
    frame: Vec<u8>,
    header: Arc<Header>,
    pool: Pool,
}

impl Picture for PipePicture {
    fn write_i420(&mut self, out: &mut [u8]) {
        self.header.convert(&self.frame, out);
    }
}

impl Drop for PipePicture {
    fn drop(&mut self) {
        if let Ok(mut pool) = self.pool.lock() {
            pool.push(std::mem::take(&mut self.frame));
        }
    }
}

struct PipeVideo {
    input: PipeInput,
    header: Arc<Header>,
    info: VideoInfo,
    next: u64,
    pool: Pool,
    done: bool,
}

impl PipeVideo {
    fn new(input: PipeInput, header: Header, next: u64) -> Self {
        let info = header.info(None);
        Self { input, header: Arc::new(header), info, next, pool: Pool::default(), done: false }
    }
}

impl VideoSource for PipeVideo {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        if self.done {
            return Ok(None);
        }
        self.done = true;
        let Some(line) = self.input.line(caps::Y4M_FRAME_HEADER)? else { return Ok(None) };
        let len = self.header.frame_len();
        if !check_frame_header(&line) {
            self.input.resynchronise(len)?;
            self.done = false;
            return Err(MediaError::Damaged("a frame's header was missing".into()));
        }
        let mut frame = self.pool.lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_default();
        frame.resize(len, 0);
        if self.input.fill(&mut frame)? < len {
            return Err(MediaError::Damaged("the stream ends within a frame".into()));
        }
        self.done = false;
        let picture = PipePicture { frame, header: self.header.clone(), pool: self.pool.clone() };
        self.next += 1;
        Ok(Some(self.header.frame(self.next - 1, Box::new(picture))))
    }

    fn seek(&mut self, _target_ns: i64) -> Result<(), MediaError> {
        Err(MediaError::unsupported("seeking in a pipe", "a file can seek"))
    }
}
