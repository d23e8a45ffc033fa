//! Which letters teletext's codes stand for (EN 300 706, chapter 15).

/// The codes that stand for letters of a language's own in a Latin set.
const NATIONAL: [u8; 13] = [0x23, 0x24, 0x40, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x7b, 0x7c, 0x7d, 0x7e];

const ENGLISH: &str = "£$@←½→↑#—¼‖¾÷";
const GERMAN: &str = "#$§ÄÖÜ^_°äöüß";
const SWEDISH: &str = "#¤ÉÄÖÅÜ_éäöåü";
const ITALIAN: &str = "£$é°ç→↑#ùàòèì";
const FRENCH: &str = "éïàëêùî#èâôûç";
const SPANISH: &str = "ç$¡áéíóú¿üñèà";
const CZECH: &str = "#ůčťžýířéáěúš";
const POLISH: &str = "#ńąŻŚŁćóężśłź";
const TURKISH: &str = "₺ğİŞÖÇÜĞışöçü";
const CROATIAN: &str = "#ËČĆŽĐŠëčćžđš";
const ROMANIAN: &str = "#¤ŢÂŞĂÎıţâşăî";
const ESTONIAN: &str = "#õŠÄÖŽÜÕšäöžü";
const LETTISH: &str = "#$ŠėęŽčūšąųžį";
const SERBIAN: &str = "ЧАБЦДЕФГХИЈКЛМНОПЌРСТУВЃЉЊЗЋЖЂШЏчабцдефгхијклмнопќрстувѓљњзћжђш■";
const RUSSIAN: &str = "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЪЗШЭЩЧЫюабцдефгхийклмнопярстужвьъзшэщч■";
const UKRAINIAN: &str = "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬІЗШЄЩЧЇюабцдефгхийклмнопярстужвьізшєщч■";
const GREEK: &str = "ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u{374}ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ■";

