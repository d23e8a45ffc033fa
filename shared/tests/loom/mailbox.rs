//! Mailbox: never a frame from before, always whole, and the last one comes.

use loom::thread;
use tricine_channel::Result;
use tricine_channel::channel::probe::Step;
use tricine_channel::channel::{Consumer, Mode, Side};

use crate::world::{
    At, Bell, Counting, Did, Flood, Seen, Shared, Taken, World, assert_seen, explore, produce, take, undisturbed,
};

/// Both sides, with deaths; `before` frames were published before the threads start.
fn both<B: Bell>(preemptions: usize, before: u64, total: u64, deaths: &[(At, u32)]) -> Seen {
    explore(preemptions, deaths, move || {
        let world = World::<B>::new(Mode::Mailbox);
        undisturbed(|| produce(&world.region, before).unwrap());
        let writing = world.clone();
        let producer = thread::spawn(move || writing.process(Side::Producer, |_, _| {}, |r| produce(r, total)));
        let reading = world.clone();
        let consumer =
            thread::spawn(move || reading.process(Side::Consumer, |_, _| {}, |r| consume(&reading, r, total)));
        producer.join().unwrap();
        consumer.join().unwrap();
        assert_in_order(&world.did.lock().unwrap(), total);
    })
}

/// Effects come in order, none twice but that of a consumer that died before it could release the frame, and the last frame's
/// comes.
fn assert_in_order(did: &[Did], total: u64) {
    let (mut last, mut again) = (None, None);
    for &what in did {
        match what {
            Did::Effect(seq) => {
                assert!(again.map_or(last < Some(seq), |again| again == seq), "once and in order: {did:?}");
                (last, again) = (Some(seq), None);
            }
            Did::DiedUnreleased => again = last,
            Did::Discarded(seq) => panic!("nobody discards frame {seq}"),
        }
    }
    assert_eq!((last, again), (Some(total - 1), None), "the last frame has its effect: {did:?}");
}

/// Takes frames until the last. A frame that its predecessor took comes again, but none from before that.
fn consume<B: Bell>(world: &World<B>, region: &Shared<B>, total: u64) -> Result<()> {
    let mut consumer = Consumer::attach(region)?;
    let mut last = None;
    while last < Some(total - 1) {
        if let Taken::Frame(seq) = take(&mut consumer, |did| world.did(did))? {
            assert!(last < Some(seq), "frame {seq} after {last:?}");
            last = Some(seq);
        }
    }
    Ok(())
}

const OF_PRODUCER: [At; 6] = [
    At::Step(Step::ProducerClaimed),
    At::Step(Step::PayloadWritten),
    At::Step(Step::MetaWritten),
    At::Step(Step::Published),
    At::Step(Step::FilledOwed),
    At::Step(Step::FilledRung),
];
const OF_CONSUMER: [At; 7] = [
    At::Step(Step::ConsumerWait),
    At::Step(Step::ConsumerDozes),
    At::Step(Step::ConsumerWoken),
    At::Step(Step::ConsumerClaimed),
    At::Step(Step::MetaRead),
    At::Effect,
    At::Step(Step::Released),
];

#[test]
fn the_latest_frame_wins() {
    let mut all = Seen::default();
    for before in 0..=2 {
        let seen = both::<Counting>(4, before, before + 2, &[]);
        assert_seen(&seen, &["a frame was taken", "slept at a doorbell"]);
        all.add("before", before, &seen);
    }
    all.print("mailbox, nobody dies");
}

#[test]
fn a_producer_dies_at_each_step() {
    let mut all = Seen::default();
    for place in OF_PRODUCER {
        for (before, nth) in [(0, 0), (1, 1)] {
            let seen = both::<Counting>(3, before, before + 2, &[(place, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(place, nth, &seen);
        }
    }
    assert_seen(&all, &["the consumer woke for nothing"]);
    all.print("mailbox, the producer dies");
}

#[test]
fn a_consumer_dies_at_each_step() {
    let mut all = Seen::default();
    for place in OF_CONSUMER {
        for (before, nth) in [(1, 0), (0, 1)] {
            let seen = both::<Counting>(3, before, before + 2, &[(place, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(place, nth, &seen);
        }
    }
    assert_seen(&all, &["the consumer woke for nothing", "a frame that was done came again"]);
    all.print("mailbox, the consumer dies");
}

#[test]
fn both_sides_die_at_each_pair_of_steps() {
    let mut all = Seen::default();
    for of_producer in OF_PRODUCER {
        for of_consumer in OF_CONSUMER {
            all.add(of_producer, 0, &both::<Counting>(2, 1, 3, &[(of_producer, 0), (of_consumer, 0)]));
        }
    }
    assert_seen(&all, &["a process died", "a frame was taken", "a frame that was done came again"]);
    all.print("mailbox, both die");
}

#[test]
fn the_word_alone_carries_the_payload_where_tokens_abound() {
    let mut all = Seen::default();
    for before in 0..=1 {
        let seen = both::<Flood>(4, before, before + 3, &[]);
        assert_seen(&seen, &["a frame was taken"]);
        all.add("before", before, &seen);
    }
    assert_seen(&all, &["the consumer woke for nothing"]);
    all.print("mailbox, tokens abound");
}
