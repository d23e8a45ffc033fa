//! `docs/layout.md` and `include/tricine.h` say what the code says: each table and each constant in them is made here from the
//! types themselves. `TRICINE_BLESS=1` writes them anew.

use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::Path;

use tricine_channel::channel::Mode;
use tricine_channel::channel::layout::{
    LAYOUT_HASH, MAGIC, MAX_CAPACITY, META_WORDS, PAGE, PAYLOAD_OFFSET, Slot, VERSION, Words,
};
use tricine_channel::channel::ownership::{MailWord, SLOTS};
use tricine_channel::meta::{Len, Meta, Summed, checksum};
use tricine_channel::register::{REGISTER_WORDS, Register};
use tricine_session::clock::{Clock, MAX_SPEED, MIN_SPEED, PlayState, SubtitleState};
use tricine_session::control::pages::{self, Field};
use tricine_session::control::{Gaps, PAGES, Pulse, REGION_LEN, ReadOnly};
use tricine_session::frame::{ColorMatrix, ColorRange, Format, FrameMeta, Rotation};
use tricine_session::frame::{MAX_CHANNELS, MAX_SAMPLE_RATE, MAX_SIDE};
use tricine_session::metrics::{BUCKETS, upper};

#[path = "layout/words.rs"]
mod words;

use words::*;

fn plain() -> FrameMeta {
    FrameMeta { width: 1, height: 1, ..FrameMeta::i420(1, 1) }
}

/// The table of a list of words.
fn table(rows: &[Row]) -> String {
    let mut out = String::from("| offset | name | what it says |\n|---|---|---|\n");
    for (offset, name, what) in rows {
        writeln!(out, "| {offset:#06x} | `{name}` | {what} |").unwrap();
    }
    out
}

fn fields(from: usize, fields: &[Field]) -> String {
    let mut out = String::from("| offset | name | made of | what it says |\n|---|---|---|---|\n");
    for field in fields {
        let (at, what) = (from + field.offset, field.what.trim().replace('|', "\\|"));
        // Who may store it is the page's.
        let kind = match field.kind.replace("<A>", "").as_str() {
            "AtomicU64" => "Counter".into(),
            "[[Counter; 2]; 128]" => "128 × 2 Counters".into(),
            kind => kind.to_owned(),
        };
        writeln!(out, "| {at:#06x} | `{}` | {kind} | {what} |", field.name).unwrap();
    }
    out
}

fn facts() -> String {
    let mut out = String::from("| what | value |\n|---|---|\n");
    let rows: [(&str, String); 8] = [
        ("`magic`", format!("{MAGIC:#018x}")),
        ("`version`", VERSION.to_string()),
        ("`layout_hash`", format!("{LAYOUT_HASH:#018x}")),
        ("slots", SLOTS.to_string()),
        ("words of meta", META_WORDS.to_string()),
        ("bytes of a page", PAGE.to_string()),
        ("where the payload of slot 0 starts", format!("{PAYLOAD_OFFSET:#06x}")),
        ("the largest `capacity`", MAX_CAPACITY.to_string()),
    ];
    for (what, value) in rows {
        writeln!(out, "| {what} | {value} |").unwrap();
    }
    out
}

fn slots() -> String {
    let mut out = String::from("| slot | `seq` | meta | payload |\n|---|---|---|---|\n");
    for i in 0..SLOTS {
        let slot = offset_of!(Words, producer.slots) + i * size_of::<Slot>();
        let (seq, meta) = (slot + offset_of!(Slot, seq), slot + offset_of!(Slot, meta));
        writeln!(
            out,
            "| {i} | {seq:#06x} | {meta:#06x} to {:#06x} | {PAYLOAD_OFFSET:#06x} + {i} × `stride` |",
            meta + 8 * META_WORDS - 1
        )
        .unwrap();
    }
    out
}

fn mail() -> String {
    let mut out = String::from("| bits | name | what it says |\n|---|---|---|\n");
    let raw = |seq, dirty, front, middle, back| MailWord { seq, dirty, front, middle, back }.encode();
    let bits = |mask: u64| match (mask.trailing_zeros(), 63 - mask.leading_zeros()) {
        (one, same) if one == same => one.to_string(),
        (low, high) => format!("{low} to {high}"),
    };
    for (mask, name, what) in [
        (raw(0, false, 0, 0, 3), "back", "the producer's slot"),
        (raw(0, false, 0, 3, 0), "middle", "the slot between the two sides"),
        (raw(0, false, 3, 0, 0), "front", "the consumer's slot"),
        (raw(0, true, 0, 0, 0), "dirty", "1: `middle` holds a frame that the consumer has not taken"),
        (raw(u64::MAX >> 8, false, 0, 0, 0), "seq", "how many frames were published: the latest is `seq` − 1"),
    ] {
        writeln!(out, "| {} | `{name}` | {what} |", bits(mask)).unwrap();
    }
    writeln!(out, "\nBit 7 is 0. A new mailbox has {:#x}.", MailWord::EMPTY.encode()).unwrap();
    out
}

