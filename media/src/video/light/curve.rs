//! From coded samples to light and back: the formulas of the standards, in double precision. [`super::table`] asks them once for a
//! kind of film.
//!
//! * PQ (SMPTE ST 2084) and HLG (ARIB STD-B67) as in Recommendation ITU-R BT.2100-2, tables 4 and 5.
//! * White of an ordinary screen stands for 203 cd/m², the reference white of HDR: Report ITU-R BT.2408, table 1.
//! * What is brighter is compressed by the EETF of Report ITU-R BT.2390-10, section 5.4.1. It is applied to a mean of the three colours
//!   in which each weighs as its own square, and the three follow in proportion, so that a hue stays what it is. That mean is the
//!   greatest of the three where they are equal or one is alone, as in the report's maxRGB, but it has no edge, which a table
//!   would blur.
//! * From the colours of BT.2020 to those of BT.709: Recommendation ITU-R BT.2087-0, inverted; from those of P3 (SMPTE EG 432-1, and
//!   RP 431-2 with its white adapted by Bradford's transform) by the same derivation. A colour that BT.709 lacks is mixed with the
//!   grey of its own luminance until it is one that BT.709 has.
//! * IPTPQc2 (Recommendation ITU-T H.273, matrix coefficients 15): IPT of Ebner and Fairchild (1998) on the curve of PQ; its cones are
//!   those of Hunt, Pointer and Estévez for the white of D65, and each is mixed with 2 % of each of the two others.
//! * An ordinary screen makes light by the power of 2.4: Recommendation ITU-R BT.1886.

use super::Source;
use crate::container::{Primaries, Transfer};
use crate::{ColorMatrix, ColorRange};

/// What white of an ordinary screen stands for in HDR, in cd/m².
pub(super) const WHITE: f64 = 203.0;
/// The brightest light of the screen that HLG is shown on, in cd/m², and that screen's gamma.
const HLG_PEAK: f64 = 1000.0;
const HLG_GAMMA: f64 = 1.2;
/// The power of an ordinary screen.
const GAMMA: f64 = 2.4;
/// How much red, green and blue add to luminance, in BT.709 and in BT.2020.
const BT709: [f64; 3] = [0.2126, 0.7152, 0.0722];
const BT2020: [f64; 3] = [0.2627, 0.6780, 0.0593];
/// Three rows, each of which makes one value of three.
type Matrix = [[f64; 3]; 3];
/// From BT.2020, P3 and P3 of cinemas to BT.709.
const BT2020_TO_BT709: Matrix =
    [[1.660_491, -0.587_641, -0.072_850], [-0.124_550, 1.132_900, -0.008_349], [-0.018_151, -0.100_579, 1.118_730]];
const P3_TO_BT709: Matrix =
    [[1.224_940, -0.224_940, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]];
const CINEMA_TO_BT709: Matrix =
    [[1.157_516, -0.154_962, -0.002_554], [-0.041_500, 1.045_568, -0.004_068], [-0.018_050, -0.078_578, 1.096_628]];
/// From IPT to cones on the curve of PQ, and from their light to BT.2020.
const IPT_TO_CONES: Matrix = [[1.0, 0.0976, 0.2052], [1.0, -0.1139, 0.1332], [1.0, 0.0326, -0.6769]];
const CONES_TO_BT2020: Matrix =
    [[3.238_720, -2.325_491, 0.086_763], [-0.719_289, 1.878_265, -0.158_978], [-0.002_808, -0.071_537, 1.074_350]];

