//! What WebAssembly exports, for a page that has no other way in than numbers: `room(n)` gives the address of n bytes for a question,
//! `ask()` answers it and gives the address of the answer, `answered()` its length in bytes. Both are UTF-8. An answer stays until the
//! next question.
//!
//! No pointer is read here. The page writes into the memory of a vector that Rust owns, as a system call would.

#![allow(unsafe_code)] // For `no_mangle` alone: there is no unsafe block.

use std::sync::{Mutex, PoisonError};

/// The question, then its answer.
static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

// SAFETY (of the three names): nothing else in the module exports `room`, `ask` or `answered`, neither std nor an allocator.

/// Room for a question of so many bytes; all zero until the page writes there.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    let mut text = TEXT.lock().unwrap_or_else(PoisonError::into_inner);
    *text = vec![0; bytes];
    text.as_mut_ptr()
}

/// Answers what lies in the room, and puts the answer there.
#[unsafe(no_mangle)]
pub extern "C" fn ask() -> *const u8 {
    let mut text = TEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let question = String::from_utf8_lossy(&text).into_owned();
    *text = super::answer(&question).into_bytes();
    text.as_ptr()
}

/// The length of the answer.
#[unsafe(no_mangle)]
pub extern "C" fn answered() -> usize {
    TEXT.lock().unwrap_or_else(PoisonError::into_inner).len()
}
