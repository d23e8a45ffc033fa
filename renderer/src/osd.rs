//! What is said over the picture, and for how long: time, volume, messages, keys, the pipeline. Only what is to be seen;
//! how it looks is the displays' business.

pub(crate) use tricine_channel::channel::ownership::State as Slot;
use tricine_session::channel::Channel;
use tricine_session::clock::PlayState;
use tricine_session::control::ControlRegion;

use crate::schedule::Master;
use crate::subtitle::Drawn;

const MS: u64 = 1_000_000;
/// How long a change of time, state or volume stays.
const CHANGE_NS: u64 = 1500 * MS;
/// How long a message stays at least, and for each of its letters: three words a second.
const MESSAGE_NS: u64 = 2200 * MS;
const LETTER_NS: u64 = 60 * MS;
/// How often figures change, so that they can be read.
const FIGURES_NS: u64 = 250 * MS;

/// All that lies over the picture at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Overlay {
    /// What the picture belongs to; empty for nothing.
    pub(crate) caption: String,
    /// Time and state.
    pub(crate) bar: Option<Bar>,
    /// 0..=100, and whether the sound is off.
    pub(crate) volume: Option<(u8, bool)>,
    /// A few words.
    pub(crate) message: Option<String>,
    /// How the frames travel.
    pub(crate) pipeline: Option<Pipeline>,
    /// The keys.
    pub(crate) help: bool,
    /// Subtitles as pictures of letters.
    pub(crate) subtitles: Option<Drawn>,
    /// Subtitles as lines of letters.
    pub(crate) lines: Vec<String>,
}

impl Overlay {
    /// Whether nothing is to be drawn.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the film is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// In whole seconds.
    pub(crate) position_s: i64,
    /// In whole seconds, if known.
    pub(crate) duration_s: Option<i64>,
    /// 0..=1000, if the length is known.
    pub(crate) permille: Option<u16>,
    /// Where chapters begin, 0..=1000, but for those at the beginning and the end.
    pub(crate) marks: Vec<u16>,
    pub(crate) paused: bool,
    pub(crate) muted: bool,
    pub(crate) looping: bool,
    pub(crate) speed: f64,
}

/// How the frames travel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    /// What each slot is doing.
    pub(crate) slots: [Slot; 3],
    /// A name and a figure each.
    pub(crate) figures: Vec<(&'static str, String)>,
}

/// The keys, as the help lists them.
pub(crate) const KEYS: [(&str, &str); 20] = [
    ("Space  p", "pause"),
    ("Left  Right", "5 seconds"),
    ("Down  Up", "1 minute"),
    ("PgDn  PgUp", "chapter"),
    (".", "one frame on"),
    ("#  _", "sound, pictures"),
    ("[  ]", "slower, faster"),
    ("9  0", "volume"),
    ("m", "mute"),
    ("f", "full screen"),
    ("l", "loop"),
    ("s", "screenshot"),
    ("o", "the pipeline"),
    ("j  J", "subtitles"),
    ("v", "hide subtitles"),
    ("z  Z", "subtitles earlier, later"),
    ("n  >", "next input"),
    ("?  h", "these keys"),
    ("Esc", "window, or quit"),
    ("q", "quit"),
];

/// What is shown until when.
#[derive(Debug, Default)]
pub(crate) struct Osd {
    last: Option<PlayState>,
    /// Where chapters begin, in ns.
    pub(crate) chapters: Vec<i64>,
    /// What lies under the picture all the time; empty for nothing.
    pub(crate) caption: String,
    bar_until: u64,
    volume_until: u64,
    message: Option<(String, u64)>,
    help: bool,
    figures: Option<(Pipeline, u64)>,
}

impl Osd {
    /// Takes note of what the user wants now, and so of what has changed.
    pub(crate) fn state(&mut self, state: &PlayState, now_ns: u64) {
        if let Some(last) = &self.last {
            let same = |s: &PlayState| (s.serial, s.paused, s.looping, s.speed.to_bits());
            if same(last) != same(state) {
                self.bar_until = now_ns + CHANGE_NS;
            }
            if (last.volume, last.muted) != (state.volume, state.muted) {
                self.volume_until = now_ns + CHANGE_NS;
            }
        }
        self.last = Some(*state);
    }

    /// Shows a few words for a moment.
    pub(crate) fn message(&mut self, text: String, now_ns: u64) {
        let stays_ns = MESSAGE_NS.max(text.chars().count() as u64 * LETTER_NS);
        self.message = (!text.is_empty()).then_some((text, now_ns + stays_ns));
    }

