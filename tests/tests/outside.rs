//! What comes from outside: outputs that are anything but plain files, names that are bytes, and what the caller has set for its children.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;
use tests::{End, arg, start_by, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const SHORT: [&str; 6] =
    ["--display", "none", "--audio", "none", "--unpaced", "test:bars?size=64x48&rate=25&seconds=1"];

/// The program with exactly these arguments, to its end.
fn tricine(args: &[&OsStr]) -> Output {
    tests::heed_signals();
    let mut command = Command::new(PROGRAM);
    command.args(args).stdin(Stdio::null()).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.output().expect("the program starts")
}

fn words<S: AsRef<OsStr>>(words: &[S]) -> Vec<&OsStr> {
    words.iter().map(AsRef::as_ref).collect()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Plays something short with `--report` to `path`.
fn reports_to(path: &Path) -> Output {
    tricine(&words(&[&["--report", arg(path)], &SHORT[..]].concat()))
}

fn is_report(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text).is_ok_and(|report| report["schema"] == "tricine.play/1")
}

#[test]
fn a_report_replaces_a_file_whole_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.json");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link");
    symlink("r.json", &link).unwrap();
    assert_eq!(reports_to(&link).status.code(), Some(0));
    assert!(is_report(&fs::read(&file).unwrap()) && link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o640);

    let fifo = folder.path().join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::read(fifo).unwrap()
    });
    assert_eq!(reports_to(&fifo).status.code(), Some(0));
    assert!(is_report(&reader.join().unwrap()) && fifo.symlink_metadata().unwrap().file_type().is_fifo());

    let output = reports_to(Path::new("-"));
    assert!(is_report(&output.stdout), "{}", String::from_utf8_lossy(&output.stdout));
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3, "nothing is left beside them");
}

#[test]
fn a_device_stays_a_device() {
    let before = fs::metadata("/dev/null").unwrap().rdev();
    assert_eq!(reports_to(Path::new("/dev/null")).status.code(), Some(0));
    let after = fs::metadata("/dev/null").unwrap();
    assert!(after.file_type().is_char_device() && after.rdev() == before);
}

#[test]
fn what_cannot_be_written_is_said_before_the_film() {
    for option in ["--report=/nowhere/a", "--display=framemd5=/nowhere/a", "--audio=wav=/nowhere/a", "--report=/tmp"] {
        // Without an end: whoever began it would play for ever.
        let output = tricine(&words(&[option, "--loop", "test:clock?size=64x48"]));
        assert_eq!(output.status.code(), Some(1), "{option}: {}", told(&output));
        assert!(told(&output).contains("folder") || told(&output).contains("name a file in it"), "{}", told(&output));
    }
}

#[test]
fn an_output_that_is_an_input_or_another_output_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let film = at("own.mp4");
    fs::write(&film, "a film").unwrap();
    fs::hard_link(&film, at("hard.json")).unwrap();
    symlink("own.mp4", at("soft.json")).unwrap();
    fs::create_dir(at("pictures")).unwrap();
    fs::write(at("pictures/1.png"), "a picture").unwrap();
    let text = |path: &Path| arg(path).to_owned();
    let (own, hard, soft) = (text(&film), text(&at("hard.json")), text(&at("soft.json")));
    let (picture, pictures) = (text(&at("pictures/1.png")), text(&at("pictures")));
    // Subtitles are read as well: those that are given, and those that lie beside a film.
    fs::write(at("own.en.srt"), "words").unwrap();
    fs::write(at("given.txt"), "words").unwrap();
    let (beside, given) = (text(&at("own.en.srt")), text(&at("given.txt")));
    for line in [
        vec!["--report", &own, &own],
        vec!["--report", &hard, "test:bars", &own],
        vec!["--report", &soft, &own],
        vec!["--report", &own, &format!("file://{own}")],
        vec!["--display", &format!("framemd5={own}"), &own],
        vec!["--audio", &format!("wav={own}"), &own],
        vec!["--report", &picture, &pictures],
        vec!["--report", &picture, &format!("{pictures}/*.png")],
        vec!["--report", &text(&at("new")), "--audio", &format!("wav={}", text(&at("pictures/../new")))],
        vec!["--report", "-", "--display", "framemd5=/dev/stdout"],
        vec!["--report", &given, "--sub", &given, &own],
        vec!["--report", &beside, &own],
    ] {
        let output = tricine(&words(&line));
        assert_eq!(output.status.code(), Some(2), "{line:?}: {}", told(&output));
        assert!(told(&output).contains("name another"), "{}", told(&output));
    }
    // What the shell has opened for us is an input, too.
    let by_shell = Command::new(PROGRAM)
        .args(["play", "--report", &own, "-"])
        .stdin(fs::File::open(&film).unwrap())
        .output()
        .unwrap();
    assert_eq!(by_shell.status.code(), Some(2), "{}", told(&by_shell));
    assert_eq!((fs::read(&film).unwrap(), fs::read(&picture).unwrap()), (b"a film".to_vec(), b"a picture".to_vec()));
    assert_eq!((fs::read(&beside).unwrap(), fs::read(&given).unwrap()), (b"words".to_vec(), b"words".to_vec()));
    assert!(!at("new").exists());
}

