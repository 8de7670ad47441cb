// What is asked and answered: the figures, the answers by class, the refused.

import { byId, children, make, say, sayQuantity, show, table } from "./dom.js";
import { count, joined, rate, share, size, time } from "./format.js";

const over = (amount, seconds) => (seconds > 0 ? amount / seconds : 0);
const perSecond = ([number, unit]) => [number, `${unit}/s`];
const requestRate = (traffic) => rate(over(traffic.requests, traffic.seconds));
const byteRate = (traffic) => perSecond(size(over(traffic.bytes, traffic.seconds)));
const failed = (traffic) => [share(traffic.statuses.server_error, traffic.requests), ""];

// What each figure is: of the last ten seconds large, of five minutes small.
const recent = (of) => ({ last_10s }) => of(last_10s);
const before = (of) => ({ last_5m }) => `5 min: ${joined(of(last_5m))}`;
const figure = (name, of) => ({ name, now: recent(of), beneath: before(of) });
const FIGURES = [
  figure("Requests", requestRate),
  { ...figure("Failed (5xx)", failed), isBad: ({ last_10s }) => last_10s.statuses.server_error > 0 },
  figure("Latency, p50", ({ latency }) => time(latency.p50)),
  figure("Latency, p90", ({ latency }) => time(latency.p90)),
  figure("Latency, p99", ({ latency }) => time(latency.p99)),
  figure("Sent", byteRate),
  {
    name: "In flight",
    now: ({ in_flight }) => [count(in_flight), ""],
    beneath: ({ connections }) => `${count(connections.open)} ${connections.open === 1 ? "connection" : "connections"}`,
  },
];

const CLASSES = [
  { key: "informational", name: "1xx", what: "switched to another protocol" },
  { key: "success", name: "2xx", what: "answered" },
  { key: "redirection", name: "3xx", what: "elsewhere, or not modified" },
  { key: "client_error", name: "4xx", what: "the client’s fault" },
  { key: "server_error", name: "5xx", what: "the server’s fault" },
];

const amount = (label, pick) => ({ label, className: "number", fill: (cell, { of, status }) => say(cell, count(of(pick(status)))) });
const ANSWERS = [
  { label: "Status", fill: (cell, { name, what, key }) => named(cell, name, what, key) },
  amount("10 s", ({ last_10s }) => last_10s),
  amount("5 min", ({ last_5m }) => last_5m),
  { label: "Share", className: "number", fill: (cell, { of, status }) => say(cell, share(of(status.last_5m), status.last_5m.requests)) },
  amount("Since the start", ({ total }) => total),
];

export function drawTraffic(status) {
  figures(status);
  answers(status);
  refused(status);
}

function figures(status) {
  const create = ({ name }) => {
    const group = make("div");
    group.append(make("dt", "", name), make("dd", "value"), make("dd", "soft"));
    return group;
  };
  children(byId("figures"), FIGURES, ({ name }) => name, create, (group, { now, beneath, isBad }) => {
    const [, value, small] = group.children;
    sayQuantity(value, now(status));
    value.classList.toggle("bad", Boolean(isBad?.(status)));
    say(small, beneath(status));
  });
}

function answers(status) {
  const all = status.last_5m;
  const seen = CLASSES.filter(({ key }) => key !== "informational" || status.total.statuses[key] > 0);
  children(byId("classes"), seen, ({ key }) => key, ({ key }) => make("i", key), (part, { key }) => {
    part.style.flexGrow = String(over(all.statuses[key], all.requests));
  });
  const rows = seen.map(({ key, name, what }) => ({ key, name, what, status, of: (traffic) => traffic.statuses[key] }));
  rows.push({ key: "aborted", name: "cut", what: "did not get whole to the client", status, of: (traffic) => traffic.aborted });
  table(byId("answers"), ANSWERS, rows, ({ key }) => key);
}

function named(cell, name, what, key) {
  if (cell.firstChild) return;
  cell.append(make("i", `swatch ${key}`), make("span", "", name), " ", make("span", "soft", what));
}

function refused({ refused }) {
  const most = Math.max(1, ...refused.map(([, times]) => times));
  show(byId("refused-none"), refused.length === 0);
  const create = ([reason]) => {
    const item = make("li");
    item.append(make("span", "", reason), make("b"), make("i"));
    return item;
  };
  children(byId("refused"), refused.slice(0, 12), ([reason]) => reason, create, (item, [, times]) => {
    say(item.children[1], count(times));
    item.children[2].style.inlineSize = `${(times / most) * 100}%`;
  });
}
