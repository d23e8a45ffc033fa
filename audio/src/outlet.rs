//! Which sink plays: the sound server while there is one, the null sink while there is none.

use crossbeam_channel::{Receiver, Sender, bounded};
use tricine_session::link::SinkSpec;

use crate::sink::{Format, Health, Line, Null, Pulse, Sink, Talker};

/// How long after a server was lost, or could not be waited for, the next one is asked for.
const LOOK_NS: u64 = 2_000_000_000;

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// There is no sound server (any more), for this reason.
    ToNull(String),
    /// There is one (again).
    ToPulse,
}

/// A connection to a sound server, or why there is none.
type Answer = Result<Line, String>;

/// Whether a connection was asked for: this process makes none by itself.
#[derive(Debug)]
enum Asked {
    /// Not yet.
    No,
    /// Yes, and this sink in use waits for it.
    InUse(Sender<Answer>),
    /// Yes, and it may take as long as it likes.
    Patiently,
}

/// The sink in use, and the search for a better one.
pub(crate) struct Outlet {
    pub(crate) sink: Box<dyn Sink>,
    /// A sound server is wanted, but the null sink is in use.
    searching: bool,
    candidate: Option<Pulse>,
    /// Talks to sound servers; `None` where none is wanted, or no thread was to be had yet.
    talker: Option<Talker>,
    asked: Asked,
    /// The question that is to be asked: whether it may take as long as it likes.
    question: Option<bool>,
    next_look_ns: u64,
}

/// An answer that is there already.
fn at_once(line: Line) -> Receiver<Answer> {
    let (answer, answers) = bounded(1);
    let _ = answer.try_send(Ok(line));
    answers
}

impl Outlet {
    /// Begins with what is wanted; where that is a sound server, by `line`, a predecessor's, if there is one. Nothing is waited for.
    pub(crate) fn new(
        spec: &SinkSpec,
        line: Option<Line>,
        unpaced: bool,
        paused: bool,
        gain: f32,
        now_ns: u64,
    ) -> Self {
        // No sound server plays faster than one hears.
        let wants_server = matches!(spec, SinkSpec::Auto | SinkSpec::Pulse) && !unpaced;
        let mut this = Self {
            sink: Box::new(Null::new(unpaced, paused)),
            searching: wants_server,
            candidate: None,
            talker: wants_server.then(Talker::start).and_then(Result::ok),
            asked: Asked::No,
            question: None,
            next_look_ns: now_ns,
        };
        let Some(talker) = &this.talker else { return this };
        let legacy = line.as_ref().and_then(Line::legacy);
        let (asked, lines) = match line {
            Some(line) => (Asked::No, at_once(line)),
            None => {
                let (answer, answers) = bounded(1);
                (Asked::InUse(answer), answers)
            }
        };
        if let Ok(pulse) = Pulse::open(talker, lines, legacy, paused, gain, now_ns) {
            this.question = matches!(asked, Asked::InUse(_)).then_some(false);
            (this.sink, this.searching, this.asked) = (Box::new(pulse), false, asked);
        }
        this
    }

    /// What is to be asked now, once: for a connection, and whether that may take as long as it likes.
    pub(crate) fn question(&mut self) -> Option<bool> {
        self.question.take()
    }

    /// The answer.
    pub(crate) fn answered(&mut self, answer: Answer, now_ns: u64, paused: bool, gain: f32, source: Option<Format>) {
        match std::mem::replace(&mut self.asked, Asked::No) {
            Asked::No => {}
            Asked::InUse(waits) => drop(waits.try_send(answer)),
            Asked::Patiently => {
                self.next_look_ns = now_ns + LOOK_NS;
                let opened = answer.and_then(|line| {
                    if self.talker.is_none() {
                        self.talker = Talker::start().ok();
                    }
                    let talker = self.talker.as_ref().ok_or("there is no thread to be had")?;
                    Pulse::open(talker, at_once(line), None, paused, gain, now_ns)
                });
                match opened {
                    Ok(mut pulse) => {
                        let _ = pulse.takes(source.unwrap_or(Format::stereo(48_000)));
                        self.candidate = Some(pulse);
                    }
                    Err(why) => tracing::info!("{why}"),
                }
            }
        }
    }

    /// Looks after the sink in use, and for a server.
    pub(crate) fn tend(&mut self, now_ns: u64, paused: bool, gain: f32) -> Option<Change> {
        if let Health::Lost(why) = self.sink.health(now_ns).clone() {
            (self.sink, self.searching) = (Box::new(Null::new(false, paused)), true);
            self.next_look_ns = now_ns + LOOK_NS;
            return Some(Change::ToNull(why));
        }
        if !self.searching {
            return None;
        }
        match self.candidate.as_mut().map(|pulse| pulse.health(now_ns).clone()) {
            None if now_ns >= self.next_look_ns && matches!(self.asked, Asked::No) => {
                (self.asked, self.question) = (Asked::Patiently, Some(true));
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
