//! A named pipe. Once open it is a pipe like any other; the name lasts until both ends are open.

use std::fs::{File, OpenOptions};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::stat::Mode;
use tricine_channel::sys::shm;
use tricine_session::{Error, Result};

use super::pipe::WANTED;
use super::stream::{StreamReceiver, StreamSender};
use super::{Ends, Prepared, Transport};
use crate::case::Case;

/// See the module.
pub(crate) struct Fifo;

impl Transport for Fifo {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;

    fn prepare(_: &Case, session: &str, run: u64) -> Result<Prepared> {
        // Where the session's other names are, so that whoever sweeps those sweeps this as well.
        let name = tricine_session::NAMESPACE.object(session, &format!("fifo.{run}"));
        let path = format!("{}/{name}", shm::DIR);
        nix::unistd::mkfifo(path.as_str(), Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|e| Error::sys("mkfifo", &name, e))?;
        let open = |options: &OpenOptions| options.open(&path).map_err(|e| Error::sys("open", &name, e));
        let ends = || -> Result<[File; 2]> {
            // With both directions first: an end alone would wait for the other.
            let both = open(OpenOptions::new().read(true).write(true))?;
            let _ = fcntl(&both, FcntlArg::F_SETPIPE_SZ(WANTED));
            Ok([open(OpenOptions::new().read(true))?, open(OpenOptions::new().write(true))?])
        };
        let ends = ends();
        shm::unlink(&name)?;
        let [reader, writer] = ends?;
        Ok(Prepared { producer: vec![writer.into()], consumer: vec![reader.into()], ..Prepared::default() })
    }

    fn sender(_: &Case, ends: Ends) -> Result<StreamSender> {
        Ok(StreamSender::new(ends.fd()?, usize::MAX))
    }

    fn receiver(case: &Case, ends: Ends) -> Result<StreamReceiver> {
        Ok(StreamReceiver::new(ends.fd()?, case.bytes))
    }
}
