//! What colour tags say, in a container or in a codec's own headers.

use crate::{ColorMatrix, ColorRange};

/// How the samples of a picture stand for light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// A curve for ordinary screens.
    Sdr,
    /// SMPTE ST 2084, the perceptual quantizer of HDR10 and Dolby Vision.
    Pq,
    /// ARIB STD-B67, hybrid log-gamma, of broadcasts and telephones.
    Hlg,
    /// SMPTE ST 2084 of three cones instead of three colours: IPTPQc2 of Dolby Vision, in full range.
    Ipt,
}

/// What the three colours are of which a picture is mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primaries {
    /// BT.709, or others near to it.
    Ordinary,
    /// ITU-R BT.2020.
    Bt2020,
    /// SMPTE EG 432-1, Display P3: that of cinemas, with the white of television.
    P3,
    /// SMPTE RP 431-2, P3 with the white of cinemas.
    Cinema,
}

/// What colour tags say; `None` where they say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) range: Option<ColorRange>,
    pub(crate) matrix: Option<ColorMatrix>,
    pub(crate) transfer: Option<Transfer>,
    pub(crate) primaries: Option<Primaries>,
    /// Its samples are red, green and blue themselves.
    pub(crate) rgb: bool,
    /// How bright the film becomes: its brightest pixel, else the screen that it was made on.
    pub(crate) peak: Peak,
}

/// The two statements of how bright a film becomes, in cd/m².
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Peak {
    /// Its brightest pixel: MaxCLL.
    pub(crate) pixel: Option<u32>,
    /// The brightest light of the screen that it was made on.
    pub(crate) screen: Option<u32>,
}

impl Colour {
    /// What the codes of ISO/IEC 23091-2 (ITU-T H.273) for primaries, transfer and matrix mean, as near as Tricine shows them.
    pub(crate) fn coded(primaries: u32, transfer: u32, matrix: u32) -> Self {
        let primaries = match primaries {
            0 | 2 => None,
            9 => Some(Primaries::Bt2020),
            11 => Some(Primaries::Cinema),
            12 => Some(Primaries::P3),
            _ => Some(Primaries::Ordinary),
        };
        let rgb = matrix == 0;
        let matrix = match matrix {
            1 | 7 => Some(ColorMatrix::Bt709),
            4..=6 => Some(ColorMatrix::Bt601),
            9 | 10 => Some(ColorMatrix::Bt2020),
            _ => None,
        };
        Self { matrix, transfer: Self::transfer(transfer), primaries, rgb, ..Self::default() }
    }

    /// What the code of a transfer means.
    pub(crate) fn transfer(code: u32) -> Option<Transfer> {
        match code {
            0 | 2 => None,
            16 => Some(Transfer::Pq),
            18 => Some(Transfer::Hlg),
            _ => Some(Transfer::Sdr),
        }
    }

    /// Fills what is unknown here from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            range: self.range.or(other.range),
            matrix: self.matrix.or(other.matrix),
            transfer: self.transfer.or(other.transfer),
            primaries: self.primaries.or(other.primaries),
            rgb: self.rgb || other.rgb,
            peak: self.peak.or(other.peak),
        }
    }
}

impl Peak {
    /// `MaxCLL` in cd/m²; 0 stands for an unknown one.
    pub(crate) fn of_pixel(cd: u32) -> Self {
        Self { pixel: (cd > 0).then_some(cd), screen: None }
    }

    /// What a mastering display's maximum is in 1/10000 cd/m².
    pub(crate) fn of_screen(tenthousandths: u32) -> Self {
        Self { pixel: None, screen: Some(tenthousandths / 10_000).filter(|&cd| cd > 0) }
    }

    /// Fills what is unknown here from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { pixel: self.pixel.or(other.pixel), screen: self.screen.or(other.screen) }
    }

    /// The one that counts.
    pub(crate) fn cd(self) -> Option<u32> {
        self.pixel.or(self.screen)
    }
}
