//! Draws Tricine's demo film and plays its sound, from nothing: `tricine-assets video` writes YUV4MPEG2, `tricine-assets
//! sound` writes WAV, both to standard output. `make-demo.sh` beside it encodes them.
//!
//! [`story`] decides what happens; [`stage`], [`panels`] and [`channel`] draw it with [`raster`] and [`text`]; [`marks`] are for tests.
#![forbid(unsafe_code)]

mod channel;
mod film;
mod marks;
mod panels;
mod raster;
mod scene;
mod sound;
mod stage;
mod story;
mod text;

use std::{
    error::Error,
    io::{self, Write},
    ops::Range,
    process::ExitCode,
};

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("video") => video(io::stdout().lock(), 0..film::FRAMES),
        Some("frame") => match std::env::args().nth(2).and_then(|n| n.parse().ok()).filter(|n| *n < film::FRAMES) {
            Some(n) => video(io::stdout().lock(), n..n + 1),
            None => return usage(),
        },
        Some("sound") => sound::write_wav(io::BufWriter::new(io::stdout().lock())).map_err(Into::into),
        _ => return usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tricine-assets: write the film to standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: tricine-assets video > film.y4m\n       tricine-assets sound > film.wav\n       tricine-assets frame N > frame.y4m    (N from 0 to {})",
        film::FRAMES - 1
    );
    ExitCode::from(2)
}

/// Writes frames as YUV4MPEG2; chroma is sited as H.264 has it by default ("mpeg2").
fn video(mut to: impl Write, frames: Range<u32>) -> Result<(), Box<dyn Error>> {
    let (width, height) = film::SIZE;
    let stage = stage::Stage::build()?;
    let head = format!("YUV4MPEG2 W{width} H{height} F{}:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n", film::FPS);
    to.write_all(head.as_bytes())?;
    for frame in frames {
        to.write_all(b"FRAME\n")?;
        to.write_all(&stage.draw(frame).to_i420())?;
    }
    Ok(to.flush()?)
}
