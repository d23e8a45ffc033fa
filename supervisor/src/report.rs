//! The report of a session, `tricine.play/1`. Every figure is measured; what could not be is null.

use serde_json::{Value, json};
use tricine_channel::sys::process::Usage;
use tricine_session::channel::Mode;
use tricine_session::control::{ControlRegion, ReadOnly};
use tricine_session::link::Opened;
use tricine_session::metrics::Histogram;
use tricine_session::name::Name;

use crate::session::pace::Pace;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// To the end.
    Played,
    /// The user left.
    Quit,
    /// By this signal.
    Signal(i32),
    /// Something could not be played.
    Failed,
    /// A role crashed too often.
    GaveUp,
}

/// One crash that was recovered.
#[derive(Debug, Clone)]
pub(crate) struct Restart {
    /// Whose.
    pub(crate) role: &'static str,
    /// Signal or exit code.
    pub(crate) cause: String,
    /// When, in ns on CLOCK_MONOTONIC.
    pub(crate) at_ns: u64,
    /// How long nothing new was seen beyond a frame's own time, in ns; `None` if not measured.
    pub(crate) gap_ns: Option<u64>,
    /// The audio role's: how long nothing of the film was heard, in ns; `None` if not measured.
    pub(crate) audible_gap_ns: Option<u64>,
    /// Whether that is final.
    pub(crate) settled: bool,
}

/// A role over all its incarnations.
#[derive(Debug)]
pub(crate) struct RoleReport {
    /// Which.
    pub(crate) name: &'static str,
    /// Of the last incarnation; `None` if there was none.
    pub(crate) pid: Option<u32>,
    /// How often it was started again.
    pub(crate) restarts: u32,
    /// What they used together.
    pub(crate) usage: Usage,
    /// What kept the last one in; `None` if nothing did.
    pub(crate) walls: Option<String>,
}

/// What a report is made of.
#[derive(Debug)]
pub(crate) struct Played<'a> {
    /// As the user named it; `None` if none could be opened.
    pub(crate) input: Option<&'a Name>,
    /// How it ended.
    pub(crate) ended: Ended,
    /// What the input holds.
    pub(crate) opened: Option<&'a Opened>,
    /// Of the video channel.
    pub(crate) mode: Mode,
    /// Where the sound went.
    pub(crate) sink: Option<&'a str>,
    /// Where the pictures went.
    pub(crate) display: Option<&'a str>,
    /// Counters and histograms.
    pub(crate) control: &'a ControlRegion,
    /// When the program began, in ns.
    pub(crate) started_ns: u64,
    /// Now, in ns.
    pub(crate) now_ns: u64,
    /// Decoder, audio, renderer.
    pub(crate) roles: &'a [RoleReport],
    /// The crashes.
    pub(crate) restarts: &'a [Restart],
    /// Regions that could not be trusted any more, and had a new one made in their place.
    pub(crate) regions_replaced: u64,
}

fn ms(ns: Option<u64>) -> Value {
    ns.map_or(Value::Null, |ns| json!(ns as f64 / 1e6))
}

fn since(at_ns: u64, start_ns: u64) -> Value {
    ms((at_ns > start_ns).then(|| at_ns - start_ns))
}

fn usage(pid: Option<u32>, restarts: u32, usage: &Usage) -> Value {
    json!({
        "pid": pid,
        "restarts": restarts,
        "cpu_s": usage.cpu_s,
        "max_rss_kib": usage.max_rss_kib,
        "voluntary_switches": usage.voluntary_switches,
        "involuntary_switches": usage.involuntary_switches,
    })
}

