//! Streams of H.264 whose structure no encoder at hand writes: what the standard's conformance streams are made for. Every frame
//! is what FFmpeg decodes, in FFmpeg's order, or the stream is refused.

mod h264_made;
mod video_support;

use std::path::Path;

use h264_made::dress::{avi_with_lengths, layered, units};
use h264_made::{Count, Fields, Form, Rare, stream};
use tricine_media::MediaError;
use video_support::{Clips, coded, samples, video_by};

/// Streams of each form.
const SEEDS: u64 = 4;

/// Frames of `path` as they are coded, with their sizes: the same by the decoder without threads and with four pictures in work. Errors:
/// the first thing
/// that was refused or is damaged.
fn ours(path: &Path) -> Result<Vec<Vec<u8>>, MediaError> {
    match (frames(path, 1), frames(path, 4)) {
        (Ok(alone), Ok(threaded)) => {
            assert!(alone == threaded, "{}: threads change pictures", path.display());
            Ok(alone)
        }
        (Err(alone), Err(threaded)) => {
            // One of them may have shown a picture before it, and call it damage.
            let cause = |error: &MediaError| {
                let text = error.to_string();
                let text = text.trim_start_matches("damaged: ").split(';').next().unwrap_or_default();
                text.trim_end_matches(" is not supported").to_owned()
            };
            assert_eq!(cause(&alone), cause(&threaded), "{}", path.display());
            Err(alone)
        }
        (alone, threaded) => panic!("{}: {:?}, with threads {:?}", path.display(), alone.err(), threaded.err()),
    }
}

fn frames(path: &Path, at_once: usize) -> Result<Vec<Vec<u8>>, MediaError> {
    let mut video = video_by(path, Some(at_once))?;
    let mut frames = Vec::new();
    while let Some(mut frame) = video.next_frame()? {
        frames.push(samples(&mut frame));
    }
    Ok(frames)
}

fn compare(name: &str, frames: &[Vec<u8>], theirs: &[u8]) {
    let mut rest = theirs;
    for (number, frame) in frames.iter().enumerate() {
        let Some((reference, after)) = rest.split_at_checked(frame.len()) else {
            panic!("{name}: FFmpeg has no frame {number}");
        };
        assert!(frame == reference, "{name}: frame {number} differs");
        rest = after;
    }
    assert!(!frames.is_empty() && rest.is_empty(), "{name}: {} frames, and FFmpeg has more", frames.len());
}

