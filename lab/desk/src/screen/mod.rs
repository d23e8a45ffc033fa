//! The screen: lessons for people, in any terminal of 80 by 24 or more.
//!
//! One thread: draw, wait for a key, do what it says. Read in this order: this file (the terminal), `list`, `visit` (one
//! lesson, and its keys), `pages` and `scene` (drawing), `above` (what lies over them), `real` (the shipped channel), `ways` (a
//! frame, call by call), `look`, `editor`.

mod above;
mod editor;
mod list;
mod look;
mod pages;
mod real;
mod scene;
mod visit;
mod waits;
mod ways;

use std::io::{BufWriter, Stdout, Write, stdout};
use std::time::Duration;

use ratatui::crossterm::event::{
    self, DisableMouseCapture, EnableMouseCapture, Event, KeyCode, KeyEventKind, KeyModifiers, MouseButton,
    MouseEventKind,
};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute, queue};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};
use ratatui::{Frame, Terminal, backend::CrosstermBackend};
use tricine_lab::Lesson;

use self::look::Look;
use crate::course::Course;
use crate::progress::Progress;
use crate::{Error, Open, Result, Session};

/// How long nobody looks whether a file was saved or a process was killed by somebody else.
const TICK: Duration = Duration::from_millis(200);

/// The terminal, while it is drawn on.
pub(crate) struct Ui {
    terminal: Terminal<CrosstermBackend<Screen>>,
    pub(crate) look: Look,
    pub(crate) session: Box<dyn Session>,
    /// Where a click means a key.
    clicks: Vec<(Rect, KeyCode)>,
    drawn_on: bool,
}

/// What a screen is drawn through: standard output alone hands on every kilobyte by itself, and half a screen would be seen.
type Screen = BufWriter<Stdout>;

/// Bytes that are drawn at once: a large terminal, a colour for every few letters.
const DRAWN: usize = 1 << 17;

/// Where a drawing may be clicked at.
pub(crate) type Clicks = Vec<(Rect, KeyCode)>;

fn io(e: std::io::Error) -> Error {
    Error::Usage(format!("the terminal: {e}"))
}

impl Ui {
    fn new(mut session: Box<dyn Session>) -> Result<Self> {
        session.terminal_is_drawn_on();
        let screen = BufWriter::with_capacity(DRAWN, stdout());
        let terminal = Terminal::new(CrosstermBackend::new(screen)).map_err(io)?;
        let mut me = Self { terminal, look: Look::of_environment(), session, clicks: vec![], drawn_on: false };
        me.enter()?;
        Ok(me)
    }

    fn enter(&mut self) -> Result<()> {
        enable_raw_mode().map_err(io)?;
        self.drawn_on = true;
        execute!(stdout(), EnterAlternateScreen, EnableMouseCapture, cursor::Hide).map_err(io)?;
        // `Terminal::clear` asks the terminal where its cursor is, and some never answer. A new size, the same one, asks nobody.
        let size = self.terminal.size().map_err(io)?;
        self.terminal.resize(Rect { x: 0, y: 0, width: size.width, height: size.height }).map_err(io)
    }

    fn leave(&mut self) -> Result<()> {
        self.drawn_on = false;
        execute!(stdout(), DisableMouseCapture, LeaveAlternateScreen, cursor::Show).map_err(io)?;
        disable_raw_mode().map_err(io)
    }

    /// Gives the terminal away for as long as `work` needs it.
    pub(crate) fn aside<T>(&mut self, work: impl FnOnce() -> T) -> Result<T> {
        self.leave()?;
        let done = work();
        self.enter()?;
        Ok(done)
    }

    /// Draws, and notes where clicks go.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>, Look, &mut Clicks)) -> Result<()> {
        let (mut clicks, look) = (vec![], self.look);
        // A terminal that knows this shows the new screen when it is whole; others pass it over.
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate).map_err(io)?;
        self.terminal
            .draw(|frame| {
                let area = frame.area();
                if area.width < 60 || area.height < 20 {
                    let text =
                        format!("The lab needs 80 columns and 24 rows; these are {} and {}.", area.width, area.height);
                    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
                } else {
                    draw(frame, look, &mut clicks);
                }
            })
            .map_err(io)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate).map_err(io)?;
        self.clicks = clicks;
        Ok(())
    }

    /// Whether a key was pressed meanwhile; which one is forgotten.
    pub(crate) fn pressed(&self) -> Result<bool> {
        let mut any = false;
        while event::poll(Duration::ZERO).map_err(io)? {
            any |= matches!(event::read().map_err(io)?, Event::Key(k) if k.kind != KeyEventKind::Release);
        }
        Ok(any)
    }

    /// The next key, or what a click stands for; `None` after a while without one.
    pub(crate) fn key(&mut self) -> Result<Option<KeyCode>> {
        self.session.look_after();
        if !event::poll(TICK).map_err(io)? {
            return Ok(None);
        }
        Ok(match event::read().map_err(io)? {
            Event::Key(k) if k.kind != KeyEventKind::Release => {
                let control = k.modifiers.contains(KeyModifiers::CONTROL);
                if control && matches!(k.code, KeyCode::Char('c' | 'd')) { Some(KeyCode::Esc) } else { Some(k.code) }
            }
            Event::Mouse(m) => match m.kind {
                MouseEventKind::Down(MouseButton::Left) => {
                    let at = ratatui::layout::Position { x: m.column, y: m.row };
                    // What was drawn last lies on top.
                    self.clicks.iter().rev().find(|c| c.0.contains(at)).map(|c| c.1)
                }
                MouseEventKind::ScrollDown => Some(KeyCode::Down),
                MouseEventKind::ScrollUp => Some(KeyCode::Up),
                _ => None,
            },
            _ => None,
        })
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        if self.drawn_on {
            // On the way out of an error, too; a terminal that is gone needs nothing.
            let _ = self.leave();
            let _ = stdout().flush();
        }
    }
}

