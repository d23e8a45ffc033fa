//! A track: who it is, how it is turned, and its samples mapped through its edit list.

use super::super::TrackKind;
use super::about::Gapless;
use super::boxes::{be16, be32, be64, child, children, descend};
use super::entry::Entry;
use super::ns;
use super::table::{self, Reading, Sample};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_ADPCM_IMA_QT, CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS,
};

use crate::audio::{IMA, pcm_bytes, pre_skip};
use crate::{NS, Orientation};

/// One entry of an edit list: `duration` in the movie's scale, `media` in the track's (negative: nothing is shown).
#[derive(Debug, Clone, Copy)]
struct Edit {
    duration: u64,
    media: i64,
}

/// A track of the file.
pub(super) struct Track {
    pub(super) id: u32,
    pub(super) kind: TrackKind,
    pub(super) enabled: bool,
    pub(super) language: Option<String>,
    pub(super) name: Option<String>,
    /// Tracks whose text names this one's chapters.
    pub(super) chapters: Vec<u32>,
    pub(super) entries: Vec<Entry>,
    pub(super) orientation: Orientation,
    /// The size at which it is shown, where its header tells.
    pub(super) size: Option<(u32, u32)>,
    /// Ticks a second.
    pub(super) scale: u32,
    /// In decode order; on the track's own timeline until [`Track::edit`].
    pub(super) samples: Vec<Sample>,
    /// Why its samples cannot be read.
    pub(super) refused: Option<String>,
    edits: Vec<Edit>,
    /// Where its first edit begins on the film's timeline.
    pub(super) begins_ns: i64,
    /// Samples whose time or duration in the file cannot be.
    pub(super) misplaced: usize,
    /// Its times rise in the order of decoding, and its pictures may be shown in another one.
    pub(super) unordered: bool,
}

/// The movie's ticks a second.
pub(super) fn movie_scale(moov: &[u8]) -> u32 {
    let scale = child(moov, b"mvhd").and_then(|mvhd| be32(mvhd, if mvhd.first() == Some(&1) { 20 } else { 12 }));
    scale.unwrap_or(1000).max(1)
}

/// Where the film ends, by the longest that `moov` or one of its tracks declares.
pub(super) fn declared_ns(moov: &[u8]) -> Option<i64> {
    let tracks = children(moov).filter(|(kind, _)| kind == b"trak");
    let headers = tracks.filter_map(|(_, trak)| descend(trak, &[b"mdia", b"mdhd"])).chain(child(moov, b"mvhd"));
    let length = |header: &[u8]| {
        let (scale, ticks) = match header.first()? {
            1 => (be32(header, 20)?, be64(header, 24)?),
            _ => (be32(header, 12)?, be32(header, 16)?.into()),
        };
        // All bits set say that nobody knows.
        let ticks = i64::try_from(ticks).ok().filter(|&ticks| ticks != i64::from(u32::MAX))?;
        Some(ns(ticks, scale))
    };
    headers.filter_map(length).max()
}

