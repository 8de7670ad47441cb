//! Every page, in light and dark, wide and on a phone.

use serde_json::Value;

use crate::chromium::Chromium;
use crate::page::{Page, View};
use crate::server::Server;

/// Name of the screenshot, path, status.
const PAGES: [(&str, &str, u64); 5] = [
    ("front", "/", 200),
    ("guide", "/guide.html", 200),
    ("listing", "/assets/", 200),
    ("error-of-the-site", "/no/such/page", 404),
    ("error-built-in", "/%00", 400),
];

/// A list of faults that a page has by itself; empty when it is sound.
pub(crate) const FAULTS: &str = r#"(() => {
    const faults = [];
    const root = document.documentElement;
    if (!root.lang) faults.push("no language");
    if (!document.title) faults.push("no title");
    if (document.compatMode !== "CSS1Compat") faults.push("quirks mode");
    if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
    if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
    let level = 0;
    for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
        const next = Number(heading.localName[1]);
        if (next > level + 1) faults.push(`h${next} follows h${level}: ${heading.textContent}`);
        level = next;
    }
    for (const image of document.querySelectorAll("img")) {
        if (!image.hasAttribute("alt")) faults.push(`no alt: ${image.src}`);
        if (!image.complete || !image.naturalWidth) faults.push(`not shown: ${image.src}`);
    }
    for (const named of document.querySelectorAll("a[href], button")) {
        if (!named.textContent.trim() && !named.getAttribute("aria-label")) faults.push(`no name: ${named.outerHTML}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id twice: ${id}`);
    for (const element of document.querySelectorAll("[aria-labelledby]")) {
        if (!document.getElementById(element.getAttribute("aria-labelledby"))) faults.push(`no label: ${element.outerHTML}`);
    }
    if (root.scrollWidth > root.clientWidth) {
        const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1);
        faults.push(`wider than the screen: ${root.scrollWidth} > ${root.clientWidth}: ${wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 80))}`);
    }
    return faults;
})()"#;

/// Text that stands out too little from what is behind it: WCAG 2.2, success criterion 1.4.3, level AA.
pub(crate) const FAINT: &str = r#"(() => {
    const parse = (color) => {
        const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
        return { r, g, b, a };
    };
    const over = (top, below) => ({
        r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
    });
    const luminance = ({ r, g, b }) => {
        const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
        if (!element) return matchMedia("(prefers-color-scheme: dark)").matches ? { r: 18, g: 18, b: 18, a: 1 } : { r: 255, g: 255, b: 255, a: 1 };
        const own = parse(getComputedStyle(element).backgroundColor);
        return own.a === 1 ? own : over(own, behind(element.parentElement));
    };
    const faint = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
        const style = getComputedStyle(element);
        const ground = behind(element);
        const color = parse(style.color);
        color.a *= Number(style.opacity);
        const [low, high] = [luminance(over(color, ground)), luminance(ground)].sort((a, b) => a - b);
        const contrast = (high + 0.05) / (low + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (contrast < (large ? 3 : 4.5)) faint.add(`${contrast.toFixed(2)}: ${element.localName}.${element.className}: ${walker.currentNode.data.trim().slice(0, 30)}`);
    }
    return [...faint];
})()"#;

#[test]
fn every_page_is_sound_in_light_and_dark_wide_and_on_a_phone() {
    let server = Server::of_public();
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let mut faults = Vec::new();
    for view in View::ALL {
        page.set_view(view);
        for (name, path, status) in PAGES {
            let visit = page.visit(&server.url(path));
            let place = format!("{path} ({})", view.name());
            page.screenshot(&format!("{name}-{}", view.name()));
            if visit.status() != status {
                faults.push(format!(
                    "{place}: status {} instead of {status}",
                    visit.status()
                ));
            }
            for answer in visit
                .answers
                .iter()
                .skip(1)
                .filter(|answer| ![200, 304].contains(&answer.status))
            {
                faults.push(format!(
                    "{place}: {} was answered with {}",
                    answer.url, answer.status
                ));
            }
            let of_page = [page.strings(FAULTS), page.strings(FAINT)].concat();
            faults.extend(
                visit
                    .troubles
                    .into_iter()
                    .chain(of_page)
                    .map(|fault| format!("{place}: {fault}")),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn light_and_dark_differ() {
    let server = Server::of_public();
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    for (name, path, _) in PAGES {
        let light = background(&mut page, &server.url(path), View::ALL[0]);
        let dark = background(&mut page, &server.url(path), View::ALL[1]);
        assert_ne!(light, dark, "{name}");
    }
}

fn background(page: &mut Page<'_>, url: &str, view: View) -> Value {
    page.set_view(view);
    page.visit(url);
    page.evaluate("getComputedStyle(document.body).backgroundColor")
}

#[test]
fn a_page_that_is_sent_over_and_over_costs_its_assets_once() {
    let server = Server::of_public();
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let fingerprinted = |url: &str| url.contains("/assets/site.") || url.contains("/assets/demos.");
    let first = page.visit(&server.url("/guide.html"));
    let fetched = first
        .answers
        .iter()
        .filter(|answer| fingerprinted(&answer.url) && !answer.from_cache)
        .count();
    assert_eq!(fetched, 2, "style sheet and script: {first:?}");
    let second = page.visit(&server.url("/"));
    let again = second
        .answers
        .iter()
        .filter(|answer| fingerprinted(&answer.url) && !answer.from_cache);
    assert_eq!(again.count(), 0, "{second:?}");
    assert!(
        !second.answers[0].from_cache,
        "a page is asked about each time: {second:?}"
    );
}
