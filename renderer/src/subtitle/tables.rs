//! What a font's tables say of it: its names, its weight, how large its letters are. Fonts come from anywhere: whatever is not there is `None`.

fn number(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn offset(data: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?) as usize)
}

/// How many faces a file has.
pub(super) fn faces(data: &[u8]) -> u32 {
    if data.starts_with(b"ttcf") { offset(data, 8).unwrap_or(0) as u32 } else { 1 }
}

/// A table of a face.
pub(super) fn table<'a>(data: &'a [u8], index: u32, tag: &[u8; 4]) -> Option<&'a [u8]> {
    let head = if data.starts_with(b"ttcf") { offset(data, 12 + 4 * index as usize)? } else { 0 };
    let mut records = (0..usize::from(number(data, head + 4)?)).map(|n| head + 12 + 16 * n);
    let record = records.find(|at| data.get(*at..at + 4) == Some(tag))?;
    let (from, len) = (offset(data, record + 8)?, offset(data, record + 12)?);
    data.get(from..from.checked_add(len)?)
}

/// How large a font's letters are, as a part of the height from its highest to its lowest one, by what it says for Windows.
pub(super) fn em(data: &[u8], index: u32) -> Option<f32> {
    let units = number(table(data, index, b"head")?, 18)?;
    let said = table(data, index, b"OS/2").and_then(|os2| Some((number(os2, 74)?, number(os2, 76)?)));
    let high = match said.filter(|(above, below)| u32::from(*above) + u32::from(*below) > 0) {
        Some((above, below)) => f32::from(above) + f32::from(below),
        None => {
            let hhea = table(data, index, b"hhea")?;
            f32::from(number(hhea, 4)? as i16) - f32::from(number(hhea, 6)? as i16)
        }
    };
    Some(f32::from(units) / high).filter(|em| (0.1..=2.0).contains(em))
}

/// How heavy a face is, from 1 to 1000, and whether it is slanted.
pub(super) fn weight(data: &[u8], index: u32) -> (u16, bool) {
    let os2 = table(data, index, b"OS/2");
    let said = os2.and_then(|os2| Some((number(os2, 4)?, number(os2, 62)?)));
    let (weight, flags) = said.unwrap_or_else(|| {
        let style = table(data, index, b"head").and_then(|head| number(head, 44)).unwrap_or(0);
        (if style & 1 > 0 { 700 } else { 400 }, style >> 1 & 1)
    });
    // Some say it in hundreds.
    let weight = match weight {
        0 => 400,
        1..=9 => weight * 100,
        _ => weight.min(1000),
    };
    (weight, flags & 1 > 0)
}

/// The names of a family that a face is of, and those of the face alone; in small letters, in any language.
pub(super) fn names(data: &[u8], index: u32) -> (Vec<String>, Vec<String>) {
    let (mut families, mut own) = (Vec::new(), Vec::new());
    let Some(list) = table(data, index, b"name") else { return (families, own) };
    let storage = number(list, 4).unwrap_or(0);
    for at in (0..usize::from(number(list, 2).unwrap_or(0))).map(|n| 6 + 12 * n) {
        let field = |n: usize| number(list, at + 2 * n);
        let (Some(platform), Some(id), Some(len), Some(from)) = (field(0), field(3), field(4), field(5)) else { break };
        let from = usize::from(storage) + usize::from(from);
        let Some(letters) = list.get(from..from + usize::from(len)) else { continue };
        let name: String = if platform == 1 {
            letters.iter().map(|&letter| char::from(letter)).collect()
        } else {
            let units = letters.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]]));
            char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect()
        };
        match id {
            1 | 16 => families.push(name.trim().to_lowercase()),
            4 | 6 => own.push(name.trim().to_lowercase()),
            _ => {}
        }
    }
    (families, own)
}
