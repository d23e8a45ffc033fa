//! When a frame is presented, dropped or held: pure decisions from the clock, the user's wishes and the time. Nothing
//! here waits, reads a clock or counts; `player` does what these functions say.

use tricine_session::clock::{Clock, PlayState};

const MS: u64 = 1_000_000;
/// How long the sound may take to start before the film goes on by the renderer's own clock.
pub(crate) const SOUND_PATIENCE_NS: u64 = 2500 * MS;
/// A film that is always late still shows a frame this often.
const SIGN_OF_LIFE_NS: u64 = 200 * MS;
/// A first frame is shown at once unless it is due this soon: a renderer that was restarted keeps in step.
const SOON_NS: u64 = 100 * MS;
/// Taken as a frame's length where it is unknown.
const SOME_FRAME_NS: u64 = 40 * MS;

/// What the film goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Master {
    /// The sound.
    Audio(Clock),
    /// Our own clock: there is no sound.
    Own(Clock),
}

impl Master {
    /// The line itself.
    pub(crate) fn clock(&self) -> &Clock {
        match self {
            Self::Audio(clock) | Self::Own(clock) => clock,
        }
    }
}

/// Both clocks as found in the control region.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clocks {
    /// The audio role's.
    pub(crate) audio: Option<Clock>,
    /// The renderer's own.
    pub(crate) own: Option<Clock>,
}

impl Clocks {
    /// The clock to go by in the current stretch. The audio clock of a role that is no longer there does not count: it
    /// would run through every pause.
    pub(crate) fn master(&self, state: &PlayState) -> Option<Master> {
        let this = |clock: Option<Clock>| clock.filter(|c| c.serial == state.serial);
        let audio = this(self.audio).filter(|_| state.audible).map(Master::Audio);
        audio.or(this(self.own).map(Master::Own))
    }
}

/// What was last presented.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    /// Its stretch.
    pub(crate) serial: u32,
    /// Its time in the film, in ns.
    pub(crate) pts_ns: i64,
    /// Its length, in ns; 0 if unknown.
    pub(crate) duration_ns: i64,
    /// When it appeared, in ns on CLOCK_MONOTONIC.
    pub(crate) at_ns: u64,
}

/// The frame at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    /// Its stretch.
    pub(crate) serial: u32,
    /// Its time in the film, in ns.
    pub(crate) pts_ns: i64,
    /// Its length, in ns; 0 if unknown.
    pub(crate) duration_ns: i64,
    /// How long the renderer had nothing to do but wait for it, in ns.
    pub(crate) waited_ns: u64,
}

/// Everything else that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// Now, in ns on CLOCK_MONOTONIC.
    pub(crate) now_ns: u64,
    /// What the user wants.
    pub(crate) state: &'a PlayState,
    /// What the film goes by, if it is known yet.
    pub(crate) master: Option<Master>,
    /// No clock: everything at once.
    pub(crate) unpaced: bool,
    /// The user asked for one more frame.
    pub(crate) step: bool,
    /// What is on the screen; `None` if this process has shown nothing.
    pub(crate) shown: Option<&'a Shown>,
    /// How long showing takes, in ns: it begins so much earlier.
    pub(crate) lead_ns: u64,
    /// A frame takes time to be made ready for the display, so it is fetched well before it is due.
    pub(crate) prepares: bool,
}

/// What to do with the frame at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Show it now.
    Present,
    /// Show it now and let our own clock go on from it: the film waited for the decoder.
    Resume,
    /// Give it back unseen.
    Drop,
    /// Ask again at this time on CLOCK_MONOTONIC, or when something changes.
    Until(u64),
    /// Ask again when something changes: the film stands.
    Hold,
}

/// Length of a frame on the wall's clock.
fn wall(duration_ns: i64, clock: &Clock) -> u64 {
    if duration_ns <= 0 || clock.rate <= 0.0 {
        return 0;
    }
    (duration_ns as f64 / clock.rate) as u64
}

