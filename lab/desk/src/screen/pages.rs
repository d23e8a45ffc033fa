//! Drawing a lesson's pages, but for the stage.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use tricine_lab::Lesson;
use tricine_lab::lang::{Memory, Program};
use tricine_lab::run::Told;
use tricine_lab::verdict::Verdict;

use super::above::each_line;
use super::look::Look;
use super::visit::{Page, Visit};
use super::{Clicks, head, keys, page, scene};
use crate::stepper::Stepper;

type Items<'a> = Vec<(KeyCode, &'a str, &'a str)>;

/// The whole screen.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    look: Look,
    clicks: &mut Clicks,
    visit: &Visit<'_>,
    program: &Program,
    stepper: Option<&Stepper<'_>>,
) {
    let (top, body, foot) = page(frame.area());
    let done = if visit.entry.right_at.is_some() { " ✓" } else { "" };
    let tabs: Vec<String> = Page::ALL
        .iter()
        .enumerate()
        .map(
            |(i, (p, name))| {
                if *p == visit.page { format!("[{} {name}]", i + 1) } else { format!(" {} {name} ", i + 1) }
            },
        )
        .collect();
    head(frame, look, top, &format!("{}. {}{done}", visit.lesson.id, visit.lesson.title), &tabs.concat());
    let width: usize = tabs.iter().map(|t| t.chars().count()).sum();
    let mut x = top.right().saturating_sub(u16::try_from(width).unwrap_or(0));
    for (i, tab) in tabs.iter().enumerate() {
        let w = tab.chars().count() as u16;
        clicks.push((Rect { x, y: top.y, width: w, height: 1 }, KeyCode::Char(char::from(b'1' + i as u8))));
        x += w;
    }
    let items = match (visit.page, stepper) {
        (Page::Run, Some(s)) => {
            scene::draw(frame, look, clicks, body, visit, s);
            let mut items = scene::items(program, !visit.coming.is_empty());
            if visit.lesson.measure.is_some() {
                items.push((KeyCode::Char('M'), "M", "measure"));
            }
            items.extend(visit.closer().map(|(what, _)| (KeyCode::Char('C'), "C", what)));
            items
        }
        (Page::Run, None) => {
            text(frame, look, body, "Measure", measured(look, visit), visit.scroll);
            let mut items: Items<'_> = vec![(KeyCode::Char('M'), "M", "measure")];
            items.extend(visit.closer().map(|(what, _)| (KeyCode::Char('C'), "C", what)));
            items.push((KeyCode::Enter, "Enter", "go on"));
            items
        }
        (Page::Repair, _) if program.processes.is_empty() => {
            text(
                frame,
                look,
                body,
                "Repair",
                look.markdown("There is nothing to repair in this lesson. `M` measures, `Enter` goes on."),
                0,
            );
            vec![(KeyCode::Char('M'), "M", "measure"), (KeyCode::Enter, "Enter", "why")]
        }
        (Page::Text, _) => {
            let mut lines = look.markdown(&visit.lesson.text);
            lines.push(Line::default());
            lines.extend(visit.lesson.program.lines().map(|l| Line::styled(look.text(l), look.code())));
            if !visit.lesson.run.is_empty() {
                lines.push(Line::default());
                lines.extend(look.markdown(&format!("**On page 3.** {}", visit.lesson.run)));
            }
            text(frame, look, body, "What it is about", lines, visit.scroll);
            vec![(KeyCode::Enter, "Enter", "go on")]
        }
        (Page::Predict, _) => predict(frame, look, clicks, body, visit),
        (Page::Repair, _) => {
            let width = usize::from(body.width).saturating_sub(2);
            text(frame, look, body, "Repair", repair(look, visit, width), visit.scroll);
            let mut items: Items<'_> = vec![(KeyCode::Char('e'), "e", "edit"), (KeyCode::Char('m'), "m", "mark")];
            if !visit.coming.is_empty() {
                items.push((KeyCode::Char('n'), "n", "see it happen"));
            }
            items.extend([(KeyCode::Char('h'), "h", "hint"), (KeyCode::Char('R'), "R", "drop my lines")]);
            if visit.entry.right_at.is_some() {
                items.push((KeyCode::Enter, "Enter", "why"));
            }
            items
        }
        _ => {
            text(frame, look, body, "Why", why(look, visit), visit.scroll);
            vec![]
        }
    };
    let mut items = items;
    items.extend([(KeyCode::Char('?'), "?", "help"), (KeyCode::Char('q'), "q", "lessons")]);
    // The last ones, which are left out first where the rows are too short.
    if visit.page == Page::Run && stepper.is_some() && visit.has_others() {
        items.extend([(KeyCode::Char('['), "[", ""), (KeyCode::Char(']'), "]", "size")]);
    }
    keys(frame, look, clicks, foot, &items);
    visit.above.draw(frame, look, clicks);
}

