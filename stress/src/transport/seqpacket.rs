//! A Unix `SOCK_SEQPACKET` socket: packets keep their borders, so a frame is split into packets of a size that the kernel
//! finds memory for without searching.

use nix::sys::socket::SockType;
use tricine_session::Result;

use super::stream::{StreamReceiver, StreamSender};
use super::{Ends, Prepared, Transport, unix};
use crate::case::Case;

/// Bytes of a packet. One packet's pages have to be found at once.
const PACKET: usize = 32 << 10;

/// See the module.
pub(crate) struct Seqpacket;

impl Transport for Seqpacket {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;

    fn prepare(_: &Case, _: &str, _: u64) -> Result<Prepared> {
        let [a, b] = unix::pair(SockType::SeqPacket)?;
        Ok(Prepared { producer: vec![a], consumer: vec![b], ..Prepared::default() })
    }

    fn sender(_: &Case, ends: Ends) -> Result<StreamSender> {
        Ok(StreamSender::new(ends.fd()?, PACKET))
    }

    // Each read takes one packet, and what is left of the frame always has room for the whole of it: packets never span
    // frames.
    fn receiver(case: &Case, ends: Ends) -> Result<StreamReceiver> {
        Ok(StreamReceiver::new(ends.fd()?, case.bytes))
    }
}
