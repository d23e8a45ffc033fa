//! What is played: one input after another, from its opening to its first serial, and what it holds.

use tricine_session::Result;
use tricine_session::control::Role;
use tricine_session::link::{self, DisplaySpec, Listing, ToRole};
use tricine_session::name::{Name, shown};

use super::{Session, contents};
use crate::cli::Display;
use crate::input::{self, Entry, Input, List, Opened, What};
use crate::opening::{Answer, Opening};
use crate::stream;
use crate::supervision::Event;

/// How often an input's opening is tried whose process dies.
const TRIES: u32 = 5;
/// A stream has brought nothing for long if it was said so often, twice a second.
const SILENT: u32 = 4;
/// How many playlists may be read in a row that name no input, but playlists.
const MOST_LISTS: u32 = 1_000;

/// What can be done, with the name as the user wrote it.
pub(super) fn hint(text: &str, name: &Name) -> String {
    let path = crate::spelling::path_of(name).ok();
    tricine_media::named(text, path.as_ref().and_then(|path| path.to_str()).unwrap_or_default())
}

/// What a song calls itself, and who made it.
pub(super) fn called(opened: &link::Opened) -> Option<String> {
    let title = shown(opened.title.as_deref()?);
    Some(match &opened.artist {
        Some(artist) => format!("{} — {title}", shown(artist)),
        None => title,
    })
}

impl Session {
    /// Begins to open the next input.
    pub(super) fn open_next(&mut self) -> Result<()> {
        self.leaving.extend(self.opening.take().map(Opening::end));
        self.status.reads(None);
        match self.playlist.pop_front() {
            None => self.tell(Event::NoneLeft),
            // Files of subtitles are opened by a process in any case.
            Some(entry) if !self.options.sub.is_empty() => self.try_to_open(entry.unwrap_or_default()),
            Some(entry) => match input::at_once(entry.as_ref()) {
                Some(Ok(input)) => self.open(input),
                Some(Err(why)) => self.not_open(&entry.unwrap_or_default().name, &why),
                None => self.try_to_open(entry.unwrap_or_default()),
            },
        }
    }

    fn try_to_open(&mut self, entry: Entry) -> Result<()> {
        match Opening::start(entry.clone(), &self.options.sub) {
            Ok(opening) => {
                self.opening = Some(opening);
                Ok(())
            }
            Err(error) => self.not_open(&entry.name, &format!("{error}; `ulimit -a` shows this user's limits")),
        }
    }

    /// The process that opens an input says something, or has died.
    pub(super) fn answered(&mut self) -> Result<()> {
        let Some(mut opening) = self.opening.take() else { return Ok(()) };
        let name = opening.entry.name.clone();
        match opening.answer() {
            Ok(Answer::Goes) => {
                self.reads(&opening);
                self.opening = Some(opening);
                self.tell(Event::Opening)
            }
            Ok(Answer::Done(found)) => {
                let entry = opening.entry.clone();
                self.leaving.push(opening.end());
                self.status.reads(None);
                self.found(&entry, found)
            }
            Err(error) => {
                tracing::info!("the process that opens {name}: {error}");
                let (dead, next) = opening.again(&self.options.sub, TRIES);
                self.leaving.push(dead);
                match next {
                    Ok(next) => {
                        self.opening = Some(next);
                        Ok(())
                    }
                    Err(why) => self.not_open(&name, &why),
                }
            }
        }
    }

    /// How much of a stream has come.
    fn reads(&mut self, opening: &Opening) {
        let name = input::called(&opening.entry.name);
        self.status.reads(Some(match opening.bytes {
            0 => format!("waiting for {name}"),
            bytes => format!("reading {name}: {}", stream::size(bytes)),
        }));
        if opening.bytes == 0 && opening.said == SILENT {
            self.status.notice(&format!("{name} has brought nothing yet; it is waited for"));
        }
    }

    fn found(
        &mut self,
        entry: &Entry,
        found: std::result::Result<(Opened, crate::subtitles::Found), String>,
    ) -> Result<()> {
        match found {
            Ok((Opened { what, notice }, found)) => {
                found.complaints.iter().for_each(|text| self.status.notice(text));
                self.next_subtitles = found.files;
                if let Some(notice) = notice {
                    self.status.notice(&format!("{} {notice}", entry.name));
                }
                match what {
                    What::Input(_) if input::is_at_once(&entry.name) => {
                        match input::at_once(Some(entry).filter(|entry| !entry.name.as_os_str().is_empty())) {
                            Some(Ok(input)) => self.open(input),
                            Some(Err(why)) => self.not_open(&entry.name, &why),
                            None => Ok(()),
                        }
                    }
                    What::Input(input) => self.open(input),
                    What::List(list) => self.unfold(entry, list),
                }
            }
            Err(why) => self.not_open(&entry.name, &why),
        }
    }

