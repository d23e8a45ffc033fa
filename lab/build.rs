//! Takes the shipped lines that lessons show from the sources: an item of a lesson's `## Shipped`, such as
//! "- `shared/src/channel/recover.rs`, `pub fn recover<`: why", names a file and how the first line begins. What is not there any more
//! does not build.

use std::fmt::Write;
use std::path::Path;

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let (here, out) = (Path::new(&here), std::env::var("OUT_DIR").expect("cargo sets it"));
    let mut table = String::from("&[\n");
    println!("cargo::rerun-if-changed=lessons");
    let mut lessons: Vec<_> =
        std::fs::read_dir(here.join("lessons")).expect("the lessons").flatten().map(|e| e.path()).collect();
    lessons.sort();
    for lesson in lessons {
        let text = std::fs::read_to_string(&lesson).expect("a lesson");
        let Some(section) = text.split("\n## Shipped\n").nth(1) else { continue };
        for item in section.split("\n## ").next().unwrap_or("").lines().filter(|l| l.starts_with("- `")) {
            let mut marks = item.split('`').skip(1).step_by(2);
            let (Some(file), Some(mark)) = (marks.next(), marks.next()) else {
                panic!("{}: `{item}`: expected - `file`, `how its first line begins`: why", lesson.display());
            };
            let path = here.join("..").join(file);
            println!("cargo::rerun-if-changed={}", path.display());
            let source = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {file}: {e}", lesson.display()));
            let (line, code) = part(&source, mark).unwrap_or_else(|| {
                panic!("{}: {file} has no line, or more than one, that begins with `{mark}`", lesson.display())
            });
            let _ = writeln!(table, "({file:?}, {mark:?}, {line}, {code:?}),");
        }
    }
    table.push(']');
    std::fs::write(Path::new(&out).join("shipped.rs"), table).expect("the table");
}

/// From the one line that begins with `mark` to the line that closes its block: the first one that is indented no more. With
/// the number of its first line.
fn part(source: &str, mark: &str) -> Option<(usize, String)> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = (0..lines.len()).filter(|i| lines[*i].trim_start().starts_with(mark));
    let (first, None) = (found.next()?, found.next()) else { return None };
    let indent = |l: &str| l.len() - l.trim_start().len();
    let margin = indent(lines[first]);
    let closes = |l: &&str| indent(l) == margin && (l.trim_start().starts_with('}') || l.trim_end().ends_with(';'));
    let opens = lines[first].trim_end().ends_with(';');
    let last = if opens { first } else { first + 1 + lines[first + 1..].iter().position(closes)? };
    let cut = |l: &&str| l.get(margin.min(l.len())..).unwrap_or("").to_owned();
    Some((first + 1, lines[first..=last].iter().map(cut).collect::<Vec<_>>().join("\n")))
}
