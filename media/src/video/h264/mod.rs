//! H.264 by two decoders: `rust_h264`, exact on every conformance stream that it accepts, and `rusty_h264`, half as fast again
//! and measured exact on what x264 makes. So the fast one is given what x264 says that it has made, as long as the stream
//! keeps to the parameters that it began with, and the careful one everything else. 4:4:4, RGB and lossless pictures are left to a third.
//!
//! Both return pictures in decode order; the player sorts them.

mod active;
mod careful;
#[cfg(feature = "h264-444")]
mod full;
mod limits;
mod picture;
mod scan;
mod threads;
mod whole;

use super::codec::{CONVERT, Codec, CodecError, Decoded, Delivery};
use super::deep::Samples;
use super::nal::{Config, Framing, avcc, split};
use super::slice::{Pps, Sets, Slice};
use super::sps::Sps;
use crate::{MAX_SIDE, MediaError, caps};
use active::Active;
use careful::Careful;
#[cfg(feature = "h264-444")]
use full::Full;
use limits::Limits;
use picture::{Fast, Look};
use scan::Timing;

const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;

enum Engine {
    Fast(Box<rusty_h264_decoder::Decoder>),
    Careful(Careful),
    #[cfg(feature = "h264-444")]
    Full(Box<Full>),
}

pub(crate) struct H264 {
    engine: Engine,
    framing: Framing,
    /// Every parameter set so far, each once.
    seen: Vec<Vec<u8>>,
    sets: Sets,
    active: Active,
    /// What the fast decoder is to be fed next.
    annex_b: Vec<u8>,
    /// How the picture that begins is to be shown.
    coming: Look,
    /// Where in its picture the last slice began.
    last_block: Option<u32>,
    /// What the packet says of its picture's fields.
    timing: Option<Timing>,
    /// The number of the last frame that others may refer to.
    number: Option<u32>,
    limits: Limits,
    /// How many pictures the careful decoder is asked to have in work.
    at_once: Option<usize>,
}

/// Whether an access unit says that x264 made the stream, each picture as a number of slices that does not change: the fast decoder
/// does not filter right between slices.
pub(crate) fn is_from_x264(data: &[u8]) -> bool {
    const MARK: &[u8] = b"x264 - core ";
    const MANY: &[u8] = b"slice_max";
    let Some(at) = data.windows(MARK.len()).take(4096).position(|window| window == MARK) else { return false };
    let words = data[at..].split(|&byte| byte == 0).next().unwrap_or_default();
    !words.windows(MANY.len()).any(|window| window == MANY)
}

impl H264 {
    /// Takes the track's `avcC`. `at_once`: so many pictures in work, whatever their size. Errors: it is broken, or names a profile that
    /// cannot be decoded.
    pub(crate) fn open(config: &[u8], from_x264: bool, at_once: Option<usize>) -> Result<Self, MediaError> {
        let Config { framing, sets } =
            avcc(config).ok_or_else(|| MediaError::Broken("H.264: broken decoder configuration".into()))?;
        let mut codec = Self {
            engine: Engine::Fast(Box::new(rusty_h264_decoder::Decoder::new())),
            framing,
            seen: Vec::new(),
            sets: Sets::default(),
            active: Active::default(),
            annex_b: Vec::new(),
            coming: Look::default(),
            last_block: None,
            timing: None,
            number: None,
            limits: Limits::default(),
            at_once,
        };
        let mut begin = || {
            if !from_x264 {
                codec.be_careful()?;
            }
            sets.iter().try_for_each(|set| codec.take(set, 0, &mut Vec::new()))
        };
        begin().map_err(|error| match error {
            CodecError::Unsupported(what) => MediaError::unsupported(what, CONVERT),
            CodecError::Damaged(why) => MediaError::Broken(why),
        })?;
        Ok(codec)
    }

    fn unsupported(&self, tool: &str) -> CodecError {
        CodecError::Unsupported(format!("{} video ({tool})", self.name()))
    }

