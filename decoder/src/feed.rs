//! The decoder role at work: one pipeline for the pictures and one for the sound, which it starts, steers and watches.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use tricine_channel::time::mono_ns;
use tricine_media::{About, AudioInfo, TrackKind, VideoInfo};
use tricine_session::actor::{Actor, BEAT, Next, Stop};
use tricine_session::channel::{Kind, Mode, Producer, resume};
use tricine_session::clock::PlayState;
use tricine_session::control::{DecoderPage, Writable};
use tricine_session::link::{AudioSummary, DisplaySpec, Finding, FromRole, Opened as Summary, ToRole, VideoSummary};
use tricine_session::{Error, Result, sandbox};

use crate::cues::{self, PAGE_CAPACITY, Text};
use crate::listing;
use crate::opening::{Opened, Opening};
use crate::pipeline::{Goal, Pipeline};
use crate::stream::{BLOCK_CAPACITY, Pictures, Sound, Stream};
use crate::{Context, PATIENCE};

/// The decoder role.
#[derive(Debug)]
pub(crate) struct Feed {
    context: Arc<Context>,
    opening: Option<Opening>,
    /// What predecessors left of the channels.
    video: Option<Producer>,
    audio: Option<Producer>,
    cues: Option<Producer>,
    pipelines: Vec<(Kind, Pipeline)>,
}

impl Actor for Feed {
    type Page = DecoderPage<Writable>;

    fn probe() -> Finding {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Finding::Formats(
            tricine_media::formats().into_iter().map(|(kind, names)| (kind.to_owned(), owned(names))).collect(),
        )
    }

    fn begin(context: &Arc<Context>, input: Option<OwnedFd>, state: PlayState) -> Result<Self, Stop> {
        tricine_media::guard::install_hook();
        let (video, audio) = (take_up(context, Kind::Video)?, take_up(context, Kind::Audio)?);
        let cues = take_up(context, Kind::Cues)?;
        let published = video.as_ref().map_or(0, Producer::next_seq);
        let work = &context.spec.work;
        let skips = work.skip_past_ns.is_some();
        let begin = if skips { None } else { first_goal::<Pictures>(context, video.as_ref(), &state, None)? };
        let begin_ns = begin.map_or(0, |goal| goal.target_ns);
        let opening = Opening::start(
            work.input.clone(),
            input,
            work.stream_header.clone(),
            published,
            begin_ns,
            work.picture_ns,
            &work.tracks,
        )?;
        Ok(Self { context: context.clone(), opening: Some(opening), video, audio, cues, pipelines: Vec::new() })
    }

    fn lives(&self) -> bool {
        self.opening.as_ref().is_none_or(Opening::lives)
            && self.pipelines.iter().all(|(_, p)| p.status.busy() < PATIENCE)
    }

    fn hear(&mut self, message: ToRole) -> Result<(), Stop> {
        if let ToRole::Channel(name) = message
            && let Some((_, pipeline)) = self.pipelines.iter().find(|(kind, _)| *kind == name.kind)
        {
            pipeline.channel(name);
        }
        Ok(())
    }

    fn follow(&mut self, state: PlayState) {
        self.pipelines.iter_mut().for_each(|(_, p)| p.follow(&state));
    }

    fn tend(&mut self) -> Result<(), Stop> {
        if let Some(opening) = &self.opening {
            if let Some(opened) = opening.result()? {
                self.opening = None;
                self.start(opened)?;
            }
            return Ok(());
        }
        let progress = self.pipelines.iter().map(|(_, p)| p.status.published()).sum();
        self.context.page().pulse.progress.set(progress);
        if let Some(code) = self.pipelines.iter().find_map(|(_, p)| p.status.broken()) {
            return Err(Stop::Exit(code));
        }
        let mut film = self.pipelines.iter().filter(|(kind, _)| *kind != Kind::Cues);
        if film.all(|(_, p)| p.status.dry() && p.status.published() == 0) {
            return Err(Stop::Failed(
                "nothing of it could be decoded; copy or download it again, or see what `ffmpeg -nostdin -i IN` says of it"
                    .into(),
            ));
        }
        Ok(())
    }

    fn next(&mut self) -> Next {
        Next::Rest(mono_ns() + BEAT.as_nanos() as u64)
    }

    fn events(&self) -> Option<BorrowedFd<'_>> {
        self.opening.as_ref().map(AsFd::as_fd)
    }
}

