//! The lab's screen in a terminal that answers nothing, and what it leaves of a terminal when it is killed.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{have, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// `script`, which shows what a program writes and answers none of its questions.
struct Mute {
    script: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    seen: String,
}

impl Mute {
    fn start(state: &Path, after: &str) -> Self {
        let line = format!("stty cols 80 rows 24; XDG_STATE_HOME={} {PROGRAM} lab 8; {after}", state.display());
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env("LANG", "C.UTF-8").env("TERM", "xterm-256color");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = command.spawn().expect("it starts");
        let (keys, screen) = (script.stdin.take().expect("a pipe"), script.stdout.take().expect("a pipe"));
        Self { script, keys, screen, seen: String::new() }
    }

    /// Reads until this is written, from where it was read to.
    fn shows(&mut self, text: &str) {
        let mut bytes = [0; 4096];
        while !self.seen.contains(text) {
            let n = self.screen.read(&mut bytes).expect("it can be read");
            assert!(n > 0, "it ended before {text:?}: {:?}", self.seen);
            self.seen += &String::from_utf8_lossy(&bytes[..n]);
        }
        self.seen = self.seen.split_off(self.seen.find(text).unwrap_or(0));
    }

    fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).expect("it takes keys");
    }
}

#[test]
fn a_terminal_that_answers_nothing_is_good_enough() {
    if !have("script") {
        return;
    }
    let state = tempfile::tempdir().expect("a folder");
    let mut mute = Mute::start(state.path(), "echo it ended: $?");
    mute.shows("What it is about");
    mute.press("3");
    mute.shows("Nobody has run yet");
    mute.press("q");
    mute.shows("Lessons");
    mute.press("q");
    mute.shows("it ended: 0");
    mute.script.wait().expect("its end");
}

#[test]
fn a_terminal_is_given_back_by_a_second_janitor_as_by_the_first() {
    if !have("script") {
        return;
    }
    for victims in 0..2 {
        let state = tempfile::tempdir().expect("a folder");
        let marker = format!("XDG_STATE_HOME={}", state.path().display());
        let mut mute = Mute::start(
            state.path(),
            "until stty -a | grep -q ' icanon' && stty -a | grep -q ' echo '; do :; done; echo it is back",
        );
        mute.shows("What it is about");
        let all = || -> Vec<(i32, String)> {
            let all = std::fs::read_dir("/proc").expect("the processes").flatten();
            let pids = all.filter_map(|e| e.file_name().to_string_lossy().parse::<i32>().ok());
            let read = |pid: i32, what: &str| std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            let ours = pids.filter(|pid| read(*pid, "environ").split(|b| *b == 0).any(|v| v == marker.as_bytes()));
            ours.map(|pid| (pid, String::from_utf8_lossy(&read(pid, "cmdline")).into_owned())).collect()
        };
        let find = |what: &str, not: i32| all().into_iter().find(|p| p.0 != not && p.1.contains(what)).map(|p| p.0);
        let mut janitor = 0;
        for _ in 0..victims {
            janitor = wait_for("a janitor", || find("janitor", janitor));
            kill(Pid::from_raw(janitor), Signal::SIGKILL).expect("it was there");
        }
        wait_for("another janitor", || find("janitor", janitor));
        // It is told that the terminal is drawn on right after it was started, before the next key is read.
        mute.press("3");
        mute.shows("Nobody has run yet");
        let lab = wait_for("the lab", || all().into_iter().find(|p| p.1.starts_with(PROGRAM)).map(|p| p.0));
        kill(Pid::from_raw(lab), Signal::SIGKILL).expect("it was there");
        // Out of the other screen, the mouse and the cursor as they were, and keys are echoed again.
        mute.shows("\x1b[?1000l");
        mute.shows("\x1b[?1049l");
        mute.shows("it is back");
        mute.script.wait().expect("its end");
    }
}