/// A row of keys; each can be clicked.
pub(crate) fn keys(
    frame: &mut Frame<'_>,
    look: Look,
    clicks: &mut Clicks,
    area: Rect,
    items: &[(KeyCode, &str, &str)],
) {
    let (mut x, mut y) = (area.x, area.y);
    for (code, key, what) in items {
        let (key, what) = (look.text(key), look.text(what));
        let width = u16::try_from(key.chars().count() + what.chars().count() + 3).unwrap_or(u16::MAX);
        // The gap behind the last one needs no room.
        if x + width > area.right() + 2 && x > area.x {
            (x, y) = (area.x, y + 1);
        }
        if y >= area.bottom() {
            return;
        }
        let place = Rect { x, y, width: width.min(area.right().saturating_sub(x)), height: 1 };
        let line = Line::from(vec![Span::styled(key, look.chosen()), Span::raw(format!(" {what}"))]);
        frame.render_widget(Paragraph::new(line), place);
        clicks.push((place, *code));
        x += width;
    }
}

/// A text in the middle of the screen, over everything else.
pub(crate) fn popup(
    frame: &mut Frame<'_>,
    look: Look,
    clicks: &mut Clicks,
    title: &str,
    lines: Vec<Line<'static>>,
    scroll: u16,
) {
    let all = frame.area();
    let width = all.width.saturating_sub(6).min(92);
    let rows: usize = lines.iter().map(|l| l.width().div_ceil(usize::from(width.max(8)) - 4).max(1)).sum();
    let height = u16::try_from(rows + 3).unwrap_or(u16::MAX).min(all.height.saturating_sub(2));
    let area = Rect { x: (all.width - width) / 2, y: (all.height - height) / 2, width, height };
    frame.render_widget(Clear, area);
    let most = u16::try_from((rows + 2).saturating_sub(usize::from(height))).unwrap_or(u16::MAX);
    let foot = if most > 0 { " up, down; any other key goes on " } else { " any key goes on " };
    let block = look.frame(title).title_bottom(Span::styled(foot, look.faint()));
    frame.render_widget(
        Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((scroll.min(most), 0)).block(block),
        area,
    );
    clicks.push((all, KeyCode::Null));
}

/// A head of one line, a body, and two lines of keys.
pub(crate) fn page(area: Rect) -> (Rect, Rect, Rect) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(5), Constraint::Length(2)]).areas(area);
    (head, body, foot)
}

/// A title on the left and something short on the right.
pub(crate) fn head(frame: &mut Frame<'_>, look: Look, area: Rect, left: &str, right: &str) {
    let (mut left, right) = (look.text(left), look.text(right));
    let room = usize::from(area.width).saturating_sub(right.chars().count() + 1);
    if left.chars().count() > room {
        left = left.chars().take(room.saturating_sub(3)).chain("...".chars()).collect();
    }
    let gap = usize::from(area.width).saturating_sub(left.chars().count() + right.chars().count());
    let text = vec![Span::styled(left, look.strong()), Span::raw(" ".repeat(gap)), Span::styled(right, Style::new())];
    frame.render_widget(Paragraph::new(Line::from(text)), area);
}

/// The lessons on the screen. The exit code.
pub(crate) fn run(course: &Course, first: Option<Lesson>, sessions: Open<'_>) -> Result<i32> {
    let mut progress = Progress::of(course);
    // The janitor looks at the terminal before it is changed.
    let mut ui = Ui::new(sessions()?)?;
    let mut open = first;
    let mut chosen = progress.last().and_then(|id| course.lessons.iter().position(|l| l.id == id)).unwrap_or(0);
    loop {
        if let Some(lesson) = open.take() {
            chosen = course.lessons.iter().position(|l| l.id == lesson.id).unwrap_or(chosen);
            visit::visit(&mut ui, &lesson, &mut progress)?;
            // A course of one lesson has no list to come back to.
            if course.lessons.len() < 2 {
                break;
            }
        }
        match list::choose(&mut ui, course, &progress, &mut chosen)? {
            Some(i) => open = Some(course.lessons[i].clone()),
            None => break,
        }
    }
    ui.leave()?;
    if let Some(trouble) = &progress.trouble {
        let _ = writeln!(std::io::stderr(), "tricine lab: {trouble}");
    }
    Ok(0)
}
