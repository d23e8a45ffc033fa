//! Which of a film's tracks are played: what the user asks for, by number or by language, else what the file means.

use crate::container::{Track, TrackKind};
use crate::{Container, MediaError};

/// What the user asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The number of the track of pictures, counted from 1 among its kind.
    pub video: Option<usize>,
    /// The number of the track of sound, counted from 1 among its kind.
    pub sound: Option<usize>,
    /// The cover of a song is its picture.
    pub covers: bool,
    /// Where the track of such a number cannot be played, another one is.
    pub or_another: bool,
    /// Languages of sound, such as `de` or `deu`; the first that the film has is played.
    pub languages: Vec<String>,
    /// Interlaced pictures are shown as they are, with the lines of two moments.
    pub interlaced: bool,
    /// H.264's careful decoder has so many pictures in work, whatever their size and the machine's processors: 1 is the one without
    /// threads. For tests.
    #[doc(hidden)]
    pub at_once: Option<usize>,
}

impl Choice {
    /// The tracks of a kind in the order in which they are tried. Errors: there is no track of the number asked for.
    pub(crate) fn order(&self, container: &dyn Container, kind: TrackKind) -> Result<Vec<usize>, MediaError> {
        let tracks = &container.contents().tracks;
        let mut found: Vec<usize> = (0..tracks.len()).filter(|&track| tracks[track].kind == kind).collect();
        let (number, what) = match kind {
            TrackKind::Video => (self.video, "pictures"),
            _ => (self.sound, "sound"),
        };
        if let Some(at) = number.filter(|_| self.or_another).map(|number| number.wrapping_sub(1)) {
            // Moves the chosen one to the front.
            let chosen = found.get(at).copied();
            found.sort_by_key(|&track| Some(track) != chosen);
            return Ok(found);
        }
        if let Some(number) = number {
            let chosen = number.checked_sub(1).and_then(|at| found.get(at)).copied();
            let count = found.len();
            return chosen.map(|track| vec![track]).ok_or_else(|| {
                let hint = format!("`tricine info` lists what it has: {count} of {what}");
                MediaError::unsupported(format!("track number {number} of {what}, which the file lacks,"), hint)
            });
        }
        found.sort_by_key(|&track| {
            let wish = if kind == TrackKind::Audio { self.wish(&tracks[track]) } else { 0 };
            (container.extent(track).is_none(), wish, !tracks[track].default)
        });
        Ok(found)
    }

    /// The number that was asked for, of this kind.
    #[cfg(feature = "ffmpeg")]
    pub(crate) fn number(&self, kind: TrackKind) -> Option<usize> {
        let number = if kind == TrackKind::Video { self.video } else { self.sound };
        number.filter(|&number| number > 0)
    }

    /// How many languages are asked for before this track's.
    fn wish(&self, track: &Track) -> usize {
        let wished = |asked: &String| track.language.as_deref().is_some_and(|language| same(asked, language));
        self.languages.iter().position(wished).unwrap_or(self.languages.len())
    }
}

/// Languages that containers name by two letters, or by either of two words of three.
const NAMES: [[&str; 3]; 22] = [
    ["ar", "ara", "ara"],
    ["cs", "ces", "cze"],
    ["da", "dan", "dan"],
    ["de", "deu", "ger"],
    ["el", "ell", "gre"],
    ["en", "eng", "eng"],
    ["es", "spa", "spa"],
    ["fi", "fin", "fin"],
    ["fr", "fra", "fre"],
    ["he", "heb", "heb"],
    ["hi", "hin", "hin"],
    ["it", "ita", "ita"],
    ["ja", "jpn", "jpn"],
    ["ko", "kor", "kor"],
    ["nl", "nld", "dut"],
    ["no", "nor", "nor"],
    ["pl", "pol", "pol"],
    ["pt", "por", "por"],
    ["ru", "rus", "rus"],
    ["sv", "swe", "swe"],
    ["tr", "tur", "tur"],
    ["zh", "zho", "chi"],
];

/// Whether two words name one language; what stands behind a hyphen, such as a country, does not matter.
pub(crate) fn same(one: &str, two: &str) -> bool {
    let name = |word: &str| {
        let word = word.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        NAMES.iter().find(|names| names.contains(&word.as_str())).map_or(word, |names| names[0].to_owned())
    };
    name(one) == name(two)
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn a_language_has_several_names() {
        assert!(same("de", "ger") && same("DEU", "de-AT") && same("tlh", "tlh") && same("zh_TW", "chi"));
        assert!(!same("de", "en") && !same("d", "de") && !same("", "und"));
    }
}
