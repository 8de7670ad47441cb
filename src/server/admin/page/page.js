// The status page:
// 1. listen to the server's events, each of them a whole status
// 2. draw it, part by part
// 3. say when there is none: the connection is lost, or the reader holds the page still
// 4. fetch what is asked for: the story of a request, the running configuration

import { attention } from "./attention.js";
import { drawCharts, listenToCharts } from "./charts.js";
import { byId, children, facts, foreign, make, say, show } from "./dom.js";
import { clock, count, rate, span } from "./format.js";
import { drawCertificates, drawConfiguration, drawInside } from "./inside.js";
import { drawRequests, drawRoutes } from "./requests.js";
import { drawTraffic } from "./traffic.js";
import { drawUpstreams } from "./upstreams.js";

// Each second there is an event. After so many without one, the connection counts as lost, whatever it looks like.
const PATIENCE = 5000;
const RETRY = 2000;

let source = null;
let retry = 0;
let heard = 0;
let status = null;
let isHeld = false;

function listen() {
  clearTimeout(retry);
  source?.close();
  heard = performance.now();
  source = new EventSource("events");
  source.addEventListener("status", (event) => {
    heard = performance.now();
    status = JSON.parse(event.data);
    // Who comes back from a lost connection sees the present title, held or not.
    if (!isHeld || document.body.dataset.live === "lost") draw();
    tellLiveness("live");
  });
  source.addEventListener("error", () => lose());
}

// The browser would try again by itself, but not after an answer with an error status, as one who restarts may give.
function lose() {
  source.close();
  clearTimeout(retry);
  retry = setTimeout(listen, RETRY);
  tellLiveness("lost");
}

function tellLiveness(state) {
  const shown = isHeld && state === "live" ? "held" : state;
  document.body.dataset.live = shown;
  const at = status ? clock(status.now) : null;
  const texts = {
    live: `Live, ${at}`,
    held: `Held, ${byId("live").dataset.held}`,
    lost: at ? `Connection lost. Last word: ${at}` : "No connection; trying again",
  };
  say(byId("live-text"), texts[shown]);
  // Nor does the tab go on to say how it was.
  if (state === "lost") document.title = `No connection · ${location.host}`;
}

function draw() {
  const state = status.readiness.is_draining ? "draining" : status.readiness.is_ready ? "ready" : "unready";
  document.body.dataset.state = state;
  const verdict = { ready: "Ready", unready: "Not ready", draining: "Draining" }[state];
  const { last_10s } = status;
  const perSecond = rate(last_10s.seconds > 0 ? last_10s.requests / last_10s.seconds : 0).join("");
  const title = `${verdict} · ${perSecond} · ${location.host}`;
  if (document.title !== title) document.title = title;
  say(byId("verdict"), verdict);
  say(byId("version"), status.version);
  say(byId("since"), `Serving for ${span(status.now - status.started)}, ${count(status.total.requests)} requests.`);
  facts(byId("facts"), [
    ["Listens on", listeners],
    ["Sites", status.configuration.summary || null],
  ]);
  drawAttention();
  for (const part of [drawTraffic, drawCharts, drawUpstreams, drawRequests, drawRoutes, drawInside, drawCertificates, drawConfiguration]) {
    part(status);
  }
}

function listeners(element) {
  children(element, status.listeners, (address) => address, (address) => make("code", "", address), () => {});
}

function drawAttention() {
  const found = attention(status);
  show(byId("attention"), found.length > 0);
  const create = ({ part }) => {
    const item = make("li");
    const text = make(part ? "a" : "span");
    if (part) text.href = `#${part}`;
    item.append(text);
    return item;
  };
  // By place: a text that counts along stays the same element.
  children(byId("attention"), found.map((item, index) => ({ ...item, index })), ({ part, index }) => `${index} ${part}`, create, (item, { level, text }) => {
    item.className = level;
    say(item.firstChild, text);
  });
}

async function fetchText(address) {
  try {
    const response = await fetch(address);
    return await response.text();
  } catch {
    return "The server does not answer.";
  }
}

function sayLines(element, text) {
  element.replaceChildren(...text.replace(/\n$/, "").split("\n").map((line) => {
    const shown = make("span");
    foreign(shown, line.replaceAll("\t", "    "));
    shown.append("\n");
    return shown;
  }));
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-story]");
  // Whoever wants it in another window gets it there.
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  say(byId("story-title"), `Request ${link.dataset.story}`);
  say(byId("story-text"), "Asking …");
  byId("story").showModal();
  sayLines(byId("story-text"), await fetchText(link.href));
});

byId("story-close").addEventListener("click", () => byId("story").close());

byId("text").addEventListener("toggle", async ({ target }) => {
  if (target.open) sayLines(byId("text-content"), await fetchText("configuration"));
});

byId("hold").addEventListener("click", () => {
  isHeld = !isHeld;
  byId("hold").setAttribute("aria-pressed", String(isHeld));
  byId("live").dataset.held = status ? clock(status.now) : "";
  if (status) {
    draw();
    tellLiveness(document.body.dataset.live === "lost" ? "lost" : "live");
  }
});

setInterval(() => {
  if (source.readyState !== EventSource.CLOSED && performance.now() - heard > PATIENCE) lose();
}, 1000);

listenToCharts();
listen();
