//! Step 4: which coding of a file is sent.
//!
//! 1. What is on offer: sidecars (`app.js.br` beside `app.js`), and what we make ourselves.
//! 2. What the client likes best of both; a sidecar when it likes both alike, since somebody took the time for it.
//! 3. A sidecar is used while it is at least as new as the file, and only when it decodes to the file. Else the next best is looked for.

use std::io;
use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, RANGE};
use http::{HeaderMap, HeaderValue, Method};

use super::cache::Found;
use super::coded::{Coded, Recipe};
use super::docroot::{Kind, Stamp};
use super::outcome::Selected;
use super::representation::Representation;
use super::{FileRequest, Files};
use crate::coding::decode;
use crate::header::accept_encoding::{Accepted, CodingSet, ContentCoding};
use crate::observe::story::CodingSource;
use crate::transform::cache_policy;

const SIDECARS: [ContentCoding; 3] = [
    ContentCoding::Brotli,
    ContentCoding::Zstd,
    ContentCoding::Gzip,
];

/// What is sent of a file, and is at hand.
pub(super) enum Held {
    /// The file itself.
    File,
    Coding(ContentCoding, Arc<Representation>),
}

/// Where a coding comes from.
enum Source {
    Sidecar,
    Made,
}

impl Files {
    /// All of step 4.
    pub(super) async fn select_any(
        &self,
        file: Arc<Representation>,
        request: &FileRequest<'_>,
        is_fallback: bool,
    ) -> Selected {
        // A page that stands in for any path is the dictionary of none.
        let offer = (!is_fallback)
            .then(|| self.dictionary_offer(&file, request.uri.path(), request.cache_control))
            .flatten();
        let Some(offer) = offer else {
            return self.select(file, request).await;
        };
        // Chromium looks for the hash of the dictionary at the beginning of the content, even of an answer that has none, and fails.
        let by_dictionary = match *request.method {
            Method::HEAD => None,
            _ => Box::pin(self.select_by_dictionary(&file, request.headers, &offer)).await,
        };
        let selected = match by_dictionary {
            Some(selected) => selected,
            None => self.select(file, request).await,
        };
        Selected {
            dictionary: Some(offer),
            ..selected
        }
    }

    async fn select(&self, file: Arc<Representation>, request: &FileRequest<'_>) -> Selected {
        let headers = request.headers;
        if file.negotiable && !headers.contains_key(ACCEPT_ENCODING) {
            let negotiable = self.is_negotiable(&file, CodingSet::default());
            return Selected::identity(file).negotiable(negotiable);
        }
        let mut sidecars = self.sidecars_of(&file);
        let negotiable = self.is_negotiable(&file, sidecars);
        let mut made = self.made_of(&file, request.cache_control);
        if sidecars.is_empty() && made.is_empty() {
            return Selected::identity(file).negotiable(negotiable);
        }
        let accepted = Accepted::by(headers);
        while let Some((source, coding)) = self.choose(&accepted, sidecars, made) {
            match source {
                Source::Sidecar => {
                    if let Some(sidecar) = Box::pin(self.sidecar(&file, coding)).await {
                        let source = (coding, CodingSource::Sidecar);
                        return Selected::coded(file, sidecar, source).negotiable(negotiable);
                    }
                    sidecars.remove(coding);
                    file.sidecars.write(sidecars.bits());
                }
                Source::Made => {
                    if let Some(selected) = Box::pin(self.make(&file, coding, headers)).await {
                        return selected.negotiable(negotiable);
                    }
                    // What one coding cannot do, or the server not now, another cannot either.
                    made = CodingSet::default();
                }
            }
        }
        Selected::identity(file).negotiable(negotiable)
    }

    /// The same without waiting: `None` when it takes more than a look, else what is sent.
    pub(super) fn select_held(
        &self,
        file: &Arc<Representation>,
        sidecars: CodingSet,
        codings: &[u8],
        cache_control: Option<&HeaderValue>,
    ) -> Option<Held> {
        let made = self.made_of(file, cache_control);
        if sidecars.is_empty() && made.is_empty() {
            return Some(Held::File);
        }
        let mut accepted = Accepted::default();
        accepted.read(codings);
        let Some((source, coding)) = self.choose(&accepted, sidecars, made) else {
            return Some(Held::File);
        };
        let held = match source {
            Source::Sidecar => {
                let path = [&*file.path, coding.extension()].concat();
                let sidecar = self.cache.held_whatever(&self.docroot, &path)?;
                // These bytes decode to the file as it is now, whatever has become of their own file; that is looked at once a second.
                let is_good = sidecar.verified.get() == Some(&(file.stamp, true));
                is_good.then_some(sidecar)
            }
            Source::Made => self
                .cache
                .held_coding(&self.docroot, file, &Recipe::plain(coding)),
        };
        held.map(|held| Held::Coding(coding, held))
    }

    /// Whether another client may get another coding.
    pub(super) fn is_negotiable(&self, file: &Representation, sidecars: CodingSet) -> bool {
        let may_be_coded = self.settings.sidecars || self.settings.compress;
        file.negotiable && may_be_coded || !sidecars.is_empty()
    }

    fn choose(
        &self,
        accepted: &Accepted,
        sidecars: CodingSet,
        made: CodingSet,
    ) -> Option<(Source, ContentCoding)> {
        let order = &self.cache.workshop.order;
        let sidecar = accepted.best(sidecars, order);
        let made = accepted.best(made, order);
        match (sidecar, made) {
            (Some((weight, coding)), made) if made.is_none_or(|(other, _)| weight >= other) => {
                Some((Source::Sidecar, coding))
            }
            (_, made) => made.map(|(_, coding)| (Source::Made, coding)),
        }
    }

    fn made_of(&self, file: &Representation, cache_control: Option<&HeaderValue>) -> CodingSet {
        if self.may_be_coded(file, cache_control) {
            self.cache.workshop.offer(file)
        } else {
            CodingSet::default()
        }
    }

    pub(super) fn may_be_coded(
        &self,
        file: &Representation,
        cache_control: Option<&HeaderValue>,
    ) -> bool {
        let may_transform = !cache_control.is_some_and(cache_policy::forbids_transform);
        self.settings.compress && may_transform && file.negotiable
    }

    async fn make(
        &self,
        file: &Arc<Representation>,
        coding: ContentCoding,
        headers: &HeaderMap,
    ) -> Option<Selected> {
        let recipe = Recipe::plain(coding);
        match self.cache.coded(&self.docroot, file, &recipe).await {
            Coded::Held(coded) => {
                let source = (coding, CodingSource::Made);
                Some(Selected::coded(Arc::clone(file), coded, source))
            }
            // A part of what nobody knows the length of cannot be told.
            Coded::AsSent if headers.contains_key(RANGE) => None,
            Coded::AsSent => Some(Selected::coded_as_sent(Arc::clone(file), coding)),
            Coded::Not => None,
        }
    }

    /// Looks for sidecars once a second; whether one is still good is checked whenever it is used.
    fn sidecars_of(&self, file: &Representation) -> CodingSet {
        if !self.settings.sidecars {
            return CodingSet::default();
        }
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
