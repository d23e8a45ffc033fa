//! A connection to a sound server that speaks PulseAudio's protocol: PulseAudio itself, or PipeWire in its stead.
//!
//! The `pulseaudio` crate's messages are used, not its client: that one drops the news this role lives by (a stream
//! killed, run dry, moved) and calls back for samples from a thread of its own.

use std::ffi::CString;
use std::io::{Cursor, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use pulseaudio::protocol::{self, AuthParams, AuthReply, Command, CommandReply, Prop, Props, TagStructReader};
use pulseaudio::protocol::{DESCRIPTOR_SIZE, ServerInfo, SetClientNameReply};

/// How long a server may take over one answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);
/// No message to a playing client comes near this.
const LONGEST: usize = 1 << 20;

/// Why there is no server, or none any more: words for the user.
pub(super) type Lost = String;

/// A connection, introduced.
#[derive(Debug)]
pub(super) struct Wire {
    socket: UnixStream,
    inbox: Vec<u8>,
    version: u16,
    next_seq: u32,
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

/// Connects to the first server that listens.
fn connect() -> Result<UnixStream, Lost> {
    let mut why = None;
    for path in addresses()? {
        match UnixStream::connect(&path) {
            Ok(socket) => return Ok(socket),
            // A socket that is there and refuses says more than one that is not.
            Err(e) if why.is_none() || e.kind() != ErrorKind::NotFound => {
                why = Some(format!("no sound server answers at {}: {e}", path.display()));
            }
            Err(_) => {}
        }
    }
    Err(why.unwrap_or_else(|| "no sound server".into()))
}

/// Whether a server listens, without a word to it.
pub(crate) fn reachable() -> bool {
    connect().is_ok()
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
        let socket = connect()?;
        let set = socket.set_read_timeout(Some(PATIENCE)).and_then(|()| socket.set_write_timeout(Some(PATIENCE)));
        set.map_err(|e| format!("sound server's socket: {e}"))?;
        let mut wire = Self { socket, inbox: Vec::new(), version: protocol::MAX_VERSION, next_seq: 0 };
        let version = protocol::MAX_VERSION;
        let auth = AuthParams { version, supports_shm: false, supports_memfd: false, cookie: cookie() };
        let reply: AuthReply = wire.ask(&Command::Auth(auth))?;
        wire.version = version.min(reply.version);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"tricine");
        props.set(Prop::ApplicationId, c"tricine");
        props.set(Prop::ApplicationProcessBinary, c"tricine");
        if let Ok(pid) = CString::new(std::process::id().to_string()) {
            props.set(Prop::ApplicationProcessId, pid);
        }
        let _: SetClientNameReply = wire.ask(&Command::SetClientName(props))?;
        Ok(wire)
    }

    /// What the server says of itself.
    pub(super) fn server_info(&mut self) -> Result<ServerInfo, Lost> {
        self.ask(&Command::GetServerInfo)
    }

    /// Sends a command and waits for its reply.
    fn ask<T: CommandReply>(&mut self, command: &Command) -> Result<T, Lost> {
        let seq = self.send(command)?;
        loop {
            self.read()?;
            while let Some(message) = self.next()? {
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
        self.write(&head)?;
        self.write(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.socket.write_all(bytes).map_err(|e| match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "the sound server does not answer".into(),
            _ => gone(),
        })
    }

    /// Reads what has come; waits for it, at most [`PATIENCE`], where nothing has.
    pub(super) fn read(&mut self) -> Result<(), Lost> {
        let mut buffer = [0; 16 << 10];
        match self.socket.read(&mut buffer) {
            Ok(0) => Err(gone()),
            Ok(n) => {
                self.inbox.extend_from_slice(&buffer[..n]);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err("the sound server does not answer".into())
            }
            Err(_) => Err(gone()),
        }
    }

    /// The next whole message that was read.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Lost> {
        let Some(head) = self.inbox.first_chunk::<DESCRIPTOR_SIZE>() else { return Ok(None) };
        let descriptor = protocol::read_descriptor(&mut Cursor::new(head)).map_err(|e| e.to_string())?;
        let end = DESCRIPTOR_SIZE + descriptor.length as usize;
        if end > LONGEST {
            return Err("the sound server sends what cannot be".into());
        }
        let Some(body) = self.inbox.get(DESCRIPTOR_SIZE..end) else { return Ok(None) };
        let mut cursor = Cursor::new(body);
        let read = Command::read_tag_prefixed(&mut cursor, self.version);
        let rest = body.get(cursor.position() as usize..).unwrap_or_default().to_vec();
        self.inbox.drain(..end);
        let version = self.version;
        // A message that this build does not know is none for us: an acknowledgement of nothing.
        let (seq, command) = read.unwrap_or((u32::MAX, Command::Timeout));
        Ok(Some(Message { seq, command, rest, version }))
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
