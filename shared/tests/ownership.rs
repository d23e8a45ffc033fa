//! The pure transitions: every state that can be reached, every words that can not, and every value that a peer may write.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use proptest::prelude::*;
use tricine_channel::channel::Side;
use tricine_channel::channel::ownership::{
    MOST_FRAMES, MailWord, SLOTS, State, between, consumed, produced, seq_after, slot_of, states,
};

/// Everything that some moves lead to.
fn closure<S: Copy + Eq + Hash>(from: S, moves: impl Fn(S) -> Vec<S>) -> HashSet<S> {
    let (mut seen, mut frontier) = (HashSet::from([from]), vec![from]);
    while let Some(state) = frontier.pop() {
        frontier.extend(moves(state).into_iter().filter(|next| seen.insert(*next)));
    }
    seen
}

/// A FIFO as it should be: its words, and nothing else. A death changes none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Fifo {
    seqs: [u64; SLOTS],
    begun: u64,
    released: u64,
    taken: u64,
}

impl Fifo {
    fn published(self) -> u64 {
        self.seqs.into_iter().max().unwrap()
    }

    /// What a side can do next: begin a frame, or make an end of it. A frame that was begun may be begun again, by a successor;
    /// that changes no word.
    fn moves(self, side: Side) -> Vec<Self> {
        let (published, released) = (self.published(), self.released);
        match side {
            Side::Producer if published == released + 3 => vec![],
            Side::Producer if self.begun == published => vec![Self { begun: published + 1, ..self }],
            Side::Producer => {
                let mut seqs = self.seqs;
                seqs[published as usize % 3] = published + 1;
                vec![Self { seqs, ..self }]
            }
            Side::Consumer if published == released => vec![],
            Side::Consumer if self.taken == released => vec![Self { taken: released + 1, ..self }],
            Side::Consumer => vec![Self { released: released + 1, ..self }],
        }
    }

    /// Every state that `sides` can lead to from here, with at most `frames` published and `done` released.
    fn later(self, sides: &[Side], frames: u64, done: u64) -> HashSet<Self> {
        closure(self, |state| {
            let all = sides.iter().flat_map(|&side| state.moves(side));
            all.filter(|next| next.published() <= frames && next.released <= done).collect()
        })
    }
}

const BOTH: [Side; 2] = [Side::Producer, Side::Consumer];

fn reachable(frames: u64) -> HashSet<Fifo> {
    Fifo::default().later(&BOTH, frames, frames)
}

#[test]
fn successors_find_their_place_in_every_state_that_can_be_reached() {
    let all = reachable(12);
    assert!(all.len() > 100, "{}", all.len());
    for state in all {
        let Fifo { seqs, begun, released, taken } = state;
        let published = state.published();
        for (slot, seq) in seqs.into_iter().enumerate() {
            assert_eq!(seq, seq_after(published, slot), "{state:?}");
        }
        assert_eq!(produced(seqs, released), Ok(published), "{state:?}");
        assert_eq!(consumed(seqs, released), Ok(released), "{state:?}");
        assert_eq!(between(seqs, released, released), Ok(()), "{state:?}");
        let mut wanted = [State::Free; SLOTS];
        for n in released..published {
            wanted[n as usize % 3] = if n + 1 == taken { State::Reading } else { State::Ready };
        }
        if begun > published {
            assert_eq!(wanted[published as usize % 3], State::Free, "what is written is nobody else's: {state:?}");
            wanted[published as usize % 3] = State::Writing;
        }
        assert_eq!(states(seqs, begun, released, taken), wanted, "{state:?}");
    }
}

#[test]
fn a_new_producer_finds_its_place_while_the_consumer_moves_between_its_reads() {
    for state in reachable(9) {
        // It reads `released` first, and then its predecessor's words, which nobody changes.
        for moved in state.later(&[Side::Consumer], 9, 9) {
            assert_eq!(produced(moved.seqs, state.released), Ok(state.published()), "{state:?} {moved:?}");
        }
    }
}

