//! Programs that know `docs/layout.md` alone read a live session: every copy that they keep is whole, and they follow the film
//! through a change of resolution.

use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tests::terminal::Terminal;
use tests::{Run, arg, have, names, start, start_with, tool, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Three sizes, the second of which does not fit into the region of the first.
const SIZES: [(u32, u32); 3] = [(320, 180), (640, 360), (160, 90)];

/// One of the two readers, at work on a session.
struct Reader {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

/// Those of the two readers that this machine can run: commands that lack their arguments, and the folder in which they lie.
fn readers() -> (TempDir, Vec<Command>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut commands = Vec::new();
    if have("cc") {
        let program = folder.path().join("reader");
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
    (folder, commands)
}

/// Starts readers once the session has pictures. `frames` is how many have to be whole.
fn look_on(run: &Run, frames: u32, readers: Vec<Command>) -> Vec<Reader> {
    let video = format!("tricine.{}.video.0", run.session);
    wait_for(&video, || names(&run.session).contains(&video).then_some(()));
    let start = |mut command: Command| {
        command.args([&run.session, &frames.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the reader starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Reader { child, said }
    };
    readers.into_iter().map(start).collect()
}

/// Waits for a reader, which ends with its session: what it said last.
fn summary(mut reader: Reader) -> String {
    let said = reader.said.by_ref().last().expect("a summary").expect("plain letters");
    let status = reader.child.wait().expect("a child");
    assert!(status.success(), "{status}: {said}");
    said
}

fn reads_through_a_change_of_resolution(mode: &str) {
    let (_folder, readers) = readers();
    let films = SIZES.map(|(width, height)| format!("test:clock?size={width}x{height}&rate=30&seconds=600"));
    let args = ["--display", "none", "--audio", "null", "--mode", mode, &films[0], &films[1], &films[2]];
    let mut terminal = Terminal::open();
    let run = start_with(PROGRAM, &args, |command| terminal.carry(command));
    let mut readers = look_on(&run, SIZES.len() as u32, readers);
    // Each size is seen by all of them before the next film begins, however slow they are.
    for ((width, height), key) in SIZES.into_iter().zip([b"n", b"n", b"q"]) {
        for reader in &mut readers {
            let said = reader.said.next().expect("a frame").expect("plain letters");
            assert!(said.ends_with(&format!(": {width} x {height}")), "{said}");
        }
        terminal.type_in(key);
    }
    assert_eq!(run.end().status.code(), Some(0));
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
fn readers_from_outside_go_on_in_the_region_that_replaces_a_damaged_one() {
    let (_folder, readers) = readers();
    let run = start(PROGRAM, &["--display", "none", "--audio", "null", "test:clock?size=320x180&rate=30&seconds=600"]);
    let mut readers = look_on(&run, 2, readers);
    for reader in &mut readers {
        reader.said.next().expect("a first frame").expect("plain letters");
    }
    let region = format!("/dev/shm/tricine.{}.video.0", run.session);
    let file = std::fs::OpenOptions::new().write(true).open(region).expect("the region is there");
    // The page of the producer.
    file.write_all_at(&[0xff; 0x1000], 0x1000).expect("it is written");
    let next = format!("tricine.{}.video.1", run.session);
    wait_for(&next, || names(&run.session).contains(&next).then_some(()));
    run.presented(run.control().renderer().presented.get() + 60);
    run.signal(Signal::SIGTERM);
    run.end();
    for reader in readers {
        let said = summary(reader);
        assert!(said.contains(" 0 wrong, in 2 regions"), "{said}");
    }
}

#[test]
fn readers_from_outside_throw_away_what_is_overwritten_while_they_copy_it() {
    // How often that happens is a matter of luck: it is tried for longer until it did.
    assert!([5_000, 20_000, 80_000].into_iter().any(flat_out), "no reader has thrown anything away");
}

/// So many frames as fast as they go. Whether every reader has thrown something away; none may have kept anything wrong.
fn flat_out(frames: u64) -> bool {
    let (_folder, readers) = readers();
    let film = "test:clock?size=1280x720&rate=60&seconds=60";
    let run = start(PROGRAM, &["--display", "none", "--audio", "null", "--unpaced", "--loop", film]);
    let mut readers = look_on(&run, 1, readers);
    for reader in &mut readers {
        reader.said.next().expect("a first frame").expect("plain letters");
    }
    run.presented(run.control().renderer().presented.get() + frames);
    run.signal(Signal::SIGTERM);
    let end = run.end();
    for zero in ["/video/torn", "/video/lost"] {
        assert_eq!(end.number(zero), 0.0, "{zero}: {}", end.stderr);
    }
    let said: Vec<String> = readers.into_iter().map(summary).collect();
    assert!(said.iter().all(|said| said.contains(" 0 wrong")), "{said:?}");
    said.iter().all(|said| !said.contains(" 0 thrown away"))
}
