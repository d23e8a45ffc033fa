//! Repairs that no lesson names, right and wrong ones: what a stranger hands in. `repairs/` has one in each file. Its first line
//! says whose lesson it is, or that it is a whole program, and what it has to be marked as; the second one says why.

use std::collections::BTreeSet;

use tricine_lab::lesson;
use tricine_lab::model::search::Limits;
use tricine_lab::verdict::{Verdict, mark};

#[test]
fn what_strangers_hand_in_is_marked_as_thinking_says() {
    let all = lesson::all().expect("all lessons can be read");
    let (mut right, mut wrong, mut lessons) = (0, 0, BTreeSet::new());
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/repairs")).expect("the folder");
    for file in folder.flatten() {
        let (name, text) = (file.file_name(), std::fs::read_to_string(file.path()).expect("a repair"));
        let mut head = text.lines();
        let first = head.next().and_then(|l| l.strip_prefix("# ")).and_then(|l| l.split_once(": "));
        let (of, expected) = first.unwrap_or_else(|| panic!("{name:?}: no first line"));
        assert!(head.next().is_some_and(|why| why.len() > 20 && why.starts_with("# ")), "{name:?} says why");
        let verdict = match of.strip_prefix("lesson ") {
            Some(id) => {
                let lesson = all.iter().find(|l| l.id == id).unwrap_or_else(|| panic!("{name:?}: no lesson {id}"));
                lessons.insert(id.to_owned());
                tricine_lab::check(lesson, &text)
            }
            None => mark(&text, Limits::default()),
        };
        let kind = match &verdict {
            Verdict::Wrong(w) => w.kind.name(),
            other => other.name(),
        };
        assert_eq!(kind, expected, "{name:?}: {verdict}");
        *(if expected == "right" { &mut right } else { &mut wrong }) += 1;
    }
    let with_programs = all.iter().filter(|l| !l.program.is_empty());
    assert_eq!(lessons, with_programs.map(|l| l.id.clone()).collect(), "each lesson has some");
    assert!(right >= 24 && wrong >= 40, "{right} right, {wrong} wrong");
}
