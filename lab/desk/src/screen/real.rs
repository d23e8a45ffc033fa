//! The shipped channel on the screen: one hand-over, to be stopped at any instruction, killed there, recovered, and watched going on.

use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::above::{Above, Closer, heard, stay};
use super::look::Look;
use super::{Clicks, Ui, head, keys, page, popup};
use crate::real::script::{Deaths, all, film};
use crate::real::{Ask, Real, Seen, State, Works};
use crate::{Error, Result};

/// Digits of the largest number that is typed.
const DIGITS: usize = 6;

const HELP: &str = "The channel is the one that plays films. One side hands frame 0 over, one machine instruction at a time. The other side sleeps.\n\n\
`a` `b` one instruction of the producer, of the consumer (of the side that works)\n`t` ten instructions\n\
`g` on to the next change of a shared word\n`161 Enter` go to where 161 instructions were carried out, forwards or back\n\
`u` one instruction back\n`R` back to the first one\n`A` `B` SIGKILL for the side that works, at this instruction\n\
`r` after a kill: the real recovery; again: a successor begins, and the film of six numbers goes on\n\
`s` the other side works\n`F` a death at every instruction, each in new processes\n`q` back to the lesson\n\n\
The first instructions are the way back from the pause in which the process waited. A click on a change goes there. `tricine lab 16 --script FILE` does the same for a file, whose first line is `channel producer` or `channel consumer`.\n";

struct Visit {
    real: Real,
    seen: Seen,
    /// Digits that were typed.
    number: String,
    message: String,
    above: Above,
}

/// Until it is left.
pub(super) fn visit(ui: &mut Ui) -> Result<()> {
    let mut real = Real::start(ui.session.name())?;
    let seen = real.ask(Ask::Begin(Works::Producer))?;
    stay(ui, &mut Visit { real, seen, number: String::new(), message: String::new(), above: Above::default() })
}

impl Closer for Visit {
    const HELP: &str = HELP;

    fn above(&mut self) -> &mut Above {
        &mut self.above
    }

    fn press(&mut self, ui: &mut Ui, key: KeyCode) -> Result<()> {
        if key == KeyCode::Char('F') { self.everywhere(ui) } else { self.key(key) }
    }

    fn draw(&self, frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks) {
        draw(frame, look, clicks, self);
    }
}

impl Visit {
    fn ask(&mut self, ask: Ask) -> Result<()> {
        heard(self.real.ask(ask), &mut self.seen, &mut self.message)
    }

