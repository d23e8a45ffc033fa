//! A link of the chain that an Ogg file is: its streams, and where each begins and ends.

use super::super::caps;
use super::coded::Coded;
use super::page::{Page, Pages};
use crate::MediaError;

/// Bytes at a link's end in which the last positions are looked for at first.
const TAIL: u64 = 64 << 10;

/// A stream within a link.
pub(super) struct Stream {
    pub(super) serial: u32,
    pub(super) coded: Coded,
    pub(super) headers: Vec<Vec<u8>>,
    /// Where its first packet begins, in units of its codec; it may be before 0, of which nothing is heard. `None`: there is none.
    pub(super) first: Option<i64>,
    /// Where what is seen or heard of it begins, on the scale of its times.
    pub(super) start: Option<i64>,
    /// The position behind its last packet.
    pub(super) end: Option<i64>,
}

/// A link.
pub(super) struct Link {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) streams: Vec<Stream>,
    /// Which stream goes on with each track of the first link; the first one's own are all of them.
    tracks: Vec<Option<usize>>,
    /// How much later the link's times are on the file's timeline than in itself.
    later_ns: i64,
}

/// Puts packets together, of one stream.
#[derive(Default)]
pub(super) struct Joined {
    /// The beginning of a packet, and where the page lies that it began on.
    begun: Option<(Vec<u8>, u64)>,
    sequence: Option<u32>,
}

impl Joined {
    /// The packets that end on a page, with where they began, and whether something is missing in front of them.
    pub(super) fn take(&mut self, page: &Page) -> (Vec<(Vec<u8>, u64)>, bool) {
        let head = &page.head;
        let mut lost = self.sequence.is_some_and(|before| head.sequence != before.wrapping_add(1));
        self.sequence = Some(head.sequence);
        let begun = self.begun.take().filter(|_| !lost);
        // What began before is gone where its beginning is not there, or where this page does not go on with it.
        lost |= begun.is_some() && !head.is_continued();
        let mut current = if head.is_continued() { begun } else { Some((Vec::new(), head.at)) };
        let (mut packets, mut at) = (Vec::new(), 0);
        for &len in &head.lens {
            let piece = page.body.get(at..at + usize::from(len)).unwrap_or_default();
            at += usize::from(len);
            if let Some((packet, _)) = &mut current {
                packet.extend_from_slice(piece);
                if packet.len() as u64 > caps::PACKET {
                    (current, lost) = (None, true);
                }
            }
            if len < 255 {
                packets.extend(current.replace((Vec::new(), head.at)));
            }
        }
        let open = head.lens.last().map_or(head.is_continued(), |&len| len == 255);
        self.begun = current.filter(|_| open);
        (packets, lost)
    }
}

/// Where the links of a file begin and end. A chain that is longer than [`caps::OGG_WALKED`] and ends with a stream of its first link is
/// taken for a single one.
pub(super) fn spans(pages: &mut Pages, len: u64) -> Result<Vec<(u64, u64)>, MediaError> {
    if len > caps::OGG_WALKED {
        let mut serials = Vec::new();
        pages.go(0);
        while let Some(head) = pages.head(len)?.filter(|head| head.is_first() && serials.len() < caps::TRACKS) {
            serials.push(head.serial);
        }
        pages.go(len.saturating_sub(TAIL));
        let mut last = None;
        while let Some(head) = pages.head(len)? {
            last = Some(head.serial);
        }
        if last.is_none_or(|last| serials.contains(&last)) {
            return Ok(vec![(0, len)]);
        }
    }
    let (mut begins, mut within) = (vec![0], false);
    pages.go(0);
    while let Some(head) = pages.head(len)? {
        if head.is_first() && within && begins.len() < caps::ENTRIES {
            begins.push(head.at);
        }
        within = !head.is_first();
    }
    let ends = begins.iter().skip(1).copied().chain([len]);
    Ok(begins.iter().copied().zip(ends).collect())
}

