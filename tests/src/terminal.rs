//! Terminals of a test's own: a bare one, whose every byte is kept, and tmux, which says what is to be seen.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};

use crate::pictures::Picture;
use crate::wait_for;

/// A pseudo terminal of 80 by 24, at whose other end nobody draws. It answers the question whether it is well.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    line: OwnedFd,
    seen: Arc<Mutex<Vec<u8>>>,
    stuck: Arc<AtomicBool>,
}

impl Terminal {
    /// A new one.
    pub fn open() -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).expect("a pseudo terminal");
        let keyboard = File::from(master);
        let (seen, stuck) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (mut screen, seen_by, stuck_now) =
            (keyboard.try_clone().expect("a descriptor"), Arc::clone(&seen), Arc::clone(&stuck));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                while stuck_now.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                let Ok(n @ 1..) = screen.read(&mut buffer) else { return };
                let asked = {
                    let mut seen = seen_by.lock().expect("no panic");
                    let from = seen.len().saturating_sub(3);
                    seen.extend_from_slice(&buffer[..n]);
                    seen[from..].windows(4).filter(|w| w == b"\x1b[5n").count()
                };
                let _ = screen.write_all(&b"\x1b[0n".repeat(asked));
            }
        });
        Self { keyboard, line: slave, seen, stuck }
    }

    /// Makes `command` run on it, as the leader of a session of its own.
    pub fn carry(&self, command: &mut Command) {
        self.carry_with(command, &[]);
    }

    /// Makes `command` run on it as the child of a shell, which stays when it is gone: a terminal is hung up with the
    /// leader of its session.
    pub fn carry_in_shell(&self, command: &mut Command) {
        self.carry_with(command, &["sh", "-c", "\"$@\"; exec cat", "sh"]);
    }

    fn carry_with(&self, command: &mut Command, shell: &[&str]) {
        let inner = std::mem::replace(command, Command::new("setsid"));
        command.arg("--ctty").args(shell).arg(inner.get_program()).args(inner.get_args());
        for (key, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let end = || Stdio::from(self.line.try_clone().expect("a descriptor"));
        command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm-256color");
    }

    /// Types.
    pub fn type_in(&mut self, bytes: &[u8]) {
        self.keyboard.write_all(bytes).expect("the terminal takes input");
    }

    /// Stops or goes on reading what is drawn.
    pub fn stick(&self, stuck: bool) {
        self.stuck.store(stuck, Relaxed);
    }

    /// All that was drawn.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().expect("no panic")).into_owned()
    }

    /// Waits until `text` was drawn so often.
    pub fn shows(&self, text: &str, times: usize) {
        wait_for(&format!("{text:?} on the terminal, {times} times"), || {
            (self.seen().matches(text).count() >= times).then_some(())
        });
    }

    /// All that was drawn by processes which can draw no more: what they left in the line is read first.
    pub fn seen_to_the_end(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("(mark {})", COUNT.fetch_add(1, Relaxed));
        File::from(self.line.try_clone().expect("a descriptor")).write_all(mark.as_bytes()).expect("the line takes it");
        self.shows(&mark, 1);
        self.seen()
    }

    /// How the line is set: echo, editing, signals.
    pub fn settings(&self) -> Termios {
        tcgetattr(self.line.as_fd()).expect("a terminal")
    }
}

/// A tmux of its own with one window.
#[derive(Debug)]
pub struct Tmux {
    name: String,
    folder: tempfile::TempDir,
}

impl Tmux {
    /// Starts `command` in a window of that size.
    pub fn start(columns: usize, rows: usize, command: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tricine-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let this = Self { name, folder: tempfile::tempdir().expect("a temporary folder") };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        this.run(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, command]);
        this
    }

    /// Runs a command of tmux; what it said.
    pub fn run(&self, args: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.name]).args(args).env("TMUX_TMPDIR", self.folder.path()).env_remove("TMUX");
        let output = tmux.stdin(Stdio::null()).output().expect("tmux starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The rows of the window that show a picture, as pixels: two to a letter.
    pub fn picture(&self, columns: usize, rows: usize) -> Picture {
        let text = self.run(&["capture-pane", "-p", "-e", "-N"]);
        let mut bytes = vec![0; columns * rows * 2 * 3];
        let (mut front, mut back) = ([0; 3], [0; 3]);
        for (row, line) in text.lines().take(rows).enumerate() {
            let (mut column, mut left) = (0, line);
            while let Some(c) = left.chars().next() {
                if let Some(rest) = left.strip_prefix("\x1b[") {
                    let end = rest.find('m').expect("only colours");
                    colors(&rest[..end], &mut front, &mut back);
                    left = &rest[end + 1..];
                    continue;
                }
                let (upper, lower) = match c {
                    '\u{2580}' => (front, back),
                    '\u{2584}' => (back, front),
                    _ => (back, back),
                };
                for (line, color) in [(row * 2, upper), (row * 2 + 1, lower)] {
                    let at = (line * columns + column) * 3;
                    bytes[at..at + 3].copy_from_slice(&color);
                }
                column += 1;
                left = &left[c.len_utf8()..];
            }
        }
        Picture { width: columns, bytes }
    }
}

/// What an escape sequence makes of the colours.
fn colors(numbers: &str, front: &mut [u8; 3], back: &mut [u8; 3]) {
    let numbers: Vec<u8> = numbers.split([';', ':']).map(|n| n.parse().unwrap_or(0)).collect();
    let mut left = numbers.as_slice();
    while let Some((&first, rest)) = left.split_first() {
        left = match (first, rest) {
            (38, [2, r, g, b, rest @ ..]) => {
                *front = [*r, *g, *b];
                rest
            }
            (48, [2, r, g, b, rest @ ..]) => {
                *back = [*r, *g, *b];
                rest
            }
            (0 | 49, rest) => {
                *back = [0; 3];
                rest
            }
            _ => rest,
        };
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
