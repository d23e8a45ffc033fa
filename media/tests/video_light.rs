//! HDR and BT.2020 are shown as an ordinary screen shows them. FFmpeg's zscale is the judge of the curves, the matrices and the
//! colours: of films that are no brighter than what compression leaves alone, every picture is nearly its.

mod video_support;

use std::path::Path;

use tricine_media::{ColorMatrix, ColorRange, Light};
use video_support::{Clips, decode_all, filtered, samples, video};

/// Pictures of soft colours in BT.709, up to 80 cd/m² on a screen whose white is so bright.
const SOURCE: &str = "-f lavfi -i gradients=size=256x144:rate=25:duration=0.4:n=8:seed=5:c0=red:c1=0x00ff00:c2=blue:c3=white:c4=black\
                      :c5=0x808080:c6=yellow:c7=0x804020";

/// Filters that make of it a film of this transfer and these primaries. HLG is judged by its greys: zscale raises each colour to
/// the power by which BT.2100 raises luminance.
fn made(transfer: &str, primaries: &str, matrix: &str) -> String {
    let grey = if transfer == "arib-std-b67" { "hue=s=0," } else { "" };
    format!(
        "-vf {grey}format=gbrp,scale=out_color_matrix=bt709:out_range=tv,format=yuv444p10le,\
         setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv,zscale=t=linear:npl=80,format=gbrpf32le,\
         zscale=npl=80:t={transfer}:p={primaries}:m={matrix}:r=tv,format=yuv420p10le"
    )
}

/// FFmpeg's view of such a film on a screen whose white is 203 cd/m².
const JUDGE: &str = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p";

const TAGS: &str = "-color_primaries bt2020 -colorspace bt2020nc -color_range tv";

fn assert_near(path: &Path, light: Light, filter: &str, allowed: f64) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let info = video(path).info().clone();
    assert_eq!(info.light, light, "{name}");
    assert_eq!((info.format.matrix, info.format.range), (ColorMatrix::Bt709, ColorRange::Limited), "{name}");
    let (ours, theirs) = (decode_all(path), filtered(path, info.format.i420_len(), filter));
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let luma = (info.format.width * info.format.height) as usize;
    for (n, ((.., ours), theirs)) in ours.iter().zip(&theirs).enumerate() {
        for (what, from, to) in [("luma", 0, luma), ("chroma", luma, ours.len())] {
            let off = ours[from..to].iter().zip(&theirs[from..to]).map(|(a, b)| u64::from(a.abs_diff(*b)));
            let (mean, most) = (off.clone().sum::<u64>() as f64 / (to - from) as f64, off.max());
            assert!(mean < allowed, "{name}: {what} of picture {n} is {mean:.2} off on average, {most:?} at most");
        }
    }
}

#[test]
fn hdr_and_wide_colours_of_every_codec_are_shown_as_zscale_shows_them() {
    let Some(clips) = Clips::new("light") else { return };
    for (name, light, transfer, settings) in [
        ("phone.mov", Light::Hlg, "arib-std-b67", "-c:v libx265 -x265-params log-level=none:crf=12 -tag:v hvc1"),
        ("television.ts", Light::Hlg, "arib-std-b67", "-c:v libx265 -x265-params log-level=none:crf=12"),
        ("camera.mp4", Light::Hlg, "arib-std-b67", "-c:v libx264 -crf 8"),
        ("eight.mp4", Light::Hlg, "arib-std-b67", "-pix_fmt yuv420p -c:v libx264 -crf 8"),
        ("disc.mkv", Light::Pq, "smpte2084", "-c:v libx265 -x265-params log-level=none:crf=12"),
        ("web.webm", Light::Pq, "smpte2084", "-c:v libvpx-vp9 -profile:v 2 -cpu-used 6 -crf 12 -b:v 0"),
        ("web.mp4", Light::Pq, "smpte2084", "-c:v libaom-av1 -cpu-used 8 -crf 12"),
        ("studio.mkv", Light::Wide, "2020_10", "-c:v libx265 -x265-params log-level=none:crf=12"),
    ] {
        let named = if transfer == "2020_10" { "bt2020-10" } else { transfer };
        let args = format!("{SOURCE} {} {TAGS} -color_trc {named} {settings}", made(transfer, "2020", "2020_ncl"));
        let Some(path) = clips.make(name, &args) else { continue };
        // The corners of what BT.709 has are all in the picture, where a table is least exact.
        assert_near(&path, light, JUDGE, 2.0);
    }
}

