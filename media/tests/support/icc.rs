//! Colour profiles for tests of pictures.

/// A profile of a screen whose red, green and blue are these, in X, Y and Z for the white of D50.
pub(crate) fn icc(colors: [[f64; 3]; 3]) -> Vec<u8> {
    let mut profile = [&[0; 128][..], &3u32.to_be_bytes()].concat();
    for (n, name) in (0..).zip([b"rXYZ", b"gXYZ", b"bXYZ"]) {
        profile.extend([&name[..], &(132 + 36 + 20 * n as u32).to_be_bytes(), &20u32.to_be_bytes()].concat());
    }
    for color in colors {
        profile.extend(b"XYZ \0\0\0\0");
        profile.extend(color.iter().flat_map(|part| ((part * 65_536.0) as i32).to_be_bytes()));
    }
    profile
}

/// Display P3 and sRGB.
pub(crate) const DISPLAY_P3: [[f64; 3]; 3] =
    [[0.51512, 0.2412, -0.00105], [0.29198, 0.69225, 0.04189], [0.1571, 0.06657, 0.78407]];
pub(crate) const SRGB: [[f64; 3]; 3] =
    [[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.7141]];
