//! The decoder role: the only process that parses what somebody else wrote. It opens the input, decodes pictures and
//! sound a few frames ahead, and publishes both with back-pressure.
//!
//! Parsing and decoding are the crate `tricine-media`'s. Read [`stream`] for what pictures and sound have in common,
//! [`pipeline`] for the threads. This file steers them.

#![forbid(unsafe_code)]

pub mod pipeline;
mod queue;
pub mod stream;

pub use tricine_media::formats;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tricine_channel::time::Deadline;
use tricine_session::channel::{Kind, Mode, Producer, StreamRegion, resume};
use tricine_session::clock::PlayState;
use tricine_session::link::{AudioSummary, FromRole, InputSpec, Opened, ToRole, VideoSummary, Work};
use tricine_session::role::{BEAT, RoleContext};
use tricine_session::{Error, Result};

use pipeline::{Goal, Pipeline};
use stream::{BLOCK_CAPACITY, Pictures, Sound};
use tricine_media::{AudioInfo, Input, Media, MediaError, MediaFile, TrackKind, VideoInfo};

/// How long one call into a codec may take before the role stops its heartbeat and is taken for hung. Far beyond what a
/// seek over ten seconds of large pictures needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Works as the decoder until told to quit. The process's exit code: 0 when told to quit, 1 when the input cannot be
/// played (said in words before), anything else is a crash.
pub fn run(mut context: RoleContext) -> i32 {
    tricine_media::guard::install_hook();
    let input = context.input.take();
    match work(Arc::new(context), input) {
        Ok(code) => code,
        Err(Error::Disconnected) => 0,
        Err(error) => {
            tracing::error!("{error}");
            error.exit_code()
        }
    }
}

/// Opens an input, to begin at `begin_ns`. With the header of a stream that a predecessor began, goes on in the middle of it at frame `published`.
fn open(
    spec: &InputSpec,
    fd: Option<OwnedFd>,
    header: Option<&str>,
    published: u64,
    begin_ns: i64,
) -> std::result::Result<(Media, Option<String>), MediaError> {
    let file = |fd: Option<OwnedFd>| {
        fd.map(File::from).ok_or_else(|| MediaError::Broken("the supervisor handed no open file over".into()))
    };
    let input = match spec {
        InputSpec::File(name) => Input::File(MediaFile::new(file(fd)?, name.clone())?),
        InputSpec::Images(paths) => Input::Images(paths.clone()),
        InputSpec::Test(what) => Input::Test(what.clone()),
        InputSpec::Pipe => {
            let pipe = Arc::new(file(fd)?);
            return match header {
                Some(header) => {
                    Ok((tricine_media::source::y4m::resume_pipe(pipe, header, published)?, Some(header.to_owned())))
                }
                None => tricine_channel::sys::fds::await_writer(&pipe)
                    .map_err(MediaError::from)
                    .and_then(|()| tricine_media::source::y4m::open_pipe_with_header(pipe))
                    .map(|(media, header)| (media, Some(header))),
            };
        }
    };
    Ok((tricine_media::open_at(&input, begin_ns)?, None))
}

fn summary(video: Option<&VideoInfo>, audio: Option<&AudioInfo>, stream_header: Option<String>) -> Opened {
    let lengths = [video.and_then(|v| v.duration_ns), audio.and_then(|a| a.duration_ns)];
    Opened {
        video: video.map(|v| VideoSummary {
            codec: v.codec.clone(),
            width: v.format.width,
            height: v.format.height,
            rate: v.rate,
            frames: v.frames,
        }),
        audio: audio.map(|a| AudioSummary { codec: a.codec.clone(), sample_rate: a.sample_rate, channels: a.channels }),
        duration_ns: lengths.into_iter().flatten().max(),
        seekable: video.is_none_or(|v| v.seekable) && audio.is_none_or(|a| a.seekable),
        stream_header,
        missing: Vec::new(),
    }
}