fn text(frame: &mut Frame<'_>, look: Look, area: Rect, title: &str, lines: Vec<Line<'static>>, scroll: u16) {
    let block = look.frame(title);
    let inner = block.inner(area);
    let rows: usize = lines.iter().map(|l| l.width().div_ceil(usize::from(inner.width.max(1))).max(1)).sum();
    let most = u16::try_from(rows.saturating_sub(usize::from(inner.height))).unwrap_or(u16::MAX);
    let block = if most > 0 {
        let arrows = if look.unicode { " ↑ ↓ " } else { " up, down " };
        block.title_bottom(Span::styled(arrows, look.faint()))
    } else {
        block
    };
    frame.render_widget(
        Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((scroll.min(most), 0)).block(block),
        area,
    );
}

fn predict(frame: &mut Frame<'_>, look: Look, clicks: &mut Clicks, area: Rect, visit: &Visit<'_>) -> Items<'static> {
    let Some(q) = visit.lesson.predict.get(visit.question) else {
        text(frame, look, area, "Predict", look.markdown("This lesson asks nothing beforehand."), 0);
        return vec![(KeyCode::Enter, "Enter", "go on")];
    };
    let (ticked, answered) = visit.ticked();
    let title = format!("Predict: question {} of {}", visit.question + 1, visit.lesson.predict.len());
    let mut lines = look.markdown(&q.text);
    lines.push(Line::default());
    let mut rows = vec![];
    for (i, a) in q.answers.iter().enumerate() {
        let cross = if ticked.contains(&i) { "x" } else { " " };
        let letter = char::from(b'a' + i as u8);
        rows.push((lines.len(), letter));
        let style = if i == visit.cursor && !answered { look.chosen() } else { Style::new() };
        let mut spans = vec![Span::styled(format!(" [{cross}] {letter}  "), style)];
        spans.extend(look.markdown(&a.text).into_iter().flat_map(|l| l.spans));
        if answered {
            let (word, style) = match (a.right, ticked.contains(&i)) {
                (true, true) => ("  ✓ right, and you said so", look.good()),
                (true, false) => ("  ✗ right, and you did not say so", look.bad()),
                (false, true) => ("  ✗ not so", look.bad()),
                (false, false) => ("  ✓ not so, and you did not say so", look.good()),
            };
            spans.push(Span::styled(look.text(word), style));
        }
        lines.push(Line::from(spans));
        if answered {
            let width = usize::from(area.width).saturating_sub(2);
            lines.extend(look.markdown(&a.why).iter().flat_map(|l| Look::hang(l, 7, width)));
            lines.push(Line::default());
        }
    }
    if let Some(m) = &visit.message {
        lines.extend([Line::default(), Line::styled(look.text(m), look.bad())]);
    }
    // Where each answer is drawn: long lines before it take more rows.
    let inner = usize::from(area.width.saturating_sub(2).max(1));
    for (at, letter) in rows {
        let above: usize = lines[..at].iter().map(|l| l.width().div_ceil(inner).max(1)).sum();
        let place =
            Rect { x: area.x + 1, y: area.y + 1 + above as u16, width: area.width.saturating_sub(2), height: 1 };
        clicks.push((place, KeyCode::Char(letter)));
    }
    text(frame, look, area, &title, lines, if answered { visit.scroll } else { 0 });
    if answered {
        vec![(KeyCode::Enter, "Enter", "go on")]
    } else {
        let letters = ["a", "a b", "a b c", "a b c d", "a … e"][q.answers.len().clamp(1, 5) - 1];
        vec![(KeyCode::Char(' '), letters, "tick"), (KeyCode::Enter, "Enter", "that is what I think")]
    }
}

/// Columns of the code beside a counterexample's steps, at most.
const CODE: usize = 30;

/// A step of a counterexample, what is too long for one row indented below. `code` is as wide as the longest code.
fn step(look: Look, told: &Told, code: usize, width: usize) -> Vec<Line<'static>> {
    let mut line = told.code.clone();
    if line.chars().count() > code {
        line = line.chars().take(code.saturating_sub(1)).chain(['…']).collect();
    }
    let head = format!("  {:<3}{:<9} {line:<code$}  ", told.act, told.who);
    let style = if told.wrong { look.bad() } else { Style::new() };
    let indent = head.chars().count();
    let mut rows = Look::hang(&Line::raw(look.text(&told.says)), indent, width);
    if let Some(blank) = rows.first_mut().and_then(|row| row.spans.first_mut()) {
        *blank = Span::raw(look.text(&head));
    }
    rows.into_iter().map(|row| row.style(style)).collect()
}