/// The report of a session that has ended.
pub(crate) fn play(played: &Played<'_>) -> Value {
    let (decoder, audio, renderer) = (played.control.decoder(), played.control.audio(), played.control.renderer());
    let quantile = |h: &Histogram<ReadOnly>, q| ms(h.quantile(q));
    let cost = Pace::read(decoder, 0).cost();
    let video = played.opened.and_then(|o| o.video.as_ref()).map(|v| {
        json!({
            "codec": v.codec,
            "width": v.width,
            "height": v.height,
            "rate": v.rate,
            "decoded": decoder.video_decoded.get(),
            "published": decoder.video_published.get(),
            "received": renderer.received.get(),
            "presented": renderer.presented.get(),
            "dropped": renderer.dropped.get(),
            "skipped": renderer.skipped.get(),
            "repeated": renderer.repeated.get(),
            "torn": renderer.torn.get(),
            "lost": renderer.lost.get(),
            "overwrote": (played.mode == Mode::Mailbox).then(|| decoder.overwrote.get()),
            "damaged": decoder.video_damaged.get(),
            "decode_ms": ms(cost.map(|cost| cost.decoding_ns)),
            "write_ms": ms(cost.map(|cost| cost.writing_ns)),
            "display": played.display,
        })
    });
    let sound = played.opened.and_then(|o| o.audio.as_ref()).filter(|_| played.sink.is_some()).map(|a| {
        json!({
            "codec": a.codec,
            "sample_rate": a.sample_rate,
            "channels": a.channels,
            "blocks_published": decoder.audio_published.get(),
            "blocks_received": audio.received.get(),
            "samples_played": audio.samples_played.get(),
            "damaged": decoder.audio_damaged.get(),
            "underruns": audio.underruns.get(),
            "torn": audio.torn.get(),
            "lost": audio.lost.get(),
            "sink": played.sink,
        })
    });
    let status = match played.ended {
        Ended::Played => "ended",
        Ended::Quit => "quit",
        Ended::Signal(_) => "signal",
        Ended::Failed => "failed",
        Ended::GaveUp => "gave_up",
    };
    let mut roles = serde_json::Map::new();
    for role in played.roles.iter().filter(|r| r.pid.is_some()) {
        let mut figures = usage(role.pid, role.restarts, &role.usage);
        figures["sandbox"] = json!(role.walls);
        roles.insert(role.name.into(), figures);
    }
    roles.insert("supervisor".into(), usage(Some(std::process::id()), 0, &Usage::of_self()));
    let handoff = &renderer.handoff_ns;
    json!({
        "schema": "tricine.play/1",
        "version": env!("CARGO_PKG_VERSION"),
        "input": played.input,
        "status": status,
        "duration_s": played.opened.and_then(|o| o.duration_ns).map(|ns| ns as f64 / 1e9),
        "wall_s": (played.now_ns - played.started_ns) as f64 / 1e9,
        "video": video,
        "audio": sound,
        "av_offset_ms": {
            "p50": quantile(&renderer.av_offset_ns, 0.5),
            "p95": quantile(&renderer.av_offset_ns, 0.95),
            "max": ms(renderer.av_offset_ns.max()),
        },
        "startup_ms": {
            "first_frame": since(renderer.first_frame_ns.get(), played.started_ns),
            "first_audio": since(audio.first_audio_ns.get(), played.started_ns),
        },
        "handoff_ns": {
            "p50": handoff.quantile(0.5),
            "p99": handoff.quantile(0.99),
            "p999": handoff.quantile(0.999),
            "max": handoff.max(),
        },
        "present_late_ms": {
            "p50": quantile(&renderer.present_late_ns, 0.5),
            "p99": quantile(&renderer.present_late_ns, 0.99),
            "max": ms(renderer.present_late_ns.max()),
        },
        "roles": roles,
        "regions_replaced": played.regions_replaced,
        "restarts": played.restarts.iter().map(|r| json!({
            "role": r.role,
            "cause": r.cause,
            "at_s": r.at_ns.saturating_sub(played.started_ns) as f64 / 1e9,
            "visible_gap_ms": ms(r.gap_ns),
            "audible_gap_ms": ms(r.audible_gap_ns),
        })).collect::<Vec<_>>(),
    })
}
