//! A WAV file: the film's samples as they came, each block once, whatever happens to this process.
//!
//! It records; the time is kept by the null sink beside it. So volume, speed and gaps do not show in the file, and after
//! a seek it may hold a few blocks that were not heard any more.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tricine_session::control::{AudioPage, Writable};
use tricine_session::patient;

use super::Format;
use crate::backlog::{Backlog, Chunk};
use crate::chain::Chain;
use crate::wav_header as header;

/// Writes blocks to a file that is a whole WAV file after each.
pub(crate) struct Recorder {
    path: PathBuf,
    file: File,
    format: Format,
    /// Bytes of samples in the file.
    data: u64,
    bytes: Vec<u8>,
    /// Turns what comes in another format into the file's.
    chain: Chain,
    converts: bool,
    /// Of what can only be written on: whether its header is written.
    stream: Option<bool>,
}

impl Recorder {
    /// Takes up `file`, which the user knows by `path`: an empty one, or after a crash the one that a predecessor was writing. Where a
    /// predecessor has `begun` what cannot be read back, such as a pipe, goes on where it ends.
    ///
    /// Errors: words for the user.
    pub(crate) fn open(file: File, path: &Path, begun: bool) -> Result<Self, String> {
        let failed = |e: std::io::Error| complaint(path, &e);
        let mut head = vec![0; header::len(Format::usual(8, 1)) as usize];
        let readable = file.metadata().is_ok_and(|m| m.is_file()) && file.read_at(&mut head, 0).is_ok();
        if !readable {
            let stream = Some(begun);
            let format = Format::stereo(48_000);
            let (path, bytes, chain) = (path.into(), Vec::new(), Chain::default());
            return Ok(Self { path, file, format, data: 0, bytes, chain, converts: false, stream });
        }
        let read = file.read_at(&mut head, 0).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let found = header::read(head.get(..read).unwrap_or_default());
        let format = found.unwrap_or(Format::stereo(48_000));
        let data = found.map_or(0, |format| len.saturating_sub(header::len(format)));
        // Half a sample time is what a death in the middle of a write leaves.
        let data = data - data % header::align(format);
        let chain = Chain::default();
        let this =
            Self { path: path.into(), file, format, data, bytes: Vec::new(), chain, converts: false, stream: None };
        this.write_header().map_err(failed)?;
        Ok(this)
    }

    /// Writes block number `seq`. If a predecessor died while it wrote this very block, it is written over.
    ///
    /// Errors: words for the user. `Ok(true)` once, when blocks begin to come in another format than the file's.
    pub(crate) fn write(
        &mut self,
        seq: u64,
        samples: &[f32],
        format: Format,
        page: &AudioPage<Writable>,
    ) -> Result<bool, String> {
        if self.data == 0 && format != self.format {
            self.format = format;
        }
        let news = format != self.format && !self.converts;
        self.converts |= news;
        // The order matters: dead between the two, the file ends where `wav_bytes` says, since nothing was written yet.
        let at = if page.wav_seq.get() == seq + 1 { page.wav_bytes.get() } else { self.data };
        page.wav_bytes.set(at);
        page.wav_seq.set(seq + 1);
        self.bytes.clear();
        if self.converts {
            let mut backlog = Backlog::default();
            let chunk = Chunk { samples: samples.to_vec(), format, pts_ns: 0, speed: 1.0 };
            self.chain.push(&chunk, self.format, &mut backlog);
            self.take(&mut backlog);
        } else {
            self.bytes.extend(samples.iter().flat_map(|s| header::s16(*s).to_le_bytes()));
        }
        self.append(at, page).map(|()| news)
    }

    /// Writes what a conversion still holds: nothing more comes until a seek.
    ///
    /// Errors: words for the user.
    pub(crate) fn finish(&mut self, page: &AudioPage<Writable>) -> Result<(), String> {
        let mut backlog = Backlog::default();
        self.chain.finish(&mut backlog);
        self.bytes.clear();
        self.take(&mut backlog);
        self.append(self.data, page)
    }

    fn take(&mut self, backlog: &mut Backlog) {
        while let Some(chunk) = backlog.take(u64::MAX >> 1) {
            self.bytes.extend(chunk.samples.iter().flat_map(|s| header::s16(*s).to_le_bytes()));
        }
    }

    /// Writes `bytes` behind `at` bytes of samples, which is then where the file ends.
    fn append(&mut self, at: u64, page: &AudioPage<Writable>) -> Result<(), String> {
        self.data = at + self.bytes.len() as u64;
        if let Some(begun) = &mut self.stream {
            let head = if std::mem::replace(begun, true) { Vec::new() } else { header::endless(self.format) };
            let write = |bytes: &[u8]| patient::write(&self.file, bytes, || page.pulse.beat());
            let written = write(&head).and_then(|()| write(&self.bytes));
            return written.map_err(|e| complaint(&self.path, &e));
        }
        let written = self.file.write_all_at(&self.bytes, header::len(self.format) + at);
        let written = written.and_then(|()| self.write_header());
        // In front of whatever a predecessor wrote beyond.
        let written = written.and_then(|()| self.file.set_len(header::len(self.format) + self.data));
        written.map_err(|e| complaint(&self.path, &e))
    }

    fn write_header(&self) -> std::io::Result<()> {
        self.file.write_all_at(&header::build(self.format, self.data), 0)
    }
}

fn complaint(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}; choose another place with --audio wav=PATH", path.display())
}
