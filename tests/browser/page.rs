//! A page in the browser: what it is shown as, and what happened while it was shown.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::devtools::DevTools;

/// What a page is looked at with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) dark: bool,
    pub(crate) phone: bool,
}

impl View {
    pub(crate) const ALL: [View; 4] = [
        View {
            dark: false,
            phone: false,
        },
        View {
            dark: true,
            phone: false,
        },
        View {
            dark: false,
            phone: true,
        },
        View {
            dark: true,
            phone: true,
        },
    ];

    pub(crate) fn name(self) -> &'static str {
        match (self.dark, self.phone) {
            (false, false) => "light-wide",
            (true, false) => "dark-wide",
            (false, true) => "light-phone",
            (true, true) => "dark-phone",
        }
    }
}

/// What came back for one request of a page.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: String,
    pub(crate) status: u64,
    /// Nothing went over the network.
    pub(crate) from_cache: bool,
}

/// What happened since the page was navigated.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    pub(crate) answers: Vec<Answer>,
    /// Errors and warnings of the console, uncaught exceptions, requests that failed.
    pub(crate) troubles: Vec<String>,
}

impl Visit {
    /// The status of the document itself.
    pub(crate) fn status(&self) -> u64 {
        self.answers
            .first()
            .expect("the document was answered")
            .status
    }
}

/// A page, and the only one of its browser context.
pub(crate) struct Page<'b> {
    devtools: &'b mut DevTools,
    session: String,
    visit: Visit,
    /// Requests that the memory cache answered: they have a response event like the others.
    served_from_memory: Vec<String>,
}

impl<'b> Page<'b> {
    pub(crate) fn new(devtools: &'b mut DevTools, session: String) -> Self {
        let mut page = Self {
            devtools,
            session,
            visit: Visit::default(),
            served_from_memory: Vec::new(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.call(
            "Page.setLifecycleEventsEnabled",
            &json!({ "enabled": true }),
        );
        page
    }

    /// Takes a screen of this size and a reader with this preference.
    pub(crate) fn set_view(&mut self, view: View) {
        let (width, height) = if view.phone { (390, 844) } else { (1280, 900) };
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": view.phone });
        self.call("Emulation.setDeviceMetricsOverride", &screen);
        let scheme = if view.dark { "dark" } else { "light" };
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Takes a screen as narrow as the narrowest phones.
    pub(crate) fn set_narrow(&mut self) {
        let screen = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
        self.call("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// Takes a screen of this width, with a mouse.
    pub(crate) fn set_width(&mut self, width: u32) {
        let screen =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &screen);
    }

    pub(crate) fn disable_scripts(&mut self) {
        self.call(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": true }),
        );
    }

    /// Goes to an address and waits until the network has been idle for half a second.
    pub(crate) fn visit(&mut self, url: &str) -> Visit {
        self.visit_until(url, "networkIdle")
    }

    /// Goes to an address and waits for a moment in the life of the page by the name that the browser has for it: `load` for one that
    /// keeps a connection, where the network is never idle.
    pub(crate) fn visit_until(&mut self, url: &str, moment: &str) -> Visit {
        self.visit = Visit::default();
        let navigation = self.call("Page.navigate", &json!({ "url": url }));
        assert!(
            navigation["errorText"].is_null(),
            "{url}: {}",
            navigation["errorText"]
        );
        let loader = navigation["loaderId"].clone();
        assert!(
            !loader.is_null(),
            "{url} is the address the page has already: it would not be loaded"
        );
        loop {
            let event = self.devtools.next_event(url);
            self.note(&event.method, &event.params);
            let came = event.method == "Page.lifecycleEvent" && event.params["name"] == moment;
            if came && event.params["loaderId"] == loader {
                return std::mem::take(&mut self.visit);
            }
        }
    }

    /// What happened since the last visit ended, as far as it is known by now.
    pub(crate) fn since(&mut self) -> Visit {
        while let Some(event) = self.devtools.known_event() {
            self.note(&event.method, &event.params);
        }
        std::mem::take(&mut self.visit)
    }

    /// The value of a JavaScript expression; promises are awaited.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &parameters);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].take()
    }

    /// The list of strings that a JavaScript expression makes.
    pub(crate) fn strings(&mut self, expression: &str) -> Vec<String> {
        let value = self.evaluate(expression);
        let list = value
            .as_array()
            .unwrap_or_else(|| panic!("no list: {value}"));
        list.iter()
            .map(|item| item.as_str().expect("a list of strings").to_owned())
            .collect()
    }

    /// Leaves a picture of the whole page in `target/tmp/screenshots/`.
    pub(crate) fn screenshot(&mut self, name: &str) {
        /// Taller pages are cut: nobody looks at more, and the browser refuses it.
        const TALLEST: f64 = 6000.0;
        let metrics = self.call("Page.getLayoutMetrics", &json!({}));
        let size = &metrics["cssContentSize"];
        let height = size["height"].as_f64().unwrap_or(0.0).clamp(1.0, TALLEST);
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let picture = self.call(
            "Page.captureScreenshot",
            &json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }),
        );
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        fs::create_dir_all(&folder).expect("a folder for screenshots");
        let png = decode_base64(picture["data"].as_str().expect("a picture"));
        fs::write(folder.join(format!("{name}.png")), png).expect("the screenshot is written");
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.devtools.call(Some(&self.session), method, params)
    }

    fn note(&mut self, method: &str, params: &Value) {
        let visit = &mut self.visit;
        match method {
            "Network.requestServedFromCache" => {
                self.served_from_memory
                    .push(params["requestId"].as_str().unwrap_or_default().to_owned());
            }
            "Network.responseReceived" => {
                let response = &params["response"];
                let in_memory = self
                    .served_from_memory
                    .iter()
                    .any(|id| params["requestId"] == id.as_str());
                visit.answers.push(Answer {
                    url: response["url"].as_str().unwrap_or_default().to_owned(),
                    status: response["status"].as_u64().unwrap_or_default(),
                    from_cache: in_memory || response["fromDiskCache"] == true,
                });
            }
            "Network.loadingFailed" => visit.troubles.push(format!("failed request: {params}")),
            "Runtime.exceptionThrown" => visit.troubles.push(format!("exception: {params}")),
            "Runtime.consoleAPICalled"
                if ["error", "warning", "assert"]
                    .iter()
                    .any(|kind| params["type"] == *kind) =>
            {
                visit.troubles.push(format!("console: {params}"));
            }
            "Log.entryAdded"
                if ["error", "warning"]
                    .iter()
                    .any(|level| params["entry"]["level"] == *level) =>
            {
                let entry = &params["entry"];
                // The browser logs the status of a page that is an error page, as it should.
                let document = visit.answers.first();
                if document.is_none_or(|document| {
                    document.status < 400 || entry["url"] != document.url.as_str()
                }) {
                    visit.troubles.push(format!("log: {entry}"));
                }
            }
            _ => {}
        }
    }
}

fn decode_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for character in text.bytes() {
        let sextet = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(sextet);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}
