//! mkv
