//! Text of subtitles beside FFmpeg: the same words at the same time from odd files of every kind. Where FFmpeg shows something else and
//! ours is meant, the case says why, and what is to be seen.

#[path = "support/mod.rs"]
mod support;

mod words;

use std::path::Path;

use support::Tool;
use tricine_media::subtitle::Cue;
use tricine_media::{Input, MediaFile, guard};
use words::{Else, Same, Words, alike, compare, judged, told, utf16};

/// The cues of a film's first track, in order.
fn within(path: &Path) -> Vec<Words> {
    let file = MediaFile::new(std::fs::File::open(path).unwrap(), "film").unwrap();
    let subtitles = tricine_media::open(&Input::File(file)).unwrap().subtitles;
    let (mut pages, _) = subtitles.open(1).unwrap();
    pages.seek(0).unwrap();
    let mut cues: Vec<Cue> = Vec::new();
    while let Some(page) = pages.next_page().unwrap() {
        let fresh = page.cues.iter().filter(|cue| cue.start_ns == page.start_ns);
        cues.extend(fresh.map(|cue| (**cue).clone()));
    }
    told(&cues)
}

#[test]
fn tracks_of_films() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("exact-tracks") else { return };
    let srt = "1\n00:00:01,000 --> 00:00:02,500\n<i>One</i>\ntwo & <b>three\n\n2\n00:00:02,000 --> 00:00:04,000\n{\\an8}Grüße, Привет\n\n\
        3\n00:00:06,000 --> 00:00:07,000\n日本語 <font color=\"#00ff00\">green</font>\n";
    std::fs::write(tool.path("words.srt"), srt).unwrap();
    let words = tool.path("words.srt").display().to_string();
    for (name, codec) in [
        ("srt.mkv", "srt"),
        ("ass.mkv", "ass"),
        ("webvtt.mkv", "webvtt"),
        ("words.mp4", "mov_text"),
        ("words.mov", "mov_text"),
        ("words.webm", "webvtt"),
    ] {
        let video = if name.ends_with("webm") { "libvpx" } else { "mjpeg" };
        let args =
            format!("-f lavfi -i color=black:s=64x48:r=5:d=8 -i {words} -map 0 -map 1 -c:v {video} -c:s {codec}");
        let Some(file) = tool.make(&args, name) else { continue };
        let path = Path::new(&file.name);
        let kind = if name.ends_with("mkv") || name.ends_with("webm") { "matroska" } else { "mov" };
        let (ours, theirs) = (within(path), judged(path, kind));
        assert_eq!(theirs.len(), 3, "{name}: {theirs:?}");
        assert!(alike(&ours, &theirs), "{name}:\n  ours   {ours:?}\n  wanted {theirs:?}");
    }
}

const PLAIN: &str = "1\n00:00:01,000 --> 00:00:02,500\nOne\ntwo\n\n2\n00:00:03,000 --> 00:00:04,000\nGrüße, Привет\n\n";

