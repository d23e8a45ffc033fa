//! Random playlists on the real program: short, mute, silent, still and broken inputs one after another, as fast as they go or
//! by the clock, while roles are killed and the user goes on to the next input. Every picture that was shown is checked: it
//! belongs to its input, in its place, once.
//!
//! A playlist is made from a seed and a number, so that one that failed can be played again.

mod pool;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::Parser;
use nix::sys::signal::{Signal, kill};

use crate::terminal::Terminal;
use crate::{End, Run, arg, children, start_with};
pub use pool::{Entry, Pool};

/// How many playlists are played, and which.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// How many playlists.
    #[arg(long, default_value_t = 64)]
    pub number: u64,
    /// The first one's number.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// So many at the same time.
    #[arg(long, default_value_t = 3)]
    pub jobs: usize,
}

/// One playlist, and what happens to it.
#[derive(Debug)]
struct Playlist<'a> {
    entries: Vec<&'a Entry>,
    unpaced: bool,
    /// The entries are named by a playlist's file, the last ones by one within it.
    listed: bool,
    /// What happens, and so long after the one before.
    acts: Vec<(Duration, Act)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// One of these processes is killed, if it is there.
    Kill(&'static str),
    /// The user types `n`.
    Next,
}

/// What was played.
#[derive(Debug, Default)]
pub struct Tally {
    /// Playlists.
    pub playlists: AtomicU64,
    /// Pictures that were shown and compared.
    pub pictures: AtomicU64,
    /// Processes that were killed.
    pub kills: AtomicU64,
    /// Times that the user went on.
    pub nexts: AtomicU64,
    /// What was wrong, one line each.
    pub wrong: Mutex<Vec<String>>,
}

/// Plays them all on `program`.
pub fn play(program: &str, options: &Options) -> Tally {
    let pool = Pool::make(program);
    let (tally, next) = (Tally::default(), AtomicU64::new(options.from));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= options.from + options.number {
                        return;
                    }
                    let playlist = Playlist::new(&pool, options.seed, number);
                    if let Err(wrong) = playlist.play(program, &tally) {
                        let again = format!("--seed {} --from {number} --number 1", options.seed);
                        tally.wrong.lock().expect("no panic").push(format!("{again}: {wrong}\n{playlist:#?}"));
                    }
                    tally.playlists.fetch_add(1, Relaxed);
                }
            });
        }
    });
    tally
}

impl<'a> Playlist<'a> {
    fn new(pool: &'a Pool, seed: u64, number: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed << 32 | number);
        let mut entries: Vec<&Entry> = pool.entries.iter().collect();
        rng.shuffle(&mut entries);
        entries.truncate(rng.usize(2..=5));
        let (unpaced, listed) = (rng.bool(), rng.bool());
        let acts = (0..rng.usize(0..5)).map(|_| {
            let wait = Duration::from_millis(rng.u64(0..250));
            let whom = ["decoder", "audio", "renderer", "opener", "janitor"];
            (wait, if rng.u8(0..4) == 0 { Act::Next } else { Act::Kill(whom[rng.usize(0..whom.len())]) })
        });
        let acts = acts.collect();
        Self { entries, unpaced, listed, acts }
    }

