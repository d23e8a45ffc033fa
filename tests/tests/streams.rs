//! Films that come by standard input, a named pipe or a socket: whatever the container, they play as the file does; and what becomes of
//! a writer that stops, one that dies, a folder that is full and a reader that is killed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use tests::{End, Run, arg, children, have, names, start, start_by, start_with, tool, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const SILENT: [&str; 4] = ["--display", "none", "--audio", "null"];

/// A film of three seconds and a bit, in the container that `name` asks for.
fn film(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let mut args = vec!["-v", "error", "-y", "-nostdin"];
    if name.starts_with("film") {
        args.extend(["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=3.2"]);
    }
    args.extend(["-f", "lavfi", "-i", "sine=frequency=440:duration=3.2"]);
    args.extend(match name.rsplit_once('.').unwrap().1 {
        "ogg" => &["-c:a", "libvorbis"][..],
        "ogv" => &["-c:v", "libtheora", "-c:a", "libvorbis", "-pix_fmt", "yuv420p"],
        "wav" => &["-c:a", "pcm_s16le"],
        "flv" => &["-c:v", "libx264", "-c:a", "aac", "-pix_fmt", "yuv420p", "-ar", "44100"],
        _ => &["-c:v", "libx264", "-c:a", "aac", "-pix_fmt", "yuv420p"],
    });
    args.push(arg(&path));
    tool("ffmpeg", &args);
    path
}

/// Plays as fast as it goes: the pictures' sums, and the sound.
struct Played {
    end: End,
    sums: String,
    sound: Vec<u8>,
}

fn played(run: impl FnOnce(&[&str]) -> Run) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let (sums, wav) = (folder.path().join("sums"), folder.path().join("wav"));
    let (display, audio) = (format!("framemd5={}", arg(&sums)), format!("wav={}", arg(&wav)));
    let end = run(&["--unpaced", "--display", &display, "--audio", &audio]).end();
    let sums = fs::read_to_string(&sums).unwrap_or_default();
    Played { end, sums, sound: fs::read(&wav).unwrap_or_default() }
}

fn by_name(path: &Path) -> Played {
    played(|args| start(PROGRAM, &[args, &[arg(path)]].concat()))
}

/// Plays standard input, which is `input`; `change` sees the command first.
fn by_stdin(input: impl Into<Stdio>, change: impl FnOnce(&mut Command)) -> Played {
    played(|args| {
        start_with(PROGRAM, &[args, &["-"]].concat(), |command| {
            command.stdin(input);
            change(command);
        })
    })
}

/// What `path` holds, through a pipe.
fn cat(path: &Path) -> Stdio {
    Command::new("cat").arg(path).stdout(Stdio::piped()).spawn().unwrap().stdout.take().unwrap().into()
}

fn is_same(one: &Played, other: &Played) {
    assert_eq!(one.end.status.code(), Some(0), "{}", one.end.stderr);
    assert_eq!(one.end.status, other.end.status, "{}", other.end.stderr);
    assert_eq!(one.sums, other.sums);
    assert!(one.sound == other.sound, "{} and {} bytes of sound", one.sound.len(), other.sound.len());
    assert!(one.sound.len() > 100_000 && other.end.report["input"] == "-", "{:#}", other.end.report);
}

/// What lies in a folder for temporary files, and which of its files the processes of a run have open.
fn open_in(run: Pid, folder: &Path) -> Vec<PathBuf> {
    let all = children(run).into_iter().map(|(pid, _)| pid).chain([run]);
    let open = |pid: Pid| fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = all.flat_map(open).filter_map(|fd| fs::read_link(fd.path()).ok());
    links.filter(|path| path.starts_with(folder)).collect()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn every_container_plays_from_a_pipe_as_the_file_does_and_leaves_nothing() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rest = tempfile::tempdir().unwrap();
    for name in ["film.mp4", "film.mkv", "film.ts", "sound.ogg", "sound.wav", "film.flv", "film.ogv"] {
        let path = film(folder.path(), name);
        let file = by_name(&path);
        let piped = by_stdin(cat(&path), |command| {
            command.env("TMPDIR", rest.path());
        });
        is_same(&file, &piped);
        assert!(is_empty(rest.path()), "{name}");
    }
}

