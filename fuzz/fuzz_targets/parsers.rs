//! Bytes of a peer, read as each of the things that peers write: words, meta, registers, messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tricine_channel::channel::layout::META_WORDS;
use tricine_channel::channel::ownership::{
    MailWord, SLOTS, Side, SlotWord, consumer_next, fifo_words, producer_next, recovered,
};
use tricine_session::clock::{Clock, PlayState, REGISTER_WORDS};
use tricine_session::frame::{FrameMeta, Format, i420_len};
use tricine_session::link::{FromRole, Spec, ToRole};

fuzz_target!(|bytes: &[u8]| {
    let mut words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let mut word = || words.next().unwrap_or(0);

    let capacity = word() % (1 << 29) + 1;
    let raw: [u64; META_WORDS] = std::array::from_fn(|_| word());
    if let Ok(meta) = FrameMeta::decode(raw, capacity) {
        assert!(meta.len <= capacity);
        assert_eq!(meta.encode()[..12], raw[..12]);
        if meta.format == Format::I420 {
            assert_eq!(meta.len, i420_len(meta.width, meta.height) as u64);
        }
    }

    let raw: [u64; SLOTS] = std::array::from_fn(|_| word());
    if let Ok(slots) = fifo_words(raw) {
        let (produced, consumed) = (producer_next(&slots), consumer_next(&slots));
        assert!(consumed <= produced + SLOTS as u64 && produced <= consumed + 3 * SLOTS as u64);
        for slot in slots {
            let _ = (recovered(slot, Side::Producer), recovered(slot, Side::Consumer));
            assert_eq!(SlotWord::decode(slot.encode()), slot);
        }
    }
    if let Some(mail) = MailWord::decode(raw[0]) {
        assert!(MailWord::decode(mail.publish().encode()).is_some());
        assert!(mail.take().is_none_or(|taken| MailWord::decode(taken.encode()).is_some()));
    }

    let raw: [u64; REGISTER_WORDS] = std::array::from_fn(|_| word());
    if let Some(clock) = Clock::decode(raw) {
        let _ = (clock.pts_at(raw[4]), clock.when(raw[5] as i64));
    }
    if let Some(state) = PlayState::decode(raw) {
        assert!(state.volume <= 100 && state.speed > 0.0);
    }

    let _ = serde_json::from_slice::<ToRole>(bytes);
    let _ = serde_json::from_slice::<FromRole>(bytes);
    let _ = serde_json::from_slice::<Spec>(bytes);
});
