//! What the parts of the channel cost: `cargo bench -p tricine-shared`.
//!
//! Times are those of one thread, with everything in its cache: what passes from core to core costs is for
//! `tricine stress` to say. Instruction counts, which repeat exactly: `benches/instructions`.

use divan::{Bencher, black_box, counter::BytesCount};
use tricine_channel::channel::ownership::{MailWord, SlotWord, State, fifo_words, producer_next};
use tricine_channel::channel::{Acquired, Barriers, Channel, ChannelName, Consumer, Kind, Mode, Producer, Side, Spec};
use tricine_session::frame::{FrameMeta, checksum};
use tricine_channel::channel::copy::streaming;
use tricine_channel::time::{Deadline, mono_ns};

fn main() {
    divan::main();
}

#[divan::bench]
fn place_of_a_new_producer(bencher: Bencher<'_, '_>) {
    let raw = [6, 4, 5].map(|seq| SlotWord::new(seq, State::Ready).encode());
    bencher.bench(|| fifo_words(black_box(raw)).map(|words| producer_next(&words)));
}

#[divan::bench]
fn mailbox_transition(bencher: Bencher<'_, '_>) {
    let raw = MailWord::EMPTY.encode();
    bencher.bench(|| MailWord::decode(black_box(raw)).and_then(|word| word.publish().take()));
}

#[divan::bench]
fn meta_there_and_back(bencher: Bencher<'_, '_>) {
    let meta = FrameMeta::i420(1920, 1080);
    bencher.bench(|| FrameMeta::decode(black_box(&meta).encode(), 4 << 20));
}

#[divan::bench]
fn sampled_checksum_of_1080p(bencher: Bencher<'_, '_>) {
    let frame = vec![7; 3_110_400];
    bencher.bench(|| checksum(black_box(&frame)));
}

#[divan::bench]
fn clock(bencher: Bencher<'_, '_>) {
    bencher.bench(mono_ns);
}

#[divan::bench(args = [3_110_400, 12_441_600])]
fn plain_copy(bencher: Bencher<'_, '_>, bytes: usize) {
    let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
    bencher.counter(BytesCount::new(bytes)).bench_local(|| black_box(&mut to).copy_from_slice(black_box(&from)));
}

#[divan::bench(args = [3_110_400, 12_441_600])]
fn streaming_copy(bencher: Bencher<'_, '_>, bytes: usize) {
    let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
    bencher.counter(BytesCount::new(bytes)).bench_local(|| streaming(black_box(&mut to), black_box(&from)));
}

/// Publishing and acquiring in turns, in one thread.
#[divan::bench(args = ["fifo", "mailbox"])]
fn hand_over(bencher: Bencher<'_, '_>, mode: &str) {
    let session = format!("bench-{}-{mode}", std::process::id());
    let name = ChannelName { session, kind: Kind::Video, generation: 0 };
    let mode = if mode == "fifo" { Mode::Fifo } else { Mode::Mailbox };
    let spec = Spec { mode, capacity: 4096, base: 0, resume_pts_ns: 0, resume_serial: 0, barriers: Barriers::Sleeper };
    Channel::create(&name, &spec).expect("a channel");
    let attach = |side| Channel::attach(&name, Some(side)).expect("an end");
    let mut producer = Producer::new(attach(Side::Producer)).expect("a producer");
    let mut consumer = Consumer::new(attach(Side::Consumer)).expect("a consumer");
    name.unlink().expect("names go");
    let meta = FrameMeta { published_ns: 1, ..FrameMeta::bytes(4096) };
    let deadline = Deadline::at_ns(u64::MAX / 2);
    bencher.bench_local(|| {
        let Ok(Acquired::Slot(slot)) = producer.acquire(deadline) else { panic!("no slot") };
        slot.publish(&meta).expect("published");
        let Ok(Acquired::Slot(slot)) = consumer.acquire(deadline) else { panic!("no frame") };
        slot.release();
    });
}
