//! The status page: made-up moments of a server, and a real one.

mod behaviour;
mod real;
mod samples;
mod stand_in;

use daemun::status::Status;

use self::stand_in::StandIn;
use crate::chromium::Chromium;
use crate::looks::{FAINT, FAULTS};
use crate::page::{Page, View};

/// Waits, within the page, until an expression is true.
fn wait(page: &mut Page<'_>, expression: &str) {
    let happened = page.evaluate(&format!(
        "(async () => {{
            const end = Date.now() + 20000;
            while (!(await ({expression})) && Date.now() < end) await new Promise((done) => setTimeout(done, 20));
            return Boolean(await ({expression}));
        }})()"
    ));
    assert_eq!(
        happened,
        true,
        "{expression}: {}",
        page.evaluate("document.body.innerText")
    );
}

const DRAWN: &str = "document.body.dataset.live === 'live'";

/// The text that an expression makes.
fn text(page: &mut Page<'_>, expression: &str) -> String {
    let value = page.evaluate(expression);
    value
        .as_str()
        .unwrap_or_else(|| panic!("{expression}: {value}"))
        .to_owned()
}

/// Opens the page, and waits until it shows something; returns what went wrong.
fn open(page: &mut Page<'_>, url: &str) -> Vec<String> {
    let mut troubles = page.visit_until(url, "load").troubles;
    wait(page, DRAWN);
    troubles.extend(page.since().troubles);
    troubles
}

type Make = fn() -> Status;

#[test]
fn every_state_is_sound_in_light_and_dark_wide_and_on_a_phone() {
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let mut faults = Vec::new();
    let states: [(&str, Make); 3] = [
        ("quiet", samples::quiet),
        ("busy", samples::busy),
        ("failing", samples::failing),
    ];
    for (name, status) in states {
        let server = StandIn::start(&status());
        for view in View::ALL {
            page.set_view(view);
            let troubles = open(&mut page, &format!("{}?{}", server.url(), view.name()));
            page.screenshot(&format!("status-{name}-{}", view.name()));
            let of_page = [troubles, page.strings(FAULTS), page.strings(FAINT)].concat();
            let place = format!("{name} ({})", view.name());
            faults.extend(of_page.into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Cells whose text reaches into the next one.
const OVERFULL: &str = "[...document.querySelectorAll('th, td')].filter((cell) => cell.clientWidth > 1 && cell.scrollWidth > cell.clientWidth)
    .map((cell) => `${cell.closest('table').id}: ${cell.innerText}`)";

#[test]
fn text_stays_in_its_column_whatever_the_width() {
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let server = StandIn::start(&samples::failing());
    let troubles = open(&mut page, &server.url());
    assert!(troubles.is_empty(), "{troubles:?}");
    for width in [360, 480, 600, 768, 800, 896, 897, 960, 1024, 1280, 1920] {
        page.set_width(width);
        let faults = [page.strings(OVERFULL), page.strings(FAULTS)].concat();
        assert!(faults.is_empty(), "{width}: {faults:?}");
        page.screenshot(&format!("status-width-{width}"));
    }
}
