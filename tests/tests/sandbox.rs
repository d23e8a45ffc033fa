//! The roles' walls: whatever they may try, it ends with an error or by SIGSYS, the film goes on; and what they need goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::attempt::{ALL, ORDER};
use tests::{End, arg, have, start, start_by, start_with, tool};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const CONFINED: &str = env!("CARGO_BIN_EXE_confined");
const ROLES: [&str; 3] = ["decoder", "audio", "renderer"];
const SHORT: [&str; 6] =
    ["--display", "none", "--audio", "null", "--unpaced", "test:bars?size=64x48&rate=25&seconds=1&tone=440"];

/// How an attempt ended, and what it said.
fn attempt(role: &str, what: &str, path: &str) -> (ExitStatus, String) {
    let output = Command::new(CONFINED).args([role, what, path]).output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a wall is there on this kernel.
fn has(wall: &str) -> bool {
    attempt("decoder", "nothing", "").1.contains(wall)
}

#[test]
fn whatever_a_role_tries_is_refused_or_ends_it_and_the_film_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let object = format!("/dev/shm/of-others-{}", std::process::id());
    for role in ROLES {
        for what in ALL {
            let file = folder.path().join("file");
            fs::write(&file, "whose").unwrap();
            fs::write(&object, "another session's").unwrap();
            let path = if what == "shm" { &object } else { file.to_str().unwrap() };
            let order = format!("{role} {what} {path}");
            let end = start_with(PROGRAM, &SHORT, |command| _ = command.env(ORDER, &order)).end();
            fs::remove_file(&object).unwrap();
            let told = format!("{order}: {:?} {}", end.status, end.stderr);
            assert_eq!(end.status.code(), Some(0), "{told}");
            assert_eq!(end.number("/video/presented"), 25.0, "{told}");
            let refused = end.stderr.contains(&format!("attempt to {what}: refused"));
            let killed = end.stderr.contains(&format!("{role} crashed (SIGSYS"));
            assert!(refused != killed, "{told}");
            // Nothing has come of it.
            assert_eq!(fs::read(&file).unwrap(), b"whose", "{told}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{told}");
        }
    }
}

#[test]
fn what_ends_a_role_is_named_in_its_obituary() {
    if !has("seccomp") {
        return;
    }
    let order = "decoder ptrace x";
    let end = start_with(PROGRAM, &SHORT, |command| _ = command.env(ORDER, order)).end();
    assert!(
        end.stderr.contains("decoder crashed (SIGSYS, forbidden system call ") && end.stderr.contains(", ptrace)"),
        "{}",
        end.stderr
    );
    assert_eq!(end.report["restarts"][0]["role"], "decoder", "{:#}", end.report);
}

#[test]
fn lies_and_floods_of_a_role_come_to_nothing() {
    for role in ROLES {
        for what in ["lie", "flood", "descriptors"] {
            let order = format!("{role} {what} x");
            let end = start_with(PROGRAM, &SHORT, |command| _ = command.env(ORDER, &order)).end();
            let told = format!("{order}: {:?} {}", end.status, end.stderr);
            // A lie of the decoder about its own film may cost the film, but nothing else.
            let codes = if order.starts_with("decoder lie") { &[0, 1, 4][..] } else { &[0] };
            assert!(end.status.code().is_some_and(|code| codes.contains(&code)), "{told}");
            assert!(what == "lie" || end.number("/video/presented") == 25.0, "{told}");
            assert_eq!(what != "lie", end.stderr.contains("talks without end"), "{told}");
            // Who cannot be answered is not left waiting.
            let refused = end.stderr.contains("which no film like this has, and is ended");
            assert_eq!(order.starts_with("decoder lie"), refused, "{told}");
            assert!(!end.stderr.contains(['\x1b', '\x07', '\u{202e}']), "{told}");
            assert!(end.stderr.len() < 60_000, "{} bytes", end.stderr.len());
        }
    }
}