    /// Shows or hides the keys.
    pub(crate) fn toggle_help(&mut self) {
        self.help = !self.help;
    }

    /// What is to be seen now; the time always where it is in nobody's way. `pipeline` is asked for its figures only while they are shown, and not too often.
    pub(crate) fn compose(
        &mut self,
        now_ns: u64,
        position_ns: i64,
        duration_ns: Option<i64>,
        always: bool,
        pipeline: impl FnOnce() -> Pipeline,
    ) -> Overlay {
        let Some(state) = self.last else { return Overlay::default() };
        let all = state.osd > 0;
        if !all {
            self.figures = None;
        } else if self.figures.as_ref().is_none_or(|(_, until)| now_ns >= *until) {
            self.figures = Some((pipeline(), now_ns + FIGURES_NS));
        }
        if self.message.as_ref().is_some_and(|(_, until)| now_ns >= *until) {
            self.message = None;
        }
        let position_ns = position_ns.clamp(0, duration_ns.unwrap_or(i64::MAX).max(0));
        let whole = |ns: i64| ns / 1_000_000_000;
        let permille = |ns: i64| {
            let duration = duration_ns.filter(|&duration| duration > 0)?;
            Some((i128::from(ns) * 1000 / i128::from(duration)).clamp(0, 1000) as u16)
        };
        let bar = (all || always || now_ns < self.bar_until).then(|| Bar {
            position_s: whole(position_ns),
            duration_s: duration_ns.map(whole),
            permille: permille(position_ns),
            marks: {
                let all = self.chapters.iter().filter_map(|&start| permille(start));
                let mut marks: Vec<u16> = all.filter(|mark| (1..1000).contains(mark)).collect();
                marks.dedup();
                marks
            },
            paused: state.paused,
            muted: state.muted,
            looping: state.looping,
            speed: state.speed,
        });
        Overlay {
            caption: self.caption.clone(),
            bar,
            volume: (now_ns < self.volume_until).then_some((state.volume, state.muted)),
            message: self.message.as_ref().map(|(text, _)| text.clone()),
            pipeline: self.figures.as_ref().map(|(p, _)| p.clone()),
            help: self.help,
            ..Overlay::default()
        }
    }

    /// When the overlay has to change next by itself, in ns on CLOCK_MONOTONIC.
    pub(crate) fn next_change(&self, now_ns: u64) -> Option<u64> {
        let times = [self.bar_until, self.volume_until];
        let more = [self.message.as_ref().map(|m| m.1), self.figures.as_ref().map(|f| f.1)];
        times.into_iter().chain(more.into_iter().flatten()).filter(|&t| t > now_ns).min()
    }
}

/// `1:02:03`, or `2:03` for what is shorter than an hour.
pub(crate) fn clock_text(seconds: i64) -> String {
    let s = seconds.max(0);
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

impl Pipeline {
    /// Reads the figures of all roles.
    pub(crate) fn read(control: &ControlRegion, channel: Option<&Channel>, master: Option<&Master>) -> Self {
        let (decoder, renderer) = (control.decoder(), control.renderer());
        let published = decoder.video_published.get();
        let offset = renderer.av_offset_ns.count() > 0;
        let offset = offset.then(|| renderer.last_av_offset_ns.get() as i64 as f64 / 1e6);
        let late = renderer.present_late_ns.quantile(0.99).map(|ns| ns as f64 / 1e6);
        let ms = |value: Option<f64>| value.map_or("-".into(), |ms| format!("{ms:.1} ms"));
        let clock = match master {
            Some(Master::Audio(_)) => "audio",
            Some(Master::Own(_)) => "own",
            None => "none yet",
        };
        Self {
            slots: channel.map_or([Slot::Free; 3], Channel::states),
            figures: vec![
                ("decoded", decoder.video_decoded.get().to_string()),
                ("queued", published.saturating_sub(renderer.received.get()).to_string()),
                ("presented", renderer.presented.get().to_string()),
                ("dropped", renderer.dropped.get().to_string()),
                ("repeated", renderer.repeated.get().to_string()),
                ("clock", clock.into()),
                ("A/V", offset.map_or("-".into(), |ms| format!("{ms:+.1} ms"))),
                ("late p99", ms(late)),
            ],
        }
    }
}
