//! Whether a sidecar is what it should be, without changing anything.

use std::io;

use super::find::Original;
use super::folder::{Folder, Stamp};
use super::{SidecarCoding, SidecarState};
use crate::coding::decode::decodes_to;

/// The length of the original, and what is to be said.
pub(super) fn check(
    folder: &Folder,
    original: &Original,
    coding: SidecarCoding,
) -> io::Result<(u64, SidecarState)> {
    let (file, metadata) = folder.read_original(&original.name)?;
    let length = metadata.len();
    let (sidecar, coded) = match folder.read(&[&original.name, coding.extension()].concat()) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((length, SidecarState::Missing));
        }
        Err(error) => return Err(error),
    };
    let state = if Stamp::of(&coded).is_older_than(&Stamp::of(&metadata)) {
        SidecarState::Stale
    } else if decodes_to(coding.content_coding(), sidecar, file) {
        SidecarState::Fresh(coded.len())
    } else {
        SidecarState::Broken
    };
    Ok((length, state))
}