#[test]
fn a_role_that_hangs_up_and_lives_on_is_ended_and_one_whose_log_has_ended_is_not() {
    let film = ["--display", "none", "--audio", "null", "test:clock?size=64x48&rate=25&seconds=3&tone=440"];
    for role in ROLES {
        for (what, ended) in [("hang-up", true), ("quiet", false)] {
            let order = format!("{role} {what} x");
            let end = start_with(PROGRAM, &film, |command| _ = command.env(ORDER, &order)).end();
            let told = format!("{order}: {:?} {}", end.status, end.stderr);
            assert_eq!(end.status.code(), Some(0), "{told}");
            let [presented, dropped] = ["/video/presented", "/video/dropped"].map(|path| end.number(path));
            assert_eq!(presented + dropped, 75.0, "{told}");
            assert_eq!(end.stderr.contains("has hung up and lives on"), ended, "{told}");
            let restarts = end.report["restarts"].as_array().unwrap();
            assert!(restarts.iter().all(|restart| restart["role"] == role), "{told}");
            assert_eq!(restarts.len(), usize::from(ended), "{told}");
        }
    }
}

#[test]
fn pictures_of_a_folder_may_be_links_to_elsewhere_and_nothing_beside_them_is_open() {
    if !have("ffmpeg") {
        return;
    }
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let picture = elsewhere.path().join("picture.png");
    tool("ffmpeg", &["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1", arg(&picture)]);
    for name in ["1.png", "2.png", "3.png"] {
        std::os::unix::fs::symlink(&picture, folder.path().join(name)).unwrap();
    }
    let end = start(PROGRAM, &["--display", "none", "--audio", "none", "--unpaced", arg(folder.path())]).end();
    assert_eq!((end.status.code(), end.number("/video/presented")), (Some(0), 3.0), "{}", end.stderr);
    if has("Landlock") {
        fs::write(folder.path().join("letter.txt"), "whose").unwrap();
        let first = folder.path().join("1.png");
        for (path, code) in [(first.clone(), 0), (picture, 0), (folder.path().join("letter.txt"), 1)] {
            let tried = Command::new(CONFINED).args(["decoder", "open", arg(&path), arg(&first)]).output().unwrap();
            assert_eq!(tried.status.code(), Some(code), "{}", path.display());
        }
    }
}