/// A track of `moov` with what its tables list; `left` is how many samples the file may still have.
pub(super) fn parse(trak: &[u8], file_len: u64, left: usize) -> Option<Track> {
    let tkhd = child(trak, b"tkhd")?;
    let long = tkhd.first() == Some(&1);
    let mdia = child(trak, b"mdia")?;
    let mdhd = child(mdia, b"mdhd")?;
    let late = mdhd.first() == Some(&1);
    let scale = be32(mdhd, if late { 20 } else { 12 })?.max(1);
    let kind = match child(mdia, b"hdlr")?.get(8..12)? {
        b"vide" | b"pict" => TrackKind::Video,
        b"soun" => TrackKind::Audio,
        b"sbtl" | b"subt" | b"text" | b"subp" | b"clcp" => TrackKind::Subtitle,
        _ => TrackKind::Other,
    };
    let stbl = descend(mdia, &[b"minf", b"stbl"])?;
    let entries = Entry::parse_all(child(stbl, b"stsd")?, kind);
    let params = entries.first()?.audio.as_ref().and_then(|audio| audio.as_ref().ok());
    // Uncompressed: the file's "samples" are single frames, too many to list one by one.
    let pcm_frame = params.and_then(|params| {
        let channels = params.channels.as_ref().map_or(1, |channels| channels.count()).max(1);
        match pcm_bytes(params.codec) {
            Some(bytes) => Some((1, (bytes * channels) as u32)),
            // QuickTime counts samples of one byte; other writers list the blocks.
            None if child(stbl, b"stsz").and_then(|body| be32(body, 4)) == Some(1) => {
                let frames = params.frames_per_block.unwrap_or_default();
                let (frames, bytes) = match params.codec {
                    CODEC_ID_ADPCM_IMA_QT => (IMA.1, IMA.0),
                    // Of each channel in turn, half a byte for each sample but those that are in the head.
                    CODEC_ID_ADPCM_MS => (frames, frames.checked_sub(2)? / 2 + 7),
                    CODEC_ID_ADPCM_IMA_WAV => (frames, frames.checked_sub(1)? / 2 + 4),
                    _ => return None,
                };
                Some((frames as u32, bytes as u32 * channels as u32))
            }
            None => None,
        }
    });
    let (samples, refused) = match kind {
        TrackKind::Other => (Vec::new(), None),
        _ => match table::samples(stbl, &Reading { scale, file_len, pcm_frame, left, sound: kind == TrackKind::Audio })
        {
            Ok(samples) => (samples, None),
            Err(why) => (Vec::new(), Some(why)),
        },
    };
    let references = descend(trak, &[b"tref", b"chap"]).unwrap_or_default();
    Some(Track {
        id: be32(tkhd, if long { 20 } else { 12 })?,
        kind,
        enabled: tkhd.get(3)? & 1 == 1,
        language: child(mdia, b"elng")
            .and_then(|tag| std::str::from_utf8(tag.get(4..)?).ok())
            .map(|tag| tag.trim_end_matches('\0').to_owned())
            .filter(|tag| !tag.is_empty() && tag != "und")
            .or_else(|| be16(mdhd, if late { 32 } else { 20 }).and_then(language)),
        name: descend(trak, &[b"udta", b"name"]).map(|name| String::from_utf8_lossy(name).into_owned()),
        chapters: references.chunks_exact(4).filter_map(|id| be32(id, 0)).collect(),
        entries,
        orientation: if kind == TrackKind::Video {
            orientation(tkhd, if long { 52 } else { 40 })
        } else {
            Orientation::default()
        },
        size: be32(tkhd, if long { 88 } else { 76 })
            .zip(be32(tkhd, if long { 92 } else { 80 }))
            .map(|(width, height)| (width >> 16, height >> 16))
            .filter(|&(width, height)| width > 0 && height > 0),
        scale,
        samples,
        refused,
        edits: descend(trak, &[b"edts", b"elst"]).and_then(edit_list).unwrap_or_default(),
        begins_ns: 0,
        misplaced: 0,
        unordered: false,
    })
}

/// The languages that the Macintosh had numbers for, which QuickTime's films have, from 0 on.
const MACINTOSH: &str = "eng fra deu ita nld swe spa dan por nor heb jpn ara fin ell isl mlt tur hrv zho urd hin tha kor lit pol hun est \
    lav sme fao fas rus zho nld gle sqi ron ces slk slv yid srp mkd bul ukr bel";

/// Three letters of five bits each, or one of those numbers; `None` where they say "undetermined".
fn language(packed: u16) -> Option<String> {
    if packed < 0x400 {
        return MACINTOSH.split_whitespace().nth(packed.into()).map(str::to_owned);
    }
    let letters: String = [10, 5, 0].iter().map(|shift| char::from((packed >> shift & 31) as u8 + 0x60)).collect();
    (letters != "und" && letters.bytes().all(|letter| letter.is_ascii_lowercase())).then_some(letters)
}

/// How a track header's matrix turns: by one of the four right angles, mirrored or not, else not at all.
fn orientation(tkhd: &[u8], at: usize) -> Orientation {
    let cell = |n: usize| be32(tkhd, at + 4 * n).map_or(0, |cell| (cell as i32).signum());
    let [a, b, c, d] = [cell(0), cell(1), cell(3), cell(4)];
    let mirrored = a * d < b * c;
    // Mirroring exchanges left and right of what was turned before.
    let quarters = match if mirrored { [-a, b, -c, d] } else { [a, b, c, d] } {
        [0, 1, -1, 0] => 1,
        [-1, 0, 0, -1] => 2,
        [0, -1, 1, 0] => 3,
        [1, 0, 0, 1] => 0,
        _ => return Orientation::default(),
    };
    Orientation { mirrored, ..Orientation::default().turned(quarters) }
}

fn edit_list(elst: &[u8]) -> Option<Vec<Edit>> {
    let long = elst.first() == Some(&1);
    let count = be32(elst, 4)? as usize;
    let size = if long { 20 } else { 12 };
    let entries = elst.get(8..)?.chunks_exact(size).take(count);
    entries
        .map(|entry| {
            Some(if long {
                Edit { duration: be64(entry, 0)?, media: be64(entry, 8)? as i64 }
            } else {
                Edit { duration: be32(entry, 0)?.into(), media: i64::from(be32(entry, 4)? as i32) }
            })
        })
        .collect()
}

