//! Which speakers the channels of a stream are for: one bit a speaker, as in `dwChannelMask` of a WAV file. Channels leave a decoder in
//! the order of these bits. 0 is that nothing is said.

use symphonia::core::audio::{ChannelLabel, Channels, Position};

use crate::container::boxes::Fields;

/// The bits that have letters in [`named`]: front left, right and centre, low frequencies, back left and right, left and right of the
/// centre, back centre, side left and right.
const LETTERS: &str = "LRCElrcdSxy";

/// What the layouts of codecs are made of.
pub(crate) mod layout {
    pub(crate) const MONO: u32 = 0x4;
    pub(crate) const STEREO: u32 = 0x3;
    pub(crate) const FRONTS: u32 = 0x7;
    pub(crate) const LOW: u32 = 0x8;
    pub(crate) const BACKS: u32 = 0x30;
    pub(crate) const BACK: u32 = 0x100;
    pub(crate) const SIDES: u32 = 0x600;
}
use layout::{BACK, BACKS, FRONTS, LOW, MONO, SIDES, STEREO};

/// What Vorbis, Opus and FLAC have so many channels for.
pub(crate) fn of_xiph(channels: u16) -> u32 {
    match channels {
        1 => MONO,
        2 => STEREO,
        3 => FRONTS,
        4 => STEREO | BACKS,
        5 => FRONTS | BACKS,
        6 => FRONTS | LOW | BACKS,
        7 => FRONTS | LOW | BACK | SIDES,
        8 => FRONTS | LOW | BACKS | SIDES,
        _ => 0,
    }
}

/// So many channels, for these speakers if there is one for each.
pub(crate) fn channels(count: u32, speakers: u32) -> Channels {
    match Position::from_bits(speakers.into()) {
        Some(positions) if speakers.count_ones() == count && count > 0 => Channels::Positioned(positions),
        _ => Channels::Discrete(u16::try_from(count).unwrap_or(u16::MAX)),
    }
}

/// The comment that says which speakers FLAC has channels for, and how it begins.
pub(crate) const COMMENT: &str = "WAVEFORMATEXTENSIBLE_CHANNEL_MASK";

/// The value of [`COMMENT`].
pub(crate) fn of_comment(value: &str) -> u32 {
    let digits = value.trim().trim_start_matches("0x").trim_start_matches("0X");
    u32::from_str_radix(digits, 16).unwrap_or(0)
}

/// What a comment says among FLAC's blocks.
pub(crate) fn of_blocks(blocks: &[u8]) -> u32 {
    let at = blocks.windows(COMMENT.len()).position(|name| name.eq_ignore_ascii_case(COMMENT.as_bytes()));
    let value = at.and_then(|at| blocks.get(at + COMMENT.len()..)?.strip_prefix(b"=0x"));
    let digits = value.unwrap_or_default().iter().take(8).take_while(|byte| byte.is_ascii_hexdigit());
    of_comment(&digits.map(|&digit| char::from(digit)).collect::<String>())
}

/// Channels in the order of `speakers`, each a bit; `None` if one is there twice or has no bit.
fn ordered(speakers: impl Iterator<Item = Option<u32>>) -> Option<Channels> {
    let all: Vec<u32> = speakers.collect::<Option<_>>()?;
    let mask = all.iter().fold(0, |mask, bit| mask | bit);
    if all.is_empty() || mask.count_ones() as usize != all.len() {
        return None;
    }
    if all.is_sorted() {
        return Some(channels(all.len() as u32, mask));
    }
    let label = |bit: &u32| Some(ChannelLabel::Positioned(Position::from_bits(u64::from(*bit))?));
    Some(Channels::Custom(all.iter().map(label).collect::<Option<_>>()?))
}

/// What [`channels`] or a container says: the speakers, and of each of them in the order of their bits the channel of the stream.
pub(crate) fn of(channels: Option<&Channels>) -> (u32, Option<Vec<usize>>) {
    match channels {
        Some(Channels::Positioned(positions)) => (u32::try_from(positions.bits()).unwrap_or(0), None),
        Some(Channels::Custom(labels)) => {
            let bit = |label: &ChannelLabel| match label {
                ChannelLabel::Positioned(position) => u32::try_from(position.bits()).ok(),
                _ => None,
            };
            let Some(bits) = labels.iter().map(bit).collect::<Option<Vec<u32>>>() else { return (0, None) };
            let mut order: Vec<usize> = (0..bits.len()).collect();
            order.sort_by_key(|&channel| bits[channel]);
            (bits.iter().fold(0, |mask, bit| mask | bit), Some(order))
        }
        _ => (0, None),
    }
}

/// The bits of letters.
fn named(letters: &str) -> impl Iterator<Item = Option<u32>> {
    letters.chars().map(|letter| LETTERS.find(letter).map(|at| 1 << at))
}

/// Channels in the order of letters; `None` if they are none.
pub(crate) fn of_letters(letters: &str) -> Option<Channels> {
    ordered(named(letters))
}

