//! The command line, as docs and scripts know it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tricine_session::channel::Mode;
use tricine_session::clock::{MAX_SPEED, MIN_SPEED};
use tricine_session::link::{DisplaySpec, SinkSpec};

/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// A media player taken apart into processes: any of them may die at any instruction, and the film goes on.
#[derive(Debug, Parser)]
#[command(
    name = "tricine",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Without a command, INPUT is played; without INPUT, the demo film.\n\n\
                  Examples:\n  tricine film.mp4\n  ffmpeg -i x.avi -f yuv4mpegpipe - | tricine -\n  \
                  tricine --display none --audio null --report r.json\n\n\
                  Keys: space pause, arrows seek, . step, [ ] speed, 9 0 volume, m mute, f fullscreen, l loop,\n\
                  s screenshot, o pipeline, ? keys, q quit.\n\
                  Exit codes: 0 played, 1 cannot be played, 2 wrong usage, 3 gave up after too many crashes,\n\
                  4 played without its pictures or its sound, 128+N signal N."
)]
pub(crate) struct Cli {
    /// What to do; playing is what is done without a command.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The options of `play`.
    #[command(flatten)]
    pub(crate) play: Play,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play files, `-` (YUV4MPEG2 on standard input) or test: sources; no INPUT plays the demo.
    #[command(after_help = "Example: tricine play --start 1:30 --speed 1.5 film.mkv")]
    Play(Box<Play>),
    /// Frames a second and latency through one or all transports, between real processes.
    Stress(Box<tricine_stress::Options>),
    /// List sessions that live, and what dead ones left behind.
    #[command(after_help = "Example: tricine sessions --json")]
    Sessions {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove what dead sessions left; never touches a live one.
    #[command(after_help = "Example: tricine clean --dry-run")]
    Clean {
        /// Only say what would be removed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Say which displays, sound servers, decoders and limits this machine has.
    #[command(after_help = "Example: tricine doctor")]
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what is in files, which of it plays, and what would play the rest.
    #[command(after_help = "Example: tricine info film.mkv\nExit codes: 0 all of it plays, 4 some of it, 1 nothing.")]
    Info {
        /// Films, songs and pictures.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Write a completion script for a shell to standard output.
    #[command(after_help = "Example: tricine completions bash > ~/.local/share/bash-completion/completions/tricine")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// What and how to play.
#[derive(Debug, Clone, Args)]
pub(crate) struct Play {
    /// Files, folders or globs of images, `-`, `test:bars`, `test:clock?size=1280x720&rate=30&seconds=10&tone=440`.
    // An empty name is a script's variable without a value, not the demo.
    #[arg(value_name = "INPUT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) inputs: Vec<String>,
    /// auto | window | terminal | none | framemd5=PATH.
    #[arg(long, value_name = "WHERE", default_value = "auto", value_parser = parse_display)]
    pub(crate) display: Display,
    /// auto | pulse | null | none | wav=PATH.
    #[arg(long, value_name = "WHERE", default_value = "auto", value_parser = parse_audio)]
    pub(crate) audio: Audio,
    /// fifo: every frame, with back-pressure; mailbox: the latest wins.
    #[arg(long, value_name = "MODE", default_value = "fifo", value_parser = parse_mode)]
    pub(crate) mode: Mode,
    /// As fast as the pipeline goes, no frame dropped.
    #[arg(long)]
    pub(crate) unpaced: bool,
    /// Begin here: 90, 1:30 or 1:02:03.5.
    #[arg(long, allow_negative_numbers = true, value_name = "T", value_parser = parse_time)]
    pub(crate) start: Option<i64>,
    /// Play so long.
    #[arg(long, allow_negative_numbers = true, value_name = "T", value_parser = parse_length)]
    pub(crate) length: Option<i64>,
    /// Play again and again, or N times.
    #[arg(long = "loop", value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "inf",
          value_parser = parse_loop)]
    pub(crate) repeat: Option<u64>,
    /// 0.25 to 4.
    #[arg(long, allow_negative_numbers = true, value_name = "X", default_value = "1", value_parser = parse_speed)]
    pub(crate) speed: f64,
    /// 0 to 100.
    #[arg(long, allow_negative_numbers = true, value_name = "V", default_value = "100", value_parser = parse_volume)]
    pub(crate) volume: u8,
    /// Without sound to begin with.
    #[arg(long)]
    pub(crate) mute: bool,
    /// Show the first frame and wait.
    #[arg(long)]
    pub(crate) paused: bool,
    /// Begin in full screen.
    #[arg(long)]
    pub(crate) fullscreen: bool,
    /// How many crashes a role may have in how many seconds before Tricine gives up.
    #[arg(long, value_name = "N/SECONDS", default_value = "5/10", value_parser = parse_limit)]
    pub(crate) restart_limit: (usize, Duration),
    /// Write a report of the session, as JSON, when it ends.
    #[arg(long, value_name = "PATH")]
    pub(crate) report: Option<PathBuf>,
    /// Name of the session (random by default).
    #[arg(long, value_name = "NAME", value_parser = parse_session)]
    pub(crate) session: Option<String>,
    /// Say nothing but errors.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say more; twice, everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// `--display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Display {
    /// The best there is.
    Auto,
    /// This one.
    Is(DisplaySpec),
}

/// `--audio`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audio {
    /// No sound is even decoded.
    None,
    /// This sink.
    Is(SinkSpec),
}

fn parse_display(text: &str) -> Result<Display, String> {
    Ok(match text {
        "auto" => Display::Auto,
        "window" => Display::Is(DisplaySpec::Window),
        "terminal" => Display::Is(DisplaySpec::Terminal),
        "none" => Display::Is(DisplaySpec::None),
        _ => match text.strip_prefix("framemd5=") {
            Some(path) if !path.is_empty() => Display::Is(DisplaySpec::FrameMd5(absolute(path)?)),
            _ => return Err("use auto, window, terminal, none or framemd5=PATH".into()),
        },
    })
}

fn parse_audio(text: &str) -> Result<Audio, String> {
    Ok(match text {
        "auto" => Audio::Is(SinkSpec::Auto),
        "pulse" => Audio::Is(SinkSpec::Pulse),
        "null" => Audio::Is(SinkSpec::Null),
        "none" => Audio::None,
        _ => match text.strip_prefix("wav=") {
            Some(path) if !path.is_empty() => Audio::Is(SinkSpec::Wav(absolute(path)?)),
            _ => return Err("use auto, pulse, null, none or wav=PATH".into()),
        },
    })
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| e.to_string())
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    match text {
        "fifo" => Ok(Mode::Fifo),
        "mailbox" => Ok(Mode::Mailbox),
        _ => Err("use fifo or mailbox".into()),
    }
}