/// What a predecessor left of a channel: its producer, taken up again.
fn take_up(context: &RoleContext, kind: Kind) -> Result<Option<Producer>> {
    let mut producer: Option<Producer> = None;
    for name in context.spec.channels.iter().filter(|name| name.kind == kind) {
        let next = StreamRegion::producer(name)?;
        // The predecessor may have died between getting a new channel and saying so in the old one. Saying it again is
        // harmless.
        if let Some(old) = producer.replace(next) {
            old.retire(name.generation);
        }
    }
    Ok(producer)
}

/// Where to begin: after what predecessors published in this serial, else at its target. `None`: nowhere, it is finished.
fn first_goal(producer: Option<&Producer>, state: &PlayState, skip_past_ns: Option<i64>) -> Result<Option<Goal>> {
    let start = Goal { serial: state.serial, target_ns: state.target_ns, published_ns: None, skip: false };
    let Some(producer) = producer else { return Ok(Some(start)) };
    let goal = match producer.last_published()?.filter(|last| last.serial == state.serial) {
        Some(_) if producer.finished() => return Ok(None),
        // Sound goes on with the sample after the last; of pictures, the last one itself is decoded again and left out.
        Some(last) if last.format == tricine_session::frame::Format::F32 => {
            Goal { target_ns: last.pts_ns.saturating_add(last.duration_ns), published_ns: Some(last.pts_ns), ..start }
        }
        Some(last) => Goal { target_ns: last.pts_ns, published_ns: Some(last.pts_ns), ..start },
        None => match resume(producer.channel()) {
            (serial, pts_ns) if serial == state.serial && producer.channel().name().generation > 0 => {
                Goal { target_ns: pts_ns, published_ns: Some(pts_ns.saturating_sub(1)), ..start }
            }
            _ => start,
        },
    };
    Ok(Some(match skip_past_ns {
        Some(past) => Goal { target_ns: past.max(goal.target_ns), skip: true, ..goal },
        None => goal,
    }))
}

fn work(context: Arc<RoleContext>, fd: Option<OwnedFd>) -> Result<i32> {
    let Work::Decoder { input, mode, want_video, want_audio, skip_past_ns, stream_header } = &context.spec.work else {
        return Err(Error::Disconnected);
    };
    let (video_producer, audio_producer) = (take_up(&context, Kind::Video)?, take_up(&context, Kind::Audio)?);
    let published = video_producer.as_ref().map_or(0, Producer::next_seq);
    context.tell(&FromRole::Ready)?;
    let Some((_, state)) = context.control.state() else { return Err(Error::Disconnected) };
    let begin = if skip_past_ns.is_none() { first_goal(video_producer.as_ref(), &state, None)? } else { None };
    let begin_ns = begin.map_or(0, |goal| goal.target_ns);
    let opening = {
        let (input, header) = (input.clone(), stream_header.clone());
        move || open(&input, fd, header.as_deref(), published, begin_ns)
    };
    // A pipe may have nothing to say for as long as its writer likes.
    let patience = if *input == InputSpec::Pipe { Duration::MAX } else { PATIENCE };
    let (mut media, header) = match beating(&context, patience, opening)? {
        None => return Ok(0),
        Some(Ok(opened)) => opened,
        Some(Err(error)) => {
            context.tell(&FromRole::Failed(error.to_string()))?;
            return Ok(1);
        }
    };
    // Read after the opening: the user may have sought meanwhile.
    let Some((_, state)) = context.control.state() else { return Err(Error::Disconnected) };
    media.video = media.video.filter(|_| *want_video);
    media.audio = media.audio.filter(|_| *want_audio);
    for notice in media.notices.iter().filter(|_| context.spec.restarts == 0) {
        context.notice(notice.as_str())?;
    }
    let wanted = |kind: &TrackKind| if *kind == TrackKind::Video { *want_video } else { *want_audio };
    let missing = media.missing.iter().filter(|(kind, _)| wanted(kind) && context.spec.restarts == 0);
    let missing = missing.map(|(_, why)| why.clone()).collect();
    let opened = summary(media.video.as_ref().map(|v| v.info()), media.audio.as_ref().map(|a| a.info()), header);
    context.tell(&FromRole::Opened(Opened { missing, ..opened }))?;

    let need = |kind, capacity, producer: &Option<Producer>| match producer {
        Some(_) => Ok(()),
        None => context.tell(&FromRole::NeedChannel {
            kind,
            capacity,
            base: 0,
            resume_pts_ns: state.target_ns,
            resume_serial: state.serial,
        }),
    };
    let threads = |e| Error::sys("clone", "decoder threads", e);
    let mut pipelines: Vec<(Kind, Pipeline)> = Vec::new();
    if let Some(source) = media.video {
        need(Kind::Video, source.info().format.i420_len() as u64, &video_producer)?;
        let goal = first_goal(video_producer.as_ref(), &state, *skip_past_ns)?;
        let stream = Pictures::new(source, state.end_ns);
        let pipeline = Pipeline::start(&context, stream, video_producer, goal, &state, *mode).map_err(threads)?;
        pipelines.push((Kind::Video, pipeline));
    }
    if let Some(source) = media.audio {
        need(Kind::Audio, BLOCK_CAPACITY, &audio_producer)?;
        let goal = first_goal(audio_producer.as_ref(), &state, *skip_past_ns)?;
        let stream = Sound::new(source, state.end_ns);
        let pipeline = Pipeline::start(&context, stream, audio_producer, goal, &state, Mode::Fifo).map_err(threads)?;
        pipelines.push((Kind::Audio, pipeline));
    }
    if pipelines.is_empty() {
        let wanted = match (want_video, want_audio) {
            (true, true) => "picture or sound that can be played",
            (true, false) => "picture that can be played",
            _ => "sound that can be played",
        };
        context.tell(&FromRole::Failed(format!("it holds no {wanted}")))?;
        return Ok(1);
    }
    steer(&context, &mut pipelines, patience)
}

