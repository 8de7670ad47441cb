//! Step 4: which coding of a file is sent. A sidecar (`app.js.br` beside `app.js`) is used while it is at least as new as the file.

use std::sync::Arc;

use http::HeaderMap;

use super::Files;
use super::cache::Found;
use super::docroot::Kind;
use super::outcome::Selected;
use super::representation::Representation;
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
        let mut offered = self.sidecars_of(&file);
        let negotiable = file.negotiable || !offered.is_empty();
        while !offered.is_empty() {
            let coding = negotiate(headers, offered);
            if coding == ContentCoding::Identity {
                break;
            }
            if let Some(sidecar) = self.sidecar(&file, coding).await {
                let selected = Selected::coded(file, sidecar, coding);
                return Selected {
                    negotiable,
                    ..selected
                };
            }
            file.sidecars.forget();
            offered.remove(coding);
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

    async fn sidecar(
        &self,
        file: &Representation,
        coding: ContentCoding,
    ) -> Option<Arc<Representation>> {
        let path = [&*file.path, coding.extension()].concat();
        match self
            .cache
            .find(&self.docroot, &path, || self.media_type(&path))
            .await
        {
            Found::File(sidecar) if !sidecar.stamp.is_older_than(&file.stamp) => Some(sidecar),
            _ => None,
        }
    }
}
