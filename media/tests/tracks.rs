//! Which of several tracks is played.

#[path = "support/mod.rs"]
mod support;
mod video_support;

use support::decode_all;
use tricine_media::{Choice, Input, MediaFile, PICTURE_NS, guard, open_at};
use video_support::{Clips, lively};

/// How often a second the sound swings, as far as it can be heard.
fn pitch(sound: &[f32]) -> usize {
    sound.windows(2).filter(|two| two[0] < 0.0 && two[1] >= 0.0).count() * 48_000 / sound.len().max(1)
}

#[test]
fn sound_is_chosen_by_number_or_language_and_else_as_the_file_means() {
    guard::install_hook();
    let Some(clips) = Clips::new("tracks") else { return };
    let sines = [440, 880, 1760].map(|hz| format!("-f lavfi -i sine={hz}:r=48000:d=1"));
    let args = format!(
        "{} {} -map 3 -map 0 -map 1 -map 2 -c:v libx264 -c:a aac -metadata:s:a:0 language=eng \
         -metadata:s:a:1 language=ger -metadata:s:a:2 language=fra -disposition:a:0 0 -disposition:a:1 default",
        sines.join(" "),
        lively("64x48", "25", "1").replace(" -pix_fmt yuv420p", "")
    );
    for (name, means) in [("film.mkv", 880), ("film.mp4", 880), ("film.ts", 440)] {
        let Some(path) = clips.make(name, &format!("{args} -pix_fmt yuv420p")) else { continue };
        let heard = |sound: Option<usize>, languages: &[&str]| {
            let file = MediaFile::new(std::fs::File::open(&path).unwrap(), name).unwrap();
            let languages = languages.iter().map(|language| (*language).to_owned()).collect();
            let media = open_at(&Input::File(file), 0, PICTURE_NS, &Choice { sound, languages, ..Choice::default() })?;
            assert!(media.video.is_some(), "{name}");
            Ok::<_, tricine_media::MediaError>(pitch(&decode_all(media.audio.unwrap().as_mut()).samples))
        };
        for (number, languages, hz) in [
            (None, &[][..], means),
            (Some(1), &[], 440),
            (Some(3), &["de"], 1760),
            (None, &["de"], 880),
            (None, &["ja", "FR-ca", "en"], 1760),
            (None, &["ja"], means),
        ] {
            let found = heard(number, languages).unwrap();
            assert!(found.abs_diff(hz) < hz / 5, "{name}, {number:?}, {languages:?}: {found} Hz");
        }
        let error = heard(Some(4), &[]).unwrap_err().to_string();
        assert!(error.contains("track number 4 of sound") && error.contains("3 of sound"), "{error}");
    }
}
