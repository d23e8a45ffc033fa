//! Which sink plays: the sound server while there is one, the null sink while there is none.

use tricine_session::link::SinkSpec;

use crate::sink::{Format, Health, Line, Null, Pulse, Sink, Talker, reachable};

/// How often it is looked whether a sound server is back.
const LOOK_NS: u64 = 2_000_000_000;

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// There is no sound server (any more), for this reason.
    ToNull(String),
    /// There is one (again).
    ToPulse,
}

/// The sink in use, and the search for a better one.
pub(crate) struct Outlet {
    pub(crate) sink: Box<dyn Sink>,
    /// A sound server is wanted, but the null sink is in use.
    searching: bool,
    candidate: Option<Pulse>,
    /// Talks to sound servers; `None` where none is wanted, or no thread was to be had yet.
    talker: Option<Talker>,
    next_look_ns: u64,
}

impl Outlet {
    /// Begins with what is wanted, a sound server by `line`. Nothing is waited for.
    pub(crate) fn new(spec: &SinkSpec, line: Line, unpaced: bool, paused: bool, gain: f32, now_ns: u64) -> Self {
        // No sound server plays faster than one hears.
        let wants_server = matches!(spec, SinkSpec::Auto | SinkSpec::Pulse) && !unpaced;
        let null = || Box::new(Null::new(unpaced, paused));
        let talker = wants_server.then(Talker::start).and_then(Result::ok);
        let pulse = wants_server.then(|| talker.as_ref().and_then(|t| Pulse::open(t, line, paused, gain, now_ns).ok()));
        let (sink, searching): (Box<dyn Sink>, bool) = match pulse {
            Some(Some(pulse)) => (Box::new(pulse), false),
            Some(None) => (null(), true),
            None => (null(), false),
        };
        Self { sink, searching, candidate: None, talker, next_look_ns: now_ns }
    }

    /// Looks after the sink in use, and for a server; what comes as `source` is to be played.
    pub(crate) fn tend(&mut self, now_ns: u64, paused: bool, gain: f32, source: Option<Format>) -> Option<Change> {
        if let Health::Lost(why) = self.sink.health(now_ns).clone() {
            (self.sink, self.searching) = (Box::new(Null::new(false, paused)), true);
            self.next_look_ns = now_ns + LOOK_NS;
            return Some(Change::ToNull(why));
        }
        if !self.searching {
            return None;
        }
        match self.candidate.as_mut().map(|pulse| pulse.health(now_ns).clone()) {
            None if now_ns >= self.next_look_ns => {
                self.next_look_ns = now_ns + LOOK_NS;
                if self.talker.is_none() {
                    self.talker = Talker::start().ok();
                }
                if reachable()
                    && let Some(talker) = &self.talker
                    && let Ok(mut pulse) = Pulse::open(talker, Line::Own, paused, gain, now_ns)
                {
                    let _ = pulse.takes(source.unwrap_or(Format { channels: 2, rate: 48_000 }));
                    self.candidate = Some(pulse);
                }
                None
            }
            None | Some(Health::Opening) => None,
            Some(Health::Lost(why)) => {
                tracing::info!("{why}");
                self.candidate = None;
                None
            }
            Some(Health::Ready) => {
                let mut pulse = self.candidate.take()?;
                pulse.pause(paused, now_ns);
                pulse.set_gain(gain);
                (self.sink, self.searching) = (Box::new(pulse), false);
                Some(Change::ToPulse)
            }
        }
    }
}
