//! As much of XML as subtitles have: elements, their attributes, and what stands between. Whatever else there is is passed over, and no
//! entity is declared.

use super::markup::entity;

/// Bytes of a tag, and attributes of it, that are looked at.
const LONGEST: usize = 8_192;
const ATTRIBUTES: usize = 64;

/// A part of a document; names are without what stands before a colon.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'a> {
    /// An element begins, and has these attributes; `true`: it ends at once.
    Open(&'a str, Vec<(&'a str, String)>, bool),
    Close(&'a str),
    Text(String),
}

/// Reads a document, part by part.
pub(super) struct Parts<'a>(&'a str);

impl<'a> Parts<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self(text)
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Text with entities as letters.
fn plain(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (letter, len) = entity(rest).unwrap_or(('&', 1));
        out.push(letter);
        rest = &rest[len..];
    }
    out.push_str(rest);
    out
}

fn attributes(mut text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = text.split_once('=').filter(|_| found.len() < ATTRIBUTES) {
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { break };
        let Some((value, rest)) = rest[1..].split_once(quote) else { break };
        found.push((local(name.trim()), plain(value)));
        text = rest;
    }
    found
}

/// Where a tag ends that `text` begins behind `<` with: a `>` within quotes is none.
fn end(text: &str) -> Option<usize> {
    let mut quote = None;
    text.bytes().take(LONGEST).position(|byte| {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        quote.is_none() && byte == b'>'
    })
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        loop {
            let text = self.0;
            let Some(tag) = text.strip_prefix('<') else {
                let len = text.find('<').unwrap_or(text.len());
                self.0 = &text[len..];
                return (len > 0).then(|| Part::Text(plain(&text[..len])));
            };
            let passed = [("!--", "-->"), ("?", "?>"), ("![CDATA[", "]]>")].into_iter();
            if let Some((begins, ends)) = passed.clone().find(|(begins, _)| tag.starts_with(begins)) {
                let body = &tag[begins.len()..];
                let len = body.find(ends).unwrap_or(body.len());
                self.0 = body[len..].strip_prefix(ends).unwrap_or_default();
                if begins.ends_with('[') {
                    return Some(Part::Text(body[..len].to_owned()));
                }
                continue;
            }
            let len = end(tag)?;
            self.0 = &tag[len + 1..];
            let inner = &tag[..len];
            if inner.starts_with('!') {
                continue;
            }
            if let Some(name) = inner.strip_prefix('/') {
                return Some(Part::Close(local(name.trim())));
            }
            let (inner, empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
            let (name, rest) = inner.split_at(inner.find(char::is_whitespace).unwrap_or(inner.len()));
            return Some(Part::Open(local(name), attributes(rest), empty));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_part_by_part() {
        let text = "<?xml version='1.0'?><!DOCTYPE x><tt:p tts:color = \"a>b\" c='&quot;'>1 &lt; <!-- <x> -->2<br/><![CDATA[<&amp;]]></tt:p>";
        let parts: Vec<_> = Parts::of(text).collect();
        let words = |text: &str| Part::Text(text.into());
        assert_eq!(
            parts,
            [
                Part::Open("p", vec![("color", "a>b".into()), ("c", "\"".into())], false),
                words("1 < "),
                words("2"),
                Part::Open("br", Vec::new(), true),
                words("<&amp;"),
                Part::Close("p"),
            ]
        );
        for len in (0..text.len()).filter(|len| text.is_char_boundary(*len)) {
            assert!(Parts::of(&text[..len]).count() <= parts.len() + 1);
        }
    }
}
