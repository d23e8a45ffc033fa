//! FIFO: every frame once, in order, whole; nobody sleeps for ever.

use loom::thread;
use tricine_channel::Result;
use tricine_channel::channel::probe::Step;
use tricine_channel::channel::{Acquired, Consumer, Mode, Producer, Side, discard, held_by_consumer};
use tricine_channel::sys::process::Reaped;
use tricine_channel::time::Deadline;

use crate::world::{
    At, Bell, Counting, Did, Flood, NEVER, Seen, Shared, Silent, Taken, World, assert_seen, explore, produce, publish,
    saw, take, take_until, undisturbed,
};

/// Frames published before the threads start and after.
#[derive(Clone, Copy)]
struct Frames {
    before: u64,
    after: u64,
}

/// Both sides, with deaths. `before` frames are in the slots when they start, so that each fill level is met at once.
fn both<B: Bell>(preemptions: usize, frames: Frames, deaths: &[(At, u32)]) -> Seen {
    explore(preemptions, deaths, move || {
        let world = World::<B>::new(Mode::Fifo);
        undisturbed(|| produce(&world.region, frames.before).unwrap());
        let total = frames.before + frames.after;
        let writing = world.clone();
        let producer = thread::spawn(move || writing.process(Side::Producer, |_, _| {}, |r| produce(r, total)));
        let reading = world.clone();
        let consumer =
            thread::spawn(move || reading.process(Side::Consumer, |_, _| {}, |r| consume(&reading, r, total)));
        producer.join().unwrap();
        consumer.join().unwrap();
        world.assert_each_once(total);
    })
}

fn consume<B: Bell>(world: &World<B>, region: &Shared<B>, total: u64) -> Result<()> {
    let mut consumer = Consumer::attach(region)?;
    while consumer.next_seq() < total {
        take(&mut consumer, |did| world.did(did))?;
    }
    Ok(())
}

/// The steps of a side that frames go through.
fn places(of: fn(Step) -> bool) -> impl Iterator<Item = At> {
    use Step::{EndRung, EndSaid, SuccessorSaid};
    let elsewhere = [EndSaid, EndRung, SuccessorSaid];
    let steps = Step::ALL.iter().copied().filter(move |&s| of(s) && !elsewhere.contains(&s)).map(At::Step);
    // Between the effect and the release lies no step of the channel's.
    steps.chain(of(Step::ConsumerClaimed).then_some(At::Effect))
}

/// Whether only who sleeps, or rings for a sleeper, comes by this step.
fn asleep(place: At) -> bool {
    use Step::*;
    let steps =
        [ProducerDozes, ProducerWoken, FilledOwed, FilledRung, ConsumerDozes, ConsumerWoken, EmptyOwed, EmptyRung];
    steps.iter().any(|&step| place == At::Step(step))
}

/// How many frames are there before a death at the nth time of `place`, so that it is met: where all slots are full, both
/// sides come to sleep.
fn fill(place: At, otherwise: [(u64, u32); 2]) -> Vec<(u64, u32)> {
    if asleep(place) { vec![(3, 0)] } else { otherwise.to_vec() }
}

