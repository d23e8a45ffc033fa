//! A process behind a role's walls that tries something: `confined ROLE ATTEMPT [PATH [PICTURE]]`. For tests of the sandbox: whether this ends by
//! SIGSYS, with an error (exit code 1), or well (0). With PICTURE each role has work for which it opens files by name: the decoder plays this
//! picture, the audio role looks for a sound server, the renderer draws on a terminal. `confined without WALL PROGRAM ARGS…` executes a program on what looks like a kernel
//! without that wall.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use tests::attempt::Attempt;
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, InputSpec, SinkSpec, Spec, Work};
use tricine_session::sandbox::{Confine, Reach, confine};

/// The limit on the decoder's memory, in bytes.
const MEMORY: u64 = 256 << 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let [role, what, rest @ ..] = &words[..] else { return ExitCode::from(2) };
    if *role == "without" {
        return without(what, rest);
    }
    let path = rest.first().copied().unwrap_or_default();
    let Some(role) = Role::named(role) else { return ExitCode::from(2) };
    let (input, sink, display) = match rest.get(1) {
        None => (InputSpec::Pipe, SinkSpec::Null, DisplaySpec::None),
        Some(&picture) => (InputSpec::Images(vec![picture.into()]), SinkSpec::Pulse, DisplaySpec::Terminal),
    };
    let work = Work { input, sink: Some(sink), display, ..Work::default() };
    let spec = Spec { session: String::new(), channels: Vec::new(), unpaced: false, restarts: 0, verbosity: 0, work };
    let attempt = Attempt::prepare(what, path);
    println!("{}", confine(&Reach::of(role, &spec, Confine { memory: Some(MEMORY) })));
    match attempt.make() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Executes a program for which one of the calls by which a sandbox is built does not exist.
fn without(wall: &str, program: &[&str]) -> ExitCode {
    let op = SeccompCmpOp::Eq;
    // SECCOMP_SET_MODE_FILTER: only a filter that is set after this one fails.
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, op, u64::from(libc::SECCOMP_SET_MODE_FILTER));
    let rules = match wall {
        "landlock" => BTreeMap::from([(libc::SYS_landlock_create_ruleset, Vec::new())]),
        _ => {
            let rule = condition.and_then(|condition| SeccompRule::new(vec![condition])).expect("a rule");
            BTreeMap::from([(libc::SYS_seccomp, vec![rule])])
        }
    };
    let arch = std::env::consts::ARCH.try_into().expect("a processor that seccompiler knows");
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, absent, arch).expect("a filter");
    let filter: BpfProgram = filter.try_into().expect("a program");
    apply_filter(&filter).expect("a kernel with seccomp");
    let [program, args @ ..] = program else { return ExitCode::from(2) };
    let error = Command::new(program).args(args).exec();
    println!("{program}: {error}");
    ExitCode::from(2)
}
