//! The supervisor where it is hard: deaths during start and shutdown, storms, bursts of signals, a machine that gives
//! nothing, other users.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, geteuid};
use tests::{Run, arg, children, have, names, start, start_by, start_with, tool, wait_for};
use tricine_session::control::Role;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const NOBODY: u32 = 65_534;

fn roles() -> [&'static str; Role::ALL.len()] {
    Role::ALL.map(Role::name)
}

fn film(seconds: u32, options: &[&str]) -> Run {
    let input = format!("test:clock?size=160x90&rate=30&seconds={seconds}");
    start(PROGRAM, &[&["--display", "none", "--audio", "null"], options, &[&input]].concat())
}

/// A film of a second by way of another program that ends by executing its last arguments.
fn film_by(wrapper: &[&str], size: &str) -> Run {
    let input = format!("test:clock?size={size}&rate=30&seconds=1");
    start_by(wrapper, &["--display", "none", "--audio", "null", &input], |_, _| {})
}

/// Whether this test runs as root, which some of them need to make a machine that lacks something.
fn root() -> bool {
    let root = geteuid().is_root();
    assert!(
        root || std::env::var_os("TRICINE_REQUIRE_ALL").is_none_or(|v| v != "1"),
        "this test has to be run as root"
    );
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// Kills each role's process as soon as it is seen, until `enough`.
fn kill_newborn(run: &mut Run, roles: &[&str], mut enough: impl FnMut(&mut Run, &[Pid]) -> bool) {
    let mut killed = Vec::new();
    let begun = Instant::now();
    while !enough(run, &killed) {
        assert!(begun.elapsed() < tests::PATIENCE, "the supervisor goes on for ever");
        for (pid, title) in children(run.pid()) {
            let wanted = roles.iter().any(|role| title.starts_with(&format!("tricine: {role}")));
            if wanted {
                let _ = kill(pid, Signal::SIGKILL);
                // A dead one may be seen once more; another may get its id.
                if !killed.contains(&pid) {
                    killed.push(pid);
                }
            }
        }
    }
}

#[test]
fn roles_killed_while_they_start_are_started_again() {
    let mut run = film(3, &[]);
    kill_newborn(&mut run, &roles(), |_, killed| killed.len() >= 6);
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    assert_eq!(end.number("/video/decoded"), 90.0);
    assert!(end.report["restarts"].as_array().unwrap().len() >= 6);
}

#[test]
fn a_role_that_always_dies_before_it_is_ready_is_given_up() {
    for role in roles() {
        let mut run = film(60, &["--restart-limit", "3/30"]);
        kill_newborn(&mut run, &[role], |run, _| run.is_over());
        let end = run.end();
        assert_eq!(end.status.code(), Some(3), "{}", end.stderr);
        assert!(end.stderr.contains(&format!("gave up: {role} crashed more than 3 times")), "{}", end.stderr);
        assert_eq!(end.report["status"], "gave_up");
    }
}

#[test]
fn a_role_that_stands_still_before_it_is_ready_is_replaced() {
    let run = film(3, &[]);
    let victim = run.role("renderer", None);
    kill(victim, Signal::SIGSTOP).unwrap();
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
}

#[test]
fn roles_killed_at_once_come_back() {
    let all = roles();
    for group in [&all[..2], &all[1..], &["decoder", "renderer"], &all] {
        let run = film(3, &[]);
        run.presented(10);
        let victims: Vec<Pid> = group.iter().map(|role| run.role(role, None)).collect();
        for victim in victims {
            kill(victim, Signal::SIGKILL).unwrap();
        }
        let end = run.end();
        assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
        end.assert_whole();
        assert_eq!(end.report["restarts"].as_array().map(Vec::len), Some(group.len()), "{}", end.stderr);
    }
}

#[test]
fn two_sessions_side_by_side_know_nothing_of_each_other() {
    let [one, other] = [film(3, &[]), film(3, &[])];
    assert_ne!(one.session, other.session);
    one.presented(10);
    other.presented(10);
    kill(one.role("decoder", None), Signal::SIGKILL).unwrap();
    for (run, restarts) in [(one, 1), (other, 0)] {
        let end = run.end();
        assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
        end.assert_whole();
        assert_eq!(end.report["restarts"].as_array().map(Vec::len), Some(restarts), "{}", end.stderr);
    }
}

#[test]
fn a_machine_that_stands_still_makes_no_role_a_hung_one() {
    let run = film(3, &[]);
    run.presented(10);
    let supervisor = run.pid();
    let roles = roles().map(|role| run.role(role, None));
    // Stopped by a tracer, it gets no SIGCONT that would tell it, and goes on before the others, which is the worst case.
    ptrace::seize(supervisor, ptrace::Options::empty()).unwrap();
    ptrace::interrupt(supervisor).unwrap();
    waitpid(supervisor, Some(WaitPidFlag::__WALL)).unwrap();
    roles.iter().for_each(|&role| kill(role, Signal::SIGSTOP).unwrap());
    // Longer than a role may be silent: this is what is tried, and nothing waits for it.
    std::thread::sleep(Duration::from_secs(3));
    let turns = turns(supervisor);
    ptrace::detach(supervisor, None).unwrap();
    // It has looked at its roles, and slept again, before they go on.
    wait_for("two turns of the supervisor", || (self::turns(supervisor) >= turns + 2).then_some(()));
    roles.iter().for_each(|&role| kill(role, Signal::SIGCONT).unwrap());
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert_eq!(end.report["restarts"].as_array().map(Vec::len), Some(0), "{}", end.stderr);
}

/// How often a process of one thread has slept so far.
fn turns(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|n| n.trim().parse().ok()).expect("a number")
}

