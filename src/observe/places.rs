//! What answers requests, as a small number: counted by it, told by its name.
//!
//! A place that was ever configured keeps its number as long as the process lives, so that counts go on over reloads; there are only as many as
//! configurations named.

use std::sync::{Arc, PoisonError, RwLock};

/// The number of a [`Place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlaceId(u32);

/// What answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The first host of the site, `*`; empty: none.
    pub(crate) site: Arc<str>,
    /// The path of the route as configured; empty: none of them.
    pub(crate) route: Arc<str>,
    pub(crate) upstream: Option<Arc<str>>,
}

/// From number 1 on.
static PLACES: RwLock<Vec<Place>> = RwLock::new(Vec::new());

impl PlaceId {
    /// No site, and what no configuration knows of.
    pub(crate) const NOWHERE: Self = Self(0);

    pub(crate) fn of(place: Place) -> Self {
        let mut places = PLACES.write().unwrap_or_else(PoisonError::into_inner);
        let index = places
            .iter()
            .position(|known| *known == place)
            .unwrap_or_else(|| {
                places.push(place);
                places.len() - 1
            });
        Self(u32::try_from(index + 1).unwrap_or_default())
    }

    pub(super) fn of_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or_default())
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn place(self) -> Place {
        let places = PLACES.read().unwrap_or_else(PoisonError::into_inner);
        let index = self.index().checked_sub(1);
        index
            .and_then(|index| places.get(index).cloned())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_keeps_its_number() {
        let place = |route: &str| Place {
            site: "places.example".into(),
            route: route.into(),
            upstream: None,
        };
        let (one, two) = (PlaceId::of(place("/one/")), PlaceId::of(place("/two/")));
        assert_ne!(one, two);
        assert_eq!(PlaceId::of(place("/one/")), one);
        assert_eq!(two.place(), place("/two/"));
        assert_eq!(PlaceId::NOWHERE.place(), Place::default());
    }
}
