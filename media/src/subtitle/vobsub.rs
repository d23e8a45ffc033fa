//! Pictures of DVDs (VobSub): each packet is one picture of four colours, run-length coded in two fields, with a list of commands that
//! say when and where it is seen and which of the disc's sixteen colours it has. The disc's colours and the size of its pictures
//! come as lines of text, as in the index (`.idx`) that VobSub writes; containers whose own words differ make such lines ([`header`]).

use std::fmt::Write as _;
use std::sync::Arc;

use super::cue::{Bitmap, Body};
use crate::caps;

/// What holds for all pictures of a track.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The disc's colours as `0xRRGGBB`.
    palette: Option<[u32; 16]>,
    within: (u32, u32),
}

/// A picture, and from when to when it is seen, in ns since its packet's time; until another one comes where no end is told.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) from_ns: i64,
    pub(super) until_ns: Option<i64>,
    pub(super) body: Body,
}

/// What the commands of a packet have said up to a moment.
#[derive(Debug, Clone, Copy)]
struct State {
    on: bool,
    /// Of the four colours: which of the disc's sixteen, and how opaque, 0..=15.
    colors: [u8; 4],
    opaque: [u8; 4],
    /// Left, right, upper and lower edge, all within the picture.
    area: Option<[usize; 4]>,
    /// Where the even rows and the odd rows are coded.
    fields: [usize; 2],
}

/// The size to which a DVD's pictures refer: that of a full screen of the film's standard, also where the film's own pictures are smaller.
pub(crate) fn screen(film: Option<(u32, u32)>) -> (u32, u32) {
    match film {
        Some((width, height)) if width > 720 || height > 576 => (width, height),
        Some((_, 480 | 240)) => (720, 480),
        _ => (720, 576),
    }
}

/// The lines that tell the size and the colours (`0xRRGGBB`, if they are known) as an index does.
pub(crate) fn header((width, height): (u32, u32), palette: Option<[u32; 16]>) -> Vec<u8> {
    let mut text = format!("size: {width}x{height}\n");
    for (at, color) in palette.iter().flatten().enumerate() {
        let _ = write!(text, "{}{color:06x}", if at == 0 { "palette: " } else { ", " });
    }
    text.into_bytes()
}

impl Decoder {
    /// Of a track that is described by these lines of an index.
    pub(super) fn read(header: &[u8]) -> Self {
        let text = String::from_utf8_lossy(header);
        let mut decoder = Self { palette: None, within: screen(None) };
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            match name.trim() {
                "size" => {
                    let size = value.trim().split_once('x').map(|(w, h)| (w.trim().parse(), h.trim().parse()));
                    if let Some((Ok(width @ 1..=caps::MAX_SIDE), Ok(height @ 1..=caps::MAX_SIDE))) = size {
                        decoder.within = (width, height);
                    }
                }
                "palette" => {
                    let colors = value.split(',').map_while(|color| u32::from_str_radix(color.trim(), 16).ok());
                    let colors: Vec<u32> = colors.map(|color| color & 0xff_ffff).take(16).collect();
                    decoder.palette = colors.try_into().ok().or(decoder.palette);
                }
                _ => {}
            }
        }
        decoder
    }

    /// Takes a packet. The pictures that it shows, one after another; `None` if it is none.
    pub(super) fn packet(&self, data: &[u8]) -> Option<Vec<Seen>> {
        let states = states(data)?;
        let (mut seen, mut points) = (Vec::new(), 0);
        for (at, (date_ns, state)) in states.iter().enumerate() {
            let until_ns = states.get(at + 1).map(|(date_ns, _)| *date_ns);
            let Some(area) = state.area.filter(|_| state.on && until_ns.is_none_or(|until_ns| until_ns > *date_ns))
            else {
                continue;
            };
            points += area_points(area);
            if points > caps::DISC_POINTS || seen.len() >= caps::CUES_ON {
                break;
            }
            seen.push(Seen { from_ns: *date_ns, until_ns, body: self.picture(data, state, area) });
        }
        Some(seen)
    }

    fn picture(&self, data: &[u8], state: &State, area: [usize; 4]) -> Body {
        let [left, right, upper, lower] = area;
        let (width, height) = (right - left + 1, lower - upper + 1);
        // What is missing is of a colour that nothing shows.
        let mut indices = vec![0xff; width * height];
        for (parity, at) in state.fields.into_iter().enumerate() {
            field(data, at, indices.chunks_exact_mut(width).skip(parity).step_by(2));
        }
        let mut palette = vec![0; 256];
        for (color, entry) in self.colors(state).into_iter().zip(&mut palette) {
            *entry = color;
        }
        let (x, y, width, height) = (left as u32, upper as u32, width as u32, height as u32);
        Body::Picture(Arc::new(Bitmap { within: self.within, x, y, width, height, palette, indices }))
    }

    /// The four colours as `0xAARRGGBB`.
    fn colors(&self, state: &State) -> [u32; 4] {
        let alpha = state.opaque.map(|opaque| (u32::from(opaque) * 17) << 24);
        if let Some(palette) = self.palette {
            return std::array::from_fn(|at| alpha[at] | palette[usize::from(state.colors[at])]);
        }
        // Without the disc's colours: steps from black to white, as FFmpeg and mpv guess.
        let mut steps: Vec<u8> = Vec::new();
        for at in 0..4 {
            if state.opaque[at] != 0 && !steps.contains(&state.colors[at]) {
                steps.push(state.colors[at]);
            }
        }
        std::array::from_fn(|at| {
            let step = steps.iter().position(|color| *color == state.colors[at]).filter(|_| alpha[at] != 0);
            let levels: [&[u32]; 4] = [&[0xfe], &[0, 0xfe], &[0, 0x7f, 0xfe], &[0, 0x54, 0xa9, 0xfe]];
            step.map_or(0, |step| alpha[at] | (levels[steps.len() - 1][step] * 0x1_0101))
        })
    }
}

