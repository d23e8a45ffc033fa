//! A lesson as Markdown, for hand-outs: with the answers for teachers, without them for a class.

use std::fmt::Write;

use super::{Lesson, Regions};

/// Writing into a string cannot fail.
macro_rules! put {
    ($out:expr, $($what:tt)*) => { let _ = writeln!($out, $($what)*); };
}

pub(super) fn markdown(lesson: &Lesson, answers: bool) -> String {
    let mut out = String::new();
    put!(out, "# {}. {}\n\n{}\n", lesson.id, lesson.title, lesson.text);
    if !lesson.program.is_empty() {
        put!(out, "```\n{}```\n", lesson.program);
    }
    if !lesson.predict.is_empty() {
        put!(out, "## Predict\n");
    }
    for q in &lesson.predict {
        put!(out, "{}\n", q.text);
        for a in &q.answers {
            put!(out, "- [{}] {}", if answers && a.right { 'x' } else { ' ' }, a.text);
            if answers {
                put!(out, "  {}", a.why);
            }
        }
        put!(out, "");
    }
    section(&mut out, "Run", &lesson.run);
    for g in &lesson.goals {
        let kind = match (g.possible, g.after) {
            (true, true) => "After the repair",
            (true, false) => "Reach",
            (false, _) => "Never",
        };
        put!(out, "- {kind}: {}", g.text);
        if answers && !g.schedule.is_empty() {
            let number = g.instance.map_or(String::new(), |n| format!("{n}:"));
            put!(out, "  Schedule: `{number}{}`", g.schedule);
        }
    }
    if !lesson.goals.is_empty() {
        put!(out, "");
    }
    if let Some(m) = &lesson.measure {
        section(&mut out, "Measure", &m.text);
    }
    if answers {
        section(&mut out, "See", &lesson.see);
    }
    section(&mut out, "Repair", &lesson.task);
    if !lesson.hints.is_empty() {
        put!(out, "## Hints\n");
        lesson.hints.iter().enumerate().for_each(|(i, h)| {
            put!(out, "{}. {h}", i + 1);
        });
        put!(out, "");
    }
    if !answers {
        return out;
    }
    for r in &lesson.repairs {
        put!(out, "### {}: {}\n\n{}\n", r.verdict, r.name, r.text);
        if !r.schedule.is_empty() {
            put!(out, "Schedule: `{}`\n", r.schedule);
        }
        put!(out, "```\n{}\n```\n", r.region.trim_end());
    }
    section(&mut out, "Proof", &lesson.proof);
    section(&mut out, "Why", &lesson.why);
    for s in lesson.shipped.iter().filter(|s| s.line > 0) {
        put!(out, "## Shipped\n\n`{}`, line {}: {}\n\n```rust\n{}\n```\n", s.file, s.line, s.says, s.code);
    }
    if !lesson.guide.is_empty() {
        put!(out, "## What guides say, and whether it holds\n");
    }
    for c in &lesson.guide {
        put!(out, "- \"{}\": **{}**. {}", c.claim, c.holds, c.why);
    }
    debug_assert!(lesson.repairs.is_empty() || Regions::of(&lesson.program).is_some(), "repairs without a region");
    out
}

fn section(out: &mut String, name: &str, text: &str) {
    if !text.is_empty() {
        put!(out, "## {name}\n\n{text}\n");
    }
}
