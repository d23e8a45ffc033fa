//! The channel on its own: doorbells made by the caller, a region without a name, and what the probe points see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tricine_channel::channel::{
    Acquired, Barriers, Doorbell, Mode, Name, Region, Side, Spec, Spin, Tap, Tapped, discard, held_by_consumer, recover,
};
use tricine_channel::meta::{Len, Summed};
use tricine_channel::sys::process::{Exit, Reaped};
use tricine_channel::time::Deadline;
use tricine_channel::{Error, Result};

/// A doorbell that only polls.
#[derive(Debug)]
struct Polled(AtomicU32);

impl Doorbell for Polled {
    fn post(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn try_wait(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok()
    }

    fn wait(&self, deadline: Deadline) -> Result<bool> {
        loop {
            match self.try_wait() {
                true => return Ok(true),
                false if deadline.passed() => return Ok(false),
                false => std::thread::yield_now(),
            }
        }
    }
}

type Bell = Arc<Polled>;

type Producer = tricine_channel::channel::Producer<Summed, Bell>;
type Consumer = tricine_channel::channel::Consumer<Summed, Bell>;

fn bell() -> Bell {
    Arc::new(Polled(AtomicU32::new(0)))
}

fn region(mode: Mode) -> Region<Bell> {
    region_with(mode, Barriers::Sleeper)
}

fn region_with(mode: Mode, barriers: Barriers) -> Region<Bell> {
    let spec = Spec { mode, barriers, ..Spec::fifo::<Summed>(4096) };
    Region::unnamed(&Name::new("test", 0), &spec, bell(), bell()).unwrap()
}

/// What reaping this process would give, for sides that a test has play dead.
fn reaped() -> Reaped {
    #[allow(unsafe_code)]
    // SAFETY: the side in question was forgotten, so nobody writes in its name.
    unsafe {
        Reaped::assume(std::process::id(), Exit::Signal(9))
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn publish(producer: &mut Producer) -> u64 {
    loop {
        match producer.acquire(soon()).unwrap() {
            Acquired::Slot(mut slot) => {
                let seq = slot.seq() as u8;
                slot.payload().fill(seq);
                return slot.publish(Summed::new(96)).unwrap();
            }
            // A token that was left over from a sleep that was not needed.
            Acquired::Woken => {}
            other => panic!("no slot: {other:?}"),
        }
    }
}

/// The next frame's number, after checking every byte of it; `None` once there is none.
fn consume(consumer: &mut Consumer, deadline: Deadline) -> Option<u64> {
    loop {
        match consumer.acquire(deadline).unwrap() {
            Acquired::Slot(slot) => {
                let seq = slot.seq();
                assert_eq!(seq, slot.meta().seq);
                assert!(slot.intact() && slot.payload().to_vec().iter().all(|&b| b == seq as u8));
                slot.release();
                return Some(seq);
            }
            Acquired::Woken => {}
            Acquired::TimedOut => return None,
            other => panic!("no frame: {other:?}"),
        }
    }
}

/// Two deaths of a consumer that holds a frame take that frame away: one that waits must hold none.
#[test]
fn a_consumer_that_waits_holds_no_frame_and_one_that_reads_holds_that_one() {
    let region = region(Mode::Fifo);
    let mut producer = Producer::attach(&region).unwrap();
    let mut consumer = Consumer::attach(&region).unwrap();
    for n in 0..7 {
        assert_eq!(consume(&mut consumer, Deadline::after(Duration::ZERO)), None);
        assert_eq!((held_by_consumer(&region), region.look().taken), (None, n));
        publish(&mut producer);
        assert_eq!(held_by_consumer(&region), None);
        loop {
            match consumer.acquire(soon()).unwrap() {
                Acquired::Slot(slot) => {
                    assert_eq!(held_by_consumer(&region), Some(n));
                    slot.release();
                    break;
                }
                Acquired::Woken => {}
                other => panic!("no frame: {other:?}"),
            }
        }
    }
}

#[test]
fn a_fifo_over_any_doorbell_delivers_every_frame_in_order() {
    let region = region(Mode::Fifo);
    const FRAMES: u64 = 2_000;
    std::thread::scope(|s| {
        s.spawn(|| {
            let mut producer = Producer::attach(&region).unwrap();
            for n in 0..FRAMES {
                assert_eq!(publish(&mut producer), n);
            }
        });
        let mut consumer = Consumer::attach(&region).unwrap();
        for n in 0..FRAMES {
            assert_eq!(consume(&mut consumer, soon()), Some(n));
        }
    });
}

/// Where frames are slept for, or the kernel has no `membarrier`, the region says so, and both sides execute fences.
#[test]
fn with_fences_every_sleeper_is_woken_as_well_and_a_forged_choice_is_refused() {
    let region = region_with(Mode::Fifo, Barriers::Both);
    assert_eq!(region.words().header.barriers.load(Relaxed), 0);
    let (mut producer, mut consumer) = (Producer::attach(&region).unwrap(), Consumer::attach(&region).unwrap());
    // Sleeps each time, so that each ring counts.
    producer.set_spin(Spin::for_ns(0));
    consumer.set_spin(Spin::for_ns(0));
    const FRAMES: u64 = 2_000;
    let stats = std::thread::scope(|s| {
        let producing = s.spawn(move || {
            (0..FRAMES).for_each(|n| assert_eq!(publish(&mut producer), n));
            producer.stats()
        });
        (0..FRAMES).for_each(|n| assert_eq!(consume(&mut consumer, soon()), Some(n)));
        [producing.join().unwrap(), consumer.stats()]
    });
    assert!(stats.iter().all(|s| s.late == 0), "a bell was missed: {stats:?}");
}

#[test]
fn a_mailbox_over_any_doorbell_never_goes_back_and_ends_with_the_last_frame() {
    let region = region(Mode::Mailbox);
    const FRAMES: u64 = 2_000;
    std::thread::scope(|s| {
        s.spawn(|| {
            let mut producer = Producer::attach(&region).unwrap();
            for n in 0..FRAMES {
                assert_eq!(publish(&mut producer), n);
            }
        });
        let mut consumer = Consumer::attach(&region).unwrap();
        let mut last = None;
        while last < Some(FRAMES - 1) {
            let seq = consume(&mut consumer, soon()).expect("the last frame comes");
            assert!(last < Some(seq));
            last = Some(seq);
        }
    });
}

#[test]
fn a_slot_that_is_dropped_was_never_published_and_can_be_claimed_again() {
    let region = region(Mode::Fifo);
    let (mut producer, mut consumer) = (Producer::attach(&region).unwrap(), Consumer::attach(&region).unwrap());
    for _ in 0..10 {
        assert!(matches!(producer.acquire(soon()).unwrap(), Acquired::Slot(_)));
        assert_eq!(consume(&mut consumer, Deadline::NOW), None);
    }
    assert_eq!(publish(&mut producer), 0);
    for _ in 0..10 {
        assert!(matches!(consumer.acquire(soon()).unwrap(), Acquired::Slot(_)));
    }
    assert_eq!(consume(&mut consumer, Deadline::NOW), Some(0));
}

/// The words of frames, of which a death and recovery change none.
fn frames(region: &Region<Bell>) -> [u64; 5] {
    let words = region.words();
    let [a, b, c] = words.producer.slots.each_ref().map(|s| s.seq.load(Relaxed));
    [a, b, c, words.producer.begun.0.load(Relaxed), words.consumer.released.0.load(Relaxed)]
}

#[test]
fn a_death_leaves_nothing_to_repair_and_a_successor_is_given_the_same_frame() {
    let region = region(Mode::Fifo);
    let mut producer = Producer::attach(&region).unwrap();
    let mut consumer = Consumer::attach(&region).unwrap();
    publish(&mut producer);
    // A side that is forgotten with a slot in its hands is what a death leaves.
    assert!(matches!(producer.acquire(soon()).unwrap(), Acquired::Slot(_)));
    assert!(matches!(consumer.acquire(soon()).unwrap(), Acquired::Slot(_)));
    std::mem::forget((producer, consumer));
    let before = frames(&region);
    for side in [Side::Producer, Side::Consumer, Side::Producer] {
        recover(&region, side, &reaped()).unwrap();
    }
    assert_eq!(frames(&region), before);
    let mut producer = Producer::attach(&region).unwrap();
    let mut consumer = Consumer::attach(&region).unwrap();
    assert_eq!(publish(&mut producer), 1);
    assert_eq!([consume(&mut consumer, soon()), consume(&mut consumer, soon())], [Some(0), Some(1)]);
}

#[test]
fn a_second_producer_or_consumer_is_refused_until_the_first_is_gone_or_recovered() {
    let region = region(Mode::Fifo);
    let (producer, consumer) = (Producer::attach(&region).unwrap(), Consumer::attach(&region).unwrap());
    let us = u64::from(std::process::id());
    let refused = |side, error| matches!(error, Error::Claimed { side: s, pid, .. } if s == side && pid == us);
    assert!(refused(Side::Producer, Producer::attach(&region).unwrap_err()));
    assert!(refused(Side::Consumer, Consumer::attach(&region).unwrap_err()));
    // One that ends gives its side back; one that died does not, until it is recovered.
    drop(producer);
    std::mem::forget(Producer::attach(&region).unwrap());
    assert!(refused(Side::Producer, Producer::attach(&region).unwrap_err()));
    recover(&region, Side::Producer, &reaped()).unwrap();
    drop(Producer::attach(&region).unwrap());
    // Another process's death says nothing of the one that lives.
    #[allow(unsafe_code)]
    // SAFETY: there is no process 0 that could write.
    let stranger = unsafe { Reaped::assume(0, Exit::Code(0)) };
    assert!(matches!(recover(&region, Side::Consumer, &stranger), Err(Error::Claimed { .. })));
    assert!(matches!(discard(&region, 0, &stranger), Err(Error::Claimed { .. })));
    assert!(refused(Side::Consumer, Consumer::attach(&region).unwrap_err()));
    drop(consumer);
}

#[test]
fn a_region_made_for_another_meta_is_refused() {
    let region = region(Mode::Fifo);
    let error = tricine_channel::channel::Producer::<Len, Bell>::attach(&region).unwrap_err();
    assert!(matches!(error, Error::Kind { .. }), "{error}");
    assert!(Tap::attach::<Len, _>(&region).is_err());
}

#[test]
fn a_poisoned_frame_is_left_out_and_no_other() {
    let region = region(Mode::Fifo);
    let mut producer = Producer::attach(&region).unwrap();
    (0..3).for_each(|n| assert_eq!(publish(&mut producer), n));
    let mut consumer = Consumer::attach(&region).unwrap();
    assert_eq!(consume(&mut consumer, soon()), Some(0));
    assert_eq!(held_by_consumer(&region), None);
    assert!(matches!(consumer.acquire(soon()).unwrap(), Acquired::Slot(_)));
    std::mem::forget(consumer);
    assert_eq!(held_by_consumer(&region), Some(1));
    discard(&region, 2, &reaped()).unwrap();
    assert_eq!(held_by_consumer(&region), Some(1), "it did not hold that one");
    discard(&region, 1, &reaped()).unwrap();
    recover(&region, Side::Consumer, &reaped()).unwrap();
    let mut consumer = Consumer::attach(&region).unwrap();
    assert_eq!(consume(&mut consumer, soon()), Some(2));
    assert_eq!(publish(&mut producer), 3);
}

/// The processor keeps a side from writing what is not its own: checked by what the kernel says of the mappings.
#[test]
fn a_consumer_can_write_neither_payload_nor_the_producer_s_words_and_the_other_way_round() {
    let region = region(Mode::Fifo);
    let may_write = |address: usize| {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let rights = maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
            range.contains(&address).then(|| rest[..2].to_owned())
        });
        rights.unwrap() == "rw"
    };
    let mut producer = Producer::attach(&region).unwrap();
    publish(&mut producer);
    let mut consumer = Consumer::attach(&region).unwrap();
    for (channel, own) in [(producer.channel(), true), (consumer.channel(), false)] {
        let words = channel.words();
        assert!(!may_write(std::ptr::from_ref(&words.header) as usize));
        assert_eq!(may_write(std::ptr::from_ref(&words.producer) as usize), own);
        assert_eq!(may_write(std::ptr::from_ref(&words.consumer) as usize), !own);
        assert!(may_write(std::ptr::from_ref(&words.both) as usize));
    }
    let Acquired::Slot(slot) = consumer.acquire(soon()).unwrap() else { panic!("no frame") };
    assert!(!may_write(slot.payload().as_ptr() as usize));
}

/// A tap that never waits beside a producer that never waits: what is half-written is thrown away, and never kept.
#[test]
fn a_flat_out_tap_keeps_whole_frames_alone() {
    for mode in [Mode::Fifo, Mode::Mailbox] {
        let region = region(mode);
        let tap = Tap::attach::<Summed, _>(&region).unwrap();
        let (done, enough) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::AtomicBool::new(false));
        // As many as it takes for the tap to have seen some, however little it is scheduled.
        const FRAMES: std::ops::RangeInclusive<u64> = 30_000..=30_000_000;
        let (kept, torn) = std::thread::scope(|s| {
            let producing = s.spawn(|| {
                let mut producer = Producer::attach(&region).unwrap();
                let mut consumer = (mode == Mode::Fifo).then(|| Consumer::attach(&region).unwrap());
                let mut frames = 0;
                while frames < *FRAMES.start() || (frames < *FRAMES.end() && !enough.load(Relaxed)) {
                    let n = frames;
                    let Acquired::Slot(mut slot) = producer.acquire(soon()).unwrap() else { panic!("no slot") };
                    slot.payload().fill(n as u8);
                    slot.publish(Summed::new(4096)).unwrap();
                    if let Some(consumer) = &mut consumer {
                        assert_eq!(consume_unread(consumer), n);
                    }
                    frames += 1;
                }
                done.store(true, Relaxed);
                frames
            });
            let (mut payload, mut kept, mut torn, mut last) = (Vec::new(), 0u64, 0u64, 0);
            while !done.load(Relaxed) {
                match tap.latest::<Summed>(0, &mut payload).unwrap() {
                    Tapped::Frame(seq, meta) => {
                        assert!(
                            payload.len() == 4096 && payload.iter().all(|&b| b == seq as u8),
                            "frame {seq} is torn"
                        );
                        assert!(meta.seq == seq && seq >= last, "frame {seq} after {last}, whose meta says {meta:?}");
                        (kept, last) = (kept + 1, seq);
                        enough.store(kept >= 100, Relaxed);
                    }
                    Tapped::Torn => torn += 1,
                    _ => {}
                }
            }
            let frames = producing.join().unwrap();
            assert_eq!(tap.latest::<Summed>(frames, &mut payload).unwrap(), Tapped::Nothing);
            let last = tap.latest::<Summed>(frames - 1, &mut payload).unwrap();
            assert!(matches!(last, Tapped::Frame(n, _) if n == frames - 1));
            (kept, torn)
        });
        println!("{mode:?}: {kept} kept, {torn} thrown away");
        assert!(kept > 0, "{mode:?}");
    }
}