/// Runs `work` on a thread while this one shows that the role lives, for as long as `patience` lasts; `None` if told to
/// quit meanwhile. Messages about channels come only after they were asked for, so none is missed here.
fn beating<R: Send + 'static>(
    context: &RoleContext,
    patience: Duration,
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<Option<R>> {
    let (result, results) = crossbeam_channel::bounded(1);
    std::thread::Builder::new()
        .name("open".into())
        .spawn(move || result.send(work()))
        .map_err(|e| Error::sys("clone", "decoder thread", e))?;
    let begun = std::time::Instant::now();
    loop {
        if begun.elapsed() < patience {
            context.beat();
        }
        match results.recv_timeout(BEAT) {
            Ok(result) => return Ok(Some(result)),
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return Err(Error::Disconnected),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => {
                while let Some(message) = context.link.receive::<ToRole>()? {
                    if message == ToRole::Quit {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// The main thread: does what the supervisor says, and shows that the others live.
fn steer(context: &RoleContext, pipelines: &mut [(Kind, Pipeline)], patience: Duration) -> Result<i32> {
    let mut version = 0;
    loop {
        if pipelines.iter().all(|(_, p)| p.status.busy() < patience) {
            context.beat();
        }
        let progress = pipelines.iter().map(|(_, p)| p.status.published()).sum();
        context.control.decoder().pulse.progress.set(progress);
        if let Some(code) = pipelines.iter().find_map(|(_, p)| p.status.broken()) {
            return Ok(code);
        }
        if pipelines.iter().all(|(_, p)| p.status.dry() && p.status.published() == 0) {
            context.tell(&FromRole::Failed(
                "nothing of it could be decoded; copy or download it again, or see what `ffmpeg -i IN` says of it"
                    .into(),
            ))?;
            return Ok(1);
        }
        let called = context.link.wait(Deadline::after(BEAT))?;
        while called && let Some(message) = context.link.receive::<ToRole>()? {
            match message {
                ToRole::Quit => return Ok(0),
                ToRole::Channel(name) => {
                    if let Some((_, pipeline)) = pipelines.iter().find(|(kind, _)| *kind == name.kind) {
                        pipeline.channel(name);
                    }
                }
                _ => {}
            }
        }
        if let Some((now, state)) = context.control.state()
            && now != version
        {
            version = now;
            pipelines.iter_mut().for_each(|(_, p)| p.follow(&state));
        }
    }
}