fn product(matrix: Matrix, of: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| dot(row, of))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// ST 2084: light in cd/m² of a coded value 0..=1.
pub(super) fn pq_to_light(code: f64) -> f64 {
    let power = code.max(0.0).powf(32.0 / 2523.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
    10_000.0 * ((power - c1).max(0.0) / (c2 - c3 * power)).powf(16_384.0 / 2610.0)
}

/// ST 2084: the coded value of light in cd/m².
pub(super) fn light_to_pq(cd: f64) -> f64 {
    let power = (cd.max(0.0) / 10_000.0).powf(2610.0 / 16_384.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
    ((c1 + c2 * power) / (1.0 + c3 * power)).powf(2523.0 / 32.0)
}

/// STD-B67: light of the scene, 0..=1, of a coded value 0..=1.
fn hlg_to_scene(code: f64) -> f64 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
    if code <= 0.5 { code * code / 3.0 } else { (((code - c) / a).exp() + b) / 12.0 }
}

/// STD-B67 with the OOTF of BT.2100: light in cd/m² of three coded values.
pub(super) fn hlg_to_light(rgb: [f64; 3]) -> [f64; 3] {
    let scene = rgb.map(hlg_to_scene);
    let factor = HLG_PEAK * dot(scene, BT2020).powf(HLG_GAMMA - 1.0);
    scene.map(|light| factor * light)
}

/// BT.2390: the light that stands for `cd` on a screen whose white is [`WHITE`], in a film that becomes `peak` cd/m² bright.
pub(super) fn compressed(cd: f64, peak: f64) -> f64 {
    let whole = light_to_pq(peak);
    let most = (light_to_pq(WHITE) / whole).min(1.0);
    let (knee, code) = (1.5 * most - 0.5, light_to_pq(cd.min(peak)) / whole);
    if code <= knee || knee >= 1.0 {
        return cd.min(WHITE);
    }
    let t = (code - knee) / (1.0 - knee);
    let (t2, t3) = (t * t, t * t * t);
    let bent = (2.0 * t3 - 3.0 * t2 + 1.0) * knee + (t3 - 2.0 * t2 + t) * (1.0 - knee) + (3.0 * t2 - 2.0 * t3) * most;
    pq_to_light(bent * whole).min(WHITE)
}

/// Mixes a colour with the grey of its luminance until all three parts lie in 0..=1.
fn within_bt709(rgb: [f64; 3]) -> [f64; 3] {
    let grey = dot(rgb, BT709).clamp(0.0, 1.0);
    let (low, high) = (rgb[0].min(rgb[1]).min(rgb[2]), rgb[0].max(rgb[1]).max(rgb[2]));
    let mut share = 1.0f64;
    if low < 0.0 {
        share = share.min(grey / (grey - low));
    }
    if high > 1.0 {
        share = share.min((1.0 - grey) / (high - grey));
    }
    rgb.map(|part| (grey + share * (part - grey)).clamp(0.0, 1.0))
}

/// How far a coded colour may lie outside of 0..=1 and still be looked for: a little more than rounding takes it.
const BEYOND: f64 = 0.1;

/// What an ordinary screen is to show for luma and two chromas that `source` codes in 10 bits: limited BT.709 on the scale of 8 bits.
/// `None`: they are far from any colour.
pub(super) fn shown(source: &Source, ycc: [f64; 3]) -> Option<[f64; 3]> {
    let [luma, blue, red] = match source.range {
        ColorRange::Limited => [(ycc[0] - 64.0) / 876.0, (ycc[1] - 512.0) / 896.0, (ycc[2] - 512.0) / 896.0],
        ColorRange::Full => [ycc[0] / 1023.0, (ycc[1] - 512.0) / 1023.0, (ycc[2] - 512.0) / 1023.0],
    };
    let (kr, kb) = match source.matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (BT709[0], BT709[2]),
        ColorMatrix::Bt2020 => (BT2020[0], BT2020[2]),
    };
    let (r, b) = (luma + 2.0 * (1.0 - kr) * red, luma + 2.0 * (1.0 - kb) * blue);
    let g = (luma - kr * r - kb * b) / (1.0 - kr - kb);
    let coded = if source.transfer == Transfer::Ipt { product(IPT_TO_CONES, [luma, blue, red]) } else { [r, g, b] };
    if coded.iter().any(|code| !(-BEYOND..=1.0 + BEYOND).contains(code)) {
        return None;
    }
    let coded = coded.map(|code| code.clamp(0.0, 1.0));
    let mut light = match source.transfer {
        Transfer::Sdr => coded.map(|code| WHITE * code.powf(GAMMA)),
        Transfer::Pq => coded.map(pq_to_light),
        Transfer::Hlg => hlg_to_light(coded),
        Transfer::Ipt => product(CONES_TO_BT2020, coded.map(pq_to_light)).map(|part| part.max(0.0)),
    };
    let squares = dot(light, light);
    if source.transfer != Transfer::Sdr && squares > 0.0 {
        let bright = light.map(|part| part * part * part).iter().sum::<f64>() / squares;
        let factor = compressed(bright, f64::from(source.peak)) / bright;
        light = light.map(|part| part * factor);
    }
    let rgb = light.map(|part| part / WHITE);
    let rgb = match source.primaries {
        Primaries::Ordinary => rgb,
        Primaries::Bt2020 => within_bt709(product(BT2020_TO_BT709, rgb)),
        Primaries::P3 => within_bt709(product(P3_TO_BT709, rgb)),
        Primaries::Cinema => within_bt709(product(CINEMA_TO_BT709, rgb)),
    };
    let [r, g, b] = rgb.map(|part| part.powf(1.0 / GAMMA));
    let luma = dot([r, g, b], BT709);
    let chroma = |part: f64, weight: f64| 128.0 + 224.0 * (part - luma) / (2.0 * (1.0 - weight));
    Some([16.0 + 219.0 * luma, chroma(b, BT709[2]), chroma(r, BT709[0])])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures that the reports print.
    #[test]
    fn light_is_what_the_standards_print() {
        // BT.2408, table 1, and BT.2100's limits.
        for (cd, percent) in [(0.0, 0.0), (100.0, 50.8), (203.0, 58.1), (1000.0, 75.2), (10_000.0, 100.0)] {
            assert!((100.0 * light_to_pq(cd) - percent).abs() < 0.06, "{cd} cd/m²: {}", light_to_pq(cd));
            assert!((pq_to_light(light_to_pq(cd)) - cd).abs() < 1e-6 * (1.0 + cd));
        }
        for (percent, cd) in [(0.0, 0.0), (38.0, 26.0), (75.0, 203.0), (100.0, 1000.0)] {
            let light = hlg_to_light([percent / 100.0; 3]);
            assert!((light[1] - cd).abs() < 0.5, "{percent} % of HLG: {light:?}");
        }
    }

    fn inverse([a, b, c]: Matrix) -> Matrix {
        let cross = |u: [f64; 3], v: [f64; 3]| {
            [0, 1, 2].map(|n| u[(n + 1) % 3] * v[(n + 2) % 3] - u[(n + 2) % 3] * v[(n + 1) % 3])
        };
        let columns =
            [cross(b, c), cross(c, a), cross(a, b)].map(|column| column.map(|part| part / dot(a, cross(b, c))));
        transposed(columns)
    }

    fn transposed(m: Matrix) -> Matrix {
        [0, 1, 2].map(|n| m.map(|row| row[n]))
    }

    fn multiplied(a: Matrix, b: Matrix) -> Matrix {
        transposed(transposed(b).map(|column| product(a, column)))
    }

    /// X, Y and Z of a chromaticity whose luminance is 1.
    fn xyz((x, y): (f64, f64)) -> [f64; 3] {
        [x / y, 1.0, (1.0 - x - y) / y]
    }

    /// SMPTE RP 177: from colours of these chromaticities, of which equal parts are this white, to X, Y and Z.
    fn to_xyz(primaries: [(f64, f64); 3], white: (f64, f64)) -> Matrix {
        let columns = transposed(primaries.map(xyz));
        let parts = product(inverse(columns), xyz(white));
        columns.map(|row| [0, 1, 2].map(|n| row[n] * parts[n]))
    }

    #[test]
    fn matrices_follow_from_the_chromaticities_that_the_standards_print() {
        let (d65, dci) = ((0.3127, 0.3290), (0.314, 0.351));
        let p3 = [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)];
        let bt709 = inverse(to_xyz([(0.64, 0.33), (0.3, 0.6), (0.15, 0.06)], d65));
        let bt2020 = to_xyz([(0.708, 0.292), (0.17, 0.797), (0.131, 0.046)], d65);
        let bradford = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];
        let [to, from] = [d65, dci].map(|white| product(bradford, xyz(white)));
        let scaled = [0, 1, 2].map(|n| bradford[n].map(|part| part * to[n] / from[n]));
        let adapted = multiplied(inverse(bradford), scaled);
        let cones = [[0.40024, 0.7076, -0.08081], [-0.2263, 1.16532, 0.0457], [0.0, 0.0, 0.91822]];
        let mixed = multiplied([[0.96, 0.02, 0.02], [0.02, 0.96, 0.02], [0.02, 0.02, 0.96]], multiplied(cones, bt2020));
        for (name, ours, derived) in [
            ("BT.2020", BT2020_TO_BT709, multiplied(bt709, bt2020)),
            ("P3", P3_TO_BT709, multiplied(bt709, to_xyz(p3, d65))),
            ("P3 of cinemas", CINEMA_TO_BT709, multiplied(bt709, multiplied(adapted, to_xyz(p3, dci)))),
            ("cones", CONES_TO_BT2020, inverse(mixed)),
        ] {
            let off = ours.as_flattened().iter().zip(derived.as_flattened()).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f64::max) < 1e-6, "{name}: {derived:?}");
        }
    }

    /// What the colours of Dolby Vision alone show is what those of BT.2020 show for the same light.
    #[test]
    fn iptpqc2_shows_the_light_that_it_stands_for() {
        let source = |transfer| Source {
            transfer,
            range: ColorRange::Full,
            matrix: ColorMatrix::Bt2020,
            primaries: Primaries::Bt2020,
            peak: 1000,
        };
        let codes = |ycc: [f64; 3]| [1023.0 * ycc[0], 512.0 + 1023.0 * ycc[1], 512.0 + 1023.0 * ycc[2]];
        for light in [[0.0; 3], [203.0; 3], [900.0; 3], [100.0, 20.0, 4.0], [5.0, 300.0, 40.0], [2.0, 9.0, 120.0]] {
            let [r, g, b] = light.map(light_to_pq);
            let luma = dot([r, g, b], BT2020);
            let usual = shown(&source(Transfer::Pq), codes([luma, (b - luma) / 1.8814, (r - luma) / 1.4746])).unwrap();
            let ipt = product(inverse(IPT_TO_CONES), product(inverse(CONES_TO_BT2020), light).map(light_to_pq));
            let own = shown(&source(Transfer::Ipt), codes(ipt)).unwrap();
            assert!(usual.iter().zip(own).all(|(a, b)| (a - b).abs() < 0.1), "{light:?}: {own:?}, not {usual:?}");
        }
    }

    /// BT.2100, table 5: what is shown has the colours of the scene, and its luminance to the power of 1.2.
    #[test]
    fn hlg_keeps_the_colours_of_the_scene() {
        let scene = [0.6, 0.4, 0.7].map(hlg_to_scene);
        let light = hlg_to_light([0.6, 0.4, 0.7]);
        assert!((dot(light, BT2020) - 1000.0 * dot(scene, BT2020).powf(1.2)).abs() < 1e-9);
        assert!((light[0] / light[1] - scene[0] / scene[1]).abs() < 1e-9, "{light:?} of {scene:?}");
        assert!((light[2] / light[1] - scene[2] / scene[1]).abs() < 1e-9, "{light:?} of {scene:?}");
    }

    #[test]
    fn compression_rises_from_black_over_the_knee_to_white() {
        for peak in [250.0, 1000.0, 4000.0, 10_000.0] {
            assert!(compressed(1.0, peak) == 1.0 && (compressed(peak, peak) - WHITE).abs() < 1e-6, "{peak} cd/m²");
            let steps = (0..1000).map(|n| compressed(f64::from(n) * peak / 999.0, peak));
            assert!(steps.clone().zip(steps.skip(1)).all(|(a, b)| a < b), "{peak} cd/m²");
        }
        assert!(compressed(150.0, 203.0) == 150.0 && compressed(90.0, 100.0) == 90.0, "a dark film stays as it is");
    }

    #[test]
    fn colours_that_bt709_lacks_keep_their_luminance() {
        for rgb in [[1.66, -0.12, -0.02], [-0.59, 1.13, -0.1], [0.5, 0.2, -0.05]] {
            let shown = within_bt709(rgb);
            assert!(shown.iter().all(|part| (0.0..=1.0).contains(part)), "{shown:?}");
            assert!((dot(shown, BT709) - dot(rgb, BT709)).abs() < 1e-9, "{rgb:?}: {shown:?}");
        }
        assert_eq!(within_bt709([0.25, 0.5, 1.0]), [0.25, 0.5, 1.0]);
    }
}