#[test]
fn deaths_during_the_shutdown_are_no_crashes() {
    for role in roles() {
        let run = film(60, &[]);
        run.presented(5);
        let victim = run.role(role, None);
        run.signal(Signal::SIGTERM);
        let _ = kill(victim, Signal::SIGKILL);
        let end = run.end();
        assert_eq!(end.status.code(), Some(128 + Signal::SIGTERM as i32), "{}", end.stderr);
    }
}

#[test]
fn a_role_that_will_not_stop_is_killed_after_the_grace_or_at_a_second_signal() {
    for signals in [1, 2] {
        let run = film(60, &[]);
        run.presented(5);
        let victim = run.role("decoder", None);
        run.signal(Signal::SIGINT);
        // The supervisor lets stopped roles go on, so that they can quit; this one is stopped again and again.
        wait_for("the decoder's end", || {
            let _ = kill(victim, Signal::SIGSTOP);
            if signals == 2 {
                let _ = kill(run.pid(), Signal::SIGINT);
            }
            kill(victim, None).is_err().then_some(())
        });
        let end = run.end();
        assert_eq!(end.status.code(), Some(128 + Signal::SIGINT as i32), "{}", end.stderr);
    }
}

#[test]
fn bursts_of_signals_that_mean_nothing_do_nothing() {
    let run = film(2, &[]);
    run.presented(5);
    for _ in 0..500 {
        for signal in [Signal::SIGCHLD, Signal::SIGCONT, Signal::SIGWINCH, Signal::SIGURG] {
            run.signal(signal);
        }
    }
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    assert_eq!(end.report["restarts"].as_array().map(Vec::len), Some(0), "{}", end.stderr);
}

#[test]
fn a_reader_of_standard_error_that_stands_still_does_not_stop_the_film() {
    let (_reader, writer) = nix::unistd::pipe().unwrap();
    let writer = std::fs::File::from(writer);
    let full = nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096);
    nix::fcntl::fcntl(&writer, full).unwrap();
    (&writer).write_all(&[b'.'; 4096]).unwrap();
    let run = start_with(PROGRAM, &["--display", "none", "--audio", "null", "test:clock?seconds=2"], |command| {
        command.stderr(writer);
    });
    run.presented(5);
    kill(run.role("audio", None), Signal::SIGKILL).unwrap();
    let end = run.end();
    assert_eq!(end.status.code(), Some(0));
    end.assert_whole();
}

#[test]
fn a_burst_of_interrupts_ends_cleanly() {
    let run = film(60, &[]);
    run.presented(5);
    for _ in 0..100 {
        let _ = kill(run.pid(), Signal::SIGINT);
    }
    let end = run.end();
    assert_eq!(end.status.code(), Some(130), "{}", end.stderr);
}

