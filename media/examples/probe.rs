//! What is in a file, and whether it plays to its end: `cargo run -p tricine-media --example probe FILE…`

use std::ffi::OsStr;
use std::fs::File;

use tricine_media::{Input, MediaError, MediaFile, TrackKind, container, guard, open};

fn main() {
    guard::install_hook();
    for name in std::env::args_os().skip(1) {
        println!("{}", name.display());
        if let Err(error) = probe(&name) {
            println!("  {error}");
        }
    }
}

fn probe(name: &OsStr) -> Result<(), MediaError> {
    let file = MediaFile::new(File::open(name)?, name.to_string_lossy())?;
    if let Some(container) = container::open(&file)? {
        let contents = container.contents();
        println!("  {}", contents.format);
        for (number, track) in contents.tracks.iter().enumerate() {
            let extent = container.extent(number).unwrap_or_default();
            let (start, end) = (extent.start_ns as f64 / 1e9, extent.end_ns.map(|end| end as f64 / 1e9));
            let language = track.language.as_deref().unwrap_or("-");
            println!("  track {number}: {:?} {} {language} {start:.3} s to {end:.3?} s", track.kind, track.codec);
            let (mut packets, mut damaged) = (container.packets(number), 0);
            let mut count = 0;
            while let Ok(packets) = &mut packets {
                match packets.next() {
                    Ok(Some(_)) => count += 1,
                    Ok(None) => break,
                    Err(MediaError::Damaged(_)) => damaged += 1,
                    Err(error) => {
                        println!("    {error}");
                        break;
                    }
                }
            }
            if track.kind != TrackKind::Other {
                println!("    {count} packets, damaged in {damaged} places");
            }
        }
        contents.chapters.iter().for_each(|c| println!("  chapter at {:.3} s: {}", c.start_ns as f64 / 1e9, c.title));
        contents.tags.iter().for_each(|(name, value)| println!("  {name}: {value}"));
        contents.attachments.iter().for_each(|a| println!("  attached: {} ({})", a.name, a.mime));
    }
    let media = open(&Input::File(file))?;
    let missing = media.missing.iter().map(|(_, why)| why);
    media.notices.iter().chain(missing).for_each(|notice| println!("  {notice}"));
    if let Some(mut video) = media.video {
        let (mut frames, mut damaged) = (0, 0);
        println!("  pictures: {} {}×{}", video.info().codec, video.info().format.width, video.info().format.height);
        loop {
            match video.next_frame() {
                Ok(Some(_)) => frames += 1,
                Ok(None) => break,
                Err(MediaError::Damaged(_)) => damaged += 1,
                Err(error) => return Err(error),
            }
        }
        println!("    {frames} shown, damaged in {damaged} places");
    }
    if let Some(mut audio) = media.audio {
        let (mut samples, mut damaged) = (0, 0);
        let (rate, channels) = (audio.info().sample_rate, audio.info().channels);
        println!("  sound: {} {rate} Hz, {channels} channels", audio.info().codec);
        loop {
            match audio.next_block() {
                Ok(Some(block)) => samples += block.samples.len() / usize::from(block.channels),
                Ok(None) => break,
                Err(MediaError::Damaged(_)) => damaged += 1,
                Err(error) => return Err(error),
            }
        }
        println!("    {:.3} s heard, damaged in {damaged} places", samples as f64 / f64::from(rate));
    }
    Ok(())
}
