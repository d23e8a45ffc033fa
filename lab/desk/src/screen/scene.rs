//! Drawing the stage: processes left and right, what they share in the middle (`memory`), the schedule and what just happened below.

mod memory;

use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use tricine_lab::lang::{Memory, Program};
use tricine_lab::lesson::Goal;
use tricine_lab::run::{End, Moment};
use tricine_lab::schedule;

use super::Clicks;
use super::look::Look;
use super::pages::thirds;
use super::visit::Visit;
use super::waits;
use crate::command::instance;
use crate::script::said;
use crate::stepper::Stepper;

/// The keys below the stage.
pub(super) fn items(program: &Program, coming: bool) -> Vec<(KeyCode, &'static str, &'static str)> {
    const STEP: [&str; 4] = ["a", "b", "c", "d"];
    const KILL: [&str; 4] = ["A", "B", "C", "D"];
    let n = program.processes.len().min(4);
    // One word for the keys of all processes, behind the last of them.
    let row = |keys: [&'static str; 4], from: u8, word: &'static str| {
        (0..n).map(move |i| (KeyCode::Char(char::from(from + i as u8)), keys[i], if i + 1 == n { word } else { "" }))
    };
    let mut all: Vec<_> = row(STEP, b'a', "step").chain(row(KILL, b'A', "kill")).collect();
    if program.memory == Memory::Tso {
        all.extend([(KeyCode::Char('v'), "v", ""), (KeyCode::Char('w'), "w", "flush")]);
    }
    all.extend([
        (KeyCode::Char('r'), "r", "recover"),
        (KeyCode::Char('u'), "u", "undo"),
        (KeyCode::Char('g'), "g", "on"),
        (KeyCode::Char('F'), "F", "freely"),
    ]);
    if coming {
        all.push((KeyCode::Char('n'), "n", "next"));
    }
    all.extend([
        (KeyCode::Char('h'), "h", "hint"),
        (KeyCode::Char('e'), "e", "edit"),
        (KeyCode::Char('m'), "m", "mark"),
        (KeyCode::Enter, "Enter", "go on"),
    ]);
    all
}

/// The stage.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    look: Look,
    clicks: &mut Clicks,
    area: Rect,
    visit: &Visit<'_>,
    s: &Stepper<'_>,
) {
    let history = if area.height >= 30 { 11 } else { 4 };
    let aims = aims(look, visit, s.program());
    // What is to be done has to be read whole, a second row or not.
    let rows = aims.width().div_ceil(usize::from(area.width.max(1))).clamp(1, 2) as u16;
    let [goal, middle, below, now] = Layout::vertical([
        Constraint::Length(rows),
        Constraint::Min(8),
        Constraint::Length(history),
        Constraint::Length(2),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(aims).wrap(Wrap { trim: true }), goal);
    let [left, between, right] = thirds(middle);
    for (side, place) in [left, right].into_iter().enumerate() {
        let here: Vec<usize> = (0..s.program().processes.len()).filter(|i| i % 2 == side).collect();
        let parts = Layout::vertical(here.iter().map(|_| Constraint::Fill(1))).split(place);
        for (i, part) in here.iter().zip(parts.iter()) {
            process(frame, look, *part, s, *i);
            clicks.push((*part, KeyCode::Char(char::from(b'a' + *i as u8))));
        }
    }
    // What is shared has to be seen whole, semaphores above all; recovery gets what is left, and at least one line.
    let width = between.width.saturating_sub(2);
    let (mut lines, mut heading) = memory::lines(look, width, false, visit, s);
    let least = lines.len() as u16 + if recovery_rows(s) > 0 { 5 } else { 2 };
    if least > between.height {
        (lines, heading) = memory::lines(look, width, true, visit, s);
    }
    let left = between.height.saturating_sub(lines.len() as u16 + 2).max(3);
    let [words, recovery] =
        Layout::vertical([Constraint::Min(4), Constraint::Length(recovery_rows(s).min(left))]).areas(between);
    memory::draw(frame, look, words, visit, lines, heading);
    if recovery.height > 0 {
        draw_recovery(frame, look, recovery, s);
    }
    schedule_rows(frame, look, below, visit, s);
    happened(frame, look, now, visit, s);
}

fn last<'s>(s: &'s Stepper<'_>) -> Option<&'s Moment> {
    s.replay.moments.last()
}

/// What is to be done next, in one line.
fn aims(look: Look, visit: &Visit<'_>, now: &Program) -> Line<'static> {
    let goals = &visit.lesson.goals;
    let mut open = goals.iter().enumerate().filter(|(i, g)| g.possible && !g.after && !visit.reached.contains(i));
    let text = match (open.next(), goals.iter().find(|g| !g.possible)) {
        (Some((_, g)), _) => format!("Do it{}: {}", elsewhere(visit, g, now), g.text),
        (None, Some(g)) if visit.reached.is_empty() => format!("Try it: {}", g.text),
        (None, _) if goals.is_empty() => String::new(),
        (None, _) => "✓ Everything to reach was reached; Enter goes on.".to_owned(),
    };
    Line::styled(look.text(&text), look.strong())
}

/// Where a goal is to be reached, if it is another size or scene than this one.
fn elsewhere(visit: &Visit<'_>, goal: &Goal, now: &Program) -> String {
    let there = goal.instance.and_then(|n| instance(visit.lesson, &visit.text, Some(n)).ok());
    match there {
        Some((there, _)) if (&there.size, &there.scene) != (&now.size, &now.scene) => {
            let size = there.size.map_or(there.scene, |(name, value)| format!("{name} = {value}"));
            format!(", with {size} (keys [ and ])")
        }
        _ => String::new(),
    }
}

fn process(frame: &mut Frame<'_>, look: Look, area: Rect, s: &Stepper<'_>, i: usize) {
    let p = &s.program().processes[i];
    let Some(view) = last(s).map(|m| &m.processes[i]) else { return };
    let pid = s.stage.pid(i).map_or(String::new(), |pid| format!(" {pid}"));
    let state = match (view.state, &view.asleep_at) {
        ("asleep", Some(at)) if s.stage.is_held(i) => format!("woken at {at}"),
        ("asleep", Some(at)) => format!("asleep at {at}"),
        (state, _) => state.to_owned(),
    };
    let style = match view.state {
        "dead" => look.bad(),
        "asleep" => look.changed(),
        _ => look.strong(),
    };
    let letter = char::from(b'a' + i as u8);
    let block = look
        .frame(&format!("{letter} {}{pid}", p.name))
        .title_bottom(Span::styled(format!(" {} ", look.text(&state)), style));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let (from, to) = p.block.span;
    let mut lines = code(look, s.program(), (from, to), view.line, usize::from(inner.width));
    let mut extra = vec![];
    let mut values = |title: &str, all: &[(String, i64)], style: Style| {
        let named = all.iter().enumerate().map(|(i, (n, v))| {
            let comma = if i + 1 < all.len() { "," } else { "" };
            format!("{n} = {v}{comma}")
        });
        let all = memory::in_rows(std::iter::once(title.to_owned()).chain(named), usize::from(inner.width));
        extra.extend(all.into_iter().map(|row| Line::styled(look.text(&row), style)));
    };
    if !view.private.is_empty() {
        values("private:", &view.private, look.faint());
    }
    if !view.buffered.is_empty() {
        values("in its buffer:", &view.buffered, look.changed());
    }
    if inner.height >= 14 {
        extra.push(Line::styled(
            format!("kernel entered: {}, switches: {}", s.stage.entries(i), s.stage.switches(i)),
            look.faint(),
        ));
    }
    // The next line stays in sight.
    let room = usize::from(inner.height).saturating_sub(extra.len());
    let at = view.line.saturating_sub(from);
    let skip = if lines.len() > room { at.saturating_sub(room / 2).min(lines.len() - room) } else { 0 };
    lines = lines.into_iter().skip(skip).take(room).collect();
    frame.render_widget(Paragraph::new(lines), inner);
    let rows = (extra.len() as u16).min(inner.height);
    let place = Rect { y: inner.bottom() - rows, height: rows, ..inner };
    frame.render_widget(Paragraph::new(extra), place);
}

/// A block's lines with the next one marked, without the indentation that all of them have.
fn code(look: Look, program: &Program, span: (usize, usize), next: usize, width: usize) -> Vec<Line<'static>> {
    let lines = (span.0..=span.1).map(|n| (n, program.text.get(n.wrapping_sub(1)).map_or("", String::as_str)));
    lines
        .flat_map(|(n, line)| {
            let bare = line.split('#').next().unwrap_or("").trim_end();
            // Half the indentation: the panes are narrow.
            let indent = (bare.len() - bare.trim_start().len()) / 2;
            let mut text = format!("{}{}", " ".repeat(indent), bare.trim_start());
            let room = width.saturating_sub(2);
            let here = n == next && next > 0;
            // The next line is shown whole, in two rows if it has to be; the others where there is room.
            let mut rest = String::new();
            if here && text.chars().count() > room {
                let cut = text.chars().take(room).collect::<String>().rfind(' ').filter(|at| *at > indent);
                rest = text.split_off(cut.unwrap_or(text.len()));
            }
            if text.chars().count() > room {
                text = text.chars().take(room.saturating_sub(1)).chain(['…']).collect();
            }
            let (mark, style) = if here { ("▶ ", look.chosen()) } else { ("  ", Style::new()) };
            let row = |mark: &str, text: &str| {
                Line::from(vec![Span::styled(look.text(mark), look.strong()), Span::styled(look.text(text), style)])
            };
            let mut rows = vec![row(mark, &text)];
            if !rest.is_empty() {
                rows.push(row("  ", &format!("{}{}", " ".repeat(indent + 2), rest.trim_start())));
            }
            rows
        })
        .collect()
}

fn recovery_rows(s: &Stepper<'_>) -> u16 {
    match last(s).and_then(|m| m.recovery.as_ref()) {
        Some((who, _)) => {
            let p = s.program().processes.iter().find(|p| p.name == *who);
            p.map_or(3, |p| (p.recovery.span.1.saturating_sub(p.recovery.span.0) as u16 + 3).clamp(3, 7))
        }
        None => 0,
    }
}

fn draw_recovery(frame: &mut Frame<'_>, look: Look, area: Rect, s: &Stepper<'_>) {
    let Some((who, line)) = last(s).and_then(|m| m.recovery.clone()) else { return };
    let Some(p) = s.program().processes.iter().find(|p| p.name == who) else { return };
    let block = look.frame("recovery (r)");
    let inner = block.inner(area);
    let mut lines = if p.recovery.span.0 > 0 {
        code(look, s.program(), p.recovery.span, line, usize::from(inner.width))
    } else {
        vec![]
    };
    if line == 0 {
        lines = vec![Line::styled(look.text(&format!("▶ starts {who} again")), look.chosen())];
    }
    let at = line.saturating_sub(p.recovery.span.0);
    let skip = at.saturating_sub(usize::from(inner.height).saturating_sub(1));
    frame.render_widget(Paragraph::new(lines.into_iter().skip(skip).collect::<Vec<_>>()).block(block), area);
}

fn schedule_rows(frame: &mut Frame<'_>, look: Look, area: Rect, visit: &Visit<'_>, s: &Stepper<'_>) {
    let short = schedule::print(&s.acts);
    let coming = if visit.coming.is_empty() { String::new() } else { format!("  ({} to come)", visit.coming.len()) };
    let size = s.program().size.as_ref().map_or(String::new(), |(n, v)| format!(", {n} = {v}"));
    let scene = look.text(&format!(" {}{size} ", s.program().scene));
    let room = usize::from(area.width).saturating_sub(28 + scene.chars().count());
    let shown: String = if short.chars().count() > room {
        let skip = short.chars().count() - room;
        std::iter::once('…').chain(short.chars().skip(skip)).collect()
    } else {
        short
    };
    let block =
        look.frame(&format!("schedule {shown}{coming}")).title_top(Line::styled(scene, look.faint()).right_aligned());
    let rows = usize::from(block.inner(area).height);
    let told: Vec<_> = s.replay.moments.iter().filter_map(|m| m.told.as_ref()).collect();
    let from = told.len().saturating_sub(rows);
    let wide = area.width >= 110;
    let lines: Vec<Line<'static>> = told[from..]
        .iter()
        .map(|t| {
            let text = if wide { t.to_string() } else { format!("{:<3}{:<9} {}", t.act, t.who, t.says) };
            Line::styled(look.text(&text), if t.wrong { look.bad() } else { Style::new() })
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Two lines in plain words: what just happened, or how it stands.
fn happened(frame: &mut Frame<'_>, look: Look, area: Rect, visit: &Visit<'_>, s: &Stepper<'_>) {
    let told = last(s).and_then(|m| m.told.as_ref());
    let step = told.map_or_else(
        || "Nobody has run yet. Each process stands in front of its first step.".to_owned(),
        |t| {
            if t.code.is_empty() {
                format!("{} {}.", t.who, t.says)
            } else {
                format!("{} `{}`: {}.", t.who, t.code.trim_end_matches(':'), t.says)
            }
        },
    );
    let mut line = look.markdown(&step).into_iter().next().unwrap_or_default();
    if told.is_some_and(|t| t.wrong) {
        line = line.style(look.bad());
    }
    let second = match (&visit.message, &s.replay.end) {
        (Some(m), _) => Line::styled(look.text(m), look.changed()),
        (None, End::Open) => Line::default(),
        (None, End::Over) => {
            Line::styled(look.text(&format!("✓ {}.", crate::command::capital(&said(&s.replay.end)))), look.good())
        }
        (None, End::Stuck(_)) if waits::circle(&s.replay.moments).is_some() => {
            let (first, arrows) = waits::circle(&s.replay.moments).unwrap_or_default();
            let arrows: String = arrows.iter().map(|(at, who)| format!(" → {at}, taken by {who}")).collect();
            Line::styled(look.text(&format!("✗ In a circle: {first}{arrows}.")), look.bad())
        }
        (None, end) => Line::styled(look.text(&format!("✗ {}.", crate::command::capital(&said(end)))), look.bad()),
    };
    frame.render_widget(Paragraph::new(vec![line, second]).wrap(Wrap { trim: false }), area);
}
