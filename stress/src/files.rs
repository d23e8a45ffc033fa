//! The files that a measurement reads and writes: all of them found readable or writable before it begins.

use std::io::Write;
use std::path::Path;

use tricine_session::{Error, Result};

use crate::Options;
use crate::output::{Identity, Output, identity};

/// Where everything goes.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) report: Option<Output>,
    pub(crate) html: Option<Output>,
    pub(crate) samples: Option<Output>,
}

impl Files {
    /// Opens them.
    pub(crate) fn open(options: &Options) -> Result<Self> {
        let open = |path: &Option<std::path::PathBuf>| {
            let waits = |path: &Path| {
                let _ = writeln!(std::io::stderr(), "tricine stress: waiting for somebody to read {}", path.display());
            };
            let opened =
                path.as_deref().map(|path| Output::open(path, || waits(path)).map_err(|e| refused("write", path, &e)));
            opened.transpose()
        };
        Ok(Self { report: open(&options.report)?, html: open(&options.html)?, samples: open(&options.samples)? })
    }

    /// Whether one of them is standard output: then nothing else goes there.
    pub(crate) fn take_stdout(&self) -> bool {
        [&self.report, &self.html, &self.samples].into_iter().flatten().any(Output::is_stdout)
    }
}

/// What is named twice, which is wrong usage.
pub(crate) fn clash(options: &Options) -> Option<String> {
    let named = [
        ("--report", &options.report),
        ("--html", &options.html),
        ("--samples", &options.samples),
        ("--compare", &options.compare),
    ];
    let known: Vec<(&str, &Path, Identity)> = named
        .iter()
        .filter_map(|(option, path)| Some((*option, path.as_deref()?, identity(path.as_deref()?)?)))
        .collect();
    for (i, (option, path, identity)) in known.iter().enumerate() {
        if let Some((other, ..)) = known[i + 1..].iter().find(|(_, _, other)| other == identity) {
            let why = if *other == "--compare" { "cannot be read and written" } else { "cannot have both" };
            return Some(format!("{option} and {other}: {} {why}; name another", path.display()));
        }
    }
    None
}

/// Writes `bytes` to `output`. A reader of standard output that has gone away is no error.
pub(crate) fn write(output: Output, bytes: &[u8]) -> Result<()> {
    let (name, stdout) = (output.name().to_owned(), output.is_stdout());
    match output.write(bytes) {
        Err(e) if stdout && e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|e| refused("write", &name, &e)),
    }
}

/// Why a file of the user's cannot be read or written, and what can be done.
pub(crate) fn refused(call: &'static str, path: &Path, why: &std::io::Error) -> Error {
    use std::io::ErrorKind::{
        IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull,
    };
    let advice = match (call, why.kind()) {
        ("write", NotFound | NotADirectory) => "; make its folder first, or choose another",
        ("write", PermissionDenied | ReadOnlyFilesystem) => "; choose a folder that you may write to",
        (_, NotFound) => "; name a report that an earlier run wrote with --report",
        (_, PermissionDenied) => "; allow yourself to read it, or name another",
        (_, IsADirectory) => "; name a file in it",
        (_, StorageFull) => "; make room there, or choose another folder",
        _ => "",
    };
    Error::sys(call, path.display().to_string(), std::io::Error::new(why.kind(), format!("{why}{advice}")))
}
