//! Schedules as short strings that people type and paste: `a4Xbrb4` is four steps of the first process, the second killed,
//! one step of recovery, four steps of the second.

use serde::Serialize;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// `a`: a process takes a step.
    Step(usize),
    /// `Xa`: a process is killed.
    Kill(usize),
    /// `r`: recovery takes a step, in the place of the first dead process.
    Recover,
    /// `fa`: the oldest store in a process's buffer reaches memory (`memory tso` alone).
    Flush(usize),
}

/// Steps in one schedule; more than any search finds.
const LONGEST: usize = 10_000;

/// Why a schedule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("schedule, column {column}: {found}; expected {expected}, for example `a4Xbrb4`")]
#[allow(missing_docs)]
pub struct ScheduleError {
    pub column: usize,
    pub found: String,
    pub expected: String,
}

/// The short form.
pub fn print(acts: &[Act]) -> String {
    let mut out = String::new();
    for run in acts.chunk_by(PartialEq::eq) {
        let letter = |i: usize| char::from(b'a' + u8::try_from(i).unwrap_or(25).min(25));
        match run[0] {
            Act::Step(i) => out.push(letter(i)),
            Act::Kill(i) => out.extend(['X', letter(i)]),
            Act::Recover => out.push('r'),
            Act::Flush(i) => out.extend(['f', letter(i)]),
        }
        if run.len() > 1 {
            out += &run.len().to_string();
        }
    }
    out
}

/// What people paste may begin with the instance that it is for, counted from 0: `4:a16b5Xb`.
pub fn numbered(text: &str) -> (Option<usize>, &str) {
    let split = text.split_once(':').and_then(|(n, rest)| Some((n.trim().parse().ok()?, rest)));
    split.map_or((None, text), |(n, rest)| (Some(n), rest))
}

/// Reads the short form, for a program of so many processes. Spaces are skipped.
///
/// # Errors
/// The first character that means nothing.
pub fn parse(text: &str, processes: usize) -> Result<Vec<Act>, ScheduleError> {
    let chars: Vec<char> = text.chars().collect();
    let last = char::from(b'a' + u8::try_from(processes.clamp(1, 5) - 1).unwrap_or(0));
    let error = |at: usize, expected: String| {
        let found = chars.get(at).map_or("it ends here".into(), |c| format!("`{c}`"));
        ScheduleError { column: at + 1, found, expected }
    };
    let process = |at: usize| {
        let found = chars.get(at).filter(|c| ('a'..=last).contains(*c)).map(|c| *c as usize - 'a' as usize);
        found.ok_or_else(|| error(at, format!("a letter of a process, `a` to `{last}`")))
    };
    let mut acts = vec![];
    let mut at = 0;
    while at < chars.len() {
        let from = at;
        let act = match chars[at] {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            'X' => Act::Kill(process(at + 1)?),
            'f' => Act::Flush(process(at + 1)?),
            'r' => Act::Recover,
            c if ('a'..=last).contains(&c) => Act::Step(process(at)?),
            _ => {
                return Err(error(
                    at,
                    format!("`a` to `{last}` for a step, `X` and a letter for a kill, `r` for recovery"),
                ));
            }
        };
        at += if matches!(act, Act::Kill(_) | Act::Flush(_)) { 2 } else { 1 };
        let digits: String = chars[at..].iter().take_while(|c| c.is_ascii_digit()).collect();
        let times = if digits.is_empty() { 1 } else { digits.parse().unwrap_or(LONGEST + 1) };
        if times == 0 || acts.len() + times > LONGEST {
            return Err(error(from, format!("1 to {LONGEST} steps")));
        }
        at += digits.len();
        acts.extend(std::iter::repeat_n(act, times));
    }
    Ok(acts)
}
