//! How a server's status is shown to a person: the same words and columns in `daemun status` and `daemun top`.
//!
//! 1. `figures`: numbers, with three digits and a unit.
//! 2. `clean`: nothing that a client sent is taken for a command by the terminal.
//! 3. `grid`: columns.
//! 4. `sections`: which figures, of what.

pub(super) mod clean;
pub(super) mod figures;
pub(super) mod grid;
pub(super) mod sections;
