//! What the processes of a sweep write down where no death can take it away, and what must be in it at the end.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use tricine_session::Result;
use tricine_session::channel::{Mode, ReadSlot};
use tricine_session::frame::{FrameMeta, i420_len};
use tricine_stress::sys::trace::SharedWords;

/// More frames than any case has.
pub const MOST_FRAMES: usize = 16;
/// Where the words of the ledger lie, after one a frame for its effects.
const LAST: usize = MOST_FRAMES;
const TORN: usize = LAST + 1;
const DISORDER: usize = LAST + 2;
const LATE: usize = LAST + 3;
const REDELIVERED: usize = LAST + 4;
const COMPLAINT: usize = LAST + 5;
const COMPLAINT_BYTES: usize = 240;

/// The film: every byte of every frame is known beforehand, and no two frames share a byte pattern.
#[derive(Debug)]
pub struct Film {
    frames: Vec<Vec<u8>>,
    width: u32,
    height: u32,
}

impl Film {
    /// Frames of `width` × `height`, I420, from `seed`.
    pub fn new(seed: u64, width: u32, height: u32) -> Self {
        let len = i420_len(width, height);
        let byte = |n: usize, i: usize| (mix(seed ^ mix(n as u64) ^ (i as u64) << 32) >> 56) as u8;
        let frames = (0..MOST_FRAMES).map(|n| (0..len).map(|i| byte(n, i)).collect()).collect();
        Self { frames, width, height }
    }

    /// Frame `n`'s bytes.
    pub fn bytes(&self, n: u64) -> &[u8] {
        self.frames.get(n as usize).map_or(&[], Vec::as_slice)
    }

    /// Frame `n`'s meta.
    pub fn meta(&self, n: u64) -> FrameMeta {
        FrameMeta { pts_ns: n as i64 * 40_000_000, ..FrameMeta::i420(self.width, self.height) }
    }

    /// Bytes of a frame.
    pub fn len(&self) -> usize {
        i420_len(self.width, self.height)
    }

    /// Whether its frames have no bytes, which none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_frame(&self, slot: &ReadSlot<'_>) -> bool {
        let meta = slot.meta();
        slot.payload() == *self.bytes(meta.seq) && meta.pts_ns == self.meta(meta.seq).pts_ns
    }
}

/// The finaliser of splitmix64.
fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Shared by all processes of a sweep.
#[derive(Debug)]
pub struct Ledger {
    words: SharedWords,
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Result<Self> {
        Ok(Self { words: SharedWords::new(COMPLAINT + 1 + COMPLAINT_BYTES / 8)? })
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for word in self.words.iter() {
            word.store(0, SeqCst);
        }
    }

    /// Checks a delivered frame: every byte, and its place in the order.
    #[inline]
    pub fn deliver(&self, film: &Film, slot: &ReadSlot<'_>, mode: Mode) {
        let seq = slot.meta().seq;
        if !film.is_frame(slot) {
            self.words[TORN].fetch_add(1, Relaxed);
        }
        // One more than the last frame's number, 0 for none.
        let last = self.words[LAST].load(Relaxed);
        let in_order = match mode {
            Mode::Fifo => seq == last || seq + 1 == last,
            Mode::Mailbox => seq + 1 >= last,
        };
        if !in_order {
            self.words[DISORDER].fetch_add(1, Relaxed);
        }
        self.words[LAST].store(seq + 1, Relaxed);
    }

    /// Takes the effect of a frame, which is to be had once, and gives the slot back.
    #[inline]
    pub fn finish(&self, slot: ReadSlot<'_>) {
        if slot.already_done() {
            self.words[REDELIVERED].fetch_add(1, Relaxed);
        } else if let Some(effects) = self.effects_word(slot.meta().seq) {
            effects.fetch_add(1, Relaxed);
        }
        slot.release();
    }

    /// Frame `seq` will not come, or not again.
    pub fn discard(&self, seq: u64) {
        self.words[LAST].fetch_max(seq + 1, SeqCst);
    }

    fn effects_word(&self, seq: u64) -> Option<&std::sync::atomic::AtomicU64> {
        self.words[..MOST_FRAMES].get(seq as usize)
    }

