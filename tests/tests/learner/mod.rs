//! A learner in front of the lab's screen: keys, clicks, and what is to be seen.

// Each test uses a part of it.
#![allow(dead_code)]

use std::path::Path;
use std::time::Duration;

use tests::terminal::Tmux;
use tests::{wait_for, within_patience};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// A screen that is the same after this long is drawn.
const STILL: Duration = Duration::from_millis(50);

/// Keys in a window of tmux.
pub(crate) struct Learner(pub(crate) Tmux);

impl Learner {
    pub(crate) fn start(columns: usize, rows: usize, state: &Path, environment: &str, args: &str) -> Self {
        Self(Tmux::start(
            columns,
            rows,
            &format!("env XDG_STATE_HOME={} {environment} {PROGRAM} lab {args}", state.display()),
        ))
    }

    pub(crate) fn press(&self, keys: &[&str]) {
        for key in keys {
            self.0.run(&["send-keys", key]);
        }
    }

    /// A click into the first place where the screen says this, as terminals report it (SGR).
    pub(crate) fn click(&self, text: &str) {
        let screen = self.still(text);
        let (row, line) = screen.lines().enumerate().find(|(_, l)| l.contains(text)).expect("it is there");
        let column = line.split(text).next().map_or(0, |before| before.chars().count());
        self.mouse(0, column + 2, row + 1);
    }

    pub(crate) fn mouse(&self, button: u32, column: usize, row: usize) {
        let event = |end| format!("\x1b[<{button};{column};{row}{end}");
        self.0.run(&["send-keys", "-l", &(event('M') + &event('m'))]);
    }

    pub(crate) fn screen(&self) -> String {
        self.0.run(&["capture-pane", "-p"])
    }

    pub(crate) fn shows(&self, text: &str) -> String {
        let mut seen = String::new();
        let found = within_patience(|| {
            seen = self.screen();
            seen.contains(text).then_some(())
        });
        assert!(found.is_some(), "waited for {text:?} in vain on the screen\n{seen}");
        seen
    }

    /// The screen that says this, once it does not change: a screen that is being drawn says where things were.
    fn still(&self, text: &str) -> String {
        let mut before = self.shows(text);
        wait_for(&format!("{text:?} to stay where it is"), || {
            std::thread::sleep(STILL);
            let now = self.screen();
            let same = now == before && now.contains(text);
            before = now;
            same.then(|| before.clone())
        })
    }
}

/// An editor that saves this text, whatever was there.
pub(crate) fn editor(folder: &Path, text: &str) -> String {
    let (new, script) = (folder.join("new.lab"), folder.join("editor"));
    std::fs::write(&new, text).expect("a file");
    std::fs::write(&script, format!("#!/bin/sh\ncp {} \"$1\"\n", new.display())).expect("a script");
    let mut permissions = std::fs::metadata(&script).expect("it is there").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
    std::fs::set_permissions(&script, permissions).expect("executable");
    script.display().to_string()
}
