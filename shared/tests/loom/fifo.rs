//! FIFO: every frame once, in order, whole; nobody sleeps for ever.

use std::sync::Arc;

use loom::thread;
use tricine_session::Result;
use tricine_channel::channel::probe::Step;
use tricine_channel::channel::{Acquired, Channel, Consumer, Mode, Producer, Side, discard, held_by_consumer};

use crate::world::{
    Bell, Counting, Flood, NEVER, Seen, Taken, World, assert_seen, explore, produce, publish, saw, take, undisturbed,
};

/// Frames published before the threads start and after.
#[derive(Clone, Copy)]
struct Frames {
    before: u64,
    after: u64,
}

/// Both sides, with deaths. `before` frames are in the slots when they start, so that each fill level is met at once.
fn both<B: Bell>(preemptions: usize, frames: Frames, deaths: &[(Step, u32)]) -> Seen {
    explore(preemptions, deaths, move || {
        let world = World::<B>::new(Mode::Fifo);
        undisturbed(|| produce(world.attach(Some(Side::Producer)), frames.before).unwrap());
        let total = frames.before + frames.after;
        let writing = world.clone();
        let producer = thread::spawn(move || writing.process(Side::Producer, |_| {}, |c| produce(c, total)));
        let reading = world.clone();
        let consumer = thread::spawn(move || reading.process(Side::Consumer, |_| {}, |c| consume(&reading, c, total)));
        producer.join().unwrap();
        consumer.join().unwrap();
        world.assert_each_once(total);
    })
}

fn consume<B: Bell>(world: &World<B>, channel: Channel<Arc<B>>, total: u64) -> Result<()> {
    let mut consumer = Consumer::new(channel)?;
    while consumer.next_seq() < total {
        take(&mut consumer, |seq| world.effect(seq))?;
    }
    Ok(())
}

/// The steps of a side that every frame goes through.
fn steps(of: fn(Step) -> bool) -> impl Iterator<Item = Step> {
    use Step::{Abandoned, EndRung, EndSaid, GivenBack, SuccessorSaid};
    let elsewhere = [Abandoned, EndSaid, EndRung, SuccessorSaid, GivenBack];
    Step::ALL.iter().copied().filter(move |&s| of(s) && !elsewhere.contains(&s))
}

/// Whether only who sleeps, or rings for a sleeper, comes by this step.
fn asleep(step: Step) -> bool {
    use Step::*;
    let steps =
        [ProducerDozes, ProducerWoken, FilledOwed, FilledRung, ConsumerDozes, ConsumerWoken, EmptyOwed, EmptyRung];
    steps.contains(&step)
}

/// How many frames are there before a death at the nth time of `step`, so that it is met: where all slots are full, both
/// sides come to sleep.
fn places(step: Step, otherwise: [(u64, u32); 2]) -> Vec<(u64, u32)> {
    if asleep(step) { vec![(3, 0)] } else { otherwise.to_vec() }
}

#[test]
fn frames_pass_at_every_fill_level() {
    let mut all = Seen::default();
    for before in 0..=3 {
        let preemptions = if before == 3 { 2 } else { 3 };
        let seen = both::<Counting>(preemptions, Frames { before, after: 2 }, &[]);
        assert_seen(&seen, &["a frame was taken", "slept at a doorbell"]);
        all.add("fill", before, &seen);
    }
    all.print("fifo, nobody dies");
}

/// A ring that is lost is soon made up for by the next one, if there is one: here there is none.
#[test]
fn a_single_release_lets_a_frame_in() {
    let mut all = Seen::default();
    for step in [None, Some(Step::ConsumerClaimed), Some(Step::DoneRecorded), Some(Step::Released)] {
        let deaths: Vec<_> = step.map(|s| (s, 0)).into_iter().collect();
        let seen = explore(3, &deaths, || {
            let world = World::<Counting>::new(Mode::Fifo);
            undisturbed(|| produce(world.attach(Some(Side::Producer)), 3).unwrap());
            let channel = world.attach(Some(Side::Producer));
            let producer = thread::spawn(move || produce(channel, 4).unwrap());
            world.process(Side::Consumer, |_| {}, |channel| consume(&world, channel, 1));
            producer.join().unwrap();
            world.assert_each_once(1);
        });
        assert_seen(&seen, &["slept at a doorbell"]);
        all.add(step, 0, &seen);
    }
    assert_seen(&all, &["a process died", "the producer woke for nothing"]);
    all.print("fifo, a single release");
}

