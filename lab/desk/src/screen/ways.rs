//! One frame through each mechanism on the screen, by key from system call to system call.

use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::above::{Above, Closer, heard, stay};
use super::look::Look;
use super::{Clicks, Ui, head, keys, page};
use crate::Result;
use crate::ways::{Act, Ask, MECHANISMS, Seen, Stop, Ways, Where};

const HELP: &str = "Two real processes, and one frame of 64 bytes between them. Each stops where it enters the kernel, and where a call comes back.\n\n\
`a` the writer goes on to its next stop\n`b` the reader does\n`g` the one that went last goes on until it sleeps or is done\n\
`A` `B` SIGKILL for the writer, the reader: who notices?\n`u` one act back, in new processes\n`R` back to the beginning\n\
`[` `]` another mechanism\n`q` back to the lesson\n\n\
Let the reader come first (`b`), and it sleeps in its call. Let the writer come first (`a`), and nobody sleeps.\n";

struct Visit {
    ways: Ways,
    seen: Seen,
    message: String,
    above: Above,
}

/// Until it is left.
pub(super) fn visit(ui: &mut Ui) -> Result<()> {
    let mut ways = Ways::start(ui.session.name())?;
    let seen = ways.ask(&Ask::Play(0, vec![]))?;
    stay(ui, &mut Visit { ways, seen, message: String::new(), above: Above::default() })
}

impl Closer for Visit {
    const HELP: &str = HELP;

    fn above(&mut self) -> &mut Above {
        &mut self.above
    }

