//! The careful decoder, on one processor or on several.

use std::collections::VecDeque;

use rust_h264::decoder::Decoder;
use rust_h264::nal::parse_annex_b;

use super::super::codec::{CodecError, Decoded};
use super::super::slice::Slice;
use super::super::sps::Sps;
use super::careful_error;
use super::picture::{Look, show};
use super::threads::Threaded;

enum Engine {
    One(Box<Decoder>),
    Many(Box<Threaded>),
}

pub(super) struct Careful {
    engine: Engine,
    at_once: usize,
    /// Whether it was given a picture.
    used: bool,
    /// Tags of the pictures that were begun and not given out, by the decoder that has no threads.
    begun: VecDeque<i64>,
    /// How the first of them is to be shown.
    look: Look,
}

impl Careful {
    /// With so many pictures in work (see [`super::threads::at_once`]), and the parameter sets so far. Errors: one of those.
    pub(super) fn new(at_once: usize, sets: &[Vec<u8>], sps: Option<&Sps>) -> Result<Self, CodecError> {
        let engine = match at_once {
            0 | 1 => Engine::One(Box::new(Decoder::new())),
            _ => Engine::Many(Box::new(Threaded::new(at_once))),
        };
        let mut careful = Self { engine, at_once, used: false, begun: VecDeque::new(), look: Look::default() };
        let sets: Vec<u8> = sets.iter().flat_map(|set| [&[0, 0, 1], set.as_slice()].concat()).collect();
        careful.take(&sets, 0, sps, &mut Vec::new())?;
        Ok(careful)
    }

    /// Whether a picture that is to be decoded with so many in work, and may refer to none before it (`anew`), needs another decoder.
    pub(super) fn is_other(&self, at_once: usize, anew: bool) -> bool {
        self.at_once.max(1) != at_once.max(1) && (anew || !self.used)
    }

    /// Takes units, each behind a start code, in which no picture begins.
    pub(super) fn take(
        &mut self,
        units: &[u8],
        tag: i64,
        sps: Option<&Sps>,
        out: &mut Vec<Decoded>,
    ) -> Result<(), CodecError> {
        for nal in parse_annex_b(units) {
            match &mut self.engine {
                Engine::One(decoder) => {
                    let before = decoder.decode_nal(&nal).map_err(|error| careful_error(sps, &error))?;
                    // A picture comes out when the next one begins; of two fields, the first one's time counts.
                    if let Some(frame) = before {
                        let tag = self.begun.front().copied().unwrap_or(tag);
                        self.begun.clear();
                        out.push(show(&self.look, frame, tag)?);
                    }
                }
                Engine::Many(decoder) => decoder.take(&nal, sps, out)?,
            }
        }
        Ok(())
    }

    /// Takes the first slice of a picture.
    pub(super) fn begin(
        &mut self,
        unit: &[u8],
        (slice, sps): (&Slice, &Sps),
        (tag, look): (i64, Look),
        out: &mut Vec<Decoded>,
    ) -> Result<(), CodecError> {
        self.used = true;
        if let Engine::Many(decoder) = &mut self.engine {
            let mut units = parse_annex_b(unit).into_iter();
            return units.try_for_each(|nal| decoder.begin(&nal, (slice, sps), (tag, look), out));
        }
        self.take(unit, tag, Some(sps), out)?;
        if self.begun.back() != Some(&tag) {
            if self.begun.is_empty() {
                self.look = look;
            }
            self.begun.push_back(tag);
        }
        Ok(())
    }

    /// After an error that is none of the decoder's own: gives out what was whole before it.
    pub(super) fn rescue(&mut self, out: &mut Vec<Decoded>) {
        if let Engine::Many(decoder) = &mut self.engine {
            // Of two errors the first is told.
            let _ = decoder.finish(out);
        }
    }

    /// Gives out whatever is still inside.
    pub(super) fn finish(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        match &mut self.engine {
            Engine::Many(decoder) => decoder.finish(out),
            Engine::One(decoder) => {
                if let Some(frame) = decoder.flush() {
                    let tag = self.begun.front().copied().unwrap_or(-1);
                    self.begun.clear();
                    out.push(show(&self.look, frame, tag)?);
                }
                Ok(())
            }
        }
    }
}
