//! Which parameter sets the careful decoder has to be given again. Of sequences, it takes the last one that it was given for the one
//! in force where it counts references, and what a picture's parameters leave to the sequence's it looks up when it reads them. So
//! where a sequence is not the last one, or came after its pictures' parameters, both are given again in front of a picture.

use super::super::slice::Pps;

/// The latest sets of each number, as they came.
#[derive(Debug, Default)]
pub(super) struct Active {
    /// With their numbers.
    sequences: Vec<(u32, Vec<u8>)>,
    /// With their own numbers and their sequences'.
    pictures: Vec<(u32, u32, Vec<u8>)>,
    /// The sequence that was given last, if its pictures' parameters were given after it.
    given: Option<u32>,
}

impl Active {
    /// Takes a sequence's unit.
    pub(super) fn take_sequence(&mut self, id: u32, nal: &[u8]) {
        self.sequences.retain(|(known, _)| *known != id);
        self.sequences.push((id, nal.to_vec()));
        self.forget();
    }

    /// Takes a picture's parameters.
    pub(super) fn take_picture(&mut self, pps: &Pps) {
        self.pictures.retain(|(known, ..)| *known != pps.id);
        self.pictures.push((pps.id, pps.sequence, pps.bytes.clone()));
    }

    /// The decoder is a new one, or was given a sequence.
    pub(super) fn forget(&mut self) {
        self.given = None;
    }

    /// What is to be given in front of a picture of a sequence, with start codes.
    pub(super) fn begin(&mut self, sequence: u32) -> Vec<u8> {
        if self.given.replace(sequence) == Some(sequence) {
            return Vec::new();
        }
        let own = self.sequences.iter().filter(|(id, _)| *id == sequence).map(|(_, nal)| nal);
        let pictures = self.pictures.iter().filter(|(_, of, _)| *of == sequence).map(|(.., nal)| nal);
        own.chain(pictures).flat_map(|nal| [&[0, 0, 1], nal.as_slice()].concat()).collect()
    }
}
