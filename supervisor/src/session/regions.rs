//! A region that cannot be trusted any more is replaced, not recovered: its words hold what cannot be, or somebody has
//! truncated it. The stream goes on in the next generation, from what was shown or heard last, by what the pages and the
//! clock say: nothing is taken from the old region.

use nix::errno::Errno;
use nix::sys::signal::Signal;
use tricine_channel::sys::process::Exit;
use tricine_channel::time::mono_ns;
use tricine_session::Result;
use tricine_session::channel::{Barriers, ChannelName, Kind, Mode, Spec as ChannelSpec, StreamRegion};
use tricine_session::control::Role;
use tricine_session::error::EXIT_CORRUPT;

use super::{Restart, Session};

/// No film is longer (104 days), no stream has more frames: what a page says beyond that is not believed.
const LONGEST_NS: i64 = 1 << 53;
const MOST_FRAMES: u64 = 1 << 47;

/// Whether a channel is not what it was. That we have nothing left to look with says nothing of it.
fn spoiled(channel: &StreamRegion) -> bool {
    let short = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM].map(|e| e as i32);
    channel.inspect().is_err_and(|error| !error.raw_os_error().is_some_and(|e| short.contains(&e)))
}

impl Session {
    /// Which of a dead role's channels are to be replaced.
    pub(super) fn broken(&self, role: Role, exit: Exit) -> Vec<Kind> {
        let kinds = [Kind::Video, Kind::Audio].into_iter().filter(|&kind| role.side(kind).is_some());
        let of = |kind| self.channels.iter().filter(move |c| c.name().kind == kind);
        let all: Vec<_> = kinds.filter(|&kind| of(kind).next().is_some()).collect();
        let seen: Vec<_> = all.iter().copied().filter(|&kind| of(kind).any(spoiled)).collect();
        // What it met may be where we do not look: it says so by its exit code.
        if seen.is_empty() && exit == Exit::Code(EXIT_CORRUPT) { all } else { seen }
    }

    /// Gives a kind of stream a new region, and everybody who works on the old one a new start.
    pub(super) fn replace(&mut self, kind: Kind) -> Result<()> {
        let old: Vec<StreamRegion> = self.channels.extract_if(.., |c| c.name().kind == kind).collect();
        let Some(generation) = old.iter().map(|c| c.name().generation + 1).max() else { return Ok(()) };
        self.regions_replaced += 1;
        let mode = old[0].mode();
        let (base, resume_pts_ns) = self.handed_over(kind, mode);
        let spec = ChannelSpec {
            mode,
            capacity: old.iter().map(|c| c.capacity() as u64).max().unwrap_or(1),
            base: base.min(MOST_FRAMES),
            resume_pts_ns: resume_pts_ns.clamp(-LONGEST_NS, LONGEST_NS),
            resume_serial: self.state.serial,
            barriers: Barriers::Both,
        };
        for channel in &old {
            channel.name().unlink()?;
        }
        let name = ChannelName { session: self.name.clone(), kind, generation };
        if !self.create_channel(&name, &spec)? {
            return Ok(());
        }
        self.status.notice(&format!("the {kind} region is damaged; going on in a new one"));
        for role in Role::ALL.into_iter().filter(|&role| role.side(kind).is_some()) {
            if let Some(running) = &mut self.posts[role].running {
                running.moving = true;
                running.child.signal(Signal::SIGKILL)?;
            }
        }
        Ok(())
    }

    /// A role that was stopped because its region was replaced begins anew: no crash of its own.
    pub(super) fn moved(&mut self, role: Role) {
        let now = mono_ns();
        let post = &mut self.posts[role];
        post.restarts += 1;
        post.start_at_ns = Some(now);
        self.restarts.push(Restart {
            role: role.name(),
            cause: "its region was replaced".into(),
            at_ns: now,
            gap_ns: None,
            audible_gap_ns: None,
            settled: false,
        });
    }

    /// How many frames were handed over for good, and where the stream goes on, in ns.
    fn handed_over(&self, kind: Kind, mode: Mode) -> (u64, i64) {
        let (control, decoder) = (&self.control, self.control.decoder());
        match kind {
            Kind::Audio => {
                let page = control.audio();
                (page.received.get().saturating_add(page.lost.get()), self.position_ns())
            }
            Kind::Video => {
                let page = control.renderer();
                let shown = page.last_seq.get();
                let base = if mode == Mode::Fifo { shown } else { decoder.video_published.get() };
                // Without a clock of this serial nothing of it was shown yet.
                let begun = self.options.unpaced || control.clock(self.state.serial).is_some();
                let after = (page.last_pts_ns.get() as i64).saturating_add(1);
                (base, if shown > 0 && begun { after } else { self.state.target_ns })
            }
        }
    }
}
