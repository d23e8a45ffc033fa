//! The `tricine` command: the supervisor, and by way of an environment variable every process that it starts. A library,
//! so that end-to-end tests run the same program.

#![forbid(unsafe_code)]

mod child;
mod cli;
mod doctor;
mod info;
mod input;
mod janitor;
mod keys;
mod player;
mod policy;
mod report;
mod speaker;
mod status;
mod stress;

use std::io::Write;

use clap::{CommandFactory, Parser};
use tricine_channel::sys::process::ROLE_ENV;
use tricine_channel::time::mono_ns;
use tricine_session::control::Role;
use tricine_session::error::{EXIT_BROKEN, EXIT_CORRUPT};
use tricine_session::role::RoleContext;

/// The whole program. Its exit code.
pub fn main() -> i32 {
    let started_ns = mono_ns();
    match std::env::var(ROLE_ENV) {
        Ok(role) if !role.is_empty() => role_main(&role),
        _ => command(started_ns),
    }
}

/// For a user who has [`ROLE_ENV`] in the environment.
const UNSET: &str = "; TRICINE_ROLE is for Tricine's own processes: unset it";

/// Logs go to standard error, one line each with its level in front; the supervisor reads its roles' and passes them on.
fn log(level: tracing::Level) {
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_max_level(level)
        .with_writer(std::io::stderr);
    // Fails only if there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber.finish());
}

fn level(quiet: bool, verbose: u8) -> tracing::Level {
    match (quiet, verbose) {
        (true, _) => tracing::Level::ERROR,
        (false, 0) => tracing::Level::WARN,
        (false, 1) => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    }
}

fn role_main(role: &str) -> i32 {
    if role == janitor::NAME {
        return janitor::run();
    }
    if let Some(code) = tricine_stress::role_main(role) {
        return code;
    }
    let Some(role) = Role::ALL.into_iter().find(|r| r.name() == role) else {
        let _ = writeln!(std::io::stderr(), "tricine: {ROLE_ENV}={role} names no role{UNSET}");
        return 2;
    };
    // A panic anywhere, on any thread, is a crash of the role: said in one line, recovered by the supervisor. Codecs run
    // behind a guard of their own.
    std::panic::set_hook(Box::new(|panic| {
        let _ = writeln!(std::io::stderr(), "ERROR internal error: {}", panic.to_string().replace('\n', ": "));
        tricine_channel::sys::process::exit_now(EXIT_BROKEN);
    }));
    let guarded = tricine_channel::sys::sigbus::exit_on_loss(EXIT_CORRUPT);
    let context = match guarded.map_err(tricine_session::Error::from).and_then(|()| RoleContext::take_up(role)) {
        Ok(context) => context,
        Err(error) => {
            let hint = if matches!(error, tricine_session::Error::Disconnected) { UNSET } else { "" };
            let _ = writeln!(std::io::stderr(), "ERROR cannot take up the role of {role}: {error}{hint}");
            return error.exit_code();
        }
    };
    log(level(false, context.spec.verbosity));
    match role {
        Role::Decoder => tricine_decoder::run(context),
        Role::Audio => tricine_audio::run(context),
        Role::Renderer => tricine_renderer::run(context),
    }
}

fn command(started_ns: u64) -> i32 {
    let cli = cli::Cli::parse();
    let done = match cli.command {
        None => play(cli.play, started_ns),
        Some(cli::Command::Play(options)) => play(*options, started_ns),
        Some(cli::Command::Stress(options)) => stress::run(&options),
        Some(cli::Command::Sessions { json }) => doctor::sessions(json),
        Some(cli::Command::Clean { dry_run }) => doctor::clean(dry_run),
        Some(cli::Command::Doctor { json }) => Ok(doctor::doctor(json)),
        Some(cli::Command::Info { files }) => {
            info::run(&files).map_err(|e| tricine_session::Error::sys("write", "standard output", e))
        }
        Some(cli::Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut cli::Cli::command(), "tricine", &mut std::io::stdout());
            Ok(0)
        }
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "tricine: {error}");
        1
    })
}

fn play(options: cli::Play, started_ns: u64) -> tricine_session::Result<i32> {
    log(level(options.quiet, options.verbose));
    player::play(options, started_ns)
}
