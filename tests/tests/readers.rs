//! Programs that know `docs/layout.md` alone read a live session: every copy that they keep is whole, and they follow the film
//! through a change of resolution.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tests::{Run, arg, have, names, start, tool, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Three sizes, the second of which does not fit into the region of the first.
const FILM: [&str; 3] = [
    "test:clock?size=320x180&rate=30&seconds=3",
    "test:bars?size=640x360&rate=30&seconds=2",
    "test:clock?size=160x90&rate=30&seconds=1",
];

/// Starts those of the two readers that this machine can run, once the session has pictures. `frames` is how many have to be whole.
fn readers(run: &Run, frames: u32) -> Vec<Child> {
    let video = format!("tricine.{}.video.0", run.session);
    wait_for(&video, || names(&run.session).contains(&video).then_some(()));
    let mut commands = Vec::new();
    if have("cc") {
        let program = run.folder.path().join("reader");
        let (include, source) = (format!("-I{ROOT}/include"), format!("{ROOT}/examples/reader.c"));
        let strict = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"];
        tool("cc", &[&strict[..], &[&include, "-o", arg(&program), &source]].concat());
        commands.push(Command::new(program));
    }
    if have("python3") {
        let mut python = Command::new("python3");
        python.arg(Path::new(ROOT).join("examples/reader.py"));
        commands.push(python);
    }
    let start = |mut command: Command| {
        command.args([&run.session, &frames.to_string()]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the reader starts")
    };
    commands.into_iter().map(start).collect()
}

/// Waits for a reader, which ends with its session: what it said last.
fn summary(reader: Child) -> String {
    let output = reader.wait_with_output().expect("a child");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    said.lines().last().expect("a summary").to_owned()
}

fn reads_through_a_change_of_resolution(mode: &str) {
    let run = start(PROGRAM, &[&["--display", "none", "--audio", "null", "--mode", mode], &FILM[..]].concat());
    let readers = readers(&run, 30);
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    for reader in readers {
        let said = summary(reader);
        assert!(said.contains(" 0 wrong, in 2 regions, of 3 sizes"), "{said}");
    }
}

#[test]
fn readers_from_outside_follow_a_fifo_through_a_change_of_resolution() {
    reads_through_a_change_of_resolution("fifo");
}

#[test]
fn readers_from_outside_follow_a_mailbox_through_a_change_of_resolution() {
    reads_through_a_change_of_resolution("mailbox");
}

#[test]
fn readers_from_outside_throw_away_what_is_overwritten_while_they_copy_it() {
    let film = "test:clock?size=1280x720&rate=60&seconds=60";
    let run = start(PROGRAM, &["--display", "none", "--audio", "null", "--unpaced", film]);
    let readers = readers(&run, 1);
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    for reader in readers {
        let said = summary(reader);
        assert!(!said.contains(" 0 thrown away") && said.contains(" 0 wrong"), "{said}");
    }
}
