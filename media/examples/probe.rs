//! What is in a file, and whether it plays to its end: `cargo run -p tricine-media --example probe FILE…`

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};

use tricine_media::{Input, MediaError, MediaFile, TrackKind, container, guard, open};

fn main() {
    guard::install_hook();
    // A reader who has gone, as of `probe FILE | head`, needs no words.
    if let Err(error) = probe_all(&mut io::stdout().lock())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("standard output: {error}");
    }
}

fn probe_all(out: &mut impl Write) -> io::Result<()> {
    for name in std::env::args_os().skip(1) {
        writeln!(out, "{}", name.display())?;
        if let Err(error) = probe(&name, out) {
            writeln!(out, "  {error}")?;
        }
    }
    Ok(())
}

fn probe(name: &OsStr, out: &mut impl Write) -> Result<(), MediaError> {
    let file = MediaFile::new(File::open(name)?, name.to_string_lossy())?;
    if let Some(container) = container::open(&file)? {
        let contents = container.contents();
        writeln!(out, "  {}", contents.format)?;
        for (number, track) in contents.tracks.iter().enumerate() {
            let extent = container.extent(number).unwrap_or_default();
            let (start, end) = (extent.start_ns as f64 / 1e9, extent.end_ns.map(|end| end as f64 / 1e9));
            let language = track.language.as_deref().unwrap_or("-");
            writeln!(out, "  track {number}: {:?} {} {language} {start:.3} s to {end:.3?} s", track.kind, track.codec)?;
            let (mut packets, mut damaged) = (container.packets(number), 0);
            let mut count = 0;
            while let Ok(packets) = &mut packets {
                match packets.next() {
                    Ok(Some(_)) => count += 1,
                    Ok(None) => break,
                    Err(MediaError::Damaged(_)) => damaged += 1,
                    Err(error) => {
                        writeln!(out, "    {error}")?;
                        break;
                    }
                }
            }
            if track.kind != TrackKind::Other {
                writeln!(out, "    {count} packets, damaged in {damaged} places")?;
            }
        }
        for c in &contents.chapters {
            writeln!(out, "  chapter at {:.3} s: {}", c.start_ns as f64 / 1e9, c.title)?;
        }
        for (name, value) in &contents.tags {
            writeln!(out, "  {name}: {value}")?;
        }
        for a in &contents.attachments {
            writeln!(out, "  attached: {} ({})", a.name, a.mime)?;
        }
    }
    let media = open(&Input::File(file))?;
    let missing = media.missing.iter().map(|(_, why)| why);
    for notice in media.notices.iter().chain(missing) {
        writeln!(out, "  {notice}")?;
    }
    if let Some(mut video) = media.video {
        let (mut frames, mut damaged) = (0, 0);
        writeln!(
            out,
            "  pictures: {} {}×{}",
            video.info().codec,
            video.info().format.width,
            video.info().format.height
        )?;
        loop {
            match video.next_frame() {
                Ok(Some(_)) => frames += 1,
                Ok(None) => break,
                Err(MediaError::Damaged(_)) => damaged += 1,
                Err(error) => return Err(error),
            }
        }
        writeln!(out, "    {frames} shown, damaged in {damaged} places")?;
    }
    if let Some(mut audio) = media.audio {
        let (mut samples, mut damaged) = (0, 0);
        let (rate, channels) = (audio.info().sample_rate, audio.info().channels);
        writeln!(out, "  sound: {} {rate} Hz, {channels} channels", audio.info().codec)?;
        loop {
            match audio.next_block() {
                Ok(Some(block)) => samples += block.samples.len() / usize::from(block.channels),
                Ok(None) => break,
                Err(MediaError::Damaged(_)) => damaged += 1,
                Err(error) => return Err(error),
            }
        }
        writeln!(out, "    {:.3} s heard, damaged in {damaged} places", samples as f64 / f64::from(rate))?;
    }
    Ok(())
}
