//! The command line of `tricine stress`, and the rows that it asks for.

use std::path::PathBuf;

use tricine_channel::channel::Mode;
use tricine_channel::channel::layout::MAX_CAPACITY;
use tricine_session::frame::i420_len;

use crate::case::{Case, Fault, Guard, Kill, Payload, Read, Transport};
use crate::frame::STAMP_LEN;
use crate::parse::{
    Choice, Rate, Size, chosen, may_use, parse_guard, parse_mode, parse_pin, parse_rate, parse_seconds, parse_session,
    parse_size, parse_transport, parse_warmup,
};
use crate::{kill, transport};

/// 1080p as I420.
const FULL_HD: usize = 3_110_400;
/// Frame sizes of a sweep: a message to a film in 8K.
const SWEEP: [usize; 7] = [64, 4 << 10, 64 << 10, 1 << 20, FULL_HD, 12_441_600, 49_766_400];
/// The sizes of `--transport all`, which is to end within two minutes.
const SHORT_SWEEP: [usize; 5] = [64, 4 << 10, 64 << 10, 1 << 20, 12_441_600];

/// A repetition has so many frames at least, if there is a choice.
const FEWEST_FRAMES: f64 = 10.0;

/// What to measure, and where to write it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = EXPLANATION)]
pub struct Options {
    /// shm, pipe, vmsplice, fifo, posix-mq, sysv-mq, unix, seqpacket, tcp, mmap, sysv-shm, floor, textbook, iceoryx2,
    /// iceoryx2-both, iceoryx2-busy; several with commas between, or all.
    #[arg(long, value_name = "NAME,…", default_value = "shm", value_delimiter = ',', value_parser = parse_transport)]
    transport: Vec<Choice<Transport>>,
    /// What wakes a side of shm: semaphore, futex, eventfd, spin, raw-sync; several, or all.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = parse_guard)]
    guard: Vec<Choice<Guard>>,
    /// fifo: every frame arrives; mailbox (shm only): the latest wins.
    #[arg(long, value_name = "MODE", default_value = "fifo", value_parser = parse_mode)]
    mode: Mode,
    /// Frame sizes: WxH or bytes (also 64K, 1M), with commas between.
    #[arg(long, value_name = "WxH|BYTES,…", value_delimiter = ',', value_parser = parse_size)]
    size: Vec<Size>,
    /// What a pixel of WxH takes: i420 (1.5 bytes) or xrgb (4 bytes).
    #[arg(long, value_name = "FORMAT", default_value = "i420", value_parser = ["i420", "xrgb"])]
    format: String,
    /// Measure sizes from 64 bytes to 8K.
    #[arg(long, conflicts_with = "size")]
    sweep: bool,
    /// What the producer writes: stamp (32 bytes: the hand-over alone), fill (every byte, in place), copy (from private
    /// memory, as a decoder does).
    #[arg(long, value_name = "WHAT", default_value = "copy", value_enum)]
    payload: Payload,
    /// What the consumer reads: none (the stamp) or all.
    #[arg(long, value_name = "WHAT", default_value = "all", value_enum)]
    read: Read,
    /// Frames per second, or max: unlimited.
    #[arg(long, value_name = "FPS|max", default_value = "max", value_parser = parse_rate)]
    rate: Rate,
    /// End a repetition after this many frames.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Measure each row for this long in all, in seconds [default: 5; 1 where there are several rows].
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    seconds: Option<f64>,
    /// Repetitions of each row, those of different rows alternately [default: one per second, at least 2; 1 at a pace of a few
    /// frames in all]. A row that was disturbed is measured once more, unless --frames alone says how much there is.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: Option<u32>,
    /// Warm up before each repetition, in seconds.
    #[arg(long, value_name = "S", default_value = "0.1", value_parser = parse_warmup)]
    warmup: f64,
    /// How long a side spins before it sleeps, in µs [default: adaptive for shm, 20 for mmap and sysv-shm].
    #[arg(long, value_name = "MICROSECONDS", value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    spin: Option<u64>,
    /// Bind the producer to processor A and the consumer to B.
    #[arg(long, value_name = "A,B", value_parser = parse_pin)]
    pin: Option<[usize; 2]>,
    /// Check every byte of every frame.
    #[arg(long)]
    verify: bool,
    /// With --rate: the consumer knows when a frame is due, sleeps until shortly before, then spins.
    #[arg(long)]
    expect: bool,
    /// Pairs of processes side by side.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    sessions: u16,
    /// Kill processes of shm at random, this many per second: producer, consumer, or either by chance.
    #[arg(long, value_name = "PER_SECOND[:ROLE]", value_parser = kill::parse)]
    kill: Option<Kill>,
    /// Where the content comes from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the figures as JSON (tricine.stress/1). For this and all files: - is standard output (the table then goes to
    /// standard error), a device or FIFO is written directly, a file is replaced as a whole and keeps its mode.
    #[arg(long, value_name = "PATH")]
    pub(crate) report: Option<PathBuf>,
    /// Write a page with plots that needs nothing else.
    #[arg(long, value_name = "PATH")]
    pub(crate) html: Option<PathBuf>,
    /// Compare with the JSON of an earlier measurement.
    #[arg(long, value_name = "OLD.json")]
    pub(crate) compare: Option<PathBuf>,
    /// Write each frame's times (repetition, row, number, since when, there when, in ns) as CSV. Slows the consumer.
    #[arg(long, value_name = "PATH")]
    pub(crate) samples: Option<PathBuf>,
    /// Name of the session (random by default).
    #[arg(long, value_name = "NAME", value_parser = parse_session)]
    pub session: Option<String>,
    /// Leave out the separate run in which system calls are counted.
    #[arg(long)]
    pub(crate) no_syscalls: bool,
    /// Print only errors and the table.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Commit a fault once, to see that it is detected.
    #[arg(long, value_enum, hide = true)]
    fault: Option<Fault>,
}