    /// How often frame `seq` had its effect.
    pub fn effects(&self, seq: u64) -> u64 {
        self.effects_word(seq).map_or(0, |w| w.load(SeqCst))
    }

    /// Frames that came again after their effect had been recorded.
    pub fn redelivered(&self) -> u64 {
        self.words[REDELIVERED].load(SeqCst)
    }

    /// A wait ended by its deadline, or a slot was there and its bell had not rung.
    pub fn late(&self, times: u64) {
        self.words[LATE].fetch_add(times, SeqCst);
    }

    /// Keeps what a process says before it ends with an error; the first one counts.
    pub fn complain(&self, text: &str) {
        let text = &text.as_bytes()[..text.len().min(COMPLAINT_BYTES)];
        if self.words[COMPLAINT].compare_exchange(0, text.len() as u64, SeqCst, SeqCst).is_ok() {
            for (word, bytes) in self.words[COMPLAINT + 1..].iter().zip(text.chunks(8)) {
                let mut padded = [0; 8];
                padded[..bytes.len()].copy_from_slice(bytes);
                word.store(u64::from_le_bytes(padded), SeqCst);
            }
        }
    }

    /// What a process complained of.
    pub fn complaint(&self) -> Option<String> {
        let len = self.words[COMPLAINT].load(SeqCst) as usize;
        let bytes: Vec<u8> = self.words[COMPLAINT + 1..].iter().flat_map(|w| w.load(SeqCst).to_le_bytes()).collect();
        (len > 0).then(|| String::from_utf8_lossy(&bytes[..len.min(bytes.len())]).into_owned())
    }

    /// What is wrong after `total` frames; nothing if all is well.
    pub fn wrongs(&self, mode: Mode, total: u64, excused: &Excused) -> Vec<String> {
        let mut wrongs = Vec::new();
        let counts =
            [(TORN, "torn"), (DISORDER, "out of order"), (LATE, "bells missed (a wait ended by its deadline)")];
        for (word, what) in counts {
            match self.words[word].load(SeqCst) {
                0 => {}
                n => wrongs.push(format!("{what}: {n}")),
            }
        }
        for n in 0..total {
            let (had, wanted) = (self.effects(n), 1 + excused.repeats(n));
            let may_be_overwritten = mode == Mode::Mailbox && n + 1 < total && !excused.must_show(n);
            if let Some(exactly) = excused.discarded(n) {
                if had != exactly {
                    wrongs.push(format!("frame {n} was discarded after {exactly} effects and has had {had}"));
                }
                continue;
            }
            match had {
                0 if may_be_overwritten => {}
                0 => wrongs.push(format!("frame {n} lost")),
                _ if had < wanted => wrongs.push(format!("frame {n} had its effect {had} times, not {wanted}")),
                _ if had > wanted => wrongs.push(format!("frame {n} had its effect {had} times, {wanted} allowed")),
                _ => {}
            }
        }
        wrongs.extend(self.complaint());
        wrongs
    }
}

/// What a death explains, read from the words when its victim was reaped.
#[derive(Debug, Default, Clone)]
pub struct Excused {
    /// Frames that a dead consumer had taken its effect of and not yet recorded as done: the one effect that must come
    /// again, once a death.
    repeated: Vec<u64>,
    /// Frames that a dead consumer held, so that they cannot have been overwritten: they must be shown.
    held: Vec<u64>,
    /// Frames that were taken away from a dead consumer, and how many effects each has had: no more come.
    discarded: Vec<(u64, u64)>,
}

impl Excused {
    /// Takes down what a dead consumer held, and how many effects it has had.
    pub fn held(&mut self, seq: u64, effects: u64, recorded: bool) {
        self.held.push(seq);
        // One more than earlier deaths explain: so this victim took one, and died before it was recorded.
        if effects > self.repeats(seq) && !recorded {
            self.repeated.push(seq);
        }
    }

    /// Takes down that a frame was discarded after so many effects.
    pub fn discard(&mut self, seq: u64, effects: u64) {
        self.discarded.push((seq, effects));
    }

