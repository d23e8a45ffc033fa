//! What a role may say. Any role may have been taken over by what it reads, so what it says is looked at before anybody acts on it: whether it is
//! for this role to say, whether its numbers can be, how often it speaks. Pure.
//!
//! | message | who may say it |
//! |---|---|
//! | `Ready`, `Confined`, `Notice`, `Failed` | every role |
//! | `Opened`, `Listed` | the role that reads the input |
//! | `NeedChannel` | who produces such a stream |
//! | `Switched` | who consumes such a stream |
//! | `Output`, `Ending`, `Ended` | who consumes a stream |
//! | `Key` | who draws, where it draws in a window |
//! | `Pictured` | who draws |
//! | `NeedLine` | who plays on a server |

use std::ffi::OsStr;

use tricine_session::channel::Side;
use tricine_session::control::Role;
use tricine_session::frame::{MAX_CHANNELS, MAX_SAMPLE_RATE, MAX_SIDE, i420_len};
use tricine_session::link::{DisplaySpec, FromRole, Key, Listing, Opened, SubtitleSummary};
use tricine_session::name::shown;
use tricine_session::role::Inherits;

/// No film is longer (104 days), in ns; no stream has more frames.
pub(crate) const LONGEST_NS: i64 = 1 << 53;
pub(crate) const MOST_FRAMES: u64 = 1 << 47;
/// A picture of 8K, which a film may grow to whatever it has declared; and how much larger than declared a picture may become.
const LARGE: u64 = i420_len(8_192, 4_352) as u64;
const GROWTH: u64 = 16;
/// Bytes of a block of sound.
const LARGEST_BLOCK: u64 = 16 << 20;
/// Pictures or sound that cannot be played are said in so many lines.
const MOST_MISSING: usize = 8;
/// So many tracks and chapters are taken from a message.
const MOST_LISTED: usize = 64;
/// Tracks of subtitles that are listed.
const MOST_SUBTITLES: usize = 64;
/// The longest header of a stream, in bytes.
const LONGEST_HEADER: usize = 4_096;
/// How far one key leads, in s.
const FARTHEST_S: i32 = 100_000;

/// `message` as it counts, if it is for `role` to say.
///
/// `declared` is what the input is said to hold; `display` is where the film is shown.
pub(crate) fn admit(
    role: Role,
    message: FromRole,
    declared: Option<&Opened>,
    display: &DisplaySpec,
) -> Option<FromRole> {
    Some(match message {
        FromRole::Ready | FromRole::Confined(_) => message,
        FromRole::Notice(text) => FromRole::Notice(shown(text)),
        FromRole::Failed(text) => FromRole::Failed(shown(text)),
        FromRole::Opened(opened) if role.entry().inherits == Inherits::Input => {
            FromRole::Opened(in_range(*opened).into())
        }
        FromRole::Listed(listing) if role.entry().inherits == Inherits::Input => FromRole::Listed(listed(listing)),
        FromRole::NeedChannel { kind, capacity, base, resume_pts_ns, resume_serial }
            if role.side(kind) == Some(Side::Producer)
                && (1..=most_capacity(kind, declared)).contains(&capacity)
                && base <= MOST_FRAMES =>
        {
            let resume_pts_ns = resume_pts_ns.clamp(-LONGEST_NS, LONGEST_NS);
            FromRole::NeedChannel { kind, capacity, base, resume_pts_ns, resume_serial }
        }
        FromRole::Switched { kind, .. } if role.side(kind) == Some(Side::Consumer) => message,
        FromRole::Output(text) if role.consumes().is_some() => FromRole::Output(shown(text)),
        FromRole::Ending { .. } | FromRole::Ended { .. } if role.consumes().is_some() => message,
        FromRole::Key(Key::Seek(seconds)) if types(role, display) => {
            FromRole::Key(Key::Seek(seconds.clamp(-FARTHEST_S, FARTHEST_S)))
        }
        FromRole::Key(Key::Chapter(by)) if types(role, display) => {
            FromRole::Key(Key::Chapter(by.clamp(-FARTHEST_S, FARTHEST_S)))
        }
        FromRole::Key(_) if types(role, display) => message,
        FromRole::NeedLine { .. } if role.entry().inherits == Inherits::Sink => message,
        FromRole::Pictured(done) if role.entry().draws => FromRole::Pictured(done.map_err(shown)),
        FromRole::Opened(_)
        | FromRole::Listed(_)
        | FromRole::NeedChannel { .. }
        | FromRole::Switched { .. }
        | FromRole::Output(_)
        | FromRole::Ending { .. }
        | FromRole::Ended { .. }
        | FromRole::Key(_)
        | FromRole::NeedLine { .. }
        | FromRole::Pictured(_) => return None,
    })
}