    fn key(&mut self, key: KeyCode) -> Result<()> {
        self.message.clear();
        let number = std::mem::take(&mut self.number);
        let (own, kill) = if self.seen.works == Works::Producer { ('a', 'A') } else { ('b', 'B') };
        match key {
            KeyCode::Char(c @ '0'..='9') => {
                self.number = number;
                if self.number.len() < DIGITS {
                    self.number.push(c);
                }
            }
            KeyCode::Backspace => self.number = number[..number.len().saturating_sub(1)].to_owned(),
            KeyCode::Enter => match number.parse() {
                Ok(to) => self.ask(Ask::Go(to))?,
                Err(_) => self.message = "Type a number first: the instruction to go to.".into(),
            },
            KeyCode::F(i) if i >= 100 => {
                if let Some((at, _)) = self.seen.changes.get(usize::from(i) - 100) {
                    let at = *at;
                    self.ask(Ask::Go(at))?;
                }
            }
            KeyCode::Char('u') => {
                self.ask(Ask::Go(self.seen.at.saturating_sub(usize::from(self.seen.state == State::Stands))))?
            }
            KeyCode::Char('R') => self.ask(Ask::Begin(self.seen.works))?,
            KeyCode::Char('s' | '[' | ']') => self.ask(Ask::Begin(self.seen.works.other()))?,
            KeyCode::Char('r') => self.recover()?,
            KeyCode::Char(c) if c == kill => match self.seen.state {
                State::Stands | State::Over => self.ask(Ask::Kill)?,
                _ => self.message = "It is dead. r is recovery, u stands before its last instruction again.".into(),
            },
            KeyCode::Char(c @ ('a' | 'b' | 't' | 'g' | 'n')) if c == own || !matches!(c, 'a' | 'b') => {
                match self.seen.state {
                    State::Stands => self.ask(match c {
                        't' => Ask::Step(10),
                        'g' | 'n' => Ask::Change,
                        _ => Ask::Step(1),
                    })?,
                    State::Over => {
                        self.message =
                            format!("Its hand-over is over. {kill} kills it here, u goes back, s is the other side.");
                    }
                    _ => self.message = "It is dead. r is recovery, u stands before its last instruction again.".into(),
                }
            }
            KeyCode::Char('a' | 'b' | 'A' | 'B') => {
                let other = self.seen.works.other().name();
                self.message = format!("The {other} sleeps, and is held there. s lets the {other} work.");
            }
            _ => {}
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<()> {
        match self.seen.state {
            State::Dead | State::Recovered => self.ask(Ask::Recover),
            State::Went => {
                self.message = "The film is over. u stands where it was killed, R at the first instruction.".into();
                Ok(())
            }
            _ => {
                self.message = "Nobody is dead: there is nothing to recover.".into();
                Ok(())
            }
        }
    }

    /// A death at every instruction; any key stops it.
    fn everywhere(&mut self, ui: &mut Ui) -> Result<()> {
        let (works, instructions) = (self.seen.works, self.seen.instructions);
        let deaths = {
            let Self { real, .. } = self;
            let mut trouble = None;
            let deaths = all(real, works, instructions, |so_far| {
                let n = so_far.again + so_far.done;
                if n % 10 > 0 {
                    return true;
                }
                let text = format!("{n} of {} deaths. Any key stops it.", instructions + 1);
                let drawn = ui.draw(|frame, look, clicks| {
                    popup(frame, look, clicks, "A death at every instruction", vec![Line::raw(text.clone())], 0);
                });
                let pressed = drawn.and_then(|()| ui.pressed());
                match pressed {
                    Ok(pressed) => !pressed,
                    Err(e) => {
                        trouble = Some(e);
                        false
                    }
                }
            });
            if let Some(e) = trouble {
                return Err(e);
            }
            deaths
        };
        match deaths {
            Ok(deaths) => {
                self.above.say("A death at every instruction", ui.look.markdown(&told(works, instructions, &deaths)))
            }
            Err(Error::Lost(why)) => self.message = why,
            Err(e) => return Err(e),
        }
        // The processes that stood here were given up for it.
        let at = self.seen.at;
        self.ask(Ask::Begin(works))?;
        self.ask(Ask::Go(at))
    }
}

fn told(works: Works, instructions: usize, deaths: &Deaths) -> String {
    let n = deaths.again + deaths.done;
    let (again, done) = match works {
        Works::Producer => ("a successor filled frame 0 again", "frame 0 was there"),
        Works::Consumer => ("frame 0 was given to the successor again", "frame 0 was done with"),
    };
    let all = if deaths.stopped { format!("{n} of {}", instructions + 1) } else { format!("all {n}") };
    let mut text = format!(
        "The {} was killed before its first instruction, after each one, and behind the last: {all} deaths.\n\n- {} times {again}.\n- {} times {done}.\n\n",
        works.name(),
        deaths.again,
        deaths.done
    );
    text += &if deaths.bad.is_empty() {
        "Each time the real recovery ran and a successor went on. Every frame came whole, none was missing, and nobody slept on.".to_owned()
    } else {
        format!(
            "**Not whole after so many instructions: {:?}. That is a bug of Tricine. Please report it.**",
            deaths.bad
        )
    };
    text
}

fn draw(frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks, visit: &Visit) {
    let s = &visit.seen;
    let (top, body, foot) = page(frame.area());
    let number = if visit.number.is_empty() { String::new() } else { format!("go to {}_   ", visit.number) };
    head(frame, look, top, "16. The shipped channel", &format!("{number}instruction {} of {}", s.at, s.instructions));
    let [who, middle, below] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(8), Constraint::Length(5)]).areas(body);
    frame.render_widget(Paragraph::new(Line::styled(look.text(&roles(s)), look.strong())), who);
    let [left, right] = Layout::horizontal([Constraint::Length(50), Constraint::Min(26)]).areas(middle);
    words(frame, look, left, s);
    changes(frame, look, clicks, right, s);
    frame.render_widget(Paragraph::new(below_it(look, visit)).wrap(Wrap { trim: false }), below);
    let (a, kill) = if s.works == Works::Producer { ('a', 'A') } else { ('b', 'B') };
    let (a_text, kill_text) = (a.to_string(), kill.to_string());
    let items: Vec<(KeyCode, &str, &str)> = vec![
        (KeyCode::Char(a), &a_text, "one"),
        (KeyCode::Char('t'), "t", "ten"),
        (KeyCode::Char('g'), "g", "next change"),
        (KeyCode::Null, "161 Enter", "go there"),
        (KeyCode::Char('u'), "u", "back"),
        (KeyCode::Char(kill), &kill_text, "kill"),
        (KeyCode::Char('r'), "r", "recover"),
        (KeyCode::Char('s'), "s", "other side"),
        (KeyCode::Char('F'), "F", "all deaths"),
        (KeyCode::Char('R'), "R", "restart"),
        (KeyCode::Char('?'), "?", "help"),
        (KeyCode::Char('q'), "q", "the lesson"),
    ];
    keys(frame, look, clicks, foot, &items);
    visit.above.draw(frame, look, clicks);
}

