//! The connection that a window belongs to, and nothing else does. A window is gone with the last process that has its connection open, and
//! of this one the supervisor has the socket as well: so the window, and what it shows, outlives its renderer, and nobody else. The next
//! renderer works on the same window by a connection of its own.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{MsgFlags, Shutdown, UnixAddr, connect, getpeername, recv, shutdown};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::CLIENT_MESSAGE_EVENT;
use x11rb::reexports::x11rb_protocol::parse_display::{ConnectAddress, parse_display};
use x11rb::reexports::x11rb_protocol::xauth::get_auth;
use x11rb::rust_connection::{DefaultStream, RustConnection};

use super::Fallible;

/// What the server says comes in pieces of this many bytes, as long as nothing but events is to come.
const PIECE: usize = 32;

/// The connection of a window.
#[derive(Debug)]
pub(super) struct Anchor(OwnedFd);

impl Anchor {
    /// What a predecessor has left; `None` if this socket was never connected, with the socket.
    pub(super) fn left(socket: OwnedFd) -> Result<Self, OwnedFd> {
        if getpeername::<UnixAddr>(socket.as_raw_fd()).is_ok() { Ok(Self(socket)) } else { Err(socket) }
    }

    /// Ends the connection for all who have it open, and so the window.
    pub(super) fn cut(self) {
        // It may be gone already.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }

    /// Connects `socket` to the server that DISPLAY names, and makes a window there.
    ///
    /// Errors: the server is not to be reached by a socket in the file system, or refuses.
    pub(super) fn make(socket: OwnedFd, make: impl FnOnce(&RustConnection) -> Fallible<u32>) -> Fallible<(Self, u32)> {
        let display = parse_display(None)?;
        let mut paths = display.connect_instruction().filter_map(|address| match address {
            ConnectAddress::Socket(path) => Some(path),
            _ => None,
        });
        let path = paths.next().ok_or("the display is on another machine")?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path.as_str())?)?;
        let this = Self(socket);
        let made = this.0.try_clone().map_err(Into::into).and_then(|copy| {
            let (stream, (family, address)) = DefaultStream::from_unix_stream(UnixStream::from(copy))?;
            let (name, data) = get_auth(family, &address, display.display).ok().flatten().unwrap_or_default();
            let screen = display.screen.into();
            let connection = RustConnection::connect_to_stream_with_auth_info(stream, screen, name, data)?;
            let window = make(&connection)?;
            connection.flush()?;
            Ok(window)
        });
        match made {
            Ok(window) => Ok((this, window)),
            Err(error) => {
                this.cut();
                Err(error)
            }
        }
    }

    /// What was said to the owner of the window alone: a message's type and its first word.
    pub(super) fn messages(&self) -> Vec<(u32, u32)> {
        let (mut said, mut buffer) = (Vec::new(), [0; 64 * PIECE]);
        loop {
            // Whole pieces are taken, so that a successor never finds a part of one.
            let there = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT).unwrap_or(0);
            let whole = &mut buffer[..there / PIECE * PIECE];
            if whole.is_empty() {
                return said;
            }
            let taken = recv(self.0.as_raw_fd(), whole, MsgFlags::MSG_DONTWAIT).unwrap_or(0);
            said.extend(whole[..taken].chunks_exact(PIECE).filter_map(message));
        }
    }
}

/// A message's type and its first word, if this is one.
fn message(piece: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| piece.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    // The highest bit says that another client has sent it.
    let kind = piece.first()? & 0x7f;
    (kind == CLIENT_MESSAGE_EVENT).then_some((word(8)?, word(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn whole_messages_are_taken_and_a_part_of_one_is_left_for_the_next() {
        let (mut server, client) = UnixStream::pair().unwrap();
        let anchor = Anchor::left(client.into()).unwrap();
        let mut piece = [0; PIECE];
        piece[0] = CLIENT_MESSAGE_EVENT | 0x80;
        piece[8..12].copy_from_slice(&7u32.to_ne_bytes());
        piece[12..16].copy_from_slice(&9u32.to_ne_bytes());
        let mut other = piece;
        other[0] = 34;
        server.write_all(&[&other[..], &piece, &piece[..10]].concat()).unwrap();
        assert_eq!(anchor.messages(), [(7, 9)]);
        assert_eq!(anchor.messages(), []);
        server.write_all(&piece[10..]).unwrap();
        assert_eq!(anchor.messages(), [(7, 9)]);
        drop(server);
        assert_eq!(anchor.messages(), []);
    }

    #[test]
    fn a_socket_that_is_not_connected_holds_no_window() {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        assert!(Anchor::left(socket).is_err());
    }
}
