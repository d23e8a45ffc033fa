//! A connection to a sound server that speaks PulseAudio's protocol: PulseAudio itself, or PipeWire in its stead.
//!
//! The `pulseaudio` crate's messages are used, not its client: that one drops the news this role lives by (a stream
//! killed, run dry, moved) and calls back for samples from a thread of its own.

use std::ffi::CString;
use std::io::{Cursor, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, recv};
use pulseaudio::protocol::{self, AuthParams, AuthReply, Command, CommandReply, Prop, Props, TagStructReader};
use pulseaudio::protocol::{DESCRIPTOR_SIZE, ServerInfo, SetClientNameReply};
use tricine_channel::time::mono_ns;

/// How long a server may take over one answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// The versions of the protocol that are spoken.
const VERSIONS: std::ops::RangeInclusive<u16> = 13..=protocol::MAX_VERSION;

/// Why there is no server, or none any more: words for the user.
pub(super) type Lost = String;

/// A connection, introduced.
///
/// Its socket may be the supervisor's as well, and a successor takes the stream up in mid-talk if this process is
/// killed. So a message is sent whole, by one call, and taken from the socket whole: a death is before it or after it.
#[derive(Debug)]
pub(super) struct Wire {
    socket: UnixStream,
    /// What was looked at in the socket, without taking it.
    seen: Vec<u8>,
    version: u16,
    next_seq: u32,
    /// Another process has it from here on.
    handed_over: bool,
}

/// What a successor has to know of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Legacy {
    pub(super) channel: u32,
    pub(super) version: u16,
    pub(super) rate: u32,
}

impl Legacy {
    /// In one word, which is never 0.
    pub(super) fn encode(self) -> u64 {
        u64::from(self.rate) << 32 | u64::from(self.version & 0xff) << 24 | u64::from(self.channel & 0xff_ffff)
    }

    /// Reads it back; `None` if it cannot be.
    pub(super) fn decode(word: u64) -> Option<Self> {
        let rate = (word >> 32) as u32;
        let this = Self { channel: (word & 0xff_ffff) as u32, version: (word >> 24 & 0xff) as u16, rate };
        (super::RATES.contains(&rate) && VERSIONS.contains(&this.version)).then_some(this)
    }
}

/// A connection to a server, made by another process and introduced. The supervisor has it as well.
#[derive(Debug)]
pub(crate) struct Line {
    socket: OwnedFd,
    version: u16,
    /// What plays there already: a predecessor's stream.
    legacy: Option<Legacy>,
}

impl Line {
    /// A connection that was made for this process and has no stream yet. Errors: its version cannot be.
    pub(crate) fn fresh(socket: OwnedFd, version: u16) -> Result<Self, String> {
        if VERSIONS.contains(&version) {
            return Ok(Self { socket, version, legacy: None });
        }
        Err(format!("a sound server that speaks version {version} of its protocol"))
    }

    /// What plays there already.
    pub(crate) fn legacy(&self) -> Option<Legacy> {
        self.legacy
    }

    /// What an inherited connection is good for, `legacy` being the predecessor's word; `None` if for nothing.
    pub(crate) fn inherited(socket: OwnedFd, legacy: u64) -> Option<Self> {
        if let Some(legacy) = Legacy::decode(legacy) {
            return Some(Self { socket, version: legacy.version, legacy: Some(legacy) });
        }
        // Nobody knows how far the talk has come.
        let _ = UnixStream::from(socket).shutdown(Shutdown::Both);
        None
    }
}

/// A connection to the sound server that answers, introduced as this program's, and the protocol's version that is spoken there.
pub(crate) fn connection() -> Result<(OwnedFd, u16), Lost> {
    let mut wire = Wire::open()?;
    let socket = wire.socket.try_clone().map_err(|e| format!("sound server's socket: {e}"))?;
    wire.handed_over = true;
    Ok((socket.into(), wire.version))
}

/// One message: a command, and for [`Command::Reply`] what it says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) seq: u32,
    pub(super) command: Command,
    rest: Vec<u8>,
    version: u16,
}

impl Message {
    /// Reads what a reply says.
    pub(super) fn reply<T: CommandReply>(&self) -> Result<T, Lost> {
        let mut rest = Cursor::new(&self.rest);
        TagStructReader::new(&mut rest, self.version).read().map_err(|e| format!("the sound server's answer: {e}"))
    }
}