fn meta() -> String {
    let mut out = String::from("| word | half | name | what it says |\n|---|---|---|---|\n");
    for (word, half, name, what, _) in META {
        let half = ["all", "lower", "upper"][usize::from(*half)];
        writeln!(out, "| {word} | {half} | `{name}` | {what} |").unwrap();
    }
    out.push_str("\n| name | value | meaning |\n|---|---|---|\n");
    for (name, members) in &ENUMERATIONS[1..] {
        for (member, value, what) in *members {
            writeln!(out, "| `{name}` | {value} {member} | {what} |").unwrap();
        }
    }
    writeln!(out, "\nBounds: sides of a picture 1 to {MAX_SIDE}; channels of sound 1 to {MAX_CHANNELS}; sample rate 1 to {MAX_SAMPLE_RATE}.").unwrap();
    out
}

fn kinds() -> String {
    let mut out = String::from("| `kind` | what the meta means |\n|---|---|\n");
    for (name, value, what) in KINDS {
        writeln!(out, "| {value:#x} {name} | {what} |").unwrap();
    }
    out
}

/// Payloads with their checksums: byte i of a payload is i mod 251.
fn vectors() -> String {
    let mut out = String::from("| bytes | checksum |\n|---|---|\n");
    for len in [0usize, 7, 8, 2048, 2050, 5000, 86400] {
        let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        writeln!(out, "| {len} | {:#018x} |", checksum(&payload[..])).unwrap();
    }
    out
}

fn control() -> String {
    let mut out = format!(
        "The region has {REGION_LEN} bytes. `magic` is {:#018x}, `version` {}.\n",
        pages::MAGIC,
        pages::VERSION
    );
    for &(owner, from, page) in PAGES {
        write!(out, "\n**Written by the {owner}:**\n\n{}", fields(from, page)).unwrap();
    }
    for (name, part) in [("Pulse", Pulse::<ReadOnly>::FIELDS), ("Gaps", Gaps::<ReadOnly>::FIELDS)] {
        write!(out, "\n**{name}**, offsets within it:\n\n{}", fields(0, part)).unwrap();
    }
    writeln!(
        out,
        "\n**Register**: its version at 0, and two copies of a value of {REGISTER_WORDS} words, at {:#x} and {:#x}.\n",
        Register::COPIES_OFFSET,
        Register::COPIES_OFFSET + 8 * REGISTER_WORDS
    )
    .unwrap();
    let ends: Vec<_> = [0, 31, 32, 63, 64, 95, 96, BUCKETS - 1].iter().map(|&i| format!("{i}: {}", upper(i))).collect();
    writeln!(
        out,
        "**Histogram**: the largest value at 0, then {BUCKETS} counts. The largest value of some buckets: {}.",
        ends.join(", ")
    )
    .unwrap();
    out
}

fn state() -> String {
    format!(
        "The speed lies between {MIN_SPEED} and {MAX_SPEED}; the rate of a clock between 0 and {MAX_SPEED}. No end is {:#x}.\n",
        PlayState::IDLE.encode()[4]
    )
}

/// What `include/tricine.h` has as constants.
fn header() -> String {
    let mut out = String::new();
    let mut define = |name: &str, value: String| writeln!(out, "#define TRICINE_{name} {value}").unwrap();
    define("MAGIC", format!("UINT64_C({MAGIC:#018x})"));
    define("VERSION", VERSION.to_string());
    define("LAYOUT_HASH", format!("UINT64_C({LAYOUT_HASH:#018x})"));
    define("SLOTS", SLOTS.to_string());
    define("META_WORDS", META_WORDS.to_string());
    define("SLOT_BYTES", size_of::<Slot>().to_string());
    define("SLOT_META", format!("{:#x}", offset_of!(Slot, meta)));
    define("PAYLOAD", format!("{PAYLOAD_OFFSET:#x}"));
    define("MAX_CAPACITY", MAX_CAPACITY.to_string());
    for (offset, name, _) in [HEADER, PRODUCER, CONSUMER, BOTH].concat() {
        define(&format!("AT_{}", name.to_uppercase()), format!("{offset:#06x}"));
    }
    for (name, value, _) in KINDS {
        define(&format!("KIND_{name}"), format!("UINT64_C({value:#x})"));
    }
    for (name, members) in ENUMERATIONS {
        for (member, value, _) in *members {
            define(&format!("{}_{member}", name.to_uppercase()), value.to_string());
        }
    }
    out
}

