//! The renderer's counts, kept in its page so that they outlive it. Each step may be repeated: a successor to whom a
//! frame is delivered again writes the same numbers again, so that presented + dropped + skipped = received holds whoever died when.

use tricine_session::channel::Mode;
use tricine_session::control::{RendererPage, Writable};
use tricine_session::frame::FrameMeta;

/// Shorter ones are no gaps but the jitter of waking up.
const SHORTEST_GAP_NS: u64 = 1_000_000;

/// The page, seen as a book of account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger<'a> {
    page: &'a RendererPage<Writable>,
}

/// What is known of a frame that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// For the first time.
    New,
    /// A predecessor had it and did not get to show it.
    Again,
    /// A predecessor has shown it.
    Seen,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(page: &'a RendererPage<Writable>) -> Self {
        Self { page }
    }

    /// Books a delivered frame; `done` is what the channel recorded of it.
    pub(crate) fn receive(&self, meta: &FrameMeta, mode: Mode, done: bool) -> Delivery {
        let page = self.page;
        let next = meta.seq + 1;
        let before = page.last_received.get();
        if next > before {
            if mode == Mode::Fifo {
                page.lost.add(meta.seq - before);
                page.received.raise(next.saturating_sub(page.lost.get()));
            } else {
                page.received.add(1);
            }
            page.last_received.set(next);
            page.pulse.progress.set(next);
            Delivery::New
        } else if done || page.last_seq.get() >= next {
            Delivery::Seen
        } else {
            Delivery::Again
        }
    }

    /// Books the frame received last as presented, and the gap before it: how long the last one stood beyond its own time,
    /// whoever showed it. There is none across what the user did at `turned_ns`, such as a pause. `stands_ns` is how long
    /// this one is to stand; 0 if nobody minds.
    pub(crate) fn present(&self, meta: &FrameMeta, at_ns: u64, turned_ns: u64, stands_ns: u64) {
        let page = self.page;
        let (since_ns, due_ns) = (page.last_present_ns.get(), page.last_duration_ns.get());
        let gap_ns = at_ns.saturating_sub(since_ns).saturating_sub(due_ns);
        if since_ns > turned_ns && due_ns > 0 && gap_ns >= SHORTEST_GAP_NS {
            page.gaps.record(at_ns, gap_ns);
        }
        page.last_duration_ns.set(stands_ns);
        page.last_seq.set(meta.seq + 1);
        page.last_pts_ns.set(meta.pts_ns as u64);
        page.last_present_ns.set(at_ns);
        if page.first_frame_ns.get() == 0 {
            page.first_frame_ns.set(at_ns);
        }
        // Set, not added to: every frame before this one is booked, so a repetition writes the same number.
        page.presented.set(self.all_but(page.dropped.get() + page.skipped.get()));
    }

    /// Books every frame that was received and not presented as dropped: the one received last, if it was open.
    pub(crate) fn drop_open(&self) {
        self.page.dropped.set(self.all_but(self.page.presented.get() + self.page.skipped.get()));
    }

    /// As [`Ledger::drop_open`], for a frame that nobody wants any more: it is from before a seek, or the film is over.
    pub(crate) fn skip_open(&self) {
        self.page.skipped.set(self.all_but(self.page.presented.get() + self.page.dropped.get()));
    }

    fn all_but(&self, booked: u64) -> u64 {
        self.page.received.get().saturating_sub(booked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_booked_once_however_often_it_is_delivered() {
        let page = RendererPage::default();
        let ledger = Ledger::new(&page);
        let frame = |seq| FrameMeta { seq, ..FrameMeta::i420(2, 2) };
        assert_eq!(ledger.receive(&frame(0), Mode::Fifo, false), Delivery::New);
        assert_eq!(ledger.receive(&frame(0), Mode::Fifo, false), Delivery::Again);
        ledger.present(&frame(0), 7, 0, 0);
        assert_eq!(ledger.receive(&frame(0), Mode::Fifo, false), Delivery::Seen);
        ledger.present(&frame(0), 9, 0, 0);
        assert_eq!(ledger.receive(&frame(1), Mode::Fifo, false), Delivery::New);
        ledger.drop_open();
        ledger.drop_open();
        assert_eq!(ledger.receive(&frame(1), Mode::Fifo, true), Delivery::Seen);
        assert_eq!(ledger.receive(&frame(2), Mode::Fifo, false), Delivery::New);
        ledger.present(&frame(2), 11, 0, 0);
        assert_eq!(ledger.receive(&frame(3), Mode::Fifo, false), Delivery::New);
        ledger.skip_open();
        ledger.skip_open();
        assert_eq!(ledger.receive(&frame(4), Mode::Fifo, false), Delivery::New);
        ledger.present(&frame(4), 13, 0, 0);
        let shown = (page.presented.get(), page.dropped.get(), page.skipped.get());
        assert_eq!((page.received.get(), shown, page.lost.get()), (5, (3, 1, 1), 0));
        assert_eq!(page.first_frame_ns.get(), 7);
    }

    #[test]
    fn a_gap_on_the_screen_is_what_a_frame_stood_beyond_its_own_time() {
        const MS: u64 = 1_000_000;
        let page = RendererPage::default();
        let frame = |seq| FrameMeta { seq, ..FrameMeta::i420(2, 2) };
        for (seq, at_ms, turned_ms) in [(0, 10, 0), (1, 50, 0), (2, 250, 0), (3, 900, 300), (4, 941, 300)] {
            // Each by a renderer of its own: what counts is in the page.
            Ledger::new(&page).present(&frame(seq), at_ms * MS, turned_ms * MS, 40 * MS);
        }
        let longest = |from, to| page.gaps.longest(from * MS..to * MS) / MS;
        assert_eq!([longest(0, 200), longest(0, 300), longest(300, 920), longest(0, 1000)], [0, 160, 0, 160]);
    }

    #[test]
    fn a_gap_is_a_loss_in_a_fifo_and_none_in_a_mailbox() {
        for (mode, lost) in [(Mode::Fifo, 4), (Mode::Mailbox, 0)] {
            let page = RendererPage::default();
            Ledger::new(&page).receive(&FrameMeta { seq: 4, ..FrameMeta::i420(2, 2) }, mode, false);
            assert_eq!((page.received.get(), page.lost.get()), (1, lost));
        }
    }
}
