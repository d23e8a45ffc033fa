//! A file that several readers read at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

/// A seekable file that many readers share, each with a position of its own (`pread`).
#[derive(Debug, Clone)]
pub struct MediaFile {
    content: Content,
    /// Where in the content it begins.
    base: u64,
    len: u64,
    /// The file's name, for messages and as a hint where the content does not tell its format.
    pub name: String,
}

/// Where a file's bytes are.
#[derive(Debug, Clone)]
enum Content {
    File(Arc<File>),
    Bytes(Arc<[u8]>),
}

impl MediaFile {
    /// Takes an open file. Errors: its length cannot be read.
    pub fn new(file: File, name: impl Into<String>) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { content: Content::File(Arc::new(file)), base: 0, len, name: name.into() })
    }

    /// Takes a file's content.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, name: impl Into<String>) -> Self {
        let bytes = bytes.into();
        Self { len: bytes.len() as u64, base: 0, content: Content::Bytes(bytes), name: name.into() }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A stretch of it, as a file of its own.
    pub(crate) fn part(&self, range: std::ops::Range<u64>) -> Self {
        let begin = range.start.min(self.len);
        Self { base: self.base + begin, len: range.end.min(self.len).saturating_sub(begin), ..self.clone() }
    }

    /// A reader at position 0, independent of every other.
    pub fn reader(&self) -> MediaReader {
        MediaReader { file: self.clone(), pos: 0 }
    }

    /// Fills `buf` from `offset`. Errors: reading fails, or the file ends.
    pub(crate) fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buf = &mut buf[n..];
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads at `offset`, as `pread` does.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let whole = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = if self.base == 0 { buf.len() } else { buf.len().min(whole) };
        let (buf, offset) = (&mut buf[..len], self.base.saturating_add(offset));
        match &self.content {
            Content::File(file) => file.read_at(buf, offset),
            Content::Bytes(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let len = rest.len().min(buf.len());
                buf[..len].copy_from_slice(&rest[..len]);
                Ok(len)
            }
        }
    }
}

impl MediaFile {
    /// Where bytes that the file stores go on, at `at` or later; a hole takes no room and may be terabytes long. `at` itself
    /// where its file system does not tell. The position that this sets nobody uses: whoever reads says where.
    pub(crate) fn behind_hole(&self, at: u64) -> u64 {
        let Content::File(file) = &self.content else { return at };
        let Ok(offset) = i64::try_from(self.base.saturating_add(at)) else { return at };
        match lseek(file, offset, Whence::SeekData) {
            Ok(data) => at.max((data as u64).saturating_sub(self.base)),
            // Nothing but a hole is left.
            Err(Errno::ENXIO) => at.max(self.len),
            Err(_) => at,
        }
    }
}

/// One reader of a [`MediaFile`].
#[derive(Debug, Clone)]
pub struct MediaReader {
    file: MediaFile,
    pos: u64,
}

impl Read for MediaReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.pos)?;
        self.pos += n as u64;
        Ok(n)
    }
}

impl Seek for MediaReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(at) => {
                self.pos = at;
                return Ok(at);
            }
            SeekFrom::End(by) => (self.file.len, by),
            SeekFrom::Current(by) => (self.pos, by),
        };
        self.pos = base
            .checked_add_signed(by)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the file's start"))?;
        Ok(self.pos)
    }
}
