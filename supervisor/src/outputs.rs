//! What the user named for writing: no two of them are one, none is an input, and all can be written before the film begins.

use std::io::{ErrorKind, Write, stderr};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tricine_session::Result;
use tricine_session::link::{DisplaySpec, SinkSpec};
use tricine_session::name::shown;
use tricine_session::output::{self, Output, Writer, refused};

use crate::cli::{Audio, Display, Play};
use crate::input;

/// What is named twice, or read as well: wrong usage, in words.
pub(crate) fn clash(options: &Play) -> Option<String> {
    let writes: Vec<(&str, PathBuf)> = named(options);
    if writes.is_empty() {
        return None;
    }
    let reads = options.inputs.iter().flat_map(input::files).map(|path| ("the input", path));
    output::clash(writes, reads)
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
pub(crate) fn open(options: &Play) -> Result<Outputs> {
    let mut outputs = Outputs::default();
    for (option, path) in named(options) {
        let refused = |e| refused("write", &path, &e);
        let output = Output::open(&path, || waits(&path)).map_err(refused)?;
        match option {
            "--report" => outputs.report = Some(output),
            "--audio wav" => outputs.sound = Some(output.begin().map_err(refused)?),
            _ => outputs.pictures = Some(output.begin().map_err(refused)?),
        }
    }
    Ok(outputs)
}

fn waits(path: &Path) {
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