    fn discarded(&self, seq: u64) -> Option<u64> {
        self.discarded.iter().find(|(n, _)| *n == seq).map(|(_, effects)| *effects)
    }

    /// How many repeated effects the deaths explain.
    pub fn repeated(&self) -> u64 {
        self.repeated.len() as u64
    }

    fn repeats(&self, seq: u64) -> u64 {
        self.repeated.iter().filter(|n| **n == seq).count() as u64
    }

    fn must_show(&self, seq: u64) -> bool {
        self.held.contains(&seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(effects: &[u64], mode: Mode, excused: &Excused) -> Vec<String> {
        let ledger = Ledger::new().unwrap();
        for (word, n) in ledger.words.iter().zip(effects) {
            word.store(*n, SeqCst);
        }
        ledger.wrongs(mode, effects.len() as u64, excused)
    }

    #[test]
    fn each_frame_has_its_effect_exactly_once_in_fifo() {
        let none = Excused::default();
        assert!(after(&[1, 1, 1], Mode::Fifo, &none).is_empty());
        assert_eq!(after(&[1, 0, 1], Mode::Fifo, &none), ["frame 1 lost"]);
        assert_eq!(after(&[1, 1, 2], Mode::Fifo, &none), ["frame 2 had its effect 2 times, 1 allowed"]);
    }

    #[test]
    fn an_effect_taken_and_not_recorded_at_death_must_come_again_once_a_death() {
        let mut excused = Excused::default();
        excused.held(1, 1, false);
        assert!(after(&[1, 2, 1], Mode::Fifo, &excused).is_empty());
        assert_eq!(after(&[1, 1, 1], Mode::Fifo, &excused), ["frame 1 had its effect 1 times, not 2"]);
        // Its successor died before it took the effect: nothing more is excused. Then one that took it.
        excused.held(1, 1, false);
        assert_eq!(excused.repeated(), 1);
        excused.held(1, 2, false);
        assert!(after(&[1, 3, 1], Mode::Fifo, &excused).is_empty());
        // Recorded, or not taken: no excuse.
        excused.held(0, 1, true);
        excused.held(2, 0, false);
        assert_eq!(excused.repeated(), 2);
    }

    #[test]
    fn a_discarded_frame_has_no_more_effects_than_it_had_and_no_other_is_excused() {
        let mut excused = Excused::default();
        excused.discard(0, 0);
        excused.discard(1, 1);
        assert!(after(&[0, 1, 1], Mode::Fifo, &excused).is_empty());
        let wanted = ["frame 0 was discarded after 0 effects and has had 1", "frame 2 lost"];
        assert_eq!(after(&[1, 1, 0], Mode::Fifo, &excused), wanted);
    }

    #[test]
    fn a_mailbox_may_lose_what_was_overwritten_but_not_the_last_nor_what_was_taken() {
        let mut excused = Excused::default();
        assert!(after(&[0, 0, 1], Mode::Mailbox, &excused).is_empty());
        assert_eq!(after(&[1, 1, 0], Mode::Mailbox, &excused), ["frame 2 lost"]);
        excused.held(1, 0, false);
        assert_eq!(after(&[0, 0, 1], Mode::Mailbox, &excused), ["frame 1 lost"]);
    }

    #[test]
    fn the_first_complaint_is_kept_and_a_long_one_is_cut() {
        let ledger = Ledger::new().unwrap();
        assert_eq!(ledger.complaint(), None);
        ledger.complain(&"x".repeat(1000));
        ledger.complain("the second");
        assert_eq!(ledger.complaint(), Some("x".repeat(COMPLAINT_BYTES)));
    }

    #[test]
    fn no_two_frames_of_a_film_are_alike_and_a_seed_makes_another_film() {
        let (film, other) = (Film::new(1, 8, 8), Film::new(2, 8, 8));
        assert_eq!(film.bytes(0).len(), 96);
        for n in 0..MOST_FRAMES as u64 {
            assert_ne!(film.bytes(n), other.bytes(n));
            assert!((0..n).all(|m| film.bytes(m) != film.bytes(n)));
        }
        assert!(film.bytes(MOST_FRAMES as u64).is_empty());
    }
}
