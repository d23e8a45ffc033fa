//! What the parts of the channel cost: `cargo bench -p tricine-channel`.
//!
//! Times are those of one thread, with everything in its cache: what passes from core to core costs is for
//! `tricine stress` to say. Instruction counts, which repeat exactly: `benches/instructions`.

use divan::{Bencher, black_box, counter::BytesCount};
use tricine_channel::channel::copy::streaming;
use tricine_channel::channel::ownership::{MailWord, produced};
use tricine_channel::channel::{Acquired, Consumer, Mode, Name, Producer, Region, Spec};
use tricine_channel::meta::{Len, checksum};
use tricine_channel::time::{Deadline, mono_ns};

fn main() {
    divan::main();
}

#[divan::bench]
fn place_of_a_new_producer(bencher: Bencher<'_, '_>) {
    bencher.bench(|| produced(black_box([7, 5, 6]), 5));
}

#[divan::bench]
fn mailbox_transition(bencher: Bencher<'_, '_>) {
    let raw = MailWord::EMPTY.encode();
    bencher.bench(|| MailWord::decode(black_box(raw)).and_then(|word| word.publish().take()));
}

#[divan::bench]
fn sampled_checksum_of_1080p(bencher: Bencher<'_, '_>) {
    let frame = vec![7; 3_110_400];
    bencher.bench(|| checksum(black_box(&frame[..])));
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
    let mode = if mode == "fifo" { Mode::Fifo } else { Mode::Mailbox };
    let name = Name::new(format!("tricine.bench-{}.hand-over", std::process::id()), mode as u64);
    let region = Region::create(&name, &Spec { mode, ..Spec::fifo::<Len>(4096) }).expect("a channel");
    let mut producer = Producer::attach(&region).expect("a producer");
    let mut consumer = Consumer::<Len>::attach(&region).expect("a consumer");
    name.unlink().expect("names go");
    let deadline = Deadline::at_ns(u64::MAX / 2);
    bencher.bench_local(|| {
        let Ok(Acquired::Slot(slot)) = producer.acquire(deadline) else { panic!("no slot") };
        slot.publish(Len(4096)).expect("published");
        let Ok(Acquired::Slot(slot)) = consumer.acquire(deadline) else { panic!("no frame") };
        slot.release();
    });
}