impl Track {
    /// Whether it has an edit list.
    pub(super) fn edited(&self) -> bool {
        !self.edits.is_empty()
    }

    /// What iTunes says of the ends of a song takes the place of an edit list, if there is none and it agrees with what there is.
    pub(super) fn leave_out(&mut self, gapless: Gapless) {
        let Gapless { priming, padding, samples } = gapless;
        let all = samples.saturating_add(u64::from(priming) + u64::from(padding));
        let end_ns = self.samples.last().map_or(0, |last| last.pts_ns.saturating_add(last.duration_ns));
        let frame_ns = self.samples.first().map_or(0, |first| first.duration_ns);
        let at_ns = |ticks: u64| ns(i64::try_from(ticks).unwrap_or(i64::MAX), self.scale);
        if self.kind != TrackKind::Audio || self.edited() || at_ns(all).abs_diff(end_ns) > frame_ns.unsigned_abs() {
            return;
        }
        let to_ns = at_ns(samples.saturating_add(priming.into()));
        self.samples.truncate(self.samples.partition_point(|sample| sample.pts_ns < to_ns));
        if let Some(last) = self.samples.last_mut() {
            let more_ns = last.pts_ns.saturating_add(last.duration_ns).saturating_sub(to_ns);
            last.trim_ns = u32::try_from(more_ns.max(0)).unwrap_or(0);
        }
        self.edits = vec![Edit { duration: 0, media: priming.into() }];
    }

    /// An edit list may leave out by how much B pictures delay the others, up to `delay` pictures, although the times of showing that are
    /// there have no such delay: as FFmpeg writes it behind a raw stream. It is given them, so that all pictures are shown.
    pub(super) fn undelay(&mut self, delay: u32, movie_scale: u32) {
        let [edit] = &mut self.edits[..] else { return };
        let Some((first, last)) = self.samples.first().zip(self.samples.last()) else { return };
        let from_ns = ns(edit.media, self.scale);
        let lasts_ns = ns(i64::try_from(edit.duration).unwrap_or(i64::MAX), movie_scale);
        let left_out = self.samples.partition_point(|sample| sample.pts_ns < from_ns);
        if !(1..=delay as usize).contains(&left_out) {
            return;
        }
        let late_ns = from_ns.saturating_sub(first.pts_ns);
        // It goes to the last one's time, or ends the film before.
        if from_ns.saturating_add(lasts_ns) > last.pts_ns {
            edit.duration = 0;
        }
        self.samples.iter_mut().for_each(|sample| sample.pts_ns = sample.pts_ns.saturating_add(late_ns));
    }

    /// Maps the samples through the edit list: each entry presents those whose time lies in it. What the presented ones need
    /// (of pictures those since the sync sample before, of sound the packet before) is kept hidden.
    pub(super) fn edit(&mut self, movie_scale: u32, fragmented: bool) {
        let edits = std::mem::take(&mut self.edits);
        let real = edits.iter().filter(|edit| edit.media >= 0).count();
        let film_ns = |edit: &Edit| ns(i64::try_from(edit.duration).unwrap_or(i64::MAX), movie_scale);
        let (mut at_ns, mut seen, most) = (0i64, 0, 2 * self.samples.len() + 1000);
        let mut out = Vec::new();
        // Opus says itself what an edit list would, or should: how much of its beginning is not to be heard.
        let params = self.entries.first().and_then(|entry| entry.audio.as_ref()?.as_ref().ok());
        let unheard_ns = params.and_then(pre_skip).map_or(0, |samples| samples * NS / 48_000);
        for edit in &edits {
            if edit.media < 0 {
                at_ns = at_ns.saturating_add(film_ns(edit));
                continue;
            }
            seen += 1;
            let last = seen == real;
            let ticks = u128::from(edit.duration) * u128::from(self.scale) + u128::from(movie_scale / 2);
            let ticks = i64::try_from(ticks / u128::from(movie_scale)).unwrap_or(i64::MAX);
            // A duration of 0 means all that there is, and so does any of a film that was still growing.
            let open = edit.duration == 0 || fragmented && last;
            let to_ns = if open { i64::MAX } else { ns(edit.media.saturating_add(ticks), self.scale) };
            let mut from_ns = ns(edit.media, self.scale);
            if seen == 1 {
                from_ns = from_ns.max(unheard_ns);
                self.begins_ns = at_ns;
            }
            let kept = self.within(from_ns, to_ns);
            let shift_ns = at_ns.saturating_sub(from_ns);
            let sound = self.kind == TrackKind::Audio;
            let place = |sample: &mut Sample| {
                let end_ns = sample.pts_ns.saturating_add(sample.duration_ns);
                sample.hidden =
                    sample.pts_ns >= to_ns || if sound { end_ns <= from_ns } else { sample.pts_ns < from_ns };
                // As in FFmpeg, the last packet of sound is heard whole.
                if sound && !last && end_ns > to_ns {
                    sample.trim_ns = u32::try_from(end_ns - to_ns).unwrap_or(u32::MAX);
                }
                sample.pts_ns = sample.pts_ns.saturating_add(shift_ns);
            };
            if real == 1 {
                self.samples.truncate(kept.end);
                self.samples.drain(..kept.start);
                self.samples.iter_mut().for_each(place);
                return;
            }
            // Many entries could repeat a sample each: no honest file comes near this.
            if out.len() + kept.len() > most {
                break;
            }
            let placed = out.len();
            out.extend_from_slice(&self.samples[kept]);
            out[placed..].iter_mut().for_each(place);
            at_ns = at_ns.saturating_add(film_ns(edit));
        }
        if real > 0 {
            self.samples = out;
            return;
        }
        let shift_ns = at_ns.saturating_sub(unheard_ns);
        // Heard is what follows that, so that is where the track begins.
        let first_ns = self.samples.first().map_or(0, |first| first.pts_ns);
        self.begins_ns = at_ns.saturating_add(first_ns);
        self.samples.iter_mut().for_each(|sample| sample.pts_ns = sample.pts_ns.saturating_add(shift_ns));
    }

