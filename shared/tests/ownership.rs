//! The pure transitions: every state that can be reached, every word that can not, and every value that a peer may write.

use std::collections::{HashSet, VecDeque};

use proptest::prelude::*;
use tricine_channel::channel::layout::META_WORDS;
use tricine_channel::channel::ownership::{
    MailWord, SLOTS, Side, SlotWord, State, consumer_next, fifo_words, producer_next, recovered,
};
use tricine_session::frame::{FrameMeta, MAX_SIDE};

/// The FIFO as it should be: the words, and what each side knows and no successor is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Fifo {
    words: [SlotWord; SLOTS],
    /// Frames made visible, and frames released.
    published: u64,
    released: u64,
}

impl Fifo {
    fn new() -> Self {
        let words = std::array::from_fn(|i| SlotWord::new(i as u64, State::Free));
        Self { words, published: 0, released: 0 }
    }

    /// What a side can do next.
    fn moves(self, side: Side) -> Vec<Self> {
        let n = if side == Side::Producer { self.published } else { self.released };
        let at = SlotWord::slot(n);
        let to = |state| SlotWord::new(n, state);
        let with = |word, published, released| {
            let mut words = self.words;
            words[at] = word;
            Self { words, published: self.published + published, released: self.released + released }
        };
        match (side, self.words[at]) {
            (Side::Producer, w) if w == to(State::Free) => vec![with(to(State::Writing), 0, 0)],
            (Side::Producer, w) if w == to(State::Writing) => {
                vec![with(to(State::Ready), 1, 0), with(to(State::Free), 0, 0)]
            }
            (Side::Consumer, w) if w == to(State::Ready) => vec![with(to(State::Reading), 0, 0)],
            (Side::Consumer, w) if w == to(State::Reading) => {
                vec![with(SlotWord::new(n + SLOTS as u64, State::Free), 0, 1), with(to(State::Ready), 0, 0)]
            }
            _ => vec![],
        }
    }

    fn recover(mut self, dead: Side) -> Self {
        self.words = self.words.map(|w| recovered(w, dead).unwrap_or(w));
        self
    }
}

/// Every state in which at most `frames` were published.
fn reachable(frames: u64) -> HashSet<Fifo> {
    let (mut seen, mut frontier) = (HashSet::from([Fifo::new()]), VecDeque::from([Fifo::new()]));
    while let Some(state) = frontier.pop_front() {
        for next in [Side::Producer, Side::Consumer].into_iter().flat_map(|side| state.moves(side)) {
            if next.published <= frames && seen.insert(next) {
                frontier.push_back(next);
            }
        }
    }
    seen
}

#[test]
fn successors_find_their_place_in_every_state_that_can_be_reached() {
    let all = reachable(12);
    assert!(all.len() > 100, "{}", all.len());
    for state in &all {
        for dead in [Side::Producer, Side::Consumer] {
            let after = state.recover(dead);
            assert!(all.contains(&after), "recovery leads to a state that could have been: {state:?}");
            assert_eq!(after.recover(dead), after, "it may be repeated: {state:?}");
            let raw = after.words.map(SlotWord::encode);
            assert_eq!(fifo_words(raw), Ok(after.words));
            assert_eq!(producer_next(&after.words), after.published, "{after:?}");
            assert_eq!(consumer_next(&after.words), after.released, "{after:?}");
            let (of_dead, of_survivor) = match dead {
                Side::Producer => (State::Writing, State::Reading),
                Side::Consumer => (State::Reading, State::Writing),
            };
            let held = |s: &Fifo, state| s.words.iter().filter(|w| w.state == state).count();
            assert_eq!(held(&after, of_dead), 0, "the dead hold nothing: {state:?}");
            assert_eq!(held(&after, of_survivor), held(state, of_survivor), "the survivor keeps its own: {state:?}");
        }
    }
}

#[test]
fn a_successor_finds_its_place_while_the_survivor_moves_between_its_reads() {
    // Every way to read the three words one after another with any moves of the survivor in between.
    for start in reachable(9) {
        for dead in [Side::Producer, Side::Consumer] {
            let survivor = if dead == Side::Producer { Side::Consumer } else { Side::Producer };
            let after = start.recover(dead);
            for first in runs(after, survivor) {
                for second in runs(first, survivor) {
                    let words = [after.words[0], first.words[1], second.words[2]];
                    let read = fifo_words(words.map(SlotWord::encode));
                    assert_eq!(read, Ok(words), "from {after:?}");
                    let found = if dead == Side::Producer { producer_next(&words) } else { consumer_next(&words) };
                    let place = if dead == Side::Producer { after.published } else { after.released };
                    assert_eq!(found, place, "{words:?} from {after:?}");
                }
            }
        }
    }
}

