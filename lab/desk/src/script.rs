//! Scripts: schedules to play, and conditions that have to hold then, one a line.

use tricine_lab::run::{End, Moment};
use tricine_lab::schedule::{self, Act};

use crate::{Error, Result};

const EXAMPLE: &str = "a schedule (`a4Xb`) or a condition: `filled == 0`, `b sleeps at filled`, `b asleep`, `a dead`, \
                       `shows 2`, `end`, `stuck`, `wrong`";

/// A line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Play(Vec<Act>),
    Check(Condition),
}

/// What has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Value(String, i64),
    /// A process's state, as on the screen.
    Is(usize, String),
    SleepsAt(usize, String),
    Shows(i64),
    End,
    Stuck,
    Wrong,
}

/// Reads a script for a program with these processes, words and semaphores: each line with its number and text.
pub(crate) fn parse(text: &str, processes: &[String], values: &[String]) -> Result<Vec<(usize, String, Line)>> {
    let mut lines = vec![];
    for (i, line) in text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or("").trim();
        if code.is_empty() {
            continue;
        }
        let found = condition(code, processes, values)
            .map(Line::Check)
            .or_else(|| schedule::parse(code, processes.len()).ok().map(Line::Play))
            .ok_or_else(|| Error::Usage(format!("script, line {}: `{code}`; expected {EXAMPLE}", i + 1)))?;
        lines.push((i + 1, code.to_owned(), found));
    }
    Ok(lines)
}

fn condition(code: &str, processes: &[String], values: &[String]) -> Option<Condition> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let who = |name: &str| {
        let letter = |n: &str| n.len() == 1 && (b'a'..b'a' + processes.len() as u8).contains(&n.as_bytes()[0]);
        let by_name = processes.iter().position(|p| p == name);
        by_name.or_else(|| letter(name).then(|| usize::from(name.as_bytes()[0] - b'a')))
    };
    Some(match words[..] {
        ["end"] => Condition::End,
        ["stuck"] => Condition::Stuck,
        ["wrong"] => Condition::Wrong,
        ["shows", n] => Condition::Shows(n.parse().ok()?),
        [name, "==" | "=", n] if values.iter().any(|v| v == name) => Condition::Value(name.into(), n.parse().ok()?),
        [name, "sleeps", "at", semaphore] if values.iter().any(|v| v == semaphore) => {
            Condition::SleepsAt(who(name)?, semaphore.into())
        }
        [name, "sleeps"] => Condition::Is(who(name)?, "asleep".into()),
        [name, state @ ("ready" | "asleep" | "rests" | "done" | "dead")] => Condition::Is(who(name)?, state.into()),
        _ => return None,
    })
}

/// `Ok` if it holds, else how it is.
pub(crate) fn holds(condition: &Condition, moment: &Moment, end: &End) -> Result<(), String> {
    let is = |what: String, right: bool| if right { Ok(()) } else { Err(what) };
    match condition {
        Condition::Value(name, wanted) => {
            let semaphores = moment.semaphores.iter().map(|s| (&s.name, s.tokens));
            let value = moment.words.iter().map(|w| (&w.0, w.1)).chain(semaphores).find(|v| v.0 == name);
            let value = value.map_or(0, |v| v.1);
            is(format!("{name} is {value}"), value == *wanted)
        }
        Condition::Is(who, state) => {
            let p = &moment.processes[*who];
            is(format!("{} is {}", p.name, p.state), p.state == state)
        }
        Condition::SleepsAt(who, semaphore) => {
            let p = &moment.processes[*who];
            let at = p.asleep_at.as_deref();
            is(
                at.map_or(format!("{} is {}", p.name, p.state), |a| format!("{} sleeps at {a}", p.name)),
                at == Some(semaphore),
            )
        }
        Condition::Shows(n) => is(format!("the last frame shown is {}", moment.shown), moment.shown == *n),
        Condition::End => is(said(end), matches!(end, End::Over)),
        Condition::Stuck => is(said(end), matches!(end, End::Stuck(_))),
        Condition::Wrong => is(said(end), matches!(end, End::Fault(_) | End::WrongEnd(_) | End::Stuck(_))),
    }
}

/// How a run stands, in words.
pub(crate) fn said(end: &End) -> String {
    match end {
        End::Open => "it goes on from here".into(),
        End::Over => "everybody is done, and everything is as expected".into(),
        End::WrongEnd(why) => why.clone(),
        End::Stuck(whereabouts) => format!("stuck for ever: {whereabouts}"),
        End::Fault(why) => format!("wrong: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_schedule_or_a_condition_and_everything_else_is_told() {
        let (processes, values) = (["producer".to_owned(), "consumer".into()], ["filled".to_owned(), "head".into()]);
        let script = "a4 Xb   # four steps\n\nfilled == 2\nb sleeps at filled\nproducer dead\nend\n";
        let lines = parse(script, &processes, &values).unwrap();
        assert_eq!(lines.iter().map(|l| l.0).collect::<Vec<_>>(), [1, 3, 4, 5, 6]);
        assert!(matches!(&lines[0].2, Line::Play(acts) if acts.len() == 5));
        assert_eq!(lines[2].2, Line::Check(Condition::SleepsAt(1, "filled".into())));
        assert_eq!(lines[3].2, Line::Check(Condition::Is(0, "dead".into())));
        for bad in ["c", "fille == 2", "filled == x", "a sleeps at head2", "filled"] {
            let e = parse(bad, &processes, &values).unwrap_err().to_string();
            assert!(e.contains("line 1") && e.contains("expected a schedule"), "{e}");
        }
    }
}
