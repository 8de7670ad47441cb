//! What the page does while it is looked at.

use super::samples::{self, HOSTILE};
use super::stand_in::StandIn;
use super::{open, text, wait};
use crate::chromium::Chromium;
use crate::looks::{FAINT, FAULTS};
use crate::page::View;

#[test]
fn what_strangers_wrote_is_text_and_nothing_else() {
    let server = StandIn::start(&samples::failing());
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let troubles = open(&mut page, &server.url());
    assert!(troubles.is_empty(), "{troubles:?}");

    assert_eq!(
        page.evaluate("document.querySelectorAll('main img, main script, main td b > *').length"),
        0
    );
    let title = text(&mut page, "document.title");
    assert!(
        title.starts_with("Not ready · 1,102/s · 127.0.0.1"),
        "{title}"
    );
    let shown = text(
        &mut page,
        "document.querySelector('#failing code span').textContent",
    );
    // What turns the direction of text or rings a bell is spelled out; all else is there as it came.
    let expected = HOSTILE
        .replace('\u{202e}', "\\u{202e}")
        .replace('\u{7}', "\\u{7}");
    assert_eq!(shown, expected);

    page.evaluate("document.querySelector('#failing a').click()");
    wait(
        &mut page,
        "document.querySelector('#story-text').textContent.includes('matched')",
    );
    assert_eq!(page.evaluate("document.querySelector('#story').open"), true);
    let story = text(
        &mut page,
        "document.querySelector('#story-text').textContent",
    );
    assert!(story.starts_with("GET /<i>\\u{202e}x</i>\n"), "{story}");
    page.screenshot("status-story");
    page.evaluate("document.querySelector('#story-close').click()");
    assert_eq!(
        page.evaluate("document.querySelector('#story').open"),
        false
    );

    page.evaluate("document.querySelector('#text summary').click()");
    wait(
        &mut page,
        "document.querySelector('#text-content').textContent.includes('\"/srv/<www>\"')",
    );
}

#[test]
fn a_lost_connection_is_told_until_it_is_back() {
    let server = StandIn::start(&samples::busy());
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    for view in View::ALL {
        page.set_view(view);
        if view.phone {
            page.set_narrow();
        }
        server.tell(&samples::busy());
        open(&mut page, &format!("{}?{}", server.url(), view.name()));
        assert_eq!(
            text(&mut page, "document.querySelector('h1').textContent"),
            "Ready"
        );
        let height = "document.querySelector('.top').offsetHeight";
        let before = page.evaluate(height);

        server.set_gone(true);
        wait(&mut page, "document.body.dataset.live === 'lost'");
        let told = text(&mut page, "document.querySelector('#live').innerText");
        assert!(told.contains("Connection lost"), "{told}");
        page.screenshot(&format!("status-lost-{}", view.name()));
        assert_eq!(
            page.evaluate(height),
            before,
            "nothing moves ({})",
            view.name()
        );
        let faults = [page.strings(FAULTS), page.strings(FAINT)].concat();
        assert!(faults.is_empty(), "{faults:?}");

        server.tell(&samples::failing());
        server.set_gone(false);
        wait(&mut page, "document.body.dataset.live === 'live'");
        assert_eq!(
            text(&mut page, "document.querySelector('h1').textContent"),
            "Not ready"
        );
    }
}

#[test]
fn updates_leave_the_reader_where_they_are() {
    let mut status = samples::busy();
    let server = StandIn::start(&status);
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    open(&mut page, &server.url());
    let places = "[...document.querySelectorAll('h2')].slice(0, 3).map((e) => e.id + e.offsetTop)";
    let before = page.strings(places);
    assert_eq!(before.len(), 3);
    page.evaluate("document.querySelector('#failing a').focus()");
    let focused = "document.activeElement.dataset.story ?? 'nothing'";
    let story = text(&mut page, focused);
    assert_eq!(story, status.failing[0].id);

    let newer = samples::failing().failing[2].clone();
    status.failing.insert(0, newer);
    status.in_flight = 4_321;
    status.last_10s.requests = 99_999;
    status.now += 1.0;
    server.tell(&status);
    wait(
        &mut page,
        "document.querySelector('#figures').textContent.includes('4,321')",
    );
    assert_eq!(text(&mut page, focused), story);
    assert_eq!(page.strings(places), before);
    // A long table is shown in part.
    let routes = "document.querySelectorAll('#routes tbody tr').length";
    assert_eq!(page.evaluate(routes), 12);
    page.evaluate("document.querySelector('#routes-all').click()");
    assert_eq!(page.evaluate(routes), status.routes.len());
    let rows = "[...document.querySelectorAll('#failing tbody tr')].map((row) => row.dataset.key)";
    assert_eq!(
        page.strings(rows),
        [&*status.failing[0].id, &*status.failing[1].id]
    );
}

