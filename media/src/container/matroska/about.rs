//! What a Matroska file says about itself: chapters, tags, attachments.

use std::io;

use super::super::{Attachment, Chapter, caps, in_order};
use super::ebml::{Element, child, children, element, string, uint};
use crate::MediaFile;

/// The chapters of the edition that is meant, else of the first, in order of time; those within chapters are left out.
pub(super) fn chapters(data: &[u8]) -> Vec<Chapter> {
    let editions = || children(data).filter(|(id, _)| *id == 0x45b9).map(|(_, edition)| edition);
    let meant = editions().find(|edition| child(edition, 0x45db).and_then(uint) == Some(1));
    let Some(edition) = meant.or_else(|| editions().next()) else { return Vec::new() };
    let atoms = children(edition).filter(|(id, atom)| *id == 0xb6 && child(atom, 0x98).and_then(uint) != Some(1));
    let mut out: Vec<Chapter> = atoms
        .take(caps::ENTRIES)
        .filter_map(|(_, atom)| {
            let start_ns = i64::try_from(child(atom, 0x91).and_then(uint)?).ok()?;
            let title = child(atom, 0x80).and_then(|display| child(display, 0x85)).map(string).unwrap_or_default();
            Some(Chapter { start_ns, title })
        })
        .collect();
    in_order(&mut out);
    out
}

/// The tags of the whole file, names in small letters.
pub(super) fn tags(data: &[u8]) -> Vec<(String, String)> {
    // A target names a track, a chapter or an attachment, or none.
    let targets = [0x63c5, 0x63c4, 0x63c6, 0x63c9];
    let whole = |tag: &[u8]| {
        let target = child(tag, 0x63c0).unwrap_or_default();
        targets.iter().all(|id| child(target, *id).and_then(uint).unwrap_or(0) == 0)
    };
    let tags = children(data).filter(|(id, tag)| *id == 0x7373 && whole(tag));
    let simple = tags.flat_map(|(_, tag)| children(tag)).filter(|(id, _)| *id == 0x67c8);
    simple
        .take(caps::ENTRIES)
        .filter_map(|(_, tag)| Some((string(child(tag, 0x45a3)?).to_lowercase(), string(child(tag, 0x4487)?))))
        .collect()
}

/// The attached files; their data is not read.
pub(super) fn attachments(file: &MediaFile, list: &Element) -> io::Result<Vec<Attachment>> {
    let (mut out, mut at) = (Vec::new(), list.body);
    while at < list.end(file) && out.len() < caps::ENTRIES {
        let Some(attached) = element(file, at)? else { break };
        let (mut inner, mut one) =
            (attached.body, Attachment { name: String::new(), mime: String::new(), place: 0..0 });
        while inner < attached.end(file) {
            let Some(part) = element(file, inner)? else { break };
            let end = part.end(file);
            let text = || -> io::Result<String> {
                let mut text = vec![0; (end - part.body.min(end)).min(1024) as usize];
                file.read_exact_at(&mut text, part.body)?;
                Ok(string(&text))
            };
            match part.id {
                0x466e => one.name = text()?,
                0x4660 => one.mime = text()?,
                0x465c => one.place = part.body..end,
                _ => {}
            }
            inner = end.max(inner + 1);
        }
        if attached.id == 0x61a7 && !one.place.is_empty() {
            out.push(one);
        }
        at = attached.end(file).max(at + 1);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_those_of_the_edition_that_is_meant() {
        let element = |id: &[u8], body: &[u8]| [id, &[0x80 | body.len() as u8], body].concat();
        let chapter = |at: u8, title: &[u8]| {
            let display = element(&[0x80], &element(&[0x85], title));
            element(&[0xb6], &[element(&[0x91], &[at]), display].concat())
        };
        let edition =
            |meant: u8, atoms: Vec<u8>| element(&[0x45, 0xb9], &[element(&[0x45, 0xdb], &[meant]), atoms].concat());
        let titles = |data: &[u8]| chapters(data).into_iter().map(|chapter| chapter.title).collect::<Vec<_>>();
        let (first, second) = (edition(0, chapter(5, b"a")), edition(1, [chapter(9, b"c"), chapter(7, b"b")].concat()));
        assert_eq!(titles(&[first.clone(), second].concat()), ["b", "c"]);
        assert_eq!(titles(&[first, edition(0, chapter(7, b"b"))].concat()), ["a"]);
        assert!(titles(&[]).is_empty());
    }
}