    /// Takes a NAL unit; what of it no decoder decodes is refused, so that nothing is shown wrongly.
    fn take(&mut self, nal: &[u8], tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let mut first = None;
        match nal.first().map_or(0, |header| header & 0x1f) {
            SPS => self.sequence(nal)?,
            PPS => {
                let Some(pps) = Pps::parse(nal) else {
                    return Err(CodecError::Damaged("H.264: a parameter set".into()));
                };
                if pps.groups != 1 {
                    return Err(self.unsupported("flexible macroblock order"));
                }
                if pps.redundant {
                    return Err(self.unsupported("redundant pictures"));
                }
                #[cfg(feature = "h264-444")]
                if let (Engine::Full(_), Some(tool)) =
                    (&self.engine, self.sets.sequence().and_then(|sps| full::refused(sps, &pps)))
                {
                    return Err(self.unsupported(tool));
                }
                self.active.take_picture(&pps);
                if self.sets.take_picture(pps) {
                    self.be_careful()?;
                }
                self.keep(nal);
            }
            SEI => {
                let skip = self.sets.sequence().and_then(|sps| sps.timing);
                self.timing = self.timing.or(skip.and_then(|skip| Timing::find(nal, skip)));
            }
            2..=4 => return Err(self.unsupported("data partitioning")),
            1 | 5 => first = Some(self.slice(nal)?).filter(|slice| slice.block == 0),
            _ => {}
        }
        let unit = [&[0, 0, 1], nal].concat();
        let Engine::Careful(decoder) = &mut self.engine else {
            self.annex_b.extend_from_slice(&unit);
            return Ok(());
        };
        let (Some(slice), Some(sps)) = (&first, self.sets.sequence()) else {
            return decoder.take(&unit, tag, self.sets.sequence(), out);
        };
        let at_once = threads::at_once(sps, self.at_once);
        if decoder.is_other(at_once, slice.idr) {
            decoder.finish(out)?;
            *decoder = Careful::new(at_once, &self.seen, Some(sps))?;
            self.active.forget();
        }
        decoder.take(&self.active.begin(sps.id), tag, Some(sps), out)?;
        decoder.begin(&unit, (slice, sps), (tag, self.coming), out)
    }

    /// Looks at the head of a slice.
    fn slice(&mut self, nal: &[u8]) -> Result<Slice, CodecError> {
        let broken = || CodecError::Damaged("H.264: a slice's header".into());
        if scan::is_overwritten(nal) {
            return Err(CodecError::Damaged("H.264: a slice with bytes that none has".into()));
        }
        let slice = self.sets.slice(nal).ok_or_else(broken)?;
        let sps = self.sets.sequence().ok_or_else(broken)?;
        if matches!(slice.kind, 3 | 4 | 8 | 9) {
            return Err(self.unsupported("switching slices"));
        }
        // A number that is passed over was that of a picture that others refer to.
        let next = self.number.map(|number| (number + 1) & ((1 << sps.number_bits) - 1));
        let follows =
            slice.idr || self.number.is_none_or(|number| number == slice.number) || next == Some(slice.number);
        if matches!(self.engine, Engine::Careful(_))
            && let Some(tool) = self.limits.take(&slice, !follows)
        {
            return Err(self.unsupported(tool));
        }
        match self.last_block.replace(slice.block) {
            None if slice.block > 0 => return Err(CodecError::Damaged("H.264: a picture's first slice".into())),
            Some(last) if slice.block > 0 && slice.block <= last => {
                return Err(self.unsupported("arbitrary slice order"));
            }
            _ => {}
        }
        if slice.block > 0 {
            return Ok(slice);
        }
        let (sar, colour, inset, woven) = (sps.sar, sps.colour, sps.inset, sps.fields);
        self.coming = Look { sar, colour, fields: scan::fields(&slice, sps, self.timing), inset, woven };
        if !(follows || sps.gaps) {
            self.number = Some(slice.number);
            return Err(CodecError::Damaged("H.264: pictures are missing".into()));
        }
        if slice.reference {
            self.number = Some(if slice.forgets { 0 } else { slice.number });
        }
        Ok(slice)
    }

    /// A sequence parameter set: refuses what cannot be decoded, and leaves the fast decoder if it is a new one.
    fn sequence(&mut self, nal: &[u8]) -> Result<(), CodecError> {
        let sps = Sps::parse(nal).ok_or_else(|| CodecError::Damaged("H.264: broken sequence header".into()))?;
        if let Some(tool) = sps.unsupported() {
            return Err(CodecError::Unsupported(format!("{} video ({tool})", sps.name())));
        }
        if sps.coded.0.max(sps.coded.1) > MAX_SIDE {
            return Err(CodecError::Damaged("H.264: picture too large".into()));
        }
        let plain = sps.is_plain();
        self.active.take_sequence(sps.id, nal);
        #[cfg(feature = "h264-444")]
        if sps.is_full() && !matches!(self.engine, Engine::Full(_)) {
            self.engine = Engine::Full(Box::new(Full::new(&self.seen)));
        }
        if self.sets.take_sequence(sps) || !plain {
            self.be_careful()?;
        }
        self.keep(nal);
        Ok(())
    }

    /// Leaves the fast decoder.
    fn be_careful(&mut self) -> Result<(), CodecError> {
        if let Engine::Fast(_) = self.engine {
            self.engine = Engine::Careful(Careful::new(1, &self.seen, self.sets.sequence())?);
            self.active.forget();
        }
        Ok(())
    }

