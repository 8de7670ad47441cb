//! Listings of folders whose names mean harm.

use std::fs;

use tempfile::TempDir;

use crate::chromium::Chromium;
use crate::page::View;
use crate::server::Server;

const NAMES: &[&str] = &[
    "<script>document.title = 'broken'<",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "&amp; & &lt;",
    "javascript:alert(1)",
    "-rf",
    "a:b",
    "?query#fragment",
    "100% %2e%2e",
    "gpj.\u{202e}exe",
    "대문.txt",
    "שלום.txt",
    " spaces ",
    "a-name-that-goes-on-and-on-without-a-space-in-it-until-no-phone-could-show-it-in-one-line-0123456789.tar.zst",
];

#[test]
fn names_are_shown_and_lead_to_their_files_and_do_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    for name in NAMES {
        fs::write(folder.path().join(name), name)
            .expect("the file system takes any of these names");
    }
    fs::create_dir(folder.path().join("<b>folder")).expect("a folder in it");
    let server = Server::start(folder.path());
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    for view in View::ALL {
        page.set_view(view);
        let visit = page.visit(&server.url("/"));
        assert!(visit.troubles.is_empty(), "{:?}", visit.troubles);
        assert_eq!(page.evaluate("document.title"), "Index of /");
        assert_eq!(
            page.evaluate("document.querySelectorAll('script, img, b').length"),
            0
        );
        let wider = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert_eq!(wider, 0, "{}", view.name());
        page.screenshot(&format!("listing-hostile-{}", view.name()));
    }
    let links = page.strings("[...document.querySelectorAll('tr.file a')].map((a) => a.href)");
    let mut contents: Vec<String> = links
        .iter()
        .map(|link| server.get(link))
        .map(|(_, content)| content)
        .collect();
    contents.sort();
    let mut expected = NAMES.to_vec();
    expected.sort_unstable();
    assert_eq!(contents, expected, "each link leads to its own file");
}

#[test]
fn header_links_sort() {
    let folder = TempDir::new().expect("a folder");
    for (name, size) in [("a", 3), ("b", 1), ("c", 2)] {
        fs::write(folder.path().join(name), vec![b'x'; size]).expect("a file");
    }
    let server = Server::start(folder.path());
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    page.visit(&server.url("/"));
    let sort_by_size = page.evaluate("document.querySelector('thead th:nth-child(2) a').href");
    page.visit(sort_by_size.as_str().expect("an address"));
    let names = page.strings("[...document.querySelectorAll('tr.file a')].map((a) => a.innerText)");
    assert_eq!(names, ["a", "c", "b"]);
    let state = page.evaluate("document.querySelector('thead th:nth-child(2)').ariaSort");
    assert_eq!(state, "descending");
}
