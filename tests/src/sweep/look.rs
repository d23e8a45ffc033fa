//! Reading a channel's words from beside it: what they are, what they should be, and for people.

use tricine_channel::channel::layout::Word;
use tricine_channel::channel::ownership::{MailWord, SLOTS, seq_after};
use tricine_channel::channel::{Mode, Region, Side, held_by_consumer};
use tricine_channel::sync::Ordering::SeqCst;

use super::ledger::{Ledger, MOST_FRAMES};

/// The frame that a dead consumer held, in either mode.
pub(super) fn held(region: &Region) -> Option<u64> {
    match region.mode() {
        Mode::Fifo => held_by_consumer(region),
        Mode::Mailbox => {
            let front = MailWord::decode(region.words().both.mail.0.load(SeqCst))?.front;
            region.words().producer.slots[front].seq.load(SeqCst).checked_sub(1)
        }
    }
}

/// Whether frame `n` is in its slot; in a mailbox in any.
pub(super) fn is_there(region: &Region, n: u64) -> bool {
    seqs(region).contains(&(n + 1))
}

/// Whether every slot has come to rest after `total` frames.
pub(super) fn at_rest(region: &Region, total: u64) -> bool {
    let words = region.words();
    let said = words.consumer.released.0.load(SeqCst) == total && words.producer.end.0.load(SeqCst) == total + 1;
    said && match region.mode() {
        Mode::Fifo => (0..SLOTS).all(|i| seqs(region)[i] == seq_after(total, i)),
        Mode::Mailbox => {
            let word = MailWord::decode(words.both.mail.0.load(SeqCst));
            word.is_some_and(|word| word.seq == total && !word.dirty)
        }
    }
}

fn seqs(region: &Region) -> [u64; SLOTS] {
    region.words().producer.slots.each_ref().map(|s| s.seq.load(SeqCst))
}

/// The words that say which frames there are and who uses them: recovery changes none of them.
pub(super) fn of_frames(region: &Region) -> [u64; SLOTS + 5] {
    let words = region.words();
    let (producer, consumer) = (&words.producer, &words.consumer);
    let single = [&producer.begun, &producer.end, &consumer.released, &consumer.taken, &words.both.mail];
    let [a, b, c] = seqs(region);
    let [d, e, f, g, h] = single.map(|w| w.0.load(SeqCst));
    [a, b, c, d, e, f, g, h]
}

/// Everything that the processes share except for payloads.
pub(super) fn picture(region: &Region, ledger: &Ledger) -> Vec<u64> {
    let words = region.words();
    let single =
        [&words.both.producer_asleep, &words.both.consumer_asleep, &words.producer.claim, &words.consumer.claim];
    let metas = words.producer.slots.iter().flat_map(|s| s.meta.load());
    let bells = [Side::Producer, Side::Consumer].map(|side| region.bell(side).value() as u64);
    let effects = (0..MOST_FRAMES as u64).map(|n| ledger.effects(n));
    let single = single.into_iter().map(|w| w.0.load(SeqCst));
    of_frames(region).into_iter().chain(single).chain(metas).chain(bells).chain(effects).collect()
}

/// The words and the doorbells, for people.
pub(super) fn describe(region: &Region) -> String {
    let words = region.words();
    let [a, b, c, begun, end, released, taken, mail] = of_frames(region);
    let frames = match region.mode() {
        Mode::Fifo => format!("seq {a} {b} {c}, begun {begun}"),
        Mode::Mailbox => match MailWord::decode(mail) {
            Some(word) => format!("{word:?}, seq {a} {b} {c}"),
            None => format!("mailbox word {mail:#x}"),
        },
    };
    let [empty, filled] = [Side::Producer, Side::Consumer].map(|side| region.bell(side).value());
    let asleep = |word: &Word| if word.0.load(SeqCst) == 0 { "" } else { " (asleep)" };
    let (producer, consumer) = (asleep(&words.both.producer_asleep), asleep(&words.both.consumer_asleep));
    format!(
        "{frames}; released {released}, taken {taken}, end {end}, empty {empty}{producer}, filled {filled}{consumer}"
    )
}
