//! AAC in LATM (ISO/IEC 14496-3), as much of it as television sends: one programme of one layer, a frame at a time.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;

use crate::video::bits::Bits;

const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What the frames that have no configuration of their own go by.
#[derive(Default)]
pub(super) struct Latm {
    stream: Option<Stream>,
}

struct Stream {
    /// The AudioSpecificConfig, as MP4 would have it.
    config: Vec<u8>,
    rate: u32,
    length: Length,
}

/// How long a frame's payload is.
enum Length {
    /// The frame says so.
    ByFrame,
    /// So many bits.
    Bits(u32),
}

impl Latm {
    /// Bytes of the frame of LOAS that begins here.
    pub(super) fn len(head: &[u8]) -> Option<usize> {
        let [a, b, c, ..] = *head else { return None };
        let len = usize::from(b & 0x1f) << 8 | usize::from(c);
        (a == 0x56 && b & 0xe0 == 0xe0 && len > 0).then_some(3 + len)
    }

    /// The AAC within a frame of LOAS; `None` before there is a configuration, or where it is of a kind that is not read here.
    pub(super) fn take(&mut self, frame: &[u8]) -> Option<(Vec<u8>, AudioCodecParameters)> {
        let mut bits = Bits::new(frame.get(3..)?);
        if !bits.flag()? {
            self.stream = Stream::read(&mut bits);
        }
        let stream = self.stream.as_ref()?;
        let len = match stream.length {
            Length::Bits(bits) => bits / 8,
            Length::ByFrame => {
                let mut len = 0;
                loop {
                    let more = bits.get(8)?;
                    len += more;
                    if more < 255 {
                        break len;
                    }
                }
            }
        };
        let data = (0..len).map(|_| bits.get(8).map(|byte| byte as u8)).collect::<Option<Vec<u8>>>()?;
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_AAC).with_sample_rate(stream.rate).with_extra_data(stream.config.as_slice().into());
        Some((data, params))
    }
}

impl Stream {
    /// Reads a StreamMuxConfig.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let version = bits.flag()?;
        if version {
            if bits.flag()? {
                return None;
            }
            value(bits)?;
        }
        // All streams of the same framing, and one frame, one programme, one layer.
        bits.flag()?;
        if bits.get(6)? != 0 || bits.get(4)? != 0 || bits.get(3)? != 0 {
            return None;
        }
        let (config, rate) = if version {
            let len = value(bits)?;
            let mut own = Vec::new();
            for _ in 0..len.div_ceil(8) {
                let left = (len - 8 * own.len() as u32).min(8);
                own.push((bits.get(left)? << (8 - left)) as u8);
            }
            let rate = Specific::read(&mut Bits::new(&own))?.rate;
            (own, rate)
        } else {
            let specific = Specific::read(bits)?;
            (specific.bytes, specific.rate)
        };
        let length = match bits.get(3)? {
            0 => {
                bits.get(8)?;
                Length::ByFrame
            }
            1 => Length::Bits(bits.get(9)?.checked_add(20)?.checked_mul(8)?),
            _ => return None,
        };
        if bits.flag()? {
            if version {
                value(bits)?;
            } else {
                while bits.flag()? {
                    bits.get(8)?;
                }
                bits.get(8)?;
            }
        }
        if bits.flag()? {
            bits.get(8)?;
        }
        Some(Self { config, rate, length })
    }
}

/// LatmGetValue.
fn value(bits: &mut Bits<'_>) -> Option<u32> {
    let bytes = bits.get(2)? + 1;
    bits.get(8 * bytes)
}

/// An AudioSpecificConfig and its bytes: in the old version of LATM, only reading it tells where it ends.
struct Specific {
    bytes: Vec<u8>,
    rate: u32,
}

impl Specific {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut copy = Copy { from: bits, bytes: Vec::new(), used: 0 };
        let mut object = copy.object()?;
        let rate = copy.rate()?;
        if copy.get(4)? == 0 {
            // The channels would be described on the way.
            return None;
        }
        if matches!(object, 5 | 29) {
            copy.rate()?;
            object = copy.object()?;
        }
        if !matches!(object, 1..=4) {
            return None;
        }
        copy.get(1)?;
        if copy.get(1)? == 1 {
            copy.get(14)?;
        }
        copy.get(1)?;
        Some(Self { bytes: copy.bytes, rate })
    }
}

/// The AudioSpecificConfig of a frame of ADTS that says nothing of its channels, which are described at its beginning (as its first element,
/// a program_config_element): `config` is what the header says, `data` what stands behind it.
pub(super) fn described(config: [u8; 2], data: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Bits::new(data);
    if bits.get(3)? != 5 {
        return None;
    }
    let mut copy = Copy { from: &mut bits, bytes: config.to_vec(), used: 16 };
    copy.get(10)?;
    let [front, side, back] = [copy.get(4)?, copy.get(4)?, copy.get(4)?];
    let (deep, data, coupled) = (copy.get(2)?, copy.get(3)?, copy.get(4)?);
    // What it is mixed down to, where it says that.
    for width in [4, 4, 3] {
        if copy.get(1)? == 1 {
            copy.get(width)?;
        }
    }
    for _ in 0..front + side + back + coupled {
        copy.get(5)?;
    }
    for _ in 0..deep + data {
        copy.get(4)?;
    }
    // No words.
    copy.bytes.push(0);
    Some(copy.bytes)
}

/// Bits that are read and kept.
struct Copy<'a, 'b> {
    from: &'a mut Bits<'b>,
    bytes: Vec<u8>,
    used: u32,
}

impl Copy<'_, '_> {
    fn get(&mut self, count: u32) -> Option<u32> {
        let value = self.from.get(count)?;
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut()? |= ((value >> bit & 1) << (7 - self.used % 8)) as u8;
            self.used += 1;
        }
        Some(value)
    }

    fn object(&mut self) -> Option<u32> {
        match self.get(5)? {
            31 => Some(32 + self.get(6)?),
            object => Some(object),
        }
    }

    fn rate(&mut self) -> Option<u32> {
        match self.get(4)? {
            15 => self.get(24),
            index => RATES.get(index as usize).copied(),
        }
    }
}
