//! The keyboard of the terminal: raw mode while it is ours, and which bytes are which key.

use std::fs::File;
use std::io::{IsTerminal, Read, stderr, stdin};
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::termios::{InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};
use tricine_session::link::Key;

/// Whether this is a terminal that we are in front of.
pub(crate) fn in_front(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal) == Ok(getpgrp())
}

/// The terminal that keys come from, without echo and line editing while this lives. Ctrl-C and Ctrl-Z stay signals.
#[derive(Debug)]
pub(crate) struct Keyboard {
    terminal: File,
    before: Termios,
    pending: Vec<u8>,
    answers: u32,
}

impl Keyboard {
    /// Takes the keyboard: standard input where it is a terminal, else the terminal that standard error shows the status on (the
    /// film may come by standard input). Only if we are in front of it.
    pub(crate) fn take() -> Option<Self> {
        let terminal = match stdin() {
            stdin if stdin.is_terminal() => File::from(stdin.as_fd().try_clone_to_owned().ok()?),
            _ if stderr().is_terminal() => File::open("/dev/tty").ok()?,
            _ => return None,
        };
        if !in_front(&terminal) {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let mut raw = before.clone();
        raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        // Ctrl-S would stop whoever writes to the terminal.
        raw.input_flags.remove(InputFlags::IXON);
        raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
        raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(&terminal, SetArg::TCSANOW, &raw).ok()?;
        Some(Self { terminal, before, pending: Vec::new(), answers: 0 })
    }

    /// How often the terminal has answered the renderer since the last call.
    pub(crate) fn answers(&mut self) -> u32 {
        std::mem::take(&mut self.answers)
    }

    /// Reads what was typed. An escape alone is held back until [`Keyboard::flush`], since it may begin a sequence.
    pub(crate) fn read(&mut self) -> Vec<Key> {
        let mut buffer = [0; 256];
        match self.terminal.read(&mut buffer) {
            Ok(n) => self.pending.extend_from_slice(&buffer[..n]),
            Err(_) => return Vec::new(),
        }
        let (typed, used) = parse(&self.pending);
        self.pending.drain(..used);
        self.answers += typed.iter().filter(|t| **t == Typed::Answer).count() as u32;
        typed.into_iter().filter_map(|t| if let Typed::Key(key) = t { Some(key) } else { None }).collect()
    }

    /// Whether an escape is held back.
    pub(crate) fn pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing came after it: it was the escape key.
    pub(crate) fn flush(&mut self) -> Option<Key> {
        let escape = self.pending == [0x1b];
        self.pending.clear();
        escape.then_some(Key::Escape)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

impl AsFd for Keyboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }
}

/// What comes from a terminal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Typed {
    Key(Key),
    /// The answer to "are you well?".
    Answer,
}

/// What was typed in `bytes`, and how many bytes it took; an unfinished sequence is left.
fn parse(mut bytes: &[u8]) -> (Vec<Typed>, usize) {
    let all = bytes.len();
    let mut typed = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        if first == 0x1b {
            // CSI or SS3, parameters, and one final letter.
            let Some((&kind, tail)) = rest.split_first() else { break };
            if kind != b'[' && kind != b'O' {
                bytes = rest;
                typed.push(Typed::Key(Key::Escape));
                continue;
            }
            let Some(end) = tail.iter().position(|b| (0x40..=0x7e).contains(b)) else {
                bytes = if tail.len() > 16 { &[] } else { bytes };
                break;
            };
            typed.extend(match tail[end] {
                b'A' => Some(Typed::Key(Key::Seek(60))),
                b'B' => Some(Typed::Key(Key::Seek(-60))),
                b'C' => Some(Typed::Key(Key::Seek(5))),
                b'D' => Some(Typed::Key(Key::Seek(-5))),
                b'n' => Some(Typed::Answer),
                b'~' if tail[..end] == *b"5" => Some(Typed::Key(Key::Chapter(1))),
                b'~' if tail[..end] == *b"6" => Some(Typed::Key(Key::Chapter(-1))),
                _ => None,
            });
            bytes = &tail[end + 1..];
            continue;
        }
        let key = match first {
            b' ' | b'p' => Some(Key::Pause),
            b'.' => Some(Key::Step),
            b'!' => Some(Key::Chapter(-1)),
            b'@' => Some(Key::Chapter(1)),
            b'#' => Some(Key::Sound),
            b'_' => Some(Key::Pictures),
            b'[' => Some(Key::Slower),
            b']' => Some(Key::Faster),
            b'9' => Some(Key::VolumeDown),
            b'0' => Some(Key::VolumeUp),
            b'm' => Some(Key::Mute),
            b'f' => Some(Key::Fullscreen),
            b'l' => Some(Key::Loop),
            b's' => Some(Key::Screenshot),
            b'o' => Some(Key::Osd),
            b'?' | b'h' => Some(Key::Help),
            b'j' => Some(Key::Subtitles),
            b'J' => Some(Key::SubtitlesBack),
            b'v' => Some(Key::SubtitlesHide),
            b'z' => Some(Key::SubtitlesEarlier),
            b'Z' | b'x' => Some(Key::SubtitlesLater),
            b'>' | b'n' => Some(Key::Next),
            b'q' => Some(Key::Quit),
            _ => None,
        };
        typed.extend(key.map(Typed::Key));
        bytes = rest;
    }
    (typed, all - bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_sequences_are_told_apart() {
        for (bytes, keys, used) in [
            (&b" q"[..], vec![Key::Pause, Key::Quit], 2),
            (b"\x1b[C\x1b[D", vec![Key::Seek(5), Key::Seek(-5)], 6),
            (b"\x1bOA.", vec![Key::Seek(60), Key::Step], 4),
            (b"\x1b[1;5C", vec![Key::Seek(5)], 6),
            (b"\x1b[5~\x1b[6~#_", vec![Key::Chapter(1), Key::Chapter(-1), Key::Sound, Key::Pictures], 10),
            (b"\x1b", vec![], 0),
            (b"\x1b[", vec![], 0),
            (b"\x1b[15~y", vec![], 6),
            (b"\xff\x00", vec![], 2),
        ] {
            let typed = keys.into_iter().map(Typed::Key).collect();
            assert_eq!(parse(bytes), (typed, used), "{bytes:?}");
        }
        assert_eq!(parse(b"\x1b[0nq"), (vec![Typed::Answer, Typed::Key(Key::Quit)], 5));
    }
}