/// What to do with the frame at hand.
pub(crate) fn decide(frame: &Pending, m: &Moment<'_>) -> Decision {
    if frame.serial != m.state.serial {
        return Decision::Drop;
    }
    let first = m.shown.is_none_or(|s| s.serial != frame.serial);
    if m.step || (m.unpaced && (first || !m.state.paused)) {
        return Decision::Present;
    }
    let running = m.master.filter(|_| !m.unpaced).and_then(|master| {
        let clock = *master.clock();
        clock.when(frame.pts_ns).map(|due| (master, clock, due))
    });
    let Some((master, clock, due)) = running else {
        return if first { Decision::Present } else { Decision::Hold };
    };
    let show_at = due.saturating_sub(m.lead_ns);
    if m.now_ns < show_at {
        return if first && show_at - m.now_ns > SOON_NS { Decision::Present } else { Decision::Until(show_at) };
    }
    let late = m.now_ns.saturating_sub(due);
    let length = wall(frame.duration_ns, &clock);
    if length == 0 || late < length {
        return Decision::Present;
    }
    // Without sound nothing is lost by waiting: a decoder that needs longer than the frame lasts sets the pace. One that
    // is quick again (the renderer itself was away) is caught up with.
    if matches!(master, Master::Own(_)) && frame.waited_ns > length.max(SOME_FRAME_NS / 2) {
        return Decision::Resume;
    }
    let lately = m.shown.is_some_and(|s| s.serial == frame.serial && m.now_ns < s.at_ns + SIGN_OF_LIFE_NS);
    if lately { Decision::Drop } else { Decision::Present }
}

/// Whether what is on the screen may give way to the next frame, whose slot is then acquired and prepared a little
/// before it is due, where that takes time. [`Decision::Present`] says yes.
pub(crate) fn give_way(m: &Moment<'_>) -> Decision {
    let Some(shown) = m.shown else { return Decision::Present };
    if shown.serial != m.state.serial || m.step {
        return Decision::Present;
    }
    if m.unpaced {
        return if m.state.paused { Decision::Hold } else { Decision::Present };
    }
    let Some(master) = m.master else { return Decision::Hold };
    let clock = master.clock();
    let Some(over) = clock.when(shown.pts_ns.saturating_add(shown.duration_ns)) else { return Decision::Hold };
    let early = if m.prepares { (wall(shown.duration_ns, clock) / 2).min(25 * MS) } else { 0 };
    let at = over.saturating_sub(early);
    if m.now_ns >= at { Decision::Present } else { Decision::Until(at) }
}

/// When the last frame's time on the screen is over: now ([`Decision::Present`]), later, or while the film stands never.
pub(crate) fn over(m: &Moment<'_>) -> Decision {
    let (Some(shown), false) = (m.shown.filter(|s| s.serial == m.state.serial), m.unpaced) else {
        return Decision::Present;
    };
    let Some(master) = m.master else { return Decision::Hold };
    match master.clock().when(shown.pts_ns.saturating_add(shown.duration_ns)) {
        None => Decision::Hold,
        Some(at) if at > m.now_ns => Decision::Until(at),
        Some(_) => Decision::Present,
    }
}

/// How many frame lengths went by without a new frame, at its arrival: so often was the old one shown again.
pub(crate) fn repeats(shown: &Shown, frame: &Pending, clock: &Clock, now_ns: u64) -> u64 {
    let length = wall(shown.duration_ns, clock);
    let due = clock.when(frame.pts_ns).filter(|_| shown.serial == frame.serial && length > 0);
    due.map_or(0, |due| now_ns.saturating_sub(due).checked_div(length).unwrap_or(0))
}

/// What our own clock has to become, if it has to change: it starts where no sound is to be expected, stands in a pause
/// and follows the speed.
///
/// `expect_sound`: the audio clock may yet start; `since_ns`: since when one waits for it with the film running.
pub(crate) fn steer(
    clocks: &Clocks,
    state: &PlayState,
    shown: Option<&Shown>,
    expect_sound: bool,
    since_ns: u64,
    now_ns: u64,
) -> Option<Clock> {
    let rate = if state.paused { 0.0 } else { state.speed };
    let new = |pts_ns, at_ns| Some(Clock { serial: state.serial, pts_ns, at_ns, rate });
    let newer = |left: &Clock| clocks.own.is_none_or(|own| own.serial != state.serial || own.at_ns < left.at_ns);
    if !state.audible
        && let Some(left) = clocks.audio.filter(|c| c.serial == state.serial).filter(newer)
    {
        // The sound went away for good in mid-film: its line is ours from here.
        return new(left.pts_at(now_ns), now_ns);
    }
    match clocks.master(state) {
        Some(Master::Audio(_)) => None,
        Some(Master::Own(own)) if own.rate == rate => None,
        Some(Master::Own(own)) => new(own.pts_at(now_ns), now_ns),
        None => {
            let shown = shown.filter(|s| s.serial == state.serial)?;
            if !expect_sound {
                new(shown.pts_ns, shown.at_ns)
            } else if !state.paused && now_ns >= since_ns.saturating_add(SOUND_PATIENCE_NS) {
                new(shown.pts_ns, now_ns)
            } else {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
