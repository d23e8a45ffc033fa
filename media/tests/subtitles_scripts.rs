//! Scripts of ASS and SSA beside FFmpeg: the same words at the same time. Where FFmpeg shows something else and ours is meant, the case
//! says why, and what is to be seen.

#[path = "support/mod.rs"]
mod support;

mod words;

use words::{Else, Same, compare, utf16};

#[test]
fn scripts() {
    let head = "[Script Info]\nScriptType: v4.00+\nPlayResX: 640\nPlayResY: 360\n\n[V4+ Styles]\n\
        Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment, MarginL, MarginR, MarginV\n\
        Style: Default,Arial,20,&H00FFFFFF,0,0,2,10,10,10\n\n[Events]\n\
        Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n";
    let said = |text: &str| format!("Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{text}\n");
    let with = |events: &str| format!("{head}{events}").into_bytes();
    let case = |name: &'static str, events: &str| (name, with(events), Same);
    let text = |name: &'static str, text: &str| (name, with(&said(text)), Same);
    let other = |name: &'static str, text: &str, why, wanted| (name, with(&said(text)), Else(why, wanted));
    let drawing = "a drawing's letters are its coordinates, which nobody reads";
    let cases = [
        text("plain", "One, two"),
        text("lines", "a\\Nb\\nc\\hd"),
        text("overrides", "{\\i1}a{\\i0}b {\\fs20\\c&HFF&\\3c&H0&}c{\\r}d"),
        text("a place", "{\\an8\\pos(320,20)}above"),
        text("a comment", "a{not seen}b"),
        text("fading", "{\\fad(200,300)}a {\\fade(255,0,255,0,100,900,1000)}b"),
        other(
            "letters out of sight",
            "{\\alpha&HFF&}never{\\alpha&H00&}a {\\alpha&HFF&\\t(0,500,\\alpha&H00&)}b",
            "FFmpeg copies what is hidden; what comes into sight is read, what never does is not",
            &[(1000, 2000, "a b")],
        ),
        text("moving", "{\\move(0,0,100,100,0,500)}a"),
        text("changing", "{\\t(0,500,\\fs40\\c&H0000FF&)}a"),
        text("karaoke", "{\\k50}one {\\kf30}two {\\ko20}three {\\K10}four"),
        text("clipping", "{\\clip(0,0,100,100)\\iclip(1,m 0 0 l 10 10)}a"),
        text("turning", "{\\frx30\\fry20\\frz10\\fax0.2\\be1\\blur2\\bord3\\shad1\\fscx120\\fsp2\\fnArial\\q2}a"),
        other("a drawing", "{\\p1}m 0 0 l 100 0 100 100{\\p0}a", drawing, &[(1000, 2000, "a")]),
        other("a drawing alone", "{\\p4}m 0 0 l 100 0 100 100", drawing, &[]),
        other("a drawing behind words", "a{\\an7\\p1}m 0 0 l 1 1", drawing, &[(1000, 2000, "a")]),
        other("an open brace", "a {b", "FFmpeg copies it, and libass shows what no brace ends", &[(1000, 2000, "a {b")]),
        text("a closed brace", "a }b"),
        text("braces that are meant", "a \\{b\\} {\\i1}c"),
        text("backslashes", "a\\b \\x c\\"),
        case("layers", &(said("a").replace("Dialogue: 0", "Dialogue: 5") + &said("b"))),
        case("a comment's line", &(said("a").replace("Dialogue", "Comment") + &said("b"))),
        case("no length", &(said("never").replace("0:00:02.00", "0:00:01.00") + &said("b"))),
        case("backwards", &(said("never").replace("0:00:02.00", "0:00:00.50") + &said("b"))),
        case("hours", &said("a").replace("0:00:", "9:00:")),
        case("out of order", &(said("b").replace("0:00:0", "0:01:0") + &said("a"))),
        case("no style of that name", &said("a").replace("Default", "Other")),
        case("a star", &said("a").replace("Default", "*Default")),
        case("spaces", &said("  a  ").replace("Dialogue: 0", "Dialogue:  0")),
        (
            "another order",
            format!("{}Format: Start, Text, End\nDialogue: 0:00:01.00,a,0:00:02.00\n", head.rsplit_once("Format:").unwrap().0).into_bytes(),
            Else("the standard has the text last, and so has FFmpeg's writer; the line says where it is", &[(1000, 2000, "a")]),
        ),
        (
            "the end first",
            format!(
                "{}Format: Style, End, Start, Layer, Text\nDialogue: Default,0:00:02.00,0:00:01.00,0,a, b\n",
                head.rsplit_once("Format:").unwrap().0
            )
            .into_bytes(),
            Else("FFmpeg takes the usual order for granted; the line says which it is", &[(1000, 2000, "a, b")]),
        ),
        (
            "no order told",
            format!("{}{}", head.rsplit_once("Format:").unwrap().0, said("a, b")).into_bytes(),
            Same,
        ),
        ("CRLF", format!("{head}{}", said("a\\Nb")).replace('\n', "\r\n").into_bytes(), Same),
        ("a mark", format!("\u{feff}{head}{}", said("Grüße")).into_bytes(), Same),
        ("UTF-16 LE", utf16(&format!("{head}{}", said("Grüße")), false), Same),
        (
            "SSA",
            "[Script Info]\nScriptType: v4.00\n\n[V4 Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, \
             TertiaryColour, BackColour, Bold, Italic, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, AlphaLevel, \
             Encoding\nStyle: Default,Arial,20,16777215,255,0,0,0,0,1,1,1,2,10,10,10,0,0\n\n[Events]\n\
             Format: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
             Dialogue: Marked=0,0:00:01.00,0:00:02.00,Default,,0000,0000,0000,,One, two\n"
                .into(),
            Same,
        ),
    ];
    compare("ass", &cases);
}