#[test]
fn children_that_are_not_ours_are_left_alone() {
    if !have("sh") {
        return;
    }
    // They end while the film plays, and their SIGCHLDs come to the supervisor, which inherits them by exec.
    let run = film_by(&["sh", "-c", r#"sleep 0.2 & sleep 0.4 & sleep 0.6 & exec "$0" "$@""#, PROGRAM], "64x48");
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
}

#[test]
fn a_recycled_process_id_is_never_signalled() {
    if !root() {
        return;
    }
    let run = film(60, &[]);
    run.presented(5);
    let victim = run.role("decoder", None);
    kill(victim, Signal::SIGKILL).unwrap();
    run.role("decoder", Some(victim));
    // The next process is to get the dead one's id; others are started meanwhile, so try until it does.
    let mut other = wait_for("a process of the same id", || {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (victim.as_raw() - 1).to_string()).unwrap();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        if child.id() == victim.as_raw() as u32 {
            return Some(child);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        None
    });
    run.signal(Signal::SIGTERM);
    run.end();
    let still_there = other.try_wait().unwrap().is_none();
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(still_there, "the supervisor has killed a process that only has the id of one of its own");
}

#[test]
fn another_user_can_play_and_cannot_touch_our_session() {
    if !root() || !have("setpriv") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = folder.path().join("tricine");
    std::fs::copy(PROGRAM, &program).unwrap();
    let ours = film(60, &[]);
    ours.presented(3);
    let id = NOBODY.to_string();
    let become_nobody = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", arg(&program)];
    let output = Command::new(become_nobody[0]).args(&become_nobody[1..]).arg("clean").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(names(&ours.session).len() >= 7, "{:?}", names(&ours.session));
    let silent = ["--unpaced", "--display", "none", "--audio", "null", "test:clock?size=64x48&seconds=1"];
    let theirs = start_by(&become_nobody, &silent, |_, folder| chown(folder, Some(NOBODY), Some(NOBODY)).unwrap());
    let end = theirs.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    ours.signal(Signal::SIGTERM);
    ours.end();
}

#[test]
fn a_dev_shm_that_is_small_or_cannot_be_written_is_an_error_that_says_so() {
    if !root() || !have("unshare") {
        return;
    }
    for (options, size, wanted) in [
        ("size=16k", "64x48", "No space left on device"),
        ("size=1m", "1280x720", "video frames need 4 MiB in /dev/shm"),
        ("ro", "64x48", "Read-only file system"),
    ] {
        let script = format!(r#"mount -t tmpfs -o {options} none /dev/shm && exec "$0" "$@""#);
        let end = film_by(&["unshare", "-m", "sh", "-c", &script, PROGRAM], size).end();
        assert_eq!(end.status.code(), Some(1), "{options}: {}", end.stderr);
        assert!(end.stderr.contains(wanted) && end.stderr.lines().count() <= 2, "{options}: {}", end.stderr);
    }
}

#[test]
fn too_few_descriptors_are_an_error_that_says_so() {
    if !have("prlimit") {
        return;
    }
    // More from one to the next, until the film plays: every one before is an error, and there are some.
    let plays = (6..100).step_by(4).position(|limit| {
        let end = film_by(&["prlimit", &format!("--nofile={limit}"), PROGRAM], "64x48").end();
        if end.status.code() == Some(0) {
            end.assert_whole();
            return true;
        }
        assert_eq!(end.status.code(), Some(1), "{limit}: {}", end.stderr);
        assert!(end.stderr.contains("Too many open files"), "{limit}: {}", end.stderr);
        false
    });
    assert!(plays >= Some(2), "{plays:?}");
}

#[test]
fn a_role_that_cannot_be_started_again_is_tried_again_later() {
    if !have("prlimit") {
        return;
    }
    let run = film(4, &["--restart-limit", "50/10"]);
    run.presented(10);
    let pid = run.pid().to_string();
    let before = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let before = before.lines().find(|l| l.starts_with("Max open files")).unwrap();
    let soft = before.split_whitespace().nth(3).unwrap();
    // Enough to poll those that it has, and no new one: a role takes more than the three that a dead one frees.
    let free =
        (0..).find(|fd: &u32| std::fs::symlink_metadata(format!("/proc/{pid}/fd/{fd}")).is_err()).expect("a number");
    tool("prlimit", &["--pid", &pid, &format!("--nofile={free}:")]);
    let victim = run.role("decoder", None);
    kill(victim, Signal::SIGKILL).unwrap();
    wait_for("a start that fails", || run.stderr().contains("it could not be started").then_some(()));
    tool("prlimit", &["--pid", &pid, &format!("--nofile={soft}:")]);
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
}
