//! Subtitles as a stream: its items are pages, one after another without a gap. Which track they are from is what the user wants when
//! the stream goes to a place; each change of that is such a going.

use std::sync::Arc;

use tricine_channel::time::mono_ns;
use tricine_media::subtitle::{Backdrop, Body, Cue, Fonts, Look, Page, Pages, Place, Subtitles};
use tricine_media::{MediaError, MediaFile};
use tricine_session::channel::{Kind, WriteSlot};
use tricine_session::clock::PlayState;
use tricine_session::cues;
use tricine_session::frame::FrameMeta;
use tricine_session::link::{DisplaySpec, SubtitleSummary};

use crate::Context;
use crate::fonts::Sending;
use crate::stream::Stream;

/// Bytes of a slot to begin with: many lines of text. Pictures make it grow.
pub(crate) const PAGE_CAPACITY: u64 = 64 << 10;

/// The pages of the track that the user wants.
pub(crate) struct Text {
    context: Arc<Context>,
    subtitles: Subtitles,
    /// The track that is open, and its number.
    open: Option<(u16, Pages)>,
    /// The last track of which something was said: it is said once.
    told: Option<u16>,
    /// Where a page without a track begins.
    blank: Option<i64>,
    /// The fonts that come with the track, and the number of their set.
    fonts: (u64, Fonts),
    /// Those that are being sent, and where the pages behind them begin.
    sending: Option<(Sending, i64)>,
    /// The number of the last set: no other process has it.
    last_set: u64,
}

/// A page, ready to be published.
pub(crate) struct Ready {
    start_ns: i64,
    end_ns: i64,
    bytes: Vec<u8>,
}

impl Text {
    pub(crate) fn new(context: Arc<Context>, subtitles: Subtitles) -> Self {
        let (fonts, last_set) = (<_>::default(), mono_ns());
        Self { context, subtitles, open: None, told: None, blank: None, fonts, sending: None, last_set }
    }

