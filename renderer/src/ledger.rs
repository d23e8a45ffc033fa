//! The renderer's counts, kept in its page so that they outlive it. Each step may be repeated: a successor to whom a
//! frame is delivered again writes the same numbers again, so that presented + dropped = received holds whoever died when.

use tricine_shared::channel::Mode;
use tricine_shared::control::RendererPage;
use tricine_shared::frame::FrameMeta;

/// The page, seen as a book of account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger<'a> {
    page: &'a RendererPage,
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
    pub(crate) fn new(page: &'a RendererPage) -> Self {
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

    /// Books the frame received last as presented.
    pub(crate) fn present(&self, meta: &FrameMeta, at_ns: u64) {
        let page = self.page;
        page.last_seq.set(meta.seq + 1);
        page.last_pts_ns.set(meta.pts_ns as u64);
        page.last_present_ns.set(at_ns);
        if page.first_frame_ns.get() == 0 {
            page.first_frame_ns.set(at_ns);
        }
        // Set, not added to: every frame before this one is booked, so a repetition writes the same number.
        page.presented.set(page.received.get().saturating_sub(page.dropped.get()));
    }

    /// Books every frame that was received and not presented as dropped: the one received last, if it was open.
    pub(crate) fn drop_open(&self) {
        let page = self.page;
        page.dropped.set(page.received.get().saturating_sub(page.presented.get()));
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
        ledger.present(&frame(0), 7);
        assert_eq!(ledger.receive(&frame(0), Mode::Fifo, false), Delivery::Seen);
        ledger.present(&frame(0), 9);
        assert_eq!(ledger.receive(&frame(1), Mode::Fifo, false), Delivery::New);
        ledger.drop_open();
        ledger.drop_open();
        assert_eq!(ledger.receive(&frame(1), Mode::Fifo, true), Delivery::Seen);
        assert_eq!(ledger.receive(&frame(2), Mode::Fifo, false), Delivery::New);
        ledger.present(&frame(2), 11);
        assert_eq!((page.received.get(), page.presented.get(), page.dropped.get(), page.lost.get()), (3, 2, 1, 0));
        assert_eq!(page.first_frame_ns.get(), 7);
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
