//! The little film inside the film: dusk over hills. A pure function of place and time, so that each card can show its own frame.

use crate::raster::{ease, mix};

/// The scene's colour at (`u`, `v`), both 0 to 1 from the top left of a 16:9 picture, at time `t` in travelling frames.
/// `fine` is the height of one pixel in `v`: edges are softened over it.
pub(crate) fn dusk(u: f32, v: f32, t: f32, fine: f32) -> [f32; 3] {
    let x = u * 16.0 / 9.0;
    let night = 0.5 - 0.5 * (t * 0.21).cos();
    let sky = blend(
        blend([0.16, 0.20, 0.42], [0.07, 0.07, 0.20], night),
        blend([0.98, 0.62, 0.42], [0.62, 0.30, 0.52], night),
        (v * 1.35).min(1.0),
    );
    let mut rgb = sky;
    // The sun sinks and rises again with the evening's turn.
    let (sun_x, sun_y) = (1.18 - 0.14 * (t * 0.21).sin(), mix(0.30, 0.56, night));
    let far = (x - sun_x).hypot(v - sun_y);
    rgb = blend(rgb, [1.0, 0.78, 0.52], 0.55 * (-far * 5.0).exp());
    rgb = blend(rgb, [1.0, 0.93, 0.80], 1.0 - ease(0.105 - fine, 0.105 + fine, far));
    for (i, (height, speed, colour)) in
        [(0.60, 0.045, [0.47, 0.30, 0.52]), (0.70, 0.085, [0.29, 0.21, 0.43]), (0.82, 0.150, [0.13, 0.12, 0.27])]
            .into_iter()
            .enumerate()
    {
        let (k, along) = (i as f32, x + t * speed);
        let ridge = height
            + 0.055 * (along * (3.1 + k) + k * 2.0).sin()
            + 0.025 * (along * (7.3 + 2.0 * k) + k).sin()
            + 0.010 * (along * 17.0 + 3.0 * k).sin();
        // Haze lightens a hill's foot.
        let hill = blend(colour, blend(colour, sky, 0.35), ((v - ridge) * 2.2).clamp(0.0, 1.0));
        rgb = blend(rgb, hill, ease(-fine, fine, v - ridge));
    }
    rgb
}

fn blend(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    std::array::from_fn(|i| mix(a[i], b[i], t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_one_that_a_screen_can_show() {
        for i in 0..4000 {
            let (u, v, t) = ((i % 20) as f32 / 19.0, (i / 20 % 20) as f32 / 19.0, i as f32 / 120.0);
            assert!(dusk(u, v, t, 0.01).iter().all(|c| (0.0..=1.0).contains(c)));
        }
    }

    #[test]
    fn two_frames_of_it_differ() {
        assert_ne!(dusk(0.5, 0.65, 1.0, 0.01), dusk(0.5, 0.65, 2.0, 0.01));
    }
}
