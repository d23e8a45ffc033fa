//! One track of an Ogg file.

use std::collections::VecDeque;
use std::sync::Arc;

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::super::timing::Timing;
use super::super::{Packet, Packets, caps};
use super::link::{Joined, Link, Stream};
use super::page::{Page, Pages};
use crate::{MediaError, MediaFile};

/// Two places nearer than this are not bisected any further.
const NEAR: u64 = 64 << 10;

pub(super) struct Reader {
    pages: Pages,
    links: Arc<[Link]>,
    track: usize,
    /// The link that is being read.
    link: usize,
    joined: Joined,
    /// The length of the last block of Vorbis; 0 where it is not known.
    block: u32,
    /// The position behind the last page; unknown where that was not read.
    behind: Option<i64>,
    /// What is to be handed out, each with the place of the page that it began on.
    ready: VecDeque<(Packet, u64)>,
    /// The link whose sound the decoder was made for.
    told: usize,
    changed: Option<AudioCodecParameters>,
    timing: Timing,
    /// After a seek, packets before this are passed over.
    not_before_ns: i64,
}

impl Reader {
    pub(super) fn new(file: &MediaFile, links: Arc<[Link]>, track: usize) -> Self {
        let ends = links.iter().map(Link::end_ns).max().unwrap_or(0);
        let length = ends.saturating_sub(links.first().map_or(0, Link::start_ns));
        let mut reader = Self {
            pages: Pages::new(file),
            links,
            track,
            link: 0,
            joined: Joined::default(),
            block: 0,
            behind: None,
            ready: VecDeque::new(),
            told: 0,
            changed: None,
            timing: Timing::new(Some(length)),
            not_before_ns: i64::MIN,
        };
        reader.enter(0, reader.links[0].begin);
        reader
    }

    /// Goes to a place within a link.
    fn enter(&mut self, link: usize, at: u64) {
        self.pages.go(at);
        (self.link, self.joined, self.block) = (link, Joined::default(), 0);
        let start = at == self.links[link].begin;
        self.behind = self.links[link].stream(self.track).and_then(|stream| stream.first).filter(|_| start);
        self.ready.clear();
        self.timing.jump();
        self.not_before_ns = i64::MIN;
    }

    /// Makes packets of a page.
    fn take(&mut self, page: &Page) -> Result<(), MediaError> {
        let links = self.links.clone();
        let link = &links[self.link];
        let Some(stream) = link.stream(self.track) else { return Ok(()) };
        let (packets, lost) = self.joined.take(page);
        if lost {
            (self.block, self.behind) = (0, None);
        }
        let coded = &stream.coded;
        let sound = coded.is_sound();
        let data = packets.into_iter().filter(|(one, _)| !(coded.is_header(one) || sound && one.is_empty()));
        let lasting = data.map(|(one, place)| (coded.lasts(&one, &mut self.block), one, place));
        let packets: Vec<(i64, Vec<u8>, u64)> = lasting.collect();
        let total = packets.iter().fold(0i64, |sum, (units, ..)| sum.saturating_add(*units));
        let end = page.head.granule.map(|granule| coded.position(granule));
        // Times are counted back from the page's end. The stream's last page may end before its last packet does.
        let counted = end.map(|end| end.saturating_sub(total));
        let last = page.head.is_last() || end.is_none();
        let from = if last { self.behind.max(counted) } else { counted };
        if let Some(from) = from.filter(|_| !packets.is_empty()) {
            let behind = from.saturating_add(total);
            self.behind = Some(end.unwrap_or(behind));
            let over = end.map_or(0, |end| behind.saturating_sub(end));
            self.hand_out(link, stream, packets, from, over);
        }
        if lost { Err(MediaError::Damaged("a page of Ogg is missing or broken".into())) } else { Ok(()) }
    }

    /// Gives packets their times, the first of which begins at `from`; of the last ones, `over` units are not heard.
    fn hand_out(&mut self, link: &Link, stream: &Stream, all: Vec<(i64, Vec<u8>, u64)>, from: i64, over: i64) {
        let (coded, sound) = (&stream.coded, stream.coded.is_sound());
        let mut at = from;
        let mut behind = all.iter().fold(0i64, |sum, (units, ..)| sum.saturating_add(*units));
        for (units, data, place) in all {
            behind -= units;
            let ns = |units: i64| link.ns(stream, units.saturating_sub(coded.skip()));
            let (pts_ns, lasts_ns) = (ns(at), ns(at.saturating_add(units)).saturating_sub(ns(at)));
            let mut packet = Packet { duration_ns: lasts_ns, sync: coded.is_key(&data), ..Packet::new(data, pts_ns) };
            if sound {
                packet.trim_ns = coded.ns(over.saturating_sub(behind).clamp(0, units));
            } else {
                (packet.pts_ns, packet.duration_ns, _) = self.timing.place(pts_ns, lasts_ns);
                // What is only referred to lasts no time, and is not shown.
                packet.hidden = units == 0;
            }
            at = at.saturating_add(units);
            if packet.pts_ns >= self.not_before_ns {
                self.ready.push_back((packet, place));
            }
        }
    }

