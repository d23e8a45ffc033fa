//! Audio roles in processes of their own, and what the supervisor does between a session and its role.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tricine_channel::time::Deadline;
use tricine_session::channel::{Side, StreamRegion};
use tricine_session::context::{Orders, Task};
use tricine_session::link::{Finding, FromRole, Link, ToRole};

use super::file_of;

/// Says to a test executable that it is an audio role.
const CHILD: &str = "TRICINE_TEST_AUDIO_ROLE";

/// A process of this very executable, whose test `child` calls [`be_child`], with its first message.
pub(super) fn spawned(env: &[(String, String)], first: &ToRole) -> (Link, Child) {
    let (ours, theirs) = Link::pair().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .envs(env.iter().cloned())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    ours.send(first).unwrap();
    (ours, child)
}

/// Passes on what a test and a role say to each other, and makes the role's connections for it, as the supervisor does.
pub(super) fn relay(test: &Link, role: &Link, env: &[(String, String)], bell: &StreamRegion) {
    let mut connecting: Option<(Link, Child)> = None;
    loop {
        let mut fds: Vec<_> = [Some(test), Some(role), connecting.as_ref().map(|(link, _)| link)]
            .into_iter()
            .flatten()
            .map(|link| PollFd::new(link.as_fd(), PollFlags::POLLIN))
            .collect();
        poll(&mut fds, PollTimeout::NONE).unwrap();
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
        if ready[0] {
            // The test rings by itself.
            let Ok(Some(message)) = test.receive::<ToRole>() else { break };
            let _ = role.send(&message);
        }
        if ready[1] {
            match role.receive() {
                Ok(Some(FromRole::NeedLine { patient })) => {
                    connecting = Some(spawned(env, &ToRole::Connect { patient }))
                }
                Ok(Some(message)) => drop(test.send(&message)),
                _ => break,
            }
        }
        if ready.get(2) == Some(&true)
            && let Some((link, mut child)) = connecting.take()
        {
            let Ok(Some((Finding::Line(line), files))) = link.hear() else { panic!("no connection") };
            let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
            let _ = role.order(&ToRole::Line(line), &files);
            bell.ring(Side::Consumer);
            child.wait().unwrap();
        }
    }
    if let Some((link, mut child)) = connecting {
        drop(link);
        let _ = child.kill();
        child.wait().unwrap();
    }
}

/// What the test `child` of an executable that calls [`Session::spawn`] does: nothing, or be an audio role and exit.
pub(crate) fn be_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    // As in the player: a panic on any thread is a crash.
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "the role: {panic}");
        tricine_channel::sys::process::exit_now(tricine_session::error::EXIT_BROKEN);
    }));
    let link = Link::new(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    link.wait(Deadline::after(Duration::from_secs(10))).unwrap();
    let (task, input) = match link.receive().unwrap() {
        Some(ToRole::Start(spec)) => {
            let input = file_of(&spec);
            (Task::Play(spec), input)
        }
        Some(ToRole::Connect { patient }) => (Task::Connect { patient }, None),
        other => panic!("no orders: {other:?}"),
    };
    let orders = Orders { link, task, input, files: Vec::new(), confined: |_, _, _| {} };
    std::process::exit(tricine_audio::run(orders));
}