#[test]
fn subrip() {
    let case = |name: &'static str, text: &str| (name, text.as_bytes().to_vec(), Same);
    let other = |name: &'static str, text: &str, why, wanted| (name, text.as_bytes().to_vec(), Else(why, wanted));
    let cases = [
        case("plain", PLAIN),
        case("no blank lines", "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n"),
        case("no numbers", "00:00:01,000 --> 00:00:02,000\nOne\n\n00:00:03,000 --> 00:00:04,000\nTwo\n"),
        case("neither", "00:00:01,000 --> 00:00:02,000\nOne\n00:00:03,000 --> 00:00:04,000\nTwo\n"),
        case("points", "1\n00:00:01.000 --> 00:00:02.500\nOne\n"),
        case("no spaces", "1\n00:00:01,000-->00:00:02,000\nOne\n"),
        other(
            "short fields",
            "1\n0:0:1,5 --> 0:0:2,25\nOne\n",
            "a decimal fraction, as everywhere else; FFmpeg counts its digits as thousandths",
            &[(1500, 2250, "One")],
        ),
        other(
            "no hours",
            "1\n00:01,000 --> 00:02,000\nOne\n\n2\n00:03,000 --> 00:04,000\nTwo\n",
            "FFmpeg takes such lines for text; people have such files, from WebVTT",
            &[(1000, 2000, "One"), (3000, 4000, "Two")],
        ),
        case("spaces in times", "1\n00: 00: 01, 000 --> 00: 00: 02, 000\nOne\n"),
        other(
            "before the film",
            "1\n-00:00:01,000 --> 00:00:02,000\nOne\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n",
            "FFmpeg loses the sign",
            &[(-1000, 2000, "One"), (3000, 4000, "Two")],
        ),
        case("overlapping", "1\n00:00:01,000 --> 00:00:05,000\nOne\n\n2\n00:00:02,000 --> 00:00:04,000\nTwo\n"),
        case("out of order", "1\n00:00:05,000 --> 00:00:06,000\nOne\n\n2\n00:00:02,000 --> 00:00:04,000\nTwo\n"),
        case("CRLF", &PLAIN.replace('\n', "\r\n")),
        case("CR", &PLAIN.replace('\n', "\r")),
        case("CR CR LF", &PLAIN.replace('\n', "\r\r\n")),
        case("a mark", &format!("\u{feff}{PLAIN}")),
        ("UTF-16 LE", utf16(PLAIN, false), Same),
        ("UTF-16 BE", utf16(PLAIN, true), Same),
        (
            "UTF-16 without a mark",
            utf16(PLAIN, false)[2..].to_vec(),
            Else("FFmpeg reads nothing of it", &[(1000, 2500, "One\ntwo"), (3000, 4000, "Grüße, Привет")]),
        ),
        (
            "UTF-8 with a byte that was damaged, cut within a letter",
            [PLAIN.as_bytes(), b"3\n00:00:05,000 --> 00:00:06,000\n\xff\n\n4\n00:00:07,000 --> 00:00:08,000\nGr\xc3"]
                .concat(),
            Else(
                "FFmpeg leaves such cues out",
                &[
                    (1000, 2500, "One\ntwo"),
                    (3000, 4000, "Grüße, Привет"),
                    (5000, 6000, "\u{fffd}"),
                    (7000, 8000, "Gr\u{fffd}"),
                ],
            ),
        ),
        case("nested tags", "1\n00:00:01,000 --> 00:00:02,000\na<b>b<i>c</i>d</b> <u><s>e</s></u>\n"),
        case(
            "unclosed tags",
            "1\n00:00:01,000 --> 00:00:02,000\n<i>a <b>b\n\n2\n00:00:03,000 --> 00:00:04,000\nc</b></i>\n",
        ),
        case("crossed tags", "1\n00:00:01,000 --> 00:00:02,000\n<i>a<b>b</i>c</b>\n"),
        case(
            "fonts",
            "1\n00:00:01,000 --> 00:00:02,000\n<font color=\"#ff0000\" size='20' face=Arial>a</font><FONT>b</FONT>\n",
        ),
        case("tags with spaces", "1\n00:00:01,000 --> 00:00:02,000\n< i>a</ i> <i >b</i >\n"),
        case("styles of MicroDVD", "1\n00:00:01,000 --> 00:00:02,000\n{y:i}a {C:$0000ff}b\n"),
        case("addresses", "1\n00:00:01,000 --> 00:00:02,000\n<a href=\"x\">a</a><img src=x>b\n"),
        case("lines of tags", "1\n00:00:01,000 --> 00:00:02,000\na<br>b<br/>c<br />d\n"),
        case("tags of pages", "1\n00:00:01,000 --> 00:00:02,000\n<span>a</span> <p>b</p> <em>c</em>\n"),
        case("no tags", "1\n00:00:01,000 --> 00:00:02,000\n1 < 2 > 1, a <3 b, <- c ->\n"),
        case("odd tags that are closed", "1\n00:00:01,000 --> 00:00:02,000\n<odd par=5>a</odd> b\n"),
        other(
            "words in brackets",
            "1\n00:00:01,000 --> 00:00:02,000\n<laughs> Ha!\n",
            "FFmpeg hides every such word; nobody means it to be hidden",
            &[(1000, 2000, "<laughs> Ha!")],
        ),
        other(
            "entities",
            "1\n00:00:01,000 --> 00:00:02,000\nA &amp; B &lt;c&gt;&nbsp;d\n",
            "FFmpeg shows them as they are; they come from WebVTT, and nobody means to show them",
            &[(1000, 2000, "A & B <c> d")],
        ),
        other(
            "entities by number",
            "1\n00:00:01,000 --> 00:00:02,000\n&#39;a&#x27; &apos; &hellip; &eacute;&yuml; &euro; &#146; &#128512; &#xd800; &none; & &;\n",
            "as before",
            &[(1000, 2000, "'a' ' … éÿ € ’ 😀 &#xd800; &none; & &;")],
        ),
        other("a tab", "1\n00:00:01,000 --> 00:00:02,000\na\tb\n", "a space is as wide", &[(1000, 2000, "a b")]),
        case("a place", "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}above\n"),
        case("overrides", "1\n00:00:01,000 --> 00:00:02,000\n{\\i1}a{\\i0} {\\b1\\c&H0000FF&}b{\\r}\n"),
        case("a line of ASS", "1\n00:00:01,000 --> 00:00:02,000\na\\Nb\\hc\n"),
        case("coordinates", "1\n00:00:01,000 --> 00:00:02,000 X1:100 X2:200 Y1:10 Y2:20\nOne\n"),
        case("equal times", "1\n00:00:01,000 --> 00:00:01,000\nnever\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n"),
        other(
            "backwards",
            "1\n00:00:02,000 --> 00:00:01,000\nnever\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n",
            "FFmpeg shows it until the next one, and the last one for hours; one of its times is wrong, and nobody knows which",
            &[(3000, 4000, "Two")],
        ),
        case("no text", "1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n"),
        case("a number as text", "1\n00:00:01,000 --> 00:00:02,000\n7\n\n2\n00:00:03,000 --> 00:00:04,000\n8\n"),
        case(
            "a blank line within",
            "1\n00:00:01,000 --> 00:00:02,000\nOne\n\nstill\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n",
        ),
        case(
            "many blank lines",
            "\n\n1\n\n00:00:01,000 --> 00:00:02,000\nOne\n\n\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo",
        ),
        case(
            "spaces about",
            "  1  \n  00:00:01,000  -->  00:00:02,000  \n  One  \n\n 2 \n00:00:03,000 --> 00:00:04,000 \nTwo\n",
        ),
        case("hours", "1\n09:00:01,000 --> 9:00:02,000\nOne\n"),
        case("an arrow as text", "1\n00:00:01,000 --> 00:00:02,000\nA --> B\n"),
        case("words first", "A title\n\n1\n00:00:01,000 --> 00:00:02,000\nOne\n"),
        case("numbers that repeat", "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n1\n00:00:03,000 --> 00:00:04,000\nTwo\n"),
    ];
    compare("srt", &cases);
}

