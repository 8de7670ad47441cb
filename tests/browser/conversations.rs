//! The small conversations of the front page: the browser asks, the server answers, the page shows it.

use crate::chromium::Chromium;
use crate::page::{Page, View};
use crate::server::Server;

/// Presses the button of a demo and waits until the answer is shown.
fn press(page: &mut Page<'_>, demo: &str) -> String {
    let shown = page.evaluate(&format!(
        "(async () => {{
            const demo = document.querySelector('[data-demo={demo}]');
            demo.querySelector('button').click();
            while (demo.querySelector('[aria-busy]')) await new Promise((done) => setTimeout(done, 10));
            return demo.querySelector('pre').innerText;
        }})()"
    ));
    shown.as_str().expect("text").to_owned()
}

#[test]
fn each_demo_shows_what_the_standard_asks_for() {
    let server = Server::of_public();
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let visit = page.visit(&server.url("/"));
    assert!(visit.troubles.is_empty(), "{:?}", visit.troubles);

    let arrival = page.evaluate("document.querySelector('[data-demo=arrival] pre').innerText");
    let arrival = arrival.as_str().expect("text");
    for expected in [
        "200 OK",
        "etag: \"",
        "cache-control: no-cache",
        "content-type: text/html; charset=utf-8",
    ] {
        assert!(arrival.contains(expected), "{expected} in: {arrival}");
    }
    for (demo, expected) in [
        (
            "again",
            &["If-None-Match: ", "304 Not Modified", "no content was sent"][..],
        ),
        (
            "part",
            &[
                "206 Partial Content",
                "content-range: bytes 0-99/",
                "<!doctype html>",
            ],
        ),
        ("resume", &["If-Range: ", "200 OK", "from the start"]),
        (
            "life",
            &[
                "cache-control: no-cache",
                "cache-control: public, max-age=31536000, immutable",
            ],
        ),
        ("coding", &["200 OK", "vary: Accept-Encoding"]),
    ] {
        let shown = press(&mut page, demo);
        for text in expected {
            assert!(shown.contains(text), "{demo}: {text:?} in: {shown}");
        }
    }
    for view in View::ALL {
        page.set_view(view);
        let wider = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert_eq!(wider, 0, "answers fit the screen ({})", view.name());
        page.screenshot(&format!("front-answered-{}", view.name()));
    }
}

#[test]
fn without_scripts_the_page_shows_commands_instead_of_buttons() {
    let server = Server::of_public();
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    page.disable_scripts();
    let visit = page.visit(&server.url("/"));
    assert!(visit.troubles.is_empty(), "{:?}", visit.troubles);
    page.screenshot("front-without-scripts");
    let buttons = page.evaluate(
        "[...document.querySelectorAll('button')].filter((b) => b.checkVisibility()).length",
    );
    assert_eq!(buttons, 0);
    let text = page.evaluate("document.querySelector('[data-demo=again] pre').innerText");
    assert!(
        text.as_str()
            .is_some_and(|text| text.contains("curl -i") && text.contains("304 Not Modified")),
        "{text}"
    );
}