/// What the figures mean, when they cannot be believed, and examples.
const EXPLANATION: &str = include_str!("help.txt").trim_ascii_end();

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The rows, in the order of the table.
    pub(crate) cases: Vec<Case>,
    /// Repetitions of each.
    pub(crate) repeat: u32,
    /// The frame size that matters, if the others are points of a curve: those are measured once.
    pub(crate) main: Option<usize>,
    /// Whether a row that was disturbed is measured once more: not where the user has fixed how many frames there are.
    pub(crate) again: bool,
    /// Whether a mechanism that fails is reported as absent rather than ending everything.
    pub(crate) tolerant: bool,
}

impl Plan {
    /// Whether this case is but a point of a curve.
    pub(crate) fn is_point(&self, case: &Case) -> bool {
        self.main.is_some_and(|main| case.bytes != main)
    }
}

impl Options {
    /// The rows that were asked for. `Err` is what is wrong with the options.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let everything = self.transport.contains(&Choice::All);
        let transports = chosen(&self.transport, transport::built);
        let guards = match (self.guard.is_empty(), everything) {
            (true, true) => chosen(&[Choice::All], |_| true),
            (true, false) => vec![Guard::Semaphore],
            (false, _) => chosen(&self.guard, |_| true),
        };
        let sizes = self.sizes(everything);
        for &bytes in &sizes {
            if !(2 * STAMP_LEN..=MAX_CAPACITY as usize).contains(&bytes) {
                return Err(format!("--size: a frame has {} to {MAX_CAPACITY} bytes, not {bytes}", 2 * STAMP_LEN));
            }
        }
        self.check(everything, &transports, &guards)?;
        let whole = |transport, guard, mode, bytes| self.case(transport, guard, mode, bytes);
        let mut cases = Vec::new();
        for &bytes in &sizes {
            for &transport in &transports {
                let some = if transport == Transport::Shm { guards.as_slice() } else { &guards[..1] };
                cases.extend(some.iter().map(|&guard| whole(transport, guard, self.mode, bytes)));
                if everything && transport == Transport::Shm && bytes == sizes[0] && self.mode == Mode::Fifo {
                    cases.push(whole(transport, Guard::Semaphore, Mode::Mailbox, bytes));
                }
            }
        }
        if everything && self.payload == Payload::Copy {
            // What frames in place make possible, and only they: to hand over without moving a byte.
            let in_place: Vec<Case> =
                cases.iter().filter(|c| c.bytes == sizes[0] && c.transport.in_place()).cloned().collect();
            let stamps = in_place.into_iter().map(|c| Case { payload: Payload::Stamp, read: Read::None, ..c });
            cases.extend(stamps.filter(|c| !c.verify && c.mode == Mode::Fifo));
        }
        let many = cases.len() > 1;
        let seconds = self.seconds.unwrap_or(if many { 1.0 } else { 5.0 });
        let repeat = self.repeat.unwrap_or(match (self.frames, self.rate) {
            (Some(_), _) => 1,
            // At a slow pace rather a few frames in one repetition than one frame in each.
            (None, Rate::Fps(fps)) if fps * seconds < 2.0 * FEWEST_FRAMES => 1,
            (None, _) => (seconds.round() as u32).clamp(2, 10),
        });
        for case in &mut cases {
            // The other sizes of a comparison are points of a curve: one short repetition each.
            let point = everything && case.bytes != sizes[0];
            case.seconds = match (self.frames, self.seconds) {
                (Some(_), None) => 86_400.0,
                _ if point => seconds / 6.0,
                _ => seconds / f64::from(repeat),
            };
        }
        let main = everything.then_some(sizes[0]);
        let again = self.frames.is_none() || self.repeat.is_some();
        Ok(Plan { cases, repeat, main, again, tolerant: transports.len() > 1 })
    }

    fn sizes(&self, everything: bool) -> Vec<usize> {
        if !self.size.is_empty() {
            let bytes = |size: &Size| match *size {
                Size::Bytes(bytes) => bytes,
                Size::Picture(w, h) if self.format == "xrgb" => w as usize * h as usize * 4,
                Size::Picture(w, h) => i420_len(w, h),
            };
            let mut sizes: Vec<usize> = Vec::new();
            for bytes in self.size.iter().map(bytes) {
                if !sizes.contains(&bytes) {
                    sizes.push(bytes);
                }
            }
            return sizes;
        }
        let full_hd = if self.format == "xrgb" { 8_294_400 } else { FULL_HD };
        match (self.sweep, everything) {
            (true, _) => SWEEP.to_vec(),
            (false, true) => std::iter::once(full_hd).chain(SHORT_SWEEP).collect(),
            (false, false) => vec![full_hd],
        }
    }

    /// What cannot go together.
    fn check(&self, everything: bool, transports: &[Transport], guards: &[Guard]) -> Result<(), String> {
        let only_shm = transports == [Transport::Shm];
        if let Some(missing) = transports.iter().find(|t| !transport::built(**t)) {
            return Err(format!(
                "--transport {}: not in this build; build with --features iceoryx2",
                crate::case::kebab(missing)
            ));
        }
        if !self.guard.is_empty() && !transports.contains(&Transport::Shm) {
            return Err("--guard: only shm has a choice of what wakes; add it to --transport".into());
        }
        if self.mode == Mode::Mailbox && !only_shm {
            return Err("--mode mailbox: only shm has a mailbox; use --transport shm".into());
        }
        if self.verify && self.payload == Payload::Stamp {
            return Err("--verify: a stamp has no bytes to check; use --payload fill or copy".into());
        }
        if self.kill.is_some() && !only_shm {
            return Err("--kill: only shm survives the death of a side; use --transport shm".into());
        }
        if self.kill.is_some() && guards.contains(&Guard::RawSync) {
            return Err("--kill: raw-sync does not survive a killed waiter; use another --guard".into());
        }
        if self.kill.is_some() && self.samples.is_some() {
            return Err("--samples: whoever is killed takes its samples with it; leave out --kill".into());
        }
        if self.expect && self.rate == Rate::Max {
            return Err("--expect: without a --rate nobody knows when a frame is due".into());
        }
        if everything && self.sessions > 1 {
            return Err("--sessions: choose some transports, not all".into());
        }
        if let Some(&missing) = self.pin.iter().flatten().find(|&&c| !may_use(c)) {
            return Err(format!(
                "--pin: this process may not use processor {missing}, or there is none of that number"
            ));
        }
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        if cores < 2 && (transports.contains(&Transport::Floor) || guards == [Guard::Spin]) && !everything {
            return Err("two sides that spin need two processors, and this process may use one".into());
        }
        Ok(())
    }

    fn case(&self, transport: Transport, guard: Guard, mode: Mode, bytes: usize) -> Case {
        Case {
            transport,
            guard,
            mode,
            bytes,
            payload: self.payload,
            read: self.read,
            rate: match self.rate {
                Rate::Max => None,
                Rate::Fps(fps) => Some(fps),
            },
            frames: self.frames,
            seconds: 0.0,
            warmup: self.warmup,
            spin_us: self.spin,
            pin: self.pin,
            verify: self.verify,
            expect: self.expect,
            sessions: self.sessions.into(),
            seed: self.seed,
            kill: self.kill,
            count_syscalls: false,
            samples: self.samples.is_some(),
            fault: self.fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn plan(args: &[&str]) -> Result<Plan, String> {
        let args = std::iter::once("stress").chain(args.iter().copied());
        Cli::try_parse_from(args).map_err(|e| e.to_string())?.options.plan()
    }

    #[test]
    fn alone_it_is_the_channel_for_five_seconds_at_1080p() {
        let plan = plan(&[]).unwrap();
        let [case] = plan.cases.as_slice() else { panic!("{plan:?}") };
        assert_eq!((case.transport, case.guard, case.bytes), (Transport::Shm, Guard::Semaphore, FULL_HD));
        assert_eq!(case.seconds * f64::from(plan.repeat), 5.0);
    }

    #[test]
    fn all_has_every_mechanism_and_every_guard_and_ends_within_two_minutes() {
        let plan = plan(&["--transport", "all"]).unwrap();
        for &transport in Transport::value_variants_built().iter() {
            assert!(plan.cases.iter().any(|c| c.transport == transport), "{transport:?}");
        }
        use clap::ValueEnum;
        for &guard in Guard::value_variants() {
            assert!(plan.cases.iter().any(|c| c.transport == Transport::Shm && c.guard == guard), "{guard:?}");
        }
        // A start takes about 50 ms; the run in which system calls are counted is about a third of a repetition.
        let main = plan.cases[0].bytes;
        let cost = |c: &Case| match c.bytes == main {
            true => f64::from(plan.repeat + 1) * (c.warmup + 0.05) + (f64::from(plan.repeat) + 0.4) * c.seconds,
            false => c.warmup + 0.05 + c.seconds,
        };
        let seconds: f64 = plan.cases.iter().map(cost).sum();
        assert!(seconds < 105.0, "{} rows take {seconds} s", plan.cases.len());
    }

    impl Transport {
        fn value_variants_built() -> Vec<Self> {
            use clap::ValueEnum;
            Self::value_variants().iter().copied().filter(|t| transport::built(*t)).collect()
        }
    }

    #[test]
    fn sizes_are_pictures_or_bytes() {
        let bytes = |args: &[&str]| plan(args).map(|p| p.cases.iter().map(|c| c.bytes).collect::<Vec<_>>());
        assert_eq!(bytes(&["--size", "1920x1080,4K,1M,100"]).unwrap(), [3_110_400, 4096, 1 << 20, 100]);
        assert_eq!(bytes(&["--size", "64,100", "--size", "100,2K"]).unwrap(), [64, 100, 2048]);
        assert_eq!(bytes(&["--size", "3x3"]), Err("--size: a frame has 64 to 536870912 bytes, not 17".into()));
        assert_eq!(bytes(&["--size", "1920x1080", "--format", "xrgb"]).unwrap(), [8_294_400]);
        assert_eq!(bytes(&["--sweep"]).unwrap(), SWEEP);
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for wrong in [
            &["--transport", "carrier-pigeon"][..],
            &["--guard", "spin", "--transport", "pipe"],
            &["--mode", "mailbox", "--transport", "pipe"],
            &["--verify", "--payload", "stamp"],
            &["--kill", "5", "--transport", "pipe"],
            &["--kill", "5", "--guard", "raw-sync"],
            &["--kill", "5", "--samples", "x"],
            &["--expect"],
            &["--size", "0"],
            &["--size", "1x99999"],
            &["--size", "999999999999999999999M"],
            &["--rate", "-1"],
            &["--seconds", "nan"],
            &["--pin", "1"],
            &["--pin", "0,1023"],
            &["--sessions", "0"],
            &["--transport", "all", "--sessions", "2"],
        ] {
            assert!(plan(wrong).is_err(), "{wrong:?}");
        }
    }
}
