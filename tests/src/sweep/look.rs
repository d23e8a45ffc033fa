//! Reading a channel's words from beside it: what they are, what they should be, and for people.

use tricine_channel::channel::layout::Word;
use tricine_channel::channel::ownership::{MailWord, SLOTS, SlotWord, State};
use tricine_channel::channel::{Channel, Mode, held_by_consumer};
use tricine_session::frame::FrameMeta;
use tricine_channel::sync::Ordering::SeqCst;

use super::ledger::{Ledger, MOST_FRAMES};

/// The frame that a dead consumer held, in either mode.
pub(super) fn held(channel: &Channel) -> Option<u64> {
    match channel.mode() {
        Mode::Fifo => held_by_consumer(channel),
        Mode::Mailbox => {
            let front = MailWord::decode(channel.words().mail.0.load(SeqCst))?.front;
            let words = channel.words().slots[front].meta.load();
            FrameMeta::decode(words, channel.capacity() as u64).ok().map(|meta| meta.seq)
        }
    }
}

/// Whether every slot has come to rest after `total` frames.
pub(super) fn at_rest(channel: &Channel, total: u64) -> bool {
    let words = channel.words();
    let said = words.done.0.load(SeqCst) == total && words.end.0.load(SeqCst) == total + 1;
    said && match channel.mode() {
        Mode::Fifo => slot_words(channel).into_iter().enumerate().all(|(i, word)| {
            let next = (total..total + SLOTS as u64).contains(&word.seq) && SlotWord::slot(word.seq) == i;
            word.state == State::Free && next
        }),
        Mode::Mailbox => {
            MailWord::decode(words.mail.0.load(SeqCst)).is_some_and(|word| word.seq == total && !word.dirty)
        }
    }
}

/// FIFO's words.
pub(super) fn slot_words(channel: &Channel) -> [SlotWord; SLOTS] {
    channel.words().slots.each_ref().map(|s| SlotWord::decode(s.word.load(SeqCst)))
}

/// Everything that the processes share except for payloads.
pub(super) fn picture(channel: &Channel, ledger: &Ledger) -> Vec<u64> {
    let words = channel.words();
    let single = [&words.mail, &words.end, &words.done, &words.producer_asleep, &words.consumer_asleep];
    let owners = words.slots.iter().map(|s| &s.word).chain(single.map(|w| &w.0)).map(|w| w.load(SeqCst));
    let metas = words.slots.iter().flat_map(|s| s.meta.load());
    let bells = [&channel.empty, &channel.filled].map(|s| s.value() as u64);
    let effects = (0..MOST_FRAMES as u64).map(|n| ledger.effects(n));
    owners.chain(metas).chain(bells).chain(effects).collect()
}

/// The ownership words and the doorbells, for people.
pub(super) fn describe(channel: &Channel) -> String {
    let words = channel.words();
    let owners = match channel.mode() {
        Mode::Fifo => slot_words(channel).map(|w| format!("{} {:?}", w.seq, w.state).to_uppercase()).join(", "),
        Mode::Mailbox => match MailWord::decode(words.mail.0.load(SeqCst)) {
            Some(w) => format!("{w:?}"),
            None => format!("mailbox word {:#x}", words.mail.0.load(SeqCst)),
        },
    };
    let (done, end) = (words.done.0.load(SeqCst), words.end.0.load(SeqCst));
    let (empty, filled) = (channel.empty.value(), channel.filled.value());
    let asleep = |word: &Word| if word.0.load(SeqCst) == 0 { "" } else { " (asleep)" };
    let (producer, consumer) = (asleep(&words.producer_asleep), asleep(&words.consumer_asleep));
    format!("{owners}; done {done}, end {end}, empty {empty}{producer}, filled {filled}{consumer}")
}
