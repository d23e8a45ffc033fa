//! The list of a stream's pictures, and a reader of it.

use std::sync::Arc;

use super::super::{Extent, Packet, Packets, caps};
use crate::times::{USUAL, is_rate, units_ns};
use crate::{MediaError, MediaFile};

/// A picture in the file, in the order of decoding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    pub(super) at: u64,
    pub(super) len: u32,
    /// When it is due, in units of the list, and for how many of them it is shown.
    pub(super) due: u32,
    pub(super) fields: u32,
    pub(super) sync: bool,
    /// It is decoded, and not shown.
    pub(super) hidden: bool,
}

/// All pictures of a stream.
pub(super) struct Listed {
    pub(super) pictures: Vec<Picture>,
    /// Units per second, as a fraction.
    units: (u64, u64),
}

impl Listed {
    /// Pictures that say when they are due.
    pub(super) fn timed(pictures: Vec<Picture>, units: (u64, u64)) -> Self {
        Self { pictures, units }
    }

    /// Pictures that are shown in the order of their `places`, at `rate` per second; a unit is a field's time.
    pub(super) fn in_order(mut pictures: Vec<Picture>, places: Vec<(u32, i64, u32)>, rate: Option<(u64, u64)>) -> Self {
        let mut shown: Vec<usize> = (0..pictures.len()).filter(|&n| !pictures[n].hidden).collect();
        // Those of one place stay in the order of decoding.
        shown.sort_by_key(|&n| places[n]);
        let mut due = 0u32;
        for n in shown {
            pictures[n].due = due;
            due = due.saturating_add(pictures[n].fields);
        }
        // What is not shown is due with what comes next.
        let mut next = due;
        for picture in pictures.iter_mut().rev() {
            next = if picture.hidden { next } else { picture.due };
            picture.due = next;
        }
        let (rate, per) = rate.filter(|&(rate, per)| is_rate(rate, per) && rate / per <= 1000).unwrap_or(USUAL);
        Self { pictures, units: (2 * rate, per) }
    }

    fn ns(&self, units: u32) -> i64 {
        units_ns(u64::from(units), (self.units.1, self.units.0))
    }

    /// Pictures per second.
    pub(super) fn rate_hz(&self) -> f64 {
        let fields: u64 = self.pictures.iter().filter(|picture| !picture.hidden).map(|p| u64::from(p.fields)).sum();
        let shown = self.pictures.iter().filter(|picture| !picture.hidden).count();
        self.units.0 as f64 / self.units.1 as f64 * shown as f64 / (fields as f64).max(1.0)
    }

    pub(super) fn extent(&self) -> Extent {
        let shown = || self.pictures.iter().filter(|picture| !picture.hidden);
        let end = shown().map(|picture| picture.due.saturating_add(picture.fields)).max();
        let start = shown().map(|picture| picture.due).min().unwrap_or(0);
        let packets = Some(shown().count() as u64);
        Extent { start_ns: self.ns(start), end_ns: end.map(|end| self.ns(end)), packets }
    }
}

/// Reads the pictures of a list.
pub(super) struct Reader {
    file: MediaFile,
    listed: Arc<Listed>,
    at: usize,
}

impl Reader {
    pub(super) fn new(file: MediaFile, listed: Arc<Listed>) -> Self {
        Self { file, listed, at: 0 }
    }
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let Some(&Picture { at, len, due, fields, sync, hidden }) = self.listed.pictures.get(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        if u64::from(len) > caps::PACKET {
            return Err(MediaError::Damaged(format!("a picture of {len} bytes")));
        }
        let mut data = vec![0; len as usize];
        self.file.read_exact_at(&mut data, at)?;
        let duration_ns = self.listed.ns(due.saturating_add(fields)) - self.listed.ns(due);
        Ok(Some(Packet { sync, hidden, duration_ns, ..Packet::new(data, self.listed.ns(due)) }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let listed = &self.listed;
        let syncs = || listed.pictures.iter().enumerate().filter(|(_, picture)| picture.sync);
        let before = syncs().rfind(|(_, picture)| listed.ns(picture.due) <= target_ns);
        self.at = before.or_else(|| syncs().next()).map_or(0, |(at, _)| at);
        Ok(())
    }
}
