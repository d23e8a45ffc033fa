//! What FFmpeg's libraries play for us (feature `ffmpeg`), beside what the program `ffmpeg` makes of the same files.
#![cfg(feature = "ffmpeg")]

mod support;
mod video_support;

use support::{decode_all as sound_of, ffmpeg_pcm, noise_db, open as file, to_16};
use tricine_media::{Light, MediaError, TrackKind, guard};
use video_support::{Clips, Random, decode_all, lively, open, samples, video};

/// Films of codecs that this crate has no decoder for, in containers that it reads and in others.
const FILMS: [(&str, &str); 8] = [
    ("wmv.asf", "-c:v wmv2 -b:v 2M -c:a wmav2"),
    ("prores.mov", "-c:v prores_ks -c:a pcm_s16le"),
    ("dnxhr.mkv", "-c:v dnxhd -profile:v dnxhr_lb -c:a wavpack"),
    ("ffv1.nut", "-c:v ffv1 -level 3 -g 12 -c:a wavpack"),
    ("huff.avi", "-c:v huffyuv -pix_fmt yuv422p -c:a pcm_s16le"),
    ("mxf.mxf", "-c:v mpeg2video -b:v 4M -g 12 -bf 2 -c:a pcm_s16le"),
    ("snow.nut", "-c:v snow -strict -2 -c:a pcm_s16le"),
    ("rgb.mov", "-c:v qtrle -pix_fmt rgb24 -c:a pcm_s16le"),
];

fn film(clips: &Clips, name: &str, codecs: &str) -> Option<std::path::PathBuf> {
    let sound = "-f lavfi -i sine=440:r=48000:d=2";
    let picture = lively("256x144", "25", "2");
    clips.make(name, &format!("{sound} {picture} -map 1:v -map 0:a {codecs}"))
}

