use super::*;

const TEXT: &str = r##"<?xml version="1.0"?>
<tt:tt xmlns:tt="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling" ttp:frameRate="25" ttp:tickRate="1000">
 <tt:head><tt:metadata><ttm:title>no words</ttm:title></tt:metadata>
  <tt:styling><tt:style xml:id="base" tts:color="#ffff00ff"/><tt:style xml:id="loud" style="base" tts:fontWeight="bold"/></tt:styling>
  <tt:layout><tt:region xml:id="low" tts:origin="10% 70%" tts:extent="80% 20%" tts:displayAlign="after"><tt:style tts:textAlign="center"/></tt:region>
   <tt:region xml:id="high" tts:origin="10% 5%" tts:extent="50% 20%"/></tt:layout></tt:head>
 <tt:body begin="10s"><tt:div region="low">
  <tt:p begin="00:00:01.500" end="00:00:02:05">One  &amp;
     <tt:span style="loud">two</tt:span><tt:br/>  three</tt:p>
  <tt:p begin="3000t" dur="500ms" region="high" tts:textAlign="end"><tt:span tts:backgroundColor="#000000c0" tts:fontStyle="italic">up</tt:span></tt:p>
  <tt:p begin="1m" end="1.1m">a<tt:span begin="2s">b</tt:span></tt:p>
 </tt:div><tt:div timeContainer="seq"><tt:p dur="50f">first</tt:p><tt:p dur="1s" tts:visibility="hidden">x</tt:p><tt:p dur="0.0005h">next</tt:p></tt:div></tt:body>
</tt:tt>"##;

#[test]
fn paragraphs_are_cues_with_times_places_and_looks() {
    assert!(begins(TEXT) && begins("\u{feff}<!-- x -->\n<tt>") && !begins("<html><tt>") && !begins("x"));
    let cues = parse(TEXT);
    let found: Vec<_> =
        cues.iter().map(|cue| (cue.start_ns / 1_000_000, cue.end_ns / 1_000_000, cue.words())).collect();
    let row = |from, to, words: &str| (from, to, words.to_owned());
    assert_eq!(
        found,
        [
            row(11_500, 12_200, "One & two\nthree"),
            row(13_000, 13_500, "up"),
            row(70_000, 72_000, "a"),
            row(72_000, 76_000, "ab"),
            row(10_000, 12_000, "first"),
            row(13_000, 14_800, "next"),
        ]
    );
    let text = |at: usize| match &cues[at].body {
        Body::Text { spans, place } => (spans, place),
        _ => panic!("text"),
    };
    let (spans, place) = text(0);
    assert_eq!((spans[1].text.as_str(), spans[1].look.bold, spans[1].look.color), ("two", true, Some(0xffff_ff00)));
    assert!(place.align == 2 && (place.margin.unwrap() - 0.1).abs() < 1e-4 && (place.sides.0 - 0.1).abs() < 1e-4);
    let (spans, place) = text(1);
    assert_eq!((spans[0].look.edge, spans[0].look.italic, place.backdrop), (Some(0xc000_0000), true, Backdrop::Lines));
    assert!(place.align == 9 && (place.margin.unwrap() - 0.05).abs() < 1e-4 && (place.sides.1 - 0.4).abs() < 1e-4);
    assert_eq!((text(4).1.align, text(4).1.margin), (2, None));
}

#[test]
fn documents_of_any_kind_end() {
    for len in 0..TEXT.len() {
        parse(&TEXT[..len]);
    }
    let deep = "<tt><body>".to_owned() + &"<div begin='1s'>".repeat(10_000) + "<p begin='1s' end='2s'>x</p>";
    parse(&deep);
    let named =
        "<tt><style xml:id='a' style='b a'/><style xml:id='b' style='a'/><p style='a' begin='1s' end='2s'>x</p></tt>";
    assert_eq!(parse(named).len(), 1);
    let spans = "<span begin='1s' end='2s'>x</span>".repeat(10_000);
    assert!(parse(&format!("<tt><p begin='0s' end='9e9s'>{spans}</p></tt>")).len() <= 2 * PIECES);
    for time in ["", ":", "::", "1", "1x", "9e99s", "-1s", "99999999999999999999h", "1:2:3:4:5", "0:0:0:0", "é"] {
        let _ = Document::default().time_ns(time);
    }
}

#[test]
fn a_packet_of_mp4_counts_from_the_tracks_beginning_or_its_own() {
    let text = "<tt><body><p begin='5s' end='7s'>x</p></body></tt>";
    let times = |cues: Vec<Cue>| cues.iter().map(|cue| (cue.start_ns / NS, cue.end_ns / NS)).collect::<Vec<_>>();
    assert_eq!(times(packet(4 * NS, 6 * NS, 0, text)), [(5, 6)]);
    assert_eq!(times(packet(NS, 6 * NS, 2 * NS, text)), [(3, 5)]);
    assert_eq!(times(packet(20 * NS, 30 * NS, 0, text)), [(25, 27)]);
    assert_eq!(times(packet(4 * NS, 6 * NS, 0, "<tt><p>x</p></tt>")), [(4, 6)]);
}
