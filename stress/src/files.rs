//! The files that a measurement reads and writes: all of them found readable or writable before it begins.

use std::io::Write;
use std::path::{Path, PathBuf};

use tricine_session::Result;
use tricine_session::output::{self, Output, refused};

use crate::Options;

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
        let open = |path: &Option<PathBuf>| {
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
    let named = |option: &'static str, path: &Option<PathBuf>| Some((option, path.clone()?));
    let writes =
        [named("--report", &options.report), named("--html", &options.html), named("--samples", &options.samples)];
    output::clash(writes.into_iter().flatten(), named("--compare", &options.compare))
}

/// Writes `bytes` to `output`. A reader of standard output that has gone away is no error.
pub(crate) fn write(output: Output, bytes: &[u8]) -> Result<()> {
    let (name, stdout) = (output.name().to_owned(), output.is_stdout());
    match output.write(bytes) {
        Err(e) if stdout && e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|e| refused("write", &name, &e)),
    }
}
