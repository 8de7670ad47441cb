//! Step 4, for clients that have a former version of the file (RFC 9842).
//!
//! 1. Which files can be dictionaries, and for which paths: those with a hash in their name for the same name with another hash, or those that
//!    the settings name.
//! 2. A client that names a dictionary which is known for the path gets the file coded against it, unless it likes another coding better, or
//!    another one is smaller.
//! 3. What a client gets as a dictionary is kept.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::Files;
use super::coded::{Coded, Dictionary, Recipe};
use super::outcome::Selected;
use super::representation::{Content, Representation};
use crate::coding::dictionaries::Family;
use crate::config::DictionaryPolicy;
use crate::header::accept_encoding::{Accepted, CodingSet, ContentCoding};
use crate::header::dictionary;

/// How a file can be a dictionary for others, at the path that it was asked for.
#[derive(Debug)]
pub(crate) struct DictionaryOffer {
    path: Box<str>,
    family: Family,
    /// `Use-As-Dictionary`
    pub(crate) value: HeaderValue,
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
        file.digest.is_some()
            && !workshop.config.codings.is_empty()
            && file.length() >= workshop.config.smallest
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
        let (weight, coding) = accepted.best(with_dictionary(), &workshop.order)?;
        let other = accepted.best(others, &workshop.order);
        if other.is_some_and(|(other, _)| other > weight) {
            return None;
        }
        let bytes = workshop.dictionaries.recall(offer.family, &digest).await?;
        let recipe = Recipe {
            coding,
            dictionary: Some(Dictionary { digest, bytes }),
        };
        let Coded::Held(coded) = self.cache.coded(&self.docroot, file, &recipe).await else {
            return None;
        };
        // The former version may have little in common with this one.
        let held = other.and_then(|(_, coding)| {
            self.cache
                .held_coding(&self.docroot, file, &Recipe::plain(coding))
        });
        let is_smaller = held.is_none_or(|held| coded.length() < held.length());
        is_smaller.then(|| Selected::coded(Arc::clone(file), coded, coding))
    }

    /// Step 3. Cheap when it is kept already.
    pub(super) fn keep_dictionary(&self, file: &Representation, offer: &DictionaryOffer) {
        if let (Content::Memory(bytes), Some(digest)) = (&file.content, file.digest) {
            let dictionaries = &self.cache.workshop.dictionaries;
            dictionaries.keep(offer.family, digest, bytes);
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
