//! Bytes of a peer, read as each of the things that peers write: words, meta, registers, messages.

use tricine_channel::channel::layout::META_WORDS;
use tricine_channel::channel::ownership::{MailWord, SLOTS, between, consumed, produced, states};
use tricine_channel::meta::Meta;
use tricine_channel::register::REGISTER_WORDS;
use tricine_session::clock::{Clock, PlayState};
use tricine_session::frame::{Format, FrameMeta, i420_len};
use tricine_session::link::{FromRole, Spec, ToRole};

pub(crate) fn run(bytes: &[u8]) {
    let mut words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let mut word = || words.next().unwrap_or(0);

    let capacity = word() % (1 << 29) + 1;
    let raw: [u64; META_WORDS] = std::array::from_fn(|_| word());
    if let Ok(meta) = FrameMeta::decode(&raw, capacity) {
        assert!(meta.len <= capacity);
        assert_eq!(meta.encode()[..12], raw[..12]);
        if meta.format == Format::I420 {
            assert_eq!(meta.len, i420_len(meta.width, meta.height) as u64);
        }
    }

    let raw: [u64; SLOTS] = std::array::from_fn(|_| word());
    let (before, after) = (word(), word());
    if let Ok(published) = produced(raw, before) {
        assert!(published >= before && published - before <= SLOTS as u64);
        assert_eq!(consumed(raw, before), Ok(before));
    }
    let _ = between(raw, before, after);
    std::hint::black_box(states(raw, before, after, raw[0]));
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
}