/// Whether keys come by way of this role.
fn types(role: Role, display: &DisplaySpec) -> bool {
    role.entry().draws && *display == DisplaySpec::Window
}

/// The largest slot that a stream may want, in bytes.
fn most_capacity(kind: tricine_session::channel::Kind, declared: Option<&Opened>) -> u64 {
    match kind {
        tricine_session::channel::Kind::Audio => LARGEST_BLOCK,
        tricine_session::channel::Kind::Cues => tricine_session::cues::LONGEST_PAGE,
        tricine_session::channel::Kind::Video => {
            let picture = declared.and_then(|opened| opened.video.as_ref());
            let declared = picture.map_or(0, |picture| i420_len(picture.width, picture.height) as u64);
            (GROWTH * declared).max(LARGE).min(i420_len(MAX_SIDE, MAX_SIDE) as u64)
        }
    }
}

/// Tracks and chapters; the later ones follow in other messages.
fn listed(listing: Listing) -> Listing {
    let Listing { mut tracks, mut chapters } = listing;
    tracks.truncate(MOST_LISTED);
    tracks.iter_mut().for_each(|track| track.title = shown(&track.title));
    chapters.truncate(MOST_LISTED);
    for (start_ns, title) in &mut chapters {
        *start_ns = (*start_ns).clamp(0, LONGEST_NS);
        *title = shown(OsStr::new(title));
    }
    Listing { tracks, chapters }
}

fn in_range(opened: Opened) -> Opened {
    let Opened {
        mut video,
        mut audio,
        duration_ns,
        seekable,
        stream_header,
        missing,
        cover,
        container,
        title,
        artist,
        ..
    } = opened;
    let subtitles = opened.subtitles.into_iter().take(MOST_SUBTITLES);
    let text = |text: String| shown(OsStr::new(&text));
    if let Some(video) = &mut video {
        video.codec = shown(&video.codec);
        video.light = video.light.as_deref().map(shown);
        (video.width, video.height) = (video.width.clamp(1, MAX_SIDE), video.height.clamp(1, MAX_SIDE));
        video.rate = video.rate.filter(|rate| *rate > 0.0 && *rate < 1e6);
        video.frames = video.frames.filter(|&frames| frames <= MOST_FRAMES);
    }
    if let Some(audio) = &mut audio {
        audio.codec = shown(&audio.codec);
        audio.sample_rate = audio.sample_rate.clamp(1, MAX_SAMPLE_RATE);
        audio.channels = audio.channels.clamp(1, MAX_CHANNELS as u16);
    }
    Opened {
        video,
        audio,
        duration_ns: duration_ns.filter(|ns| (0..=LONGEST_NS).contains(ns)),
        seekable,
        // For a successor alone.
        stream_header: stream_header.filter(|header| header.len() <= LONGEST_HEADER),
        missing: missing.into_iter().take(MOST_MISSING).map(text).collect(),
        cover,
        container: text(container),
        title: title.map(text),
        subtitles: subtitles.map(|track| SubtitleSummary { title: text(track.title), ..track }).collect(),
        subtitle: opened.subtitle,
        artist: artist.map(text),
    }
}

