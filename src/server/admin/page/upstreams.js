// The applications: each server with its state, and why and since when it is in it.

import { byId, children, foreign, make, say, show, table } from "./dom.js";
import { count, share, span } from "./format.js";

// A sign beside the word: colour alone does not reach everybody.
const STATES = {
  up: { sign: "●", level: "good" },
  unknown: { sign: "○", level: "plain" },
  down: { sign: "▼", level: "bad" },
  ejected: { sign: "✕", level: "bad" },
  "on-trial": { sign: "◐", level: "warn" },
};

const COLUMNS = [
  { label: "Server", fill: (cell, { server }) => named(cell, server) },
  { label: "State", className: "state", fill: (cell, item) => state(cell, item) },
  { label: "In flight", className: "number", fill: (cell, { server }) => say(cell, count(server.in_flight)) },
  { label: "Sent to it", className: "number", fill: (cell, { server }) => say(cell, count(server.attempts)) },
  { label: "No answer", className: "number", fill: (cell, { server }) => failures(cell, server) },
  { label: "Left out", className: "number", fill: (cell, { server }) => say(cell, times(server.ejections)) },
];

export function drawUpstreams({ upstreams, now }) {
  show(byId("upstreams-part"), upstreams.length > 0);
  const create = () => {
    const part = make("div", "upstream");
    const servers = make("table", "cards servers");
    part.append(make("h3"), make("p", "soft"), servers);
    return part;
  };
  children(byId("upstreams"), upstreams, ({ name }) => name, create, (part, upstream) => {
    const [title, about, servers] = part.children;
    foreign(title, upstream.name);
    say(about, summary(upstream));
    const items = upstream.servers.map((server) => ({ server, now }));
    show(servers, items.length > 0);
    table(servers, COLUMNS, items, ({ server }) => `${server.name} ${server.host}`);
  });
}

function summary({ servers, waiting, retries, is_checked }) {
  const available = servers.filter(({ state }) => STATES[state]?.level !== "bad").length;
  const parts = servers.length ? [`${available} of ${servers.length} ${servers.length === 1 ? "server" : "servers"} available`] : ["no server: its name has no address yet"];
  parts.push(waiting === 0 ? "nobody waits" : `${count(waiting)} ${waiting === 1 ? "request waits" : "requests wait"} for room`);
  parts.push(`${count(retries)} ${retries === 1 ? "retry" : "retries"}`);
  parts.push(is_checked ? "health is checked" : "judged by their answers alone");
  return parts.join(" · ");
}

function named(cell, { name, host, weight, is_backup }) {
  if (!cell.firstChild) cell.append(make("code"), make("span", "soft"));
  foreign(cell.firstChild, name);
  const more = [];
  if (host && !name.includes(host)) more.push(host);
  if (weight !== 1 && weight !== 0) more.push(`weight ${weight}`);
  if (is_backup) more.push("backup");
  foreign(cell.lastChild, more.join(", "));
}

function state(cell, { server, now }) {
  if (!cell.firstChild) cell.append(make("b"), make("span", "soft"));
  const { sign, level } = STATES[server.state] ?? STATES.unknown;
  cell.firstChild.className = level;
  foreign(cell.firstChild, `${sign} ${server.state}`);
  const since = server.since > 0 ? `for ${span(now - server.since)}` : "";
  foreign(cell.lastChild, [since, server.why].filter(Boolean).join(": "));
}

function failures(cell, { failures, attempts }) {
  say(cell, failures === 0 ? "0" : `${count(failures)} (${share(failures, attempts)})`);
}

const times = (number) => (number === 0 ? "never" : number === 1 ? "once" : `${count(number)} times`);