impl Link {
    /// Reads the headers of a link, and its streams' first and last positions. Its times follow `from_ns`; its streams go on with those
    /// of the `first` link. Errors: it has no stream, or cannot be read.
    pub(super) fn read(
        pages: &mut Pages,
        begin: u64,
        end: u64,
        from_ns: Option<i64>,
        first: Option<&Self>,
    ) -> Result<Self, MediaError> {
        let mut streams: Vec<(Stream, Opening)> = Vec::new();
        pages.go(begin);
        while let Some(page) = pages.next(end.min(begin.saturating_add(caps::OGG_HEAD)), |_| true)? {
            let serial = page.head.serial;
            if page.head.is_first() && streams.len() < caps::TRACKS {
                let told = page.head.lens.iter().take_while(|&&len| len == 255).count();
                let len = page.head.lens.iter().take(told + 1).map(|&len| usize::from(len)).sum();
                let Some(coded) = Coded::of(page.body.get(..len).unwrap_or_default()) else { continue };
                let (headers, first, start, end) = (Vec::new(), None, None, None);
                streams.push((Stream { serial, coded, headers, first, start, end }, Opening::default()));
            }
            let stream = streams.iter_mut().find(|(stream, _)| stream.serial == serial);
            if let Some((stream, opening)) = stream.filter(|(stream, _)| stream.first.is_none()) {
                opening.take(stream, &page);
            }
            let unknown = |(stream, _): &(Stream, _)| stream.first.is_none() && stream.coded.is_played();
            if !page.head.is_first() && !streams.iter().any(unknown) {
                break;
            }
        }
        let mut streams: Vec<Stream> = streams.into_iter().map(|(stream, _)| stream).collect();
        if streams.is_empty() {
            return Err(MediaError::Broken("Ogg: no stream begins in it".into()));
        }
        find_ends(pages, begin, end, &mut streams)?;
        let mut link = Self { begin, end, streams, tracks: Vec::new(), later_ns: 0 };
        let count = first.map_or(link.streams.len(), |first| first.streams.len());
        link.tracks = (0..count).map(|track| first.map_or(Some(track), |first| link.heir(first, track))).collect();
        if let Some(from_ns) = from_ns {
            let starts = link.streams.iter().filter_map(|stream| Some(stream.coded.ns(stream.start?)));
            link.later_ns = from_ns.saturating_sub(starts.min().unwrap_or(0));
        }
        Ok(link)
    }

    /// The stream that goes on with a track of the first link: of the same kind, and as many of them in front of it.
    fn heir(&self, first: &Self, track: usize) -> Option<usize> {
        let wanted = &first.streams.get(track)?.coded;
        let number = first.streams[..track].iter().filter(|stream| stream.coded.is_like(wanted)).count();
        let alike = self.streams.iter().enumerate().filter(|(_, stream)| stream.coded.is_like(wanted));
        alike.map(|(at, _)| at).nth(number)
    }

    /// The stream of a track.
    pub(super) fn stream(&self, track: usize) -> Option<&Stream> {
        self.streams.get((*self.tracks.get(track)?)?)
    }

    /// When a position of a stream is due, on the file's timeline.
    pub(super) fn ns(&self, stream: &Stream, units: i64) -> i64 {
        stream.coded.ns(units).saturating_add(self.later_ns)
    }

    /// The position of a stream at a time of the file's timeline.
    pub(super) fn units(&self, stream: &Stream, ns: i64) -> i64 {
        stream.coded.units(ns.saturating_sub(self.later_ns))
    }

    /// When its streams begin.
    pub(super) fn start_ns(&self) -> i64 {
        let starts = self.streams.iter().filter_map(|stream| Some(self.ns(stream, stream.start?)));
        starts.min().unwrap_or(self.later_ns)
    }

    /// When the last of its streams ends.
    pub(super) fn end_ns(&self) -> i64 {
        let end = |stream: &Stream| Some(self.ns(stream, stream.end?.saturating_sub(stream.coded.skip())));
        self.streams.iter().filter_map(end).max().unwrap_or_else(|| self.start_ns())
    }
}

/// A stream whose first page of data was not seen yet.
#[derive(Default)]
struct Opening {
    joined: Joined,
    /// How long what was seen of it lasts.
    units: i64,
    block: u32,
}

impl Opening {
    fn take(&mut self, stream: &mut Stream, page: &Page) {
        for (packet, _) in self.joined.take(page).0 {
            if stream.coded.is_header(&packet) {
                stream.coded.learn(&packet);
                if stream.headers.len() < caps::ENTRIES {
                    stream.headers.push(packet);
                }
            } else if !packet.is_empty() || !stream.coded.is_sound() {
                self.units = self.units.saturating_add(stream.coded.lasts(&packet, &mut self.block));
                stream.first = Some(0);
            }
        }
        if stream.first.is_none() {
            return;
        }
        stream.first = None;
        if let Some(granule) = page.head.granule {
            let first = stream.coded.position(granule).saturating_sub(self.units);
            // What ends on the stream's last page may be cut off there.
            let first = if page.head.is_last() { first.max(0) } else { first };
            (stream.first, stream.start) = (Some(first), Some(first.max(0)));
        }
    }
}

/// Finds the last positions, from further and further before the end.
fn find_ends(pages: &mut Pages, begin: u64, end: u64, streams: &mut [Stream]) -> Result<(), MediaError> {
    let mut tail = TAIL;
    loop {
        let from = end.saturating_sub(tail).max(begin);
        pages.go(from);
        while let Some(page) = pages.next(end, |_| true)? {
            let stream = streams.iter_mut().find(|stream| stream.serial == page.head.serial);
            if let (Some(stream), Some(granule)) = (stream, page.head.granule) {
                stream.end = Some(stream.coded.position(granule)).filter(|_| stream.first.is_some());
            }
        }
        let missing = streams.iter().any(|stream| stream.end.is_none() && stream.first.is_some());
        if !missing || from == begin || tail >= caps::OGG_TAIL {
            return Ok(());
        }
        tail *= 4;
    }
}