/// How often something may be done: `burst` times at once, then so often a second.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    burst: f64,
    a_second: f64,
    left: f64,
    at_ns: u64,
}

impl Allowance {
    pub(crate) const fn new(burst: u32, a_second: u32) -> Self {
        Self { burst: burst as f64, a_second: a_second as f64, left: burst as f64, at_ns: 0 }
    }

    /// Whether it may be done once more at `now_ns`.
    pub(crate) fn take(&mut self, now_ns: u64) -> bool {
        let passed_s = now_ns.saturating_sub(self.at_ns) as f64 / 1e9;
        self.at_ns = self.at_ns.max(now_ns);
        self.left = (self.left + passed_s * self.a_second).min(self.burst);
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricine_session::channel::Kind;
    use tricine_session::link::{AudioSummary, TrackSummary, VideoSummary};
    use tricine_session::sandbox::Walls;

    const NEED: FromRole =
        FromRole::NeedChannel { kind: Kind::Video, capacity: 1, base: 0, resume_pts_ns: 0, resume_serial: 1 };

    fn admitted(role: Role, message: FromRole) -> bool {
        admit(role, message, None, &DisplaySpec::Window).is_some()
    }

    #[test]
    fn each_message_is_for_some_roles_and_no_other() {
        let all = Role::ALL.to_vec();
        let walls = Walls { landlock: true, seccomp: true };
        let table = [
            (FromRole::Ready, all.clone()),
            (FromRole::Confined(walls), all.clone()),
            (FromRole::Notice(String::new()), all.clone()),
            (FromRole::Failed(String::new()), all),
            (FromRole::Opened(Box::default()), vec![Role::Decoder]),
            (NEED, vec![Role::Decoder]),
            (FromRole::Switched { kind: Kind::Video, generation: 0 }, vec![Role::Renderer]),
            (FromRole::Switched { kind: Kind::Audio, generation: 0 }, vec![Role::Audio]),
            (FromRole::Listed(Listing::default()), vec![Role::Decoder]),
            (FromRole::Switched { kind: Kind::Cues, generation: 0 }, vec![Role::Renderer]),
            (FromRole::Output(String::new()), vec![Role::Audio, Role::Renderer]),
            (FromRole::Ending { serial: 1 }, vec![Role::Audio, Role::Renderer]),
            (FromRole::Ended { serial: 1 }, vec![Role::Audio, Role::Renderer]),
            (FromRole::Key(Key::Quit), vec![Role::Renderer]),
            (FromRole::Pictured(Ok(())), vec![Role::Renderer]),
            (FromRole::NeedLine { patient: true }, vec![Role::Audio]),
        ];
        for (message, may) in table {
            for role in Role::ALL {
                assert_eq!(admitted(role, message.clone()), may.contains(&role), "{role}: {message:?}");
            }
        }
        for display in [DisplaySpec::Terminal, DisplaySpec::None] {
            assert_eq!(admit(Role::Renderer, FromRole::Key(Key::Quit), None, &display), None, "{display:?}");
        }
    }

    #[test]
    fn numbers_come_into_range_and_text_is_shown_and_not_obeyed() {
        let video = VideoSummary {
            codec: "\x1b[2J".into(),
            light: Some("\x1b".repeat(9_000)),
            width: 0,
            height: 1 << 31,
            rate: Some(f64::NAN),
            frames: Some(u64::MAX),
        };
        let audio = AudioSummary { codec: "x".repeat(9_000), sample_rate: 0, channels: 999 };
        let opened = Opened {
            video: Some(video),
            audio: Some(audio),
            duration_ns: Some(-5),
            seekable: true,
            stream_header: Some("x".repeat(5_000)),
            missing: vec!["\n".into(); 1_000],
            cover: true,
            container: "\x07".into(),
            title: Some("\x1b".into()),
            artist: Some("x".repeat(9_000)),
            subtitles: vec![SubtitleSummary { title: "\x1b".repeat(9_000), shown: true }; 100],
            subtitle: 7,
        };
        let Some(FromRole::Opened(opened)) =
            admit(Role::Decoder, FromRole::Opened(opened.into()), None, &DisplaySpec::None)
        else {
            panic!("it is for the decoder to say");
        };
        let (video, audio) = (opened.video.unwrap(), opened.audio.unwrap());
        assert_eq!((video.width, video.height, video.rate, video.frames), (1, MAX_SIDE, None, None));
        assert_eq!((audio.sample_rate, audio.channels, opened.duration_ns, opened.stream_header), (1, 8, None, None));
        assert!(video.light.unwrap_or_default().len() < 40_000);
        assert!(video.codec.is_ascii() && !video.codec.contains('\x1b') && audio.codec.len() < 400);
        assert!(opened.missing.len() == MOST_MISSING && !opened.missing[0].contains('\n'));
        assert!(!opened.container.contains('\x07') && !opened.title.is_some_and(|title| title.contains('\x1b')));
        assert!(opened.artist.is_some_and(|artist| artist.len() < 400));
        let track = TrackSummary { kind: Kind::Audio, title: "\x1b".into(), played: true };
        let listing = Listing { tracks: vec![track; 99], chapters: vec![(i64::MIN, "\x07".repeat(9_000)); 99] };
        let Some(FromRole::Listed(listing)) = admit(Role::Decoder, FromRole::Listed(listing), None, &DisplaySpec::None)
        else {
            panic!("it is for the decoder to say");
        };
        assert!(listing.tracks.len() == MOST_LISTED && !listing.tracks[0].title.contains('\x1b'));
        assert!(listing.chapters[0].0 == 0 && listing.chapters[0].1.len() < 400);
        let title = &opened.subtitles[0].title;
        assert!(opened.subtitles.len() == MOST_SUBTITLES && title.len() < 400 && !title.contains('\x1b'));
        for text in [FromRole::Notice("\x07".into()), FromRole::Failed("\x07".into())] {
            assert!(!format!("{:?}", admit(Role::Audio, text, None, &DisplaySpec::None)).contains('\x07'));
        }
    }

    #[test]
    fn regions_are_as_large_as_the_film_may_need() {
        let need = |kind, capacity, base| FromRole::NeedChannel {
            kind,
            capacity,
            base,
            resume_pts_ns: i64::MIN,
            resume_serial: 1,
        };
        assert!(admitted(Role::Decoder, need(Kind::Video, LARGE, 0)));
        for (kind, capacity, base) in
            [(Kind::Video, LARGE + 1, 0), (Kind::Video, 0, 0), (Kind::Audio, 1 << 27, 0), (Kind::Audio, 1, u64::MAX)]
        {
            assert!(!admitted(Role::Decoder, need(kind, capacity, base)), "{kind} {capacity} {base}");
        }
        let video =
            VideoSummary { codec: String::new(), light: None, width: 16_384, height: 16_384, rate: None, frames: None };
        let declared = Opened { video: Some(video), ..Opened::default() };
        let largest = i420_len(MAX_SIDE, MAX_SIDE) as u64;
        for (capacity, may) in [(largest, true), (largest + 1, false)] {
            let said = admit(Role::Decoder, need(Kind::Video, capacity, 0), Some(&declared), &DisplaySpec::None);
            assert_eq!(said.is_some(), may);
        }
    }

    #[test]
    fn a_burst_is_allowed_and_then_so_much_a_second() {
        let mut allowance = Allowance::new(10, 2);
        let taken = |allowance: &mut Allowance, at_ns| (0..1_000).filter(|_| allowance.take(at_ns)).count();
        assert_eq!(taken(&mut allowance, 1_000_000_000), 10);
        assert_eq!(taken(&mut allowance, 4_000_000_000), 6);
        // A clock that stands still, or back, gives nothing.
        assert_eq!(taken(&mut allowance, 3_000_000_000), 0);
    }
}