#[test]
fn held_still_it_shows_what_was_until_it_is_let_go() {
    let mut status = samples::busy();
    let server = StandIn::start(&status);
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    open(&mut page, &server.url());
    page.evaluate("document.querySelector('#hold').click()");
    wait(&mut page, "document.body.dataset.live === 'held'");

    status.in_flight = 4_321;
    status.now += 60.0;
    server.tell(&status);
    // Several events, of which none may be shown.
    wait(
        &mut page,
        "new Promise((done) => setTimeout(() => done(true), 500))",
    );
    let figures = "document.querySelector('#figures').textContent";
    assert!(!text(&mut page, figures).contains("4,321"));
    page.evaluate("document.querySelector('#hold').click()");
    wait(&mut page, "document.body.dataset.live === 'live'");
    assert!(text(&mut page, figures).contains("4,321"));
}

#[test]
fn the_charts_are_read_out_by_the_keyboard() {
    let status = samples::failing();
    let server = StandIn::start(&status);
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    open(&mut page, &server.url());
    let press = |key: &str| {
        format!(
            "document.querySelector('#charts').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"
        )
    };
    let readout = "document.querySelector('#readout').textContent";
    assert!(text(&mut page, readout).starts_with("Five minutes: "));
    page.evaluate(&press("ArrowLeft"));
    let last = text(&mut page, readout);
    assert!(
        last.contains("/s · ") && last.contains("failed (14.3 %)"),
        "{last}"
    );
    page.evaluate(&press("Home"));
    let first = text(&mut page, readout);
    assert!(
        !first.contains("failed") && first.contains("p99"),
        "{first}"
    );
    page.screenshot("status-charts-read-out");
    page.evaluate(&press("Escape"));
    assert!(text(&mut page, readout).starts_with("Five minutes: "));
}

#[test]
fn numbers_and_times_are_written_as_people_read_them() {
    let server = StandIn::start(&samples::quiet());
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    open(&mut page, &server.url());
    for (expression, expected) in [
        ("count(0)", "0"),
        ("count(999999)", "999,999"),
        ("count(1234567)", "1.23M"),
        ("joined(rate(0))", "0/s"),
        ("joined(rate(0.34))", "0.3/s"),
        ("joined(rate(1234.5))", "1,235/s"),
        ("joined(size(0))", "0 B"),
        ("joined(size(1023))", "1,023 B"),
        ("joined(size(1024))", "1.00 KiB"),
        ("joined(size(1048575))", "1.00 MiB"),
        ("joined(size(3 * 2 ** 40))", "3.00 TiB"),
        ("joined(time(null))", "–"),
        ("joined(time(0))", "0 µs"),
        ("joined(time(0.0000425))", "43 µs"),
        ("joined(time(0.0042))", "4.20 ms"),
        ("joined(time(0.9999))", "1.00 s"),
        ("joined(time(12.34))", "12.3 s"),
        ("joined(time(99.97))", "100 s"),
        ("joined(time(125))", "125 s"),
        ("joined(time(1234))", "1,234 s"),
        ("share(0, 0)", "–"),
        ("share(0, 9)", "0 %"),
        ("share(1, 1000000)", "< 0.01 %"),
        ("share(999999, 1000000)", "> 99.9 %"),
        ("share(9, 9)", "100 %"),
        ("share(1, 3)", "33.3 %"),
        ("span(0.4)", "0 s"),
        ("span(61)", "1 min 1 s"),
        ("span(3600)", "1 h"),
        ("span(90061)", "1 d 1 h"),
        ("span(-5)", "0 s"),
    ] {
        let shown = text(
            &mut page,
            &format!(
                "import('/page/format.js').then(({{ count, joined, rate, share, size, span, time }}) => {expression})"
            ),
        );
        assert_eq!(shown, expected, "{expression}");
    }
}