    /// Pictures begin where their first edit does, as in FFmpeg, also where it begins a little before the first of them: many writers say that it
    /// begins at 0 and forget by how much B pictures delay the others.
    pub(super) fn begin_with_edit(&mut self) {
        if self.kind != TrackKind::Video {
            return;
        }
        let shown = self.samples.iter().filter(|sample| !sample.hidden);
        let waits_ns = shown.map(|sample| sample.pts_ns).min().map_or(0, |first| first.saturating_sub(self.begins_ns));
        if waits_ns > 0 {
            self.samples.iter_mut().for_each(|sample| sample.pts_ns = sample.pts_ns.saturating_sub(waits_ns));
        }
    }

    /// AAC's last packet is filled up to a whole frame. Where the file declares it shorter than the others, what is more is no part of the song,
    /// and would be a gap in front of the next one.
    pub(super) fn trim_padding(&mut self) {
        let params = self.entries.first().and_then(|entry| entry.audio.as_ref()?.as_ref().ok());
        if let [.., before, last] = &mut self.samples[..]
            && params.is_some_and(|params| params.codec == CODEC_ID_AAC)
            && (1..before.duration_ns).contains(&last.duration_ns)
            && last.trim_ns == 0
        {
            last.trim_ns = u32::try_from(before.duration_ns - last.duration_ns).unwrap_or(u32::MAX);
        }
    }

    /// The samples that an edit from one time to another presents or needs.
    fn within(&self, from_ns: i64, to_ns: i64) -> std::ops::Range<usize> {
        let samples = &self.samples;
        if self.kind == TrackKind::Audio {
            let first = samples.partition_point(|s| s.pts_ns.saturating_add(s.duration_ns) <= from_ns);
            let end = samples.partition_point(|s| s.pts_ns < to_ns);
            return first.saturating_sub(1).min(end)..end;
        }
        let within = |sample: &Sample| (from_ns..to_ns).contains(&sample.pts_ns);
        let Some(first) = samples.iter().position(within) else { return 0..0 };
        let last = samples.iter().rposition(within).unwrap_or(first);
        samples[..=first].iter().rposition(|sample| sample.sync).unwrap_or(0)..last + 1
    }
}

#[cfg(test)]
mod tests {
    use super::language;

    #[test]
    fn languages_are_letters_or_the_macintoshs_numbers() {
        let packed = |letters: &[u8; 3]| letters.iter().fold(0, |all, letter| all << 5 | u16::from(letter - 0x60));
        for (code, wanted) in [
            (packed(b"deu"), Some("deu")),
            (packed(b"und"), None),
            (0, Some("eng")),
            (2, Some("deu")),
            (32, Some("rus")),
            (46, Some("bel")),
            (47, None),
            (0x7fff, None),
        ] {
            assert_eq!(language(code).as_deref(), wanted, "{code}");
        }
    }
}