    /// The next packet, and where the page lies that it began on.
    fn placed(&mut self) -> Result<Option<(Packet, u64)>, MediaError> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(Some(ready));
            }
            let link = &self.links[self.link];
            let serial = link.stream(self.track).map(|stream| stream.serial);
            if let Some(serial) = serial
                && let Some(page) = self.pages.next(link.end, |of| of == serial)?
            {
                self.take(&page)?;
            } else if self.link + 1 < self.links.len() {
                let next = self.link + 1;
                self.enter(next, self.links[next].begin);
            } else {
                return Ok(None);
            }
        }
    }

    /// The last page of the track in a link that ends at or before `goal`: where it lies, and its position as it stands there.
    fn page_before(&mut self, link: usize, goal: i64) -> Result<Option<(u64, i64)>, MediaError> {
        let links = self.links.clone();
        let (begin, end) = (links[link].begin, links[link].end);
        let Some(stream) = links[link].stream(self.track) else { return Ok(None) };
        let (mut low, mut high) = (begin, end);
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            self.pages.go(middle);
            match self.next_end(high.min(middle.saturating_add(caps::OGG_SPARSE)), stream)? {
                Some((_, granule)) if stream.coded.position(granule) <= goal => low = middle,
                _ => high = middle,
            }
        }
        let mut best = None;
        self.pages.go(low);
        while let Some((at, granule)) =
            self.next_end(end, stream)?.filter(|(_, granule)| stream.coded.position(*granule) <= goal)
        {
            best = Some((at, granule));
        }
        Ok(best)
    }

    /// The next page on which a packet of a stream ends.
    fn next_end(&mut self, until: u64, stream: &Stream) -> Result<Option<(u64, i64)>, MediaError> {
        while let Some(page) = self.pages.next(until, |of| of == stream.serial)? {
            if let Some(granule) = page.head.granule {
                return Ok(Some((page.head.at, granule)));
            }
        }
        Ok(None)
    }

    /// From where the reader is, the last packet up to `target_ns` that decoding can begin with: where its page lies, and its time.
    fn last_key(&mut self, link: usize, target_ns: i64) -> Result<Option<(u64, i64)>, MediaError> {
        let mut best = None;
        loop {
            match self.placed() {
                Ok(Some((packet, _))) if packet.pts_ns > target_ns || self.link != link => break,
                Ok(Some((packet, place))) if packet.sync => best = Some((place, packet.pts_ns)),
                Ok(Some(_)) | Err(MediaError::Damaged(_)) => {}
                Ok(None) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(best)
    }
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let Some((packet, _)) = self.placed()? else { return Ok(None) };
        if std::mem::replace(&mut self.told, self.link) != self.link {
            let stream = self.links[self.link].stream(self.track);
            self.changed = stream.and_then(|stream| stream.coded.track(&stream.headers).0.audio?.ok());
        }
        Ok(Some(Packet { config: self.link, ..packet }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let links = self.links.clone();
        let there = |link: &Link| {
            link.stream(self.track).is_some_and(|one| one.start.is_some()) && link.start_ns() <= target_ns
        };
        let number = links.iter().rposition(there).unwrap_or(0);
        let link = &links[number];
        let Some(stream) = link.stream(self.track) else { return Ok(()) };
        let mut goal = link.units(stream, target_ns).saturating_add(stream.coded.skip());
        loop {
            let found = self.page_before(number, goal)?;
            self.enter(number, found.map_or(link.begin, |(at, _)| at));
            let Some((_, granule)) = found.filter(|_| !stream.coded.is_sound()) else { return Ok(()) };
            if let Some((place, pts_ns)) = self.last_key(number, target_ns)? {
                self.enter(number, place);
                self.not_before_ns = pts_ns;
                return Ok(());
            }
            // The page that was found names the key picture that it depends on; one that says nothing true ends at the start.
            let key = stream.coded.key(granule);
            goal = if key < goal { key } else { i64::MIN };
        }
    }

    fn changed(&mut self) -> Option<AudioCodecParameters> {
        self.changed.take()
    }
}
