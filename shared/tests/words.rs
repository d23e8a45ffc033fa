//! The crate is the pattern and nothing else: no word of what a program does with it is left in its sources.

use std::path::Path;

/// Words of a media player, of its processes and commands, and of measuring.
const FOREIGN: [&str; 34] = [
    "film",
    "films",
    "movie",
    "player",
    "play",
    "plays",
    "video",
    "audio",
    "sound",
    "decoder",
    "decoders",
    "renderer",
    "codec",
    "subtitle",
    "subtitles",
    "screen",
    "display",
    "window",
    "pixel",
    "pixels",
    "picture",
    "pictures",
    "role",
    "roles",
    "janitor",
    "measure",
    "measures",
    "measured",
    "measuring",
    "measurement",
    "stress",
    "lesson",
    "lessons",
    "soundtrack",
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_word_of_film_role_or_measurement_is_left() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = vec![("README.md".to_owned(), std::fs::read_to_string(crate_dir.join("README.md")).unwrap())];
    for folder in ["src", "examples"] {
        sources(&crate_dir.join(folder), &mut texts);
    }
    assert!(texts.len() > 30, "only {} files were found", texts.len());
    let mut foreign = Vec::new();
    for (name, text) in &texts {
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            // A trait of the standard library's is called Display.
            let line = line.replace("fmt::display", "");
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
            // A command of the program's, with its backtick in front.
            if words.any(|word| FOREIGN.contains(&word)) || line.contains("`tricine ") {
                foreign.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(foreign.is_empty(), "{}", foreign.join("\n"));
}