#[test]
fn pictures_and_sound_go_to_standard_output_and_a_file_that_was_there_is_replaced_whole() {
    let film = "test:bars?size=64x48&rate=25&seconds=2&tone=440";
    let folder = tempfile::tempdir().unwrap();
    let (sums, wav) = (folder.path().join("sums"), folder.path().join("a.wav"));
    for file in [&sums, &wav] {
        fs::write(file, "x".repeat(1 << 20)).unwrap();
    }
    let (display, audio) = (format!("framemd5={}", arg(&sums)), format!("wav={}", arg(&wav)));
    let output = tricine(&words(&["--unpaced", "--display", &display, "--audio", &audio, film]));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let output = tricine(&words(&["--unpaced", "--display", "framemd5=-", "--audio", "none", film]));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(fs::read(&sums).unwrap(), output.stdout);
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().filter(|line| !line.starts_with('#')).count(), 50);
    let output = tricine(&words(&["--unpaced", "--display", "none", "--audio", "wav=-", film]));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let (file, head) = (fs::read(&wav).unwrap(), output.stdout.iter().position(|&b| b == b'd').unwrap());
    assert_eq!(
        (&output.stdout[..4], &output.stdout[4..8], output.stdout.len()),
        (&b"RIFF"[..], &[0xff; 4][..], file.len())
    );
    // All but the sizes.
    assert!(file[8..head] == output.stdout[8..head] && file[80..] == output.stdout[80..]);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn names_are_bytes_from_the_command_line_to_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join(OsStr::from_bytes(b"a\xff\x1b[31m.y4m"));
    let film = [&b"YUV4MPEG2 W2 H2 F25:1\n"[..], b"FRAME\n", &[128; 6]].concat();
    fs::write(&name, &film).unwrap();
    let report = folder.path().join(OsStr::from_bytes(b"r\xfe.json"));
    let sums = folder.path().join(OsStr::from_bytes(b"s\xfd.md5"));
    let display = [b"framemd5=", sums.as_os_str().as_bytes()].concat();
    let mut args = words(&["--audio", "none", "--unpaced", "--display"]);
    args.extend([OsStr::from_bytes(&display), OsStr::new("--report"), report.as_os_str(), name.as_os_str()]);
    let output = tricine(&args);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let named: tricine_session::name::Name = serde_json::from_value(report["input"].clone()).unwrap();
    assert_eq!(named.as_path(), name);
    assert!(report["input"]["shown"].as_str().unwrap().ends_with(r"a\xff\u{1b}[31m.y4m"), "{}", report["input"]);
    assert!(fs::read_to_string(sums).unwrap().lines().any(|line| !line.starts_with('#')));

    let missing = tricine(&[OsStr::from_bytes(b"gone\xff\x1b[31m.mp4")]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(missing.stderr.is_ascii() && !missing.stderr.contains(&0x1b), "{}", told(&missing));
    assert!(told(&missing).contains(r"gone\xff\u{1b}[31m.mp4"), "{}", told(&missing));
}

#[test]
fn a_command_that_is_none_is_no_film() {
    let output = tricine(&words(&["stres", "--transport", "all"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("did you mean `tricine stress`?"), "{}", told(&output));
}

/// The program on something short, by way of a shell that sets `what` first.
fn under(what: &str, args: &[&str]) -> End {
    let script = format!("{what}; exec \"$@\"");
    start_by(&["sh", "-c", &script, "sh", PROGRAM], args, |_, _| {}).end()
}

#[test]
fn a_caller_that_ignores_its_children_s_ends_takes_nobody_s_end_away() {
    let end = under("trap '' CHLD", &SHORT);
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert_eq!(end.report["status"], "ended");
}

#[test]
fn what_the_caller_ignored_stays_ignored() {
    let script = "trap '' HUP INT; exec \"$@\"";
    let args = ["--display", "none", "--audio", "none", "--loop", "test:clock?size=64x48"];
    let run = start_by(&["sh", "-c", script, "sh", PROGRAM], &args, |_, _| {});
    run.presented(3);
    run.signal(Signal::SIGHUP);
    run.signal(Signal::SIGINT);
    run.presented(10);
    run.signal(Signal::SIGTERM);
    let end = run.end();
    assert_eq!(end.status.code(), Some(128 + Signal::SIGTERM as i32), "{}", end.stderr);
}

#[test]
fn a_mask_or_a_limit_of_the_caller_is_no_riddle() {
    // The objects of a session are its user's, whatever mask new files have.
    let script = "umask 0777; exec \"$@\"";
    let args = ["--display", "none", "--audio", "none", "--loop", "test:clock?size=64x48"];
    let run = start_by(&["sh", "-c", script, "sh", PROGRAM], &args, |_, _| {});
    let modes = wait_for("objects of the session", || {
        let names = tests::names(&run.session);
        let modes = names.iter().map(|name| Some(fs::metadata(format!("/dev/shm/{name}")).ok()?.mode() & 0o777));
        modes.collect::<Option<Vec<_>>>().filter(|modes| modes.len() > 3)
    });
    assert!(modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
    run.signal(Signal::SIGTERM);
    run.end();

    // In blocks of 512 bytes: enough for what it says, and for no object of a session.
    let end = under("ulimit -f 8", &SHORT);
    assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
    assert!(end.stderr.contains("ulimit -f"), "{}", end.stderr);
}