/// What is seen from which moment on, in ns since the packet's time. `None`: the packet is none.
fn states(data: &[u8]) -> Option<Vec<(i64, State)>> {
    let word = |at: usize| Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?));
    let mut state =
        State { on: false, colors: [0, 1, 2, 3], opaque: [0, 15, 15, 15], area: None, fields: [usize::MAX; 2] };
    let (mut at, mut states, mut begun) = (usize::from(word(2)?), Vec::new(), false);
    while let (Some(date), Some(next)) = (word(at), word(at + 2)) {
        begun |= commands(data.get(at + 4..).unwrap_or_default(), &mut state);
        // Steps of 1024 ticks of 90 kHz.
        states.push((i64::from(date) * 102_400_000 / 9, state));
        // The last one names itself.
        if usize::from(next) <= at || states.len() >= 2 * caps::CUES_ON {
            break;
        }
        at = next.into();
    }
    if !begun {
        // Nothing says when it begins: at once, then.
        let ends = states.len().saturating_sub(1).max(1);
        states.iter_mut().take(ends).for_each(|(_, state)| state.on = true);
    }
    (!states.is_empty()).then_some(states)
}

/// Does what the commands say. Whether the picture begins to be seen.
fn commands(mut rest: &[u8], state: &mut State) -> bool {
    let halves = |[high, low]: [u8; 2]| [low & 15, low >> 4, high & 15, high >> 4];
    let mut begins = false;
    while let [command, tail @ ..] = rest {
        let len = match (command, tail) {
            (0 | 1, _) => {
                (state.on, begins) = (true, true);
                0
            }
            (2, _) => {
                state.on = false;
                0
            }
            (3, &[a, b, ..]) => {
                state.colors = halves([a, b]);
                2
            }
            (4, &[a, b, ..]) => {
                state.opaque = halves([a, b]);
                2
            }
            (5, &[a, b, c, d, e, f, ..]) => {
                let pair = |a: u8, b: u8, c: u8| {
                    let (a, b, c) = (usize::from(a), usize::from(b), usize::from(c));
                    (a << 4 | b >> 4, (b & 15) << 8 | c)
                };
                let ((left, right), (upper, lower)) = (pair(a, b, c), pair(d, e, f));
                let area = [left, right, upper, lower];
                state.area =
                    (left <= right && upper <= lower && area_points(area) <= caps::DISC_POINTS).then_some(area);
                6
            }
            (6, &[a, b, c, d, ..]) => {
                state.fields = [[a, b], [c, d]].map(|at| u16::from_be_bytes(at).into());
                4
            }
            // Other colours for parts of the picture, which menus have: passed over.
            (7, &[a, b, ..]) => usize::from(u16::from_be_bytes([a, b])).max(2),
            _ => break,
        };
        rest = tail.get(len..).unwrap_or_default();
    }
    begins
}

