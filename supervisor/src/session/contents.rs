//! What the user can go to in an input: its chapters, and other tracks of pictures and of sound.

use tricine_session::Result;
use tricine_session::channel::Kind;
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, Listing, ToRole, TrackSummary, TracksSpec};

use super::{Session, inputs};
use crate::cli::Play;
use crate::supervision::Event;

/// The most that is remembered of an input.
const MOST_TRACKS: usize = 256;
const MOST_CHAPTERS: usize = 2_000;
/// Who is so far in a chapter and wants the one before is taken to the beginning of this one.
const SETTLED_NS: i64 = 5_000_000_000;
/// A chapter has begun if it begins so soon: the picture in front of it may still be the one that is shown.
const NEAR_NS: i64 = 200_000_000;

/// The tracks that the options ask for.
pub(super) fn asked(options: &Play, covers: bool) -> TracksSpec {
    TracksSpec {
        video: options.vid,
        sound: options.aid,
        languages: options.alang.clone(),
        interlaced: !options.deinterlace,
        covers,
        strict: true,
        ..TracksSpec::default()
    }
}

/// Takes in a part of what an input is made of.
pub(super) fn add(all: &mut Listing, part: Listing) {
    all.tracks.extend(part.tracks);
    all.tracks.truncate(MOST_TRACKS);
    all.chapters.extend(part.chapters);
    all.chapters.truncate(MOST_CHAPTERS);
}

/// The chapter at a time.
fn chapter_at(listing: &Listing, position_ns: i64) -> Option<usize> {
    listing.chapters.iter().rposition(|chapter| chapter.0 <= position_ns.saturating_add(NEAR_NS))
}

/// Where one gets to from a time by going on, or back, by so many chapters.
fn chapter_from(listing: &Listing, position_ns: i64, by: i32) -> Option<usize> {
    let here = chapter_at(listing, position_ns);
    let settled = here.is_some_and(|here| position_ns - listing.chapters[here].0 > SETTLED_NS);
    let here = here.map_or(-1, |here| here as i64) + i64::from(settled && by < 0);
    let to = here.saturating_add(by.into());
    usize::try_from(to).ok().filter(|&to| to < listing.chapters.len()).or((by < 0 && here == 0).then_some(0))
}

/// A chapter's name for a line: its number and its title.
fn chapter_text(listing: &Listing, chapter: usize) -> String {
    let title = &listing.chapters[chapter].1;
    let colon = if title.is_empty() { "" } else { ": " };
    format!("chapter {} of {}{colon}{title}", chapter + 1, listing.chapters.len())
}

fn of(listing: &Listing, kind: Kind) -> Vec<&TrackSummary> {
    listing.tracks.iter().filter(|track| track.kind == kind).collect()
}

fn called(kind: Kind) -> &'static str {
    if kind == Kind::Audio { "sound" } else { "pictures" }
}

/// A track's name for a line.
fn track_text(tracks: &[&TrackSummary], kind: Kind, at: usize) -> String {
    format!("{} {} of {}: {}", called(kind), at + 1, tracks.len(), tracks[at].title)
}

impl Session {
    /// To another chapter.
    pub(super) fn go_by_chapters(&mut self, by: i32) -> Result<()> {
        if !self.seekable() {
            self.osd("this input cannot seek");
            return Ok(());
        }
        match chapter_from(&self.listing, self.position_ns(), by) {
            _ if self.listing.chapters.is_empty() => self.osd("it has no chapters"),
            None => self.osd(if by < 0 { "there is no chapter before" } else { "there is no chapter after this one" }),
            Some(to) => {
                self.osd(&chapter_text(&self.listing, to));
                return self.seek(self.listing.chapters[to].0);
            }
        }
        Ok(())
    }

