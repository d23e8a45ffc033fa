//! One run as one page: for a projector, a phone, or a course's own pages. It asks nobody for anything, needs no server,
//! and holds its data as JSON.

use serde::Serialize;

use crate::lang::Program;
use crate::run::Run;

const PAGE: &str = include_str!("page.html");

#[derive(Serialize)]
struct Code<'p> {
    name: String,
    from: usize,
    text: &'p [String],
}

#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    lesson: &'a str,
    processes: Vec<Code<'a>>,
    /// For each process, what is done after its death; empty if there is nothing.
    recoveries: Vec<Code<'a>>,
    run: &'a Run,
}

/// The page. `lesson` is what one types after `tricine lab`.
pub fn page(program: &Program, run: &Run, lesson: &str, title: &str) -> String {
    let code = |name: String, block: &crate::lang::Block| {
        let (from, to) = block.span;
        Code { name, from, text: program.text.get(from.saturating_sub(1)..to).unwrap_or(&[]) }
    };
    let processes = program.processes.iter().map(|p| code(p.name.clone(), &p.block)).collect();
    let recoveries =
        program.processes.iter().map(|p| code(format!("after death of {}", p.name), &p.recovery)).collect();
    let data = Data { title, lesson, processes, recoveries, run };
    // In a script, only `<` can end it; as an escape it means the same to JSON.
    let json = serde_json::to_string(&data).unwrap_or_else(|_| "null".into()).replace('<', "\\u003c");
    let json = json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    PAGE.replace("@TITLE@", &escape(title)).replace("@DATA@", &json)
}

fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            _ => out.push(c),
        }
        out
    })
}
