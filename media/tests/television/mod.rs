//! A maker of teletext, and of transport streams that have it.
#![allow(dead_code, reason = "each test file uses a part")]

/// A line as it is sent: 42 bytes.
pub(crate) type Line = [u8; 42];

/// Boxed text, twice as high, in the usual colours.
pub(crate) fn boxed(text: &[u8]) -> Vec<u8> {
    [&[0x0d, 0x0b, 0x0b], text, &[0x0a, 0x0a]].concat()
}

fn parity(code: u8) -> u8 {
    code & 0x7f | if code.count_ones().is_multiple_of(2) { 0x80 } else { 0 }
}

/// The standard's equations: each bit of data behind one that protects it.
fn hamming(value: u8) -> u8 {
    let d = |n: u8| value >> n & 1;
    let p = [1 ^ d(0) ^ d(2) ^ d(3), 1 ^ d(0) ^ d(1) ^ d(3), 1 ^ d(0) ^ d(1) ^ d(2)];
    let seven = p[0] | d(0) << 1 | p[1] << 2 | d(1) << 3 | p[2] << 4 | d(2) << 5 | d(3) << 7;
    seven | u8::from(seven.count_ones().is_multiple_of(2)) << 6
}

fn triplet(value: u32) -> [u8; 3] {
    let mut word = (value & 1) << 2 | (value & 0xe) << 3 | (value & 0x7f0) << 4 | (value & 0x3_f800) << 5;
    for test in 0..5 {
        let odd = (1..=23_u32).filter(|place| place >> test & 1 != 0 && word >> (place - 1) & 1 != 0).count() % 2;
        word |= u32::from(odd == 0) << ((1 << test) - 1);
    }
    word |= u32::from(word.count_ones().is_multiple_of(2)) << 23;
    word.to_le_bytes().first_chunk().copied().unwrap()
}

fn line(magazine: u8, row: u8) -> Line {
    let mut line = [parity(b' '); 42];
    line[0] = hamming(magazine & 7 | row << 3 & 8);
    line[1] = hamming(row >> 1);
    line
}

/// A page's head.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) magazine: u8,
    pub(crate) page: u8,
    pub(crate) erases: bool,
    pub(crate) subtitle: bool,
    pub(crate) serial: bool,
    /// Of eight.
    pub(crate) language: u8,
}

impl Head {
    pub(crate) fn subtitle(magazine: u8, page: u8) -> Self {
        Self { magazine, page, erases: true, subtitle: true, serial: false, language: 0 }
    }

    pub(crate) fn line(self) -> Line {
        let mut line = line(self.magazine, 0);
        let bit = |is: bool, at: u8| u8::from(is) << at;
        let turned = self.language >> 2 & 1 | self.language & 2 | self.language << 2 & 4;
        let digits =
            [self.page & 15, self.page >> 4, 0, bit(self.erases, 3), 0, bit(self.subtitle, 3), bit(self.subtitle, 0)];
        for (to, digit) in line[2..].iter_mut().zip(digits.into_iter().chain([bit(self.serial, 0) | turned << 1])) {
            *to = hamming(digit);
        }
        line
    }
}

/// What ends every page of a magazine.
pub(crate) fn filler(magazine: u8) -> Line {
    Head { page: 0xff, subtitle: false, ..Head::subtitle(magazine, 0) }.line()
}

/// A row of codes, from a column on.
pub(crate) fn row(magazine: u8, row: u8, column: usize, codes: &[u8]) -> Line {
    let mut line = line(magazine, row);
    for (to, code) in line[2 + column..].iter_mut().zip(codes) {
        *to = parity(*code);
    }
    line
}

/// A packet of changes: address, mode, data; and one of what a page (28) or a magazine (29) says of letters.
pub(crate) fn changes(magazine: u8, number: u8, words: &[(u8, u8, u8)]) -> Line {
    let mut line = line(magazine, 26);
    line[2] = hamming(number);
    let end = (63, 31, 127);
    for (at, to) in line[3..].as_chunks_mut().0.iter_mut().enumerate() {
        let (address, mode, data) = words.get(at).copied().unwrap_or(end);
        *to = triplet(u32::from(address) | u32::from(mode) << 6 | u32::from(data) << 11);
    }
    line
}

pub(crate) fn sets(magazine: u8, packet: u8, first: u8, second: u8) -> Line {
    let mut line = line(magazine, packet);
    line[2] = hamming(0);
    let words = [u32::from(first) << 7 | u32::from(second & 15) << 14, u32::from(second >> 4)];
    for (at, to) in line[3..].as_chunks_mut().0.iter_mut().enumerate() {
        *to = triplet(words.get(at).copied().unwrap_or(0));
    }
    line
}