fn roles(s: &Seen) -> String {
    let other = s.works.other().name();
    let sleeps = if s.state == State::Went { "ended" } else { "sleeps" };
    let how = match s.state {
        State::Stands => "works",
        State::Over => "has handed frame 0 over",
        State::Dead => "was killed: SIGKILL",
        State::Recovered => "is dead, and recovery has run",
        State::Went => "was killed, and a successor went on",
    };
    format!("{} ({}) {how}; {other} ({}) {sleeps}", s.works.name(), s.pids[0], s.pids[1])
}

/// The words as words and as bytes.
fn words(frame: &mut Frame<'_>, look: Look, area: Rect, s: &Seen) {
    let block = look.frame("word, number, and bytes in memory");
    let inner = block.inner(area);
    // The slots that this hand-over leaves alone go first where it is low.
    let tight = s.rows.len() > usize::from(inner.height);
    let changed =
        |name: &str| s.changed.as_ref().is_some_and(|c| c.split(", ").any(|c| c.starts_with(&format!("{name} "))));
    let lines: Vec<Line<'static>> = s
        .rows
        .iter()
        .filter(|r| !(tight && matches!(r.name.as_str(), "seq[1]" | "seq[2]")))
        .map(|r| {
            let (star, style) = if changed(&r.name) { ("*", look.changed()) } else { (" ", Style::new()) };
            let value = match (r.name.as_str(), s.state) {
                // Another frame is in the slot by then.
                ("payload[0]", State::Went) => "-".to_owned(),
                ("payload[0]", _) => format!("{}/64", r.value),
                _ => r.value.to_string(),
            };
            Line::from(vec![
                Span::raw(format!("{:<15} ", r.name)),
                Span::styled(format!("{star}{value:<7}"), style),
                Span::styled(r.bytes.clone(), look.faint()),
            ])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// All changes of the hand-over; those that were made have a mark.
fn changes(frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks, area: Rect, s: &Seen) {
    let block = look.frame("instruction, change");
    let inner = block.inner(area);
    let lines: Vec<Line<'static>> = s
        .changes
        .iter()
        .enumerate()
        .map(|(i, (at, change))| {
            let place = Rect { y: inner.y + i as u16, height: 1, ..inner };
            if i < usize::from(inner.height) {
                clicks.push((place, KeyCode::F(u8::try_from(i + 100).unwrap_or(255))));
            }
            let (mark, style) = if *at <= s.at { ("✓", Style::new()) } else { (" ", look.faint()) };
            Line::styled(look.text(&format!("{mark}{at:>4} {change}")), style)
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// What it means, where it is in the source, and what was just done.
fn below_it(look: Look, visit: &Visit) -> Vec<Line<'static>> {
    let s = &visit.seen;
    let mut lines = vec![];
    match (s.state, &s.after) {
        (State::Went, Some(after)) => {
            let style = if after.whole { look.good() } else { look.bad() };
            lines.push(Line::styled(look.text(&film(after)), style));
            let frame = match (s.works, after.done) {
                (Works::Producer, true) => "Frame 0 was there: seq[0] was stored before the death.",
                (Works::Producer, false) => "Frame 0 was not published, so the successor filled it again.",
                (Works::Consumer, true) => "Frame 0 was done with: released was stored before the death.",
                (Works::Consumer, false) => "Frame 0 was not released, so the successor was given it again.",
            };
            lines.push(Line::raw(frame));
        }
        (State::Dead, _) => {
            lines.push(Line::raw(
                "The kill changed no word. r is recovery: the real one, as the player's supervisor calls it.",
            ));
        }
        (State::Recovered, _) => {
            lines.push(Line::raw(
                "Recovery gave the claim back and posted both semaphores. It changed no word of a frame. r again: a successor goes on.",
            ));
        }
        _ => lines.push(look.markdown(&format!("**{}**", s.phase)).into_iter().next().unwrap_or_default()),
    }
    if let Some(place) = &s.place {
        let ours = place.ours.as_ref().filter(|o| !o.starts_with(&format!("{} (", place.function)));
        let at = match (ours, &place.ours) {
            (Some(ours), _) => format!("next: `{}` in {ours}", place.function),
            (None, Some(ours)) => format!("next: {ours}"),
            (None, None) => format!("next: `{}`", place.function),
        };
        lines.extend(look.markdown(&at));
        if let Some(text) = &place.text {
            lines.push(Line::styled(format!("  {}", look.text(text)), look.code()));
        }
    }
    if !visit.message.is_empty() {
        lines.push(Line::styled(look.text(&visit.message), look.changed()));
    }
    lines
}