impl Feed {
    /// The input is open: says what it holds, and starts the pipelines.
    fn start(&mut self, opened: Opened) -> Result<(), Stop> {
        let context = self.context.clone();
        let (media, header) = opened.map_err(|error| Stop::Failed(error.to_string()))?;
        // Read after the opening: the user may have sought meanwhile.
        let Some((_, state)) = context.control.state() else { return Err(Stop::Quit) };
        let wants_sound = context.spec.work.sink.is_some();
        let (video, audio) = (media.video, media.audio.filter(|_| wants_sound));
        let mut subtitles = media.subtitles;
        let work = &context.spec.work;
        let draws = video.is_some() && matches!(work.display, DisplaySpec::Window | DisplaySpec::Terminal);
        if draws {
            cues::gather(&context, &mut subtitles);
        }
        let usual = subtitles.usual(&work.tracks.subtitle_languages).filter(|_| draws).unwrap_or(0);
        let told = if draws { cues::summaries(&subtitles) } else { Vec::new() };
        for notice in media.notices.iter().filter(|_| context.spec.restarts == 0) {
            context.notice(notice.as_str())?;
        }
        let wanted = |kind| wants_sound || kind == TrackKind::Video;
        let missing = media.missing.into_iter().filter(|(kind, _)| wanted(*kind) && context.spec.restarts == 0);
        let missing = missing.map(|(_, why)| why).collect();
        let summary = summary(video.as_ref().map(|v| v.info()), audio.as_ref().map(|a| a.info()), header);
        let About { container, title, artist, tracks, chapters, cover } = media.about;
        listing::tell(&context, tracks, chapters)?;
        let subtitle = u16::try_from(usual).unwrap_or(0);
        let told = Summary { missing, cover, container, title, artist, subtitle, subtitles: told, ..summary };
        context.tell(&FromRole::Opened(told.into()))?;
        if let Some(source) = video {
            let (capacity, producer) = (source.info().format.i420_len() as u64, self.video.take());
            sandbox::declare_picture(capacity);
            let mode = context.spec.work.mode;
            self.pipeline(Pictures::new(source, state.end_ns), capacity, producer, &state, mode)?;
        }
        if let Some(source) = audio {
            let producer = self.audio.take();
            self.pipeline(Sound::new(source, state.end_ns), BLOCK_CAPACITY, producer, &state, Mode::Fifo)?;
        }
        if draws && subtitles.tracks().len() > 0 {
            let (stream, producer) = (Text::new(context.clone(), subtitles), self.cues.take());
            self.pipeline(stream, PAGE_CAPACITY, producer, &state, Mode::Fifo)?;
        }
        if self.pipelines.is_empty() {
            let wanted = if wants_sound { "picture or sound" } else { "picture" };
            return Err(Stop::Failed(format!("it holds no {wanted} that can be played")));
        }
        Ok(())
    }

    /// Starts one pipeline; asks for its channel where there is none yet.
    fn pipeline<S: Stream>(
        &mut self,
        stream: S,
        capacity: u64,
        producer: Option<Producer>,
        state: &PlayState,
        mode: Mode,
    ) -> Result<(), Stop> {
        if producer.is_none() {
            self.context.tell(&FromRole::NeedChannel {
                kind: S::KIND,
                capacity,
                base: 0,
                resume_pts_ns: S::target(&self.context, state),
                resume_serial: S::serial(state),
            })?;
        }
        let skip = self.context.spec.work.skip_past_ns.filter(|_| S::KIND != Kind::Cues);
        let goal = first_goal::<S>(&self.context, producer.as_ref(), state, skip)?;
        let pipeline = Pipeline::start(&self.context, stream, producer, goal, state, mode)
            .map_err(|e| Error::sys("clone", "decoder threads", e))?;
        self.pipelines.push((S::KIND, pipeline));
        Ok(())
    }
}

/// What a predecessor left of a channel: its producer, taken up again.
fn take_up(context: &Context, kind: Kind) -> Result<Option<Producer>> {
    let mut producer: Option<Producer> = None;
    for name in context.spec.channels.iter().filter(|name| name.kind == kind) {
        let next = context.region(name)?.attach_producer()?;
        // The predecessor may have died between getting a new channel and saying so in the old one. Saying it again is
        // harmless.
        if let Some(old) = producer.replace(next) {
            old.retire(name.generation)?;
        }
    }
    Ok(producer)
}

/// Where to begin: after what predecessors published in this serial, else at its target. `None`: nowhere, it is finished.
fn first_goal<S: Stream>(
    context: &Context,
    producer: Option<&Producer>,
    state: &PlayState,
    skip_past_ns: Option<i64>,
) -> Result<Option<Goal>> {
    let current = S::serial(state);
    let start = Goal { serial: current, target_ns: S::target(context, state), published_ns: None, skip: false };
    let Some(producer) = producer else { return Ok(Some(start)) };
    let goal = match producer.last_published()?.filter(|last| last.serial == current) {
        Some(_) if producer.finished() => return Ok(None),
        // Sound goes on with the sample after the last, and so do pages; of pictures, the last one itself is decoded again and left out.
        Some(last) if S::KIND != Kind::Video => {
            Goal { target_ns: last.pts_ns.saturating_add(last.duration_ns), published_ns: Some(last.pts_ns), ..start }
        }
        Some(last) => Goal { target_ns: last.pts_ns, published_ns: Some(last.pts_ns), ..start },
        None => match resume(producer.channel()) {
            (serial, pts_ns) if serial == current && producer.channel().name().generation > 0 => {
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

fn summary(video: Option<&VideoInfo>, audio: Option<&AudioInfo>, stream_header: Option<String>) -> Summary {
    let lengths = [video.and_then(|v| v.duration_ns), audio.and_then(|a| a.duration_ns)];
    Summary {
        video: video.map(|v| VideoSummary {
            codec: v.codec.clone(),
            light: v.light.words().map(str::to_owned),
            width: v.format.width,
            height: v.format.height,
            rate: v.rate,
            frames: v.frames,
        }),
        audio: audio.map(|a| AudioSummary { codec: a.codec.clone(), sample_rate: a.sample_rate, channels: a.channels }),
        duration_ns: lengths.into_iter().flatten().max(),
        seekable: video.is_none_or(|v| v.seekable) && audio.is_none_or(|a| a.seekable),
        stream_header,
        ..Summary::default()
    }
}