fn repair(look: Look, visit: &Visit<'_>, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![];
    match &visit.verdict {
        Some(v @ Verdict::Right { .. }) => {
            lines.push(Line::styled(look.text(&format!("✓ {}", v.to_string().trim_end())), look.good()));
            lines.push(Line::raw(look.text("Enter says why. You may go on improving it.")));
        }
        Some(v) => {
            let said = v.to_string();
            let mut all = said.lines();
            let first = all.next().unwrap_or_default();
            lines.push(Line::styled(look.text(&format!("✗ {first}")), look.bad()));
            let mut steps: VecDeque<&Told> =
                if let Verdict::Wrong(w) = v { w.trace.iter().collect() } else { VecDeque::new() };
            let code = steps.iter().map(|t| t.code.chars().count().min(CODE)).max().unwrap_or(0);
            for line in all {
                // Narrower, and broken between words, where there is less room.
                match steps.front().filter(|t| width < 110 && line == format!("  {t}")) {
                    Some(t) => lines.extend(step(look, t, code, width)),
                    None => lines.push(Line::raw(look.text(line))),
                }
                if steps.front().is_some_and(|t| line == format!("  {t}")) {
                    steps.pop_front();
                }
            }
            if !visit.coming.is_empty() {
                lines.push(Line::raw("n shows it step by step, on real processes."));
            }
        }
        None => {}
    }
    if let Some(m) = &visit.message {
        lines.push(Line::raw(look.text(m)));
    }
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    let task =
        if visit.lesson.task.is_empty() { "Change the program as you like, and mark it." } else { &visit.lesson.task };
    lines.extend(look.markdown(task));
    lines.push(Line::default());
    let how = match &visit.draft {
        Some(d) => format!("Your lines are in `{}`: whatever saves that file has it marked.", d.path().display()),
        None => "`e` opens your editor; saving marks what you wrote. Your lines now:".into(),
    };
    lines.extend(look.markdown(&how));
    lines.push(Line::default());
    lines.extend(visit.text.lines().map(|l| Line::styled(format!("  {}", look.text(l)), look.code())));
    lines
}

/// A lesson that only measures.
fn measured(look: Look, visit: &Visit<'_>) -> Vec<Line<'static>> {
    let mut text = visit.lesson.run.clone();
    if let Some(m) = &visit.lesson.measure {
        text += &format!("\n\n{}", m.text);
    }
    if let Some(measured) = &visit.measured {
        text += &format!("\n\n{measured}");
    }
    look.markdown(&text)
}

fn why(look: Look, visit: &Visit<'_>) -> Vec<Line<'static>> {
    if visit.entry.right_at.is_none() {
        let when = if visit.lesson.program.is_empty() {
            "every question is answered and you have measured (`M`)"
        } else {
            "your repair is right"
        };
        return look.markdown(&format!("This page opens once {when}. `4` is the repair, `h` a hint."));
    }
    let l = visit.lesson;
    let mut text = l.see.clone();
    for part in [&l.proof, &l.why] {
        if !part.is_empty() {
            text += &format!("\n\n{part}");
        }
    }
    for s in l.shipped.iter().filter(|s| s.line > 0) {
        text += &format!("\n\n**In Tricine**, `{}` from line {}: {}\n```\n{}\n```\n", s.file, s.line, s.says, s.code);
    }
    if !l.guide.is_empty() {
        text += "\n\n**What guides say, and whether it holds**\n";
        for c in &l.guide {
            text += &format!("- \"{}\": **{}**. {}\n", c.claim, c.holds, c.why);
        }
    }
    if l.repairs.iter().any(|r| r.verdict != "right") {
        text += "\n**What others wrote**\n";
        for r in &l.repairs {
            let how = if r.schedule.is_empty() { String::new() } else { format!(", `{}`", r.schedule) };
            let said = r.text.lines().next().unwrap_or_default();
            text += &format!("- {}: **{}**{how}. {said}\n", r.name, r.verdict);
        }
    }
    look.markdown(&text)
}

/// All keys.
pub(super) fn help(look: Look, lesson: &Lesson, program: &Program) -> Vec<Line<'static>> {
    let mut lines = look.markdown(&lesson.run);
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    let mut text = String::from(
        "You are the scheduler. The processes are real; each stands in front of its next shared access.\n\n\
         `a b` let the first or the second process take one step\n`A B` kill it: SIGKILL, at this point\n\
         `r` one step of recovery, in the supervisor's place\n`u` one step back (everything is played again up to it)\n\
         `R` to the beginning\n`g` on to the next change that others can see\n`n` the counterexample's next step\n\
         `F` freely: at full speed, many times\n`[ ]` another size or scene\n`x` the same memory as bytes\n\
         `M` measure, where the lesson does; `C` in lessons 12 and 16: call by call, the channel itself\n`e` your editor   `m` mark   `h` a hint, at most three\n`1` to `5` the lesson's pages   `Enter` go on   `Backspace` back\n\
         `q` to the lessons   `?` this page\n\nA click on a process is a step; a click on a key is that key.\n",
    );
    if program.memory == Memory::Tso {
        text += "`v w` the oldest store in the first or second process's buffer reaches memory\n";
    }
    lines.extend(each_line(look, &text));
    lines
}

/// Two columns and a middle, or less.
pub(super) fn thirds(area: Rect) -> [Rect; 3] {
    let side = if area.width >= 120 { 44 } else { 28.min(area.width.saturating_sub(22) / 2) };
    Layout::horizontal([Constraint::Length(side), Constraint::Min(20), Constraint::Length(side)]).areas(area)
}
