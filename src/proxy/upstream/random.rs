//! Numbers that are random enough to choose a server by.

use std::cell::Cell;

use super::balance::mix;

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

/// The next one of this thread.
pub(super) fn random() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    mix(state)
}

fn seed() -> u64 {
    // Without a source of chance, threads may well go through the same numbers: balance suffers, nothing else.
    getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()) << 32)
}
