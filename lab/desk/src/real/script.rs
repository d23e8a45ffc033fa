//! Scripts for the shipped channel: `tricine lab 16 --script steps.txt`, whose first line is `channel producer` or `channel consumer`.

use serde::Serialize;
use tricine_lab::schedule::{self, Act};

use super::{Ask, Real, Seen, State, Works, seen};
use crate::{Error, Open, Result};

const EXAMPLE: &str = "`channel producer` or `channel consumer` (a new hand-over), a schedule (`a161`, `Xa`, `r`), `go 161`, `next`, \
                       `all`, or a condition: `seq[0] == 1`, `whole`, `again`, `dead`, `over`";

/// A line of such a script.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Channel(Works),
    Play(Vec<Act>),
    Go(usize),
    Next,
    All,
    Value(String, i64),
    Whole,
    Again,
    Is(State),
}

#[derive(Serialize)]
struct Checked<'a> {
    line: usize,
    text: &'a str,
    holds: bool,
    is: String,
}

/// Whether a script is for the shipped channel.
pub(crate) fn is_for(text: &str) -> bool {
    code(text).next().is_some_and(|(_, line)| line.split_whitespace().next() == Some("channel"))
}

fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bare = |line: &'_ str| -> usize { line.find('#').unwrap_or(line.len()) };
    text.lines().enumerate().map(move |(i, l)| (i + 1, l[..bare(l)].trim())).filter(|(_, l)| !l.is_empty())
}

fn parse(text: &str) -> Result<Vec<(usize, &str, Line)>> {
    let mut works = Works::Producer;
    code(text)
        .map(|(number, code)| {
            let line = line(code, &mut works)
                .ok_or_else(|| Error::Usage(format!("script, line {number}: `{code}`; expected {EXAMPLE}")))?;
            Ok((number, code, line))
        })
        .collect()
}

fn line(code: &str, works: &mut Works) -> Option<Line> {
    let words: Vec<&str> = code.split_whitespace().collect();
    Some(match words[..] {
        ["channel", "producer"] => {
            *works = Works::Producer;
            Line::Channel(*works)
        }
        ["channel", "consumer"] => {
            *works = Works::Consumer;
            Line::Channel(*works)
        }
        ["go", n] => Line::Go(n.parse().ok()?),
        ["next"] => Line::Next,
        ["all"] => Line::All,
        ["whole"] => Line::Whole,
        ["again"] => Line::Again,
        ["dead"] => Line::Is(State::Dead),
        ["over"] => Line::Is(State::Over),
        [name, "==" | "=", n] if seen::names().any(|s| s == name) => Line::Value(name.into(), n.parse().ok()?),
        _ => {
            let acts = schedule::parse(code, 2).ok()?;
            // The other side sleeps: it can neither be stepped nor is it the one that dies here.
            let own = |a: &Act| matches!(a, Act::Step(i) | Act::Kill(i) if *i == *works as usize) || *a == Act::Recover;
            acts.iter().all(own).then_some(Line::Play(acts))?
        }
    })
}

/// Plays it: 0 if every condition holds.
pub(crate) fn run(text: &str, as_json: bool, sessions: Open<'_>) -> Result<i32> {
    let lines = parse(text)?;
    let session = sessions()?;
    let mut real = Real::start(session.name())?;
    let mut now: Option<Seen> = None;
    let mut checked = vec![];
    for (number, text, line) in &lines {
        let works = now.as_ref().map_or(Works::Producer, |s| s.works);
        let ask = match line {
            Line::Channel(works) => Some(Ask::Begin(*works)),
            Line::Go(n) => Some(Ask::Go(*n)),
            Line::Next => Some(Ask::Change),
            Line::Play(acts) => {
                for run in acts.chunk_by(PartialEq::eq) {
                    let asks = match run[0] {
                        Act::Step(_) => vec![Ask::Step(run.len())],
                        Act::Kill(_) => vec![Ask::Kill],
                        _ => vec![Ask::Recover; run.len()],
                    };
                    for ask in asks {
                        now = Some(real.ask(ask)?);
                    }
                }
                None
            }
            _ => None,
        };
        if let Some(ask) = ask {
            now = Some(real.ask(ask)?);
            continue;
        }
        let Some(s) = &now else { continue };
        let held = match line {
            Line::All => all(&mut real, works, s.instructions, |_| true)?.holds(),
            line => holds(line, s),
        };
        if !matches!(line, Line::Play(_)) {
            checked.push(Checked { line: *number, text, holds: held.is_ok(), is: held.err().unwrap_or_default() });
        }
    }
    told(&checked, now.as_ref(), as_json)
}