    /// Opens the track, unless it is open.
    fn choose(&mut self, track: u16) {
        if self.open.as_ref().is_some_and(|(open, _)| *open == track) {
            return;
        }
        self.open = None;
        self.fonts = <_>::default();
        self.context.page().fonts.set(0);
        if track == 0 {
            return;
        }
        let told = self.told.replace(track) == Some(track);
        let said = match self.subtitles.open(track.into()) {
            Ok((pages, said)) => {
                self.open = Some((track, pages));
                let left_out = self.find_fonts(track);
                said.or(left_out)
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(text) = said.filter(|_| !told && self.context.spec.restarts == 0) {
            // The supervisor is gone, or has no room for it: either is seen elsewhere.
            let _ = self.context.notice(text);
        }
    }

    /// Looks for the fonts of a track. What the user should know of it.
    fn find_fonts(&mut self, track: u16) -> Option<String> {
        let fonts = self.subtitles.fonts(track.into());
        let (found, left_out) = (fonts.fonts.len(), fonts.left_out);
        if found > 0 {
            self.last_set += 1;
            tracing::info!("fonts that come with the subtitles: {found}");
            self.fonts = (self.last_set, fonts);
            self.context.page().fonts.set(self.last_set);
        }
        (left_out > 0).then(|| {
            format!("{left_out} of the fonts that come with the subtitles are too large or too many, and not used")
        })
    }

    /// Begins to send the fonts of the track to a renderer that lacks them.
    fn offer_fonts(&mut self, target_ns: i64) {
        let window = matches!(self.context.spec.work.display, DisplaySpec::Window);
        let lacks = window && self.open.is_some() && self.context.control.renderer().fonts.get() != self.fonts.0;
        self.sending = lacks.then(|| (Sending::new(self.fonts.0, &self.fonts.1), target_ns));
    }
}

/// Adds the files that came with the orders to the film's own subtitles.
pub(crate) fn gather(context: &Context, subtitles: &mut Subtitles) {
    use tricine_media::subtitle::Origin;
    let files = context.files.lock().map(|mut files| std::mem::take(&mut *files)).unwrap_or_default();
    let film = match &context.spec.work.input {
        tricine_session::link::InputSpec::File(name) => name.to_string(),
        _ => String::new(),
    };
    for (about, file) in context.spec.work.tracks.subtitle_files.iter().zip(files) {
        let origin = if about.given { Origin::Given } else { Origin::Beside };
        match MediaFile::new(file.into(), about.name.to_string()) {
            Ok(file) => subtitles.add(&film, file, origin),
            Err(error) => tracing::warn!("{}: {error}", about.name),
        }
    }
}

/// What the supervisor is told of them.
pub(crate) fn summaries(subtitles: &Subtitles) -> Vec<SubtitleSummary> {
    let told = |track: &tricine_media::subtitle::SubtitleTrack| {
        let mut words = vec![track.codec.clone()];
        words.extend(track.language.clone());
        words.extend(track.name.as_ref().map(|name| format!("\u{201c}{name}\u{201d}")));
        words.extend(track.forced.then(|| "forced".to_owned()));
        // Many of them go into one message.
        SubtitleSummary { title: words.join(", ").chars().take(80).collect(), shown: track.problem.is_none() }
    };
    subtitles.tracks().map(told).collect()
}

impl Stream for Text {
    const KIND: Kind = Kind::Cues;
    const AHEAD: usize = 2;
    type Item = Ready;
    type Part = Ready;

    fn serial(state: &PlayState) -> u32 {
        state.subtitles.serial
    }

    /// Where the film is, less what subtitles are late by.
    fn target(context: &Context, state: &PlayState) -> i64 {
        let film_ns = context.control.clock(state.serial).map_or(state.target_ns, |clock| clock.pts_at(mono_ns()));
        film_ns.saturating_sub(state.subtitles.delay_ns())
    }

    fn go_to(&mut self, target_ns: i64, _: bool) -> Result<(), MediaError> {
        // What is newer than the goal is followed by a goal of its own.
        let track = self.context.control.state().map_or(0, |(_, state)| state.subtitles.track);
        self.choose(track);
        self.blank = self.open.is_none().then_some(target_ns);
        self.offer_fonts(target_ns);
        self.open.as_mut().map_or(Ok(()), |(_, pages)| pages.seek(target_ns))
    }

    fn next(&mut self) -> Result<Option<Ready>, MediaError> {
        if let Some((sending, at_ns)) = &mut self.sending {
            if let Some(part) = sending.next() {
                // Of no length: no page is so.
                return Ok(Some(Ready { start_ns: *at_ns, end_ns: *at_ns, bytes: part.encode() }));
            }
            self.sending = None;
        }
        let page = match &mut self.open {
            Some((_, pages)) => pages.next_page()?,
            None => self.blank.take().map(|start_ns| Page { start_ns, end_ns: start_ns + 1, cues: Vec::new() }),
        };
        Ok(page.map(|page| Ready { start_ns: page.start_ns, end_ns: page.end_ns, bytes: encoded(&page) }))
    }

    fn pts_ns(page: &Ready) -> i64 {
        page.start_ns
    }

    fn parts(page: Ready) -> impl Iterator<Item = Ready> {
        std::iter::once(page)
    }

    fn part_pts_ns(page: &Ready) -> i64 {
        page.start_ns
    }

    fn len(page: &Ready) -> usize {
        page.bytes.len()
    }

    fn write(page: &mut Ready, slot: &mut WriteSlot<'_>) -> FrameMeta {
        slot.payload()[..page.bytes.len()].copy_from_slice(&page.bytes);
        FrameMeta {
            pts_ns: page.start_ns,
            duration_ns: page.end_ns.saturating_sub(page.start_ns),
            ..FrameMeta::bytes(page.bytes.len() as u64)
        }
    }
}

fn encoded(page: &Page) -> Vec<u8> {
    let cue = |cue: &Cue| cues::Cue { start_ns: cue.start_ns, end_ns: cue.end_ns, body: body(&cue.body) };
    cues::Page { start_ns: page.start_ns, cues: page.cues.iter().map(|on| cue(on)).collect() }.encode()
}

fn body(body: &Body) -> cues::Body {
    match body {
        Body::Text { spans, place } => cues::Body::Text {
            spans: spans.iter().map(|part| span(&part.text, &part.look)).collect(),
            place: placed(place),
        },
        Body::Shape { outlines, look, place } => {
            cues::Body::Shape { outlines: outlines.clone(), look: Box::new(span("", look)), place: placed(place) }
        }
        Body::Animated(_) => cues::Body::Text { spans: Vec::new(), place: placed(&Place::default()) },
        Body::Picture(picture) => cues::Body::Picture {
            within: picture.within,
            x: picture.x,
            y: picture.y,
            width: picture.width,
            height: picture.height,
            palette: picture.palette.clone(),
            indices: picture.indices.clone(),
        },
    }
}

fn span(text: &str, look: &Look) -> cues::Span {
    cues::Span {
        text: text.to_owned(),
        bold: look.bold,
        italic: look.italic,
        underline: look.underline,
        strike: look.strike,
        color: look.color,
        edge: look.edge,
        shade: look.shade,
        size: look.size,
        border: look.border,
        shadow: look.shadow,
        blur: look.blur,
        spacing: look.spacing,
        scale: look.scale,
        font: look.font.clone(),
        sweep: look.sweep,
    }
}

fn placed(place: &Place) -> cues::Place {
    cues::Place {
        align: place.align,
        at: place.at,
        sides: place.sides,
        margin: place.margin,
        layer: place.layer,
        angle: place.angle,
        tilt: place.tilt,
        far: place.far,
        shear: place.shear,
        origin: place.origin,
        unbroken: place.unbroken,
        backdrop: match place.backdrop {
            Backdrop::None => cues::Backdrop::None,
            Backdrop::Lines => cues::Backdrop::Lines,
            Backdrop::Whole => cues::Backdrop::Whole,
        },
        fade: place.fade.map(|fade| cues::Fade { levels: fade.levels, times_ns: fade.times_ns }),
        motion: place.motion.map(|motion| cues::Motion { to: motion.to, times_ns: motion.times_ns }),
        clip: place.clip,
    }
}
