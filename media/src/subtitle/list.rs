//! Which subtitles there are: tracks of the film, files beside it, files that were given. And which of them is shown.

use std::sync::Arc;

use super::source::{Codec, Listed, Tracked};
use super::{Pages, charset, other_half};
use crate::caps;
use crate::choice::{likeness, wish};
use crate::container::{Captions, Container, Shifted, Sup, Track, TrackKind, VobSub, find_captions, is_sup};
use crate::guard::guarded;
use crate::{MediaError, MediaFile, VideoInfo};

/// Where subtitles are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A track of the film.
    Film,
    /// A file beside the film, named like it.
    Beside,
    /// A file that the user named.
    Given,
}

/// A track of subtitles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtitleTrack {
    /// Where it is from.
    pub origin: Origin,
    /// The format's usual name.
    pub codec: String,
    /// The language, as the film or the file's name has it.
    pub language: Option<String>,
    /// The track's name, or the file's.
    pub name: Option<String>,
    /// Whether the film means it to be shown.
    pub default: bool,
    /// Whether it is for those who understand the language that is spoken: signs, other languages.
    pub forced: bool,
    /// Why it cannot be shown.
    pub problem: Option<String>,
}

pub(super) enum Place {
    /// The number of the container's track.
    Track(usize),
    /// The number of the container's track of pictures that has captions, and theirs.
    Within(usize, u8),
    File(MediaFile),
    /// A track of a file that is a container of its own; the file, if its other half has not come.
    Own(Arc<dyn Container>, usize, Option<MediaFile>),
    /// A file that is of no use without its other half, which has not come.
    Half(MediaFile),
}

/// All subtitles of an input. They are known by their numbers, from 1.
#[derive(Default)]
pub struct Subtitles {
    pub(super) container: Option<Arc<dyn Container>>,
    /// The film's file, if it is one.
    pub(super) file: Option<MediaFile>,
    /// Where the film begins on its container's timeline, in ns.
    zero_ns: i64,
    pub(super) tracks: Vec<(SubtitleTrack, Place)>,
    /// What is known of the film's pictures.
    film: Option<VideoInfo>,
    /// The language that is spoken.
    heard: Option<String>,
}

impl Subtitles {
    /// Those of a film in `file`, of whose pictures, those of track `pictures`, `film` is known, and whose sound is in the language `heard`.
    pub(crate) fn of(
        file: &MediaFile,
        container: Arc<dyn Container>,
        zero_ns: i64,
        pictures: Option<usize>,
        film: Option<VideoInfo>,
        heard: Option<String>,
    ) -> Self {
        let tracks = container.contents().tracks.iter().enumerate();
        let tracks = tracks.filter(|(_, track)| track.kind == TrackKind::Subtitle).take(caps::SUBTITLE_TRACKS);
        let mut tracks: Vec<_> = tracks.map(|(at, track)| (described(track), Place::Track(at))).collect();
        if let Some(at) = pictures {
            let found = guarded(|| find_captions(&*container, at)).unwrap_or_default().numbers;
            let numbers = (0..4).filter(|number| found[usize::from(*number)]);
            tracks.extend(numbers.map(|number| (captions(number), Place::Within(at, number))));
        }
        Self { container: Some(container), file: Some(file.clone()), zero_ns, tracks, film, heard }
    }

