//! Hands frames over within one process: what `benches/instructions` counts the instructions of.
//!
//! ```sh
//! cargo run --release -p tricine-shared --example hand-over -- 10000
//! ```

use tricine_channel::channel::{Acquired, Barriers, Channel, ChannelName, Consumer, Kind, Mode, Producer, Side, Spec};
use tricine_session::frame::FrameMeta;
use tricine_channel::namespace;
use tricine_channel::time::Deadline;

/// A producer's whole work on a frame without a payload.
#[inline(never)]
fn publish_one(producer: &mut Producer, meta: &FrameMeta, deadline: Deadline) {
    match producer.acquire(deadline) {
        Ok(Acquired::Slot(slot)) => assert!(slot.publish(meta).is_ok()),
        other => panic!("no slot: {other:?}"),
    }
}

/// A consumer's whole work on it.
#[inline(never)]
fn acquire_one(consumer: &mut Consumer, deadline: Deadline) {
    match consumer.acquire(deadline) {
        Ok(Acquired::Slot(slot)) => slot.release(),
        other => panic!("no frame: {other:?}"),
    }
}

fn main() {
    let frames: u64 = std::env::args().nth(1).map_or(1, |n| n.parse().expect("a number of frames"));
    let mode = if std::env::args().nth(2).as_deref() == Some("mailbox") { Mode::Mailbox } else { Mode::Fifo };
    let session = format!("hand-over-{}-{}", std::process::id(), namespace::random_name().expect("random bits"));
    let name = ChannelName { session, kind: Kind::Video, generation: 0 };
    let spec = Spec { mode, capacity: 4096, base: 0, resume_pts_ns: 0, resume_serial: 0, barriers: Barriers::Sleeper };
    Channel::create(&name, &spec).expect("a channel");
    let attach = |side| Channel::attach(&name, Some(side)).expect("an end");
    let (producer, consumer) = (Producer::new(attach(Side::Producer)), Consumer::new(attach(Side::Consumer)));
    name.unlink().expect("names go");
    let (mut producer, mut consumer) = (producer.expect("a producer"), consumer.expect("a consumer"));
    // The moment is given, so that what is counted is the channel and not the clock.
    let meta = FrameMeta { published_ns: 1, ..FrameMeta::bytes(4096) };
    let deadline = Deadline::at_ns(u64::MAX / 2);
    for _ in 0..frames {
        publish_one(&mut producer, &meta, deadline);
        acquire_one(&mut consumer, deadline);
    }
}
