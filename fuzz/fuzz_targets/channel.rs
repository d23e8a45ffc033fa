//! A whole channel: the input is a list of things that happen to it, most of them a peer's writes to any word of the first
//! page, the others what a side or the supervisor does. Each may fail; none may panic, hang, or read out of bounds.
#![no_main]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use libfuzzer_sys::fuzz_target;
use tricine_session::Result;
use tricine_channel::channel::layout::{META_WORDS, Words};
use tricine_channel::channel::{
    Barriers, Acquired, Channel, ChannelName, Consumer, Doorbell, Kind, Mode, Producer, Region, Side, Spec, discard,
    held_by_consumer, recover,
};
use tricine_session::frame::FrameMeta;
use tricine_channel::time::Deadline;

/// A doorbell that never sleeps.
#[derive(Debug)]
struct Bell(AtomicU32);

impl Doorbell for Bell {
    fn post(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn try_wait(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok()
    }

    fn wait(&self, _: Deadline) -> Result<bool> {
        Ok(self.try_wait())
    }
}

const CAPACITY: u64 = 6_144;

/// Every word of the first page that is not padding.
fn word(words: &Words, at: u8) -> &AtomicU64 {
    let header = [
        &words.magic,
        &words.version,
        &words.layout_hash,
        &words.region_len,
        &words.kind,
        &words.mode,
        &words.stride,
        &words.capacity,
        &words.generation,
        &words.base,
        &words.resume_pts,
        &words.resume_serial,
        &words.mail.0,
        &words.end.0,
        &words.successor.0,
        &words.done.0,
        &words.barriers,
        &words.producer_asleep.0,
        &words.consumer_asleep.0,
    ];
    match usize::from(at) {
        at @ 0..19 => header[at],
        at @ 19..64 => &words.slots[at % 3].word,
        at => &words.slots[at % 3].meta.0[at / 3 % META_WORDS],
    }
}

fn with_producer(channel: Channel<Arc<Bell>>, byte: u8) -> Result<()> {
    let mut producer = Producer::new(channel)?;
    let _ = producer.last_published();
    for n in 0..byte % 5 {
        match producer.acquire(Deadline::NOW)? {
            Acquired::Slot(_) if n == 3 => {}
            Acquired::Slot(mut slot) => {
                slot.payload().fill(byte);
                slot.publish(&FrameMeta::i420(u32::from(byte) + 1, 7))?;
            }
            _ => break,
        }
    }
    match byte >> 5 {
        0 => producer.finish(),
        1 => producer.reopen(),
        2 => producer.retire(9),
        _ => {}
    }
    Ok(())
}

fn with_consumer(channel: Channel<Arc<Bell>>, byte: u8) -> Result<()> {
    let mut consumer = Consumer::new(channel)?;
    for n in 0..byte % 5 {
        match consumer.acquire(Deadline::NOW)? {
            Acquired::Slot(_) if n == 3 => {}
            Acquired::Slot(slot) => {
                assert_eq!(slot.payload().len() as u64, slot.meta().len);
                std::hint::black_box((slot.intact(), slot.samples().len()));
                slot.release();
            }
            _ => break,
        }
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, mut bytes)) = bytes.split_first() else { return };
    let mode = if first & 1 == 0 { Mode::Fifo } else { Mode::Mailbox };
    let name = ChannelName { session: "fuzz".into(), kind: Kind::Video, generation: 3 };
    let spec = Spec { mode, capacity: CAPACITY, base: 5, resume_pts_ns: 0, resume_serial: 1, barriers: Barriers::Sleeper };
    let region = Region::unnamed(&name, &spec).expect("room in /dev/shm");
    let (empty, filled) = (Arc::new(Bell(AtomicU32::new(0))), Arc::new(Bell(AtomicU32::new(0))));
    let attach = |side| region.attach(side, empty.clone(), filled.clone());
    let onlooker = attach(None).expect("a region of ours");
    while let [what, byte, rest @ ..] = bytes {
        bytes = rest;
        match what % 8 {
            0 => drop(attach(Some(Side::Producer)).and_then(|c| with_producer(c, *byte))),
            1 => drop(attach(Some(Side::Consumer)).and_then(|c| with_consumer(c, *byte))),
            2 => drop(recover(&onlooker, if byte & 1 == 0 { Side::Producer } else { Side::Consumer })),
            3 => {
                if let Some(seq) = held_by_consumer(&onlooker) {
                    discard(&onlooker, seq);
                }
                let _ = onlooker.states();
            }
            4 | 5 => word(onlooker.words(), *byte).store(u64::from(*what >> 3), Relaxed),
            6 => drop(word(onlooker.words(), *byte).fetch_add(u64::from(*what >> 3), Relaxed)),
            _ => {
                let Some((value, rest)) = rest.split_first_chunk() else { break };
                bytes = rest;
                word(onlooker.words(), *byte).store(u64::from_le_bytes(*value), Relaxed);
            }
        }
    }
});
