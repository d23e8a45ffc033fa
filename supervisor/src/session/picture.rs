//! A picture that the user wants to keep: the renderer writes it into a file in memory, and a process saves it ([`crate::saver`]).

use std::fs::File;
use std::io::Seek;
use std::os::fd::AsFd;

use tricine_channel::sys::process::memory_file;
use tricine_session::control::Role;
use tricine_session::link::ToRole;

use super::Session;
use crate::saver::Saving;

impl Session {
    /// The user wants the picture that is shown. One at a time.
    pub(super) fn take_picture(&mut self) {
        if self.picture.is_some() || self.saving.is_some() {
            return;
        }
        match memory_file("picture", &[]) {
            Ok(file) => {
                self.picture = Some(file);
                self.ask_for_picture();
            }
            Err(error) => self.osd(&format!("no screenshot: {error}")),
        }
    }

    /// Has the renderer write the picture that is wanted, if one is.
    pub(super) fn ask_for_picture(&mut self) {
        let empty = |file: &mut File| file.set_len(0).and_then(|()| file.rewind());
        if self.picture.as_mut().is_some_and(|file| empty(file).is_err()) {
            self.picture = None;
        }
        if let Some(file) = &self.picture {
            self.order(Role::Renderer, &ToRole::Screenshot, &[file.as_fd()]);
        }
    }

    /// The renderer has written it, or has not.
    pub(super) fn pictured(&mut self, done: Result<(), String>) {
        let Some(file) = self.picture.take() else { return };
        match done.and_then(|()| Saving::start(file.as_fd()).map_err(|e| format!("no screenshot: {e}"))) {
            Ok(saving) => self.saving = Some(saving),
            Err(why) => self.tell_of_picture(&why),
        }
    }

    /// The picture is saved, or cannot be.
    pub(super) fn saved(&mut self) {
        let Some(saving) = self.saving.take() else { return };
        let (words, child) = saving.end();
        self.leaving.push(child);
        self.tell_of_picture(&words);
    }

    fn tell_of_picture(&mut self, words: &str) {
        self.say(Role::Renderer, &ToRole::Osd(words.to_owned()));
        self.status.notice(words);
    }
}
