//! iceoryx2.
