//! One sidecar is made, if there is none that is good.
//!
//! 1. One that decodes to its original is kept; if it is older (a checkout gives every file the time of that moment), it gets the time of its
//!    original. One that is younger and holds something else is left alone, and told.
//! 2. The original is coded as well as can be: in memory, or from file to file when it is large.
//! 3. What saves too little is not kept, nor is what was there before, which is not good.
//! 4. What was made is decoded and compared: nothing else is served either.
//! 5. It takes its place by a rename, if the original is still the one that was read. Otherwise all begins anew.

use std::fs::{File, FileTimes, Metadata};
use std::io::{self, Read as _, Seek as _, Write as _};

use super::find::Original;
use super::folder::{Folder, Stamp, Temporary};
use super::streamed;
use super::work::Stop;
use super::{SidecarCoding, SidecarState};
use crate::coding::decode::{decodes_to, is_sound};
use crate::coding::encode::{Effort, encode};

/// Larger files are not held in memory, in bytes.
const LARGE: u64 = 64 << 20;

/// How often an original may change while it is coded.
const TRIES: u32 = 4;

/// One file in one coding.
pub(super) struct Maker<'a> {
    pub(super) folder: &'a Folder,
    pub(super) original: &'a Original,
    pub(super) coding: SidecarCoding,
    pub(super) stop: &'a Stop,
    /// Larger files are coded from file to file. [`LARGE`], but for tests.
    pub(super) large: u64,
}

impl<'a> Maker<'a> {
    pub(super) fn new(
        folder: &'a Folder,
        original: &'a Original,
        coding: SidecarCoding,
        stop: &'a Stop,
    ) -> Self {
        Self {
            folder,
            original,
            coding,
            stop,
            large: LARGE,
        }
    }

    /// The length of the original, and what came of it.
    pub(super) fn make(&self) -> io::Result<(u64, SidecarState)> {
        for _ in 0..TRIES {
            let (file, metadata) = self.folder.read_original(&self.original.name)?;
            if let Some(length) = self.kept(&file, &metadata)? {
                return Ok((metadata.len(), SidecarState::Fresh(length)));
            }
            let made = if metadata.len() <= self.large {
                self.in_memory(file, &metadata)?
            } else {
                self.file_to_file(&file, &metadata)?
            };
            if let Some(state) = made {
                return Ok((metadata.len(), state));
            }
        }
        Err(io::Error::other("changes again and again while it is read"))
    }

    fn name(&self) -> String {
        [&self.original.name, self.coding.extension()].concat()
    }

    fn is_coding_of(&self, coded: impl io::Read, mut file: &File) -> io::Result<bool> {
        file.rewind()?;
        let is_coding = decodes_to(self.coding.content_coding(), coded, file);
        file.rewind()?;
        Ok(is_coding)
    }

    /// The length of the sidecar that is there, if it is good.
    fn kept(&self, file: &File, original: &Metadata) -> io::Result<Option<u64>> {
        let (sidecar, metadata) = match self.folder.read(&self.name()) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Made anew, if the folder allows it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_stale = Stamp::of(&metadata).is_older_than(&Stamp::of(original));
        if !self.is_coding_of(&sidecar, file)? {
            return self.replaceable(sidecar, original, &metadata);
        }
        let times = FileTimes::new().set_modified(original.modified()?);
        // Only the owner may: what belongs to another is made anew.
        let is_good = !is_stale || sidecar.set_times(times).is_ok();
        Ok(is_good.then_some(metadata.len()))
    }

    /// A whole coding of something else that came after the original may be somebody's only copy of it: it is not ours to overwrite.
    fn replaceable(
        &self,
        mut sidecar: File,
        original: &Metadata,
        metadata: &Metadata,
    ) -> io::Result<Option<u64>> {
        sidecar.rewind()?;
        let is_younger = Stamp::of(original).is_older_than(&Stamp::of(metadata));
        if is_younger && is_sound(self.coding.content_coding(), &sidecar) {
            return Err(io::Error::other(
                "is younger than its original and holds something else: it is left as it is; move it away, or remove it",
            ));
        }
        Ok(None)
    }

    /// `None`: the original changed meanwhile.
    fn in_memory(&self, mut file: File, original: &Metadata) -> io::Result<Option<SidecarState>> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let coded = encode(self.coding.content_coding(), Effort::Best, &bytes)?;
        if !is_worthwhile(bytes.len() as u64, coded.len() as u64) {
            return self.unwanted(original);
        }
        if !decodes_to(self.coding.content_coding(), &coded[..], &bytes[..]) {
            return Err(wrongly_coded());
        }
        let _writing = self.stop.writing()?;
        let mut temporary = self.folder.temporary()?;
        temporary.file.write_all(&coded)?;
        self.put(temporary, original, coded.len() as u64)
    }

    /// The same with a file of any length.
    fn file_to_file(&self, file: &File, original: &Metadata) -> io::Result<Option<SidecarState>> {
        let _writing = self.stop.writing()?;
        let temporary = self.folder.temporary()?;
        let go_on = || self.stop.go_on();
        streamed::encode(self.coding, original.len(), file, &temporary.file, go_on)?;
        let length = temporary.file.metadata()?.len();
        if !is_worthwhile(original.len(), length) {
            return self.unwanted(original);
        }
        (&temporary.file).rewind()?;
        if !self.is_coding_of(&temporary.file, file)? {
            return if self.is_current(original) {
                Err(wrongly_coded())
            } else {
                Ok(None)
            };
        }
        self.put(temporary, original, length)
    }

    /// Only what belongs to the original as it is now.
    fn put(
        &self,
        temporary: Temporary<'_>,
        original: &Metadata,
        length: u64,
    ) -> io::Result<Option<SidecarState>> {
        temporary.resemble(original)?;
        if !self.is_current(original) {
            return Ok(None);
        }
        match temporary.rename(&self.name()) {
            Ok(()) => Ok(Some(SidecarState::Made(length))),
            // Another run took it for left over, in the instant before it was locked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn unwanted(&self, original: &Metadata) -> io::Result<Option<SidecarState>> {
        if !self.is_current(original) {
            return Ok(None);
        }
        match self.folder.remove(&self.name()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Some(SidecarState::NotWorthwhile)),
        }
    }

    fn is_current(&self, original: &Metadata) -> bool {
        self.folder
            .still_holds(&self.original.name, &Stamp::of(original))
    }
}

/// Whether a coding saves at least 5 %.
fn is_worthwhile(length: u64, coded: u64) -> bool {
    u128::from(coded) * 100 <= u128::from(length) * 95
}

fn wrongly_coded() -> io::Error {
    io::Error::other("what was coded does not decode to it: please report this, with the file")
}

#[cfg(test)]
mod tests;