#[test]
fn a_film_plays_by_a_named_pipe_and_by_a_socket() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "film.mp4");
    let (file, bytes) = (by_name(&path), fs::read(&path).unwrap());

    let fifo = folder.path().join("fifo.mp4");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let named = std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&fifo, &bytes).unwrap());
        by_name(&fifo)
    });
    assert_eq!((named.end.status.code(), &named.sums), (Some(0), &file.sums), "{}", named.end.stderr);
    assert_eq!(named.end.report["input"], arg(&fifo));

    let (ours, theirs) = UnixStream::pair().unwrap();
    let by_socket = std::thread::scope(|scope| {
        scope.spawn(move || (&ours).write_all(&bytes).unwrap());
        by_stdin(OwnedFd::from(theirs), |_| {})
    });
    is_same(&file, &by_socket);
}

#[test]
fn a_file_that_the_shell_has_opened_is_played_as_a_file_from_its_beginning() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "film.mp4");
    fs::write(folder.path().join("film.srt"), "1\n00:00:00,000 --> 00:00:02,000\nwords\n").unwrap();
    let file = by_name(&path);
    let mut open = File::open(&path).unwrap();
    std::io::Seek::seek(&mut open, std::io::SeekFrom::Start(4000)).unwrap();
    // Nowhere may a copy be made.
    let given = by_stdin(open, |command| {
        command.env("TMPDIR", folder.path().join("none"));
    });
    assert_eq!((given.end.status.code(), &given.sums), (Some(0), &file.sums), "{}", given.end.stderr);
    assert_eq!(given.end.report["input"], arg(&path));
    assert!(given.sound == file.sound);
}

#[test]
fn a_writer_that_stops_holds_up_neither_a_signal_nor_the_next_input() {
    let rest = tempfile::tempdir().unwrap();
    for bytes in [0, 1, 100_000] {
        let (read, write) = std::io::pipe().unwrap();
        let stopped = std::thread::spawn(move || {
            (&write).write_all(&vec![b'Y'; bytes]).unwrap();
            write
        });
        let run = start_with(PROGRAM, &[&SILENT[..], &["-"]].concat(), |command| {
            command.stdin(read).env("TMPDIR", rest.path());
        });
        let opener = run.role("opener", None);
        let writer = stopped.join().unwrap();
        if bytes > 1 {
            wait_for("the copy", || {
                open_in(run.pid(), rest.path()).iter().any(|f| !f.as_os_str().is_empty()).then_some(())
            });
        }
        run.signal(Signal::SIGTERM);
        let (end, session) = (run.session.clone(), run.end());
        assert_eq!(session.status.code(), Some(128 + Signal::SIGTERM as i32), "{}", session.stderr);
        assert!(names(&end).is_empty() && is_empty(rest.path()));
        let gone = || fs::read_to_string(format!("/proc/{opener}/stat")).map_or(true, |stat| stat.contains(") Z "));
        wait_for("the opener's end", || gone().then_some(()));
        drop(writer);
    }
}

#[test]
fn a_writer_that_dies_leaves_a_film_that_plays_as_far_as_it_came() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "film.mkv");
    let half = folder.path().join("half.mkv");
    let bytes = fs::read(&path).unwrap();
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let (file, piped) = (by_name(&half), by_stdin(cat(&half), |_| {}));
    is_same(&file, &piped);
    assert!((10..80).contains(&file.sums.lines().filter(|line| line.starts_with('0')).count()), "{}", file.sums);

    for (written, said) in
        [(&b""[..], "closed before anything came"), (b"YUV4", "looks like text"), (b"no film", "looks like text")]
    {
        let (read, write) = std::io::pipe().unwrap();
        (&write).write_all(written).unwrap();
        drop(write);
        let end = by_stdin(read, |_| {}).end;
        assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
        assert!(end.stderr.contains("cannot play standard input: ") && end.stderr.contains(said), "{}", end.stderr);
    }
}