#[test]
fn a_producer_dies_at_each_step() {
    let mut all = Seen::default();
    for step in steps(Step::of_producer) {
        for (before, nth) in places(step, [(0, 0), (3, 0)]) {
            let (preemptions, after) = if before == 3 { (1, 1) } else { (2, 2) };
            let seen = both::<Counting>(preemptions, Frames { before, after }, &[(step, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(step, nth, &seen);
        }
    }
    assert_seen(&all, &["the producer woke for nothing", "the consumer woke for nothing"]);
    all.print("fifo, the producer dies");
}

#[test]
fn a_consumer_dies_at_each_step() {
    let mut all = Seen::default();
    for step in steps(Step::of_consumer) {
        for (before, nth) in places(step, [(1, 0), (3, 1)]) {
            let seen = both::<Counting>(2, Frames { before, after: 1 }, &[(step, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(step, nth, &seen);
        }
    }
    assert_seen(&all, &["the consumer woke for nothing", "a frame that was done came again"]);
    all.print("fifo, the consumer dies");
}

#[test]
fn both_sides_die_at_each_pair_of_steps() {
    let mut all = Seen::default();
    for of_producer in steps(Step::of_producer) {
        for of_consumer in steps(Step::of_consumer) {
            let deaths = [(of_producer, 0), (of_consumer, 0)];
            // Who waits for a slot has two more ways to go on than who has one.
            let (preemptions, frames) = match asleep(of_producer) || asleep(of_consumer) {
                true => (0, Frames { before: 3, after: 1 }),
                false => (1, Frames { before: 2, after: 1 }),
            };
            all.add(of_producer, 0, &both::<Counting>(preemptions, frames, &deaths));
        }
    }
    assert_seen(&all, &["a process died", "a frame was taken", "a frame that was done came again"]);
    all.print("fifo, both die");
}

#[test]
fn a_side_dies_twice_at_each_step() {
    let mut all = Seen::default();
    for step in steps(|s| s.of_producer() || s.of_consumer()) {
        all.add(step, 0, &both::<Counting>(1, Frames { before: 1, after: 2 }, &[(step, 0), (step, 0)]));
    }
    assert_seen(&all, &["a process died", "a frame was taken"]);
    all.print("fifo, one side dies twice");
}

#[test]
fn the_words_alone_carry_the_payload_where_tokens_abound() {
    let mut all = Seen::default();
    for before in [0, 2, 3] {
        let seen = both::<Flood>(4, Frames { before, after: 1 }, &[]);
        assert_seen(&seen, &["a frame was taken"]);
        all.add("fill", before, &seen);
    }
    assert_seen(&all, &["the consumer woke for nothing", "the producer woke for nothing"]);
    all.print("fifo, tokens abound");
}

#[test]
fn the_words_alone_carry_the_payload_over_deaths() {
    let mut all = Seen::default();
    for step in steps(|s| s.of_producer() || s.of_consumer()) {
        all.add(step, 0, &both::<Flood>(2, Frames { before: 3, after: 1 }, &[(step, 0)]));
    }
    assert_seen(&all, &["a process died", "a frame was taken", "a frame that was done came again"]);
    all.print("fifo, tokens abound, deaths");
}

#[test]
fn slots_that_are_given_back_can_be_claimed_again() {
    use Step::{Abandoned, GivenBack};
    let mut all = Seen::default();
    let deaths: [&[(Step, u32)]; 3] = [&[], &[(Abandoned, 0)], &[(GivenBack, 0)]];
    for deaths in deaths {
        let seen = explore(1, deaths, || {
            let world = World::<Counting>::new(Mode::Fifo);
            undisturbed(|| produce(world.attach(Some(Side::Producer)), 3).unwrap());
            let writing = world.clone();
            let producer = thread::spawn(move || writing.process(Side::Producer, |_| {}, produce_hesitantly));
            world.process(Side::Consumer, |_| {}, |channel| consume_hesitantly(&world, channel));
            producer.join().unwrap();
            world.assert_each_once(4);
        });
        assert_seen(&seen, &["a slot was abandoned", "a frame was given back"]);
        all.add("given back", 0, &seen);
    }
    assert_seen(&all, &["a process died"]);
    all.print("fifo, slots given back");
}

/// Gives the slot back before it publishes frame 3.
fn produce_hesitantly(channel: Channel<Arc<Counting>>) -> Result<()> {
    let mut producer = Producer::new(channel)?;
    let mut abandoned = 0;
    while producer.next_seq() < 4 {
        if abandoned == 1 {
            publish(&mut producer)?;
        } else if let Acquired::Slot(slot) = producer.acquire(NEVER)? {
            drop(slot);
            abandoned += 1;
            saw("a slot was abandoned");
        }
    }
    Ok(())
}

/// Gives its first frame back.
fn consume_hesitantly(world: &World<Counting>, channel: Channel<Arc<Counting>>) -> Result<()> {
    let mut consumer = Consumer::new(channel)?;
    let mut returned = 0;
    while consumer.next_seq() < 4 {
        if returned == 1 {
            take(&mut consumer, |seq| world.effect(seq))?;
        } else if let Acquired::Slot(slot) = consumer.acquire(NEVER)? {
            drop(slot);
            returned += 1;
            saw("a frame was given back");
        }
    }
    Ok(())
}

#[test]
fn who_sees_the_successor_has_seen_every_frame_before_it() {
    let seen = explore(5, &[], || {
        let world = World::<Flood>::new(Mode::Fifo);
        let channel = world.attach(Some(Side::Producer));
        let producer = thread::spawn(move || {
            let mut producer = Producer::new(channel).unwrap();
            publish(&mut producer).unwrap();
            producer.retire(1);
        });
        let mut consumer = Consumer::new(world.attach(Some(Side::Consumer))).unwrap();
        loop {
            match take(&mut consumer, |seq| world.effect(seq)).unwrap() {
                Taken::Frame(_) | Taken::Nothing => {}
                Taken::Successor(generation) => break assert_eq!(generation, 1),
                Taken::End => panic!("nobody said that the stream ends"),
            }
        }
        producer.join().unwrap();
        world.assert_each_once(1);
    });
    assert_seen(&seen, &["a frame was taken", "the consumer woke for nothing"]);
    seen.print("fifo, successor");
}

#[test]
fn who_sees_the_end_has_seen_every_frame_before_it() {
    let mut all = Seen::default();
    let deaths: [&[(Step, u32)]; 3] = [&[], &[(Step::EndSaid, 0)], &[(Step::EndRung, 0)]];
    for deaths in deaths {
        let seen = explore(2, deaths, || {
            let world = World::<Counting>::new(Mode::Fifo);
            let writing = world.clone();
            let produce_and_finish = |channel| {
                let mut producer = Producer::new(channel)?;
                while producer.next_seq() < 2 {
                    publish(&mut producer)?;
                }
                producer.finish();
                Ok(())
            };
            let producer = thread::spawn(move || writing.process(Side::Producer, |_| {}, produce_and_finish));
            let mut consumer = Consumer::new(world.attach(Some(Side::Consumer))).unwrap();
            loop {
                match take(&mut consumer, |seq| world.effect(seq)).unwrap() {
                    Taken::Frame(_) | Taken::Nothing => {}
                    Taken::End => break,
                    Taken::Successor(_) => panic!("nobody named a successor"),
                }
            }
            producer.join().unwrap();
            world.assert_each_once(2);
        });
        assert_seen(&seen, &["a frame was taken", "slept at a doorbell"]);
        all.add("end", 0, &seen);
    }
    all.print("fifo, the end");
}

#[test]
fn a_poisoned_frame_s_slot_goes_to_the_producer_after_its_last_reader() {
    let seen = explore(4, &[(Step::DoneRecorded, 0)], || {
        let world = World::<Flood>::new(Mode::Fifo);
        undisturbed(|| produce(world.attach(Some(Side::Producer)), 3).unwrap());
        let writing = world.clone();
        let producer = thread::spawn(move || produce(writing.attach(Some(Side::Producer)), 4).unwrap());
        let poisoned = |onlooker: &Channel<Arc<Flood>>| {
            let held = held_by_consumer(onlooker).expect("it died with a frame in its hands");
            discard(onlooker, held);
            saw("a frame was discarded");
        };
        world.process(Side::Consumer, poisoned, |channel| consume(&world, channel, 4));
        producer.join().unwrap();
        // The poisoned frame had its effect, and did not come again.
        world.assert_each_once(4);
    });
    assert_seen(&seen, &["a process died", "a frame was discarded", "a frame was taken"]);
    seen.print("fifo, poisoned frame");
}
