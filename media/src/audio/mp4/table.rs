//! From sample tables and fragments to the packets of a track, and from those through the edit list to the film.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::Piece;
use super::boxes::{Fields, Movie, Track, children, find};
use crate::audio::codec::pcm_bytes;
use crate::{MediaError, MediaFile};

/// PCM frames in one packet of ours; files give one sample each.
const PCM_PACKET: u64 = 2_048;

/// A packet in the track's own time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    offset: u64,
    size: u32,
    pub(super) ticks: i64,
    pub(super) duration: u32,
}

/// All packets of `track`, in order.
pub(super) fn samples(
    file: &MediaFile,
    movie: &Movie,
    track: &Track,
    params: &AudioCodecParameters,
) -> Result<Vec<Sample>, MediaError> {
    // Uncompressed: the file's "samples" are single frames, too many to list one by one.
    let channels = params.channels.as_ref().map_or(1, |channels| channels.count()).max(1);
    let frame_bytes = pcm_bytes(params.codec).map(|bytes| (bytes * channels) as u64);
    let mut samples = Vec::new();
    let table = sample_table(file, track, frame_bytes, &mut samples);
    let mut ticks = samples.last().map_or(0, |last| last.ticks + i64::from(last.duration));
    for (at, moof) in &movie.fragments {
        for (_, traf) in children(moof).filter(|(kind, _)| kind == b"traf") {
            fragment(*at, traf, track, file.len(), &mut ticks, &mut samples);
        }
    }
    if samples.is_empty() && table.is_none() {
        return Err(MediaError::Broken("the audio track's sample table is incomplete".into()));
    }
    Ok(samples)
}

fn sample_table(file: &MediaFile, track: &Track, frame_bytes: Option<u64>, out: &mut Vec<Sample>) -> Option<()> {
    let stbl = |kind| find(&track.stbl, &[kind]).and_then(|body| body.get(4..)).map(Fields);
    let pairs = |mut fields: Fields<'_>| -> Option<Vec<(u32, u32)>> {
        let count = fields.u32()?;
        Some((0..count).map_while(|_| Some((fields.u32()?, fields.u32()?))).collect())
    };
    let mut durations =
        pairs(stbl(b"stts")?)?.into_iter().flat_map(|(n, delta)| std::iter::repeat_n(delta, n as usize));
    let mut runs = stbl(b"stsc")?;
    let run_count = runs.u32()?;
    let runs: Vec<[u32; 2]> = (0..run_count)
        .map_while(|_| {
            let run = [runs.u32()?, runs.u32()?];
            runs.skip(4).map(|()| run)
        })
        .collect();
    let mut sizes = stbl(b"stsz")?;
    let (fixed, mut left) = (sizes.u32()?, sizes.u32()?);
    let mut chunks: Box<dyn FnMut() -> Option<u64>> = if let Some(mut co) = stbl(b"stco") {
        co.u32()?;
        Box::new(move || co.u32().map(u64::from))
    } else {
        let mut co = stbl(b"co64")?;
        co.u32()?;
        Box::new(move || co.u64())
    };
    if fixed == 0 {
        left = left.min((sizes.0.len() / 4) as u32);
    } else if frame_bytes.is_none() {
        left = left.min(u32::try_from(file.len() / u64::from(fixed)).unwrap_or(u32::MAX));
    }
    let (mut run, mut chunk, mut ticks) = (0, 0u32, 0i64);
    while left > 0 {
        let Some(mut offset) = chunks() else { break };
        chunk += 1;
        while runs.get(run + 1).is_some_and(|next| next[0] <= chunk) {
            run += 1;
        }
        let in_chunk = runs.get(run)?[1].min(left);
        left -= in_chunk;
        if let Some(frame_bytes) = frame_bytes {
            let delta = durations.next().unwrap_or(1).max(1);
            let mut frames = u64::from(in_chunk);
            while frames > 0 && offset < file.len() {
                let n = frames.min(PCM_PACKET);
                let duration = (n as u32).saturating_mul(delta);
                out.push(Sample { offset, size: (n * frame_bytes) as u32, ticks, duration });
                offset += n * frame_bytes;
                ticks += i64::from(duration);
                frames -= n;
            }
            continue;
        }
        for _ in 0..in_chunk {
            let size = if fixed == 0 { sizes.u32()? } else { fixed };
            let duration = durations.next().unwrap_or(0);
            out.push(Sample { offset, size, ticks, duration });
            offset = offset.checked_add(size.into())?;
            ticks += i64::from(duration);
        }
    }
    Some(())
}

