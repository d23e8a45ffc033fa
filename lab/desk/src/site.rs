//! The lab for browsers, as a folder of files: any server can hold it, and it opens from a disk as well. The engine in it is
//! `assets/lab.wasm`, which `lab/web/build` makes of the crate `tricine-lab-web`.

use std::path::Path;

use tricine_lab::html::{STYLE, VIEW, json};
use tricine_lab::lesson::Lesson;

use crate::command::out;
use crate::course::Course;
use crate::{Error, Result};

/// `assets/lab.wasm`, packed by `build.rs`.
const ENGINE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lab.wasm.z"));
const INDEX: &str = include_str!("../../web/site/index.html");
const MORE_STYLE: &str = include_str!("../../web/site/site.css");
const SCRIPTS: [&str; 5] = [
    VIEW,
    include_str!("../../web/site/markdown.js"),
    include_str!("../../web/site/state.js"),
    include_str!("../../web/site/worker.js"),
    include_str!("../../web/site/lab.js"),
];

/// Writes the course, or one lesson of it.
pub(crate) fn write(course: &Course, lesson: Option<Lesson>, folder: &Path) -> Result<i32> {
    let refused = |at: &Path, e: std::io::Error| Error::Usage(format!("cannot write {}: {e}", at.display()));
    std::fs::create_dir_all(folder).map_err(|e| refused(folder, e))?;
    let lessons = lesson.map_or_else(|| course.lessons.clone(), |l| vec![l]);
    let place = if course.place.is_empty() { String::new() } else { format!("{} ", course.place) };
    // A page that was opened from a disk may load scripts, and nothing else: so lessons and engine are scripts.
    let engine = miniz_oxide::inflate::decompress_to_vec_zlib(ENGINE)
        .map_err(|e| Error::Lost(format!("the engine within this program: {e}")))?;
    let files = [
        ("lessons.js", format!("const PLACE = {}, LESSONS = {};\n", json(&place), json(&lessons))),
        ("engine.js", format!("const ENGINE = \"{}\";\n", base64(&engine))),
        ("lab.css", [STYLE, MORE_STYLE].concat()),
        ("lab.js", SCRIPTS.concat()),
        ("index.html", INDEX.to_owned()),
    ];
    for (name, text) in files {
        let at = folder.join(name);
        std::fs::write(&at, text).map_err(|e| refused(&at, e))?;
    }
    out(&format!("{}: open it in a browser, or put the folder on any server.\n", folder.join("index.html").display()));
    Ok(0)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let bits = part.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - part.len()));
        for k in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * k) & 63) as usize];
            text.push(if k <= part.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_what_browsers_read() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
