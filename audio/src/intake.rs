//! From a block in the channel to sound that is ready for the sink: counted, checked, cut to the film's limits.

use tricine_session::channel::ReadSlot;
use tricine_session::clock::PlayState;
use tricine_session::control::{AudioPage, Writable};
use tricine_session::frame::Format as Payload;

use crate::align::{self, Splice};
use crate::backlog::{Backlog, Chunk};
use crate::chain::Chain;
use crate::sink::{Format, Recorder, Sink};

/// What is known of the blocks of one serial.
#[derive(Default)]
pub(crate) struct Intake {
    chain: Chain,
    /// Film time after the last sample taken.
    next_pts_ns: Option<i64>,
    /// What came last.
    pub source: Option<Format>,
    /// Nothing more of this serial will be heard: it ended, or reached its limit.
    pub ended: bool,
}

impl Intake {
    /// Takes one block. What is to be heard of it goes to `backlog`.
    ///
    /// Errors: the recorder's, in words for the user. `Ok(true)`: it said that the format has changed.
    pub(crate) fn accept(
        &mut self,
        slot: &ReadSlot<'_>,
        page: &AudioPage<Writable>,
        state: &PlayState,
        sink: &mut dyn Sink,
        recorder: Option<&mut Recorder>,
        backlog: &mut Backlog,
    ) -> Result<bool, String> {
        let meta = slot.meta();
        // Both counters survive us, so that a block delivered again is not counted again.
        let expected = page.received.get() + page.lost.get();
        if meta.seq >= expected {
            page.lost.add(meta.seq - expected);
            page.torn.add(u64::from(!slot.intact()));
            page.received.add(1);
        }
        page.pulse.progress.add(1);
        if slot.already_done() || meta.serial != state.serial || meta.format != Payload::F32 {
            return Ok(false);
        }
        page.in_serial.set(u64::from(meta.serial) + 1);
        let format = Format { channels: meta.width as u16, rate: meta.sample_rate, speakers: meta.speakers };
        let times = u64::from(meta.height);
        // The film's own beginning may have a time before 0: nothing is cut there.
        let start_ns = if state.target_ns > 0 { state.target_ns } else { i64::MIN };
        let (from, to) = align::cut(meta.pts_ns, times, format.rate, start_ns, state.end_ns);
        let reached = to < times;
        let channels = usize::from(format.channels);
        let (first, last) = (from as usize * channels, to as usize * channels);
        let Some(heard) = slot.payload().get(4 * first..4 * last) else {
            return Ok(false);
        };
        let mut samples = vec![0.0; last - first];
        heard.copy_to_floats(&mut samples);
        if samples.is_empty() {
            if reached {
                self.end(backlog);
            }
            return Ok(false);
        }
        let news = match recorder {
            Some(recorder) => recorder.write(meta.seq, &samples, format, page)?,
            None => false,
        };
        self.source = Some(format);
        let stamped_ns = meta.pts_ns + format.ns(from) as i64;
        let pts_ns = match self.next_pts_ns.map(|next| (next, align::follow(stamped_ns, next))) {
            // Counting samples is exact; the times in a file are rounded.
            Some((next, Splice::Go)) => next,
            _ => {
                self.chain.finish(backlog);
                stamped_ns
            }
        };
        page.samples_played.add(to - from);
        let chunk = Chunk { samples, format, pts_ns, speed: state.speed };
        self.next_pts_ns = Some(pts_ns + format.ns(to - from) as i64);
        // More of a serial that had ended, from a decoder that was started again.
        self.ended = false;
        self.chain.push(&chunk, sink.takes(format), backlog);
        if reached {
            self.end(backlog);
        }
        Ok(news)
    }

    /// No more of this serial will come, or none of it will be heard.
    pub(crate) fn end(&mut self, backlog: &mut Backlog) {
        if !self.ended {
            self.chain.finish(backlog);
            self.ended = true;
        }
    }

    /// The sink has changed: what is in progress was for the one before.
    pub(crate) fn restart(&mut self, backlog: &mut Backlog) {
        self.chain.finish(backlog);
    }
}