/// Puts a box into the first sample entry of the first track of a film whose index is at its end.
fn with_box(path: &Path, kind: &[u8; 4], body: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let new = [&(8 + body.len() as u32).to_be_bytes()[..], kind, body].concat();
    let mut at = 0;
    // How many bytes of its own each box has before those within it; beside them stand others.
    for (name, own) in
        [(b"moov", 0), (b"trak", 0), (b"mdia", 0), (b"minf", 0), (b"stbl", 0), (b"stsd", 8), (b"hvc1", 78)]
    {
        let size = |at: usize| u32::from_be_bytes(*bytes[at..].first_chunk().unwrap());
        while bytes[at + 4..at + 8] != *name {
            at += size(at) as usize;
        }
        let larger = (size(at) + new.len() as u32).to_be_bytes();
        bytes[at..at + 4].copy_from_slice(&larger);
        at += 8 + own;
    }
    bytes.splice(at..at, new);
    std::fs::write(path, bytes).unwrap();
}

/// The middle of a film's first picture: luma and both chromas.
fn middle(path: &Path) -> [u8; 3] {
    let mut frame = video(path).next_frame().unwrap().unwrap();
    let (width, height) = (frame.format.width as usize, frame.format.height as usize);
    let (samples, half) = (samples(&mut frame), width / 2);
    let chroma = width * height + height / 4 * half + half / 2;
    [samples[height / 2 * width + width / 2], samples[chroma], samples[chroma + half * height / 2]]
}

#[test]
fn dolby_vision_is_named_and_its_own_colours_are_shown() {
    let Some(clips) = Clips::new("dolby") else { return };
    // A red of 100, 20 and 4 cd/m² as IPTPQc2 in full range, and as BT.2020 in PQ.
    let film = |name: &str, [luma, blue, red]: [u32; 3], tags: &str| {
        let colour = format!("format=yuv420p10le,geq=lum={luma}:cb={blue}:cr={red}");
        let args = format!(
            "-f lavfi -i color=black:size=64x64:rate=25:duration=0.2,{colour} {tags} -c:v libx265 \
             -x265-params log-level=none:crf=2 -tag:v hvc1"
        );
        clips.make(name, &args)
    };
    let usual = format!("{TAGS} -color_trc smpte2084");
    let Some(own) = film("own.mp4", [399, 680, 715], "-color_range pc") else { return };
    let Some(disc) = film("disc.mp4", [405, 437, 584], &usual) else { return };
    let plain = middle(&disc);
    let record = |profile: u8, base: u8| [&[1, 0, profile << 1, 6 << 3 | 0b101, base << 4][..], &[0; 19]].concat();
    with_box(&own, b"dvcC", &record(5, 0));
    with_box(&disc, b"dvvC", &record(8, 1));
    let Some(matroska) = clips.make("own.mkv", &format!("-i {} -c copy -strict unofficial", own.display())) else {
        return;
    };
    for path in [&own, &matroska] {
        let info = video(path).info().clone();
        assert_eq!(info.codec, "HEVC Main 10, Dolby Vision profile 5, level 6", "{}", path.display());
        assert_eq!(info.light, Light::Dolby, "{}", path.display());
        let shown = middle(path);
        assert!(
            shown.iter().zip(plain).all(|(a, b)| a.abs_diff(b) <= 3),
            "{}: {shown:?}, not {plain:?}",
            path.display()
        );
    }
    let info = video(&disc).info().clone();
    assert_eq!(info.codec, "HEVC Main 10, Dolby Vision profile 8.1, level 6 (its base layer is shown)");
    assert_eq!((info.light, middle(&disc)), (Light::Pq, plain));
}

