//! The learner's editor. The program lies in a file; whenever that file is saved, by whatever editor, it is marked.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::{Error, Result};

/// The file that a learner edits. It goes when the lesson is left.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    seen: Option<SystemTime>,
}

impl Draft {
    /// A new file with this text, that nobody else can read.
    pub(crate) fn create(id: &str, text: &str) -> Result<Self> {
        let plain: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
        let folder = std::env::temp_dir();
        for n in 0..100 {
            let path = folder.join(format!("tricine-lab-{}-{plain}-{n}.lab", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes()).map_err(|e| refused("write", &path, &e))?;
                    let seen = changed(&path);
                    return Ok(Self { path, seen });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(refused("make", &path, &e)),
            }
        }
        Err(Error::Usage(format!("there is no room for a file in {}", folder.display())))
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
        Some(crate::course::read(&self.path))
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

impl Drop for Draft {
    fn drop(&mut self) {
        // The learner's lines are kept with the progress.
        let _ = fs::remove_file(&self.path);
    }
}

/// When it was changed last; editors that replace the file are seen as well.
fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn refused(what: &str, path: &Path, e: &std::io::Error) -> Error {
    Error::Usage(format!("cannot {what} {}: {e}", path.display()))
}
