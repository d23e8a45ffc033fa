//! The `tricine` command: the supervisor, and by way of an environment variable every process that it starts. A library,
//! so that end-to-end tests run the same program.

#![forbid(unsafe_code)]

mod admission;
mod child;
mod cli;
mod doctor;
mod errand;
mod folder;
mod held_socket;
mod info;
mod input;
mod janitor;
mod keys;
mod lab;
mod opening;
mod out;
mod outputs;
mod playlist;
mod probe;
mod report;
mod saver;
mod session;
mod spelling;
mod status;
mod stream;
mod stress;
mod subtitles;
mod supervision;

use std::io::Write;

use clap::CommandFactory;
use tricine_channel::time::mono_ns;
use tricine_session::context::Orders;
use tricine_session::control::Role;
use tricine_session::error::{EXIT_BROKEN, EXIT_CORRUPT};
use tricine_session::link::{Link, Spec};
use tricine_session::process::ROLE_ENV;

/// The whole program. Its exit code.
pub fn main() -> i32 {
    main_with(|_, _, _| {})
}

/// The whole program, where `confined` is called in each role's process once its sandbox is closed: for tests of what gets out.
pub fn main_with(confined: fn(Role, &Link, &Spec)) -> i32 {
    let started_ns = mono_ns();
    match std::env::var(ROLE_ENV) {
        Ok(role) if !role.is_empty() => role_main(&role, confined),
        _ => command(started_ns),
    }
}

/// How long the program waits at its end for somebody to read what it has said.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(200);

/// How a process ends that finds no orders where whoever started it as one of Tricine's would have left them.
const NOT_STARTED: i32 = 2;

/// For a user who has [`ROLE_ENV`] in the environment.
const UNSET: &str = "; TRICINE_ROLE is for Tricine's own processes: unset it";

/// Logs go to standard error, one line each with its level in front; the supervisor reads its roles' and passes them on.
fn log<W>(level: tracing::Level, to: W)
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_max_level(level)
        .with_writer(to);
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

fn role_main(role: &str, confined: fn(Role, &Link, &Spec)) -> i32 {
    let other = match role {
        janitor::NAME => Some(janitor::run()),
        opening::NAME => Some(opening::run()),
        saver::NAME => Some(saver::run()),
        _ => tricine_stress::role_main(role).or_else(|| tricine_lab_desk::role_main(role)),
    };
    if let Some(code) = other {
        if code == NOT_STARTED {
            let _ = writeln!(
                std::io::stderr(),
                "tricine: {ROLE_ENV}={role}, and nobody gave this process its orders{UNSET}"
            );
        }
        return code;
    }
    let Some(role) = Role::named(role) else {
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
    let orders = match guarded.map_err(tricine_session::Error::from).and_then(|()| Orders::receive(role)) {
        Ok(orders) => orders,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "ERROR cannot take up the role of {role}: {error}{UNSET}");
            return error.exit_code();
        }
    };
    log(level(false, orders.verbosity()), std::io::stderr);
    play_role(role)(Orders { confined, ..orders })
}

/// What plays a role: all that the supervisor has of the crates that do.
fn play_role(role: Role) -> fn(Orders) -> i32 {
    match role {
        Role::Decoder => tricine_decoder::run,
        Role::Audio => tricine_audio::run,
        Role::Renderer => tricine_renderer::run,
    }
}

/// The exit code if standard output could not be written. Errors: there is another reason than that its reader has gone.
fn printed(error: std::io::Error) -> tricine_session::Result<i32> {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(0),
        _ => Err(tricine_session::Error::sys("write", "standard output", error)),
    }
}

fn command(started_ns: u64) -> i32 {
    tricine_channel::sys::process::reset_inherited();
    let cli = match cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let done = match cli.command {
        None => play(cli.play, started_ns),
        Some(cli::Command::Play(options)) => play(*options, started_ns),
        Some(cli::Command::Stress(options)) => stress::run(&options),
        Some(cli::Command::Lab(options)) => Ok(lab::run(&options)),
        Some(cli::Command::Sessions { json }) => doctor::sessions(json),
        Some(cli::Command::Clean { dry_run }) => doctor::clean(dry_run),
        Some(cli::Command::Doctor { json }) => Ok(doctor::doctor(json)),
        Some(cli::Command::Info { files }) => info::run(&files).or_else(printed),
        Some(cli::Command::Completions { shell }) => {
            // Its writer may not fail.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::Cli::command(), "tricine", &mut script);
            std::io::Write::write_all(&mut std::io::stdout(), &script).map(|()| 0).or_else(printed)
        }
    };
    let code = done.unwrap_or_else(|error| {
        out::Out::stderr().line(&format!("tricine: {error}\n"));
        1
    });
    out::Out::stderr().drain(LAST_WORDS);
    code
}

fn play(options: cli::Play, started_ns: u64) -> tricine_session::Result<i32> {
    // While there are descriptors to be had.
    out::Out::stderr();
    log(level(options.quiet, options.verbose), out::Out::stderr);
    match outputs::prepare(&options)? {
        Ok(outputs) => session::play(options, outputs, started_ns),
        Err(wrong) => {
            let _ = writeln!(std::io::stderr(), "tricine: {wrong}");
            Ok(2)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_crates_that_play_roles_have_nothing_else_to_be_used_by_the_supervisor() {
        for (name, source) in [
            ("decoder", include_str!("../../decoder/src/lib.rs")),
            ("audio", include_str!("../../audio/src/lib.rs")),
            ("renderer", include_str!("../../renderer/src/lib.rs")),
        ] {
            let public: Vec<_> = source.lines().filter(|line| line.trim_start().starts_with("pub ")).collect();
            // The doctor asks for the fonts that the renderer would find, in a process that supervises nobody.
            let known = ["pub fn fonts() -> Result<String, String> {", "pub fn run(orders: Orders) -> i32 {"];
            assert_eq!(public, if name == "renderer" { &known[..] } else { &known[1..] }, "{name}");
        }
    }
}
