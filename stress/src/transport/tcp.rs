//! A TCP connection over loopback.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use tricine_session::{Error, Result};

use super::stream::{StreamReceiver, StreamSender};
use super::{Ends, Prepared, Transport, unix};
use crate::case::Case;

/// See the module.
pub(crate) struct Tcp;

impl Transport for Tcp {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;

    fn prepare(_: &Case, _: &str, _: u64) -> Result<Prepared> {
        let connected = || -> std::io::Result<[TcpStream; 2]> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let a = TcpStream::connect(listener.local_addr()?)?;
            let (b, _) = listener.accept()?;
            // A frame is not to wait for the next one to fill a segment.
            a.set_nodelay(true)?;
            Ok([a, b])
        };
        let [a, b] = connected().map_err(|e| Error::sys("connect", "127.0.0.1", e))?;
        unix::widen(&a);
        unix::widen(&b);
        Ok(Prepared { producer: vec![a.into()], consumer: vec![b.into()], ..Prepared::default() })
    }

    fn sender(_: &Case, ends: Ends) -> Result<StreamSender> {
        Ok(StreamSender::new(ends.fd()?, usize::MAX))
    }

    fn receiver(case: &Case, ends: Ends) -> Result<StreamReceiver> {
        Ok(StreamReceiver::new(ends.fd()?, case.bytes))
    }
}