    /// What a playlist or a folder names plays in its place.
    fn unfold(&mut self, entry: &Entry, list: List) -> Result<()> {
        self.lists += 1;
        if self.lists > MOST_LISTS {
            return self.not_open(&entry.name, "playlists of playlists have named nothing to play for too long");
        }
        let before = self.playlist.len();
        list.entries(entry).rev().for_each(|entry| self.playlist.push_front(Some(entry)));
        let count = self.playlist.len() - before;
        self.tell_some(|| format!("{} names {count} {}", entry.name, if count == 1 { "input" } else { "inputs" }));
        self.tell(Event::Unfolded)
    }

    fn open(&mut self, input: Input) -> Result<()> {
        self.lists = 0;
        self.next = Some(input);
        self.tell(Event::Open)
    }

    fn not_open(&mut self, name: &Name, why: &str) -> Result<()> {
        self.cannot_play(name, why);
        self.tell(Event::NotOpen)
    }

    pub(super) fn cannot_play(&self, name: &Name, why: &str) {
        self.status.error(&format!("cannot play {}: {}", input::called(name), hint(why, name)));
    }

    /// An input begins, or the current one `again`. To the roles that stay it is a seek.
    pub(super) fn begin(&mut self, serial: u32, again: bool, follows: bool) {
        if !again {
            self.tell_pace();
            self.begin_pace();
            self.current = self.next.take();
            self.tracks = contents::asked(&self.options, self.may_have_window());
            self.resume_ns = None;
            // What is known of the one before is not this one's.
            self.status.duration_ns = None;
            self.control.own().duration_ns.set(0);
            self.listing = Listing::default();
            self.subtitles = std::mem::take(&mut self.next_subtitles);
        }
        if let Some(current) = &self.current {
            self.status.title.clone_from(&current.title);
            self.say(Role::Renderer, &ToRole::Title(current.window_title()));
        }
        self.opened = None;
        self.state.subtitles.track = 0;
        self.say(Role::Renderer, &ToRole::Caption(String::new()));
        self.posts[Role::Decoder].starts = 0;
        (self.state.audible, self.state.follows) = (self.sink.is_some(), follows);
        let from_ns = self.resume_ns.take().or(self.options.start).unwrap_or(0);
        self.go_to(serial, from_ns);
    }

    /// The decoder knows what the input holds.
    pub(super) fn holds(&mut self, first: bool) {
        let Some(opened) = self.heard.take() else { return };
        self.control.own().duration_ns.set(opened.duration_ns.unwrap_or(0).max(0) as u64);
        let described = self.described.get_or_insert_with(|| opened.clone());
        // A song may come before the first film.
        described.video = described.video.take().or_else(|| opened.video.clone());
        described.audio = described.audio.take().or_else(|| opened.audio.clone());
        self.status.duration_ns = opened.duration_ns;
        self.status.frames = opened.video.as_ref().and_then(|v| v.frames);
        self.status.heard_only = opened.video.is_none() || opened.cover;
        if let Some(title) = called(&opened).filter(|_| self.status.heard_only) {
            self.status.title.clone_from(&title);
            if let Some(current) = &mut self.current {
                current.title = title;
                self.say(
                    Role::Renderer,
                    &ToRole::Title(self.current.as_ref().map(Input::window_title).unwrap_or_default()),
                );
            }
        }
        let sound = opened.audio.is_some();
        self.opened = Some(opened);
        self.takes_listing();
        self.say(Role::Renderer, &ToRole::Caption(self.caption()));
        if !first {
            return;
        }
        self.tell_unseen();
        self.tell_playing();
        let end_ns = self.status.duration_ns.unwrap_or(i64::MAX);
        if self.options.start.is_some_and(|start| start >= end_ns) {
            self.status.notice(&format!("--start is beyond the end, which is at {:.1} s", end_ns as f64 / 1e9));
        }
        self.state.audible = sound && self.sink.is_some();
        self.choose_subtitles();
        self.broadcast();
    }

    /// That there are pictures and nobody will see them, once both are known.
    pub(super) fn tell_unseen(&self) {
        let unseen = self.options.display == Display::Auto && self.display == DisplaySpec::None && self.probe.is_none();
        let pictures = self.opened.as_ref().is_some_and(|opened| opened.video.is_some());
        if unseen && pictures && !self.options.unpaced {
            self.status
                .notice("no display server answers and standard output is no terminal: the pictures are not shown");
        }
    }
}