    fn play(&self, program: &str, tally: &Tally) -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let frames = folder.path().join("frames");
        let display = format!("framemd5={}", arg(&frames));
        let mut args = vec!["--display", &display, "--audio", "null", "--restart-limit", "50/10"];
        args.extend(self.unpaced.then_some("--unpaced"));
        let list = folder.path().join("list.m3u");
        if self.listed {
            self.list(&list).map_err(|e| e.to_string())?;
            args.push(arg(&list));
        } else {
            args.extend(self.entries.iter().map(|entry| arg(&entry.path)));
        }
        let mut terminal = self.nexts().gt(&0).then(Terminal::open);
        let run = start_with(program, &args, |command| {
            if let Some(terminal) = &terminal {
                terminal.carry(command);
            }
        });
        self.disturb(&run, terminal.as_mut(), tally);
        let mut end = run.end();
        if let Some(terminal) = terminal {
            end.stderr = terminal.seen();
        }
        // A session without a picture has no file of them.
        let text = std::fs::read_to_string(&frames).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let shown: Vec<&str> = lines.map(|line| line.rsplit(',').next().unwrap_or_default().trim()).collect();
        tally.pictures.fetch_add(shown.len() as u64, Relaxed);
        self.check(&shown, &end).map_err(|wrong| format!("{wrong}\n{}\n{:#}", end.stderr, end.report))
    }

    /// Writes the playlist's files.
    fn list(&self, path: &Path) -> std::io::Result<()> {
        let (outer, inner) = self.entries.split_at(self.entries.len() / 2);
        let lines = |entries: &[&Entry]| entries.iter().map(|e| format!("{}\r\n", arg(&e.path))).collect::<String>();
        std::fs::write(path.with_extension("pls"), numbered(inner))?;
        std::fs::write(path, format!("#EXTM3U\n{}list.pls\n", lines(outer)))
    }

    fn nexts(&self) -> usize {
        self.acts.iter().filter(|(_, act)| *act == Act::Next).count()
    }

    fn disturb(&self, run: &Run, mut terminal: Option<&mut Terminal>, tally: &Tally) {
        for (wait, act) in &self.acts {
            std::thread::sleep(*wait);
            match act {
                Act::Kill(whom) => {
                    let title = format!("tricine: {whom}");
                    let victim = children(run.pid()).into_iter().find(|(_, found)| found.starts_with(&title));
                    if victim.is_some_and(|(pid, _)| kill(pid, Signal::SIGKILL).is_ok()) {
                        tally.kills.fetch_add(1, Relaxed);
                    }
                }
                Act::Next => {
                    if let Some(terminal) = &mut terminal {
                        terminal.type_in(b"n");
                        tally.nexts.fetch_add(1, Relaxed);
                    }
                }
            }
        }
    }

    fn check(&self, shown: &[&str], end: &End) -> Result<(), String> {
        let must = |holds: bool, what: &dyn Fn() -> String| if holds { Ok(()) } else { Err(what()) };
        let nexts = self.nexts();
        let broken = self.entries.iter().any(|entry| entry.broken);
        let code = end.status.code();
        // An input that was left before it failed has not failed.
        must(code == Some(i32::from(broken)) || nexts > 0 && code == Some(0), &|| format!("exit {code:?}"))?;
        for entry in self.entries.iter().filter(|entry| entry.broken && nexts == 0) {
            let said = format!("cannot play {}", arg(&entry.path));
            must(end.stderr.contains(&said), &|| format!("not said: {said}"))?;
        }
        for zero in ["/video/torn", "/video/lost", "/audio/torn", "/audio/lost", "/regions_replaced"] {
            let count = end.report.pointer(zero).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
            must(count == 0.0, &|| format!("{zero}: {count}"))?;
        }
        let places: HashMap<&str, (usize, usize)> = self
            .entries
            .iter()
            .enumerate()
            .flat_map(|(i, entry)| entry.pictures.iter().enumerate().map(move |(j, hash)| (hash.as_str(), (i, j))))
            .collect();
        let mut last = None;
        let mut counts = vec![0; self.entries.len()];
        for (line, hash) in shown.iter().enumerate() {
            let place = places.get(hash).copied();
            let Some((entry, picture)) = place else { return Err(format!("picture {line} is of no input: {hash}")) };
            must(last < place, &|| format!("picture {line} is {place:?}, after {last:?}"))?;
            // By the clock, one that is late is left out.
            let whole = !self.unpaced || picture == counts[entry];
            must(whole, &|| format!("{place:?} is shown, and {} of its input before it", counts[entry]))?;
            counts[entry] += 1;
            last = place;
        }
        let cut = self.entries.iter().zip(&counts).filter(|(entry, count)| **count < entry.pictures.len()).count();
        must(!self.unpaced || cut <= nexts, &|| format!("{cut} inputs are not whole: {counts:?}"))?;
        let missing: usize = self.entries.iter().zip(&counts).map(|(entry, count)| entry.pictures.len() - count).sum();
        let count = |name| end.report.pointer(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let unseen = count("/video/dropped") + count("/video/skipped");
        must(nexts > 0 || missing as u64 <= unseen, &|| format!("{missing} pictures are missing: {counts:?}"))
    }
}

/// As PLS has it.
fn numbered(entries: &[&Entry]) -> String {
    let lines = entries.iter().enumerate().map(|(n, entry)| format!("File{}={}\n", n + 1, arg(&entry.path)));
    format!("[playlist]\n{}", lines.collect::<String>())
}

/// Plays them on this very program, and tells how it went. Whether all was right.
pub fn main(options: &Options) -> bool {
    let begun = Instant::now();
    let program = std::env::current_exe().expect("this program");
    let tally = play(arg(&program), options);
    let wrong = tally.wrong.into_inner().expect("no panic");
    wrong.iter().for_each(|line| crate::say!("{line}"));
    crate::say!(
        "{} playlists, {} pictures compared, {} kills, {} nexts, {} wrong, in {:.0} s",
        tally.playlists.into_inner(),
        tally.pictures.into_inner(),
        tally.kills.into_inner(),
        tally.nexts.into_inner(),
        wrong.len(),
        begun.elapsed().as_secs_f64(),
    );
    wrong.is_empty()
}