/// Where a role opens files by name, Landlock alone stands between it and the others.
#[test]
fn who_opens_files_by_name_opens_no_others() {
    if !has("Landlock") {
        return;
    }
    let (allowed, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (picture, file) = (allowed.path().join("a"), others.path().join("file"));
    fs::write(&picture, "a picture").unwrap();
    let tried = |role: &str, what: &str, at: &Path| {
        // Nor where the user is.
        let mut command = Command::new(CONFINED);
        command.args([role, what, arg(at), arg(&picture)]).current_dir(others.path());
        let output = command.output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(tried("decoder", "open", &picture).0.code(), Some(0));
    for role in ROLES {
        for what in ["open", "write", "create", "folder", "rename", "unlink", "chmod", "link", "execute", "tcp", "list"]
        {
            fs::write(&file, "whose").unwrap();
            let (status, said) = tried(role, what, &file);
            let refused = status.code() == Some(1) || status.signal() == Some(Signal::SIGSYS as i32);
            assert!(refused, "{role} {what}: {status} {said}");
            assert_eq!(fs::read(&file).unwrap(), b"whose", "{role} {what}");
            assert_eq!(fs::read_dir(others.path()).unwrap().count(), 1, "{role} {what}");
        }
    }
}

#[test]
fn memory_and_files_have_limits_and_threads_are_free() {
    for role in ROLES {
        assert_eq!(attempt(role, "threads", "").0.code(), Some(0));
        assert_eq!(attempt(role, "abort", "").0.signal(), Some(Signal::SIGABRT as i32), "a codec may still abort");
    }
    let (status, said) = attempt("decoder", "memory", "");
    assert_eq!(status.code(), Some(1), "{said}");
    let (status, said) = attempt("decoder", "grow", "");
    // SIGXFSZ, as the test's own caller left it, or an error.
    assert!(status.code() == Some(1) || status.signal() == Some(Signal::SIGXFSZ as i32), "{status} {said}");
}

#[test]
fn a_picture_beyond_the_memory_limit_says_which_option_allows_more() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("large.png");
    tool("ffmpeg", &["-v", "error", "-f", "lavfi", "-i", "color=s=8000x8000", "-frames:v", "1", arg(&picture)]);
    let args = ["--display", "none", "--audio", "none", "--unpaced", arg(&picture)];
    let end = start(PROGRAM, &[&["--memory-limit", "64"], &args[..]].concat()).end();
    assert!(end.stderr.contains("--memory-limit") && end.status.code() != Some(0), "{:?} {}", end.status, end.stderr);
    let end = start(PROGRAM, &args).end();
    assert_eq!((end.status.code(), end.number("/video/presented")), (Some(0), 1.0), "{}", end.stderr);
}

fn walls(end: &End) -> [&Value; 3] {
    ROLES.map(|role| &end.report["roles"][role]["sandbox"])
}

#[test]
fn the_report_says_what_keeps_each_role_in_and_nothing_does_where_it_is_not_wanted() {
    let end = start(PROGRAM, &SHORT).end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    let all = "limits, Landlock, seccomp";
    if has("Landlock") && has("seccomp") {
        assert_eq!(walls(&end), [all; 3], "{:#}", end.report);
    }
    let open = start(PROGRAM, &[&["--no-sandbox"], &SHORT[..]].concat()).end();
    assert_eq!(open.status.code(), Some(0), "{}", open.stderr);
    assert_eq!(walls(&open), [&Value::Null; 3], "{:#}", open.report);
}

#[test]
fn an_ordinary_user_and_a_container_without_rights_get_the_same_walls() {
    if !nix::unistd::geteuid().is_root() || !have("setpriv") || !have("unshare") {
        // Then every other test here is an ordinary user's.
        return;
    }
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let wanted = walls(&start(PROGRAM, &SHORT).end()).map(Clone::clone);
    for more in [&[][..], &["unshare", "-Ur"], &["setpriv", "--no-new-privs", "--bounding-set=-all"]] {
        let command = [&nobody[..], more, &[PROGRAM]].concat();
        let everybody = fs::Permissions::from_mode(0o777);
        let run = start_by(&command, &SHORT, |_, folder| fs::set_permissions(folder, everybody).unwrap());
        let end = run.end();
        assert_eq!(end.status.code(), Some(0), "{more:?}: {}", end.stderr);
        assert_eq!(walls(&end), wanted.each_ref(), "{more:?}: {:#}", end.report);
        assert_eq!(end.number("/video/presented"), 25.0, "{more:?}");
    }
}

#[test]
fn a_kernel_that_lacks_a_wall_is_said_once_and_the_film_plays_behind_the_others() {
    for (wall, left) in [("landlock", "limits, seccomp"), ("seccomp", "limits, Landlock")] {
        let end = start_by(&[CONFINED, "without", wall, PROGRAM], &SHORT, |_, _| {}).end();
        assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
        assert_eq!(end.number("/video/presented"), 25.0);
        let said = end.stderr.to_lowercase().matches(&format!("no {wall} here")).count();
        assert_eq!(said, 1, "{}", end.stderr);
        if has("Landlock") && has("seccomp") {
            assert_eq!(walls(&end), [left; 3], "{:#}", end.report);
        }
        let doctor = Command::new(CONFINED).args(["without", wall, PROGRAM, "doctor"]).output().unwrap();
        let doctor = String::from_utf8_lossy(&doctor.stdout).to_lowercase();
        assert!(doctor.contains(&format!("--  sandbox        no {wall} here")), "{doctor}");
    }
}
