//! Taps: a copy that is kept is of one frame, whatever the producer was doing meanwhile.
//!
//! The producer is the real one, which says by `begun` what it is about to write. Its slot's own payload is a cell in which loom
//! sees a race, and a tap races on purpose; so a frame's content is two relaxed words beside it, which is what a payload is
//! to who copies it while it is written.

use std::sync::Arc;

use loom::thread;
use tricine_channel::channel::ownership::{MailWord, SLOTS, slot_of};
use tricine_channel::channel::tap::{newest, untouched};
use tricine_channel::channel::{Acquired, Consumer, Mode, Producer};
use tricine_channel::meta::Summed;
use tricine_channel::sync::AtomicU64;
use tricine_channel::sync::Ordering::{Acquire, Relaxed};

use crate::world::{Flood, NEVER, Seen, Shared, assert_seen, explore, region, saw};

/// A region and its frames' contents.
struct Scene {
    region: Shared<Flood>,
    payload: [[AtomicU64; 2]; SLOTS],
}

impl Scene {
    fn new(mode: Mode) -> Arc<Self> {
        Arc::new(Self { region: region(mode), payload: std::array::from_fn(|_| Default::default()) })
    }

    /// Publishes the next frame.
    fn publish(&self, producer: &mut Producer<Summed, Arc<Flood>>, slot_of: impl Fn(u64) -> usize) {
        let Acquired::Slot(slot) = producer.acquire(NEVER).unwrap() else { panic!("a slot is free") };
        let seq = slot.seq();
        for word in &self.payload[slot_of(seq)] {
            word.store(seq + 1, Relaxed);
        }
        slot.publish(Summed::new(0)).unwrap();
    }

    /// Where a mailbox's producer writes next.
    fn back(&self) -> usize {
        // A read-modify-write that changes nothing: it sees the latest, which is what the producer's own look has seen.
        MailWord::decode(self.region.words().both.mail.0.fetch_or(0, Acquire)).expect("a sound word").back
    }

    /// What [`tricine_channel::channel::Tap`] does, where the payload is a mapping: it finds the newest frame, copies it, and
    /// then looks whether the copy is whole.
    fn tap(&self) {
        let mode = self.region.mode();
        let (slot, seq) = newest(self.region.words(), mode).expect("a sound word");
        let copied = self.payload[slot].each_ref().map(|word| word.load(Relaxed));
        if untouched(self.region.words(), mode, slot, seq) {
            assert_eq!(copied, [seq; 2], "a copy of frame {} was kept", seq - 1);
            saw(if seq == 1 { "the first frame was kept" } else { "a later frame was kept" });
        } else if copied == [seq; 2] {
            saw("a whole copy was thrown away");
        } else {
            saw("a torn copy was thrown away");
        }
    }
}

const ALL: [&str; 4] = [
    "the first frame was kept",
    "a later frame was kept",
    "a whole copy was thrown away",
    "a torn copy was thrown away",
];

#[test]
fn a_fifo_s_frame_that_is_kept_is_whole() {
    let seen = explore(3, &[], || {
        let scene = Scene::new(Mode::Fifo);
        let mut producer = Producer::attach(&scene.region).unwrap();
        let mut consumer = Consumer::<Summed, _>::attach(&scene.region).unwrap();
        // One frame was taken, so that there is room for three, and the third goes where the first was.
        scene.publish(&mut producer, slot_of);
        let Acquired::Slot(slot) = consumer.acquire(NEVER).unwrap() else { panic!("a frame is there") };
        slot.release();
        let writing = scene.clone();
        let writer = thread::spawn(move || (0..3).for_each(|_| writing.publish(&mut producer, slot_of)));
        scene.tap();
        writer.join().unwrap();
    });
    assert_seen(&seen, &ALL);
    seen.print("tap, fifo");
}

fn mailbox(preemptions: usize, with_consumer: bool) -> Seen {
    explore(preemptions, &[], move || {
        let scene = Scene::new(Mode::Mailbox);
        let mut producer = Producer::attach(&scene.region).unwrap();
        let mut consumer = Consumer::<Summed, _>::attach(&scene.region).unwrap();
        let back = scene.back();
        scene.publish(&mut producer, |_| back);
        let others = scene.clone();
        let at_work = thread::spawn(move || {
            for _ in 0..2 {
                let back = others.back();
                others.publish(&mut producer, |_| back);
                // Both sides in turn, in one thread: the tap must not mind where its slot lies.
                if with_consumer {
                    let Acquired::Slot(slot) = consumer.acquire(NEVER).unwrap() else { panic!("a frame is there") };
                    slot.release();
                }
            }
        });
        scene.tap();
        at_work.join().unwrap();
    })
}

#[test]
fn a_mailbox_s_frame_that_is_kept_is_whole() {
    let seen = mailbox(4, false);
    assert_seen(&seen, &ALL);
    seen.print("tap, mailbox");
}

#[test]
fn a_mailbox_s_frame_that_is_kept_is_whole_whoever_has_its_slot() {
    let seen = mailbox(3, true);
    assert_seen(&seen, &ALL[..2]);
    seen.print("tap, mailbox with a consumer");
}
