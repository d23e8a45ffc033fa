//! The picture that a song brings along, shown as long as the song lasts: one within MP4, one attached to Matroska, one of ID3's, FLAC's or
//! Ogg's tags.

use crate::container::Contents;
use crate::guard::guarded;
use crate::source::image;
use crate::{MediaFile, NS, VideoSource, caps};

/// How long a cover is shown of a song whose length is not known: the song is what ends the input.
const SHORTEST_NS: i64 = NS;

/// The cover of what holds no pictures; `None` if there is none that can be decoded, which is nobody's loss.
pub(crate) fn of(file: &MediaFile, contents: &Contents, duration_ns: Option<i64>) -> Option<Box<dyn VideoSource>> {
    let bytes = match &contents.cover {
        Some(bytes) => bytes.to_vec(),
        None => {
            let mut pictures: Vec<_> =
                contents.attachments.iter().filter(|one| one.mime.starts_with("image/")).collect();
            pictures.sort_by_key(|one| !one.name.to_ascii_lowercase().starts_with("cover"));
            let place = pictures.first()?.place.clone();
            let len = place.end.saturating_sub(place.start);
            let len = usize::try_from(len).ok().filter(|_| len <= caps::COVER && place.end <= file.len())?;
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, place.start).ok()?;
            bytes
        }
    };
    let cover = MediaFile::from_bytes(bytes, "cover");
    let shown_ns = duration_ns.unwrap_or(0).max(SHORTEST_NS);
    guarded(|| image::open_still(&cover, shown_ns)).ok()?.ok()?.video
}
