//! The roles of a session, in one list at the end of this file. A new role is one entry there, and an [`Actor`](crate::actor::Actor)
//! in a crate of its own. Nothing else counts roles or knows their order.

use std::mem::offset_of;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::channel::{Kind, Side};
use crate::control::ControlRegion;
use crate::control::pages::{
    AudioPage, DecoderPage, Field, Page, Pulse, ReadOnly, RendererPage, SessionPage, Writable,
};

/// What is to be known of a role.
#[derive(Debug)]
pub struct Entry {
    /// In messages, in `ps`, and in the environment of its process.
    pub name: &'static str,
    /// In sentences.
    pub title: &'static str,
    /// The streams that it works on, and its side of each.
    pub streams: &'static [(Kind, Side)],
    /// What its process inherits besides the control socket, as descriptor [`crate::process::INPUT_FD`].
    pub inherits: Inherits,
    /// Whether its process inherits standard output while pictures are shown on the terminal.
    pub draws: bool,
    /// What it looks for on a machine when it is probed.
    pub looks_for: &'static str,
    /// How long an answer to a probe may take.
    pub answers_within: Duration,
    /// How long it may take to say that it is ready, without a heartbeat.
    pub ready_within: Duration,
    /// How long it may be without a heartbeat after that.
    pub beats_within: Duration,
    /// Frames and blocks that it has handed over, over all its incarnations.
    pub achieved: fn(&ControlRegion) -> u64,
}

/// What a role's process inherits from the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherits {
    /// The open input.
    Input,
    /// The socket to a sound server, which may be a predecessor's connection; or the file that sound is written to.
    Sink,
    /// The socket by which its window belongs to somebody who lives on, which a predecessor's window may be; or the file that is written in
    /// the place of a display.
    Display,
}

impl Role {
    /// Its name.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Its side of a stream, if it works on it.
    pub fn side(self, kind: Kind) -> Option<Side> {
        self.entry().streams.iter().find(|(of, _)| *of == kind).map(|(_, side)| *side)
    }

    /// The kind of stream that its loop waits for, if it consumes one: the first of them.
    pub fn consumes(self) -> Option<Kind> {
        self.entry().streams.iter().find(|(_, side)| *side == Side::Consumer).map(|(kind, _)| *kind)
    }

    /// Who consumes a kind of stream.
    pub fn consumer(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.side(kind) == Some(Side::Consumer))
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing for each role.
#[derive(Debug, Clone)]
pub struct Each<T>([T; Role::ALL.len()]);

impl<T> Each<T> {
    /// Made by a function of the role.
    pub fn new(make: impl FnMut(Role) -> T) -> Self {
        Self(Role::ALL.map(make))
    }

    /// All of them, in the order of [`Role::ALL`].
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }
}

impl<T> Index<Role> for Each<T> {
    type Output = T;

    fn index(&self, role: Role) -> &T {
        &self.0[role as usize]
    }
}

impl<T> IndexMut<Role> for Each<T> {
    fn index_mut(&mut self, role: Role) -> &mut T {
        &mut self.0[role as usize]
    }
}

/// From the list of roles: which there are, the layout of the control region, and who owns which page of it.
macro_rules! roles {
    ($($(#[doc = $doc:literal])* $role:ident, $field:ident: $page:ident = $entry:expr;)*) => {
        /// Which process of a session.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Role {
            $($(#[doc = $doc])* $role,)*
        }

        impl Role {
            /// All of them.
            pub const ALL: [Self; [$(stringify!($role)),*].len()] = [$(Self::$role),*];

            /// What is to be known of it.
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$role => const { &$entry },)*
                }
            }
        }

        tricine_channel::shared_words! {
            #[repr(C)]
            pub(crate) struct Pages {
                pub(crate) session: SessionPage<ReadOnly>,
                $($field: $page<ReadOnly>,)*
            }
        }

        /// The control region's pages: whose each is, where it begins, and its fields. For `docs/layout.md`.
        pub const PAGES: &[(&str, usize, &[Field])] = &[
            ("supervisor", offset_of!(Pages, session), SessionPage::<ReadOnly>::FIELDS),
            $((Role::$role.entry().title, offset_of!(Pages, $field), $page::<ReadOnly>::FIELDS),)*
        ];

        impl ControlRegion {
            $(
                #[doc = concat!("The page of the ", stringify!($field), " role.")]
                pub fn $field(&self) -> &$page<ReadOnly> {
                    &self.pages().$field
                }
            )*

            /// A role's pulse.
            pub fn pulse(&self, role: Role) -> &Pulse<ReadOnly> {
                match role {
                    $(Role::$role => &self.pages().$field.pulse,)*
                }
            }
        }

        $(
            impl Page for $page<Writable> {
                const ROLE: Role = Role::$role;
                const OFFSET: usize = offset_of!(Pages, $field);

                fn pulse(&self) -> &Pulse<Writable> {
                    &self.pulse
                }
            }

            // It is mapped by itself, so it has to begin on a page.
            const _: () = assert!(offset_of!(Pages, $field).is_multiple_of(4096));
        )*
    };
}

const S: Duration = Duration::from_secs(1);

roles! {
    /// Reads the media and publishes every stream.
    Decoder, decoder: DecoderPage = Entry {
        name: "decoder",
        title: "decoder",
        streams: &[(Kind::Video, Side::Producer), (Kind::Audio, Side::Producer), (Kind::Cues, Side::Producer)],
        inherits: Inherits::Input,
        draws: false,
        looks_for: "decoders",
        answers_within: S.saturating_mul(5),
        ready_within: S.saturating_mul(10),
        beats_within: S.saturating_mul(2),
        achieved: |control| {
            let page = control.decoder();
            page.video_published.get().saturating_add(page.audio_published.get())
        },
    };
    /// Plays the sound and publishes the media clock.
    Audio, audio: AudioPage = Entry {
        name: "audio",
        title: "audio role",
        streams: &[(Kind::Audio, Side::Consumer)],
        inherits: Inherits::Sink,
        draws: false,
        looks_for: "sound server",
        answers_within: S.saturating_mul(5),
        ready_within: S.saturating_mul(10),
        beats_within: S.saturating_mul(2),
        achieved: |control| control.audio().received.get(),
    };
    /// Shows the pictures.
    Renderer, renderer: RendererPage = Entry {
        name: "renderer",
        title: "renderer",
        streams: &[(Kind::Video, Side::Consumer), (Kind::Cues, Side::Consumer)],
        inherits: Inherits::Display,
        draws: true,
        looks_for: "display",
        answers_within: S.saturating_mul(2),
        ready_within: S.saturating_mul(10),
        beats_within: S.saturating_mul(2),
        achieved: |control| control.renderer().received.get(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_known_by_its_name_and_each_stream_has_two_ends() {
        for role in Role::ALL {
            assert_eq!(Role::named(role.name()), Some(role));
            assert_eq!(Each::new(|role| role.name())[role], role.name());
        }
        assert_eq!(Role::named("janitor"), None);
        for kind in [Kind::Video, Kind::Audio, Kind::Cues] {
            for side in [Side::Producer, Side::Consumer] {
                let there = Role::ALL.into_iter().filter(|role| role.side(kind) == Some(side));
                assert_eq!(there.count(), 1, "{side:?} of {kind}");
            }
            assert_eq!(Role::consumer(kind).and_then(|role| role.side(kind)), Some(Side::Consumer));
        }
    }
}
