//! Recovery used wrongly, on purpose: so that a proof can show that the player's tests would see it if the supervisor did. With the
//! feature `seeded-bugs`, [`crate::channel`] has the functions here instead of the channel's own; they differ only if [`ENV`] names
//! a misuse.

macro_rules! misuses {
    ($($(#[$doc:meta])* $misuse:ident = $name:literal,)*) => {
        /// A way for a supervisor to use recovery wrongly.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Misuse {
            $($(#[$doc])* $misuse,)*
        }

        impl Misuse {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$misuse),*];

            /// Its name, for the environment and for tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$misuse => $name,)*
                }
            }
        }
    };
}

misuses! {
    /// The channel of the pictures is not recovered.
    VideoNotRecovered = "video-not-recovered",
    /// The channel of the sound is not recovered.
    AudioNotRecovered = "audio-not-recovered",
    /// The side that lives is recovered, and not the dead one.
    LivingSideRecovered = "living-side-recovered",
    /// A region whose stream goes on in another one is not recovered.
    OldGenerationForgotten = "old-generation-forgotten",
    /// Of a dead consumer's frames, the one after that which killed it twice is discarded.
    WrongFrameDiscarded = "wrong-frame-discarded",
    /// What a dead consumer held is discarded at its first death.
    EveryFrameDiscarded = "every-frame-discarded",
}

/// The environment variable that chooses one by name.
pub const ENV: &str = "TRICINE_SEEDED_MISUSE";

#[cfg(feature = "seeded-bugs")]
pub use seeded::{discard, recover};

#[cfg(feature = "seeded-bugs")]
mod seeded {
    use std::sync::OnceLock;
    use std::sync::atomic::Ordering::SeqCst;

    use tricine_channel::Result;
    use tricine_channel::channel::{self, Region, Side};
    use tricine_channel::sys::process::Reaped;

    use super::{ENV, Misuse};

    /// The one that the environment chooses. A name that is none ends the process: a proof that ran without the misuse that it was asked
    /// for would look as if it had missed it.
    fn chosen() -> Option<Misuse> {
        static CHOSEN: OnceLock<Option<Misuse>> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let name = std::env::var(ENV).ok()?;
            let misuse = Misuse::ALL.iter().copied().find(|misuse| misuse.name() == name);
            if misuse.is_none() {
                eprintln!("{ENV}={name}: no such misuse");
                std::process::exit(2);
            }
            misuse
        })
    }

    /// [`channel::recover`], or what the misuse makes of it.
    pub fn recover(region: &Region, dead: Side, reaped: &Reaped) -> Result<()> {
        let carries = |kind: &str| region.name().to_string().contains(kind);
        let goes_on_elsewhere = region.words().producer.successor.0.load(SeqCst) != 0;
        match chosen() {
            Some(Misuse::VideoNotRecovered) if carries(".video.") => Ok(()),
            Some(Misuse::AudioNotRecovered) if carries(".audio.") => Ok(()),
            Some(Misuse::LivingSideRecovered) => channel::recover(region, dead.other(), reaped),
            Some(Misuse::OldGenerationForgotten) if goes_on_elsewhere => Ok(()),
            Some(Misuse::EveryFrameDiscarded) if dead == Side::Consumer => {
                let held = channel::held_by_consumer(region);
                held.map_or(Ok(()), |n| channel::discard(region, n, reaped))?;
                channel::recover(region, dead, reaped)
            }
            _ => channel::recover(region, dead, reaped),
        }
    }

    /// [`channel::discard`], or what the misuse makes of it.
    pub fn discard(region: &Region, n: u64, reaped: &Reaped) -> Result<()> {
        let wrong = chosen() == Some(Misuse::WrongFrameDiscarded);
        channel::discard(region, n + u64::from(wrong), reaped)
    }
}
