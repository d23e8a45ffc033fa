//! The channel on its own: doorbells made by the caller, a region without a name, and what the probe points see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tricine_session::Result;
use tricine_channel::channel::{
    Acquired, Barriers, Channel, ChannelName, Consumer, Doorbell, Kind, Mode, Producer, Region, Side, Spec, Spin,
    recover,
};
use tricine_session::frame::FrameMeta;
use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::time::Deadline;

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

fn channels(mode: Mode) -> impl Fn(Option<Side>) -> Channel<Bell> {
    channels_with(mode, Barriers::Sleeper)
}

fn channels_with(mode: Mode, barriers: Barriers) -> impl Fn(Option<Side>) -> Channel<Bell> {
    let name = ChannelName { session: "test".into(), kind: Kind::Video, generation: 0 };
    let spec = Spec { mode, capacity: 4096, base: 0, resume_pts_ns: 0, resume_serial: 1, barriers };
    let region = Region::unnamed(&name, &spec).unwrap();
    let (empty, filled) = (Arc::new(Polled(AtomicU32::new(0))), Arc::new(Polled(AtomicU32::new(0))));
    move |side| region.attach(side, empty.clone(), filled.clone()).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn publish(producer: &mut Producer<Bell>) -> u64 {
    loop {
        match producer.acquire(soon()).unwrap() {
            Acquired::Slot(mut slot) => {
                let seq = slot.seq() as u8;
                slot.payload().fill(seq);
                return slot.publish(&FrameMeta::i420(8, 8)).unwrap();
            }
            // A token that was left over from a sleep that was not needed.
            Acquired::Woken => {}
            other => panic!("no slot: {other:?}"),
        }
    }
}

/// The next frame's number, after checking every byte of it; `None` once there is none.
fn consume(consumer: &mut Consumer<Bell>, deadline: Deadline) -> Option<u64> {
    loop {
        match consumer.acquire(deadline).unwrap() {
            Acquired::Slot(slot) => {
                let seq = slot.meta().seq;
                assert!(slot.intact() && slot.payload().iter().all(|&b| b == seq as u8));
                slot.release();
                return Some(seq);
            }
            Acquired::Woken => {}
            Acquired::TimedOut => return None,
            other => panic!("no frame: {other:?}"),
        }
    }
}

#[test]
fn a_fifo_over_any_doorbell_delivers_every_frame_in_order() {
    let attach = channels(Mode::Fifo);
    let (to, from) = (attach(Some(Side::Producer)), attach(Some(Side::Consumer)));
    const FRAMES: u64 = 2_000;
    std::thread::scope(|s| {
        s.spawn(move || {
            let mut producer = Producer::new(to).unwrap();
            for n in 0..FRAMES {
                assert_eq!(publish(&mut producer), n);
            }
        });
        let mut consumer = Consumer::new(from).unwrap();
        for n in 0..FRAMES {
            assert_eq!(consume(&mut consumer, soon()), Some(n));
        }
    });
}

/// Where frames are slept for, or the kernel has no `membarrier`, the region says so, and both sides execute fences.
#[test]
fn with_fences_every_sleeper_is_woken_as_well_and_a_forged_choice_is_refused() {
    let attach = channels_with(Mode::Fifo, Barriers::Both);
    assert_eq!(attach(None).words().barriers.load(Relaxed), 0);
    let (mut producer, mut consumer) =
        (Producer::new(attach(Some(Side::Producer))).unwrap(), Consumer::new(attach(Some(Side::Consumer))).unwrap());
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
    let name = ChannelName { session: "test".into(), kind: Kind::Video, generation: 0 };
    let spec = Spec {
        mode: Mode::Fifo,
        capacity: 64,
        base: 0,
        resume_pts_ns: 0,
        resume_serial: 1,
        barriers: Barriers::Sleeper,
    };
    let region = Region::unnamed(&name, &spec).unwrap();
    let bell = || Arc::new(Polled(AtomicU32::new(0)));
    region.attach(None, bell(), bell()).unwrap().words().barriers.store(2, Relaxed);
    assert!(region.attach(None, bell(), bell()).unwrap_err().to_string().contains("barriers"));
}

#[test]
fn a_mailbox_over_any_doorbell_never_goes_back_and_ends_with_the_last_frame() {
    let attach = channels(Mode::Mailbox);
    let (to, from) = (attach(Some(Side::Producer)), attach(Some(Side::Consumer)));
    const FRAMES: u64 = 2_000;
    std::thread::scope(|s| {
        s.spawn(move || {
            let mut producer = Producer::new(to).unwrap();
            for n in 0..FRAMES {
                assert_eq!(publish(&mut producer), n);
            }
        });
        let mut consumer = Consumer::new(from).unwrap();
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
    let attach = channels(Mode::Fifo);
    let mut producer = Producer::new(attach(Some(Side::Producer))).unwrap();
    let mut consumer = Consumer::new(attach(Some(Side::Consumer))).unwrap();
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

#[test]
fn recovery_may_be_repeated_and_gives_a_successor_the_same_frame() {
    let attach = channels(Mode::Fifo);
    let onlooker = attach(None);
    let mut producer = Producer::new(attach(Some(Side::Producer))).unwrap();
    let mut consumer = Consumer::new(attach(Some(Side::Consumer))).unwrap();
    publish(&mut producer);
    for (dead, resets) in [(Side::Producer, 1), (Side::Consumer, 1)] {
        // A held slot that is never given back is what a death leaves.
        match dead {
            Side::Producer => std::mem::forget(producer.acquire(soon()).unwrap()),
            Side::Consumer => std::mem::forget(consumer.acquire(soon()).unwrap()),
        }
        assert_eq!([recover(&onlooker, dead), recover(&onlooker, dead)], [resets, 0]);
    }
    let mut producer = Producer::new(attach(Some(Side::Producer))).unwrap();
    let mut consumer = Consumer::new(attach(Some(Side::Consumer))).unwrap();
    assert_eq!(publish(&mut producer), 1);
    assert_eq!([consume(&mut consumer, soon()), consume(&mut consumer, soon())], [Some(0), Some(1)]);
}

/// Posts and waits are ours, the semaphore is everybody's.
#[test]
fn semaphores_mix_with_those_of_any_other_program() {
    let name = format!("tricine.test-mix-{}", std::process::id());
    Semaphore::create(&name, 0).unwrap();
    let ours = Semaphore::open(&name).unwrap();
    // Python's multiprocessing speaks sem_open, sem_wait and sem_post of its libc.
    let theirs = format!(
        "import ctypes as c\nl=c.CDLL(None,use_errno=True)\nl.sem_open.restype=c.c_void_p\n\
         s=c.c_void_p(l.sem_open(b'/{name}',0))\n\
         for _ in range(2000): assert l.sem_wait(s)==0 and l.sem_post(s)==0\n"
    );
    let Ok(mut python) = std::process::Command::new("python3").args(["-c", &theirs]).spawn() else {
        assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "python3 is not installed");
        Semaphore::unlink(&name).unwrap();
        return;
    };
    let begun = std::time::Instant::now();
    let ended = loop {
        // Ring and listen at once, so that each side sleeps now and then, and is woken by the other.
        ours.post();
        ours.wait(Deadline::after(Duration::from_micros(50))).unwrap();
        match python.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(begun.elapsed() < Duration::from_secs(60), "somebody slept through a ring"),
        }
    };
    Semaphore::unlink(&name).unwrap();
    assert!(ended.success());
    while ours.try_wait() {}
    assert!(!ours.wait(Deadline::after(Duration::from_millis(1))).unwrap());
    assert_eq!(ours.value(), 0);
}

/// Whoever scribbles over a semaphore costs one wait its wake-up, and no later one.
#[test]
fn a_semaphore_that_was_overwritten_wakes_again() {
    use std::os::unix::fs::FileExt;
    let name = format!("tricine.test-scribble-{}", std::process::id());
    Semaphore::create(&name, 0).unwrap();
    let bell = Semaphore::open(&name).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(format!("/dev/shm/sem.{name}")).unwrap();
    let overwrite = |word: u64| file.write_all_at(&word.to_le_bytes(), 0).unwrap();
    // The sleeper is forgotten while it sleeps.
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| bell.wait(Deadline::after(Duration::from_millis(300))));
        std::thread::sleep(Duration::from_millis(100));
        overwrite(0);
        assert!(!sleeper.join().unwrap().unwrap());
    });
    std::thread::scope(|scope| {
        let begun = std::time::Instant::now();
        let sleeper = scope.spawn(|| bell.wait(Deadline::after(Duration::from_secs(30))));
        std::thread::sleep(Duration::from_millis(100));
        bell.post();
        assert!(sleeper.join().unwrap().unwrap());
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody woke it");
    });
    // Tokens without end are soon worked off.
    overwrite(u64::from(u32::MAX));
    let taken = (0..100_000).take_while(|_| bell.try_wait()).count();
    assert!((3..=2000).contains(&taken), "{taken}");
    Semaphore::unlink(&name).unwrap();
}