    /// The next track of a kind: the decoder begins anew with it where the film is, as it would after a crash.
    pub(super) fn switch_track(&mut self, kind: Kind) -> Result<()> {
        let tracks = of(&self.listing, kind);
        let asked = if kind == Kind::Audio { self.tracks.sound } else { self.tracks.video };
        let here = asked.map(|number| number.wrapping_sub(1)).or_else(|| tracks.iter().position(|track| track.played));
        let text = match tracks.len() {
            0 => format!("there is no other track of {}", called(kind)),
            1 => format!("there is one track of {}", called(kind)),
            _ if self.opened.as_ref().is_some_and(|opened| !opened.seekable) => "this input cannot seek".into(),
            count => {
                let next = here.map_or(0, |here| (here + 1) % count);
                let text = track_text(&tracks, kind, next);
                let chosen = if kind == Kind::Audio { &mut self.tracks.sound } else { &mut self.tracks.video };
                *chosen = Some(next + 1);
                self.tracks.strict = false;
                self.resume_ns = Some(self.position_ns());
                self.osd(&text);
                self.tell_some(|| format!("plays {text}"));
                return self.tell(Event::Reopened);
            }
        };
        self.osd(&text);
        Ok(())
    }

    /// The decoder has found what the input is made of.
    pub(super) fn takes_listing(&mut self) {
        self.listing = std::mem::take(&mut self.listing_heard);
        self.say(Role::Renderer, &ToRole::Chapters(self.marks()));
        // What was asked for may not be what plays.
        for (kind, chosen) in [(Kind::Video, self.tracks.video), (Kind::Audio, self.tracks.sound)] {
            let tracks = of(&self.listing, kind);
            let played = tracks.iter().position(|track| track.played);
            if let (Some(chosen), Some(played), false) = (chosen, played, self.tracks.strict)
                && chosen != played + 1
            {
                let text = format!("{} {chosen} cannot be played; {}", called(kind), track_text(&tracks, kind, played));
                self.osd(&text);
            }
        }
    }

    /// Whether there is a window, or may be one: in it, a song's cover is shown, and subtitles.
    pub(super) fn may_have_window(&self) -> bool {
        let server =
            || ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
        self.display == DisplaySpec::Window || self.probe.is_some() && server()
    }

    /// What lies under the cover of a song: who made it, and its title.
    pub(super) fn caption(&self) -> String {
        let song = self.opened.as_ref().filter(|opened| opened.cover);
        song.map(|song| inputs::called(song).unwrap_or_else(|| self.status.title.clone())).unwrap_or_default()
    }

    /// Where chapters begin, in ns, for marks on a bar.
    pub(super) fn marks(&self) -> Vec<i64> {
        self.listing.chapters.iter().map(|chapter| chapter.0).collect()
    }

    /// What the status line says of chapter and tracks.
    pub(super) fn place(&self) -> Vec<String> {
        let mut words = Vec::new();
        let chapter = chapter_at(&self.listing, self.position_ns());
        words.extend(chapter.map(|chapter| chapter_text(&self.listing, chapter)));
        for kind in [Kind::Audio, Kind::Video] {
            let tracks = of(&self.listing, kind);
            let played = tracks.iter().position(|track| track.played).filter(|_| tracks.len() > 1);
            words.extend(played.map(|at| track_text(&tracks, kind, at)));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_gone_through_as_in_other_players() {
        let s = |s: i64| s * 1_000_000_000;
        let listing = Listing { chapters: [0, 10, 20].map(|at| (s(at), String::new())).to_vec(), ..Listing::default() };
        for (at_s, by, to) in [
            (0, 1, Some(1)),
            (12, 1, Some(2)),
            (20, 1, None),
            (25, 1, None),
            // A moment after it began: to the one before; later, to its own beginning.
            (12, -1, Some(0)),
            (17, -1, Some(1)),
            (3, -1, Some(0)),
            (9, -1, Some(0)),
            (27, -2, Some(1)),
        ] {
            assert_eq!(chapter_from(&listing, s(at_s), by), to, "{by} from {at_s}");
        }
        // The picture that is shown may be the one before the chapter's first.
        assert_eq!(chapter_from(&listing, s(10) - 40_000_000, 1), Some(2));
        assert_eq!(chapter_from(&Listing::default(), 0, 1), None);
    }
}