/// A camera's PQ in ProRes: tagged by its container, 4:2:2 of 10 bits.
#[test]
fn hdr_of_a_foreign_codec_is_shown_as_sdr() {
    let Some(clips) = Clips::new("ffmpeg-light") else { return };
    let bt709 = "color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv";
    let made = format!(
        "-f lavfi -i gradients=size=256x144:rate=25:duration=0.2:n=4:seed=5:c0=0xc04020:c1=0x40a060:c2=white:c3=0x203080 \
         -vf format=gbrp,scale=out_color_matrix=bt709:out_range=tv,format=yuv444p10le,\
         setparams={bt709},zscale=t=linear:npl=80,format=gbrpf32le,\
         zscale=npl=80:t=smpte2084:p=2020:m=2020_ncl:r=tv,format=yuv422p10le \
         -color_primaries bt2020 -colorspace bt2020nc -color_range tv -color_trc smpte2084 -c:v prores_ks"
    );
    let Some(path) = clips.make("camera.mov", &made) else { return };
    let info = video(&path).info().clone();
    assert_eq!(info.light, Light::Pq);
    let judge = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p";
    let (ours, theirs) = (decode_all(&path), video_support::filtered(&path, info.format.i420_len(), judge));
    assert_eq!((ours.len(), theirs.len()), (5, 5));
    for ((.., ours), theirs) in ours.iter().zip(&theirs) {
        let off: u64 = ours.iter().zip(theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!((off as f64) < 2.5 * ours.len() as f64, "{:.2} off on average", off as f64 / ours.len() as f64);
    }
}

/// The same samples. Where a codec's first ones are not to be heard, here is silence in their place, and FFmpeg's program writes none.
fn as_ffmpeg_hears_it(name: &str, ours: &[f32], theirs: &[i16]) {
    let ours = to_16(ours);
    assert!(
        (0..=8_320).contains(&(ours.len() as i64 - theirs.len() as i64)),
        "{name}: {} of {}",
        ours.len(),
        theirs.len()
    );
    let (before, ours) = ours.split_at(ours.len() - theirs.len());
    assert!(before.iter().all(|sample| *sample == 0), "{name}: something before the first sample");
    let noise = noise_db(ours, theirs);
    assert!(noise < -80.0, "{name}: {noise} dB");
}

#[test]
fn every_picture_is_the_one_that_ffmpeg_shows_and_every_sample_the_one_it_plays() {
    guard::install_hook();
    let Some(clips) = Clips::new("ffmpeg-films") else { return };
    for (name, codecs) in FILMS {
        let Some(path) = film(&clips, name, codecs) else { continue };
        let len = video(&path).info().format.i420_len();
        let (ours, theirs) = (decode_all(&path), video_support::reference(&path, len));
        assert_eq!(ours.len(), theirs.len(), "{name}: number of frames");
        assert!(ours.len() >= 49, "{name}: {} frames", ours.len());
        for (n, ((_, _, ours), theirs)) in ours.iter().zip(&theirs).enumerate() {
            // Where FFmpeg's scaler made 4:2:0 of it, another way to it rounds otherwise.
            let far = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
            assert!(far <= 3, "{name}: frame {n} differs by {far}");
        }
        for (n, pair) in ours.windows(2).enumerate() {
            assert!(pair[0].0 < pair[1].0, "{name}: frame {} is due before its turn", n + 1);
        }
        let mut media = open(&path).unwrap();
        let found = sound_of(&mut **media.audio.as_mut().unwrap_or_else(|| panic!("{name}: no sound")));
        assert_eq!(found.damaged, [""; 0], "{name}");
        as_ffmpeg_hears_it(name, &found.samples, &ffmpeg_pcm(&path, None));
    }
}

#[test]
fn a_seek_finds_the_picture_that_is_shown_there_and_the_sound_that_belongs_to_it() {
    guard::install_hook();
    let Some(clips) = Clips::new("ffmpeg-seeks") else { return };
    for (name, codecs) in FILMS {
        let Some(path) = film(&clips, name, codecs) else { continue };
        let all = decode_all(&path);
        let mut random = Random(7);
        let mut pictures = video(&path);
        let mut targets: Vec<i64> = (0..12).map(|_| random.below(2_000_000_000) as i64).collect();
        targets.extend([0, 3_600_000_000_000, all[20].0, all[20].0 - 1]);
        for target_ns in targets {
            let wanted = all.iter().rev().find(|frame| frame.0 <= target_ns).unwrap_or(&all[0]);
            pictures.seek(target_ns).unwrap_or_else(|e| panic!("{name} to {target_ns}: {e}"));
            let mut found = pictures.next_frame().unwrap().unwrap_or_else(|| panic!("{name} to {target_ns}: nothing"));
            assert_eq!(found.pts_ns, wanted.0, "{name} to {target_ns}");
            assert!(samples(&mut found) == wanted.2, "{name} to {target_ns}: another picture");
        }
        let mut media = open(&path).unwrap();
        let sound = media.audio.as_mut().unwrap();
        let whole = sound_of(&mut **sound);
        for target_ns in [1_000_000_000i64, 250_000_000, 1_700_000_000] {
            sound.seek(target_ns).unwrap();
            let block = sound.next_block().unwrap().unwrap();
            let at = (block.pts_ns as f64 * f64::from(block.sample_rate) / 1e9).round() as usize * whole.channels;
            let due = (target_ns as f64 * f64::from(block.sample_rate) / 1e9).round() as usize * whole.channels;
            assert!(at.abs_diff(due) <= whole.channels, "{name} to {target_ns}: sound from {at} for {due}");
            let wanted = &whole.samples[at..(at + block.samples.len()).min(whole.samples.len())];
            let noise = noise_db(&to_16(&block.samples[..wanted.len()]), &to_16(wanted));
            assert!(noise < -60.0, "{name} to {target_ns}: {noise} dB");
        }
    }
}

#[test]
fn songs_of_codecs_that_nothing_else_here_decodes() {
    guard::install_hook();
    let Some(clips) = Clips::new("ffmpeg-songs") else { return };
    for (name, codec) in [
        ("song.dts", "-c:a dca -strict -2"),
        ("song.wv", "-c:a wavpack"),
        ("song.tta", "-c:a tta"),
        ("song.thd", "-c:a truehd -strict -2"),
        ("song.mka", "-c:a dca -strict -2"),
        ("song.wma", "-c:a wmav2"),
        ("song.au", "-c:a pcm_mulaw"),
    ] {
        let Some(path) = clips.make(name, &format!("-f lavfi -i sine=440:r=48000:d=2 -ac 2 {codec}")) else { continue };
        let found = sound_of(&mut **open(&path).unwrap().audio.as_mut().unwrap_or_else(|| panic!("{name}: no sound")));
        assert_eq!(found.damaged, [""; 0], "{name}");
        as_ffmpeg_hears_it(name, &found.samples, &ffmpeg_pcm(&path, None));
    }
}

#[test]
fn a_file_is_told_by_all_its_tracks_and_what_we_play_ourselves_stays_ours() {
    guard::install_hook();
    let Some(clips) = Clips::new("ffmpeg-info") else { return };
    let Some(path) = film(&clips, "mixed.mkv", "-c:v prores_ks -c:a aac") else { return };
    let found = tricine_media::inspect(&file(&path)).unwrap();
    assert_eq!(found.format, "Matroska/WebM");
    assert_eq!(found.tracks.iter().map(|track| track.problem.as_deref()).collect::<Vec<_>>(), [None, None]);
    assert!(found.tracks[0].codec.contains("ProRes (by FFmpeg)"), "{:?}", found.tracks[0]);
    assert!(!found.tracks[1].codec.contains("FFmpeg"), "{:?}", found.tracks[1]);
    let media = open(&path).unwrap();
    assert!(media.missing.is_empty() && media.video.is_some() && media.audio.is_some());
    let path = film(&clips, "other.nut", "-c:v ffv1 -c:a wavpack").unwrap();
    let found = tricine_media::inspect(&file(&path)).unwrap();
    assert_eq!(found.format, "nut (by FFmpeg)");
    assert_eq!(found.tracks.iter().map(|track| track.kind).collect::<Vec<_>>(), [TrackKind::Video, TrackKind::Audio]);
    assert!(found.duration_ns.is_some_and(|ns| ns.abs_diff(2_000_000_000) < 100_000_000), "{:?}", found.duration_ns);
}

#[test]
fn what_is_no_film_stays_an_error_in_our_words() {
    guard::install_hook();
    let Some(clips) = Clips::new("ffmpeg-none") else { return };
    for (name, bytes) in
        [("text", &b"Dear diary,\nnothing happened.\n"[..]), ("zeros", &[0; 70_000]), ("noise", &[0x5a; 9_000])]
    {
        std::fs::write(clips.path(name), bytes).unwrap();
        let Err(error) = open(&clips.path(name)) else { panic!("{name} plays") };
        assert!(matches!(error, MediaError::Unknown(_)), "{name}: {error:?}");
    }
}

#[test]
fn damage_is_said_and_the_film_ends() {
    guard::install_hook();
    let Some(clips) = Clips::new("ffmpeg-damage") else { return };
    for (name, codecs) in FILMS {
        let Some(path) = film(&clips, name, codecs) else { continue };
        let whole = std::fs::read(&path).unwrap();
        for seed in 0..6 {
            let mut bytes = whole.clone();
            if seed < 3 {
                let tail = bytes.len() / 5;
                support::flip(&mut bytes[tail..], seed + 1, 40);
            } else {
                bytes.truncate(whole.len() * seed as usize / 7);
            }
            std::fs::write(&path, &bytes).unwrap();
            let Ok(media) = open(&path) else { continue };
            let (mut frames, mut damaged) = (0, 0);
            if let Some(mut pictures) = media.video {
                loop {
                    match pictures.next_frame() {
                        Ok(Some(mut frame)) => frames += samples(&mut frame).len().min(1),
                        Ok(None) => break,
                        Err(MediaError::Damaged(_)) => damaged += 1,
                        Err(_) => break,
                    }
                    assert!(frames + damaged < 1000, "{name}, seed {seed}: no end");
                }
            }
            if let Some(mut sound) = media.audio {
                sound_of(&mut *sound);
            }
        }
    }
}