const fn area_points([left, right, upper, lower]: [usize; 4]) -> usize {
    (right + 1 - left) * (lower + 1 - upper)
}

/// Fills the rows of a field, which is coded from byte `begin` on.
fn field<'a>(data: &[u8], begin: usize, rows: impl Iterator<Item = &'a mut [u8]>) {
    // In half bytes.
    let mut at = begin.saturating_mul(2);
    for row in rows {
        let mut column = 0;
        while column < row.len() {
            let mut code = 0;
            // The longer a code is, the more zeros it begins with.
            for whole in [0x04, 0x10, 0x40, 0] {
                let Some(byte) = data.get(at / 2) else { return };
                code = code << 4 | usize::from(if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 });
                at += 1;
                if code >= whole {
                    break;
                }
            }
            let end = if code < 4 { row.len() } else { (column + (code >> 2)).min(row.len()) };
            row[column..end].fill(code as u8 & 3);
            column = end;
        }
        at = at.next_multiple_of(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 6 × 3 that is seen from one step of time to three: rows `1 1 1 2 2 0`, all of colour 3, and `0 0 0 0 0 1`.
    #[rustfmt::skip]
    const SHOWN: [u8; 40] = [
        0, 40, 0, 10,
        0xda, 0x40, 0x14, 0x50, 0, 3,
        0, 1, 0, 34, 1, 3, 0x32, 0x10, 4, 0xff, 0x80, 5, 0, 0xa0, 0x0f, 1, 0x40, 0x16, 6, 0, 4, 0, 8, 0xff,
        0, 3, 0, 34, 2, 0xff,
    ];

    const HEADER: &[u8] =
        b"# VobSub\nsize: 720x480\npalette: 000000, 0000ff, 00ff00, ff0000, 0,0,0,0, 0,0,0,0, 0,0,0,0\n";

    #[test]
    fn a_packet_shows_its_picture_from_command_to_command() {
        let seen = Decoder::read(HEADER).packet(&SHOWN).unwrap();
        let [Seen { from_ns, until_ns, body: Body::Picture(picture) }] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((*from_ns, *until_ns), (11_377_777, Some(34_133_333)));
        assert_eq!((picture.within, picture.x, picture.y, picture.width, picture.height), ((720, 480), 10, 20, 6, 3));
        assert_eq!(picture.indices, [1, 1, 1, 2, 2, 0, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 1]);
        assert_eq!(picture.palette[..4], [0, 0x8800_00ff, 0xff00_ff00, 0xffff_0000]);
        assert_eq!(picture.palette[255], 0);
    }

    #[test]
    fn without_the_discs_colours_they_are_steps_of_grey() {
        let seen = Decoder::read(b"").packet(&SHOWN).unwrap();
        let Body::Picture(picture) = &seen[0].body else { panic!("a picture") };
        assert_eq!(
            (picture.within, &picture.palette[..4]),
            ((720, 576), &[0, 0x8800_0000, 0xff7f_7f7f, 0xfffe_fefe][..])
        );
    }

    #[test]
    fn damaged_packets_end_and_stay_within_bounds() {
        let (whole, decoder) = (SHOWN.to_vec(), Decoder::read(HEADER));
        for at in 0..whole.len() {
            decoder.packet(&whole[..at]);
            for value in [0, 7, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                decoder.packet(&damaged);
            }
        }
        for header in ["size: 0x0", "size: 9999999x2", "size: ax", "palette: zz", "palette: 1,2,3"] {
            let decoder = Decoder::read(header.as_bytes());
            assert_eq!((decoder.within, decoder.palette), ((720, 576), None), "{header}");
        }
        let made = Decoder::read(&header((720, 480), Some([0x12_3456; 16])));
        assert_eq!((made.within, made.palette), ((720, 480), Some([0x12_3456; 16])));
    }
}
