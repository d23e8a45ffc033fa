//! How MPEG-2 and MPEG-4 predict a block: from samples of another picture, or from the middle between two or four of them.

/// Samples, row by row.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub(crate) samples: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Predicts N by N samples, `to` and its rows `stride` apart, from where they lie in `from` half samples away (across and down) from
/// place `x`, `y`; or brings them halfway to that. Outside a picture its edge goes on. What lies in the middle is rounded up, or down
/// with `rounding` 1.
pub(crate) fn predict<const N: usize>(
    (to, to_stride): (&mut [u8], usize),
    from: Samples<'_>,
    (x, y): (usize, usize),
    (across, down): (i32, i32),
    rounding: u8,
    halfway: bool,
) {
    let (left, top) = (x as i64 + i64::from(across >> 1), y as i64 + i64::from(down >> 1));
    let (half_x, half_y) = ((across & 1) as usize, (down & 1) as usize);
    let (wide, high) = ((N + half_x) as i64, (N + half_y) as i64);
    let (right, bottom) = (from.width as i64 - 1, from.height as i64 - 1);
    let mut edged = [[0; 17]; 17];
    let (source, stride) = if left >= 0 && top >= 0 && left + wide - 1 <= right && top + high - 1 <= bottom {
        (&from.samples[top as usize * from.width + left as usize..], from.width)
    } else {
        for (row, y) in edged.iter_mut().zip(top..top + high) {
            let line = &from.samples[y.clamp(0, bottom) as usize * from.width..][..from.width];
            for (sample, x) in row.iter_mut().zip(left..left + wide) {
                *sample = line[x.clamp(0, right) as usize];
            }
        }
        (edged.as_flattened(), 17)
    };
    let (two, four) = (1 - u16::from(rounding & 1), 2 - u16::from(rounding & 1));
    let wide = |sample: u8| u16::from(sample);
    for row in 0..N {
        let above = &source[row * stride..][..N + half_x];
        let below = &source[(row + half_y) * stride..][..N + half_x];
        let mut line = [0; N];
        match (half_x, half_y) {
            (0, 0) => line.copy_from_slice(above),
            (0, _) => {
                for (to, (a, b)) in line.iter_mut().zip(above.iter().zip(below)) {
                    *to = ((wide(*a) + wide(*b) + two) >> 1) as u8;
                }
            }
            (_, 0) => {
                for (to, (a, b)) in line.iter_mut().zip(above.iter().zip(&above[1..])) {
                    *to = ((wide(*a) + wide(*b) + two) >> 1) as u8;
                }
            }
            _ => {
                let (above, below) = (above.iter().zip(&above[1..]), below.iter().zip(&below[1..]));
                for (to, ((a, b), (c, d))) in line.iter_mut().zip(above.zip(below)) {
                    *to = ((wide(*a) + wide(*b) + wide(*c) + wide(*d) + four) >> 2) as u8;
                }
            }
        }
        let to = &mut to[row * to_stride..][..N];
        if halfway {
            for (to, line) in to.iter_mut().zip(line) {
                *to = ((wide(*to) + wide(line) + 1) >> 1) as u8;
            }
        } else {
            to.copy_from_slice(&line);
        }
    }
}
