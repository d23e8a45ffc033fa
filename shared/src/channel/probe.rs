//! Named protocol steps. Tests, lessons and traces all call a step by these names.

/// A step of the protocol, hit just after it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Step {
    /// The producer is about to wait for `empty`.
    ProducerWait,
    /// The producer took a token from `empty`.
    ProducerWoken,
    /// The producer owns a slot: FREE → WRITING (or, in a mailbox, knows its back slot).
    ProducerClaimed,
    /// The meta is written; the payload was before.
    MetaWritten,
    /// The frame is visible: WRITING → READY (or the mailbox's swap).
    Published,
    /// The producer rang `filled`.
    FilledRung,
    /// The producer gave its slot back unpublished.
    Abandoned,
    /// The consumer is about to wait for `filled`.
    ConsumerWait,
    /// The consumer took a token from `filled`.
    ConsumerWoken,
    /// The consumer owns a slot: READY → READING (or the mailbox's swap).
    ConsumerClaimed,
    /// The consumer recorded the frame as done.
    DoneRecorded,
    /// The slot is the producer's again: READING → FREE.
    Released,
    /// The consumer rang `empty`.
    EmptyRung,
    /// Recovery set a dead side's slot right.
    SlotReset,
    /// Recovery rang both doorbells.
    RecoveryRung,
}

/// Marks a step. Nothing at all unless the crate is built with the feature `probe`.
#[inline(always)]
pub fn hit(_step: Step) {
    #[cfg(feature = "probe")]
    if let Some(hook) = HOOK.get() {
        hook(_step);
    }
}

#[cfg(feature = "probe")]
static HOOK: std::sync::OnceLock<fn(Step)> = std::sync::OnceLock::new();

/// Installs the function that every step calls, once a process. Only with the feature `probe`.
#[cfg(feature = "probe")]
pub fn install(hook: fn(Step)) -> bool {
    HOOK.set(hook).is_ok()
}
