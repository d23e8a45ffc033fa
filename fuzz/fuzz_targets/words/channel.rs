//! A whole channel: the input is a list of things that happen to it, most of them a peer's writes to any word of the first
//! page, the others what a side or the supervisor does. Each may fail; none may panic, hang, or read out of bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use tricine_channel::Result;
use tricine_channel::channel::layout::{META_WORDS, Words};
use tricine_channel::channel::{
    Acquired, Consumer, Doorbell, Mode, Name, Producer, Region, Side, Spec, Tap, Tapped, held_by_consumer,
};
use tricine_channel::meta::Meta;
use tricine_channel::time::Deadline;
use tricine_session::frame::FrameMeta;

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
        &words.header.magic,
        &words.header.version,
        &words.header.layout_hash,
        &words.header.region_len,
        &words.header.kind,
        &words.header.mode,
        &words.header.stride,
        &words.header.capacity,
        &words.header.generation,
        &words.header.base,
        &words.header.barriers,
        &words.both.mail.0,
        &words.both.producer_asleep.0,
        &words.both.consumer_asleep.0,
        &words.producer.begun.0,
        &words.producer.end.0,
        &words.producer.successor.0,
        &words.producer.claim.0,
        &words.consumer.released.0,
        &words.consumer.taken.0,
        &words.consumer.claim.0,
    ];
    match usize::from(at) {
        at @ 0..21 => header[at],
        at @ 21..64 => &words.producer.slots[at % 3].seq,
        at => &words.producer.slots[at % 3].meta.0[at / 3 % META_WORDS],
    }
}

fn with_producer(region: &Region<Arc<Bell>>, byte: u8) -> Result<()> {
    let mut producer = Producer::<FrameMeta, _>::attach(region)?;
    let _ = producer.last_published();
    for n in 0..byte % 5 {
        match producer.acquire(Deadline::NOW)? {
            Acquired::Slot(_) if n == 3 => {}
            Acquired::Slot(mut slot) => {
                slot.payload().fill(byte);
                slot.publish(FrameMeta::i420(u32::from(byte) + 1, 7))?;
            }
            _ => break,
        }
    }
    match byte >> 5 {
        0 => producer.finish(),
        1 => producer.reopen(),
        2 => producer.retire(9)?,
        _ => {}
    }
    Ok(())
}

fn with_consumer(region: &Region<Arc<Bell>>, byte: u8) -> Result<()> {
    let mut consumer = Consumer::<FrameMeta, _>::attach(region)?;
    for n in 0..byte % 5 {
        match consumer.acquire(Deadline::NOW)? {
            Acquired::Slot(_) if n == 3 => {}
            Acquired::Slot(slot) => {
                assert_eq!(slot.payload().len() as u64, slot.meta().len);
                std::hint::black_box((slot.intact(), slot.payload().to_vec()));
                slot.release();
            }
            _ => break,
        }
    }
    Ok(())
}

pub(crate) fn run(bytes: &[u8]) {
    let Some((&first, mut bytes)) = bytes.split_first() else { return };
    let mode = if first & 1 == 0 { Mode::Fifo } else { Mode::Mailbox };
    let spec = Spec { mode, base: 5, ..Spec::fifo::<FrameMeta>(CAPACITY) };
    let bell = || Arc::new(Bell(AtomicU32::new(0)));
    let region = Region::unnamed(&Name::new("fuzz", 3), &spec, bell(), bell()).expect("room in /dev/shm");
    let words = region.words();
    while let [what, byte, rest @ ..] = bytes {
        bytes = rest;
        match what % 8 {
            0 => drop(with_producer(&region, *byte)),
            1 => drop(with_consumer(&region, *byte)),
            // What is left of somebody who died.
            2 => [&words.producer.claim.0, &words.consumer.claim.0].iter().for_each(|claim| claim.store(0, Relaxed)),
            3 => {
                std::hint::black_box((held_by_consumer(&region), region.states(), region.check().is_ok()));
                let mut payload = Vec::new();
                let tapped = Tap::attach::<FrameMeta, _>(&region).and_then(|tap| tap.latest(0, &mut payload));
                if let Ok(Tapped::Frame(_, meta)) = tapped {
                    assert_eq!(payload.len() as u64, FrameMeta::payload_len(&meta));
                }
                region.ring(Side::Consumer);
            }
            4 | 5 => word(words, *byte).store(u64::from(*what >> 3), Relaxed),
            6 => drop(word(words, *byte).fetch_add(u64::from(*what >> 3), Relaxed)),
            _ => {
                let Some((value, rest)) = rest.split_first_chunk() else { break };
                bytes = rest;
                word(words, *byte).store(u64::from_le_bytes(*value), Relaxed);
            }
        }
    }
}
