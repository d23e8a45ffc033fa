//! One run as one page: for a projector, a phone, or a course's own pages. It asks nobody for anything, needs no server,
//! and holds its data as JSON.

use serde::Serialize;

use crate::lang::{Block, Program};
use crate::run::Run;

const PAGE: &str = include_str!("page/run.html");
/// How pages look, for every page of the lab.
pub const STYLE: &str = include_str!("page/view.css");
/// How a moment of a run is drawn, for every page of the lab.
pub const VIEW: &str = include_str!("page/view.js");

/// A part of a program's text.
#[derive(Debug, Clone, Serialize)]
pub struct Code<'p> {
    /// Whose it is.
    pub name: String,
    /// The number of its first line.
    pub from: usize,
    /// Its lines.
    pub text: &'p [String],
}

/// What each process does.
#[derive(Debug, Clone, Serialize)]
pub struct Codes<'p> {
    /// While it lives.
    pub processes: Vec<Code<'p>>,
    /// What is done after its death; empty if there is nothing.
    pub recoveries: Vec<Code<'p>>,
}

impl<'p> Codes<'p> {
    /// Of this program.
    pub fn of(program: &'p Program) -> Self {
        let code = |name: String, block: &Block| {
            let (from, to) = block.span;
            Code { name, from, text: program.text.get(from.saturating_sub(1)..to).unwrap_or(&[]) }
        };
        let processes = program.processes.iter().map(|p| code(p.name.clone(), &p.block)).collect();
        let recoveries =
            program.processes.iter().map(|p| code(format!("after death of {}", p.name), &p.recovery)).collect();
        Self { processes, recoveries }
    }
}

#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    lesson: &'a str,
    #[serde(flatten)]
    codes: Codes<'a>,
    run: &'a Run,
}

/// The page. `lesson` is what one types after `tricine lab`.
pub fn page(program: &Program, run: &Run, lesson: &str, title: &str) -> String {
    let data = Data { title, lesson, codes: Codes::of(program), run };
    let page = PAGE.replace("@STYLE@\n", STYLE).replace("@VIEW@\n", VIEW);
    page.replace("@TITLE@", &escape(title)).replace("@DATA@", &json(&data))
}

/// JSON that may stand in a page's script: only `<` can end one, and as an escape it means the same.
pub fn json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".into()).replace('<', "\\u003c");
    json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
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