#[test]
fn frames_pass_at_every_fill_level() {
    let mut all = Seen::default();
    for before in 0..=3 {
        let preemptions = if before == 3 { 3 } else { 4 };
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
    for place in [None, Some(At::Step(Step::ConsumerClaimed)), Some(At::Effect), Some(At::Step(Step::Released))] {
        let deaths: Vec<_> = place.map(|p| (p, 0)).into_iter().collect();
        let seen = explore(5, &deaths, || {
            let world = World::<Counting>::new(Mode::Fifo);
            undisturbed(|| produce(&world.region, 3).unwrap());
            let writing = world.clone();
            let producer = thread::spawn(move || produce(&writing.region, 4).unwrap());
            world.process(Side::Consumer, |_, _| {}, |region| consume(&world, region, 1));
            producer.join().unwrap();
            world.assert_each_once(1);
        });
        assert_seen(&seen, &["slept at a doorbell"]);
        all.add(place, 0, &seen);
    }
    assert_seen(&all, &["a process died", "the producer woke for nothing"]);
    all.print("fifo, a single release");
}

/// [`Consumer::wait`] before each look, as a role does that has other things to look at. All frames are there before it waits for
/// the first, and nobody rings after the last: a wait that does not see what is there is one for ever.
#[test]
fn who_waits_first_sees_what_is_there() {
    let mut all = Seen::default();
    for before in [0, 2] {
        let seen = explore(3, &[], move || {
            let world = World::<Counting>::new(Mode::Fifo);
            undisturbed(|| produce(&world.region, before).unwrap());
            let writing = world.clone();
            let producer = thread::spawn(move || produce(&writing.region, 2).unwrap());
            let mut consumer = Consumer::attach(&world.region).unwrap();
            while consumer.next_seq() < 2 {
                assert!(consumer.wait(NEVER).unwrap());
                take_until(&mut consumer, Deadline::NOW, |did| world.did(did)).unwrap();
            }
            producer.join().unwrap();
            world.assert_each_once(2);
        });
        assert_seen(&seen, &["a frame was taken"]);
        all.add("before", before, &seen);
    }
    assert_seen(&all, &["slept at a doorbell"]);
    all.print("fifo, waits first");
}

#[test]
fn a_producer_dies_at_each_step() {
    let mut all = Seen::default();
    for place in places(Step::of_producer) {
        for (before, nth) in fill(place, [(0, 0), (3, 0)]) {
            let (preemptions, after) = if before == 3 { (2, 1) } else { (3, 2) };
            let seen = both::<Counting>(preemptions, Frames { before, after }, &[(place, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(place, nth, &seen);
        }
    }
    assert_seen(&all, &["the producer woke for nothing", "the consumer woke for nothing"]);
    all.print("fifo, the producer dies");
}

#[test]
fn a_consumer_dies_at_each_step() {
    let mut all = Seen::default();
    for place in places(Step::of_consumer) {
        for (before, nth) in fill(place, [(1, 0), (3, 1)]) {
            let seen = both::<Counting>(3, Frames { before, after: 1 }, &[(place, nth)]);
            assert_seen(&seen, &["a process died", "a frame was taken"]);
            all.add(place, nth, &seen);
        }
    }
    assert_seen(&all, &["the consumer woke for nothing"]);
    all.print("fifo, the consumer dies");
}

#[test]
fn both_sides_die_at_each_pair_of_steps() {
    let mut all = Seen::default();
    for of_producer in places(Step::of_producer) {
        for of_consumer in places(Step::of_consumer) {
            let deaths = [(of_producer, 0), (of_consumer, 0)];
            // Who waits for a slot has two more ways to go on than who has one.
            let (preemptions, frames) = match asleep(of_producer) || asleep(of_consumer) {
                true => (1, Frames { before: 3, after: 1 }),
                false => (2, Frames { before: 2, after: 1 }),
            };
            all.add(of_producer, 0, &both::<Counting>(preemptions, frames, &deaths));
        }
    }
    assert_seen(&all, &["a process died", "a frame was taken"]);
    all.print("fifo, both die");
}

#[test]
fn a_side_dies_twice_at_each_step() {
    let mut all = Seen::default();
    for place in places(|s| s.of_producer() || s.of_consumer()) {
        all.add(place, 0, &both::<Counting>(2, Frames { before: 1, after: 2 }, &[(place, 0), (place, 0)]));
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
    for place in places(|s| s.of_producer() || s.of_consumer()) {
        all.add(place, 0, &both::<Flood>(3, Frames { before: 3, after: 1 }, &[(place, 0)]));
    }
    assert_seen(&all, &["a process died", "a frame was taken"]);
    all.print("fifo, tokens abound, deaths");
}

#[test]
fn slots_that_are_given_back_can_be_acquired_again() {
    use Step::{ConsumerClaimed, ProducerClaimed};
    let mut all = Seen::default();
    // The second time that a slot is acquired is the one after it was given back.
    let deaths: [&[(At, u32)]; 3] = [&[], &[(At::Step(ProducerClaimed), 1)], &[(At::Step(ConsumerClaimed), 1)]];
    for deaths in deaths {
        let seen = explore(2, deaths, || {
            let world = World::<Counting>::new(Mode::Fifo);
            undisturbed(|| produce(&world.region, 3).unwrap());
            let writing = world.clone();
            let producer = thread::spawn(move || writing.process(Side::Producer, |_, _| {}, produce_hesitantly));
            world.process(Side::Consumer, |_, _| {}, |region| consume_hesitantly(&world, region));
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
fn produce_hesitantly(region: &Shared<Counting>) -> Result<()> {
    let mut producer = Producer::attach(region)?;
    let mut abandoned = 0;
    while producer.next_seq() < 4 {
        if abandoned == 1 {
            publish(&mut producer)?;
        } else if let Acquired::Slot(_) = producer.acquire(NEVER)? {
            abandoned += 1;
            saw("a slot was abandoned");
        }
    }
    Ok(())
}

/// Gives its first frame back.
fn consume_hesitantly(world: &World<Counting>, region: &Shared<Counting>) -> Result<()> {
    let mut consumer = Consumer::attach(region)?;
    let mut returned = 0;
    while consumer.next_seq() < 4 {
        if returned == 1 {
            take(&mut consumer, |did| world.did(did))?;
        } else if let Acquired::Slot(_) = consumer.acquire(NEVER)? {
            returned += 1;
            saw("a frame was given back");
        }
    }
    Ok(())
}

#[test]
fn who_sees_the_successor_has_seen_every_frame_before_it() {
    let seen = explore(5, &[], || {
        let world = World::<Silent>::new(Mode::Fifo);
        let writing = world.clone();
        let producer = thread::spawn(move || {
            let mut producer = Producer::attach(&writing.region).unwrap();
            // One, since the fence with which a second is begun would order the first before the successor as well.
            publish(&mut producer).unwrap();
            producer.retire(1).unwrap();
        });
        let mut consumer = Consumer::attach(&world.region).unwrap();
        loop {
            match take_until(&mut consumer, Deadline::NOW, |did| world.did(did)).unwrap() {
                Taken::Frame(_) => {}
                Taken::Nothing => thread::yield_now(),
                Taken::Successor(generation) => break assert_eq!(generation, 1),
                Taken::End => panic!("nobody said that the stream ends"),
            }
        }
        producer.join().unwrap();
        world.assert_each_once(1);
    });
    assert_seen(&seen, &["a frame was taken", "the consumer looked in vain", "the consumer woke for nothing"]);
    seen.print("fifo, successor");
}

#[test]
fn who_sees_the_end_has_seen_every_frame_before_it() {
    let mut all = Seen::default();
    let deaths: [&[(At, u32)]; 3] = [&[], &[(At::Step(Step::EndSaid), 0)], &[(At::Step(Step::EndRung), 0)]];
    for deaths in deaths {
        let seen = explore(3, deaths, || {
            let world = World::<Counting>::new(Mode::Fifo);
            let writing = world.clone();
            let produce_and_finish = |region: &Shared<Counting>| {
                let mut producer = Producer::attach(region)?;
                while producer.next_seq() < 2 {
                    publish(&mut producer)?;
                }
                producer.finish();
                Ok(())
            };
            let producer = thread::spawn(move || writing.process(Side::Producer, |_, _| {}, produce_and_finish));
            let mut consumer = Consumer::attach(&world.region).unwrap();
            loop {
                match take(&mut consumer, |did| world.did(did)).unwrap() {
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

/// Who dies may have taken the token that was posted for the end, and nobody posts again: recovery rings the dead side's own
/// doorbell as well.
#[test]
fn a_consumer_that_dies_over_the_end_leaves_a_ring_for_its_successor() {
    use Step::{ConsumerDozes, ConsumerWait, ConsumerWoken};
    let mut all = Seen::default();
    for (step, nth) in [(ConsumerWait, 0), (ConsumerDozes, 0), (ConsumerWoken, 0), (ConsumerWoken, 1)] {
        let seen = explore(3, &[(At::Step(step), nth)], || {
            let world = World::<Counting>::new(Mode::Fifo);
            let writing = world.clone();
            let producer = thread::spawn(move || {
                let mut producer = Producer::attach(&writing.region).unwrap();
                publish(&mut producer).unwrap();
                producer.finish();
            });
            world.process(
                Side::Consumer,
                |_, _| {},
                |region| {
                    let mut consumer = Consumer::attach(region)?;
                    loop {
                        match take(&mut consumer, |did| world.did(did))? {
                            Taken::Frame(_) | Taken::Nothing => {}
                            Taken::End => return Ok(()),
                            Taken::Successor(_) => panic!("nobody named a successor"),
                        }
                    }
                },
            );
            producer.join().unwrap();
            world.assert_each_once(1);
        });
        assert_seen(&seen, &["a frame was taken", "a process died"]);
        all.add(step, nth, &seen);
    }
    all.print("fifo, a death over the end");
}

#[test]
fn a_poisoned_frame_s_slot_goes_to_the_producer_after_its_last_reader() {
    let mut all = Seen::default();
    // Whether or not it had its effect, it does not come again.
    for place in [At::Effect, At::Step(Step::MetaRead)] {
        let seen = explore(4, &[(place, 0)], || {
            let world = World::<Flood>::new(Mode::Fifo);
            undisturbed(|| produce(&world.region, 3).unwrap());
            let writing = world.clone();
            let producer = thread::spawn(move || produce(&writing.region, 4).unwrap());
            let poisoned = |region: &Shared<Flood>, reaped: &Reaped| {
                let held = held_by_consumer(region).expect("it died with a frame in its hands");
                discard(region, held + 1, reaped).unwrap();
                assert_eq!(held_by_consumer(region), Some(held), "only the frame that it held is discarded");
                discard(region, held, reaped).unwrap();
                assert_eq!(held_by_consumer(region), None);
                world.did(Did::Discarded(held));
                saw("a frame was discarded");
            };
            world.process(Side::Consumer, poisoned, |region| consume(&world, region, 4));
            producer.join().unwrap();
            world.assert_each_once(4);
        });
        assert_seen(&seen, &["a process died", "a frame was discarded", "a frame was taken"]);
        all.add(place, 0, &seen);
    }
    all.print("fifo, poisoned frame");
}