/// Where servers listen, likeliest first. Errors: the user wants one that cannot be reached.
fn addresses() -> Result<Vec<PathBuf>, Lost> {
    if let Ok(servers) = std::env::var("PULSE_SERVER")
        && !servers.trim().is_empty()
    {
        let local = |s: &str| {
            let s = if s.starts_with('{') { s.split_once('}').map_or(s, |(_, rest)| rest) } else { s };
            let path = s.strip_prefix("unix:").unwrap_or(s);
            path.starts_with('/').then(|| PathBuf::from(path))
        };
        let found: Vec<_> = servers.split_whitespace().filter_map(local).collect();
        let remote = || format!("PULSE_SERVER={servers} names no server on this machine, and no other is supported");
        return if found.is_empty() { Err(remote()) } else { Ok(found) };
    }
    let runtime = |name: &str, rest: &str| std::env::var_os(name).map(|dir| PathBuf::from(dir).join(rest));
    let user = PathBuf::from(format!("/run/user/{}/pulse/native", nix::unistd::geteuid()));
    Ok([runtime("PULSE_RUNTIME_PATH", "native"), runtime("XDG_RUNTIME_DIR", "pulse/native")]
        .into_iter()
        .flatten()
        .chain([user, PathBuf::from("/run/pulse/native")])
        .collect())
}

/// Connects to the first server that listens at one of these. Waits for nobody: a server that has more callers than it answers counts as
/// none.
fn dial(paths: Vec<PathBuf>) -> Result<UnixStream, Lost> {
    let mine = nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    let wrong = |e: std::io::Error| format!("sound server's socket: {e}");
    let socket = UnixStream::from(mine.map_err(|e| wrong(e.into()))?);
    socket.set_nonblocking(true).map_err(wrong)?;
    let mut why = None;
    for path in paths {
        let dialled = UnixAddr::new(&path).and_then(|to| nix::sys::socket::connect(socket.as_raw_fd(), &to));
        match dialled {
            Ok(()) => {
                socket.set_nonblocking(false).map_err(wrong)?;
                return Ok(socket);
            }
            // A socket that is there and refuses says more than one that is not.
            Err(e) if why.is_none() || e != Errno::ENOENT => {
                let e = if e == Errno::EAGAIN {
                    "it answers nobody".to_owned()
                } else {
                    std::io::Error::from(e).to_string()
                };
                why = Some(format!("no sound server answers at {}: {e}", path.display()));
            }
            Err(_) => {}
        }
    }
    Err(why.unwrap_or_else(|| "no sound server".into()))
}

fn cookie() -> Vec<u8> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let in_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
    [std::env::var_os("PULSE_COOKIE").map(PathBuf::from), in_home(".config/pulse/cookie"), in_home(".pulse-cookie")]
        .into_iter()
        .flatten()
        .find_map(|path| std::fs::read(path).ok())
        // A server that knows us by our user id wants a cookie all the same, and does not look at it.
        .unwrap_or_else(|| vec![0; 256])
}