#[test]
fn a_folder_that_is_full_is_an_error_that_says_what_helps() {
    if !nix::unistd::geteuid().is_root() || !have("unshare") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (large, small) = (folder.path().join("large"), folder.path().join("small"));
    fs::write(&large, vec![7; 4 << 20]).unwrap();
    fs::create_dir(&small).unwrap();
    let script = format!(r#"mount -t tmpfs -o size=1m none {} && exec "$0" "$@""#, arg(&small));
    let end =
        start_by(&["unshare", "-m", "sh", "-c", &script, PROGRAM], &[&SILENT[..], &["-"]].concat(), |command, _| {
            command.stdin(cat(&large)).env("TMPDIR", &small);
        })
        .end();
    assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
    let said = format!("cannot play standard input: there is no room in {} for more than the 1.0 MB", arg(&small));
    assert!(end.stderr.contains(&said) && end.stderr.contains("TMPDIR=FOLDER"), "{}", end.stderr);
}

#[test]
fn a_reader_that_is_killed_is_replaced_and_no_byte_is_lost() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rest = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "film.mp4");
    let (file, bytes) = (by_name(&path), fs::read(&path).unwrap());
    let (read, mut writer) = std::io::pipe().unwrap();
    let piped = played(|args| {
        let run = start_with(PROGRAM, &[args, &["-"]].concat(), |command| {
            command.stdin(read).env("TMPDIR", rest.path());
        });
        let mut opener = None;
        for part in bytes.chunks(bytes.len() / 4 + 1) {
            writer.write_all(part).unwrap();
            // The supervisor has the copy itself once it was told of it.
            let kept = || fs::read_dir(format!("/proc/{}/fd", run.pid())).unwrap().flatten();
            wait_for("the copy", || {
                kept().any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.starts_with(rest.path()))).then_some(())
            });
            let victim = run.role("opener", opener);
            kill(victim, Signal::SIGKILL).unwrap();
            opener = Some(victim);
        }
        run.role("opener", opener);
        drop(writer);
        run
    });
    is_same(&file, &piped);
    assert!(is_empty(rest.path()));
}

#[test]
fn frames_play_while_they_come_and_a_playlist_by_a_pipe_names_films_from_here_on() {
    let folder = tempfile::tempdir().unwrap();
    let frames = [&b"YUV4MPEG2 W2 H2 F25:1\n"[..], b"FRAME\n", &[128; 6], b"FRAME\n", &[9; 6]].concat();
    fs::write(folder.path().join("a.y4m"), &frames).unwrap();

    // No copy of these: there is nowhere to make one, and the writer does not end before they are shown.
    let (read, mut writer) = std::io::pipe().unwrap();
    let run = start_with(PROGRAM, &[&SILENT[..], &["-"]].concat(), |command| {
        command.stdin(read).env("TMPDIR", folder.path().join("none"));
    });
    let (first, second) = frames.split_at(4);
    writer.write_all(first).unwrap();
    run.role("opener", None);
    writer.write_all(second).unwrap();
    run.presented(1);
    drop(writer);
    let end = run.end();
    assert_eq!((end.status.code(), end.number("/video/decoded")), (Some(0), 2.0), "{}", end.stderr);

    let (read, write) = std::io::pipe().unwrap();
    (&write).write_all(b"#EXTM3U\na.y4m\na.y4m\n").unwrap();
    drop(write);
    let end = by_stdin(read, |command| {
        command.current_dir(folder.path());
    });
    assert_eq!((end.end.status.code(), end.end.number("/video/decoded")), (Some(0), 4.0), "{}", end.end.stderr);
}

#[test]
fn what_is_in_standard_input_is_told_without_playing_it() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "film.mp4");
    for input in [cat(&path), File::open(&path).unwrap().into()] {
        let output = Command::new(PROGRAM).args(["info", "-"]).stdin(input).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.starts_with("standard input: MP4/MOV, 0:00:03"), "{said}");
    }
    let null = OpenOptions::new().read(true).open("/dev/null").unwrap();
    let output = Command::new(PROGRAM).args(["info", "-"]).stdin(null).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