/// Takes the next frame without a look at it.
fn consume_unread(consumer: &mut Consumer) -> u64 {
    let Acquired::Slot(slot) = consumer.acquire(soon()).unwrap() else { panic!("no frame") };
    let seq = slot.seq();
    slot.release();
    seq
}

/// A name that is in use is refused, whichever of the three it is, and what it names stays as it was.
#[test]
fn a_channel_whose_name_is_in_use_stays_whole() {
    let name = Name::new(format!("tricine.test-in-use-{}.numbers", std::process::id()), 0);
    let spec = Spec::fifo::<Summed>(64);
    let first = Region::create(&name, &spec).unwrap();
    assert!(Region::create(&name, &spec).is_err());
    Region::open(&name).unwrap().inspect().unwrap();
    let there = |object: &str| std::path::Path::new("/dev/shm").join(object).exists();
    let all = [format!("sem.{}", name.empty()), format!("sem.{}", name.filled()), name.to_string()];
    for kept in &all {
        first.name().unlink().unwrap();
        std::fs::write(format!("/dev/shm/{kept}"), b"another's").unwrap();
        assert!(Region::create(&name, &spec).is_err());
        assert_eq!(all.iter().filter(|object| there(object)).collect::<Vec<_>>(), [kept]);
    }
    name.unlink().unwrap();
}