#[test]
fn webvtt() {
    let cue = "00:01.000 --> 00:02.000";
    let case = |name: &'static str, text: String| (name, text.into_bytes(), Same);
    let other = |name: &'static str, text: String, why, wanted| (name, text.into_bytes(), Else(why, wanted));
    let plain = format!("WEBVTT\n\n{cue}\nOne\ntwo\n\n01:00:03.000 --> 01:00:04.000\nGrüße\n");
    let cases = [
        case("plain", plain.clone()),
        case("a title", plain.replace("WEBVTT", "WEBVTT - A title\nKind: captions\nLanguage: en")),
        case("a map", plain.replace("WEBVTT", "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0")),
        case("a mark", format!("\u{feff}{plain}")),
        case("CRLF", plain.replace('\n', "\r\n")),
        other(
            "CR",
            plain.replace('\n', "\r"),
            "FFmpeg loses the first one",
            &[(1000, 2000, "One\ntwo"), (3_603_000, 3_604_000, "Grüße")],
        ),
        case("names", format!("WEBVTT\n\n1\n{cue}\nOne\n\na name\n00:03.000 --> 00:04.000\nTwo\n")),
        case("a note", format!("WEBVTT\n\nNOTE a word\n\nNOTE\nlines\nof it\n\n{cue}\nOne\n")),
        other(
            "a style",
            format!("WEBVTT\n\nSTYLE\n::cue {{\n  color: red\n}}\n\n{cue}\nOne\n"),
            "FFmpeg 5.1 reads nothing of such a file",
            &[(1000, 2000, "One")],
        ),
        other(
            "a region",
            format!("WEBVTT\n\nREGION\nid:fred\nwidth:40%\n\n{cue} region:fred\nOne\n"),
            "FFmpeg 5.1 reads nothing of such a file",
            &[(1000, 2000, "One")],
        ),
        case("settings", format!("WEBVTT\n\n{cue} line:0 position:20% size:60% align:start vertical:rl\nOne\n")),
        case("voices", format!("WEBVTT\n\n{cue}\n<v Eve>Hi</v> <v.loud Bob>there\n")),
        case("classes", format!("WEBVTT\n\n{cue}\n<c.yellow.bg>a</c> <i.x>b</i> <lang en>c</lang> <b>d\n")),
        case("times", format!("WEBVTT\n\n{cue}\none <00:01.500>two <00:01.700><c>three</c>\n")),
        case("rubies", format!("WEBVTT\n\n{cue}\n<ruby>a<rt>b</rt></ruby>\n")),
        case("entities", format!("WEBVTT\n\n{cue}\nA &amp; B &lt;c&gt; d&nbsp;e\n")),
        case("overlapping", "WEBVTT\n\n00:01.000 --> 00:05.000\nOne\n\n00:02.000 --> 00:04.000\nTwo\n".into()),
        case("equal times", "WEBVTT\n\n00:01.000 --> 00:01.000\nnever\n\n00:02.000 --> 00:04.000\nTwo\n".into()),
        other(
            "backwards",
            "WEBVTT\n\n00:03.000 --> 00:01.000\nnever\n\n00:02.000 --> 00:04.000\nTwo\n".into(),
            "FFmpeg shows it for hours; no browser shows it",
            &[(2000, 4000, "Two")],
        ),
        case("no spaces", "WEBVTT\n\n00:01.000-->00:02.000\nOne\n".into()),
        case("tabs", "WEBVTT\n\n00:01.000\t-->\t00:02.000\nOne\n".into()),
        other(
            "no blank line",
            format!("WEBVTT\n\n{cue}\nOne\n00:03.000 --> 00:04.000\nTwo\n"),
            "FFmpeg shows the second one's times as text; the standard ends a cue where an arrow is",
            &[(1000, 2000, "One"), (3000, 4000, "Two")],
        ),
        other(
            "no blank line behind the head",
            format!("WEBVTT\n{cue}\nOne\n"),
            "FFmpeg passes it over; the standard reads it",
            &[(1000, 2000, "One")],
        ),
        case(
            "captions that roll",
            "WEBVTT\nKind: captions\n\n00:01.000 --> 00:02.000 align:start position:0%\n \none<00:01.500><c> two</c>\n\n\
             00:02.000 --> 00:02.010 align:start position:0%\none two\n \n\n00:02.010 --> 00:03.000\none two\nthree\n"
                .into(),
        ),
        case("a line of spaces", format!("WEBVTT\n\n{cue}\na\n \nb\n")),
        case("braces", format!("WEBVTT\n\n{cue}\na {{b}} c\n")),
        case("no end of the line", format!("WEBVTT\n\n{cue}\nOne")),
        case("hours", "WEBVTT\n\n09:00:01.000 --> 9:00:02.000\nOne\n".into()),
        case("no text", format!("WEBVTT\n\n{cue}\n\n00:03.000 --> 00:04.000\nTwo\n")),
    ];
    compare("webvtt", &cases);
}
