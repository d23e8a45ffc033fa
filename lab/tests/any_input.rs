//! Whatever is typed: nothing panics, every error points into the text, and what can be read can be marked and replayed.

use proptest::prelude::*;
use tricine_lab::lesson::{self, Lesson};
use tricine_lab::model::search::Limits;
use tricine_lab::verdict::{Verdict, mark};
use tricine_lab::{html, lang, run, schedule};

const LIMITS: Limits = Limits { states: 2_000, bytes: 16 << 20 };

/// Pieces of the language, so that random texts get past the first word.
const PIECES: [&str; 64] = [
    "shared", "frame", "sem", "const", "scene", "process", "after", "death", "of", "expect", "deaths", "memory", "tso",
    "while", "if", "else", "break", "wait", "post", "try", "cas", "swap", "add", "fence", "fill", "with", "read",
    "use", "enter", "leave", "always", "adds", "to", "enters", "some", "once", "nothing", "and", "not", "true",
    "rests", "x", "y", "ann", "bob", "s", "slot", "0", "1", "3", "9999", "=", "==", "<", "+", "-", "%", "/", "(", ")",
    "[", "]", ":", ",",
];

fn any_program() -> impl Strategy<Value = String> {
    let line = (0usize..4, prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..8));
    prop::collection::vec(line, 0..14).prop_map(|lines| {
        lines.into_iter().map(|(indent, words)| format!("{}{}\n", "    ".repeat(indent), words.join(" "))).collect()
    })
}

/// A lesson's program with some lines and characters changed.
fn mutated() -> impl Strategy<Value = String> {
    let all: Vec<String> = lesson::all().expect("lessons").iter().map(|l| l.program.clone()).collect();
    let change = (any::<prop::sample::Index>(), 0u8..6, prop::sample::select(PIECES.to_vec()));
    (prop::sample::select(all), prop::collection::vec(change, 1..6)).prop_map(|(text, changes)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, kind, piece) in changes {
            let i = at.index(chars.len().max(1)).min(chars.len());
            let end_of_line = chars[i..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| i + n + 1);
            match kind {
                0 => drop(chars.drain(i..end_of_line)),
                1 => drop(chars.splice(i..i, piece.chars())),
                2 => chars.truncate(i),
                3 => drop(chars.splice(i..(i + 1).min(chars.len()), ['\u{e9}'])),
                4 => {
                    let line: Vec<char> = chars[i..end_of_line].to_vec();
                    chars.splice(i..i, line);
                }
                _ => drop(chars.splice(i..(i + piece.len()).min(chars.len()), piece.chars())),
            }
        }
        chars.into_iter().collect()
    })
}

fn never_panics(text: &str) {
    match lang::parse(text) {
        Err(e) => {
            assert!(e.line >= 1 && e.line <= text.lines().count().max(1), "{e}\n{text}");
            let length = text.lines().nth(e.line - 1).map_or(0, |l| l.chars().count());
            assert!(e.column >= 1 && e.column <= length + 2, "{e}\n{text}");
            assert!(!e.found.is_empty() && !e.expected.is_empty() && !e.example.is_empty(), "{e}");
        }
        Ok(programs) => {
            let few = &programs[..programs.len().min(3)];
            let v = tricine_lab::verdict::mark_programs(few, LIMITS);
            if let Verdict::Wrong(w) = &v {
                let p = &few[w.instance];
                let acts =
                    schedule::parse(&format!("{}{}", w.schedule, w.then), p.processes.len()).expect("its own schedule");
                run::replay(p, &acts);
            }
            let _ = (v.to_string(), v.json("x"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_characters(text in "(?s).{0,300}") {
        never_panics(&text);
        let _ = (Lesson::parse(&text).is_ok(), schedule::parse(&text, 3).is_ok());
    }

    #[test]
    fn random_words(text in any_program()) {
        never_panics(&text);
    }

    #[test]
    fn changed_programs(text in mutated()) {
        never_panics(&text);
    }

    #[test]
    fn changed_lessons(at in any::<prop::sample::Index>(), which in 0usize..13, cut in any::<bool>()) {
        let text = lesson::FILES[which % lesson::FILES.len()].1;
        let mut chars: Vec<char> = text.chars().collect();
        let i = at.index(chars.len());
        if cut { chars.truncate(i) } else { drop(chars.drain(i..(i + 7).min(chars.len()))) }
        if let Ok(l) = Lesson::parse(&chars.into_iter().collect::<String>()) {
            let _ = l.markdown(true);
        }
    }

    /// A schedule that is printed and read again is the same; any schedule can be replayed.
    #[test]
    fn schedules(picks in prop::collection::vec((0usize..3, 0usize..2), 0..60), which in 0usize..13) {
        use schedule::Act;
        let acts: Vec<Act> = picks.iter().map(|(k, i)| match k { 0 => Act::Step(*i), 1 => Act::Kill(*i), _ => Act::Recover }).collect();
        prop_assert_eq!(&schedule::parse(&schedule::print(&acts), 2).expect("readable"), &acts);
        let l = &lesson::all().expect("lessons")[which % lesson::FILES.len()];
        let p = l.instance(&l.start(), None).expect("the start");
        let run = run::replay(&p, &acts);
        prop_assert!(run.moments.len() <= acts.len() + 1);
        prop_assert!(html::page(&p, &run, &l.id, &l.title).contains("</html>"));
    }
}

#[test]
fn deep_and_long_programs_are_refused_and_do_not_overflow() {
    for text in [
        format!("shared x = 0\nprocess ann:\n    x = {}1\n", "(".repeat(150)),
        format!("shared x = 0\nprocess ann:\n    x = {}1\n", "- ".repeat(70)),
        format!("shared x = 0\nprocess ann:\n    x = {}1\n", "not ".repeat(36)),
        format!("shared x = 0\nprocess ann:\n    x = 1{}\n", " + 1".repeat(30)),
        (0..40).fold("process ann:\n".to_owned(), |t, i| format!("{t}{}while true:\n", " ".repeat(i + 1))),
        format!("process ann:\n{}", "    nothing\n".repeat(500)),
        format!("shared x = 0\nprocess ann:\n{}", "    x = 9999 * 9999 * 9999 * 9999 * 9999 * 9999\n"),
        format!("sem s = 0\nprocess ann:\n{}", "    post s\n".repeat(150)),
    ] {
        never_panics(&text);
        assert_ne!(mark(&text, LIMITS).name(), "", "{text}");
    }
}
