// Single requests, each with the way to its story; and the routes that they took.

import { byId, foreign, make, say, show, table } from "./dom.js";
import { clock, count, joined, share, size, time } from "./format.js";

// What is shown of each table, until the reader asks for all of it.
const FEW = { failing: 8, slowest: 8, routes: 12 };
const whole = new Set();

const REQUESTS = [
  { label: "Request", className: "what", fill: what },
  { label: "Status", className: "state", fill: outcome },
  { label: "Took", className: "number", fill: (cell, { seconds }) => say(cell, joined(time(seconds))) },
  { label: "Sent", className: "number", fill: (cell, { bytes }) => say(cell, joined(size(bytes))) },
  { label: "At", className: "number", fill: (cell, { time }) => say(cell, clock(time)) },
  { label: "Way", className: "way", fill: way },
  { label: "Story", className: "tell", fill: story },
];

const ROUTES = [
  { label: "Route", className: "what", fill: route },
  { label: "Requests", className: "number", fill: (cell, { traffic }) => say(cell, count(traffic.requests)) },
  { label: "Sent", className: "number", fill: (cell, { traffic }) => say(cell, joined(size(traffic.bytes))) },
  { label: "4xx", className: "number", fill: (cell, { traffic }) => say(cell, share(traffic.statuses.client_error, traffic.requests)) },
  { label: "5xx", className: "number", fill: serverErrors },
  { label: "Cut", className: "number", fill: (cell, { traffic }) => say(cell, count(traffic.aborted)) },
  { label: "p50", className: "number", fill: (cell, { traffic }) => say(cell, joined(time(traffic.latency.p50))) },
  { label: "p99", className: "number", fill: (cell, { traffic }) => say(cell, joined(time(traffic.latency.p99))) },
];

export function drawRequests(status) {
  for (const name of ["failing", "slowest"]) {
    const requests = status[name];
    show(byId(`${name}-none`), requests.length === 0);
    show(byId(name), requests.length > 0);
    tableOf(name, REQUESTS, requests, ({ id }) => id);
  }
}

export function drawRoutes({ routes }) {
  show(byId("routes-part"), routes.length > 0);
  tableOf("routes", ROUTES, routes, ({ site, route, upstream }) => JSON.stringify([site, route, upstream]));
}

function tableOf(name, columns, items, keyOf) {
  const draw = () => {
    table(byId(name), columns, whole.has(name) ? items : items.slice(0, FEW[name]), keyOf);
    say(all, whole.has(name) ? "Only the first" : `All ${count(items.length)}`);
  };
  const all = byId(`${name}-all`);
  show(all, items.length > FEW[name]);
  all.onclick = () => {
    if (!whole.delete(name)) whole.add(name);
    draw();
  };
  draw();
}

function what(cell, { method, host, target, client, protocol }) {
  if (!cell.firstChild) {
    const code = make("code");
    code.append(make("b"), " ", make("span"));
    cell.append(code, make("span", "soft"));
  }
  const [code, who] = cell.children;
  foreign(code.children[0], method);
  foreign(code.children[1], target);
  foreign(who, [host, `from ${client || "a socket"}`, protocol].filter(Boolean).join(" · "));
}

function outcome(cell, { status, refused, is_aborted }) {
  if (!cell.firstChild) cell.append(make("b"), make("span", "soft"));
  cell.firstChild.className = status >= 500 ? "bad" : status >= 400 ? "warn" : "plain";
  say(cell.firstChild, String(status));
  const more = [refused, is_aborted ? "cut off" : null].filter(Boolean).join(", ");
  foreign(cell.lastChild, more);
}

function way(cell, { site, route, server }) {
  if (!cell.firstChild) cell.append(make("span"), make("span", "soft"));
  foreign(cell.firstChild, place(site, route));
  foreign(cell.lastChild, server ? `to ${server}` : "");
}

const place = (site, route) => (site === "*" ? route || "files" : [site, route].filter(Boolean).join(" ") || "no site");

function story(cell, { id }) {
  if (!cell.firstChild) cell.append(make("a", "", "Explain"));
  const link = cell.firstChild;
  const address = `explain/${encodeURIComponent(id)}`;
  if (link.getAttribute("href") === address) return;
  link.href = address;
  link.dataset.story = id;
  link.setAttribute("aria-label", `Explain request ${id}`);
}

function route(cell, { site, route, upstream }) {
  if (!cell.firstChild) cell.append(make("code"), make("span", "soft"));
  foreign(cell.firstChild, place(site, route) || "no site");
  foreign(cell.lastChild, upstream ? `to ${upstream}` : "");
}

function serverErrors(cell, { traffic }) {
  say(cell, share(traffic.statuses.server_error, traffic.requests));
  cell.classList.toggle("bad", traffic.statuses.server_error > 0);
}
