//! The command line, as docs and scripts know it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand};
use tricine_session::channel::Mode;
use tricine_session::link::{DisplaySpec, SinkSpec};
use tricine_session::name::Name;

mod values;
mod words;

use values::{
    parse_audio, parse_deinterlace, parse_delay, parse_display, parse_fps, parse_length, parse_limit, parse_loop,
    parse_memory, parse_mode, parse_name, parse_picture, parse_session, parse_speed, parse_subtitle, parse_time,
    parse_track, parse_volume,
};

/// The command line of this process, or the exit code of a program that has said what is wrong with it.
pub(crate) fn read() -> Result<Cli, i32> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(wrong) = words::no_command(&arguments) {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "tricine: {wrong}");
        return Err(2);
    }
    Ok(Cli::parse_from(words::joined(arguments)))
}

/// A media player taken apart into processes: any of them may die at any instruction, and the film goes on.
#[derive(Debug, Parser)]
#[command(
    name = "tricine",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Without a command, INPUT is played; without INPUT, the demo film.\n\n\
                  Examples:\n  tricine film.mp4\n  curl https://example.org/film.mp4 | tricine -\n  ffmpeg -nostdin -i old.wmv -f yuv4mpegpipe - | tricine -\n  \
                  tricine --display none --audio null --report r.json\n\n\
                  Keys: space pause, arrows seek, PgDn PgUp (or ! @) chapters, . step, [ ] speed,\n\
                  9 0 volume, m mute, f fullscreen, l loop, # _ next sound, pictures, j subtitles,\n\
                  v hide them, z Z earlier, later, s screenshot, o pipeline, ? keys, n next input,\n\
                  Esc out of full screen or quit, q quit.\n\
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
    /// Play files, pipes, `-` (standard input) or test: sources; no INPUT plays the demo.
    #[command(after_help = "Example: tricine play --start 1:30 --speed 1.5 film.mkv")]
    Play(Box<Play>),
    /// Measure frames per second and latency through one or all transports, between real processes.
    Stress(Box<tricine_stress::Options>),
    /// The lessons, on real processes: you are the scheduler.
    Lab(Box<tricine_lab_desk::Options>),
    /// List the running sessions, and what dead ones left behind.
    #[command(after_help = "Example: tricine sessions --json")]
    Sessions {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove what dead sessions left; a running one is never touched.
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
    /// Files, playlists (M3U, M3U8, PLS), folders of films, songs or images, globs, `file://` addresses, `-`, `test:bars`, `test:clock?size=1280x720&rate=30&seconds=10&tone=440`.
    // An empty name is a script's variable without a value, not the demo.
    #[arg(value_name = "INPUT", value_parser = OsStringValueParser::new().try_map(parse_name))]
    pub(crate) inputs: Vec<Name>,
    /// auto | window | terminal | none | framemd5=PATH (`-` is standard output).
    #[arg(long, value_name = "WHERE", default_value = "auto", value_parser = OsStringValueParser::new().try_map(parse_display))]
    pub(crate) display: Display,
    /// auto | pulse | null | none | wav=PATH (`-` is standard output).
    #[arg(long, value_name = "WHERE", default_value = "auto", value_parser = OsStringValueParser::new().try_map(parse_audio))]
    pub(crate) audio: Audio,
    /// fifo: every frame, with back-pressure; mailbox: the latest wins.
    #[arg(long, value_name = "MODE", default_value = "fifo", value_parser = parse_mode)]
    pub(crate) mode: Mode,
    /// As fast as possible, no frame dropped.
    #[arg(long)]
    pub(crate) unpaced: bool,
    /// Begin here: 90, 1:30 or 1:02:03.5.
    #[arg(long, allow_negative_numbers = true, value_name = "T", value_parser = parse_time)]
    pub(crate) start: Option<i64>,
    /// Stop after this long, in the same forms.
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
    /// The track of sound, by its number among them: `tricine info FILE` counts.
    #[arg(long, value_name = "N", value_parser = parse_track)]
    pub(crate) aid: Option<usize>,
    /// The track of pictures, by its number among them.
    #[arg(long, value_name = "N", value_parser = parse_track)]
    pub(crate) vid: Option<usize>,
    /// Languages of sound, the most wanted first, such as de,en.
    #[arg(long, value_name = "LANG,…", value_delimiter = ',')]
    pub(crate) alang: Vec<String>,
    /// A file of subtitles: SRT, WebVTT, ASS or PGS. Those beside a film (film.srt, film.en.srt) are found.
    #[arg(long = "sub", visible_alias = "sub-file", value_name = "FILE", value_parser = OsStringValueParser::new().try_map(parse_name))]
    pub(crate) sub: Vec<Name>,
    /// The track of subtitles by its number, no, or auto: what --sub or --slang asks for, what lies beside the film, what the film
    /// means to be shown.
    #[arg(long, value_name = "N|no|auto", default_value = "auto", value_parser = parse_subtitle)]
    pub(crate) sid: Sid,
    /// Languages of subtitles, the most wanted first, such as de,en.
    #[arg(long, value_name = "LANG,…", value_delimiter = ',')]
    pub(crate) slang: Vec<String>,
    /// Subtitles so many seconds later, or earlier where it is negative.
    #[arg(long, allow_negative_numbers = true, value_name = "SECONDS", default_value = "0", value_parser = parse_delay)]
    pub(crate) sub_delay: i32,
    /// Begin with subtitles out of sight (v shows them).
    #[arg(long)]
    pub(crate) no_sub: bool,
    /// auto: an interlaced picture is made one of its earlier moment; no: it is shown as it is.
    #[arg(long, value_name = "auto|no", default_value = "auto", value_parser = parse_deinterlace, action = ArgAction::Set)]
    pub(crate) deinterlace: bool,
    /// Begin without sound.
    #[arg(long)]
    pub(crate) mute: bool,
    /// Show the first frame and wait.
    #[arg(long)]
    pub(crate) paused: bool,
    /// Begin in full screen.
    #[arg(long)]
    pub(crate) fullscreen: bool,
    /// How long a picture that does not move is shown: one alone, and each of a folder (5).
    #[arg(long, allow_negative_numbers = true, value_name = "SECONDS", value_parser = parse_picture)]
    image_duration: Option<i64>,
    /// The pictures of a folder, or of a file of JPEGs, are a film: so many are shown in a second.
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = parse_fps, conflicts_with = "image_duration")]
    fps: Option<i64>,
    /// How many crashes a role may have in how many seconds before Tricine gives up.
    #[arg(long, value_name = "N/SECONDS", default_value = "5/10", value_parser = parse_limit)]
    pub(crate) restart_limit: (usize, Duration),
    /// Let the processes that decode, show and play do whatever this user may.
    #[arg(long)]
    pub(crate) no_sandbox: bool,
    /// How much memory the decoder may take, in MiB; else what the film's format needs.
    #[arg(long, value_name = "MIB", value_parser = parse_memory)]
    pub(crate) memory_limit: Option<u64>,
    /// Write a report of the session, as JSON, when it ends.
    #[arg(long, value_name = "PATH")]
    pub(crate) report: Option<PathBuf>,
    /// Name of the session (random by default).
    #[arg(long, value_name = "NAME", value_parser = parse_session)]
    pub(crate) session: Option<String>,
    /// Say only errors.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say what plays (container, codecs, sizes, rates), where it is shown and heard, each seek and each restart, a line each; twice
    /// (`-vv`), also what each process does and what it logs.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Play {
    /// How long a picture that does not move is shown, in ns.
    pub(crate) fn picture_ns(&self) -> i64 {
        self.fps.or(self.image_duration).unwrap_or(tricine_media::PICTURE_NS)
    }
}

/// `--display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Display {
    /// The best there is.
    Auto,
    /// This one.
    Is(DisplaySpec),
}

/// `--sid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sid {
    /// What is usual.
    Auto,
    /// This one; 0 for none.
    Is(u16),
}

/// `--audio`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audio {
    /// No sound is even decoded.
    None,
    /// This sink.
    Is(SinkSpec),
}

#[cfg(test)]
mod tests;