/// Adds the packets of a `traf`, if it is this track's.
fn fragment(moof: u64, traf: &[u8], track: &Track, limit: u64, ticks: &mut i64, out: &mut Vec<Sample>) -> Option<()> {
    let mut tfhd = Fields(find(traf, &[b"tfhd"])?);
    let (_, flags) = tfhd.full()?;
    if tfhd.u32()? != track.id {
        return None;
    }
    let mut offset = if flags & 1 != 0 { tfhd.u64()? } else { moof };
    let base = offset;
    if flags & 2 != 0 {
        tfhd.skip(4)?;
    }
    let default_duration = if flags & 8 != 0 { tfhd.u32()? } else { track.defaults.0 };
    let default_size = if flags & 16 != 0 { tfhd.u32()? } else { track.defaults.1 };
    if let Some(mut tfdt) = find(traf, &[b"tfdt"]).map(Fields) {
        let (version, _) = tfdt.full()?;
        *ticks = i64::try_from(tfdt.wide(version)?).unwrap_or(i64::MAX / 2);
    }
    for (_, trun) in children(traf).filter(|(kind, _)| kind == b"trun") {
        let mut trun = Fields(trun);
        let (_, flags) = trun.full()?;
        let count = trun.u32()?;
        if flags & 1 != 0 {
            offset = base.checked_add_signed(i64::from(trun.u32()? as i32))?;
        }
        if flags & 4 != 0 {
            trun.skip(4)?;
        }
        for _ in 0..count {
            let duration = if flags & 0x100 != 0 { trun.u32()? } else { default_duration };
            let size = if flags & 0x200 != 0 { trun.u32()? } else { default_size };
            trun.skip(if flags & 0x400 != 0 { 4 } else { 0 } + if flags & 0x800 != 0 { 4 } else { 0 })?;
            // Without a table of sizes only the file's end bounds the count.
            if offset >= limit || size == 0 && flags & 0x200 == 0 {
                break;
            }
            out.push(Sample { offset, size, ticks: *ticks, duration });
            offset = offset.checked_add(size.into())?;
            *ticks = ticks.saturating_add(duration.into());
        }
    }
    Some(())
}

/// Puts packets where the edit list wants them, or begins behind `unheard` ticks if there is none. As FFmpeg does, the
/// last edit's last packet is played whole.
pub(super) fn edited(samples: &[Sample], movie: &Movie, track: &Track, unheard: i64) -> Vec<Piece> {
    let (media, film) = (u128::from(track.timescale), u128::from(movie.timescale));
    let to_media = |ticks: u64| ((u128::from(ticks) * media + film / 2) / film) as i64;
    let piece = |sample: &Sample, start: i64| Piece { offset: sample.offset, size: sample.size, start, trim_end: 0 };
    let real = track.edits.iter().filter(|edit| edit.1 >= 0).count();
    if real == 0 {
        return samples.iter().map(|sample| piece(sample, sample.ticks.saturating_sub(unheard))).collect();
    }
    let mut pieces = Vec::new();
    let (mut film, mut seen) = (0i64, 0);
    for (duration, media) in &track.edits {
        let duration = to_media(*duration);
        if *media < 0 {
            film = film.saturating_add(duration);
            continue;
        }
        seen += 1;
        let last = seen == real;
        // Fragmented files write 0 for "to the end".
        let end = if duration == 0 { i64::MAX } else { media.saturating_add(duration) };
        let first = samples.partition_point(|s| s.ticks + i64::from(s.duration) <= *media).saturating_sub(1);
        for sample in samples.iter().skip(first).take_while(|sample| sample.ticks < end) {
            let over = sample.ticks.saturating_add(sample.duration.into()).saturating_sub(end).max(0);
            let start = film.saturating_add(sample.ticks - media);
            pieces.push(Piece { trim_end: if last { 0 } else { over as u32 }, ..piece(sample, start) });
        }
        film = film.saturating_add(duration);
        // A hostile list of many edits must not multiply the table without bound.
        if pieces.len() > samples.len().saturating_mul(4).max(1 << 16) {
            break;
        }
    }
    pieces
}
