//! Where lessons come from: those that ship, a folder of somebody's own, one file, or a bare program.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use tricine_lab::lesson::{self, Lesson};
use tricine_session::name::harmless;

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
            let path = Path::new(id);
            let one = if id.ends_with(".md") { lesson_in(path, &read(path)?)? } else { program(path)? };
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
        let lessons = files.iter().map(|f| lesson_in(f, &read_regular(f)?)).collect::<Result<Vec<_>>>()?;
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

fn lesson_in(path: &Path, text: &str) -> Result<Lesson> {
    Lesson::parse(text).map_err(|e| Error::Usage(format!("{}, {e}", path.display())))
}

/// A program without a lesson around it.
fn program(path: &Path) -> Result<Lesson> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let program = read(path)?;
    tricine_lab::lang::parse(&program).map_err(|e| Error::Usage(format!("{}, {e}", path.display())))?;
    Ok(Lesson { id: path.display().to_string(), title: name, program, ..Lesson::default() })
}

/// A file's text; `-` is standard input. A mark of the byte order at its beginning, which some editors write, is left out.
///
/// # Errors
/// It cannot be read, is too long, or is no text: no UTF-8, or with characters that would do something to a terminal.
pub fn read(path: &Path) -> Result<String> {
    let named = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let refused = |e: std::io::Error| Error::Usage(format!("cannot read {named}: {e}"));
    if path == Path::new("-") {
        return text(&named, std::io::stdin());
    }
    text(&named, std::fs::File::open(path).map_err(refused)?)
}

/// The same of a file that nobody has named: one that would wait, such as a FIFO, is refused.
///
/// # Errors
/// As [`read`], and it is no regular file.
pub(crate) fn read_regular(path: &Path) -> Result<String> {
    let named = path.display().to_string();
    let refused = |e: std::io::Error| Error::Usage(format!("cannot read {named}: {e}"));
    let file =
        std::fs::File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).map_err(refused)?;
    if !file.metadata().map_err(refused)?.is_file() {
        return Err(Error::Usage(format!("{named} is a folder or a device, not a file")));
    }
    text(&named, file)
}

fn text(named: &str, file: impl Read) -> Result<String> {
    let mut bytes = vec![];
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::Usage(format!("cannot read {named}: {e}")))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::Usage(format!("{named} is longer than 1 MiB: no program of the lab is")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Error::Usage(format!("{named} is no text in UTF-8")))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    for (n, line) in text.lines().enumerate() {
        if let Some(c) = line.chars().find(|c| unseen(*c)) {
            let (n, c) = (n + 1, u32::from(c));
            return Err(Error::Usage(format!(
                "{named}, line {n}: the character U+{c:04X} cannot be seen; take it out"
            )));
        }
    }
    Ok(text)
}

/// Whether a character does something to a terminal, or takes no place in the text.
fn unseen(c: char) -> bool {
    c != '\t' && (!harmless(c) || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}'))
}

/// A message that may have a file's name in it, for a terminal.
pub(crate) fn told(text: &str) -> String {
    let plain = |c: char| c == '\n' || harmless(c);
    text.chars().map(|c| if plain(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}
