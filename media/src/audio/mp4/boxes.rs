//! Boxes of an MP4 file, as far as audio needs them. A size that a box claims is never believed beyond its parent.

use crate::source::mp4::declared_ns;
use crate::{MediaError, MediaFile};

/// Boxes that a file may begin with: any of them tells that it is MP4 or MOV.
pub(in crate::audio) const TOP: [&[u8]; 9] =
    [b"moof", b"sidx", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"];
/// No sane `moov` or `moof` is larger.
const MAX_INDEX: u64 = 512 << 20;

/// What the file says of itself and its audio tracks.
pub(super) struct Movie {
    pub(super) timescale: u32,
    /// Where the film ends, as it declares; unknown of a fragmented one.
    pub(super) declared_ns: Option<i64>,
    pub(super) tracks: Vec<Track>,
    /// Each fragment's `moof` with its position in the file.
    pub(super) fragments: Vec<(u64, Vec<u8>)>,
}

/// An audio track.
pub(super) struct Track {
    pub(super) id: u32,
    pub(super) enabled: bool,
    pub(super) timescale: u32,
    /// (duration in the movie's ticks, media time in the track's or −1 for emptiness).
    pub(super) edits: Vec<(u64, i64)>,
    pub(super) stsd: Vec<u8>,
    /// `stbl`, whole.
    pub(super) stbl: Vec<u8>,
    /// Default duration and size of a fragment's samples.
    pub(super) defaults: (u32, u32),
}

/// Reads big-endian numbers off the front of a slice.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes().map(u8::from_be_bytes)
    }
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_be_bytes)
    }
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_be_bytes)
    }
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_be_bytes)
    }
    pub(super) fn skip(&mut self, n: usize) -> Option<()> {
        self.0 = self.0.get(n..)?;
        Some(())
    }
    /// A full box's version and flags.
    pub(super) fn full(&mut self) -> Option<(u8, u32)> {
        self.u32().map(|word| ((word >> 24) as u8, word & 0xff_ffff))
    }
    /// A number of 64 bits in version 1, else of 32.
    pub(super) fn wide(&mut self, version: u8) -> Option<u64> {
        if version == 1 { self.u64() } else { self.u32().map(u64::from) }
    }
}

/// The boxes that lie in `data`.
pub(super) fn children(mut data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let mut fields = Fields(data);
        let (size, kind) = (fields.u32()?, fields.bytes()?);
        let (head, size) = match size {
            0 => (8, data.len()),
            1 => (16, usize::try_from(fields.u64()?).unwrap_or(usize::MAX)),
            size => (8, size as usize),
        };
        let size = size.max(head).min(data.len());
        let (this, rest) = data.split_at(size);
        data = rest;
        Some((kind, this.get(head..)?))
    })
}

/// The first box of a kind, going down a path.
pub(super) fn find<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, kind| children(data).find(|(found, _)| found == *kind).map(|(_, body)| body))
}

/// Reads the file's index.
pub(super) fn read(file: &MediaFile) -> Result<Movie, MediaError> {
    let (mut moov, mut fragments) = (None, Vec::new());
    let mut at = 0;
    while at < file.len() {
        let mut head = [0; 16];
        let n = file.read_at(&mut head, at)?;
        let mut fields = Fields(head.get(..n).unwrap_or_default());
        let (Some(size), Some(kind)) = (fields.u32(), fields.bytes::<4>()) else { break };
        let (header, size) = match size {
            0 => (8, file.len() - at),
            1 => (16, fields.u64().unwrap_or(0)),
            size => (8, size.into()),
        };
        if size < header {
            break;
        }
        let size = size.min(file.len() - at);
        if matches!(&kind, b"moov" | b"moof") && size <= MAX_INDEX {
            let body = read_exact(file, at + header, size.saturating_sub(header))?;
            match &kind {
                b"moof" => fragments.push((at, body)),
                _ => moov = moov.or(Some(body)),
            }
        }
        at += size;
    }
    let moov = moov.ok_or_else(|| MediaError::Broken("it has no moov box, the index of an MP4 file".into()))?;
    let timescale = find(&moov, &[b"mvhd"]).and_then(|body| {
        let mut fields = Fields(body);
        let (version, _) = fields.full()?;
        fields.skip(if version == 1 { 16 } else { 8 })?;
        fields.u32()
    });
    let tracks = children(&moov).filter(|(kind, _)| kind == b"trak").filter_map(|(_, trak)| track(&moov, trak));
    Ok(Movie {
        timescale: timescale.unwrap_or(1000).max(1),
        declared_ns: declared_ns(&moov).filter(|_| fragments.is_empty()),
        tracks: tracks.collect(),
        fragments,
    })
}

fn read_exact(file: &MediaFile, at: u64, len: u64) -> Result<Vec<u8>, MediaError> {
    let mut body = vec![0; len as usize];
    let mut got = 0;
    while let Some(rest) = body.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + got as u64)? {
            0 => break,
            n => got += n,
        }
    }
    body.truncate(got);
    Ok(body)
}

fn track(moov: &[u8], trak: &[u8]) -> Option<Track> {
    if find(trak, &[b"mdia", b"hdlr"])?.get(8..12)? != b"soun" {
        return None;
    }
    let mut tkhd = Fields(find(trak, &[b"tkhd"])?);
    let (version, flags) = tkhd.full()?;
    tkhd.skip(if version == 1 { 16 } else { 8 })?;
    let id = tkhd.u32()?;
    let mut mdhd = Fields(find(trak, &[b"mdia", b"mdhd"])?);
    let (version, _) = mdhd.full()?;
    mdhd.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = mdhd.u32()?.max(1);
    let stbl = find(trak, &[b"mdia", b"minf", b"stbl"])?;
    let trex = find(moov, &[b"mvex"]).into_iter().flat_map(children).find_map(|(kind, body)| {
        let mut fields = Fields(body.get(4..).filter(|_| &kind == b"trex")?);
        (fields.u32()? == id).then_some(())?;
        fields.skip(4)?;
        Some((fields.u32()?, fields.u32()?))
    });
    Some(Track {
        id,
        enabled: flags & 1 == 1,
        timescale,
        edits: find(trak, &[b"edts", b"elst"]).and_then(edits).unwrap_or_default(),
        stsd: find(stbl, &[b"stsd"])?.to_vec(),
        stbl: stbl.to_vec(),
        defaults: trex.unwrap_or_default(),
    })
}

fn edits(body: &[u8]) -> Option<Vec<(u64, i64)>> {
    let mut fields = Fields(body);
    let (version, _) = fields.full()?;
    let count = fields.u32()?;
    let mut edits = Vec::new();
    for _ in 0..count {
        let Some(duration) = fields.wide(version) else { break };
        let media = if version == 1 { fields.u64()? as i64 } else { i64::from(fields.u32()? as i32) };
        fields.skip(4)?;
        edits.push((duration, media));
    }
    Some(edits)
}
