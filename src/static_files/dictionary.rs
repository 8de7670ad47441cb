//! Step 4, for clients that have a former version of the file (RFC 9842).
//!
//! 1. Which files can be dictionaries, and for which paths: those with a hash in their name for the same name with another hash, or those that
//!    the settings name.
//! 2. A client that names a dictionary which is known for the path gets the file coded against it, unless it likes another coding better, or
//!    another one is smaller.
//! 3. What a client gets as a dictionary is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::Files;
use super::coded::{Coded, Dictionary, Recipe, content};
use super::outcome::Selected;
use super::representation::{Content, Digest, Representation};
use crate::coding::dictionaries::Family;
use crate::coding::jobs::Urgency;
use crate::config::DictionaryPolicy;
use crate::header::accept_encoding::{Accepted, CodingSet, ContentCoding};
use crate::header::dictionary;
use crate::observe::story::CodingSource;

/// How a file can be a dictionary for others, at the path that it was asked for.
#[derive(Debug)]
pub(crate) struct DictionaryOffer {
    path: Box<str>,
    family: Family,
    /// `Use-As-Dictionary`
    pub(crate) value: HeaderValue,
    /// Of a file that is not held in memory, once it was read.
    digest: OnceLock<Digest>,
    is_being_read: AtomicBool,
}

impl Files {
    /// Step 1. The same for every request for this file at this path.
    pub(super) fn dictionary_offer(
        &self,
        file: &Representation,
        path: &str,
        cache_control: Option<&HeaderValue>,
    ) -> Option<Arc<DictionaryOffer>> {
        let is_named = match &self.settings.dictionary {
            DictionaryPolicy::Off => false,
            DictionaryPolicy::Fingerprinted => file.fingerprinted,
            DictionaryPolicy::Pattern(_) => true,
        };
        if !is_named || !self.may_be_dictionary(file, cache_control) {
            return None;
        }
        // A file has one path, but for those that are mounted at several.
        if let Some(offer) = file.dictionary_offer.get()
            && *offer.path == *path
        {
            return Some(Arc::clone(offer));
        }
        let offer = Arc::new(self.new_offer(path)?);
        let _ = file.dictionary_offer.set(Arc::clone(&offer));
        Some(offer)
    }

    fn may_be_dictionary(
        &self,
        file: &Representation,
        cache_control: Option<&HeaderValue>,
    ) -> bool {
        let workshop = &self.cache.workshop;
        !workshop.config.codings.is_empty()
            && workshop.largest_held > 0
            && (workshop.config.smallest..=workshop.config.largest).contains(&file.length())
            && workshop.dictionaries.admits(file.length())
            && self.may_be_coded(file, cache_control)
    }

    fn new_offer(&self, path: &str) -> Option<DictionaryOffer> {
        let of_name;
        let pattern = match &self.settings.dictionary {
            DictionaryPolicy::Off => return None,
            DictionaryPolicy::Fingerprinted => {
                of_name = dictionary::pattern_of(path)?;
                &*of_name
            }
            DictionaryPolicy::Pattern(pattern) => {
                dictionary::matches(pattern, path).then_some(&**pattern)?
            }
        };
        Some(DictionaryOffer {
            path: path.into(),
            family: Family::new(&self.settings.docroot, pattern),
            value: dictionary::use_as_dictionary(pattern)?,
            digest: OnceLock::new(),
            is_being_read: AtomicBool::new(false),
        })
    }

    /// Step 2.
    pub(super) async fn select_by_dictionary(
        &self,
        file: &Arc<Representation>,
        headers: &HeaderMap,
        offer: &DictionaryOffer,
    ) -> Option<Selected> {
        let digest = dictionary::available(headers)?;
        let workshop = &self.cache.workshop;
        let others = workshop.offer(file);
        // A file that no coding makes smaller is not tried with every dictionary either.
        if !dictionary::is_same_origin(headers) || others.is_empty() {
            return None;
        }
        let accepted = Accepted::by(headers);
        let other = accepted.best(others, &workshop.order);
        let liked = |offered| {
            let (weight, coding) = accepted.best(offered, &workshop.order)?;
            other
                .is_none_or(|(other, _)| weight >= other)
                .then_some(coding)
        };
        let mut offered = with_dictionary();
        // First, since it may take a look at the disk.
        liked(offered)?;
        let bytes = workshop.dictionaries.recall(offer.family, &digest).await?;
        let dictionary = Some(Dictionary { digest, bytes });
        while let Some(coding) = liked(offered) {
            let dictionary = dictionary.clone();
            let recipe = Recipe { coding, dictionary };
            match self.cache.coded(&self.docroot, file, &recipe).await {
                Coded::Held(coded) => {
                    let is_smaller = self.is_smaller(file, &coded, other.map(|(_, other)| other));
                    let source = (coding, CodingSource::Dictionary);
                    return is_smaller.then(|| Selected::coded(Arc::clone(file), coded, source));
                }
                // One may have bounds that another has not.
                Coded::AsSent | Coded::Not => offered.remove(coding),
            }
        }
        None
    }

    /// Whether it is smaller than another coding, as far as that is known. A former version may have little in common with this one.
    fn is_smaller(
        &self,
        file: &Arc<Representation>,
        coded: &Representation,
        other: Option<ContentCoding>,
    ) -> bool {
        let recipe = other.map(Recipe::plain);
        let held = recipe.and_then(|recipe| self.cache.held_coding(&self.docroot, file, &recipe));
        held.is_none_or(|held| coded.length() < held.length())
    }

    /// Step 3. Cheap when it is kept already.
    pub(super) fn keep_dictionary(&self, file: &Arc<Representation>, offer: &Arc<DictionaryOffer>) {
        let dictionaries = &self.cache.workshop.dictionaries;
        if let (Content::Memory(bytes), Some(digest)) = (&file.content, file.digest) {
            dictionaries.keep(offer.family, digest, bytes);
            return;
        }
        let digest = offer.digest.get();
        let kept = digest.and_then(|digest| dictionaries.find(offer.family, digest));
        if kept.is_none() {
            self.read_dictionary(file, offer);
        }
    }

    /// A file that is not held in memory is read for it, once at a time. Nobody waits: the client is not back so soon.
    fn read_dictionary(&self, file: &Arc<Representation>, offer: &Arc<DictionaryOffer>) {
        let is_own = (file.dictionary_offer.get()).is_some_and(|own| Arc::ptr_eq(own, offer));
        // That of a second path is a new one at every request.
        if !is_own || offer.is_being_read.swap(true, Ordering::AcqRel) {
            return;
        }
        let (cache, docroot) = (Arc::clone(&self.cache), self.docroot.clone());
        let (file, reading) = (Arc::clone(file), Arc::clone(offer));
        let read = move || {
            match content(&docroot, &file) {
                Ok(bytes) => {
                    let digest = *reading.digest.get_or_init(|| Sha256::digest(&bytes).into());
                    let dictionaries = &cache.workshop.dictionaries;
                    dictionaries.keep(reading.family, digest, &bytes);
                }
                Err(error) => {
                    tracing::debug!(%error, path = %file.path, "not kept as a dictionary");
                }
            }
            reading.is_being_read.store(false, Ordering::Release);
        };
        let jobs = &self.cache.workshop.jobs;
        if !jobs.submit(Urgency::Spare, Box::new(read)) {
            offer.is_being_read.store(false, Ordering::Release);
        }
    }
}

fn with_dictionary() -> CodingSet {
    [
        ContentCoding::DictionaryBrotli,
        ContentCoding::DictionaryZstd,
    ]
    .into_iter()
    .collect()
}
