//! Where lessons come from: those that ship, a folder of somebody's own, one file, or a bare program.

use std::io::Read;
use std::path::Path;

use tricine_lab::lesson::{self, Lesson};

use crate::{Error, Result};

/// Bytes of the longest file that is read: far more than any program.
const LONGEST: u64 = 1 << 20;

/// Lessons in their order.
#[derive(Debug, Clone)]
pub struct Course {
    /// The lessons.
    pub lessons: Vec<Lesson>,
    /// What to type in front of a lesson's number: empty for those that ship.
    pub place: String,
}

impl Course {
    /// What a command line means: the course, and the lesson and schedule in it.
    ///
    /// # Errors
    /// A file that cannot be read, or a lesson that is not there.
    pub fn find(what: Option<&str>, lesson: Option<&str>) -> Result<(Self, Option<Lesson>, Option<String>)> {
        let Some(what) = what else { return Ok((Self::shipped()?, None, None)) };
        let path = Path::new(what);
        if path.is_dir() {
            let course = Self::folder(path)?;
            let (id, schedule) = split(lesson);
            let found = id.map(|id| course.lesson(id)).transpose()?;
            return Ok((course, found, schedule));
        }
        if let Some(more) = lesson {
            return Err(Error::Usage(format!(
                "{more}: only after a folder there is a second name, and {what} is none"
            )));
        }
        let (id, schedule) = split(Some(what));
        let id = id.unwrap_or(what);
        if [".lab", ".md"].iter().any(|e| id.ends_with(e)) {
            let one = if id.ends_with(".md") { from_file(Path::new(id))? } else { program(Path::new(id))? };
            return Ok((Self { lessons: vec![one.clone()], place: id.into() }, Some(one), schedule));
        }
        let course = Self::shipped()?;
        let found = course.lesson(id)?;
        Ok((course, Some(found), schedule))
    }

    fn shipped() -> Result<Self> {
        let lessons = lesson::all().map_err(|e| Error::Usage(format!("a lesson that ships: {e}")))?;
        Ok(Self { lessons, place: String::new() })
    }

    fn folder(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let all = std::fs::read_dir(path).map_err(|e| Error::Usage(format!("cannot read the folder {name}: {e}")))?;
        let is_lesson = |p: &std::path::PathBuf| {
            p.extension().is_some_and(|e| e == "md") && p.file_stem().is_some_and(|s| !s.eq_ignore_ascii_case("readme"))
        };
        let mut files: Vec<_> = all.flatten().map(|e| e.path()).filter(is_lesson).collect();
        files.sort();
        if files.is_empty() {
            let advice =
                "a lesson is a Markdown file whose name ends with .md; docs/lab-lessons.md says how to write one";
            return Err(Error::Usage(format!("there is no lesson in {name}: {advice}")));
        }
        let lessons = files.iter().map(|f| from_file(f)).collect::<Result<Vec<_>>>()?;
        for (i, l) in lessons.iter().enumerate() {
            if let Some(k) = lessons[..i].iter().position(|o| o.id == l.id) {
                let (one, other) = (files[k].display(), files[i].display());
                return Err(Error::Usage(format!(
                    "{one} and {other} are both lesson {}: change one's first line",
                    l.id
                )));
            }
        }
        Ok(Self { lessons, place: name })
    }

    fn lesson(&self, id: &str) -> Result<Lesson> {
        let found = self.lessons.iter().find(|l| l.id == id.trim_start_matches('0'));
        let ids: Vec<&str> = self.lessons.iter().map(|l| l.id.as_str()).collect();
        let advice = format!("there are {}; `tricine lab {}--list` says what they are about", ids.join(", "), {
            if self.place.is_empty() { String::new() } else { format!("{} ", self.place) }
        });
        found.cloned().ok_or_else(|| {
            Error::Usage(format!("there is no lesson {id}, and no file or folder of that name: {advice}"))
        })
    }
}

/// `8@a4Xa`: the lesson and a schedule.
fn split(text: Option<&str>) -> (Option<&str>, Option<String>) {
    let Some(text) = text else { return (None, None) };
    match text.split_once('@') {
        Some((id, schedule)) => (Some(id), Some(schedule.to_owned())),
        None => (Some(text), None),
    }
}

fn from_file(path: &Path) -> Result<Lesson> {
    let text = read(path)?;
    Lesson::parse(&text).map_err(|e| Error::Usage(format!("{}, {e}", path.display())))
}

/// A program without a lesson around it.
fn program(path: &Path) -> Result<Lesson> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let program = read(path)?;
    tricine_lab::lang::parse(&program).map_err(|e| Error::Usage(format!("{}, {e}", path.display())))?;
    Ok(Lesson { id: path.display().to_string(), title: name, program, ..Lesson::default() })
}

/// A file's text; `-` is standard input.
///
/// # Errors
/// It cannot be read, is too long, or is no text.
pub fn read(path: &Path) -> Result<String> {
    let named = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let refused = |e: std::io::Error| Error::Usage(format!("cannot read {named}: {e}"));
    let mut bytes = vec![];
    if path == Path::new("-") {
        std::io::stdin().take(LONGEST + 1).read_to_end(&mut bytes).map_err(refused)?;
    } else {
        let file = std::fs::File::open(path).map_err(refused)?;
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(refused)?;
    }
    if bytes.len() as u64 > LONGEST {
        return Err(Error::Usage(format!("{named} is longer than 1 MiB: no program of the lab is")));
    }
    String::from_utf8(bytes).map_err(|_| Error::Usage(format!("{named} is no text in UTF-8")))
}