/// A PES packet of lines, at a time in ticks.
pub(crate) fn pes(ticks: Option<i64>, lines: &[Line]) -> Vec<u8> {
    let mut units = vec![0x10];
    for (at, line) in lines.iter().enumerate() {
        units.extend([3, 44, 0xe0 | (7 + at as u8 % 16), 0xe4]);
        units.extend(line.map(u8::reverse_bits));
    }
    while (units.len() + 45) % 184 != 0 {
        units.extend([0xff, 44]);
        units.extend([0xff; 44]);
    }
    let mut head = vec![0, 0, 1, 0xbd];
    head.extend((units.len() as u16 + 39).to_be_bytes());
    head.extend([0x84, if ticks.is_some() { 0x80 } else { 0 }, 0x24]);
    head.extend(ticks.map_or([0xff; 5], stamp));
    head.resize(45, 0xff);
    [head, units].concat()
}

fn stamp(ticks: i64) -> [u8; 5] {
    let part = |shift: u32| ((ticks >> shift & 0x7fff) << 1 | 1) as u16;
    let (middle, low) = (part(15).to_be_bytes(), part(0).to_be_bytes());
    [0x20 | (ticks >> 29 & 0xe) as u8 | 1, middle[0], middle[1], low[0], low[1]]
}

/// The track that is put into films.
pub(crate) const PID: u16 = 0x120;

/// Transport packets of a PES packet.
fn units(counter: &mut u8, pes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, part) in pes.chunks(184).enumerate() {
        let [high, low] = (PID | if at == 0 { 0x4000 } else { 0 }).to_be_bytes();
        let fill = 184 - part.len();
        out.extend([0x47, high, low, if fill > 0 { 0x30 } else { 0x10 } | *counter & 15]);
        *counter = counter.wrapping_add(1);
        if fill > 0 {
            out.push(fill as u8 - 1);
            out.extend([0].iter().take(fill - 1));
            out.resize(out.len() + fill.saturating_sub(2), 0xff);
        }
        out.extend(part);
    }
    out
}

fn checksum(data: &[u8]) -> u32 {
    data.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 != 0 { 0x04c1_1db7 } else { 0 })
    })
}

/// The pages that a track has: language, kind, magazine and page.
pub(crate) fn descriptor(pages: &[(&str, u8, u8, u8)]) -> Vec<u8> {
    let entries = pages.iter().flat_map(|(language, kind, magazine, page)| {
        [language.as_bytes(), &[kind << 3 | magazine & 7, *page]].concat()
    });
    let entries: Vec<u8> = entries.collect();
    [&[0x56, entries.len() as u8][..], &entries].concat()
}

/// FFmpeg's film with a track of teletext more: each packet where the film's clock comes to its time, in ticks.
pub(crate) fn with_track(film: &[u8], descriptors: &[u8], packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut waiting, mut counter, mut map) = (Vec::new(), packets.iter().peekable(), 0, 0x1000);
    for unit in film.as_chunks::<188>().0 {
        let pid = u16::from_be_bytes([unit[1] & 0x1f, unit[2]]);
        if pid == 0 {
            map = u16::from_be_bytes([unit[15] & 0x1f, unit[16]]);
        }
        let clock = (unit[3] & 0x20 != 0 && unit[4] >= 7 && unit[5] & 0x10 != 0)
            .then(|| i64::from(u32::from_be_bytes(*unit[6..].first_chunk().unwrap())) << 1 | i64::from(unit[10] >> 7));
        while let Some((_, pes)) = waiting.next_if(|(ticks, _)| clock.is_some_and(|clock| clock > *ticks)) {
            out.extend(units(&mut counter, pes));
        }
        if pid != map {
            out.extend(unit);
            continue;
        }
        let len = usize::from(u16::from_be_bytes([unit[6] & 15, unit[7]]));
        let mut table = unit[5..5 + 3 + len - 4].to_vec();
        let [high, low] = PID.to_be_bytes();
        table.extend([6, 0xe0 | high, low, 0xf0, descriptors.len() as u8]);
        table.extend(descriptors);
        let len = 0xb000 | (table.len() as u16 + 1);
        table[1..3].copy_from_slice(&len.to_be_bytes());
        table.extend(checksum(&table).to_be_bytes());
        let mut unit = [&unit[..5], &table].concat();
        unit.resize(188, 0xff);
        out.extend(unit);
    }
    out
}
