//! What an input is made of, told in parts that fit into a message.

use tricine_media::{TrackAbout, TrackKind};
use tricine_session::Result;
use tricine_session::channel::Kind;
use tricine_session::link::{FromRole, Listing, TrackSummary};

use crate::Context;

/// So many tracks or chapters go in a message, with so many letters each: also escaped, they are shorter than the longest one.
const TOGETHER: usize = 16;
const LETTERS: usize = 120;

/// Tells the supervisor of tracks and chapters.
pub(crate) fn tell(context: &Context, tracks: Vec<TrackAbout>, chapters: Vec<(i64, String)>) -> Result<()> {
    let short = |text: &str| text.chars().take(LETTERS).collect::<String>();
    let tracks: Vec<TrackSummary> = tracks
        .iter()
        .map(|track| TrackSummary {
            kind: if track.kind == TrackKind::Audio { Kind::Audio } else { Kind::Video },
            title: short(&track.title),
            played: track.played,
        })
        .collect();
    let chapters: Vec<(i64, String)> = chapters.iter().map(|(start_ns, title)| (*start_ns, short(title))).collect();
    for part in tracks.chunks(TOGETHER) {
        context.tell(&FromRole::Listed(Listing { tracks: part.to_vec(), ..Listing::default() }))?;
    }
    for part in chapters.chunks(TOGETHER) {
        context.tell(&FromRole::Listed(Listing { chapters: part.to_vec(), ..Listing::default() }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricine_session::link::LONGEST;

    #[test]
    fn the_worst_part_fits_into_a_message() {
        let title = "\u{1}".repeat(LETTERS);
        let track = TrackSummary { kind: Kind::Video, title: title.clone(), played: false };
        for part in [
            Listing { tracks: vec![track; TOGETHER], ..Listing::default() },
            Listing { chapters: vec![(i64::MIN, title); TOGETHER], ..Listing::default() },
        ] {
            let text = serde_json::to_vec(&FromRole::Listed(part)).unwrap();
            assert!(text.len() < LONGEST, "{}", text.len());
        }
    }
}