    /// Adds a file to those of the film named `film`.
    pub fn add(&mut self, film: &str, file: MediaFile, origin: Origin) {
        if self.tracks.len() >= caps::SUBTITLE_TRACKS {
            return;
        }
        let (stem, end) = file.name.rsplit_once('.').unwrap_or((&file.name, ""));
        // Much else is called so.
        if end.eq_ignore_ascii_case("xml") && origin == Origin::Beside && !begins(&file, super::begins) {
            return;
        }
        let film = film.rsplit_once('.').map_or(film, |(stem, _)| stem);
        // Between the film's name and the end: `film.en.srt`, `film.pt-BR.forced.srt`.
        let between = stem.strip_prefix(film).unwrap_or(stem).to_ascii_lowercase();
        let mut words = between.split(['.', '_']).map(|word| word.trim_matches([' ', '[', ']', '(', ')']));
        let forced = words.clone().any(|word| word == "forced");
        let letters = |word: &str| word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
        let language = words.find(|word| {
            let first = word.split('-').next().unwrap_or_default();
            (2..=3).contains(&first.len()) && letters(word)
        });
        let micro = end.eq_ignore_ascii_case("sub") && is_microdvd(&file);
        let codec = match end.to_ascii_lowercase().as_str() {
            _ if micro => super::MICRODVD,
            "vtt" => "WebVTT",
            "ass" | "ssa" => "ASS",
            "ttml" | "dfxp" | "xml" => "TTML",
            "smi" => "SAMI",
            "lrc" => "LRC",
            "sbv" => "SBV",
            "idx" | "sub" => "VobSub",
            _ if begins(&file, is_sup) => "PGS",
            _ => "SRT",
        };
        let track = SubtitleTrack {
            origin,
            codec: codec.into(),
            language: language.map(str::to_owned),
            name: Some(file.name.clone()),
            default: false,
            forced,
            problem: None,
        };
        match other_half(end) {
            Some(_) if !micro => self.add_half(track, file),
            _ if track.codec == "PGS" => {
                let sup = guarded(|| Sup::read(&file)).map_err(MediaError::Broken).and_then(|sup| sup);
                self.tracks.push(match sup {
                    Ok(sup) => (track, Place::Own(Arc::new(sup), 0, None)),
                    Err(error) => (
                        SubtitleTrack { problem: Some(format!("{} as subtitles ({error})", file.name)), ..track },
                        Place::File(file),
                    ),
                });
            }
            _ => self.tracks.push((track, Place::File(file))),
        }
    }

    /// Adds a file that belongs together with another one, which may have come before it or may still come.
    fn add_half(&mut self, mut about: SubtitleTrack, file: MediaFile) {
        let parts = |name: &str| name.rsplit_once('.').map(|(stem, end)| (stem.to_owned(), end.to_ascii_lowercase()));
        let own = parts(&file.name).unwrap_or_default();
        let mate = |place: &Place| {
            let (Place::Half(half) | Place::Own(_, _, Some(half))) = place else { return None };
            parts(&half.name).is_some_and(|(stem, end)| stem == own.0 && end != own.1).then(|| half.clone())
        };
        let found = self.tracks.iter().rev().find_map(|(track, place)| Some((track.origin, mate(place)?)));
        let mut at = self.tracks.len();
        let mut alone = None;
        let opened = match found {
            Some((origin, half)) => {
                // What the half before it gave is given by both now.
                at = self.tracks.iter().position(|(_, place)| mate(place).is_some()).unwrap_or(at);
                self.tracks.retain(|(_, place)| mate(place).is_none());
                about.origin = if origin == Origin::Given { origin } else { about.origin };
                let (index, pictures) = if own.1 == "idx" { (&file, half) } else { (&half, file.clone()) };
                both(index, pictures)
            }
            // Without its index, it is what it was cut out of.
            None if own.1 == "sub" && is_stream(&file) => {
                alone = Some(file.clone());
                crate::container::open_kind(&file, crate::sniff::Kind::Ps)
            }
            None => {
                let end = other_half(&own.1).unwrap_or_default();
                about.problem = Some(format!("{} without {}.{end} as subtitles", file.name, own.0));
                return self.tracks.push((about, Place::Half(file)));
            }
        };
        let opened = opened.and_then(|opened| opened.ok_or_else(|| MediaError::Broken("it is empty".into())));
        let container: Arc<dyn Container> = match opened {
            Ok(container) => container.into(),
            Err(error) => {
                about.problem = Some(format!("{} as subtitles ({error})", file.name));
                return self.tracks.insert(at, (about, Place::File(file)));
            }
        };
        let room = caps::SUBTITLE_TRACKS.saturating_sub(self.tracks.len());
        let tracks =
            container.contents().tracks.iter().enumerate().filter(|(_, track)| track.text.is_some()).take(room);
        let tracks: Vec<_> = tracks
            .map(|(number, track)| {
                let language = track.language.clone().or_else(|| about.language.clone());
                let name = track.name.clone().or_else(|| Some(file.name.clone()));
                (
                    SubtitleTrack { language, name, ..about.clone() },
                    Place::Own(container.clone(), number, alone.clone()),
                )
            })
            .collect();
        self.tracks.splice(at..at, tracks);
    }

