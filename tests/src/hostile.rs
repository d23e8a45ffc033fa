//! A peer that does not keep to the protocol: it writes random and adversarial values over the header, the words, the
//! meta, the payload and the semaphores of a channel, and truncates its objects, while the other side runs the code of the
//! player. That victim may be told [`tricine_channel::Error::Corrupt`] or go on; it must not crash, hang, or be handed a frame whose size it
//! did not check.
//!
//! The victim is a process of its own, so that a crash is seen; its page of progress is what it prints. The attacker has
//! the channel open twice: by the protocol, to bring the victim into every state, and as bare files, to scribble on.

mod victim;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tricine_channel::channel::layout::{PAYLOAD_OFFSET, region_len};
use tricine_channel::sync::Ordering::SeqCst;
use tricine_channel::sys::shm;
use tricine_channel::time::Deadline;
use tricine_session::channel::{
    Acquired, Barriers, ChannelName, Consumer, Kind, Mode, Producer, Region, Side, Spec, StreamRegion,
};
use tricine_session::error::EXIT_CORRUPT;
use tricine_session::frame::{FrameMeta, i420_len};
use tricine_session::{Error, NAMESPACE, Result};

pub use victim::be_victim_if_told;

/// The environment variable by which a victim's process knows that it is one.
const VICTIM: &str = "TRICINE_HOSTILE_VICTIM";

const CAPACITY: u64 = 16_384;
/// A victim that has not gone round its loop for so long spins or sleeps for ever.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the victim waits at a doorbell.
const WAIT: Duration = Duration::from_micros(200);

/// Which side is the victim, and how the channel works.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The victim's side.
    pub victim: Side,
    /// The channel's mode.
    pub mode: Mode,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self { victim: Side::Consumer, mode: Mode::Fifo },
        Self { victim: Side::Consumer, mode: Mode::Mailbox },
        Self { victim: Side::Producer, mode: Mode::Fifo },
        Self { victim: Side::Producer, mode: Mode::Mailbox },
    ];
}

/// What came of it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Values written, each where it should not be.
    pub corruptions: u64,
    /// Objects truncated.
    pub truncations: u64,
    /// Frames that the victim took or published meanwhile.
    pub frames: u64,
    /// Errors that it was told.
    pub errors: u64,
    /// Clean ends of its process, because an object was truncated.
    pub ends: u64,
}

/// A small generator of numbers (splitmix64): a run is repeated by its seed.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Attacks until `corruptions` values were written. An error says what the victim did that it must not.
pub fn attack(case: Case, corruptions: u64, seed: u64) -> std::result::Result<Tally, String> {
    let session = format!("hostile-{}-{seed:x}", std::process::id());
    // Who starts a session meanwhile, or cleans, removes what belongs to none that lives.
    let held = shm::create_unnamed(1).and_then(|file| NAMESPACE.lock_and_link(file, &session)).map_err(text)?;
    let name = ChannelName { session: session.clone(), kind: Kind::Video, generation: 0 };
    let mut attacker = Attacker { case, name, random: Random(seed), tally: Tally::default() };
    let done = attacker.run(corruptions);
    let gone = NAMESPACE.unlink_all(&session, |_| {});
    drop(held);
    gone.map_err(text)?;
    done.map(|()| attacker.tally).map_err(|why| format!("{case:?}, seed {seed:#x}: {why}"))
}

struct Attacker {
    case: Case,
    name: ChannelName,
    random: Random,
    tally: Tally,
}

