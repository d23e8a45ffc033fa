//! The shortest repairs that a student tries: to do nothing, to let one process do nothing, or to write down what is expected. No
//! lesson takes any of them.

use tricine_lab::lang;
use tricine_lab::lesson::{self, Lesson};
use tricine_lab::verdict::Verdict;

fn with_programs() -> Vec<Lesson> {
    let all = lesson::all().expect("all lessons can be read");
    all.into_iter().filter(|l| !l.program.is_empty()).collect()
}

/// The learner's lines as they stand at the margin, and below each its own.
fn blocks(region: &str) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = vec![];
    for line in region.lines() {
        match all.last_mut().filter(|_| line.starts_with(' ') || line.is_empty()) {
            Some(last) => last.1.push(line.to_owned()),
            None => all.push((line.to_owned(), vec![])),
        }
    }
    all
}

fn text(blocks: &[(String, Vec<String>)]) -> String {
    blocks.iter().flat_map(|(head, body)| std::iter::once(head).chain(body)).map(|l| format!("{l}\n")).collect()
}

/// The repair with other lines for each process; `None` leaves a process as it is.
fn replaced(region: &str, lines: &dyn Fn(usize) -> Option<Vec<String>>) -> String {
    let mut all = blocks(region);
    let processes = all.iter_mut().filter(|b| b.0.starts_with("process ")).enumerate();
    for (i, block) in processes {
        if let Some(lines) = lines(i) {
            block.1 = lines.into_iter().map(|l| format!("    {l}")).collect();
        }
    }
    text(&all)
}

fn count(region: &str) -> usize {
    blocks(region).iter().filter(|b| b.0.starts_with("process ")).count()
}

fn is_not_right(l: &Lesson, region: &str) {
    let v = tricine_lab::check(l, region);
    let told = matches!(v, Verdict::Wrong(_) | Verdict::Refused { .. } | Verdict::Unmet { .. });
    assert!(told, "lesson {}: {v}\n{region}", l.id);
}

fn nothing() -> Vec<String> {
    vec!["nothing".into()]
}

#[test]
fn who_leaves_a_process_out_has_repaired_nothing() {
    for l in with_programs() {
        for repair in l.repairs.iter().filter(|r| r.verdict == "right") {
            let all = count(&repair.region);
            for idle in 1..1u32 << all {
                is_not_right(&l, &replaced(&repair.region, &|i| (idle & 1 << i != 0).then(nothing)));
            }
        }
    }
}

#[test]
fn what_is_expected_cannot_be_written_down() {
    let mut tried = 0;
    for l in with_programs() {
        let start = l.start();
        let programs = lang::parse(&l.program).expect("the program");
        // As numbers, for each size and scene, and as the lesson writes it.
        let as_numbers = programs.iter().map(|p| {
            let mut lines: Vec<String> = p.finals.iter().map(|(k, v)| format!("{} = {v}", p.words[*k].0)).collect();
            if let Some((_, last)) = p.expect {
                lines.extend([format!("v = {last}"), "use v".into()]);
            }
            lines
        });
        let items = l.program.lines().filter_map(|line| line.strip_prefix("expect ")).flat_map(|line| line.split(", "));
        let as_written: Vec<String> =
            items.filter(|i| i.contains(" = ") && !i.starts_with("some ")).map(str::to_owned).collect();
        for answer in as_numbers.chain([as_written]).filter(|lines| !lines.is_empty()) {
            let all = count(&start);
            for writers in 1..1u32 << all {
                let lines = |i: usize| Some(if writers & 1 << i != 0 { answer.clone() } else { nothing() });
                is_not_right(&l, &replaced(&start, &lines));
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn each_lesson_ships_what_lazy_students_hand_in() {
    for l in with_programs().iter().filter(|l| !["9", "16"].contains(&l.id.as_str())) {
        let lazy = ["refused", "broken"];
        let words = ["written down", "does the work", "makes", "nothing", "do not wait"];
        let ships =
            l.repairs.iter().any(|r| lazy.contains(&r.verdict.as_str()) || words.iter().any(|w| r.name.contains(w)));
        assert!(ships, "lesson {}", l.id);
    }
}