fn check(clips: &Clips, forms: &[(&str, Form)]) {
    for (name, form) in forms {
        for seed in 1..=SEEDS {
            let name = format!("{name}-{seed}.264");
            let path = clips.path(&name);
            std::fs::write(&path, stream(*form, seed)).expect("a file");
            match ours(&path) {
                Ok(frames) => compare(&name, &frames, &coded(&path, "yuv420p")),
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}

/// The plainest form, and others that differ from it.
const PLAIN: Form = Form {
    size: (3, 4),
    profile: 77,
    chroma: 1,
    fields: Fields::Never,
    pairs: false,
    count: Count::Bits,
    refs: 4,
    orders: false,
    mixed: false,
    halves: false,
    lists: false,
    between: 0,
    told: true,
    gaps: false,
    slices: 1,
    temporal: false,
    parts: false,
    weights: false,
    tints: false,
    own: false,
    forgetful: false,
    id: 0,
    deep: false,
    rare: Rare::Nothing,
    redundant: false,
    crop: [0; 4],
    litter: false,
    pictures: 24,
};
const B: Form = Form { between: 2, ..PLAIN };
const ORDERED: Form = Form { orders: true, lists: true, ..PLAIN };
const FIELDS: Form = Form { fields: Fields::Always, ..PLAIN };
const PAFF: Form = Form { fields: Fields::Sometimes, lists: true, ..PLAIN };

#[test]
fn frames_with_every_way_to_keep_and_to_name_references_are_exact() {
    let Some(clips) = Clips::new("made-frames") else { return };
    let forms = [
        ("plain", PLAIN),
        ("b", B),
        ("lists", Form { lists: true, ..B }),
        ("orders", ORDERED),
        ("orders-b", Form { between: 2, ..ORDERED }),
        ("none-kept", Form { refs: 0, ..PLAIN }),
        ("one-kept", Form { refs: 1, ..ORDERED }),
        ("fifteen-kept", Form { refs: 15, pictures: 60, between: 2, ..ORDERED }),
        ("gaps", Form { gaps: true, lists: true, ..PLAIN }),
        ("gaps-b", Form { gaps: true, lists: true, between: 1, ..PLAIN }),
    ];
    check(&clips, &forms);
}

#[test]
fn every_way_to_count_pictures_is_exact() {
    let Some(clips) = Clips::new("made-counts") else { return };
    let forms = [
        ("expected", Form { count: Count::Expected, ..B }),
        ("cycle", Form { count: Count::Cycle, ..ORDERED }),
        ("decoded", Form { count: Count::Decoded, ..ORDERED }),
        ("untold", Form { told: false, ..B }),
        ("expected-fields", Form { count: Count::Expected, orders: true, ..PAFF }),
        ("cycle-fields", Form { count: Count::Cycle, orders: true, ..PAFF }),
        ("decoded-fields", Form { count: Count::Decoded, orders: true, ..PAFF }),
    ];
    check(&clips, &forms);
}

#[test]
fn fields_and_frames_in_any_order_are_exact() {
    let Some(clips) = Clips::new("made-fields") else { return };
    let forms = [
        ("fields", FIELDS),
        ("fields-b", Form { between: 2, ..FIELDS }),
        ("fields-orders", Form { orders: true, lists: true, ..FIELDS }),
        ("paff", PAFF),
        ("paff-b", Form { between: 2, ..PAFF }),
        ("paff-orders", Form { orders: true, ..PAFF }),
        ("paff-gaps", Form { gaps: true, ..PAFF }),
        ("possible", Form { fields: Fields::Possible, between: 1, ..PLAIN }),
        ("mbaff", Form { pairs: true, fields: Fields::Possible, lists: true, ..B }),
        ("mbaff-paff", Form { pairs: true, between: 2, ..PAFF }),
        ("mbaff-orders", Form { pairs: true, orders: true, ..PAFF }),
    ];
    check(&clips, &forms);
}

#[test]
fn motion_from_other_pictures_and_weights_are_exact() {
    let Some(clips) = Clips::new("made-direct") else { return };
    // FFmpeg takes the last slice's lists for those of the whole picture that motion is taken from.
    let temporal = Form { temporal: true, parts: true, ..B };
    let weights = Form { weights: true, slices: 2, lists: true, ..B };
    let forms = [
        ("parts", Form { parts: true, slices: 2, ..B }),
        ("parts-paff", Form { parts: true, between: 2, ..PAFF }),
        ("temporal", temporal),
        ("temporal-long", Form { orders: true, ..temporal }),
        ("temporal-fields", Form { fields: Fields::Always, ..temporal }),
        ("temporal-paff", Form { fields: Fields::Sometimes, ..temporal }),
        ("temporal-mbaff", Form { fields: Fields::Possible, pairs: true, ..temporal }),
        ("temporal-all", Form { fields: Fields::Sometimes, pairs: true, weights: true, ..temporal }),
        ("weights", weights),
        ("weights-fields", Form { fields: Fields::Always, ..weights }),
        ("weights-mbaff", Form { fields: Fields::Sometimes, pairs: true, ..weights }),
        ("tints", Form { tints: true, ..B }),
    ];
    check(&clips, &forms);
}

#[test]
fn samples_of_ten_bits_are_exact() {
    const BAYER: [[u16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
    let Some(clips) = Clips::new("made-deep") else { return };
    let path = clips.path("deep.264");
    let decoded = Form { count: Count::Decoded, slices: 2, ..PLAIN };
    let forms = [PLAIN, ORDERED, decoded, B, Form { between: 1, refs: 2, ..PLAIN }, FIELDS, PAFF];
    for (seed, form) in (1..).zip(forms).chain((8..).zip(forms)) {
        std::fs::write(&path, stream(Form { profile: 110, deep: true, ..form }, seed)).expect("a file");
        let wide: Vec<u16> =
            coded(&path, "yuv420p10le").as_chunks().0.iter().map(|&two| u16::from_le_bytes(two)).collect();
        // Our dither, plane by plane.
        let mut theirs = Vec::new();
        for frame in wide.chunks(48 * 64 * 3 / 2) {
            let (luma, colours) = frame.split_at(48 * 64);
            let planes = std::iter::once((luma, 48)).chain(colours.chunks(24 * 32).map(|plane| (plane, 24)));
            for (y, row) in planes.flat_map(|(plane, width)| plane.chunks(width).enumerate()) {
                let narrow = |(x, &sample): (usize, &u16)| ((sample + BAYER[y % 4][x % 4] / 4) >> 2).min(255) as u8;
                theirs.extend(row.iter().enumerate().map(narrow));
            }
        }
        compare("deep", &ours(&path).expect("it plays"), &theirs);
    }
}

#[test]
fn the_base_of_several_layers_is_exact() {
    let Some(clips) = Clips::new("made-layers") else { return };
    let path = clips.path("layers.264");
    for (seed, form) in
        [(1, B), (2, Form { slices: 3, between: 2, ..PAFF }), (3, Form { slices: 2, pairs: true, ..PAFF })]
    {
        let plain = clips.path("plain.264");
        std::fs::write(&plain, stream(form, seed)).expect("a file");
        std::fs::write(&path, layered(&stream(form, seed), seed)).expect("a file");
        compare("layers", &ours(&path).expect("it plays"), &coded(&plain, "yuv420p"));
    }
}

#[test]
fn sequences_that_take_turns_are_exact_though_all_are_told_in_front() {
    let Some(clips) = Clips::new("made-turns") else { return };
    let path = clips.path("turns.264");
    let forms = [
        Form { lists: true, ..PLAIN },
        Form { id: 1, size: (2, 2), refs: 1, pictures: 9, ..PLAIN },
        Form { id: 2, refs: 2, between: 2, ..PAFF },
    ];
    let parts = forms.map(|form| stream(form, 3));
    let is_set = |unit: &&[u8]| matches!(unit[0] & 31, 7 | 8);
    let sets = parts.iter().flat_map(|part| units(part).into_iter().filter(is_set).take(3));
    let pictures = [0, 1, 2, 0, 2].map(|at: usize| units(&parts[at]).into_iter().filter(|unit| !is_set(unit)));
    let all = sets.chain(pictures.into_iter().flatten());
    std::fs::write(&path, all.flat_map(|unit| [&[0, 0, 0, 1], unit].concat()).collect::<Vec<u8>>()).expect("a file");
    compare("turns", &ours(&path).expect("it plays"), &coded(&path, "yuv420p"));
}

#[test]
fn slices_of_any_number_are_exact_also_from_x264() {
    let Some(clips) = Clips::new("made-many") else { return };
    // The first picture is one slice, so that it does not tell; then comes noise, of which each picture is several.
    let source =
        "-f lavfi -i smptebars=size=130x98:rate=25,noise=alls=60:allf=t+u:all_seed=7:enable=gt(n\\,0),format=yuv420p";
    let params = "keyint=250:scenecut=0:deblock=3,-2:qp=32:bframes=2:ref=3:threads=1:aq-mode=0:slice-max-size=";
    for size in [600, 1000] {
        let settings = format!("{source} -frames:v 16 -c:v libx264 -x264-params {params}{size}");
        let Some(path) = clips.make(&format!("{size}.264"), &settings) else { return };
        let units = std::fs::read(&path).expect("a file");
        let slices =
            |kind: u8| units.windows(4).filter(|four| four[..3] == [0, 0, 1] && four[3] & 0x1f == kind).count();
        assert!(slices(5) == 1 && slices(1) > 20, "{size}: {} and {} slices", slices(5), slices(1));
        compare("many", &ours(&path).expect("it plays"), &coded(&path, "yuv420p"));
    }
}

#[test]
fn slices_crops_colours_and_units_that_mean_nothing_are_exact() {
    let Some(clips) = Clips::new("made-rest") else { return };
    let forms = [
        ("slices", Form { slices: 4, lists: true, ..B }),
        ("slices-mixed", Form { slices: 4, mixed: true, ..PLAIN }),
        ("slices-paff", Form { slices: 3, between: 1, pairs: true, ..PAFF }),
        ("grey", Form { profile: 100, chroma: 0, ..B }),
        ("crop", Form { crop: [1, 2, 3, 1], ..B }),
        ("crop-fields", Form { crop: [1, 2, 3, 1], ..PAFF }),
        ("litter", Form { litter: true, slices: 2, between: 1, ..PAFF }),
    ];
    check(&clips, &forms);
}

#[test]
fn tall_chroma_is_exact() {
    let Some(clips) = Clips::new("made-tall") else { return };
    for seed in 1..=SEEDS {
        let path = clips.path("tall.264");
        std::fs::write(&path, stream(Form { profile: 122, chroma: 2, ..B }, seed)).expect("a file");
        let (width, luma) = (24, 48 * 64);
        // Two rows of chroma become one.
        let theirs: Vec<u8> = coded(&path, "yuv422p")
            .chunks(2 * luma)
            .flat_map(|frame| {
                let rows = frame[luma..].chunks(2 * width);
                let half = |rows: &[u8]| -> Vec<u8> {
                    rows[..width]
                        .iter()
                        .zip(&rows[width..])
                        .map(|(a, b)| u16::from(*a).midpoint(u16::from(*b) + 1) as u8)
                        .collect()
                };
                [frame[..luma].to_vec(), rows.flat_map(half).collect()].concat()
            })
            .collect();
        compare("tall", &ours(&path).expect("it plays"), &theirs);
    }
}

#[test]
fn a_size_that_changes_and_parameter_sets_of_many_numbers_are_exact() {
    let Some(clips) = Clips::new("made-size") else { return };
    let path = clips.path("size.264");
    let small = Form { size: (2, 2), pictures: 9, ..B };
    let parts = [stream(PLAIN, 1), stream(small, 2), stream(Form { pictures: 7, ..PAFF }, 3), stream(small, 4)];
    std::fs::write(&path, parts.concat()).expect("a file");
    compare("size", &ours(&path).expect("it plays"), &coded(&path, "yuv420p"));
}

#[test]
fn containers_keep_what_a_stream_is_made_of() {
    let Some(clips) = Clips::new("made-boxes") else { return };
    let forms = [
        ("frames", ORDERED),
        ("slices", Form { slices: 3, ..PLAIN }),
        ("grey", Form { profile: 100, chroma: 0, ..PLAIN }),
    ];
    for (name, form) in forms {
        let raw = clips.path("raw.264");
        std::fs::write(&raw, stream(form, 5)).expect("a file");
        for kind in ["mp4", "mkv", "ts", "avi"] {
            let made =
                clips.make(&format!("{name}.{kind}"), &format!("-r 25 -fflags +genpts -i {} -c copy", raw.display()));
            let Some(path) = made else { continue };
            compare(&format!("{name}.{kind}"), &ours(&path).expect("it plays"), &coded(&path, "yuv420p"));
        }
    }
}

#[test]
fn an_avi_whose_units_stand_behind_lengths_is_exact() {
    let Some(clips) = Clips::new("made-lengths") else { return };
    for (seed, form) in [(1, ORDERED), (2, B)] {
        let path = clips.path("lengths.avi");
        std::fs::write(&path, avi_with_lengths(&stream(form, seed))).expect("a file");
        compare("lengths.avi", &ours(&path).expect("it plays"), &coded(&path, "yuv420p"));
    }
}

#[test]
fn what_no_decoder_here_does_right_is_refused() {
    let Some(clips) = Clips::new("made-refused") else { return };
    let forms = [
        ("redundant pictures", Form { redundant: true, profile: 66, slices: 2, ..PLAIN }),
        ("a field without the other one", Form { fields: Fields::Lone, lists: false, ..PAFF }),
        ("one field of a frame kept", Form { halves: true, orders: true, ..PAFF }),
        ("B fields beside frames kept for long", Form { orders: true, between: 2, ..PAFF }),
        ("B pictures beside pictures of several kinds of slices", Form { mixed: true, slices: 3, between: 1, ..PLAIN }),
        ("a field without the other one", Form { forgetful: true, ..FIELDS }),
        ("B fields beside frames left out", Form { gaps: true, between: 2, ..FIELDS }),
        ("several quantizers of colours", Form { tints: true, slices: 3, ..PLAIN }),
        ("data partitioning", Form { rare: Rare::Partitions, profile: 88, ..PLAIN }),
        ("switching slices", Form { rare: Rare::Switching, profile: 88, ..PLAIN }),
        ("flexible macroblock order", Form { rare: Rare::Groups, profile: 66, ..PLAIN }),
        ("slice", Form { rare: Rare::Backwards, profile: 66, slices: 3, ..PLAIN }),
        ("pictures are missing", Form { rare: Rare::Lost, ..PLAIN }),
    ];
    for (words, form) in forms {
        let mut refused = 0;
        for seed in 1..=SEEDS {
            let path = clips.path("refused.264");
            std::fs::write(&path, stream(Form { pictures: 40, ..form }, seed)).expect("a file");
            match ours(&path) {
                Ok(frames) => compare(words, &frames, &coded(&path, "yuv420p")),
                Err(error) => refused += u64::from(error.to_string().contains(words)),
            }
        }
        assert!(refused > 0, "nothing was refused for {words}");
    }
}
