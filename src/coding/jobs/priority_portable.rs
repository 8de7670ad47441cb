//! Elsewhere the nice value is that of the whole process: it stays.

use super::Urgency;

pub(super) fn lower(_: Urgency) {}
