//! For trying what the lab can do, before the screen is there.
//!
//! ```text
//! lab list                          the lessons
//! lab 8                             the lesson's start
//! lab 8 --check FILE [--json]       mark; exit 0 right, 1 wrong, 2 cannot be read, 3 gave up
//! lab 8 --replay SCHEDULE [FILE]    step by step, in words; `4:a16b5Xb` is instance 4
//! lab 8 --html SCHEDULE [FILE]      the same as a page
//! lab 8 --print [--answers]         Markdown
//! lab 8 --all                       mark every repair and goal of the lesson
//! lab 8 --mutants                   line mutants of the reference that are still right
//! lab check FILE                    mark a program of one's own
//! ```

use std::process::exit;
use std::time::Instant;

use tricine_lab::lesson::{self, Lesson};
use tricine_lab::model::search::Limits;
use tricine_lab::{check, html, schedule, verdict};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |i: usize| args.get(i).map_or("", String::as_str);
    if arg(0) == "check" {
        let t = Instant::now();
        let v = verdict::mark(&read(arg(1)), Limits::default());
        print!("{v}");
        println!("({:.1} ms)", t.elapsed().as_secs_f64() * 1e3);
        exit(v.exit_code());
    }
    let all = lesson::all().unwrap_or_else(|e| fail(&e.to_string()));
    if arg(0) == "list" || args.is_empty() {
        for l in &all {
            println!("{:<4}{}", l.id, l.title);
        }
        return;
    }
    let lesson = all.iter().find(|l| l.id == arg(0)).unwrap_or_else(|| fail("no such lesson; try `list`"));
    match arg(1) {
        "--check" => {
            let v = check(lesson, &read(arg(2)));
            if arg(3) == "--json" {
                println!("{}", v.json(&lesson.id))
            } else {
                print!("{v}")
            }
            exit(v.exit_code());
        }
        "--replay" | "--html" => {
            let text = if arg(3).is_empty() { lesson.start() } else { read(arg(3)) };
            let run = lesson.replay(&text, arg(2), None).unwrap_or_else(|e| fail(&e.to_string()));
            if arg(1) == "--html" {
                let p = lesson.instance(&text, schedule::numbered(arg(2)).0).unwrap_or_else(|e| fail(&e.to_string()));
                print!("{}", html::page(&p, &run, &lesson.id, &format!("{}. {}", lesson.id, lesson.title)));
            } else {
                run.moments.iter().filter_map(|m| m.told.as_ref()).for_each(|t| println!("{t}"));
                println!("{:?}", run.end);
            }
        }
        "--print" => print!("{}", lesson.markdown(arg(2) == "--answers")),
        "--all" => every(lesson),
        "--mutants" => mutants(lesson),
        _ => print!("{}", lesson.program),
    }
}

fn every(lesson: &Lesson) {
    for g in &lesson.goals {
        let p = lesson.instance(&lesson.start(), g.instance).unwrap_or_else(|e| fail(&e.to_string()));
        let found = g.reach(&p).unwrap_or_else(|e| fail(&e.to_string()));
        println!(
            "goal {}: {:?}, {} states; given `{}`",
            g.condition,
            found.0.map(|a| schedule::print(&a)),
            found.1,
            g.schedule
        );
    }
    for r in &lesson.repairs {
        let t = Instant::now();
        let v = check(lesson, &r.region);
        let same = if v.name() == r.verdict { "" } else { "   <<< NOT AS EXPECTED" };
        println!("{} ({}): {}{same} ({:.1} ms)", r.verdict, r.name, v.name(), t.elapsed().as_secs_f64() * 1e3);
        match &v {
            verdict::Verdict::Wrong(w) => {
                println!("   `{}` + `{}`, given `{}`: {}", w.schedule, w.then, r.schedule, w.why)
            }
            other => print!("   {other}"),
        }
    }
}

fn mutants(lesson: &Lesson) {
    let Some(right) = lesson.repairs.iter().find(|r| r.verdict == "right") else { return };
    for m in lesson::mutants(&right.region) {
        if check(lesson, &m.region).name() == "right" {
            println!("- `{}`: ", m.name);
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| fail(&format!("{path}: {e}")))
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    exit(2)
}
