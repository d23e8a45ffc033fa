//! Hands frames over within one process: what `benches/instructions` counts the instructions of.
//!
//! ```sh
//! cargo run --release -p tricine-channel --example hand-over -- 10000
//! ```

use tricine_channel::channel::{Acquired, Consumer, Mode, Name, Producer, Region, Spec};
use tricine_channel::meta::Len;
use tricine_channel::namespace;
use tricine_channel::time::Deadline;

/// A producer's whole work on a frame without a payload.
#[inline(never)]
fn publish_one(producer: &mut Producer<Len>, meta: Len, deadline: Deadline) {
    match producer.acquire(deadline) {
        Ok(Acquired::Slot(slot)) => assert!(slot.publish(meta).is_ok()),
        other => panic!("no slot: {other:?}"),
    }
}

/// A consumer's whole work on it.
#[inline(never)]
fn acquire_one(consumer: &mut Consumer<Len>, deadline: Deadline) {
    match consumer.acquire(deadline) {
        Ok(Acquired::Slot(slot)) => slot.release(),
        other => panic!("no frame: {other:?}"),
    }
}

fn main() {
    let frames: u64 = std::env::args().nth(1).map_or(1, |n| n.parse().expect("a number of frames"));
    let mode = if std::env::args().nth(2).as_deref() == Some("mailbox") { Mode::Mailbox } else { Mode::Fifo };
    let session = format!("hand-over-{}-{}", std::process::id(), namespace::random_name().expect("random bits"));
    let name = Name::new(format!("tricine.{session}.numbers"), 0);
    let region = Region::create(&name, &Spec { mode, ..Spec::fifo::<Len>(4096) }).expect("a channel");
    let (producer, consumer) = (Producer::attach(&region), Consumer::attach(&region));
    name.unlink().expect("names go");
    let (mut producer, mut consumer) = (producer.expect("a producer"), consumer.expect("a consumer"));
    let deadline = Deadline::at_ns(u64::MAX / 2);
    for _ in 0..frames {
        publish_one(&mut producer, Len(4096), deadline);
        acquire_one(&mut consumer, deadline);
    }
}