    /// The tracks, in the order of their numbers.
    pub fn tracks(&self) -> impl ExactSizeIterator<Item = &SubtitleTrack> {
        self.tracks.iter().map(|(track, _)| track)
    }

    /// The number of the track that is shown unless the user says otherwise: a file that was given, a track in one of these
    /// languages (the most wanted first), a file beside the film, what the film means to be shown, what is forced in the language
    /// that is spoken. `None`: none.
    pub fn usual(&self, languages: &[String]) -> Option<usize> {
        let speaks = |track: &SubtitleTrack, heard: &str| {
            track.language.as_deref().is_some_and(|language| likeness(heard, language).is_some())
        };
        let rank = |track: &SubtitleTrack| {
            let wished = wish(languages, track.language.as_deref());
            let understood = self.heard.as_deref().is_none_or(|heard| track.language.is_none() || speaks(track, heard));
            match track.origin {
                Origin::Given => Some((0, (0, 0), false)),
                _ if let Some(wished) = wished => Some((1, wished, track.forced)),
                Origin::Beside => Some((2, (0, 0), track.forced)),
                Origin::Film if track.default => Some((3, (0, 0), track.forced)),
                Origin::Film if track.forced && understood => Some((4, (0, 0), false)),
                Origin::Film => None,
            }
        };
        let playable = self.tracks().enumerate().filter(|(_, track)| track.problem.is_none());
        playable.filter_map(|(at, track)| Some((rank(track)?, at + 1))).min().map(|(_, number)| number)
    }

    /// The pages of a track, and what the user should know of it. Errors: there is no such track, or it cannot be shown.
    pub fn open(&self, number: usize) -> Result<(Pages, Option<String>), MediaError> {
        let found = number.checked_sub(1).and_then(|at| self.tracks.get(at));
        let Some((track, place)) = found else {
            let count = self.tracks.len();
            let what = format!("track number {number} of subtitles, which the film lacks,");
            return Err(MediaError::unsupported(
                what,
                format!("`tricine info` lists what it has: {count} of subtitles"),
            ));
        };
        if let Some(problem) = &track.problem {
            return Err(MediaError::unsupported(problem.clone(), "choose another track by j or --sid"));
        }
        match place {
            Place::File(file) | Place::Half(file) => read(file, self.film.as_ref()),
            Place::Own(container, at, _) => Ok((self.tracked(&**container, *at, 0)?, None)),
            Place::Within(at, number) => {
                let container = self.container.as_ref().ok_or_else(|| MediaError::Broken("no film".into()))?;
                let packets = Box::new(Captions::new(container.packets(*at)?));
                let packets = Box::new(Shifted { packets, zero_ns: self.zero_ns });
                let tracked = Tracked::new(packets, &Codec::Line21 { boxed: false }, &[*number], None);
                Ok((Pages::new(Box::new(tracked)), None))
            }
            Place::Track(at) => {
                let container = self.container.as_ref().ok_or_else(|| MediaError::Broken("no film".into()))?;
                Ok((self.tracked(&**container, *at, self.zero_ns)?, None))
            }
        }
    }