fn told(checked: &[Checked<'_>], now: Option<&Seen>, as_json: bool) -> Result<i32> {
    #[derive(Serialize)]
    struct All<'a> {
        schema: &'static str,
        lesson: &'static str,
        exit: i32,
        conditions: &'a [Checked<'a>],
        end: Option<&'a Seen>,
    }
    let exit = i32::from(checked.iter().any(|c| !c.holds));
    if as_json {
        return crate::command::json(&All {
            schema: "tricine.lab/1",
            lesson: "16",
            exit,
            conditions: checked,
            end: now,
        })
        .map(|()| exit);
    }
    let mut text = String::new();
    for c in checked {
        let how = if c.holds { "holds".into() } else { format!("does not hold: {}", c.is) };
        text += &format!("line {:<3} {:<30} {how}\n", c.line, c.text);
    }
    if let Some(s) = now {
        text += &format!("{}\n", standing(s));
    }
    crate::command::out(&text);
    Ok(exit)
}

/// Where a hand-over stands, in one line.
pub(crate) fn standing(s: &Seen) -> String {
    let place = s
        .place
        .as_ref()
        .map_or(String::new(), |p| format!(" at {}", p.ours.clone().unwrap_or_else(|| p.function.clone())));
    let how = match s.state {
        State::Stands => format!("before instruction {}{place}", s.at + 1),
        State::Over => "at the end of its hand-over".into(),
        State::Dead => format!("killed after {} instructions", s.at),
        State::Recovered => format!("killed after {} instructions, and recovery has run", s.at),
        State::Went => format!("killed after {} instructions; a successor went on", s.at),
    };
    let film = s.after.as_ref().map_or(String::new(), |a| format!(" {}", film(a)));
    format!("The {} is {how}.{film} {}", s.works.name(), s.phase)
}

/// What became of the film.
pub(crate) fn film(after: &super::After) -> String {
    let all: Vec<String> = after.shown.iter().map(ToString::to_string).collect();
    let how = if after.whole {
        "every frame came whole, none is missing, and nobody sleeps"
    } else {
        "NOT WHOLE: that is a bug of Tricine"
    };
    format!("Shown: {}: {how}.", all.join(" "))
}

fn holds(line: &Line, s: &Seen) -> Result<(), String> {
    let is = |what: String, right: bool| if right { Ok(()) } else { Err(what) };
    match line {
        Line::Value(name, wanted) => {
            let value = s.value(name).unwrap_or_default();
            is(format!("{name} is {value}"), value == *wanted)
        }
        Line::Whole => match &s.after {
            Some(after) => is(film(after), after.whole),
            None => Err("the film did not go on: `r` twice after a kill".into()),
        },
        Line::Again => match &s.after {
            Some(after) => is("frame 0 was done with".into(), !after.done),
            None => Err("the film did not go on: `r` twice after a kill".into()),
        },
        Line::Is(state) => is(standing(s), s.state == *state),
        _ => Ok(()),
    }
}

/// What came of a death at each instruction.
pub(crate) struct Deaths {
    /// After so many instructions a frame was done again, or was done with.
    pub(crate) again: usize,
    pub(crate) done: usize,
    /// Where something was not whole.
    pub(crate) bad: Vec<usize>,
    /// It was stopped before the last one.
    pub(crate) stopped: bool,
}

impl Deaths {
    fn holds(&self) -> Result<(), String> {
        if self.bad.is_empty() { Ok(()) } else { Err(format!("not whole after so many instructions: {:?}", self.bad)) }
    }
}

/// A death at every instruction of a hand-over. `goes_on` hears how many are done.
pub(crate) fn all(
    real: &mut Real,
    works: Works,
    instructions: usize,
    mut goes_on: impl FnMut(&Deaths) -> bool,
) -> Result<Deaths> {
    let mut deaths = Deaths { again: 0, done: 0, bad: vec![], stopped: false };
    for at in 0..=instructions {
        if !goes_on(&deaths) {
            deaths.stopped = true;
            break;
        }
        let after = real.die(works, at)?;
        *(if after.done { &mut deaths.done } else { &mut deaths.again }) += 1;
        if !after.whole {
            deaths.bad.push(at);
        }
    }
    Ok(deaths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_for_the_channel_says_so_in_its_first_line() {
        assert!(is_for("# comment\n\nchannel producer\na3\n") && !is_for("a3\nchannel producer\n") && !is_for(""));
        let lines = parse("channel consumer\nb161 Xb r2\ngo 7 # there\nnext\nseq[0] == 1\nwhole\nall\n").unwrap();
        assert_eq!(lines.iter().map(|l| l.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        assert!(matches!(&lines[1].2, Line::Play(acts) if acts.len() == 164));
        assert_eq!(lines[4].2, Line::Value("seq[0]".into(), 1));
    }

    #[test]
    fn what_a_line_cannot_mean_is_told() {
        for bad in [
            "channel both",
            "channel producer\nb3",
            "channel consumer\nXa",
            "channel producer\nsec[0] == 1",
            "channel producer\ngo x",
        ] {
            let e = parse(bad).unwrap_err().to_string();
            assert!(e.contains("expected `channel producer`"), "{e}");
        }
    }
}
