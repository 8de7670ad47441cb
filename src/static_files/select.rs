//! Step 4: which coding of a file is sent. A sidecar (`app.js.br` beside `app.js`) is used while it is at least as new as the file, and
//! only when it decodes to the file.

use std::io;
use std::sync::Arc;

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::Files;
use super::cache::Found;
use super::docroot::{Kind, Stamp};
use super::outcome::Selected;
use super::representation::Representation;
use crate::coding::decode;
use crate::header::accept_encoding::{CodingSet, ContentCoding, negotiate};

const SIDECARS: [ContentCoding; 3] = [
    ContentCoding::Brotli,
    ContentCoding::Zstd,
    ContentCoding::Gzip,
];

impl Files {
    pub(super) async fn select(&self, file: Arc<Representation>, headers: &HeaderMap) -> Selected {
        if !self.settings.sidecars {
            return Selected {
                negotiable: false,
                ..Selected::identity(file)
            };
        }
        if file.negotiable && !headers.contains_key(ACCEPT_ENCODING) {
            return Selected::identity(file);
        }
        let mut offered = self.sidecars_of(&file);
        let negotiable = file.negotiable || !offered.is_empty();
        while !offered.is_empty() {
            let coding = negotiate(headers, offered);
            if coding == ContentCoding::Identity {
                break;
            }
            if let Some(sidecar) = Box::pin(self.sidecar(&file, coding)).await {
                let selected = Selected::coded(file, sidecar, coding);
                return Selected {
                    negotiable,
                    ..selected
                };
            }
            offered.remove(coding);
            file.sidecars.write(offered.bits());
        }
        Selected {
            negotiable,
            ..Selected::identity(file)
        }
    }

    /// Looks for sidecars once a second; whether one is still good is checked whenever it is used.
    fn sidecars_of(&self, file: &Representation) -> CodingSet {
        if let Some(bits) = file.sidecars.read() {
            return CodingSet::from_bits(bits);
        }
        let mut found = CodingSet::default();
        let is_sidecar = SIDECARS
            .iter()
            .any(|coding| file.path.ends_with(coding.extension()));
        if !is_sidecar {
            for coding in SIDECARS {
                let path = [&*file.path, coding.extension()].concat();
                if let Ok(Kind::File(stamp)) = self.docroot.stat(&path)
                    && !stamp.is_older_than(&file.stamp)
                {
                    found.insert(coding);
                }
            }
        }
        file.sidecars.write(found.bits());
        found
    }

    /// The sidecar, when it is as new as the file and decodes to it.
    async fn sidecar(
        &self,
        file: &Arc<Representation>,
        coding: ContentCoding,
    ) -> Option<Arc<Representation>> {
        let path = [&*file.path, coding.extension()].concat();
        // Twice: a sidecar that was found good for a former state of the file is read and looked at anew.
        for _ in 0..2 {
            let found = self
                .cache
                .find(&self.docroot, &path, || self.media_type(&path))
                .await;
            let Found::File(sidecar) = found else {
                return None;
            };
            if sidecar.stamp.is_older_than(&file.stamp) {
                return None;
            }
            let verify = || self.verify(Arc::clone(file), Arc::clone(&sidecar), coding);
            let (stamp, is_good) = *sidecar.verified.get_or_init(verify).await;
            if stamp == file.stamp {
                return is_good.then_some(sidecar);
            }
            self.cache.forget(&self.docroot, &path);
        }
        None
    }

    async fn verify(
        &self,
        file: Arc<Representation>,
        sidecar: Arc<Representation>,
        coding: ContentCoding,
    ) -> (Stamp, bool) {
        let (stamp, docroot) = (file.stamp, self.docroot.clone());
        let verified = tokio::task::spawn_blocking(move || {
            let is_good =
                decode::decodes_to(coding, sidecar.reader(&docroot)?, file.reader(&docroot)?);
            if !is_good {
                tracing::warn!(
                    sidecar = %sidecar.path,
                    "does not decode to the file beside it, and is not served; make it again"
                );
            }
            io::Result::Ok(is_good)
        });
        let is_good = verified
            .await
            .map_err(io::Error::other)
            .flatten()
            .unwrap_or(false);
        (stamp, is_good)
    }
}
