//! What the user named for writing: no two of them are one, none is an input, and all can be written before the film begins.

use std::io::{ErrorKind, Write, stderr};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tricine_session::Result;
use tricine_session::link::{DisplaySpec, SinkSpec};
use tricine_session::name::shown;
use tricine_session::output::{self, Output, refused};

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

/// Finds out that all of them can be written, and opens the report.
pub(crate) fn open(options: &Play) -> Result<Option<Output>> {
    let mut report = None;
    for (option, path) in named(options) {
        let output = Output::open(&path, || waits(&path)).map_err(|e| refused("write", &path, &e))?;
        if option == "--report" {
            report = Some(output);
        }
    }
    Ok(report)
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