/// A set of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// Latin letters, and these for [`NATIONAL`].
    Latin(&'static str),
    /// Letters from 0x40 on, and one for 0x26.
    Other(&'static str, char),
}

/// The set of a number of seven bits: four for a part of the world, three for a language there. `None`: it has no such number here.
fn numbered(number: u8) -> Option<Set> {
    Some(Set::Latin(match (number >> 3, number & 7) {
        (0 | 2, 0) => ENGLISH,
        (0..=2 | 4, 1) => GERMAN,
        (0..=2, 2) => SWEDISH,
        (0..=2, 3) => ITALIAN,
        (0..=2, 4) => FRENCH,
        (0 | 2, 5) => SPANISH,
        (0 | 1 | 4, 6) => CZECH,
        (1, 0) => POLISH,
        (2 | 6, 6) => TURKISH,
        (3, 5) => CROATIAN,
        (3, 7) => ROMANIAN,
        (4, 2) => ESTONIAN,
        (4, 3) => LETTISH,
        (4, 0) => return Some(Set::Other(SERBIAN, '&')),
        (4, 4) => return Some(Set::Other(RUSSIAN, 'ы')),
        (4, 5) => return Some(Set::Other(UKRAINIAN, 'ї')),
        (6, 7) => return Some(Set::Other(GREEK, '&')),
        _ => return None,
    }))
}

/// The set of a page in a language of its header's, where the network means `number`.
pub(super) fn set(number: u8, language: u8) -> Set {
    numbered(number & !7 | language).or_else(|| numbered(number)).unwrap_or(Set::Latin(ENGLISH))
}

/// The number of the part of the world in which this language is, for receivers that are told of no other.
pub(crate) fn region(language: &str) -> u8 {
    8 * match language.to_ascii_lowercase().as_str() {
        "pol" => 1,
        "tur" => 2,
        "srp" | "scc" | "hrv" | "scr" | "slv" | "bos" | "ron" | "rum" => 3,
        "est" | "lav" | "lit" | "rus" | "bul" | "ukr" | "mkd" | "mac" | "bel" => 4,
        "ell" | "gre" => 6,
        _ => 0,
    }
}

impl Set {
    /// The letter of a code from 0x20 to 0x7f.
    pub(super) fn letter(self, code: u8) -> char {
        let own = match self {
            Self::Latin(national) => {
                NATIONAL.iter().position(|own| *own == code).and_then(|at| national.chars().nth(at))
            }
            Self::Other(_, letter) if code == 0x26 => Some(letter),
            Self::Other(GREEK, _) if code == 0x3c => Some('«'),
            Self::Other(GREEK, _) if code == 0x3e => Some('»'),
            Self::Other(letters, _) if code >= 0x40 => letters.chars().nth(usize::from(code - 0x40)),
            Self::Other(..) => None,
        };
        own.unwrap_or(if code == 0x7f { '■' } else { plain(code) })
    }
}

/// A letter of ASCII.
fn plain(code: u8) -> char {
    if (0x20..0x7f).contains(&code) { char::from(code) } else { ' ' }
}

/// From 0x20 on, what is sent in packets of their own.
const MORE: &str = " ¡¢£$¥#§¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿ `´ˆ˜¯˘˙¨.˚¸_˝˛ˇ―¹®©™♪₠‰∝   ⅛⅜⅝⅞ΩÆĐªĦ ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ■";

/// A letter of the second set.
pub(super) fn more(code: u8) -> char {
    code.checked_sub(0x20).and_then(|at| MORE.chars().nth(at.into())).unwrap_or(' ')
}

/// The letters that have a sign above or below them, by the number of the sign from 1 on, each behind the letter without it; and the sign alone.
const MARKED: [(&str, char); 15] = [
    ("AÀEÈIÌOÒUÙaàeèiìoòuùNǸnǹ", '\u{300}'),
    ("AÁCĆEÉIÍLĹNŃOÓRŔSŚUÚYÝZŹaácćeégǵiílĺnńoórŕsśuúyýzź", '\u{301}'),
    ("AÂCĈEÊGĜHĤIÎJĴOÔSŜUÛWŴYŶaâcĉeêgĝhĥiîjĵoôsŝuûwŵyŷ", '\u{302}'),
    ("AÃIĨNÑOÕUŨaãiĩnñoõuũ", '\u{303}'),
    ("AĀEĒIĪOŌUŪaāeēiīoōuū", '\u{304}'),
    ("AĂGĞUŬaăgğuŭ", '\u{306}'),
    ("CĊEĖGĠIİZŻcċeėgġzż", '\u{307}'),
    ("AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿ", '\u{308}'),
    ("", '\u{323}'),
    ("AÅUŮaåuů", '\u{30a}'),
    ("CÇGĢKĶLĻNŅRŖSŞTŢcçkķlļnņrŗsştţ", '\u{327}'),
    ("", '\u{332}'),
    ("OŐUŰoőuű", '\u{30b}'),
    ("AĄEĘIĮUŲaąeęiįuų", '\u{328}'),
    ("CČDĎEĚLĽNŇRŘSŠTŤZŽcčdďeělľnňrřsštťzž", '\u{30c}'),
];

/// A letter of the Latin set with the sign of this number, if there is one.
pub(super) fn marked(code: u8, sign: u8) -> (char, Option<char>) {
    let plain = if code == 0x2a && sign == 0 { '@' } else { plain(code) };
    let Some((pairs, alone)) = usize::from(sign).checked_sub(1).and_then(|at| MARKED.get(at)) else {
        return (plain, None);
    };
    let mut letters = pairs.chars();
    while let (Some(letter), Some(whole)) = (letters.next(), letters.next()) {
        if letter == plain {
            return (whole, None);
        }
    }
    (plain, Some(*alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_whole() {
        let mut found = 0;
        for number in 0..128 {
            let Some(set) = numbered(number) else { continue };
            found += 1;
            match set {
                Set::Latin(letters) => assert_eq!(letters.chars().count(), NATIONAL.len(), "{number}"),
                Set::Other(letters, _) => assert_eq!(letters.chars().count(), 64, "{number}"),
            }
        }
        assert_eq!((found, MORE.chars().count()), (31, 96));
        assert!(MARKED.iter().all(|(pairs, _)| pairs.chars().count() % 2 == 0));
        assert_eq!((set(0, 1).letter(0x7e), set(8, 0).letter(0x7e), set(32, 4).letter(0x41)), ('ß', 'ź', 'А'));
        assert_eq!(
            (marked(b'a', 4), marked(b'x', 2), marked(0x2a, 0)),
            (('ã', None), ('x', Some('\u{301}')), ('@', None))
        );
    }
}
