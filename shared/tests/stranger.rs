//! What a stranger tried who knew the crate by its pages alone: words that cannot be, names that cannot be, races, and what no other test
//! asked for.
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tricine_channel::channel::{
    Acquired, Consumer, MOST_NAME, Name, Producer, Region, Side, Spec, Tap, discard, held_by_consumer, recover,
};
use tricine_channel::meta::{Len, META_WORDS, Meta};
use tricine_channel::{Error, sys::process::Reaped, time::Deadline};

struct Made(Name, Region);
fn made(what: &str, spec: Spec) -> Made {
    let name = Name::new(format!("stranger-{}.{what}", std::process::id()), 0);
    let region = Region::create(&name, &spec).unwrap();
    Made(name, region)
}
impl Drop for Made {
    fn drop(&mut self) {
        self.0.unlink().unwrap()
    }
}
impl Made {
    fn file(&self) -> std::fs::File {
        std::fs::OpenOptions::new().read(true).write(true).open(format!("/dev/shm/{}", self.0)).unwrap()
    }
    fn poke(&self, at: u64, word: u64) {
        self.file().write_all_at(&word.to_le_bytes(), at).unwrap()
    }
}
fn gone() -> Reaped {
    Reaped::wait(Command::new("true").spawn().unwrap()).unwrap()
}
fn publish(p: &mut Producer<Len>) -> u64 {
    let Acquired::Slot(s) = p.acquire(Deadline::NOW).unwrap() else { panic!("no slot") };
    s.publish(Len(1)).unwrap()
}

