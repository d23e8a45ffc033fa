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
            let wish = if kind == TrackKind::Audio { self.wish(&tracks[track]) } else { (0, 0) };
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

    /// How many languages are asked for before this track's, and how well it is what is meant.
    fn wish(&self, track: &Track) -> (usize, usize) {
        wish(&self.languages, track.language.as_deref()).unwrap_or((self.languages.len(), 0))
    }
}

/// The words that stand for one language: ISO 639's of two letters and of three, older ones, and the parts of what people take for one.
const NAMES: &str = "aa aar, ab abk, ae ave, af afr, ak aka, am amh, an arg, ar ara, as asm, av ava, ay aym, az aze, ba bak, be bel, bg bul, bh bih, bi \
    bis, bm bam, bn ben, bo bod tib, br bre, bs bos, ca cat, ce che, ch cha, co cos, cr cre, cs ces cze, cu chu, cv chv, cy cym wel, \
    da dan, de deu ger, dv div, dz dzo, ee ewe, el ell gre, en eng, eo epo, es spa, et est, eu eus baq, fa fas per, ff ful, fi fin, fj \
    fij, fo fao, fr fra fre, fy fry, ga gle, gd gla, gl glg, gn grn, gu guj, gv glv, ha hau, he heb iw, hi hin, ho hmo, hr hrv scr, ht \
    hat, hu hun, hy hye arm, hz her, ia ina, id ind in, ie ile, ig ibo, ii iii, ik ipk, io ido, is isl ice, it ita, iu iku, ja jpn, jv \
    jav, ka kat geo, kg kon, ki kik, kj kua, kk kaz, kl kal, km khm, kn kan, ko kor, kr kau, ks kas, ku kur, kv kom, kw cor, ky kir, \
    la lat, lb ltz, lg lug, li lim, ln lin, lo lao, lt lit, lu lub, lv lav, mg mlg, mh mah, mi mri mao, mk mkd mac, ml mal, mn mon, mr \
    mar, ms msa may, mt mlt, my mya bur, na nau, nd nde, ne nep, ng ndo, nl nld dut, nn nno, no nor nb nob, nr nbl, nv nav, ny nya, oc \
    oci, oj oji, om orm, or ori, os oss, pa pan, pi pli, pl pol, ps pus, pt por pob, qu que, rm roh, rn run, ro ron rum mo mol, ru rus, rw \
    kin, sa san, sc srd, sd snd, se sme, sg sag, si sin, sk slk slo, sl slv, sm smo, sn sna, so som, sq sqi alb, sr srp scc, ss ssw, \
    st sot, su sun, sv swe, sw swa, ta tam, te tel, tg tgk, th tha, ti tir, tk tuk, tl tgl fil, tn tsn, to ton, tr tur, ts tso, tt \
    tat, tw twi, ty tah, ug uig, uk ukr, ur urd, uz uzb, ve ven, vi vie, vo vol, wa wln, wo wol, xh xho, yi yid ji, yo yor, za zha, zh \
    zho chi cmn chs cht, zu zul";

/// Which of the languages that are `asked` for this is, and its [`likeness`].
pub(crate) fn wish(asked: &[String], language: Option<&str>) -> Option<(usize, usize)> {
    asked.iter().enumerate().find_map(|(at, asked)| Some((at, likeness(asked, language?)?)))
}

/// How well `has` is what `asked` means: 0 if they are one, then where one of the two says no more than the language, then where they
/// differ in what stands behind a hyphen, such as a country. `None`: they are not one language.
pub(crate) fn likeness(asked: &str, has: &str) -> Option<usize> {
    let parts = |word: &str| {
        let word = word.to_ascii_lowercase().replace('_', "-");
        let (language, rest) = word.split_once('-').map_or((&*word, ""), |parts| parts);
        let group = NAMES.split(", ").find(|group| group.split(' ').any(|name| name == language));
        (group.unwrap_or(language).to_owned(), rest.to_owned())
    };
    let ((one, from), (two, of)) = (parts(asked), parts(has));
    let differ = if from == of { 0 } else { 1 + usize::from(!from.is_empty() && !of.is_empty()) };
    (one == two).then_some(differ)
}

#[cfg(test)]
mod tests {
    use super::{likeness, wish};

    #[test]
    fn a_language_has_several_names() {
        let same = |asked, has| likeness(asked, has).is_some();
        assert!(same("de", "ger") && same("DEU", "de-AT") && same("tlh", "tlh") && same("zh_TW", "chi"));
        assert!(!same("de", "en") && !same("d", "de") && !same("", "und"));
        for (asked, has) in
            [("uk", "ukr"), ("ro", "rum"), ("fa", "per"), ("sk", "slo"), ("vi", "vie"), ("he", "iw"), ("nob", "no")]
        {
            assert!(same(asked, has) && same(has, asked), "{asked} {has}");
        }
        assert_eq!(
            ["pt-BR", "por", "pt_PT", "es"].map(|has| likeness("pt-br", has)),
            [Some(0), Some(1), Some(2), None]
        );
        let asked = ["fr".to_owned(), "en-GB".to_owned()];
        assert_eq!(
            [Some("eng"), Some("fre"), Some("de"), None].map(|has| wish(&asked, has)),
            [Some((1, 1)), Some((0, 0)), None, None]
        );
    }
}
