//! What a new configuration asks of the listeners: pure.

use crate::config::{Listen, ListenAddress};

/// The difference between two configurations, by the addresses as they were written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The same address as before, perhaps with other settings.
    pub(super) stay: Vec<Listen>,
    pub(super) bind: Vec<Listen>,
    pub(super) close: Vec<ListenAddress>,
}

impl Plan {
    /// An address that was written twice (any free port, twice) stays as often as it is written again.
    pub(super) fn new(before: &[Listen], after: &[Listen]) -> Self {
        let mut gone: Vec<&ListenAddress> = before.iter().map(Listen::address).collect();
        let mut plan = Self::default();
        for listen in after {
            match gone.iter().position(|old| *old == listen.address()) {
                Some(index) => {
                    gone.remove(index);
                    plan.stay.push(listen.clone());
                }
                None => plan.bind.push(listen.clone()),
            }
        }
        plan.close = gone.into_iter().cloned().collect();
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listens(addresses: &[&str]) -> Vec<Listen> {
        let parsed = addresses.iter().map(|text| text.parse::<ListenAddress>());
        parsed.map(|address| address.unwrap().into()).collect()
    }

    #[test]
    fn what_is_written_again_stays() {
        for (before, after, stay, bind, close) in [
            (&["80"][..], &["80"][..], &["80"][..], &[][..], &[][..]),
            (&["80"], &["81"], &[], &["81"], &["80"]),
            (&["80", "81"], &["81", "82"], &["81"], &["82"], &["80"]),
            (&["80"], &[":80"], &[], &[":80"], &["80"]),
            (&["80"], &["127.0.0.1:80"], &["80"], &[], &[]),
            (&["0", "0"], &["0"], &["0"], &[], &["0"]),
            (&["0"], &["0", "0"], &["0"], &["0"], &[]),
            (&["unix:a"], &["unix:a", "0"], &["unix:a"], &["0"], &[]),
        ] {
            let plan = Plan::new(&listens(before), &listens(after));
            let closed = listens(close).iter().map(|l| l.address().clone()).collect();
            let want = Plan {
                stay: listens(stay),
                bind: listens(bind),
                close: closed,
            };
            assert_eq!(plan, want, "{before:?} {after:?}");
        }
    }
}