#[test]
fn the_colours_of_p3_are_shown_as_zscale_shows_them() {
    let Some(clips) = Clips::new("p3") else { return };
    // What telephones and cinemas have: the second has a white of its own.
    for (name, light, primaries, transfer, named, matrix) in [
        ("phone.mp4", Light::P3, "smpte432", "iec61966-2-1", "iec61966-2-1", "bt709"),
        ("film.mkv", Light::P3, "smpte432", "709", "bt709", "bt709"),
        ("cinema.mkv", Light::P3, "smpte431", "709", "bt709", "bt709"),
        ("master.mp4", Light::Pq, "smpte432", "smpte2084", "smpte2084", "bt2020nc"),
    ] {
        let zscales = if matrix == "bt709" { "709" } else { "2020_ncl" };
        let args = format!(
            "{SOURCE} {} -color_primaries {primaries} -colorspace {matrix} -color_range tv -color_trc {named} \
             -c:v libx265 -x265-params log-level=none:crf=12",
            made(transfer, primaries, zscales)
        );
        let Some(path) = clips.make(name, &args) else { continue };
        // The curve of sRGB stays what it is, as in BT.709; the table takes it for that of BT.1886, which is a little darker.
        let srgb = transfer.starts_with("iec");
        let judge = if srgb { JUDGE.replace("t=bt709", "t=iec61966-2-1") } else { JUDGE.into() };
        assert_near(&path, light, &judge, if srgb { 2.5 } else { 2.0 });
    }
}

#[test]
fn tags_that_name_an_ordinary_screen_change_nothing() {
    let Some(clips) = Clips::new("ordinary") else { return };
    let args = "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv -c:v libx265 -x265-params log-level=none";
    let Some(path) = clips.make("sdr.mp4", &format!("{SOURCE} -pix_fmt yuv420p10le {args}")) else { return };
    assert_near(&path, Light::Ordinary, "null", 1.0);
}

/// How bright the brightest pixel of a film's first picture is shown.
fn brightest(path: &Path) -> u8 {
    let mut video = video(path);
    let mut frame = video.next_frame().unwrap().unwrap();
    let luma = (frame.format.width * frame.format.height) as usize;
    samples(&mut frame)[..luma].iter().copied().max().unwrap()
}

#[test]
fn a_film_says_how_bright_it_becomes_in_its_messages_and_in_its_container() {
    let Some(clips) = Clips::new("peak") else { return };
    // A white of 1000 cd/m²: PQ's 75.2 %, luma 723.
    let source = "-f lavfi -i color=black:size=64x64:rate=25:duration=0.2,format=yuv420p10le,geq=lum=723:cb=512:cr=512";
    let x265 = |more: &str| {
        let screen = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)";
        format!("-c:v libx265 -x265-params log-level=none:{}{more}", if more.is_empty() { "" } else { screen })
    };
    let tags = format!("{TAGS} -color_trc smpte2084");
    let mut shown = Vec::new();
    for (name, settings) in
        [("plain.mp4", x265("")), ("bright.mp4", x265(":max-cll=4000,400")), ("screen.ts", x265(":hdr10=1"))]
    {
        let Some(path) = clips.make(name, &format!("{source} {tags} {settings}")) else { return };
        shown.push(brightest(&path));
    }
    let Some(stripped) = clips.make(
        "container.mkv",
        &format!("-i {} -c copy -bsf:v filter_units=remove_types=39", clips.path("bright.mp4").display()),
    ) else {
        return;
    };
    shown.push(brightest(&stripped));
    // White in a film that becomes no brighter; less in one that becomes four times as bright, whoever says so.
    assert!(shown[0] >= 234 && shown[1] < 233 && shown[2] < 233 && shown[3] < 233, "{shown:?}");
    assert!(shown[1].abs_diff(shown[2]) <= 1 && shown[1].abs_diff(shown[3]) <= 1, "{shown:?}");
}
