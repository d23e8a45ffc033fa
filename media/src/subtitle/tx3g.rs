//! `mov_text` (3GPP TS 26.245): a length, text, and boxes that say how stretches of it look.

use super::cue::{Body, Cue, Look, Place, Writer};
use crate::caps;

/// How letters look of which a packet says nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Usual(Look);

impl Usual {
    /// From the body of the sample entry.
    pub(super) fn read(entry: &[u8]) -> Self {
        // The code stands for QuickTime's own text as well, whose entry is another one and longer.
        Self(entry.get(26..38).filter(|_| entry.len() < 80).and_then(look).unwrap_or_default())
    }

    /// The cue of a packet; `None` if it shows nothing.
    pub(super) fn packet(&self, start_ns: i64, end_ns: i64, data: &[u8]) -> Option<Cue> {
        let len = usize::from(u16::from_be_bytes(*data.first_chunk()?));
        let text = data.get(2..2 + len)?;
        let text = letters(text);
        let letters: Vec<char> = text.chars().take(caps::CUE_TEXT).map(|c| if c == '\r' { '\n' } else { c }).collect();
        let mut out = Writer::default();
        let mut at = 0;
        for (from, to, look) in styles(&data[2 + len..]) {
            let (from, to) = (from.min(letters.len()).max(at), to.min(letters.len()));
            if to <= from {
                continue;
            }
            out.push(&letters[at..from].iter().collect::<String>(), &self.0);
            out.push(&letters[from..to].iter().collect::<String>(), &look);
            at = to;
        }
        out.push(&letters[at..].iter().collect::<String>(), &self.0);
        let spans = out.finish().filter(|_| end_ns > start_ns)?;
        Some(Cue { start_ns, end_ns, body: Body::Text { spans, place: Place::default() } })
    }
}

/// Words as MP4 has them.
pub(crate) fn letters(text: &[u8]) -> std::borrow::Cow<'_, str> {
    encoding_rs::UTF_8.decode(text).0
}

/// The looks that the boxes behind the text name, and from which letter to which.
fn styles(mut boxes: &[u8]) -> Vec<(usize, usize, Look)> {
    let mut found = Vec::new();
    while let Some(size) = boxes.first_chunk().map(|size| u32::from_be_bytes(*size) as usize) {
        let Some(part) = boxes.get(..size).filter(|_| size >= 8) else { break };
        if &part[4..8] == b"styl" {
            let records = part.get(10..).unwrap_or_default().chunks_exact(12).take(caps::CUE_SPANS);
            let letter = |at: &[u8]| at.first_chunk().map_or(0, |n| usize::from(u16::from_be_bytes(*n)));
            found.extend(records.filter_map(|record| Some((letter(record), letter(&record[2..]), look(record)?))));
        }
        boxes = &boxes[size..];
    }
    found
}

/// The look that a record of twelve bytes stands for.
fn look(record: &[u8]) -> Option<Look> {
    let &[_, _, _, _, _, _, face, _, red, green, blue, _] = record else { return None };
    let color = u32::from_be_bytes([0, red, green, blue]);
    Some(Look {
        bold: face & 1 != 0,
        italic: face & 2 != 0,
        underline: face & 4 != 0,
        // Black letters with a black edge are what writers leave that say nothing.
        color: Some(0xff00_0000 | color).filter(|_| color != 0),
        ..Look::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_of_a_packet_look_as_its_boxes_say() {
        let record = [0, 2, 0, 5, 0, 1, 3, 18, 0xff, 0x80, 0, 0xff];
        let boxes = [&22_u32.to_be_bytes()[..], b"styl", &[0, 1], &record].concat();
        let data = [&[0, 9][..], "äb cd ü".as_bytes(), &boxes].concat();
        let cue = Usual::default().packet(1, 2, &data).unwrap();
        let Body::Text { spans, .. } = &cue.body else { panic!("text") };
        assert_eq!(spans.iter().map(|span| span.text.as_str()).collect::<Vec<_>>(), ["äb", " cd", " ü"]);
        assert!(spans[1].look.bold && spans[1].look.italic && spans[1].look.color == Some(0xffff_8000));
        for len in 0..data.len() {
            Usual::default().packet(1, 2, &data[..len]);
        }
        assert_eq!(Usual::default().packet(1, 2, &[0, 0]), None);
        assert_eq!(Usual::default().packet(1, 2, &[0, 4, 0xfe, 0xff, 0x04, 0x14]).unwrap().words(), "Д");
    }
}
