//! Links lead somewhere.

use std::collections::{BTreeSet, HashMap};

use crate::chromium::Chromium;
use crate::server::Server;

const LINKS: &str = "[...document.querySelectorAll('[href], [src]')].map((e) => e.href || e.src).filter((url) => typeof url === 'string')";

#[test]
fn every_link_inside_the_site_leads_to_what_it_names() {
    let server = Server::of_public();
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let origin = server.url("/");
    let mut links = BTreeSet::new();
    for path in [
        "/",
        "/guide.html",
        "/assets/",
        "/.well-known/",
        "/no/such/page",
    ] {
        page.visit(&server.url(path));
        links.extend(page.strings(LINKS));
    }
    let mut answers: HashMap<String, (u16, String)> = HashMap::new();
    for link in links.iter().filter(|link| !link.starts_with("data:")) {
        assert!(link.starts_with(&origin), "{link} leads out of the site");
        let (address, fragment) = link
            .split_once('#')
            .map_or((link.as_str(), None), |(address, id)| (address, Some(id)));
        let (status, content) = answers
            .entry(address.to_owned())
            .or_insert_with(|| server.get(address));
        assert_eq!(*status, 200, "{link}");
        if let Some(id) = fragment {
            assert!(
                content.contains(&format!("id=\"{id}\"")),
                "{link} names a part that is not there"
            );
        }
    }
    assert!(answers.len() > 8, "few links: {links:?}");
}
