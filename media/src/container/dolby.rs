//! What a container says of Dolby Vision: the configuration record of "Dolby Vision Streams within the ISO Base Media File Format",
//! which Matroska has as it is, and the descriptor of "Dolby Vision Streams within the MPEG-2 Transport Stream Format".
//!
//! Each picture's own metadata (its RPU) is not read. What can be shown without it is the base layer.

/// What a track of pictures says of Dolby Vision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dolby {
    profile: u8,
    level: u8,
    /// What else the base layer is: 0 nothing, 1 HDR10, 2 SDR, 4 HLG, 6 HDR10 of a disc.
    base: u8,
}

impl Dolby {
    /// Reads `dvcC`, `dvvC` or `dvwC`. `None`: it is cut off, or of no profile.
    pub(crate) fn record(data: &[u8]) -> Option<Self> {
        let &[_, _, high, low, base, ..] = data else { return None };
        Self::new(high, low, base)
    }

    /// Reads the body of the descriptor, tag 0xb0. `None` as with [`Self::record`].
    pub(crate) fn descriptor(data: &[u8]) -> Option<Self> {
        match *data {
            // The stream without a base layer names the stream that has it.
            [_, _, high, low, _, _, base, ..] if low & 1 == 0 => Self::new(high, low, base),
            [_, _, high, low, base, ..] if low & 1 == 1 => Self::new(high, low, base),
            _ => None,
        }
    }

    /// Seven bits of profile, six of level, three flags; four bits of compatibility.
    fn new(high: u8, low: u8, base: u8) -> Option<Self> {
        let (profile, level, base) = (high >> 1, (high & 1) << 5 | low >> 3, base >> 4);
        (profile > 0 || level > 0).then_some(Self { profile, level, base })
    }

    /// Whether the base layer is of colours that only Dolby Vision has: IPTPQc2.
    pub(crate) fn has_own_colours(self) -> bool {
        // Records of the profiles before 8 lack the number in old files; of those, 5 alone has such colours.
        matches!(self.profile, 5 | 10 | 20) && self.base == 0
    }

    /// Profile and level, and that the base layer is shown where that is what other players show as well.
    pub(crate) fn words(self) -> String {
        let Self { profile, level, base } = self;
        let part = if matches!(profile, 8 | 10 | 20) { format!(".{base}") } else { String::new() };
        let shown = if self.has_own_colours() { "" } else { " (its base layer is shown)" };
        format!("Dolby Vision profile {profile}{part}, level {level}{shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::Dolby;

    #[test]
    fn records_and_descriptors_say_profile_level_and_base() {
        // Version 1.0, profile 5, level 6, RPU and base layer, compatible with nothing.
        let own = Dolby::record(&[1, 0, 5 << 1, 6 << 3 | 0b101, 0, 0, 0]).unwrap();
        assert_eq!(own.words(), "Dolby Vision profile 5, level 6");
        let phone = Dolby::record(&[1, 0, 8 << 1, 5 << 3 | 0b101, 4 << 4]).unwrap();
        assert_eq!(phone.words(), "Dolby Vision profile 8.4, level 5 (its base layer is shown)");
        assert!(own.has_own_colours() && !phone.has_own_colours());
        // Level 33 needs all six bits. An enhancement layer names the base layer's PID before the compatibility.
        let disc = Dolby::descriptor(&[1, 0, 7 << 1 | 1, 1 << 3 | 0b110, 0x80, 0xaf, 6 << 4]).unwrap();
        assert_eq!(disc, Dolby { profile: 7, level: 33, base: 6 });
        assert_eq!(Dolby::descriptor(&[1, 0, 5 << 1, 6 << 3 | 0b101, 0]), Some(own));
        assert_eq!(
            [Dolby::record(&[1, 0, 10, 53]), Dolby::record(&[0; 24]), Dolby::descriptor(&[1, 0, 14, 6, 0])],
            [None; 3]
        );
    }
}
