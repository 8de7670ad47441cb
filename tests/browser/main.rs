//! What a person sees: the bundled site, listings and error pages, in a real browser.
//!
//! Each check starts a server of its own on a free port, and a headless Chromium, and ends both. Screenshots of every page in light
//! and dark, wide and narrow, are left in `target/tmp/screenshots/` for people to look at.
//!
//! - `DAEMUN_BROWSER_URL`: checks a server that runs already, instead of starting one.
//! - `CHROMIUM`: the browser to use, instead of the one found by `PATH`.

mod assets;
mod chromium;
mod conversations;
mod devtools;
mod dictionaries;
mod links;
mod listings;
mod looks;
mod page;
mod server;
mod status;
