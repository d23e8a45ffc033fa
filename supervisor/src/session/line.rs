//! The connection to a sound server, which is made by a process of its own: it finds the server by files of the user's, may wait for it, and hands
//! the connection over. The role gets a copy of it, and the session holds it, so that the stream outlives the role.

use std::os::fd::AsFd;

use tricine_channel::time::mono_ns;
use tricine_session::control::Role;
use tricine_session::link::{SinkSpec, ToRole};

use super::Session;
use crate::probe::Probe;

impl Session {
    /// A role has no connection, and wants one.
    pub(super) fn need_line(&mut self, role: Role, patient: bool) {
        if self.connecting.is_some() {
            // The answer to that will do.
            return;
        }
        let why = match self.sink {
            Some(SinkSpec::Auto | SinkSpec::Pulse) if self.connections.take(mono_ns()) => {
                match Probe::connecting(role, patient) {
                    Ok(probe) => {
                        self.connecting = Some(probe);
                        return;
                    }
                    Err(error) => error.to_string(),
                }
            }
            Some(SinkSpec::Auto | SinkSpec::Pulse) => "no more connections to sound servers for the moment".to_owned(),
            _ => "no sound server is wanted".to_owned(),
        };
        self.say(role, &ToRole::Line(Err(why)));
    }

    /// The process that connects has answered, or has had its time.
    pub(super) fn connected(&mut self) {
        let Some(mut probe) = self.connecting.take() else { return };
        let (role, connection) = (probe.role(), probe.connection());
        self.leaving.extend(probe.end());
        match connection {
            Ok((version, socket)) => {
                self.order(role, &ToRole::Line(Ok(version)), &[socket.as_fd()]);
                self.posts[role].socket.hold(socket);
            }
            Err(why) => self.say(role, &ToRole::Line(Err(why))),
        }
    }

    /// A role that has died needs no connection. Its successor asks for its own.
    pub(super) fn hang_up(&mut self, role: Role) {
        if self.connecting.as_ref().is_some_and(|probe| probe.role() == role) {
            self.leaving.extend(self.connecting.take().and_then(|mut probe| probe.end()));
        }
    }
}