#[test]
fn recovery_of_a_side_that_nobody_has_takes_it_from_nobody() {
    let made = made("race", Spec::fifo::<Len>(8));
    let (reaped, stop, two) = (gone(), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let _ = recover(&made.1, Side::Producer, &reaped);
            }
        });
        let other = Region::open(&made.0).unwrap();
        for _ in 0..20_000 {
            if let Ok(first) = Producer::<Len>::attach(&other) {
                two.fetch_add(Producer::<Len>::attach(&other).is_ok().into(), Relaxed);
                drop(first)
            }
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(two.into_inner(), 0, "so many times there were two producers");
}
#[test]
fn a_tap_reads_whatever_seq_a_peer_writes_without_a_panic() {
    let made = made("tap", Spec { base: 5, ..Spec::fifo::<Len>(8) });
    let tap = Tap::attach::<Len, _>(&made.1).unwrap();
    for seq in [u64::MAX, (1 << 56) + 1, 2] {
        made.poke(0x1000, seq);
        assert!(matches!(tap.latest::<Len>(0, &mut Vec::new()), Err(Error::Corrupt { .. })), "{seq:#x}");
    }
}
struct Refused;
impl Meta for Refused {
    const KIND: u64 = 99;
    const NONE: Self = Self;
    fn payload_len(&self) -> u64 {
        0
    }
    fn seal(&mut self, _: u64, _: &[u8]) {}
    fn encode(&self) -> [u64; META_WORDS] {
        [0; META_WORDS]
    }
    fn decode(_: &[u64; META_WORDS], _: u64) -> Result<Self, usize> {
        Err(META_WORDS)
    }
}
#[test]
fn an_index_of_no_word_is_an_error_and_no_panic() {
    let made = made("index", Spec::fifo::<Refused>(8));
    let mut p = Producer::<Refused>::attach(&made.1).unwrap();
    let Acquired::Slot(s) = p.acquire(Deadline::NOW).unwrap() else { panic!() };
    assert!(matches!(s.publish(Refused), Err(Error::Meta { .. })));
}
#[test]
fn a_longer_wait_never_ends_sooner() {
    for s in [1, 1 << 33, 18_446_744_074, 1 << 40, u64::MAX] {
        assert!(Deadline::after(Duration::from_secs(s)).remaining() > Duration::from_millis(900), "{s}")
    }
}
#[test]
fn who_attaches_where_a_stream_has_gone_on_elsewhere_is_told() {
    let made = made("retired", Spec::fifo::<Len>(8));
    let producer = Producer::<Len>::attach(&made.1).unwrap();
    assert_eq!(producer.successor(), None);
    producer.retire(1).unwrap();
    assert_eq!(Producer::<Len>::attach(&made.1).unwrap().successor(), Some(1));
    for generation in [0, u64::MAX] {
        let refused = Producer::<Len>::attach(&made.1).unwrap().retire(generation);
        assert!(matches!(refused, Err(Error::Generation { .. })), "{generation}");
    }
}
#[test]
fn what_cannot_be_a_channel_is_refused_in_words() {
    let long = "x".repeat(300);
    for stream in ["", ".", "a/b", "a\0b", "sem.q", &long] {
        let refused = Region::create(&Name::new(stream, 0), &Spec::fifo::<Len>(8)).unwrap_err();
        assert!(matches!(refused, Error::StreamName(_)), "{refused}");
    }
    let longest =
        Name::new(format!("{}{}", std::process::id(), "x".repeat(MOST_NAME))[..MOST_NAME].to_owned(), u64::MAX - 1);
    drop(Region::create(&longest, &Spec::fifo::<Len>(8)).unwrap());
    longest.unlink().unwrap();
    let name = Name::new(format!("stranger-{}.capacity", std::process::id()), 0);
    for capacity in [0, 1 << 40] {
        let refused = Region::create(&name, &Spec::fifo::<Len>(capacity)).unwrap_err();
        assert!(matches!(refused, Error::Capacity { .. }), "{refused}");
    }
}
#[test]
fn each_field_of_a_header_is_checked() {
    for (what, at, word) in [
        ("magic", 0, 1u64),
        ("version", 8, 3),
        ("hash", 0x10, 0),
        ("mode", 0x28, 2),
        ("stride", 0x30, 8192),
        ("capacity", 0x38, 0),
        ("capacity", 0x38, 1 << 40),
        ("generation", 0x40, 1),
        ("base", 0x48, (1 << 48) + 1),
        ("barriers", 0x60, 2),
    ] {
        let made = made("header", Spec::fifo::<Len>(8));
        made.poke(at, word);
        assert!(Region::open(&made.0).is_err(), "{what}");
        assert!(made.1.inspect().is_err(), "{what}");
    }
    for len in [0, 100, 0x4000, 0x6fff, 0x7001, 0x8000] {
        let made = made("len", Spec::fifo::<Len>(8));
        made.file().set_len(len).unwrap();
        assert!(Region::open(&made.0).is_err(), "{len}")
    }
}
#[test]
fn another_region_under_the_name_is_noticed() {
    let made = made("other", Spec::fifo::<Len>(8));
    made.0.unlink().unwrap();
    let _other = Region::create(&made.0, &Spec { notes: [1, 0], ..Spec::fifo::<Len>(8) }).unwrap();
    assert!(made.1.inspect().is_err(), "another header");
    made.0.unlink().unwrap();
    let _other = Region::create(&made.0, &Spec::fifo::<Len>(8)).unwrap();
    made.1.inspect().unwrap();
    // What is mapped here has lost its name, and is looked at all the same.
    made.0.unlink().unwrap();
    let here = Region::create(&made.0, &Spec::fifo::<Len>(8)).unwrap();
    let mine = made.file();
    made.0.unlink().unwrap();
    let _newest = Region::create(&made.0, &Spec::fifo::<Len>(8)).unwrap();
    here.inspect().unwrap();
    mine.write_all_at(&9u64.to_le_bytes(), 0x1000).unwrap();
    assert!(here.inspect().is_err(), "a word that cannot be");
}
#[test]
fn a_mailbox_s_front_that_is_newer_than_the_newest_is_refused() {
    let made = made("front", Spec::mailbox::<Len>(8));
    made.poke(0x1100, 9);
    assert!(matches!(Consumer::<Len>::attach(&made.1).unwrap().acquire(Deadline::NOW), Err(Error::Corrupt { .. })));
}
#[test]
fn a_word_that_cannot_be_ends_a_wait_with_an_error() {
    let made = made("absent", Spec::fifo::<Len>(8));
    let (mut p, mut c) = (Producer::<Len>::attach(&made.1).unwrap(), Consumer::<Len>::attach(&made.1).unwrap());
    for _ in 0..3 {
        publish(&mut p);
    }
    for _ in 0..3 {
        let Acquired::Slot(f) = c.acquire(Deadline::NOW).unwrap() else { panic!() };
        f.release()
    }
    for seq in [0, 2, 3, 7] {
        made.poke(0x1000, seq);
        assert!(matches!(c.acquire(Deadline::NOW), Err(Error::Corrupt { .. })), "{seq}")
    }
    made.poke(0x1000, 1);
    for _ in 0..3 {
        publish(&mut p);
    }
    for released in [0, 2, 7] {
        made.poke(0x2000, released);
        assert!(matches!(p.acquire(Deadline::NOW), Err(Error::Corrupt { .. })), "{released}")
    }
}
#[test]
fn a_region_has_all_of_its_memory_at_once() {
    use std::os::unix::fs::MetadataExt;
    let made = made("blocks", Spec::fifo::<Len>(1 << 20));
    assert!(made.file().metadata().unwrap().blocks() * 512 >= 0x4000 + (3 << 20))
}
#[test]
fn what_a_fork_has_of_a_side_is_nothing() {
    let made = made("fork", Spec::fifo::<Len>(8));
    let p = Producer::<Len>::attach(&made.1).unwrap();
    publish(&mut { p });
    let named = Region::open(&made.0).unwrap();
    let mut p = Producer::<Len>::attach(&named).unwrap();
    let Acquired::Slot(_slot) = p.acquire(Deadline::NOW).unwrap() else { panic!() };
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut name = "";
    let mut dc = 0;
    for l in smaps.lines() {
        if l.contains("/dev/shm/") {
            name = l
        }
        if l.starts_with("VmFlags:") {
            if name.contains(&made.0.to_string()) && l.contains(" dc") {
                dc += 1
            }
            name = ""
        }
    }
    assert!(dc >= 2, "{dc}");
}
#[test]
fn a_mailbox_s_released_frame_is_known_as_such_to_a_successor_and_an_end_can_be_taken_back() {
    let made = made("again", Spec::mailbox::<Len>(8));
    let mut p = Producer::<Len>::attach(&made.1).unwrap();
    publish(&mut p);
    for done in [false, true] {
        let mut c = Consumer::<Len>::attach(&made.1).unwrap();
        let Acquired::Slot(f) = c.acquire(Deadline::NOW).unwrap() else { panic!("nothing") };
        assert_eq!(f.already_done(), done);
        f.release()
    }
    p.finish();
    assert!(p.finished());
    let mut c = Consumer::<Len>::attach(&made.1).unwrap();
    let Acquired::Slot(f) = c.acquire(Deadline::NOW).unwrap() else { panic!() };
    f.release();
    assert!(matches!(c.acquire(Deadline::NOW).unwrap(), Acquired::End));
    p.reopen();
    assert!(!p.finished());
    assert!(matches!(c.acquire(Deadline::NOW).unwrap(), Acquired::TimedOut));
}
#[test]
fn recovery_posts_for_both_sides() {
    let made = made("both", Spec::fifo::<Len>(8));
    for side in [Side::Producer, Side::Consumer] {
        let before = [Side::Producer, Side::Consumer].map(|s| made.1.bell(s).value());
        recover(&made.1, side, &gone()).unwrap();
        assert_eq!([Side::Producer, Side::Consumer].map(|s| made.1.bell(s).value()), before.map(|n| n + 1))
    }
}
#[test]
fn a_region_that_was_cut_is_seen_by_the_first_look() {
    if std::env::var_os("STRANGER_CUT").is_none() {
        let s = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_region_that_was_cut_is_seen_by_the_first_look", "--nocapture"])
            .env("STRANGER_CUT", "1")
            .status()
            .unwrap();
        assert!(s.success(), "{s}");
        return;
    }
    tricine_channel::sys::sigbus::survive_loss().unwrap();
    let made = made("cut", Spec::fifo::<Len>(1 << 20));
    let mut p = Producer::<Len>::attach(&made.1).unwrap();
    made.file().set_len(0).unwrap();
    {
        let Acquired::Slot(mut s) = p.acquire(Deadline::NOW).unwrap() else { panic!() };
        s.payload().fill(1);
    }
    assert!(p.channel().lost());
    assert!(matches!(made.1.check(), Err(Error::Corrupt { what: "length", .. })));
}
#[test]
fn an_object_is_its_user_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let made = made("mode", Spec::fifo::<Len>(8));
    assert_eq!(made.file().metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    if std::os::unix::fs::chown(format!("/dev/shm/{}", made.0), Some(65534), None).is_ok() {
        assert_eq!(Region::open(&made.0).map(drop).unwrap_err().raw_os_error(), Some(libc::EPERM))
    }
}
#[derive(Debug, Clone, Copy, PartialEq)]
struct Steady(u64);
impl Meta for Steady {
    const KIND: u64 = 98;
    const NONE: Self = Self(0);
    fn payload_len(&self) -> u64 {
        0
    }
    fn seal(&mut self, _: u64, _: &[u8]) {}
    fn encode(&self) -> [u64; META_WORDS] {
        let mut w = [0; META_WORDS];
        w[9] = self.0;
        w
    }
    fn decode(w: &[u64; META_WORDS], _: u64) -> Result<Self, usize> {
        if w[9] < 100 { Ok(Self(w[9])) } else { Err(9) }
    }
    fn update(&mut self, _: &[u64; META_WORDS], _: u64) -> Result<(), usize> {
        Ok(())
    }
}
#[test]
fn steady_words_that_change_are_checked_and_read_on_both_sides() {
    let made = made("steady", Spec::fifo::<Steady>(8));
    let mut p = Producer::<Steady>::attach(&made.1).unwrap();
    let mut c = Consumer::<Steady>::attach(&made.1).unwrap();
    for n in [0, 7, 7, 100, 8, 0] {
        let Acquired::Slot(s) = p.acquire(Deadline::NOW).unwrap() else { panic!() };
        if n >= 100 {
            assert!(matches!(s.publish(Steady(n)), Err(Error::Meta { word: 9, raw: 100 })));
            continue;
        }
        s.publish(Steady(n)).unwrap();
        let Acquired::Slot(f) = c.acquire(Deadline::NOW).unwrap() else { panic!() };
        assert_eq!(*f.meta(), Steady(n));
        f.release()
    }
}

#[test]
fn a_frame_is_discarded_only_while_its_dead_reader_has_the_side() {
    let made = made("late", Spec::fifo::<Len>(8));
    let mut producer = Producer::<Len>::attach(&made.1).unwrap();
    publish(&mut producer);
    let mut consumer = Consumer::<Len>::attach(&made.1).unwrap();
    assert!(matches!(consumer.acquire(Deadline::NOW).unwrap(), Acquired::Slot(_)));
    // It gives its side back, as recovery does for a dead one: from then on a successor may be writing that word.
    drop(consumer);
    assert_eq!(held_by_consumer(&made.1), Some(0));
    discard(&made.1, 0, &gone()).unwrap();
    let mut successor = Consumer::<Len>::attach(&made.1).unwrap();
    let Acquired::Slot(frame) = successor.acquire(Deadline::NOW).unwrap() else { panic!("the frame was taken away") };
    assert_eq!(frame.seq(), 0);
}
