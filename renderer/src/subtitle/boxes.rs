//! Fonts for tests: every letter is a box of a known size.

/// What a font for a test is.
pub(crate) struct Boxes<'a> {
    pub(crate) family: &'a str,
    pub(crate) full: &'a str,
    /// From 1 to 1000.
    pub(crate) weight: u16,
    /// The box, which is 700 high, and a hundred less than what a letter takes; of 1000.
    pub(crate) wide: u16,
    /// Units of the letters' size; 1000 for what is said above.
    pub(crate) units: u16,
}

impl Boxes<'_> {
    /// The file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let long = |word: u32| word.to_be_bytes();
        let advance = self.wide + 100;
        let head = [
            &words(&[1, 0, 1, 0, 0, 0, 0x5f0f, 0x3cf5, 0, self.units, 0, 0, 0, 0, 0, 0, 0, 0])[..],
            &words(&[0, 0, self.wide, 700, 0, 8, 2, 0, 0]),
        ];
        let hhea = words(&[1, 0, 800, (-200_i16) as u16, 0, advance, 0, 0, advance, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        let maxp = words(&[1, 0, 2, 4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut os2 = vec![0; 96];
        os2[1] = 4;
        os2[4..6].copy_from_slice(&self.weight.to_be_bytes());
        os2[68..78].copy_from_slice(&words(&[800, (-200_i16) as u16, 0, 800, 200]));
        // A box, around with the clock.
        let corners = [(0, 0), (0, 700), (self.wide as i16, 0), (0, -700)];
        let outline = [
            words(&[1, 0, 0, self.wide, 700, 3, 0]),
            vec![1; 4],
            words(&corners.map(|corner| corner.0 as u16)),
            words(&corners.map(|corner| corner.1 as u16)),
        ]
        .concat();
        let glyf = [&outline[..], &outline].concat();
        let half = outline.len() as u16 / 2;
        let letters = 0x20..=0x7e_u16;
        let count = letters.len() as u16;
        let cmap = [
            &words(&[0, 1, 3, 1, 0, 12, 4, 32 + 2 * count, 0, 4, 4, 1, 0, *letters.end(), 0xffff, 0])[..],
            &words(&[*letters.start(), 0xffff, 0, 1, 4, 0]),
            &words(&vec![1; count.into()]),
        ];
        let names = [(1_u16, self.family), (2, "Regular"), (4, self.full), (6, self.full)];
        let utf16 = |name: &str| name.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let mut name = words(&[0, names.len() as u16, 6 + 12 * names.len() as u16]);
        let mut storage = Vec::new();
        for (id, text) in names {
            name.extend(words(&[3, 1, 0x409, id, utf16(text).len() as u16, storage.len() as u16]));
            storage.extend(utf16(text));
        }
        let tables: [(&[u8; 4], Vec<u8>); 10] = [
            (b"OS/2", os2),
            (b"cmap", cmap.concat()),
            (b"glyf", glyf),
            (b"head", head.concat()),
            (b"hhea", hhea),
            (b"hmtx", words(&[advance, 0, 0])),
            (b"loca", words(&[0, half, 2 * half])),
            (b"maxp", maxp),
            (b"name", [name, storage].concat()),
            (b"post", [&long(0x0003_0000)[..], &[0; 28]].concat()),
        ];
        let mut file = [&long(0x0001_0000)[..], &words(&[tables.len() as u16, 128, 3, 32])].concat();
        let mut at = file.len() + 16 * tables.len();
        for (tag, table) in &tables {
            file.extend([&tag[..], &long(0), &long(at as u32), &long(table.len() as u32)].concat());
            at += table.len().next_multiple_of(4);
        }
        for (_, table) in &tables {
            file.extend(table);
            file.resize(file.len().next_multiple_of(4), 0);
        }
        file
    }
}
