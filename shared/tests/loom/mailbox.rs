//! Mailbox: never a frame from before, always whole, and the last one comes.

use std::sync::Arc;

use loom::thread;
use tricine_session::Result;
use tricine_channel::channel::probe::Step;
use tricine_channel::channel::{Channel, Consumer, Mode, Side};

use crate::world::{Bell, Counting, Flood, Seen, Taken, World, assert_seen, explore, produce, take, undisturbed};

/// Both sides, with deaths; `before` frames were published before the threads start.
fn both<B: Bell>(preemptions: usize, before: u64, total: u64, deaths: &[(Step, u32)]) -> Seen {
    explore(preemptions, deaths, move || {
        let world = World::<B>::new(Mode::Mailbox);
        undisturbed(|| produce(world.attach(Some(Side::Producer)), before).unwrap());
        let writing = world.clone();
        let producer = thread::spawn(move || writing.process(Side::Producer, |_| {}, |c| produce(c, total)));
        let reading = world.clone();
        let consumer = thread::spawn(move || reading.process(Side::Consumer, |_| {}, |c| consume(&reading, c, total)));
        producer.join().unwrap();
        consumer.join().unwrap();
        let effects = world.effects.lock().unwrap();
        assert!(effects.is_sorted_by(|a, b| a < b), "frames have their effects once and in order: {effects:?}");
        assert_eq!(effects.last(), Some(&(total - 1)), "the last frame has its effect");
    })
}

/// Takes frames until the last. A frame that its predecessor took comes again, but none from before that.
fn consume<B: Bell>(world: &World<B>, channel: Channel<Arc<B>>, total: u64) -> Result<()> {
    let mut consumer = Consumer::new(channel)?;
    let mut last = None;
    while last < Some(total - 1) {
        if let Taken::Frame(seq) = take(&mut consumer, |seq| world.effect(seq))? {
            assert!(last < Some(seq), "frame {seq} after {last:?}");
            last = Some(seq);
        }
    }
    Ok(())
}

const OF_PRODUCER: [Step; 6] = [
    Step::ProducerClaimed,
    Step::PayloadWritten,
    Step::MetaWritten,
    Step::Published,
    Step::FilledOwed,
    Step::FilledRung,
];
const OF_CONSUMER: [Step; 6] = [
    Step::ConsumerWait,
    Step::ConsumerDozes,
    Step::ConsumerWoken,
    Step::ConsumerClaimed,
    Step::MetaRead,
    Step::DoneRecorded,
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
    for step in OF_PRODUCER {
        for (before, nth) in [(0, 0), (1, 1)] {
            let seen = both::<Counting>(3, before, before + 2, &[(step, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(step, nth, &seen);
        }
    }
    assert_seen(&all, &["the consumer woke for nothing"]);
    all.print("mailbox, the producer dies");
}

#[test]
fn a_consumer_dies_at_each_step() {
    let mut all = Seen::default();
    for step in OF_CONSUMER {
        for (before, nth) in [(1, 0), (0, 1)] {
            let seen = both::<Counting>(3, before, before + 2, &[(step, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(step, nth, &seen);
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