    fn press(&mut self, _ui: &mut Ui, key: KeyCode) -> Result<()> {
        self.message.clear();
        let (now, acts) = (self.seen.mechanism, self.seen.acts.clone());
        match key {
            KeyCode::Char('a') => self.step(0),
            KeyCode::Char('b') => self.step(1),
            KeyCode::Char('g') => {
                let who = acts.iter().rev().find_map(|a| match a {
                    Act::Step(who) => Some(*who),
                    Act::Kill(_) => None,
                });
                self.far(who.unwrap_or(1))
            }
            KeyCode::Char('A') => self.ask(&Ask::Act(Act::Kill(0))),
            KeyCode::Char('B') => self.ask(&Ask::Act(Act::Kill(1))),
            KeyCode::Char('u') => {
                let back = acts[..acts.len().saturating_sub(1)].to_vec();
                self.ask(&Ask::Play(now, back))
            }
            KeyCode::Char('R') => self.ask(&Ask::Play(now, vec![])),
            KeyCode::Char(']') if now + 1 < MECHANISMS.len() => self.ask(&Ask::Play(now + 1, vec![])),
            KeyCode::Char('[') if now > 0 => self.ask(&Ask::Play(now - 1, vec![])),
            KeyCode::Char('[' | ']') => {
                self.message = "There is no other mechanism in this direction.".into();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks) {
        draw(frame, look, clicks, self);
    }
}

impl Visit {
    fn ask(&mut self, ask: &Ask) -> Result<()> {
        heard(self.ways.ask(ask), &mut self.seen, &mut self.message)
    }

    fn step(&mut self, who: usize) -> Result<()> {
        let before = self.seen.clone();
        self.ask(&Ask::Act(Act::Step(who)))?;
        if self.message.is_empty() && self.seen.stops == before.stops {
            self.message = said(who, before.at[who], self.seen.at[who]);
        }
        Ok(())
    }

    fn far(&mut self, who: usize) -> Result<()> {
        while matches!(self.seen.at[who], Where::Runs | Where::Enters) {
            self.step(who)?;
            if !self.message.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Why a key brought no stop.
fn said(who: usize, before: Where, now: Where) -> String {
    let name = ["The writer", "The reader"][who];
    match (before, now) {
        (Where::Sleeps, Where::Sleeps) => format!("{name} sleeps on. Nobody has given it a reason to wake up."),
        (Where::Dead, _) => format!("{name} is dead. u goes back, R begins anew."),
        (Where::Done, _) => format!("{name} is done."),
        _ => format!("{name} is done: no further system call for this frame."),
    }
}

fn draw(frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks, visit: &Visit) {
    let s = &visit.seen;
    let (top, body, foot) = page(frame.area());
    let (name, way) = MECHANISMS[s.mechanism];
    head(frame, look, top, "12. Call by call", &format!("{name}, {} of {}", s.mechanism + 1, MECHANISMS.len()));
    let [about, middle, below] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(8), Constraint::Length(3)]).areas(body);
    frame.render_widget(Paragraph::new(Line::styled(look.text(way), look.strong())), about);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(middle);
    for (who, area) in [left, right].into_iter().enumerate() {
        side(frame, look, area, s, who);
        clicks.push((area, KeyCode::Char(if who == 0 { 'a' } else { 'b' })));
    }
    let mut lines = vec![look.markdown(&last(s)).into_iter().next().unwrap_or_default()];
    if !visit.message.is_empty() {
        lines.push(Line::styled(look.text(&visit.message), look.changed()));
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), below);
    let items = [
        (KeyCode::Char('a'), "a", "writer"),
        (KeyCode::Char('b'), "b", "reader"),
        (KeyCode::Char('g'), "g", "on"),
        (KeyCode::Char('A'), "A", "kill"),
        (KeyCode::Char('B'), "B", "kill"),
        (KeyCode::Char('u'), "u", "back"),
        (KeyCode::Char('['), "[", ""),
        (KeyCode::Char(']'), "]", "mechanism"),
        (KeyCode::Char('R'), "R", "restart"),
        (KeyCode::Char('?'), "?", "help"),
        (KeyCode::Char('q'), "q", "the lesson"),
    ];
    keys(frame, look, clicks, foot, &items);
    visit.above.draw(frame, look, clicks);
}

/// One side's stops, each in the row of its place in time.
fn side(frame: &mut Frame<'_>, look: Look, area: Rect, s: &Seen, who: usize) {
    let name = ["writer", "reader"][who];
    let own = |stop: &Stop| stop.who == name;
    let entries = s.stops.iter().filter(|stop| own(stop) && stop.result == "enters").count();
    let (state, style) = match s.at[who] {
        Where::Runs => ("in its own program", look.strong()),
        Where::Enters => ("enters the kernel", look.strong()),
        Where::Sleeps => ("asleep in the kernel", look.changed()),
        Where::Done => ("done", look.good()),
        Where::Dead => ("dead", look.bad()),
    };
    let letter = ["a", "b"][who];
    let block = look
        .frame(&format!(
            "{letter} {name} {}: {entries} kernel {}",
            s.pids[who],
            if entries == 1 { "entry" } else { "entries" }
        ))
        .title_bottom(ratatui::text::Span::styled(format!(" {} ", look.text(state)), style));
    let inner = block.inner(area);
    let skip = s.stops.len().saturating_sub(usize::from(inner.height));
    let lines: Vec<Line<'static>> = s
        .stops
        .iter()
        .enumerate()
        .skip(skip)
        .map(|(i, stop)| {
            if own(stop) {
                Line::styled(look.text(&format!("{:>2}. {}", i + 1, words(stop))), Style::new())
            } else {
                Line::default()
            }
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn words(stop: &Stop) -> String {
    match stop.result.as_str() {
        "enters" => format!("enters {}", stop.call),
        "sleeps in it" => format!("sleeps in {}", stop.call),
        result if stop.call.is_empty() => result.to_owned(),
        result => format!("{} gave {result}", stop.call),
    }
}

/// What just happened, in words.
fn last(s: &Seen) -> String {
    let Some(stop) = s.stops.last() else {
        return match s.at {
            [Where::Done, Where::Done] => "Both are done, and nobody has entered the kernel.".into(),
            [Where::Done, _] => "The writer is done, and has not entered the kernel.".into(),
            _ => "Nobody has entered the kernel. The frame is 64 bytes; both sides are about to begin.".into(),
        };
    };
    let who = &stop.who;
    match (stop.result.as_str(), stop.call.as_str()) {
        ("enters", call) => format!("The {who} enters the kernel: `{call}`."),
        ("sleeps in it", _) => format!("Nothing is there for the {who}: it sleeps in its call, and uses no processor."),
        ("SIGKILL", _) => format!("The {who} is dead. Let the other one go on: does it notice?"),
        ("0", call) if call.starts_with("re") => {
            format!("The {who}'s `{call}` gave 0: the end. The kernel has closed what the dead one had open.")
        }
        ("0", "mq_timedsend") => {
            format!("The {who}'s `mq_timedsend` came back: the message lies in the kernel's queue.")
        }
        (result, "futex") if who == "writer" => {
            format!("The {who} woke {result} sleeper: that is what its post entered the kernel for.")
        }
        (result, "futex") => format!("The {who}'s `futex` came back ({result}): somebody woke it, and it looks again."),
        (result, "membarrier") => format!(
            "The {who}'s `membarrier` gave {result}: every other processor's stores are seen now, and it may look again."
        ),
        (result, call) if result.starts_with('E') => format!("The {who}'s `{call}` failed: {result}."),
        (result, call) => format!("The {who}'s `{call}` came back: {result} bytes were copied."),
    }
}
