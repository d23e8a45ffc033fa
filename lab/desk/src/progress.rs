//! What a learner has done: in `$XDG_STATE_HOME/tricine/lab.json`, written whole or not at all. A file that cannot be read is
//! left as it is, and nothing is kept then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tricine_lab::lesson::Lesson;
use tricine_session::output::Output;

use crate::course::Course;

const SCHEMA: &str = "tricine.lab-progress/1";

/// One lesson's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    /// For each question, the answers that were ticked.
    pub(crate) predicted: Vec<Vec<usize>>,
    /// How many hints were looked at.
    pub(crate) hints: usize,
    /// The learner's lines, if they are other than the lesson's.
    pub(crate) text: Option<String>,
    /// When it was marked right first, in seconds since 1970.
    pub(crate) right_at: Option<u64>,
    /// How many repairs were marked wrong before.
    pub(crate) wrong: usize,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    schema: String,
    /// The lesson that was open last.
    last: Option<String>,
    lessons: BTreeMap<String, Entry>,
}

/// All lessons'.
#[derive(Debug)]
pub(crate) struct Progress {
    path: Option<PathBuf>,
    /// In front of a lesson's number: other courses have a lesson 1 as well.
    place: String,
    kept: Kept,
    /// Why nothing is kept.
    pub(crate) trouble: Option<String>,
}

/// `$XDG_STATE_HOME/tricine/lab.json`; relative paths do not count.
fn path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("tricine/lab.json"))
}

impl Progress {
    /// What is kept for the lessons of a course.
    pub(crate) fn of(course: &Course) -> Self {
        let place = match std::fs::canonicalize(&course.place) {
            Ok(p) if !course.place.is_empty() => format!("{}#", p.display()),
            _ => String::new(),
        };
        let mut me = Self { path: path(), place, kept: Kept::default(), trouble: None };
        let Some(path) = &me.path else { return me };
        if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            me.broken("it is no file");
            return me;
        }
        match std::fs::read(path) {
            Ok(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
                Ok(kept) if kept.schema == SCHEMA => me.kept = kept,
                Ok(other) => me.broken(&format!("it is {:?} and not {SCHEMA}", other.schema)),
                Err(e) => me.broken(&e.to_string()),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => me.broken(&e.to_string()),
        }
        me
    }

    fn broken(&mut self, why: &str) {
        let path = self.path.take().unwrap_or_default();
        self.trouble = Some(format!(
            "progress is not kept: cannot read {}: {why}; move it away, or set XDG_STATE_HOME",
            path.display()
        ));
    }

    /// A lesson's.
    pub(crate) fn get(&self, lesson: &Lesson) -> Entry {
        self.kept.lessons.get(&self.key(lesson)).cloned().unwrap_or_default()
    }

    fn key(&self, lesson: &Lesson) -> String {
        format!("{}{}", self.place, lesson.id)
    }

    /// Whether a lesson was marked right.
    pub(crate) fn is_done(&self, lesson: &Lesson) -> bool {
        self.kept.lessons.get(&self.key(lesson)).is_some_and(|e| e.right_at.is_some())
    }

    /// The lesson of this course that was open last.
    pub(crate) fn last(&self) -> Option<&str> {
        let last = self.kept.last.as_deref()?.strip_prefix(&self.place)?;
        (!last.contains('#')).then_some(last)
    }

    /// Where the learner edits a lesson's program: beside the progress, so that a killed lab loses nothing.
    pub(crate) fn draft(&self, lesson: &Lesson) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = self.key(lesson).chars().map(plain).collect();
        let folder = path().and_then(|p| Some(p.parent()?.join("lab"))).unwrap_or_else(std::env::temp_dir);
        folder.join(format!("{}.lab", name.trim_matches('-')))
    }

    /// Changes a lesson's, and keeps it.
    pub(crate) fn change(&mut self, lesson: &Lesson, change: impl FnOnce(&mut Entry)) {
        let key = self.key(lesson);
        let mut entry = self.get(lesson);
        change(&mut entry);
        self.kept.lessons.insert(key.clone(), entry);
        self.kept.last = Some(key);
        self.keep();
    }

    fn keep(&mut self) {
        let Some(path) = &self.path else { return };
        self.kept.schema = SCHEMA.into();
        let kept = serde_json::to_vec_pretty(&self.kept).map_err(std::io::Error::other);
        let written = kept.and_then(|bytes| {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            Output::open(path, || {})?.write(&bytes)
        });
        if let Err(e) = written {
            self.trouble = Some(format!(
                "progress is not kept: cannot write {}: {e}; set XDG_STATE_HOME to a folder of yours",
                path.display()
            ));
            self.path = None;
        }
    }
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