    /// The pages of a container's track. Errors: it cannot be read.
    fn tracked(&self, container: &dyn Container, at: usize, zero_ns: i64) -> Result<Pages, MediaError> {
        let text = container.contents().tracks[at].text.as_ref();
        let (codec, config) =
            text.ok_or_else(|| MediaError::Broken("a track of subtitles that is not described".into()))?;
        let packets = Box::new(Shifted { packets: container.packets(at)?, zero_ns });
        // Of documents the times are within.
        let zero = zero_ns.to_be_bytes();
        let config = if matches!(codec, Codec::Ttml) { &zero } else { config.as_slice() };
        Ok(Pages::new(Box::new(Tracked::new(packets, codec, config, self.film.as_ref().map(|film| film.format)))))
    }
}

impl std::fmt::Debug for Subtitles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tracks()).finish()
    }
}

/// Whether a file's first bytes are such.
fn begins(file: &MediaFile, are: impl Fn(&[u8]) -> bool) -> bool {
    let mut head = [0; 512];
    let have = file.read_at(&mut head, 0).unwrap_or(0);
    are(&head[..have])
}

/// Whether a file begins as a program stream does.
fn is_stream(file: &MediaFile) -> bool {
    begins(file, |head| head.starts_with(&[0, 0, 1, 0xba]))
}

/// Whether a file that is named like the pictures of VobSub has lines of text.
fn is_microdvd(file: &MediaFile) -> bool {
    begins(file, |head| super::parse(head).is_some_and(|(kind, _)| kind == super::MICRODVD))
}

/// VobSub's two files.
fn both(index: &MediaFile, pictures: MediaFile) -> Result<Option<Box<dyn Container>>, MediaError> {
    let index = charset::decode(&whole(index)?).0;
    let vobsub = guarded(|| VobSub::read(&index, pictures)).map_err(MediaError::Broken)??;
    Ok(Some(Box::new(vobsub)))
}

/// Captions within pictures. Nobody says in which language; who wants them asks for them.
fn captions(number: u8) -> SubtitleTrack {
    SubtitleTrack {
        origin: Origin::Film,
        codec: "CEA-608".into(),
        language: None,
        name: Some(format!("CC{}", number + 1)),
        default: false,
        forced: false,
        problem: None,
    }
}

fn described(track: &Track) -> SubtitleTrack {
    let problem = track.text.is_none().then(|| format!("{} as subtitles", track.codec));
    SubtitleTrack {
        origin: Origin::Film,
        codec: track.codec.clone(),
        language: track.language.clone(),
        name: track.name.clone().filter(|name| !name.is_empty()),
        default: track.default,
        forced: track.forced,
        problem,
    }
}

/// A file's bytes. Errors: it is absurdly large, or cannot be read.
pub(super) fn whole(file: &MediaFile) -> Result<Vec<u8>, MediaError> {
    if file.len() > caps::SUBTITLE_FILE {
        let why = format!("{} has {} MiB", file.name, file.len() >> 20);
        return Err(MediaError::unsupported(why, "a file of subtitles has no more than 32"));
    }
    let mut bytes = vec![0; file.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Reads a file of text, for a film of whose pictures so much is known.
fn read(file: &MediaFile, film: Option<&VideoInfo>) -> Result<(Pages, Option<String>), MediaError> {
    let bytes = whole(file)?;
    let parsed = guarded(|| super::parse_for(&bytes, film)).map_err(MediaError::Broken)?;
    let Some((_, cues)) = parsed.filter(|(_, cues)| !cues.is_empty()) else {
        return Err(MediaError::unsupported(
            format!("{} as subtitles: no line of times was found in it, and so it", file.name),
            format!("what is read: {}", super::FORMATS[..super::OF_FILES].join(", ")),
        ));
    };
    let taken = charset::decode(&bytes).1;
    let notice = taken.map(|taken| match taken {
        "UTF-8" => format!("{} has letters that are damaged", file.name),
        other => format!("{} is not UTF-8; it is read as {other}", file.name),
    });
    Ok((Pages::new(Box::new(Listed::new(cues))), notice))
}

/// The codec of a track that a container names, if it is shown.
pub(crate) type Text = Option<(Codec, Vec<u8>)>;

#[cfg(test)]
mod tests;
