//! What the user named for writing: no two of them are one, none is an input, and all can be written before the film begins.

use std::io::{self, ErrorKind, Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use serde_json::Value;
use tricine_session::link::{DisplaySpec, SinkSpec};
use tricine_session::name::shown;
use tricine_session::output::{self, Output, Unfinished, Writer, refused};
use tricine_session::{Error, Result};

use crate::cli::{Audio, Display, Play};
use crate::{input, subtitles};

/// How long all of it may take, but for a reader that is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the one who looks has to say.
enum Word {
    /// Somebody has to read what is to be written; that may take for ever.
    Waits,
    /// All of it was looked at.
    Done(Result<Prepared>),
}

/// What comes of the outputs: all of them, open, or what is wrong with them, in words.
pub(crate) type Prepared = Result<Outputs, String>;

/// Looks at all that is named, and opens it. A thread does so, which has ended before the first process is started: a mount that
/// hangs holds up nobody else, and is told after a while.
pub(crate) fn prepare(options: &Play) -> Result<Prepared> {
    if named(options).is_empty() {
        return Ok(Ok(Outputs::default()));
    }
    let (tell, told) = channel();
    let options = options.clone();
    let look = move || {
        let prepared = match clash(&options) {
            Some(wrong) => Ok(Err(wrong)),
            None => open(&options, &tell).map(Ok),
        };
        // Whoever does not wait any more has said why.
        let _ = tell.send(Word::Done(prepared));
    };
    let looking = std::thread::Builder::new().name("outputs".into()).spawn(look);
    let looking = looking.map_err(|e| Error::sys("clone", "a thread for the outputs", e))?;
    let mut patience = PATIENCE;
    loop {
        match told.recv_timeout(patience) {
            Ok(Word::Waits) => patience = Duration::MAX,
            Ok(Word::Done(prepared)) => {
                let _ = looking.join();
                return prepared;
            }
            Err(RecvTimeoutError::Timeout) => {
                let why = io::Error::new(ErrorKind::TimedOut, "no answer; check the disk or network that they are on");
                return Err(Error::sys("look at", "the files that are named", why));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Disconnected),
        }
    }
}

/// What is named twice, or read as well: wrong usage, in words.
fn clash(options: &Play) -> Option<String> {
    let writes: Vec<(&str, PathBuf)> = named(options);
    if writes.is_empty() {
        return None;
    }
    let films: Vec<PathBuf> = options.inputs.iter().flat_map(input::files).collect();
    let given = options.sub.iter().map(|name| ("--sub", name.as_path().to_owned()));
    let beside = subtitles::beside_all(&films).into_iter().map(|path| ("the subtitles beside the input", path));
    let reads = films.into_iter().map(|path| ("the input", path));
    output::clash(writes, reads.chain(given).chain(beside))
}

/// The outputs of `options`.
fn named(options: &Play) -> Vec<(&'static str, PathBuf)> {
    let mut named = Vec::new();
    named.extend(options.report.clone().map(|path| ("--report", path)));
    if let Display::Is(DisplaySpec::FrameMd5(path)) = &options.display {
        named.push(("--display framemd5", path.as_path().to_owned()));
    }
    if let Audio::Is(SinkSpec::Wav(path)) = &options.audio {
        named.push(("--audio wav", path.as_path().to_owned()));
    }
    named
}

/// What is written in the course of a session. The supervisor opens all of it; roles get descriptors.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) report: Option<Output>,
    /// What the renderer writes.
    pub(crate) pictures: Option<Writer>,
    /// What the audio role writes.
    pub(crate) sound: Option<Writer>,
}

impl Outputs {
    /// What is to be removed if the supervisor is killed.
    pub(crate) fn unfinished(&self) -> Vec<Unfinished> {
        [&self.pictures, &self.sound].into_iter().flatten().filter_map(Writer::unfinished).collect()
    }

    /// Whether pictures go to somebody who may take any time to read them.
    pub(crate) fn is_read_slowly(&self) -> bool {
        matches!(self.pictures, Some(Writer::Straight(_)))
    }

    /// Nobody writes any more. What was written is there now; where nothing was, what stood there stays, unless the film has `ended`.
    pub(crate) fn finish(&mut self, options: &Play, ended: bool) -> Result<()> {
        let writers = [("--display framemd5", self.pictures.take()), ("--audio wav", self.sound.take())];
        for (option, writer) in writers {
            let Some(writer) = writer else { continue };
            if ended || writer.file().metadata().is_ok_and(|file| file.len() > 0) {
                let path = named(options).into_iter().find(|named| named.0 == option).map(|named| named.1);
                writer.finish().map_err(|e| refused("write", &path.unwrap_or_default(), &e))?;
            }
        }
        Ok(())
    }
}

/// Finds out that all of them can be written, and opens them.
fn open(options: &Play, tell: &Sender<Word>) -> Result<Outputs> {
    let mut outputs = Outputs::default();
    for (option, path) in named(options) {
        let refused = |e| refused("write", &path, &e);
        let output = Output::open(&path, || waits(&path, tell)).map_err(refused)?;
        match option {
            "--report" => outputs.report = Some(output),
            "--audio wav" => outputs.sound = Some(output.begin().map_err(refused)?.unblocked()),
            _ => outputs.pictures = Some(output.begin().map_err(refused)?.unblocked()),
        }
    }
    Ok(outputs)
}

fn waits(path: &Path, tell: &Sender<Word>) {
    let _ = tell.send(Word::Waits);
    let _ = writeln!(stderr(), "tricine: waiting for somebody to read {}", shown(path));
}

/// Writes the report. A reader of standard output that has gone away is no error.
pub(crate) fn write(output: Output, report: &Value) -> Result<()> {
    let (name, stdout) = (output.name().to_owned(), output.is_stdout());
    match output.write(format!("{report:#}\n").as_bytes()) {
        Err(e) if stdout && e.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|e| refused("write", &name, &e)),
    }
}