impl Wire {
    /// Connects and introduces this program. Waits for the server, at most [`PATIENCE`] for each of two answers.
    pub(super) fn open() -> Result<Self, Lost> {
        let mut wire = Self::on(dial(addresses()?)?, protocol::MAX_VERSION, 0)?;
        let version = protocol::MAX_VERSION;
        let auth = AuthParams { version, supports_shm: false, supports_memfd: false, cookie: cookie() };
        let reply: AuthReply = wire.ask(&Command::Auth(auth))?;
        wire.version = version.min(reply.version);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"tricine");
        props.set(Prop::ApplicationId, c"tricine");
        props.set(Prop::ApplicationProcessBinary, c"tricine");
        // The session's own process, which outlives the one that connects.
        if let Ok(pid) = CString::new(parent_id().to_string()) {
            props.set(Prop::ApplicationProcessId, pid);
        }
        let _: SetClientNameReply = wire.ask(&Command::SetClientName(props))?;
        Ok(wire)
    }

    /// Goes on with a connection that others have used.
    pub(super) fn go_on(line: Line) -> Result<Self, Lost> {
        // Answers to a predecessor are still on their way: they must not be taken for ours.
        Self::on(line.socket.into(), line.version, mono_ns() as u32 & 0x3fff_ffff)
    }

    fn on(socket: UnixStream, version: u16, next_seq: u32) -> Result<Self, Lost> {
        let set = socket.set_read_timeout(Some(PATIENCE)).and_then(|()| socket.set_write_timeout(Some(PATIENCE)));
        set.map_err(|e| format!("sound server's socket: {e}"))?;
        Ok(Self { socket, seen: vec![0; 64 << 10], version, next_seq, handed_over: false })
    }

    /// The protocol's version that both sides speak.
    pub(super) fn version(&self) -> u16 {
        self.version
    }

    /// What the server says of itself.
    pub(super) fn server_info(&mut self) -> Result<ServerInfo, Lost> {
        self.ask(&Command::GetServerInfo)
    }

    /// Sends a command and waits for its reply.
    fn ask<T: CommandReply>(&mut self, command: &Command) -> Result<T, Lost> {
        let seq = self.send(command)?;
        loop {
            for message in self.read()? {
                match message.command {
                    Command::Reply if message.seq == seq => return message.reply(),
                    Command::Error(e) if message.seq == seq => return Err(format!("the sound server refuses: {e}")),
                    _ => {}
                }
            }
        }
    }

    /// Sends a command; the number that its reply will have.
    pub(super) fn send(&mut self, command: &Command) -> Result<u32, Lost> {
        let seq = self.next_seq;
        self.next_seq = self.next_seq.wrapping_add(1) & 0x7fff_ffff;
        let mut bytes = Vec::with_capacity(256);
        protocol::write_command_message(&mut bytes, seq, command, self.version).map_err(|e| e.to_string())?;
        self.write(&bytes)?;
        Ok(seq)
    }

    /// Sends samples to a stream.
    pub(super) fn send_samples(&mut self, channel: u32, bytes: &[u8]) -> Result<(), Lost> {
        let flags = protocol::DescriptorFlags::empty();
        let descriptor = protocol::Descriptor { length: bytes.len() as u32, channel, offset: 0, flags };
        let mut head = [0; DESCRIPTOR_SIZE];
        protocol::encode_descriptor(&mut head, &descriptor);
        self.write(&[&head, bytes].concat())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.socket.write_all(bytes).map_err(|e| match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "the sound server does not answer".into(),
            _ => gone(),
        })
    }

    /// Takes the whole messages that have come; waits for something, at most [`PATIENCE`], where nothing has.
    pub(super) fn read(&mut self) -> Result<Vec<Message>, Lost> {
        let fd = self.socket.as_raw_fd();
        let there = match recv(fd, &mut self.seen, MsgFlags::MSG_PEEK) {
            Ok(0) => return Err(gone()),
            Ok(n) => n,
            Err(Errno::EINTR) => return Ok(Vec::new()),
            Err(Errno::EAGAIN) => return Err("the sound server does not answer".into()),
            Err(_) => return Err(gone()),
        };
        let (mut messages, mut taken) = (Vec::new(), 0);
        while let Some((message, len)) = self.parse(self.seen.get(taken..there).unwrap_or_default())? {
            messages.push(message);
            taken += len;
        }
        if taken == 0 {
            if there == self.seen.len() {
                return Err("the sound server sends what cannot be".into());
            }
            // The rest of it is on its way.
            std::thread::sleep(Duration::from_millis(1));
        } else if recv(fd, &mut self.seen[..taken], MsgFlags::empty()) != Ok(taken) {
            return Err(gone());
        }
        Ok(messages)
    }

    /// The first message in `bytes` and its length, if it is all there.
    fn parse(&self, bytes: &[u8]) -> Result<Option<(Message, usize)>, Lost> {
        let Some(head) = bytes.first_chunk::<DESCRIPTOR_SIZE>() else { return Ok(None) };
        let descriptor = protocol::read_descriptor(&mut Cursor::new(head)).map_err(|e| e.to_string())?;
        let end = DESCRIPTOR_SIZE + descriptor.length as usize;
        let Some(body) = bytes.get(DESCRIPTOR_SIZE..end) else { return Ok(None) };
        let mut cursor = Cursor::new(body);
        let read = Command::read_tag_prefixed(&mut cursor, self.version);
        let rest = body.get(cursor.position() as usize..).unwrap_or_default().to_vec();
        let version = self.version;
        // A message that this build does not know is none for us: an acknowledgement of nothing.
        let (seq, command) = read.unwrap_or((u32::MAX, Command::Timeout));
        Ok(Some((Message { seq, command, rest, version }, end)))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if !self.handed_over {
            // The supervisor's copy of the socket would keep the stream alive.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
    }
}

fn gone() -> Lost {
    "the sound server is gone".into()
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{Backlog, bind, listen, socket};

    use super::*;

    #[test]
    fn a_server_that_answers_nobody_is_none_and_holds_up_nobody() {
        let folder = std::env::temp_dir().join(format!("tricine-dial-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (deaf, none) = (folder.join("deaf"), folder.join("none"));
        let server = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(server.as_raw_fd(), &UnixAddr::new(&deaf).unwrap()).unwrap();
        listen(&server, Backlog::new(0).unwrap()).unwrap();
        let mut callers = Vec::new();
        // The queue is short, and whoever calls when it is full would wait for ever.
        let refused = loop {
            match dial(vec![none.clone(), deaf.clone()]) {
                Ok(caller) => callers.push(caller),
                Err(why) => break why,
            }
            assert!(callers.len() < 100);
        };
        let lost = dial(vec![none.clone()]).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(!callers.is_empty() && refused.ends_with("deaf: it answers nobody"), "{refused}");
        assert!(lost.contains("No such file"), "{lost}");
    }
}