#[test]
fn a_new_consumer_finds_its_place_while_the_producer_moves_between_its_reads() {
    for first in reachable(9) {
        for second in first.later(&[Side::Producer], 12, 9) {
            for third in second.later(&[Side::Producer], 12, 9) {
                let seqs = [first.seqs[0], second.seqs[1], third.seqs[2]];
                assert_eq!(consumed(seqs, first.released), Ok(first.released), "{first:?} {second:?} {third:?}");
            }
        }
    }
}

/// What can be read of words, in the order in which they are read.
type Read = (u64, [u64; SLOTS], u64);

/// All that the words can be which are read one after another, `released` first and last, while `sides` are at work, where at
/// most `done` frames were released in the end.
fn readings(sides: &[Side], done: u64) -> HashSet<Read> {
    // Of a state nothing counts but what is read of it.
    let words = |state: Fifo| Fifo { begun: state.published(), taken: state.released, ..state };
    let all: HashSet<Fifo> = Fifo::default().later(&BOTH, done + 3, done).into_iter().map(words).collect();
    let later = |&state: &Fifo| (state, state.later(sides, done + 3, done).into_iter().map(words).collect());
    let later: HashMap<Fifo, HashSet<Fifo>> = all.iter().map(later).collect();
    let mut read: HashSet<(Fifo, Read)> = all.iter().map(|&s| (s, (s.released, [0; SLOTS], 0))).collect();
    for i in 0..=SLOTS {
        let next = |&(state, (before, seqs, _)): &(Fifo, Read)| {
            let look = move |&now: &Fifo| {
                let mut seqs = seqs;
                match seqs.get_mut(i) {
                    Some(seq) => *seq = now.seqs[i],
                    None => return (now, (before, seqs, now.released)),
                }
                (now, (before, seqs, 0))
            };
            later[&state].iter().map(look).collect::<Vec<_>>()
        };
        read = read.iter().flat_map(next).collect();
    }
    read.into_iter().map(|(_, read)| read).collect()
}

#[test]
fn words_are_accepted_if_and_only_if_they_can_be() {
    const DONE: u64 = 6;
    let (moving, producing) = (readings(&BOTH, DONE), readings(&[Side::Producer], DONE));
    let still = Fifo::default().later(&BOTH, DONE + 3, DONE);
    let still: HashSet<Read> = still.iter().map(|s| (s.released, s.seqs, s.released)).collect();
    assert!(still.is_subset(&producing) && producing.is_subset(&moving) && still.len() < producing.len());
    let (mut accepted, mut refused) = (0, 0);
    for (a, b, c) in (0..14 * 14 * 14).map(|i| (i % 14, i / 14 % 14, i / 14 / 14)) {
        let seqs = [a, b, c];
        for before in 0..=DONE {
            for after in 0..=DONE {
                let can_be = moving.contains(&(before, seqs, after));
                assert_eq!(between(seqs, before, after).is_ok(), can_be, "{before} {seqs:?} {after}");
                accepted += u32::from(can_be);
                refused += u32::from(!can_be);
            }
            let can_be = producing.contains(&(before, seqs, before));
            assert_eq!(consumed(seqs, before).is_ok(), can_be, "{seqs:?} {before}");
            let can_be = still.contains(&(before, seqs, before));
            assert_eq!(produced(seqs, before).is_ok(), can_be, "{seqs:?} {before}");
        }
    }
    println!("{accepted} accepted, {refused} refused");
}

