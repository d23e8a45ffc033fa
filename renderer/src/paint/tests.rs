use tricine_channel::channel::ownership::State;

use super::*;
use crate::canvas::BLACK;

fn overlay() -> Overlay {
    let figures = ["decoded", "queued", "presented", "dropped", "repeated", "clock", "A/V", "late p99"];
    Overlay {
        caption: "Somebody \u{2014} A song".into(),
        bar: Some(Bar {
            position_s: 754,
            duration_s: Some(5430),
            permille: Some(139),
            paused: true,
            muted: true,
            looping: true,
            speed: 1.5,
            marks: vec![250, 500],
        }),
        volume: Some((70, false)),
        message: Some("saved /home/somebody/Pictures/tricine-0001.png".into()),
        pipeline: Some(Pipeline {
            slots: [State::Reading, State::Ready, State::Writing],
            figures: figures.map(|name| (name, "12345".into())).to_vec(),
        }),
        help: false,
        ..Overlay::default()
    }
}

fn drawn(width: usize, height: usize, overlay: &Overlay) -> Canvas {
    let mut canvas = Canvas::default();
    canvas.resize(width, height);
    Painter::default().draw(&mut canvas, overlay);
    canvas
}

#[test]
fn every_window_can_be_drawn_over_however_small_or_odd() {
    let mut all = overlay();
    all.help = true;
    for (width, height) in [(1, 1), (1, 400), (400, 1), (17, 9), (160, 90), (320, 180), (641, 359)] {
        let canvas = drawn(width, height, &all);
        assert_eq!(canvas.pixels.len(), width * height);
    }
}

#[test]
fn the_time_stands_below_and_the_rest_of_the_picture_is_left_alone() {
    let bar = Overlay { bar: overlay().bar, ..Overlay::default() };
    for (width, height) in [(320, 180), (1280, 720), (1920, 1080)] {
        let canvas = drawn(width, height, &bar);
        let touched: Vec<usize> =
            canvas.pixels.iter().enumerate().filter(|(_, p)| **p != BLACK).map(|(i, _)| i / width).collect();
        let (first, last) = (touched[0], touched[touched.len() - 1]);
        assert!(first > height * 3 / 4 && last < height, "{width}x{height}: rows {first} to {last}");
    }
}

#[test]
fn letters_of_every_line_of_the_help_are_in_the_font() {
    let text = text::Typesetter::default();
    for (key, word) in KEYS {
        assert!(text.width(key, 20.0) > 0.0 && text.width(word, 20.0) > 0.0, "{key} {word}");
    }
    assert_eq!(text.width("1:11", 20.0), text.width("4:44", 20.0));
}

/// Writes the overlays as PNG to look at: `TRICINE_PAINT=folder cargo test -p tricine-renderer look`.
#[test]
fn look() {
    let Ok(folder) = std::env::var("TRICINE_PAINT") else { return };
    for (width, height) in [(320, 180), (640, 360), (1280, 720), (3840, 2160)] {
        for (name, help) in [("osd", false), ("help", true)] {
            let mut canvas = Canvas::default();
            canvas.resize(width, height);
            for (y, row) in canvas.rows_mut().enumerate() {
                for (x, pixel) in row.iter_mut().enumerate() {
                    let (r, b) = (x * 255 / width, y * 255 / height);
                    *pixel = 0xff00_4000 | (r as u32) << 16 | b as u32;
                }
            }
            let shown = if help { Overlay { help, ..Overlay::default() } } else { overlay() };
            Painter::default().draw(&mut canvas, &shown);
            let rgb: Vec<u8> = canvas.pixels.iter().flat_map(|p| [(p >> 16) as u8, (p >> 8) as u8, *p as u8]).collect();
            let path = format!("{folder}/{name}-{width}.png");
            image::save_buffer(path, &rgb, width as u32, height as u32, image::ExtendedColorType::Rgb8).unwrap();
        }
    }
}
