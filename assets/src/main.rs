//! Draws Tricine's demo film and plays its sound, from nothing: `tricine-assets video` writes YUV4MPEG2, `tricine-assets
//! sound` writes WAV, both to standard output. `make-demo.sh` beside it encodes them.
//!
//! [`story`] decides what happens, [`stage`] and [`panels`] draw it with [`raster`] and [`text`], [`marks`] are for tests.
#![forbid(unsafe_code)]

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
    process::ExitCode,
};

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("video") => video(io::stdout().lock()),
        Some("sound") => sound::write_wav(io::BufWriter::new(io::stdout().lock())).map_err(Into::into),
        _ => {
            eprintln!("usage: tricine-assets video > film.y4m\n       tricine-assets sound > film.wav");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tricine-assets: write the film to standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes all frames as YUV4MPEG2; chroma is sited as H.264 has it by default ("mpeg2").
fn video(mut to: impl Write) -> Result<(), Box<dyn Error>> {
    let (width, height) = film::SIZE;
    let stage = stage::Stage::build()?;
    let head = format!("YUV4MPEG2 W{width} H{height} F{}:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n", film::FPS);
    to.write_all(head.as_bytes())?;
    for frame in 0..film::FRAMES {
        to.write_all(b"FRAME\n")?;
        to.write_all(&stage.draw(frame).to_i420())?;
    }
    Ok(to.flush()?)
}
