//! Opening the input, on a thread of its own: a file may be slow, and a pipe has nothing to say for as long as its writer likes.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use tricine_media::{Choice, Input, Media, MediaError, MediaFile};
use tricine_session::Error;
use tricine_session::actor::Stop;
use tricine_session::error::EXIT_BROKEN;
use tricine_session::link::{InputSpec, TracksSpec};

use crate::PATIENCE;

/// What comes of it: the media, and the header that a successor needs to go on in the middle of a stream.
pub(crate) type Opened = Result<(Media, Option<String>), MediaError>;

/// An input that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    result: Receiver<Opened>,
    /// Is at its end once the thread is.
    bell: UnixStream,
    begun: Instant,
    patience: Duration,
}

impl Opening {
    /// Begins to open an input, to play it from `begin_ns`. With the header of a stream that a predecessor began, goes on in
    /// the middle of it at frame `published`.
    ///
    /// Errors: there is no thread or no socket to be had.
    pub(crate) fn start(
        spec: InputSpec,
        fd: Option<OwnedFd>,
        header: Option<String>,
        published: u64,
        begin_ns: i64,
        picture_ns: i64,
        tracks: &TracksSpec,
    ) -> Result<Self, Stop> {
        let TracksSpec { video, sound, languages, interlaced, covers, strict, .. } = tracks.clone();
        let choice = Choice { video, sound, languages, interlaced, covers, or_another: !strict, ..Choice::default() };
        let patience = if spec == InputSpec::Pipe { Duration::MAX } else { PATIENCE };
        let (bell, rings) = UnixStream::pair().map_err(|e| Error::sys("socketpair", "opening", e))?;
        let (done, result) = bounded(1);
        let work = move || {
            // Closed last, so that whoever is woken by that finds the result.
            let _rings = rings;
            let _ = done.send(open(&spec, fd, header.as_deref(), published, begin_ns, picture_ns, &choice));
        };
        let thread = std::thread::Builder::new().name("open".into());
        thread.spawn(work).map_err(|e| Error::sys("clone", "decoder thread", e))?;
        Ok(Self { result, bell, begun: Instant::now(), patience })
    }

    /// Whether it does not take too long.
    pub(crate) fn lives(&self) -> bool {
        self.begun.elapsed() < self.patience
    }

    /// What came of it, once.
    pub(crate) fn result(&self) -> Result<Option<Opened>, Stop> {
        match self.result.try_recv() {
            Ok(opened) => Ok(Some(opened)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Stop::Exit(EXIT_BROKEN)),
        }
    }
}

impl AsFd for Opening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

fn open(
    spec: &InputSpec,
    fd: Option<OwnedFd>,
    header: Option<&str>,
    published: u64,
    begin_ns: i64,
    picture_ns: i64,
    choice: &Choice,
) -> Opened {
    let file = |fd: Option<OwnedFd>| {
        fd.map(File::from).ok_or_else(|| MediaError::Broken("the supervisor handed no open file over".into()))
    };
    let input = match spec {
        InputSpec::File(name) => Input::File(MediaFile::new(file(fd)?, name.to_string())?),
        InputSpec::Images(paths) => Input::Images(paths.iter().map(|path| path.as_path().to_owned()).collect()),
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
    Ok((tricine_media::open_at(&input, begin_ns, picture_ns, choice)?, None))
}