type Outcome<T> = std::result::Result<T, String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Attacker {
    /// One region after another: each is made, worked on, ruined and given up.
    fn run(&mut self, corruptions: u64) -> Outcome<()> {
        while self.tally.corruptions < corruptions {
            self.name.generation += 1;
            let barriers = if self.case.victim == Side::Producer { Barriers::Both } else { Barriers::Sleeper };
            let spec = Spec {
                mode: self.case.mode,
                capacity: CAPACITY,
                base: 7,
                resume_pts_ns: 0,
                resume_serial: 1,
                barriers,
            };
            StreamRegion::create(&self.name, &spec).map_err(text)?;
            let left = corruptions - self.tally.corruptions;
            self.ruin(left.min(5_000))?;
            self.name.unlink().map_err(text)?;
        }
        Ok(())
    }

    fn ruin(&mut self, corruptions: u64) -> Outcome<()> {
        let open =
            |object: String| OpenOptions::new().read(true).write(true).open(format!("/dev/shm/{object}")).map_err(text);
        let region = open(self.name.to_string())?;
        let bells = [open(format!("sem.{}.empty", self.name))?, open(format!("sem.{}.filled", self.name))?];
        let mut clean = vec![0; PAYLOAD_OFFSET];
        region.read_exact_at(&mut clean, 0).map_err(text)?;
        let mut victim = Victim::start(self.case, &self.name)?;
        // A first while by the rules.
        self.work(20);
        let mut written = 0;
        while written < corruptions {
            // A few at a time, with the peer's work in between; then everything is as new, for the victim to go on.
            for _ in 0..self.random.below(6) + 1 {
                self.scribble(&region, &bells).map_err(text)?;
                written += 1;
            }
            if self.random.below(4) == 0 {
                self.work(3);
            }
            if self.random.below(8) == 0 {
                region.write_all_at(&clean, 0).map_err(text)?;
                for bell in &bells {
                    bell.write_all_at(&0u64.to_le_bytes(), 0).map_err(text)?;
                }
                self.work(5);
            }
            if written.is_multiple_of(256) {
                victim.alive()?;
            }
        }
        self.tally.corruptions += written;
        // At last an object is cut short, to nothing or within.
        let objects = [&region, &bells[0], &bells[1]];
        let cut = [0, 4096, region_len(CAPACITY) / 2][self.random.below(3) as usize];
        let object = objects[self.random.below(3) as usize];
        object.set_len(cut.min(object.metadata().map_err(text)?.len())).map_err(text)?;
        self.tally.truncations += 1;
        let (frames, errors, ended) = victim.finish()?;
        self.tally.frames += frames;
        self.tally.errors += errors;
        self.tally.ends += u64::from(ended);
        Ok(())
    }

    /// One value, anywhere.
    fn scribble(&mut self, region: &File, bells: &[File; 2]) -> std::io::Result<()> {
        let value = self.value();
        match self.random.below(16) {
            0 => region.write_all_at(&value, self.random.below(0x80)),
            1..=2 => region.write_all_at(&value, 0x1000 + 0x80 * self.random.below(7)),
            3..=5 => region.write_all_at(&value, 0x2000 + 0x80 * self.random.below(3)),
            6 => region.write_all_at(&value, 0x3000 + 0x80 * self.random.below(3)),
            7..=11 => region.write_all_at(&value, 0x1000 + 8 * self.random.below(3 * 16)),
            12 => region.write_all_at(&value, PAYLOAD_OFFSET as u64 + self.random.below(3 * CAPACITY - 8)),
            _ => bells[self.random.below(2) as usize].write_all_at(&value, 4 * self.random.below(7)),
        }
    }

    /// Random bytes; small numbers; the extremes; and what looks right but for one thing.
    fn value(&mut self) -> [u8; 8] {
        let n = self.random.next();
        match self.random.below(8) {
            0 => n,
            1 => n & 0xf,
            2 => n & 0xffff_ffff,
            3 => [0, u64::MAX, 1 << 63, i64::MAX as u64, u64::from(u32::MAX)][(n % 5) as usize],
            // A FIFO word near those in use, a mailbox word with or without three different slots.
            4 => n & 0x7f,
            5 => (n & 0xff) << 8 | (n >> 8 & 0x7f),
            // A pair of sides, small or huge.
            6 => (n & 0xff) << 32 | (n >> 8 & 0xff),
            _ => (n & 0x3fff) << 32 | (n >> 16 & 0x3fff),
        }
        .to_le_bytes()
    }

    /// Plays the peer's part for a few frames, as far as what it has written itself lets it.
    fn work(&self, frames: u32) {
        let Ok(region) = begin(&self.name, self.case.victim.other()) else { return };
        let _ = match self.case.victim {
            Side::Consumer => Producer::attach(&region)
                .map_err(Error::from)
                .and_then(|mut p| (0..frames).try_for_each(|_| publish(&mut p).map(drop))),
            Side::Producer => Consumer::attach(&region)
                .map_err(Error::from)
                .and_then(|mut c| (0..frames).try_for_each(|_| take(&mut c).map(drop))),
        };
    }
}