    fn packet(&mut self, data: &[u8], tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        (self.last_block, self.timing) = (None, None);
        // The fast decoder does not notice that a slice is missing; only what is one slice cannot lack another.
        let slices = units(data, self.framing).flatten();
        if matches!(self.engine, Engine::Fast(_)) && slices.filter(|nal| nal[0] & 0x1f == 5).nth(1).is_some() {
            self.be_careful()?;
        }
        for nal in units(data, self.framing) {
            let nal = nal.map_err(|()| CodecError::Damaged("H.264: a unit reaches past its packet".into()))?;
            self.take(nal, tag, out)?;
        }
        let units = std::mem::take(&mut self.annex_b);
        #[cfg(feature = "h264-444")]
        if let (Engine::Full(decoder), Some(sps)) = (&mut self.engine, self.sets.sequence()) {
            return decoder.decode(&units, tag, sps, out);
        }
        let Engine::Fast(decoder) = &mut self.engine else { return Ok(()) };
        let result = decoder.decode(&units);
        let frame = result.map_err(|error| match error {
            rusty_h264_decoder::DecodeError::Unsupported(tool) => self.unsupported(tool),
            other => CodecError::Damaged(format!("H.264: {other}")),
        })?;
        let Some(frame) = frame else { return Ok(()) };
        let (sar, colour) = self.sets.sequence().map(|sps| (sps.sar, sps.colour)).unwrap_or_default();
        let (width, height) = (frame.width as u32, frame.height as u32);
        let samples = Samples::Bytes(Box::new(Fast(frame)));
        out.push(Decoded { tag, width, height, sar, colour, fields: None, samples });
        Ok(())
    }

    fn keep(&mut self, set: &[u8]) {
        if self.seen.len() < caps::PARAMETER_SETS && !self.seen.iter().any(|known| known == set) {
            self.seen.push(set.to_vec());
        }
    }
}

fn careful_error(sps: Option<&Sps>, error: &rust_h264::error::DecodeError) -> CodecError {
    match error {
        rust_h264::error::DecodeError::Unsupported(tool) => {
            let name = sps.map_or_else(|| "H.264".into(), Sps::name);
            CodecError::Unsupported(format!("{name} video ({tool})"))
        }
        other => CodecError::Damaged(format!("H.264: {other}")),
    }
}

impl Codec for H264 {
    fn name(&self) -> String {
        self.sets.sequence().map_or_else(|| "H.264".into(), Sps::name)
    }

    fn delivery(&self) -> Delivery {
        match self.engine {
            Engine::Fast(_) => Delivery::Decoded,
            Engine::Careful(_) => Delivery::DecodedLate,
            #[cfg(feature = "h264-444")]
            Engine::Full(_) => Delivery::Late,
        }
    }

    fn is_inset(&self) -> bool {
        self.sets.sequence().is_some_and(|sps| sps.inset != (0, 0))
    }

    fn begins(&self, data: &[u8]) -> bool {
        // With periodic intra refresh, containers also mark pictures that only begin to be refreshed.
        let own = units(data, self.framing).flatten().find(|nal| nal[0] & 0x1f == SPS).and_then(Sps::parse);
        let fields = own.as_ref().or(self.sets.sequence()).is_some_and(|sps| sps.fields);
        let mut slices = units(data, self.framing).flatten().filter(|nal| matches!(nal[0] & 0x1f, 1 | 5)).peekable();
        // The second field of a picture that begins with an intra field may refer to the first one.
        slices.peek().is_some_and(|nal| is_intra(nal)) && (fields || slices.all(is_intra))
    }

    fn disposable(&self, data: &[u8]) -> bool {
        // `nal_ref_idc` of each slice; parameter sets, which it is not 0 of, stay.
        let mut units = units(data, self.framing).flatten().peekable();
        units.peek().is_some() && units.all(|nal| nal[0] & 0x60 == 0)
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let result = self.packet(&data, tag, out);
        if let (Err(_), Engine::Careful(decoder)) = (&result, &mut self.engine) {
            decoder.rescue(out);
        }
        result
    }

    fn flush(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        #[cfg(feature = "h264-444")]
        if let (Engine::Full(decoder), Some(sps)) = (&mut self.engine, self.sets.sequence()) {
            return decoder.flush(sps, out);
        }
        if let Some(what) = self.limits.end() {
            return Err(self.unsupported(what));
        }
        match &mut self.engine {
            Engine::Careful(decoder) => decoder.finish(out),
            _ => Ok(()),
        }
    }
}

/// The units of a packet. What calls itself an IDR slice to which no other picture refers (section 7.4.1: that cannot be) is none of them:
/// VLC writes x264's words with such a header.
fn units(data: &[u8], framing: Framing) -> impl Iterator<Item = Result<&[u8], ()>> {
    split(data, framing).filter(|unit| !unit.is_ok_and(|nal| nal[0] & 0x7f == 5))
}

/// Whether a slice refers to no other picture.
fn is_intra(nal: &[u8]) -> bool {
    nal[0] & 0x1f == 5 || matches!(Slice::place(nal), Some((_, 2 | 4 | 7 | 9)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idr_slice_to_which_nothing_refers_is_none() {
        let packet = [0, 0, 0, 3, 0x05, 0xff, 1, 0, 0, 0, 2, 0x65, 1, 0, 0, 0, 2, 0x01, 1];
        let units: Vec<_> = units(&packet, Framing::Length(4)).collect();
        assert_eq!(units, [Ok(&[0x65u8, 1][..]), Ok(&[0x01, 1])]);
    }
}
