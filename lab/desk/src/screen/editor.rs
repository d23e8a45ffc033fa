//! The learner's editor. The program lies in a file; whenever that file is saved, by whatever editor, it is marked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use tricine_session::output::Output;

use crate::{Error, Result};

/// The file that a learner edits. It stays: it is the learner's.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    seen: Option<SystemTime>,
}

impl Draft {
    /// Writes this text into the file. What another one left there is in the progress as well.
    pub(crate) fn create(path: PathBuf, text: &str) -> Result<Self> {
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| Output::open(&path, || {})?.write(text.as_bytes()));
        written.map_err(|e| {
            Error::Usage(format!("cannot write {}: {e}; set XDG_STATE_HOME to a folder of yours", path.display()))
        })?;
        let seen = changed(&path);
        Ok(Self { path, seen })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The text, if it was saved since it was asked for last.
    pub(crate) fn saved(&mut self) -> Option<Result<String>> {
        let now = changed(&self.path)?;
        if self.seen == Some(now) {
            return None;
        }
        self.seen = Some(now);
        Some(crate::course::read_regular(&self.path))
    }

    /// Whether somebody has removed it.
    pub(crate) fn is_gone(&self) -> bool {
        changed(&self.path).is_none()
    }

    /// Opens the editor and waits for it: `$VISUAL`, `$EDITOR`, or what there is.
    pub(crate) fn edit(&self) -> Result<()> {
        let set = |name: &str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
        let there = |name: &&str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|p| p.join(name).is_file())
        };
        let known = || ["nano", "vim", "vi", "ed"].iter().find(|n| there(n)).map(|n| (*n).to_owned());
        let nothing = "there is no editor: set EDITOR, for example `export EDITOR=nano`";
        let editor =
            set("VISUAL").or_else(|| set("EDITOR")).or_else(known).ok_or_else(|| Error::Usage(nothing.into()))?;
        // By the shell: an editor may have options.
        let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&self.path).status();
        match status {
            Ok(s) if s.success() => Ok(()),
            Ok(s) => Err(Error::Usage(format!("the editor `{editor}` ended with {s}; EDITOR says which one is used"))),
            Err(e) => Err(Error::Usage(format!("cannot start the editor `{editor}`: {e}"))),
        }
    }
}

/// When it was changed last; editors that replace the file are seen as well.
fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|m| m.modified()).ok()
}