/// `90`, `1:30` or `1:02:03.5`, in ns.
fn parse_time(text: &str) -> Result<i64, String> {
    let wrong = || "use seconds, M:S or H:M:S, such as 90, 1:30 or 1:02:03.5".to_owned();
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return Err(wrong());
    }
    let mut seconds = 0.0;
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let plain = !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || (last && c == '.'));
        let value: f64 = part.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        if i > 0 && value >= 60.0 {
            return Err(wrong());
        }
        seconds = seconds * 60.0 + value;
    }
    // 100 days: far beyond any film, and far from overflowing.
    if seconds > 8.64e6 { Err(wrong()) } else { Ok((seconds * NS).round() as i64) }
}

fn parse_length(text: &str) -> Result<i64, String> {
    parse_time(text).and_then(|ns| if ns > 0 { Ok(ns) } else { Err("use more than 0, such as 90 or 1:30".into()) })
}

fn parse_loop(text: &str) -> Result<u64, String> {
    match text {
        "inf" => Ok(u64::MAX),
        _ => text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "use a number of times, at least 1".into()),
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|s| (MIN_SPEED..=MAX_SPEED).contains(s));
    speed.ok_or_else(|| format!("use a number from {MIN_SPEED} to {MAX_SPEED}"))
}

fn parse_volume(text: &str) -> Result<u8, String> {
    text.parse().ok().filter(|volume| *volume <= 100).ok_or_else(|| "use a whole number from 0 to 100".into())
}

fn parse_limit(text: &str) -> Result<(usize, Duration), String> {
    let limit = text.split_once('/').and_then(|(count, seconds)| {
        let seconds: f64 = seconds.parse().ok().filter(|s: &f64| *s > 0.0 && *s < 1e6)?;
        Some((count.parse().ok()?, Duration::from_secs_f64(seconds)))
    });
    limit.ok_or_else(|| "use N/SECONDS, such as 5/10".into())
}

fn parse_session(text: &str) -> Result<String, String> {
    tricine_channel::namespace::check_name(text).map(|()| text.to_owned()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_other_players_read_them() {
        for (text, ns) in [
            ("90", Some(90e9)),
            ("1:30", Some(90e9)),
            ("1:02:03.5", Some(3723.5e9)),
            ("0.25", Some(0.25e9)),
            ("", None),
            ("-1", None),
            ("1:60", None),
            ("1:2:3:4", None),
            ("1.5:00", None),
            ("1e3", None),
            ("nan", None),
        ] {
            assert_eq!(parse_time(text).ok(), ns.map(|n| n as i64), "{text:?}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["tricine", "a.mp4", "--loop", "--speed", "2"]).unwrap();
        assert_eq!((cli.play.inputs, cli.play.repeat, cli.play.speed), (vec!["a.mp4".to_owned()], Some(u64::MAX), 2.0));
        let cli = Cli::try_parse_from(["tricine", "play", "--loop=3", "-"]).unwrap();
        assert!(matches!(cli.command, Some(Command::Play(p)) if p.repeat == Some(3) && p.inputs == ["-"]));
        for (wrong, told) in [
            (&["--speed=9"][..], "use a number from 0.25 to 4"),
            (&["--display=tv"], "use auto, window, terminal, none or framemd5=PATH"),
            (&["--restart-limit=5"], "use N/SECONDS, such as 5/10"),
            (&["--volume", "101"], "use a whole number from 0 to 100"),
            (&["--length", "-5"], "use seconds, M:S or H:M:S"),
            (&["--length", "0"], "use more than 0"),
        ] {
            let error = Cli::try_parse_from([&["tricine"], wrong].concat()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
