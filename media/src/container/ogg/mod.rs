//! Ogg: films, and the sound of Vorbis, Opus and FLAC. It has no index; a time is found by bisection.
//!
//! A file may be a chain of links, each a set of streams of its own, whose times begin anew. The links follow each other here, and a
//! track goes through all of them.

mod coded;
mod link;
mod page;
mod reader;
mod words;

use std::sync::Arc;

use super::{Attachment, Contents, Extent, Packets, TrackKind, caps};
use crate::{MediaError, MediaFile};
use link::Link;
use page::Pages;
use reader::Reader;

/// A file whose links are known.
pub(super) struct Ogg {
    file: MediaFile,
    contents: Contents,
    links: Arc<[Link]>,
}

impl Ogg {
    /// Finds the links and their streams. Errors: there is none.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut pages = Pages::new(file);
        let mut links: Vec<Link> = Vec::new();
        for (begin, end) in link::spans(&mut pages, file.len())? {
            let from_ns = links.last().map(Link::end_ns);
            match Link::read(&mut pages, begin, end, from_ns, links.first()) {
                Ok(link) => links.push(link),
                Err(error) if links.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        let mut contents = Contents { format: "Ogg", ..Contents::default() };
        let Some(first) = links.first() else { return Err(MediaError::Broken("Ogg: it has no page".into())) };
        let mut covers = Vec::new();
        let many = first.streams.iter().filter(|stream| stream.coded.is_sound()).count() > 1;
        // Of a film, its pictures' words come first.
        for kind in [TrackKind::Video, TrackKind::Audio, TrackKind::Subtitle, TrackKind::Other] {
            for stream in &first.streams {
                let (track, words) = stream.coded.track(&stream.headers);
                if track.kind == kind {
                    covers.extend(words.covers);
                    // Writers say to each stream what is so of the whole.
                    let tags = words.tags.into_iter().filter(|tag| !contents.tags.contains(tag));
                    contents.tags.extend(tags.collect::<Vec<_>>());
                    if contents.chapters.is_empty() {
                        contents.chapters = words.chapters;
                    }
                }
            }
        }
        for (number, stream) in first.streams.iter().enumerate() {
            let (mut track, words) = stream.coded.track(&stream.headers);
            track.name = words.get("title").filter(|_| many && track.kind == TrackKind::Audio).map(str::to_owned);
            if let Some(video) = &mut track.video {
                let config =
                    |link: &Link| link.stream(number).map(|stream| stream.coded.track(&stream.headers).0.video);
                let others = links[1..].iter().map(|link| config(link).flatten());
                video.configs.extend(others.map(|video| video.map_or_else(Vec::new, |video| video.configs.concat())));
            }
            contents.tracks.push(track);
        }
        contents.tags.truncate(caps::ENTRIES);
        covers.sort_by_key(|(front, ..)| !front);
        if let Some((_, mime, bytes)) = covers.into_iter().next() {
            contents.attachments.push(Attachment { name: "cover".into(), mime, place: 0..0 });
            contents.cover = Some(bytes.into());
        }
        Ok(Self { file: file.clone(), contents, links: links.into() })
    }
}

impl super::Container for Ogg {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let of = |link: &Link| link.stream(track).and_then(|stream| Some((link.ns(stream, stream.start?), stream.end)));
        let (start_ns, _) = self.links.iter().find_map(of)?;
        let last = self.links.iter().rev().find(|link| link.stream(track).is_some())?;
        let stream = last.stream(track)?;
        let end_ns = stream.end.map(|end| last.ns(stream, end.saturating_sub(stream.coded.skip())));
        Some(Extent { start_ns, end_ns, packets: None })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        let stream = self.links[0].stream(track);
        let stream = stream.ok_or_else(|| MediaError::Broken("Ogg: it has no such track".into()))?;
        let refused = matches!(stream.coded, coded::Coded::Other(..));
        if stream.start.is_none() && !refused {
            return Err(MediaError::Broken("Ogg: nothing of the track is in the file".into()));
        }
        Ok(Box::new(Reader::new(&self.file, self.links.clone(), track)))
    }
}