/// Apple's layouts by the upper half of their tag; the lower one counts channels. In a layout with two more behind them, the surround
/// pair stands at the sides; in 7.1 (128), the pair behind comes first, as FFmpeg writes it.
const APPLE: [(u32, &str); 43] = [
    (100, "C"),
    (101, "LR"),
    (102, "LR"),
    (103, "LR"),
    (106, "LR"),
    (108, "LRlr"),
    (109, "LRlrC"),
    (110, "LRlrCS"),
    (113, "LRC"),
    (114, "CLR"),
    (115, "LRCS"),
    (116, "CLRS"),
    (117, "LRClr"),
    (118, "LRlrC"),
    (119, "LCRlr"),
    (120, "CLRlr"),
    (121, "LRCElr"),
    (122, "LRlrCE"),
    (123, "LCRlrE"),
    (124, "CLRlrE"),
    (125, "LRCElrS"),
    (126, "LRCElrcd"),
    (127, "CcdLRlrE"),
    (128, "LRCElrxy"),
    (129, "LRlrCEcd"),
    (131, "LRS"),
    (132, "LRlr"),
    (133, "LRE"),
    (134, "LRES"),
    (135, "LRElr"),
    (136, "LRCE"),
    (137, "LRCES"),
    (138, "LRlrE"),
    (139, "LRlrCS"),
    (140, "LRxyClr"),
    (141, "CLRlrS"),
    (142, "CLRlrSE"),
    (143, "CLRxylr"),
    (144, "CLRxylrS"),
    (148, "LRlrCcd"),
    (150, "LCR"),
    (151, "LCRS"),
    (152, "LCRE"),
];

/// `chan` of QuickTime, CAF and AIFF, from the layout's tag on: the channels in the stream's order; `None` where that is not known, or there are not `count`.
pub(crate) fn of_apple(body: &[u8], count: u32) -> Option<Channels> {
    let fields = &mut Fields(body);
    let (tag, bits, described) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let found = match tag {
        // Of each channel a label, flags and three coordinates.
        0 => {
            let labels = (0..described.min(8)).map(|_| {
                let label = fields.u32()?;
                fields.skip(16)?;
                Some(label)
            });
            let labels: Vec<u32> = labels.collect::<Option<_>>()?;
            let behind = labels.contains(&33) || labels.contains(&34);
            ordered(labels.iter().map(|&label| match label {
                33 | 34 => Some(1 << (label - 33 + 4)),
                5 | 6 if behind => Some(1 << (label - 5 + 9)),
                1..=18 => Some(1 << (label - 1)),
                _ => None,
            }))?
        }
        0x1_0000 => channels(count, bits),
        _ => {
            let (_, letters) = APPLE.iter().find(|(number, _)| *number == tag >> 16)?;
            of_letters(letters)?
        }
    };
    Some(found).filter(|found| found.count() == count as usize)
}

/// `chnl` of MP4 (ISO/IEC 14496-12, 12.2.4): as [`of_apple`]. Layouts and speakers have the numbers of ISO/IEC 23001-8.
pub(crate) fn of_iso(body: &[u8], count: u32) -> Option<Channels> {
    const POSITIONS: &str = "LRCElrcdlrSxyxy";
    let fields = &mut Fields(body);
    let version = fields.u8()?;
    fields.skip(3)?;
    let structure = if version == 0 { fields.u8()? } else { fields.u8()? >> 4 };
    if version > 0 {
        fields.skip(1)?;
    }
    if structure & 1 == 0 {
        return None;
    }
    let letters: String = match fields.u8()? {
        0 => {
            if version > 0 {
                fields.skip(1)?;
            }
            let positions: Vec<usize> = (0..count).map(|_| fields.u8().map(usize::from)).collect::<Option<_>>()?;
            // Numbers 8 and 9 are behind those of 4 and 5.
            let behind = positions.contains(&8);
            let letter = |&n: &usize| match n {
                4 | 5 if behind => "xy".chars().nth(n - 4),
                n => POSITIONS.chars().nth(n),
            };
            positions.iter().map(letter).collect::<Option<_>>()?
        }
        number => {
            let all =
                ["", "C", "LR", "CLR", "CLRS", "CLRlr", "CLRlrE", "CcdLRlrE", "", "LRS", "LRlr", "CLRlrSE", "CLRxylrE"];
            (*all.get(usize::from(number))?).into()
        }
    };
    of_letters(&letters).filter(|found| found.count() == count as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_of_apples_has_as_many_speakers_as_channels() {
        for (tag, letters) in APPLE {
            let count = letters.len() as u32;
            let body = [(tag << 16 | count).to_be_bytes(), [0; 4], [0; 4]].concat();
            let found = of_apple(&body, count);
            assert_eq!(found.as_ref().map(Channels::count), Some(letters.len()), "{tag}");
            assert_eq!(of_apple(&body, count + 1), None, "{tag}");
        }
    }

    #[test]
    fn channels_in_another_order_are_found_by_their_speakers() {
        // C L R Ls Rs LFE.
        let body = [(124u32 << 16 | 6).to_be_bytes(), [0; 4], [0; 4]].concat();
        let found = of_apple(&body, 6);
        assert_eq!(of(found.as_ref()), (0x3f, Some(vec![1, 2, 0, 5, 3, 4])));
        // The same as ISO's number, and speaker by speaker.
        assert_eq!(of_iso(&[0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0], 6), found);
        assert_eq!(of_iso(&[0, 0, 0, 0, 1, 0, 2, 0, 1, 4, 5, 3], 6), found);
        assert_eq!(of_iso(&[1, 0, 0, 0, 0x10, 6, 6, 0], 6), found);
        // Descriptions: right before left, and one that is there twice.
        let described = |labels: [u32; 2]| {
            let body = [0u32.to_be_bytes(), [0; 4], 2u32.to_be_bytes()].concat();
            labels.iter().fold(body, |body, label| [&body[..], &label.to_be_bytes(), &[0; 16]].concat())
        };
        assert_eq!(of(of_apple(&described([2, 1]), 2).as_ref()), (3, Some(vec![1, 0])));
        assert_eq!(of_apple(&described([1, 1]), 2), None);
    }
}
