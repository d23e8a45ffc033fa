//! VobSub: an index (`.idx`), which lists in lines of text when which picture of a DVD's subtitles is due and where it lies, and
//! the pictures (`.sub`), cut out of the disc's program stream. An index may list several languages.

use std::sync::Arc;

use super::ps::{Walk, picture};
use super::{Contents, Extent, Packet, Packets, Track, TrackKind, caps};
use crate::subtitle::Codec;
use crate::{MediaError, MediaFile, NS};

/// A picture's time in ns, and its place.
type Listed = (i64, u64);

/// Both files.
pub(crate) struct VobSub {
    pictures: MediaFile,
    contents: Contents,
    /// In the order of the contents, each in order of time.
    listed: Vec<Arc<[Listed]>>,
}

impl VobSub {
    /// Reads an index, to the pictures of which `pictures` is. The track that the index means to be shown comes first. Errors: it lists none.
    pub(crate) fn read(index: &str, pictures: MediaFile) -> Result<Self, MediaError> {
        let (mut tracks, mut left) = (Vec::<(Track, Vec<Listed>)>::new(), caps::CUES);
        let (mut shown, mut delay_ns) = (None, 0);
        for (name, value) in index.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.trim() {
                "langidx" => shown = value.parse::<usize>().ok(),
                "id" if tracks.len() < caps::SUBTITLE_TRACKS => {
                    let (language, number) = value.split_once(',').unwrap_or((value, ""));
                    let number = number.split_once(':').and_then(|(_, number)| number.trim().parse::<usize>().ok());
                    let mut track = Track::new(TrackKind::Subtitle, "VobSub");
                    track.language =
                        Some(language.trim()).filter(|l| l.bytes().all(|b| b.is_ascii_alphabetic())).map(str::to_owned);
                    track.language = track.language.filter(|language| !language.is_empty());
                    track.text = Some((Codec::VobSub, head(index)));
                    track.default = number.is_some() && number == shown;
                    tracks.push((track, Vec::new()));
                    delay_ns = 0;
                }
                "alt" => {
                    if let Some((track, _)) = tracks.last_mut() {
                        track.name = Some(value.to_owned()).filter(|name| !name.is_empty());
                    }
                }
                "delay" => delay_ns = time(value).unwrap_or(0),
                "timestamp" => {
                    let Some((stamp, place)) = value.split_once(',') else { continue };
                    let place = place.split_once(':').and_then(|(_, place)| u64::from_str_radix(place.trim(), 16).ok());
                    if let (Some((_, listed)), Some(time_ns), Some(place), 1..) =
                        (tracks.last_mut(), time(stamp), place, left)
                    {
                        listed.push((time_ns + delay_ns, place));
                        left -= 1;
                    }
                }
                _ => {}
            }
        }
        tracks.retain(|(_, listed)| !listed.is_empty());
        if tracks.is_empty() {
            return Err(MediaError::Broken("VobSub: its index lists no picture".into()));
        }
        tracks.sort_by_key(|(track, _)| !track.default);
        let mut vobsub =
            Self { pictures, contents: Contents { format: "VobSub", ..Contents::default() }, listed: Vec::new() };
        for (track, mut listed) in tracks {
            listed.sort_unstable();
            vobsub.contents.tracks.push(track);
            vobsub.listed.push(listed.into());
        }
        Ok(vobsub)
    }
}

/// The lines of an index that hold for all of its pictures.
fn head(index: &str) -> Vec<u8> {
    let lines =
        index.lines().filter(|line| ["size:", "palette:"].iter().any(|name| line.trim_start().starts_with(name)));
    lines.take(2).collect::<Vec<_>>().join("\n").into_bytes()
}

/// `01:02:03:456`, or that with a sign, in ns.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.trim_start_matches('+')), |digits| (-1, digits));
    let fields: Vec<i64> =
        digits.split(':').map_while(|field| field.trim().parse::<u16>().ok().map(i64::from)).collect();
    let [hours, minutes, seconds, part] = fields[..] else { return None };
    Some(sign * (((hours * 60 + minutes) * 60 + seconds) * NS + part * 1_000_000))
}

impl super::Container for VobSub {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let listed = self.listed.get(track)?;
        Some(Extent { start_ns: listed.first()?.0, end_ns: None, packets: Some(listed.len() as u64) })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        match self.listed.get(track) {
            Some(listed) => {
                Ok(Box::new(Reader { walk: Walk::new(self.pictures.clone(), 0), listed: listed.clone(), at: 0 }))
            }
            None => Err(MediaError::Broken("VobSub: it has no such track".into())),
        }
    }
}

/// Reads a track's pictures.
struct Reader {
    walk: Walk,
    listed: Arc<[Listed]>,
    at: usize,
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let Some(&(pts_ns, place)) = self.listed.get(self.at) else { return Ok(None) };
        self.at += 1;
        match picture(&mut self.walk, place)? {
            Some(data) => Ok(Some(Packet::new(data, pts_ns))),
            None => Err(MediaError::Damaged(format!("VobSub: there is no picture at byte {place}"))),
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.at = self.listed.partition_point(|(pts_ns, _)| *pts_ns <= target_ns).saturating_sub(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Container as _;
    use super::*;

    const INDEX: &str = "# VobSub index file, v7 (do not modify this line!)\nsize: 720x576\norg: 0, 0\npalette: 000000, ffffff\nlangidx: 1\n\n\
        id: en, index: 0\nalt: English\ntimestamp: 00:00:05:000, filepos: 0000000a0\ntimestamp: 00:00:01:250, filepos: 000000000\n\
        id: de, index: 1\n# alt: nobody\ndelay: -00:00:00:500\ntimestamp: 01:00:00:000, filepos: zz\ntimestamp: 01:00:01:000, filepos: 10\n\
        id: --, index: 2\n";

    #[test]
    fn an_index_lists_languages_with_times_and_places() {
        let vobsub = VobSub::read(INDEX, MediaFile::from_bytes(&b""[..], "film.sub")).unwrap();
        let told: Vec<_> =
            vobsub.contents().tracks.iter().map(|t| (t.language.as_deref(), t.name.as_deref(), t.default)).collect();
        assert_eq!(told, [(Some("de"), None, true), (Some("en"), Some("English"), false)]);
        assert_eq!(vobsub.listed[0][..], [(3_600_500_000_000, 16)]);
        assert_eq!(vobsub.listed[1][..], [(1_250_000_000, 0), (5_000_000_000, 160)]);
        let Some((_, head)) = &vobsub.contents().tracks[0].text else { panic!("described") };
        assert_eq!(head, b"size: 720x576\npalette: 000000, ffffff");
        assert!(matches!(vobsub.packets(0).unwrap().next(), Err(MediaError::Damaged(_))));
    }

    #[test]
    fn an_index_of_any_kind_is_read_or_refused() {
        for len in 0..INDEX.len() {
            drop(VobSub::read(&INDEX[..len], MediaFile::from_bytes(&b""[..], "film.sub")));
        }
        assert_eq!(time("-00:00:01:500"), Some(-1_500_000_000));
        assert_eq!((time("1:2:3"), time("a:b:c:d"), time("")), (None, None, None));
    }
}
