//! The film's measures and its chapters.

/// Frames a second.
pub(crate) const FPS: u32 = 30;
/// Length in seconds.
pub(crate) const SECONDS: u32 = 32;
/// Length in frames.
pub(crate) const FRAMES: u32 = SECONDS * FPS;
/// Size of the picture in pixels.
pub(crate) const SIZE: (usize, usize) = (1280, 720);

/// What the story says from a moment on.
pub(crate) struct Chapter {
    /// First frame.
    pub(crate) from: u32,
    /// The large line; lines with the same number and title are one chapter whose small line changes.
    pub(crate) title: &'static str,
    /// The small line.
    pub(crate) line: &'static str,
    /// Its number, from 1.
    pub(crate) number: u32,
}

/// The story, in order.
pub(crate) const CHAPTERS: [Chapter; 12] = [
    chapter(
        0,
        1,
        "three processes, one film",
        "decoder, audio and renderer each live alone; a supervisor watches over them",
    ),
    chapter(150, 2, "frames travel in shared memory", "frame n goes to slot n mod 3: nothing is sent through a pipe"),
    chapter(234, 2, "frames travel in shared memory", "FREE → WRITING → READY → READING → FREE"),
    chapter(
        300,
        3,
        "a semaphore is a doorbell: it rings, it owns nothing",
        "«filled» wakes the renderer, «empty» wakes the decoder",
    ),
    chapter(
        360,
        3,
        "a semaphore is a doorbell: it rings, it owns nothing",
        "who owns a slot is written in the slot, where a crash cannot lose it",
    ),
    chapter(450, 4, "kill -9 the decoder …", "it dies while it writes: one slot is left half done"),
    chapter(522, 4, "… the slot is recovered", "WRITING → FREE: the supervisor takes back what nobody owns any more"),
    chapter(594, 4, "… and the film goes on", "a new decoder, the same number: no gap, no frame twice"),
    chapter(660, 5, "kill -9 the renderer …", "the frame it reads is still whole"),
    chapter(
        708,
        5,
        "… the frame is delivered again",
        "READING → READY: the next renderer gets it; the sound never stopped",
    ),
    chapter(780, 5, "… and the film goes on", "restart is the same code as start"),
    chapter(840, 6, "", ""),
];

const fn chapter(from: u32, number: u32, title: &'static str, line: &'static str) -> Chapter {
    Chapter { from, title, line, number }
}

/// The chapter of a frame.
pub(crate) fn chapter_at(frame: u32) -> &'static Chapter {
    CHAPTERS.iter().rev().find(|c| c.from <= frame).unwrap_or(&CHAPTERS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_in_order_and_each_stays_long_enough_to_be_read() {
        let ends = CHAPTERS.iter().skip(1).map(|c| c.from).chain([FRAMES]);
        for (chapter, end) in CHAPTERS.iter().zip(ends) {
            // Five words a second can be read.
            let words = chapter.line.split(' ').count() as u32;
            assert!(end - chapter.from >= words * FPS / 5, "{}", chapter.line);
        }
        assert_eq!(CHAPTERS.map(|c| c.number).first(), Some(&1));
        assert!(CHAPTERS.windows(2).all(|pair| pair[1].number - pair[0].number <= 1));
    }
}
