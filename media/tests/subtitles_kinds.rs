//! Files of subtitles of lesser kinds beside FFmpeg: the same words at the same time. Where FFmpeg shows something else and ours is meant, the
//! case says why, and what is to be seen.

#[path = "support/mod.rs"]
mod support;

mod words;

use support::{Tool, open};
use words::{Else, Same, compare};

#[test]
fn sami() {
    let head = "<SAMI>\n<HEAD>\n<TITLE>A title</TITLE>\n<STYLE TYPE=\"text/css\"><!--\nP { margin-left: 1pt; }\n.ENCC { Name: English; lang: en-US; }\n-->\n\
        </STYLE>\n</HEAD>\n<BODY>\n";
    let case = |name: &'static str, body: &str| (name, format!("{head}{body}</BODY>\n</SAMI>\n").into_bytes(), Same);
    let end = "<SYNC Start=9000><P Class=ENCC>&nbsp;\n";
    let cases = [
        case("plain", &format!("<SYNC Start=1000><P Class=ENCC>One\n<SYNC Start=2500><P Class=ENCC>Two<br>three\n{end}")),
        case("gaps", &format!("<SYNC Start=1000><P Class=ENCC>One\n<SYNC Start=2000><P Class=ENCC>&nbsp;\n<SYNC Start=3000><P Class=ENCC>Two\n{end}")),
        case("no ends of paragraphs", &format!("<SYNC Start=1000>\n<P Class=ENCC>\nOne</P>\n</SYNC>\n<SYNC Start=2000>\n<P Class=ENCC>Two</P>\n{end}")),
        case("looks", &format!("<SYNC Start=1000><P Class=ENCC><i>One</i> <font color=\"red\">two</font>\n{end}")),
        (
            "entities",
            format!("{head}<SYNC Start=1000><P Class=ENCC>A &amp; B &lt;c&gt; &quot;d&quot;\n{end}").into_bytes(),
            Else("FFmpeg shows them as they are", &[(1000, 9000, "A & B <c> \"d\"")]),
        ),
(
            "two languages",
            format!("{head}<SYNC Start=1000><P Class=ENCC>One<P Class=FRCC>Un\n<SYNC Start=2000><P Class=FRCC>Deux<P Class=ENCC>Two\n{end}").into_bytes(),
            Else("FFmpeg shows both at once; the first one is meant", &[(1000, 2000, "One"), (2000, 9000, "Two")]),
        ),
    ];
    compare("sami", &cases);
}

#[test]
fn lines_of_songs() {
    let cases = [
        ("plain", b"[ti:A song]\n[00:01.00]One\n[00:02.50]two\n[00:04.00]\n".to_vec(), Same),
        ("several times", b"[00:01.00][00:03.00]Again\n[00:02.00]between\n[00:05.00]\n".to_vec(), Same),
        (
            "an offset",
            b"[offset:500]\n[00:01.00]One\n[00:02.50]two\n[00:04.00]\n".to_vec(),
            Else("FFmpeg passes it over", &[(500, 2000, "One"), (2000, 3500, "two")]),
        ),
    ];
    compare("lrc", &cases);
}

#[test]
fn subviewer() {
    let head = "[INFORMATION]\n[TITLE]A title\n[AUTHOR]Nobody\n[SOURCE]\n[FILEPATH]\n[DELAY]0\n[COMMENT]\n[END INFORMATION]\n[SUBTITLE]\n\
        [COLF]&HFFFFFF,[STYLE]bd,[SIZE]18,[FONT]Arial\n";
    let words = "00:00:01.00,00:00:02.50\nOne[br]two\n\n00:00:03.00,00:00:04.00\nthree\n\n";
    let cases = [
        ("with a head", format!("{head}{words}").into_bytes(), Same),
        (
            "as from YouTube",
            words.replace("00:00:0", "0:00:0").replace(".00", ".000").replace(".50", ".500").into_bytes(),
            Else("FFmpeg does not know it", &[(1000, 2500, "One\ntwo"), (3000, 4000, "three")]),
        ),
    ];
    compare("subviewer", &cases);
}

#[test]
fn frames_and_tenths() {
    let cases = [
        ("plain", b"[10][25]One|two\n[30][40]/three\n".to_vec(), Same),
        (
            "no end",
            b"[10][]One\n[30][40]two\n[50][]three\n".to_vec(),
            Else(
                "the first one as FFmpeg has it; the last one does not stay for ever",
                &[(1000, 3000, "One"), (3000, 4000, "two"), (5000, 10_000, "three")],
            ),
        ),
    ];
    compare("mpl2", &cases);
    let cases = [
        ("plain", b"{1}{1}25\n{25}{50}One|two\n{75}{100}{y:i}three\n".to_vec(), Same),
        ("no end", b"{1}{1}25\n{25}{}One\n{75}{100}two\n".to_vec(), Same),
    ];
    compare("microdvd", &cases);
}

#[test]
fn closed_captions_within_pictures_are_told_of() {
    let Some(tool) = Tool::ffmpeg("captions") else { return };
    let Some(file) = tool.make("-f lavfi -i testsrc=s=64x48:r=10:d=1 -c:v libx264 -g 5 -pix_fmt yuv420p", "film.h264")
    else {
        return;
    };
    let detail = |path: &std::path::Path| tricine_media::inspect(&open(path)).unwrap().tracks[0].detail.clone();
    let plain = std::path::PathBuf::from(&file.name);
    assert!(!detail(&plain).contains("captions"));
    // A message before the second picture: a word of captions, as the standard of American television has them.
    let mut bytes = std::fs::read(&plain).unwrap();
    let slices: Vec<usize> = (0..bytes.len() - 5).filter(|at| bytes[*at..].starts_with(&[0, 0, 1, 0x41])).collect();
    let message =
        [0, 0, 1, 6, 4, 14, 0xb5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0x41, 0xff, 0xfc, 0x94, 0x2c, 0xff, 0x80];
    bytes.splice(slices[0]..slices[0], message);
    let path = tool.path("captioned.h264");
    std::fs::write(&path, bytes).unwrap();
    assert!(detail(&path).contains("closed captions"), "{}", detail(&path));
}
