//! Light: films whose samples stand for more of it than an ordinary screen has (HDR), or for other colours (BT.2020, P3), are given out
//! as that screen shows them: BT.709, limited range, 8 bits. What is done to them is the same for each pixel of a film; the light of
//! a scene is not measured.

mod curve;
mod table;

use std::sync::Arc;

use super::deep::Samples;
use crate::container::{Colour, Primaries, Transfer};
use crate::{ColorMatrix, ColorRange, Picture, VideoFormat};
use table::{Mapped, Table};

/// How bright a film without a word about it becomes, in cd/m²: what most are made for.
const PEAK: u32 = 1000;
/// No film is brighter: the end of PQ.
const BRIGHTEST: u32 = 10_000;

/// What light the samples of a film stand for. It is shown on an ordinary screen, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Light {
    /// That of an ordinary screen.
    #[default]
    Ordinary,
    /// As bright as an ordinary screen, in the colours of BT.2020.
    Wide,
    /// As bright as an ordinary screen, in the colours of P3.
    P3,
    /// HDR with the curve of SMPTE ST 2084.
    Pq,
    /// HDR with the curve of ARIB STD-B67.
    Hlg,
    /// HDR in colours that Dolby Vision alone has, which each picture's metadata would correct.
    Dolby,
}

impl Light {
    /// What it is and how it is shown; `None` for what is shown as it is.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Ordinary => None,
            Self::Wide => Some("BT.2020 colours, shown as BT.709"),
            Self::P3 => Some("P3 colours, shown as BT.709"),
            Self::Pq => Some("HDR (PQ), shown as SDR"),
            Self::Hlg => Some("HDR (HLG), shown as SDR"),
            Self::Dolby => Some("HDR (Dolby Vision), shown as SDR without its own metadata: colours are nearly right"),
        }
    }
}

/// How samples stand for light, as far as a table depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    transfer: Transfer,
    range: ColorRange,
    matrix: ColorMatrix,
    primaries: Primaries,
    /// How bright it becomes, in cd/m².
    peak: u32,
}

impl Source {
    /// `None` for what an ordinary screen shows as it is.
    fn of(format: &VideoFormat, colour: &Colour) -> Option<Self> {
        let transfer = colour.transfer.unwrap_or(Transfer::Sdr);
        // The curves of HDR were made for BT.2020, and films that do not say so are of it all the same.
        let usual = if transfer == Transfer::Sdr { Primaries::Ordinary } else { Primaries::Bt2020 };
        let primaries = colour.primaries.unwrap_or(usual);
        if (transfer, primaries) == (Transfer::Sdr, Primaries::Ordinary) {
            return None;
        }
        // HLG has one brightness by definition, and the table for what is not HDR has none.
        let peak =
            if matches!(transfer, Transfer::Pq | Transfer::Ipt) { colour.peak.cd().unwrap_or(PEAK) } else { PEAK };
        Some(Self {
            transfer,
            // IPTPQc2 exists in full range alone.
            range: if transfer == Transfer::Ipt { ColorRange::Full } else { format.range },
            matrix: colour.matrix.unwrap_or(if primaries == Primaries::Bt2020 {
                ColorMatrix::Bt2020
            } else {
                format.matrix
            }),
            primaries,
            peak: peak.clamp(curve::WHITE as u32, BRIGHTEST),
        })
    }

    fn light(&self) -> Light {
        match self.transfer {
            Transfer::Sdr if self.primaries == Primaries::Bt2020 => Light::Wide,
            Transfer::Sdr => Light::P3,
            Transfer::Pq => Light::Pq,
            Transfer::Hlg => Light::Hlg,
            Transfer::Ipt => Light::Dolby,
        }
    }
}

/// Shows pictures on an ordinary screen, and keeps the table that the last one needed.
#[derive(Default)]
pub(crate) struct Screen {
    table: Option<(Source, Arc<Table>)>,
}

impl Screen {
    /// What light a picture stands for that is tagged so.
    pub(crate) fn light(format: &VideoFormat, colour: &Colour) -> Light {
        Source::of(format, colour).map_or(Light::Ordinary, |source| source.light())
    }

    /// The picture as it is given out, and its format then.
    pub(crate) fn show(
        &mut self,
        format: VideoFormat,
        colour: &Colour,
        samples: Samples,
    ) -> (VideoFormat, Box<dyn Picture>) {
        let size = (format.width, format.height);
        let Some(source) = Source::of(&format, colour) else { return (format, samples.narrowed(size.0, size.1)) };
        let table = match self.table.take() {
            Some((of, table)) if of == source => table,
            _ => Arc::new(Table::new(&source)),
        };
        self.table = Some((source, table.clone()));
        let picture: Box<dyn Picture> = match samples {
            Samples::Bytes(samples) => Box::new(Mapped { table, size, samples }),
            Samples::Deep(samples) => Box::new(Mapped { table, size, samples }),
        };
        (VideoFormat { range: ColorRange::Limited, matrix: ColorMatrix::Bt709, ..format }, picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_decide_what_is_shown_and_their_absence_changes_nothing() {
        let format = VideoFormat::untagged(1920, 1080);
        let light = |primaries, transfer, matrix| Screen::light(&format, &Colour::coded(primaries, transfer, matrix));
        assert_eq!([light(2, 2, 2), light(1, 1, 1), light(1, 13, 9)], [Light::Ordinary; 3]);
        assert_eq!([light(9, 14, 9), light(9, 2, 9)], [Light::Wide; 2]);
        assert_eq!([light(12, 13, 6), light(11, 1, 1), light(12, 2, 2)], [Light::P3; 3]);
        assert_eq!([light(9, 16, 9), light(2, 16, 2), light(1, 16, 1), light(12, 16, 9)], [Light::Pq; 4]);
        assert_eq!([light(9, 18, 9), light(2, 18, 2)], [Light::Hlg; 2]);
    }

    #[test]
    fn a_film_is_as_bright_as_it_says_and_no_brighter_than_can_be() {
        let format = VideoFormat::untagged(1920, 1080);
        let colour = |pixel, screen| {
            let peak = crate::container::Peak { pixel, screen };
            Colour { peak, ..Colour::coded(9, 16, 9) }
        };
        let peak = |pixel, screen| Source::of(&format, &colour(pixel, screen)).expect("it is HDR").peak;
        assert_eq!([peak(None, None), peak(Some(600), Some(4000)), peak(None, Some(4000))], [1000, 600, 4000]);
        assert_eq!([peak(Some(u32::MAX), None), peak(Some(1), None)], [10_000, 203]);
    }
}
