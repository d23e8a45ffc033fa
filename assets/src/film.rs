//! The film's measures and its chapters.

/// Frames per second.
pub(crate) const FPS: u32 = 30;
/// Length in seconds.
pub(crate) const SECONDS: u32 = 40;
/// Length in frames.
pub(crate) const FRAMES: u32 = SECONDS * FPS;
/// Size of the picture in pixels.
pub(crate) const SIZE: (usize, usize) = (1280, 720);
/// Chapters, the end card included.
pub(crate) const LAST: u32 = 7;

/// What a chapter draws the eye to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Light {
    /// The roles, one after the other.
    Roles,
    Slots,
    Seq,
    Released,
    Bells,
    Decoder,
    Renderer,
    Nothing,
}

/// What the story says from a moment on.
pub(crate) struct Chapter {
    /// First frame.
    pub(crate) from: u32,
    /// Its number, from 1. Neighbours with the same number are one chapter.
    pub(crate) number: u32,
    pub(crate) light: Light,
    /// The large line.
    pub(crate) title: &'static str,
    /// The small line.
    pub(crate) line: &'static str,
}

/// The story, in order.
pub(crate) const CHAPTERS: [Chapter; 12] = [
    chapter(
        0,
        1,
        Light::Roles,
        "three processes, one film",
        "decoder, audio and renderer run apart from each other; a supervisor watches over them",
    ),
    chapter(
        150,
        2,
        Light::Slots,
        "frames pass through shared memory",
        "three slots, used in turn: the decoder fills one while the renderer shows another",
    ),
    chapter(
        300,
        3,
        Light::Seq,
        "each word has one writer",
        "the decoder writes seq: the frame with this number is complete here",
    ),
    chapter(
        390,
        3,
        Light::Released,
        "each word has one writer",
        "the renderer writes released: frames up to this number are done with, their slots free",
    ),
    chapter(
        495,
        4,
        Light::Bells,
        "a semaphore is a doorbell: it wakes, it owns nothing",
        "«filled» wakes the renderer, «empty» wakes the decoder; the words say what is true",
    ),
    chapter(600, 5, Light::Decoder, "kill -9 the decoder …", "it dies in the middle of a frame"),
    chapter(
        663,
        5,
        Light::Decoder,
        "… and there is nothing to repair",
        "the half-written frame was never published: seq is as before, the slot still free",
    ),
    chapter(
        768,
        5,
        Light::Decoder,
        "… the film goes on",
        "a new decoder filled the slot again: no frame lost, none twice",
    ),
    chapter(840, 6, Light::Renderer, "kill -9 the renderer …", "it dies before its frame is on the screen"),
    chapter(
        912,
        6,
        Light::Renderer,
        "… and there is nothing to repair",
        "the frame was never released: the next renderer is given it again",
    ),
    chapter(1008, 6, Light::Renderer, "… the film goes on", "recovery rang both bells; it did nothing to any frame"),
    chapter(1074, LAST, Light::Nothing, "", ""),
];

const fn chapter(from: u32, number: u32, light: Light, title: &'static str, line: &'static str) -> Chapter {
    Chapter { from, number, light, title, line }
}

/// The chapter of a frame.
pub(crate) fn chapter_at(frame: u32) -> &'static Chapter {
    CHAPTERS.iter().rev().find(|c| c.from <= frame).unwrap_or(&CHAPTERS[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{DECODER_CRASH, RENDERER_CRASH};

    #[test]
    fn chapters_are_in_order_and_each_stays_long_enough_to_be_read() {
        let ends = CHAPTERS.iter().skip(1).map(|c| c.from).chain([FRAMES]);
        for (chapter, end) in CHAPTERS.iter().zip(ends) {
            // Five words a second can be read.
            let words = chapter.line.split(' ').count() as u32;
            assert!(end - chapter.from >= words * FPS / 5, "{}", chapter.line);
        }
        assert_eq!((CHAPTERS[0].number, CHAPTERS[CHAPTERS.len() - 1].number), (1, LAST));
        assert!(CHAPTERS.windows(2).all(|pair| pair[1].number - pair[0].number <= 1));
    }

    #[test]
    fn each_death_is_announced_by_its_caption_and_over_before_the_next_chapter() {
        for ([killed, _, started], light) in [(DECODER_CRASH, Light::Decoder), (RENDERER_CRASH, Light::Renderer)] {
            let caption = chapter_at(killed);
            assert!(caption.title.starts_with("kill -9") && caption.light == light, "{}", caption.title);
            assert!(chapter_at(started).light == light);
        }
    }
}
