//! The pages of an Ogg file, each of one stream, in the order in which they lie. A page that is damaged is passed over.

use super::super::caps;
use super::super::window::Window;
use crate::{MediaError, MediaFile};

/// Bytes of a page's head without the lengths that follow it.
const HEAD: usize = 27;
const MAGIC: &[u8] = b"OggS";
/// What a page's flags say: it begins within a packet, it is its stream's first, its stream's last.
const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
/// Bytes looked through at once for the next page.
const SEARCH: usize = 1 << 16;

/// What a page says in front of its data.
pub(super) struct Head {
    /// Where it begins.
    pub(super) at: u64,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    /// The stream's position behind the last packet that ends on it; `None` where none does.
    pub(super) granule: Option<i64>,
    flags: u8,
    checksum: u32,
    /// Lengths of the pieces; one of 255 goes on.
    pub(super) lens: Vec<u8>,
}

impl Head {
    fn parse(bytes: &[u8], at: u64) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let [b'O', b'g', b'g', b'S', 0, flags @ 0..8, ..] = *head else { return None };
        let word = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
        let granule = i64::from_le_bytes(*head[6..].first_chunk()?);
        Some(Self {
            at,
            serial: word(14)?,
            sequence: word(18)?,
            granule: (granule >= 0).then_some(granule),
            flags,
            checksum: word(22)?,
            lens: rest.get(..usize::from(head[26]))?.to_vec(),
        })
    }

    pub(super) fn is_continued(&self) -> bool {
        self.flags & CONTINUED != 0
    }

    pub(super) fn is_first(&self) -> bool {
        self.flags & FIRST != 0
    }

    pub(super) fn is_last(&self) -> bool {
        self.flags & LAST != 0
    }

    fn body(&self) -> (u64, usize) {
        (self.at + (HEAD + self.lens.len()) as u64, self.lens.iter().map(|&len| usize::from(len)).sum())
    }

    /// Where the next page begins.
    pub(super) fn end(&self) -> u64 {
        let (body, len) = self.body();
        body + len as u64
    }
}

/// A page whose checksum holds.
pub(super) struct Page {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
}

/// Walks pages.
pub(super) struct Pages {
    window: Window,
    at: u64,
    /// No page is known to begin here.
    lost: bool,
}

impl Pages {
    pub(super) fn new(file: &MediaFile) -> Self {
        Self { window: Window::new(file.clone()), at: 0, lost: true }
    }

    /// Goes to a place, or to the first page behind it.
    pub(super) fn go(&mut self, at: u64) {
        (self.at, self.lost) = (at, true);
    }

    /// The head of the next page that begins before `until`. What lies in a row is believed, the first page of a row only with its
    /// checksum.
    pub(super) fn head(&mut self, until: u64) -> Result<Option<Head>, MediaError> {
        let mut left = caps::RESYNC;
        while self.at < until {
            let found = Head::parse(self.window.bytes(self.at, HEAD + 255)?, self.at);
            if let Some(head) = found.filter(|head| head.end() <= self.window.len()) {
                if !self.lost || self.whole(&head)?.is_some() {
                    (self.at, self.lost) = (head.end(), false);
                    return Ok(Some(head));
                }
                // Whoever fills a file with what looks like pages gets no more work done than by filling it with anything else.
                left = left.saturating_sub(head.end() - head.at);
            }
            if left == 0 {
                break;
            }
            self.lost = true;
            let from = self.at + 1;
            self.at = self.next_magic(from)?;
            left = left.saturating_sub(self.at - from);
        }
        self.at = self.at.max(until);
        Ok(None)
    }

    /// The next page of a stream that `wanted` names and that begins before `until`.
    pub(super) fn next(&mut self, until: u64, wanted: impl Fn(u32) -> bool) -> Result<Option<Page>, MediaError> {
        while let Some(head) = self.head(until)? {
            if !wanted(head.serial) {
                continue;
            }
            match self.whole(&head)? {
                Some(body) => return Ok(Some(Page { head, body })),
                None => self.go(head.at + 1),
            }
        }
        Ok(None)
    }

    /// A page's data, if its checksum holds.
    fn whole(&mut self, head: &Head) -> Result<Option<Vec<u8>>, MediaError> {
        let (body, len) = head.body();
        let front = self.window.bytes(head.at, HEAD + head.lens.len())?;
        let sum = [&front[..22], &[0; 4], &front[26..]].into_iter().fold(0, checksum);
        let bytes = self.window.bytes(body, len)?;
        Ok((bytes.len() == len && checksum(sum, bytes) == head.checksum).then(|| bytes.to_vec()))
    }

    /// Where a page may begin, at `from` or behind it.
    fn next_magic(&mut self, from: u64) -> Result<u64, MediaError> {
        let mut at = from;
        loop {
            let some = self.window.bytes(at, SEARCH)?;
            match some.windows(MAGIC.len()).position(|window| window == MAGIC) {
                Some(skipped) => return Ok(at + skipped as u64),
                None if some.len() < SEARCH => return Ok(self.window.len()),
                None => at = self.window.behind_zeros(at + (SEARCH - MAGIC.len() + 1) as u64)?,
            }
        }
    }
}

/// Ogg's checksum, of which `sum` is that of what lies in front.
fn checksum(sum: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let (mut table, mut n) = ([0; 256], 0);
        while n < 256 {
            let (mut sum, mut bit) = ((n as u32) << 24, 0);
            while bit < 8 {
                sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
                bit += 1;
            }
            table[n] = sum;
            n += 1;
        }
        table
    };
    bytes.iter().fold(sum, |sum, &byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}
