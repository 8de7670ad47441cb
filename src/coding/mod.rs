//! Content codings (RFC 9110 §8.4): bytes made smaller, and made whole again.
//!
//! 1. `encode`: all bytes at once, quickly or as well as can be, also against a dictionary.
//! 2. `stream`: what is too large for that, or comes from elsewhere, as it passes.
//! 3. `jobs`: where the slow work is done: on few threads that yield to the workers, what somebody waits for first.
//! 4. `decode`: whether coded bytes are what they say.
//! 5. `dictionaries`: former versions of files, to code later ones against.
//! 6. `sidecars`: codings made before anybody asks, as files beside their originals.

pub(crate) mod decode;
pub(crate) mod dictionaries;
pub(crate) mod encode;
pub(crate) mod jobs;
pub(crate) mod sidecars;
pub(crate) mod stream;