/// Opens the channel to work on `side`, whatever stands in its claim: the supervisor would make another region.
fn begin(name: &ChannelName, side: Side) -> Result<Region> {
    let region = Region::open(&name.region())?;
    let words = region.words();
    match side {
        Side::Producer => words.producer.claim.0.store(0, SeqCst),
        Side::Consumer => words.consumer.claim.0.store(0, SeqCst),
    }
    region.ring(Side::Producer);
    region.ring(Side::Consumer);
    Ok(region)
}

/// Publishes a frame, if there is a slot.
fn publish(producer: &mut Producer) -> Result<bool> {
    let Acquired::Slot(mut slot) = producer.acquire(Deadline::after(WAIT))? else { return Ok(false) };
    let seq = slot.seq();
    slot.payload()[..i420_len(64, 48)].fill(seq as u8);
    slot.publish(FrameMeta::i420(64, 48))?;
    Ok(true)
}

/// Takes a frame, if there is one, and goes over it as a display does: row by row, by the meta alone.
fn take(consumer: &mut Consumer) -> Result<bool> {
    if let Acquired::Slot(slot) = consumer.acquire(Deadline::after(WAIT))? {
        let (meta, payload) = (slot.meta(), slot.payload());
        assert_eq!(payload.len() as u64, meta.len, "a payload of another size than its meta says");
        let (w, h) = (meta.width as usize, meta.height as usize);
        if meta.sample_rate == 0 && meta.format == tricine_session::frame::Format::I420 {
            assert_eq!(payload.len(), i420_len(meta.width, meta.height));
            let rows = payload.chunks(w).take(h).map(|row| u64::from(row.to_vec()[w - 1])).sum::<u64>();
            std::hint::black_box(rows);
        } else {
            assert_eq!(payload.len(), w * h * 4);
        }
        std::hint::black_box(slot.intact());
        slot.release();
        return Ok(true);
    }
    Ok(false)
}

/// The victim's process, seen from outside.
struct Victim {
    child: std::process::Child,
    said: std::sync::mpsc::Receiver<String>,
    last: (u64, u64),
}

impl Victim {
    fn start(case: Case, name: &ChannelName) -> Outcome<Self> {
        let what = format!("{:?} {} {}", case.victim, name.session, name.generation);
        let mut child = Command::new(std::env::current_exe().map_err(text)?)
            .env(VICTIM, what)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(text)?;
        let (to, said) = std::sync::mpsc::channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || BufReader::new(out).lines().map_while(|l| l.ok()).try_for_each(|l| to.send(l)));
        }
        let mut victim = Self { child, said, last: (0, 0) };
        victim.alive()?;
        Ok(victim)
    }

    /// Asks it for a sign of life.
    fn alive(&mut self) -> Outcome<()> {
        let asked = self.child.stdin.as_mut().map(|pipe| pipe.write_all(b"?"));
        if !matches!(asked, Some(Ok(()))) {
            return Err(self.post_mortem("it is gone"));
        }
        match self.said.recv_timeout(PATIENCE) {
            Ok(line) => {
                let mut numbers = line.split_whitespace().filter_map(|n| n.parse().ok());
                self.last = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                Ok(())
            }
            Err(_) => Err(self.post_mortem("it said nothing for ten seconds")),
        }
    }

    /// Lets it end: frames, errors, and whether its process ended of a truncated object.
    fn finish(mut self) -> Outcome<(u64, u64, bool)> {
        // A moment in which it may meet the truncated object; either way is right.
        std::thread::sleep(Duration::from_millis(2));
        // A victim that still lives ends when it is asked no more.
        drop(self.child.stdin.take());
        let begun = Instant::now();
        let status: ExitStatus = loop {
            match self.child.try_wait().map_err(text)? {
                Some(status) => break status,
                None if begun.elapsed() > PATIENCE => return Err(self.post_mortem("it does not end")),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        match status.code() {
            Some(0) => Ok((self.last.0, self.last.1, false)),
            Some(EXIT_CORRUPT) => Ok((self.last.0, self.last.1, true)),
            _ => Err(self.post_mortem(&format!("it ended with {status}"))),
        }
    }

    fn post_mortem(&mut self, what: &str) -> String {
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(text, |status| status.to_string());
        let mut said = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut pipe, &mut said);
        }
        format!("{what} ({status}, after {} frames and {} errors): {said}", self.last.0, self.last.1)
    }
}