/// Every state that one side alone can lead to; a bounded number, since the other side does not move.
fn runs(from: Fifo, side: Side) -> HashSet<Fifo> {
    let (mut seen, mut frontier) = (HashSet::from([from]), vec![from]);
    while let Some(state) = frontier.pop() {
        frontier.extend(state.moves(side).into_iter().filter(|next| seen.insert(*next)));
    }
    seen
}

#[test]
fn words_that_cannot_stand_together_are_refused() {
    // All triples of words for small frame numbers. In range, a triple is refused if and only if a word is in a slot that
    // is not its own or too far from another.
    let all: Vec<_> = (0..32).map(SlotWord::decode).collect();
    for &a in &all {
        for &b in &all {
            for &c in &all {
                let words = [a, b, c];
                let misplaced = words.iter().enumerate().position(|(i, w)| w.seq % 3 != i as u64);
                let lowest = words.iter().map(|w| w.seq).min().unwrap();
                let far = words.iter().any(|w| w.seq >= lowest + 6);
                let read = fifo_words(words.map(SlotWord::encode));
                assert_eq!(read.is_err(), misplaced.is_some() || far, "{words:?}");
            }
        }
    }
}

#[test]
fn every_mailbox_word_is_read_or_refused() {
    for seq in [0, 1, 2, (1 << 56) - 1] {
        for low in 0..=255u64 {
            let raw = seq << 8 | low;
            let slots = [low & 3, low >> 2 & 3, low >> 4 & 3];
            let permutation = HashSet::from(slots).len() == 3 && slots.iter().all(|&s| s < 3);
            let read = MailWord::decode(raw);
            assert_eq!(read.is_some(), permutation && low & 0x80 == 0, "{raw:#x}");
            let Some(word) = read else { continue };
            assert_eq!(word.encode(), raw);
            let published = word.publish();
            assert!(MailWord::decode(published.encode()).is_some());
            assert_eq!((published.middle, published.front, published.dirty), (word.back, word.front, true));
            match word.take() {
                None => assert!(!word.dirty),
                Some(taken) => {
                    assert_eq!((taken.front, taken.middle, taken.back), (word.middle, word.front, word.back));
                    assert!(word.dirty && !taken.dirty && taken.seq == word.seq);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_are_read_without_a_panic(raw in prop::array::uniform3(any::<u64>()), near in any::<u64>()) {
        for raw in [raw, raw.map(|r| near.wrapping_add(r & 0x1f)), [near; 3]] {
            if let Ok(words) = fifo_words(raw) {
                prop_assert_eq!(words.map(SlotWord::encode), raw);
                let (produced, consumed) = (producer_next(&words), consumer_next(&words));
                let highest = words.iter().map(|w| w.seq).max().unwrap();
                prop_assert!(produced <= highest + 1 && consumed <= highest);
                for word in words {
                    for dead in [Side::Producer, Side::Consumer] {
                        let after = recovered(word, dead);
                        prop_assert!(after.is_none_or(|a| a.seq == word.seq && a.state != word.state));
                    }
                }
            }
            if let Some(word) = MailWord::decode(raw[0]) {
                prop_assert_eq!(word.encode(), raw[0]);
                prop_assert!([word.front, word.middle, word.back].iter().all(|&s| s < SLOTS));
            }
        }
    }

    #[test]
    fn a_meta_that_is_accepted_fits_its_slot(words in prop::array::uniform12(any::<u64>()), capacity in 1u64..1 << 29) {
        if let Ok(meta) = FrameMeta::decode(words, capacity) {
            prop_assert!(meta.len <= capacity);
        }
    }

    #[test]
    fn one_wrong_word_in_a_meta_is_refused_or_harmless(
        at in 0..META_WORDS, value in any::<u64>(), small in 0u64..0x1_0000, low in any::<bool>(), sound in any::<bool>(),
    ) {
        let good = if sound { FrameMeta::f32(2, 512, 48_000) } else { FrameMeta::i420(64, 48) };
        let mut words = good.encode();
        words[at] = match low {
            true => (words[at] & !0xffff_ffff) | small,
            false => value,
        };
        let capacity = good.len + 100;
        if let Ok(meta) = FrameMeta::decode(words, capacity) {
            prop_assert!(meta.len <= capacity);
            let geometry = meta.encode();
            prop_assert_eq!(&geometry, &words, "what is accepted is what was written");
            prop_assert!(meta.width <= MAX_SIDE && meta.height <= 1 << 29);
        }
    }

    #[test]
    fn every_meta_of_ours_is_accepted(width in 1..=MAX_SIDE, height in 1..=MAX_SIDE, pts in -(1i64 << 53)..1 << 53) {
        let meta = FrameMeta { pts_ns: pts, ..FrameMeta::i420(width, height) };
        prop_assert_eq!(FrameMeta::decode(meta.encode(), meta.len), Ok(meta));
        prop_assert_eq!(FrameMeta::decode(meta.encode(), meta.len - 1), Err(5));
    }
}
