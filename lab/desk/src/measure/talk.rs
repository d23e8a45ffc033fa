//! A conversation with a process of a measurement: a question a line, and an answer a line. The process ends when nobody asks any more, and
//! dies with the lab.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tricine_session::process::Child;

use super::{Task, start};
use crate::stage::gone;
use crate::{Error, Result};

/// The lab's end.
pub(crate) struct Talk<Q, A> {
    ask: Option<UnixStream>,
    hear: BufReader<UnixStream>,
    child: Child,
    _about: PhantomData<(Q, A)>,
}

fn sys(call: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |e| tricine_session::Error::sys(call, "a process of the lab", e).into()
}

impl<Q: Serialize, A: DeserializeOwned> Talk<Q, A> {
    pub(crate) fn start(task: &Task) -> Result<Self> {
        let (ours, theirs) = UnixStream::pair().map_err(sys("socketpair"))?;
        let child = start(task, &File::from(OwnedFd::from(theirs)), None)?;
        let hear = BufReader::new(ours.try_clone().map_err(sys("dup"))?);
        Ok(Self { ask: Some(ours), hear, child, _about: PhantomData })
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&mut self, question: &Q) -> Result<A> {
        let ended = || Error::Lost("the process that steps it has ended".into());
        let mut line = serde_json::to_string(question).map_err(tricine_session::Error::from)?;
        line.push('\n');
        let ask = self.ask.as_mut().ok_or_else(ended)?;
        ask.write_all(line.as_bytes()).map_err(|_| ended())?;
        line.clear();
        if self.hear.read_line(&mut line).map_err(sys("read"))? == 0 {
            return Err(ended());
        }
        let answer: Result<A, String> = serde_json::from_str(&line).map_err(tricine_session::Error::from)?;
        answer.map_err(|why| Error::Lost(format!("it cannot be done here: {why}")))
    }
}

impl<Q, A> Drop for Talk<Q, A> {
    fn drop(&mut self) {
        // It reads to the end of the questions, and ends; its own processes end with it.
        if let Some(ask) = self.ask.take() {
            let _ = ask.shutdown(std::net::Shutdown::Both);
        }
        let _ = gone(&self.child);
    }
}

/// The other end.
pub(crate) struct Answers(UnixStream);

impl Answers {
    pub(super) fn new(shared: OwnedFd) -> Self {
        Self(UnixStream::from(shared))
    }

    /// Answers every question until there is none any more. What goes wrong is an answer.
    pub(crate) fn serve<Q: DeserializeOwned, A: Serialize>(
        &mut self,
        mut answer: impl FnMut(Q) -> Result<A>,
    ) -> Result<()> {
        let mut hear = BufReader::new(self.0.try_clone().map_err(sys("dup"))?);
        let mut line = String::new();
        loop {
            line.clear();
            if hear.read_line(&mut line).map_err(sys("read"))? == 0 {
                return Ok(());
            }
            let question: Q = serde_json::from_str(&line).map_err(tricine_session::Error::from)?;
            let said = answer(question).map_err(|e| e.to_string());
            let mut text = serde_json::to_string(&said).map_err(tricine_session::Error::from)?;
            text.push('\n');
            if self.0.write_all(text.as_bytes()).is_err() {
                return Ok(());
            }
        }
    }
}