#[test]
fn an_error_names_the_word_that_cannot_be() {
    // Four frames published, two released.
    assert_eq!(produced([4, 2, 3], 2), Ok(4));
    for (i, seqs) in [[5, 2, 3], [4, 3, 3], [4, 2, 2]].into_iter().enumerate() {
        assert_eq!(between(seqs, 2, 2), Err(i));
        assert!(produced(seqs, 2).is_err());
    }
    // A consumer that has released what was not there, or holds more than there is.
    assert_eq!(produced([4, 2, 3], 5), Err(SLOTS));
    assert_eq!(produced([4, 2, 3], 0), Err(SLOTS));
    assert!(consumed([4, 2, 3], 5).is_err());
    assert_eq!(between([4, 2, 3], 2, 1), Err(SLOTS), "released does not go back");
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

#[test]
fn a_mailbox_gives_the_latest_frame_and_none_before_it() {
    /// The word, what each slot holds, and what the consumer took last.
    type Box = (MailWord, [u64; SLOTS], u64);
    let moves = |(word, holds, took): Box| {
        let mut next = Vec::new();
        if word.seq < 9 {
            let mut holds = holds;
            // The producer writes into its own slot, and then swaps.
            holds[word.back] = word.seq + 1;
            next.push((word, holds, took));
            next.push((word.publish(), holds, took));
        }
        if let Some(taken) = word.take() {
            let frame = holds[taken.front];
            assert!(frame == word.seq && frame > took, "{word:?} {holds:?}");
            next.push((taken, holds, frame));
        }
        next
    };
    let all = closure((MailWord::EMPTY, [0; SLOTS], 0), moves);
    for &(word, holds, took) in &all {
        assert_eq!(MailWord::decode(word.encode()), Some(word));
        assert_eq!(holds[word.front], took, "the consumer's slot is left alone: {word:?} {holds:?}");
        let newest = if word.dirty { word.middle } else { word.front };
        assert_eq!(
            holds[newest], word.seq,
            "the newest frame lies where a successor and a tap look: {word:?} {holds:?}"
        );
    }
    assert!(all.iter().any(|(word, ..)| word.dirty && word.seq == 9));
}

/// Words of any size, and such as lie near each other or near an end.
fn words() -> impl Strategy<Value = ([u64; SLOTS], u64, u64)> {
    let any5 = || prop::array::uniform5(any::<u64>());
    let near = prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(MOST_FRAMES)];
    let close =
        (near, prop::array::uniform5(0u64..8)).prop_map(|(near, r)| r.map(|r| near.wrapping_add(r).wrapping_sub(4)));
    // Such as can be, but for one that is a little off.
    let sound = (0..=MOST_FRAMES, 0u64..=3, 0u64..2, 0..5usize).prop_map(|(published, ready, off, at)| {
        let released = published.saturating_sub(ready);
        let mut words = [seq_after(published, 0), seq_after(published, 1), seq_after(published, 2), released, released];
        words[at] += off;
        words
    });
    prop_oneof![any5(), close, sound].prop_map(|[a, b, c, before, after]| ([a, b, c], before, after))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_are_read_without_a_panic((seqs, before, after) in words(), begun in any::<u64>(), near in 0u64..8) {
        for slot in 0..SLOTS {
            for published in seqs {
                let seq = seq_after(published, slot);
                prop_assert!(seq <= published && published - seq <= 2 && (seq == 0 || slot_of(seq - 1) == slot));
            }
        }
        if let Ok(published) = produced(seqs, before) {
            prop_assert!(published <= MOST_FRAMES && before <= published && published - before <= 3);
            prop_assert_eq!(seqs, [0, 1, 2].map(|slot| seq_after(published, slot)));
            prop_assert_eq!(consumed(seqs, before), Ok(before), "what a producer accepts, a consumer does");
        }
        if let Ok(released) = consumed(seqs, before) {
            prop_assert_eq!(released, before);
            prop_assert!(seqs.iter().all(|&s| s <= MOST_FRAMES && s <= before + 3 && s + 2 >= before));
        }
        if between(seqs, before, after).is_ok() {
            prop_assert!(before <= after && seqs.iter().all(|&s| s <= MOST_FRAMES));
        }
        for begun in [begun, seqs[0].saturating_add(near)] {
            states(seqs, begun, before, after);
        }
        for raw in seqs {
            if let Some(word) = MailWord::decode(raw) {
                prop_assert_eq!(word.encode(), raw);
                prop_assert!([word.front, word.middle, word.back].iter().all(|&s| s < SLOTS));
                prop_assert!(MailWord::decode(word.publish().encode()).is_some());
            }
        }
    }
}