/// Compares each block of a file, or with `TRICINE_BLESS=1` writes it. A block starts behind a line with `generated: NAME` and
/// goes to the next line with `generated end`.
fn check(path: &str, blocks: &[(&str, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let old = std::fs::read_to_string(&path).unwrap();
    let (mut new, mut within, mut seen) = (String::new(), false, 0);
    for line in old.lines() {
        within &= !line.contains("generated end");
        if !within {
            new.push_str(line);
            new.push('\n');
        }
        if let Some((_, rest)) = line.split_once("generated: ") {
            let name = rest.split_whitespace().next().unwrap();
            let (_, block) = blocks.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no block {name}"));
            let blank = if line.starts_with("<!--") { "\n" } else { "" };
            write!(new, "{blank}{}\n{blank}", block.trim_end()).unwrap();
            (within, seen) = (true, seen + 1);
        }
    }
    assert_eq!(seen, blocks.len(), "{} leaves a block out", path.display());
    if std::env::var_os("TRICINE_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, new).unwrap();
    } else {
        let differs = old.lines().zip(new.lines()).find(|(old, new)| old != new);
        assert!(old == new, "{} is outdated, TRICINE_BLESS=1 rewrites it: {differs:?}", path.display());
    }
}

#[test]
fn the_page_says_what_the_code_says() {
    let blocks = [
        ("facts", facts()),
        ("header", table(HEADER)),
        ("producer", table(PRODUCER)),
        ("slots", slots()),
        ("consumer", table(CONSUMER)),
        ("both", table(BOTH)),
        ("mail", mail()),
        ("kinds", kinds()),
        ("meta", meta()),
        ("checksums", vectors()),
        ("control", control()),
        ("state", state()),
    ];
    check("docs/layout.md", &blocks);
}

#[test]
fn the_c_header_says_what_the_code_says() {
    check("include/tricine.h", &[("constants", header())]);
}

#[test]
fn each_word_of_the_meta_lies_where_the_page_says() {
    for (word, half, name, _, change) in META {
        let mut meta = plain();
        change(&mut meta);
        let differ: Vec<u64> = meta.encode().iter().zip(plain().encode()).map(|(a, b)| a ^ b).collect();
        let bits = [u64::MAX, u64::from(u32::MAX), !u64::from(u32::MAX)][usize::from(*half)];
        for (i, differ) in differ.into_iter().enumerate() {
            assert_eq!(differ & bits != 0, i == *word, "{name} in word {i}");
            assert_eq!(differ & !bits, 0, "{name} in word {i}");
        }
    }
}

#[test]
fn no_word_of_a_header_is_left_out() {
    for (one, next) in HEADER.iter().zip(&HEADER[1..]) {
        assert_eq!(next.0 - one.0, if one.1 == "notes" { 16 } else { 8 }, "behind {}", one.1);
    }
}

#[test]
fn no_word_of_the_control_region_is_left_out() {
    for &(owner, _, page) in PAGES {
        let mut end = 0;
        for field in page {
            // Only a register is aligned to more than its words.
            assert!(
                field.offset == end || field.kind == "Register" && field.offset - end < 128,
                "{owner}: {}",
                field.name
            );
            end = field.offset + field.size;
        }
    }
}

#[test]
fn registers_hold_what_the_page_says() {
    let clock = Clock { serial: 2, pts_ns: 3, at_ns: 4, rate: 0.5 };
    assert_eq!(clock.encode(), [2, 3, 4, 0.5f64.to_bits(), 0, 0]);
    let state = PlayState { serial: 5, target_ns: 6, speed: 2.0, end_ns: Some(7), ..PlayState::IDLE };
    assert_eq!(state.encode(), [5, 6, 0, 2f64.to_bits(), 7, 1]);
    let subtitles = SubtitleState { serial: 3, track: 2, hidden: true, delay_ms: -100 };
    let words = PlayState { subtitles, ..PlayState::IDLE }.encode();
    assert_eq!((words[2], words[5]), (1 << 5 | 2 << 32, 3 | u64::from(-100_i32 as u32) << 32));
    assert_eq!(PlayState::decode(words).map(|state| state.subtitles), Some(subtitles));
    let flags = PlayState { paused: true, looping: true, osd: 1, volume: 80, ..PlayState::IDLE };
    assert_eq!(flags.encode()[2], 1 | 1 << 2 | 1 << 8 | 80 << 16);
    let flags = PlayState { muted: true, audible: true, fullscreen: true, ..PlayState::IDLE };
    assert_eq!(flags.encode()[2], 1 << 1 | 1 << 3 | 1 << 4);
    let follows = PlayState { follows: true, ..PlayState::IDLE }.encode();
    assert_eq!((follows[2], PlayState::decode(follows).map(|state| state.follows)), (1 << 6, Some(true)));
}
