//! Claims: a side is one process's at a time, and its successor sees all that it has stored.

use std::sync::Arc;

use loom::thread;
use tricine_channel::Error;
use tricine_channel::channel::probe::{self, Step};
use tricine_channel::channel::{Acquired, Consumer, Mode, Producer, Side, recover};
use tricine_channel::meta::Summed;
use tricine_channel::sys::process::{Exit, Reaped};

use crate::world::{
    At, Bell, Flood, NEVER, Seen, Shared, World, assert_seen, explore, publish, reaped, region, saw, take,
};

/// Attaches as soon as the claim is free.
fn attach<B: Bell>(region: &Shared<B>) -> Producer<Summed, Arc<B>> {
    loop {
        match Producer::attach(region) {
            Ok(producer) => return producer,
            Err(Error::Claimed { side: Side::Producer, .. }) => {
                saw("the claim was another's");
                thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn of_two_that_attach_one_is_refused() {
    for mode in [Mode::Fifo, Mode::Mailbox] {
        let seen = explore(4, &[], move || {
            let world = World::<Flood>::new(mode);
            let racing = world.clone();
            let rival = thread::spawn(move || Producer::<Summed, _>::attach(&racing.region));
            let mine = Producer::<Summed, _>::attach(&world.region);
            let theirs = rival.join().unwrap();
            // Neither has ended yet.
            for refused in [&mine, &theirs].into_iter().filter_map(|r| r.as_ref().err()) {
                let wanted = u64::from(std::process::id());
                assert!(
                    matches!(refused, Error::Claimed { side: Side::Producer, pid, .. } if *pid == wanted),
                    "{refused}"
                );
            }
            match (mine, theirs) {
                (Ok(_), Err(_)) => saw("the first won"),
                (Err(_), Ok(_)) => saw("the second won"),
                both => panic!("one of two wins: {both:?}"),
            }
            // The other side's claim is another word; and who ends gives its own back.
            Consumer::<Summed, _>::attach(&world.region).unwrap();
            Consumer::<Summed, _>::attach(&world.region).unwrap();
            Producer::<Summed, _>::attach(&world.region).unwrap();
        });
        assert_seen(&seen, &["the first won", "the second won"]);
        seen.print("claim, two attach");
    }
}

/// Recovery of a side that nobody has any more, say a second one, beside a process that attaches: it takes the side from nobody.
#[test]
fn recovery_takes_no_side_from_one_that_lives() {
    for mode in [Mode::Fifo, Mode::Mailbox] {
        let seen = explore(4, &[], move || {
            let world = World::<Flood>::new(mode);
            let recovering = world.clone();
            let supervisor = thread::spawn(move || {
                // SAFETY: no process has this number, so none writes.
                #[allow(unsafe_code)]
                let gone = unsafe { Reaped::assume(u32::MAX, Exit::Signal(9)) };
                match recover(&recovering.region, Side::Producer, &gone) {
                    Ok(()) => saw("nobody had it"),
                    Err(Error::Claimed { .. }) => saw("somebody had it"),
                    Err(error) => panic!("{error}"),
                }
            });
            let mine = Producer::<Summed, _>::attach(&world.region).unwrap();
            assert!(Producer::<Summed, _>::attach(&world.region).is_err(), "there is one already");
            supervisor.join().unwrap();
            assert!(Producer::<Summed, _>::attach(&world.region).is_err(), "and there still is");
            drop(mine);
        });
        assert_seen(&seen, &["nobody had it", "somebody had it"]);
        seen.print("claim, recovery beside one that attaches");
    }
}

/// A predecessor publishes two frames and leaves the claim to its successor, by `leave`; the successor goes on at the third,
/// and may write where the predecessor wrote.
fn succession(deaths: &[(At, u32)], leave: fn(&World<Flood>)) {
    for mode in [Mode::Fifo, Mode::Mailbox] {
        let seen = explore(4, deaths, move || {
            let world = World::<Flood>::new(mode);
            let before = world.clone();
            let predecessor = thread::spawn(move || leave(&before));
            let mut successor = attach(&world.region);
            // Either may be the first: then the other goes on where it left.
            let found = successor.next_seq();
            if found > 0 {
                assert_eq!(found, 2, "what was published is seen, what was begun is not");
                let meta = successor.last_published().unwrap().expect("the last frame");
                assert_eq!((meta.seq, meta.len), (1, 8), "its meta is whole");
                saw("the successor went on");
                // The predecessor had begun this frame and written into its slot.
                publish(&mut successor).unwrap();
            }
            drop(successor);
            predecessor.join().unwrap();
        });
        assert_seen(&seen, &["the successor went on", "the claim was another's"]);
        seen.print("claim, a successor");
    }
}

#[test]
fn a_successor_sees_what_one_that_ended_has_stored() {
    succession(&[], |world| {
        let mut producer = attach(&world.region);
        while producer.next_seq() < 2 {
            publish(&mut producer).unwrap();
        }
        // The third is begun and abandoned.
        if let Acquired::Slot(mut slot) = producer.acquire(NEVER).unwrap() {
            slot.payload().fill(0xff);
        }
    });
}

#[test]
fn a_successor_sees_what_one_that_died_has_stored() {
    succession(&[(At::Step(Step::MetaWritten), 2)], |world| {
        let died = probe::catch_death(|| {
            let mut producer = attach(&world.region);
            while producer.next_seq() < 3 {
                publish(&mut producer).unwrap();
            }
        });
        assert!(died.is_none(), "it dies over its third frame");
        saw("a process died over a frame");
        recover(&world.region, Side::Producer, &reaped()).unwrap();
    });
}

/// The supervisor's look at the words while both sides are at work: it never sees what cannot be. `before` frames are in the
/// slots at first. Both sides are one thread, which makes nothing weaker: between them it is the supervisor who has seen nothing
/// of either. With a thread for each, loom 0.7.3 leaves out the order that matters.
fn look(before: u64) -> Seen {
    explore(4, &[], move || {
        let region = Arc::new(region::<Flood>(Mode::Fifo));
        let mut producer = Producer::attach(&region).unwrap();
        let mut consumer = Consumer::attach(&region).unwrap();
        for _ in 0..before {
            publish(&mut producer).unwrap();
        }
        let at_work = thread::spawn(move || {
            // Full slots are released before the next frame is published, empty ones filled before.
            for publishes in [before == 0, before > 0] {
                if publishes {
                    publish(&mut producer).unwrap();
                } else {
                    take(&mut consumer, |_| {}).unwrap();
                }
            }
        });
        region.check().unwrap();
        at_work.join().unwrap();
    })
}

#[test]
fn words_are_sound_whoever_is_at_work() {
    let mut all = Seen::default();
    // Where all was empty a release is the first, and where all was full the fourth frame is.
    for before in [0, 3] {
        let seen = look(before);
        assert_seen(&seen, &["a frame was taken"]);
        all.add("before", before, &seen);
    }
    all.print("claim, the supervisor's look");
}
