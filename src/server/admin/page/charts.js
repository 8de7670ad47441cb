// The last five minutes, drawn: three charts with one time axis, and one step of them all that is read out.

import { byId, children, make, say, show } from "./dom.js";
import { clock, count, joined, rate, share, size, time } from "./format.js";

const SPAN = 300;
const STEP = 5;
const STEPS = SPAN / STEP;
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [STEPS * 10, 100];

const CHARTS = [
  { name: "requests", title: "Requests a second", note: "red: failed (5xx)", draw: requests },
  { name: "time", title: "Latency", note: "line: p50, area: up to p99", draw: times },
  { name: "bytes", title: "Bytes a second", note: "", draw: bytes },
];

// The step that the reader looks at, by its beginning; none: the present.
let chosen = null;
let last = null;

export function drawCharts(status) {
  last = status;
  const begin = status.now - SPAN;
  const steps = status.history
    .filter((moment) => moment.start + moment.seconds > begin)
    .map((moment) => ({ ...moment, x: ((moment.start - begin) / SPAN) * WIDTH }));
  const group = byId("charts");
  children(group, CHARTS, ({ name }) => name, frame, (figure, { draw }) => {
    const { shapes, lines } = draw(steps);
    const svg = figure.querySelector("svg");
    paths(svg, shapes);
    grid(figure, lines);
    const cursor = figure.querySelector(".cursor");
    show(cursor, chosen !== null);
    cursor.style.insetInlineStart = `${((chosen + STEP / 2 - begin) / SPAN) * 100}%`;
  });
  readOut(status);
}

function frame({ title, note }) {
  const figure = make("figure", "chart");
  const caption = make("figcaption");
  caption.append(make("b", "", title), make("span", "soft", note));
  const plot = make("div", "plot");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const canvas = make("div", "canvas");
  canvas.append(svg, make("i", "cursor"));
  plot.append(make("div", "grid"), canvas);
  const axis = make("div", "axis");
  axis.append(make("span", "", "−5 min"), make("span", "", "now"));
  figure.append(caption, plot, axis);
  return figure;
}

// One path for each class of shapes.
function paths(svg, shapes) {
  children(svg, Object.keys(shapes), (name) => name, (name) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    return path;
  }, (path, name) => path.setAttribute("d", shapes[name]));
}

// Lines at heights from 0 to 1, with what they mean.
function grid(figure, lines) {
  children(figure.querySelector(".grid"), lines, ({ text }) => text, () => make("span"), (line, { at, text }) => {
    line.style.insetBlockEnd = `${(at * 100).toFixed(2)}%`;
    say(line, text);
  });
}

function requests(steps) {
  const perSecond = steps.map(({ requests, seconds }) => over(requests, seconds));
  const top = roundUp(Math.max(...perSecond, 1));
  return {
    shapes: {
      ok: bars(steps, perSecond.map((value) => value / top)),
      failed: bars(steps, steps.map(({ server_errors, seconds }) => over(server_errors, seconds) / top)),
    },
    lines: [{ at: 1, text: count(top) }, { at: 0.5, text: top >= 2 ? count(top / 2) : "0.5" }],
  };
}

function bytes(steps) {
  const perSecond = steps.map(({ bytes, seconds }) => over(bytes, seconds));
  const most = Math.max(...perSecond, 1024);
  const unit = 1024 ** Math.floor(Math.log(most) / Math.log(1024));
  const top = roundUp(most / unit) * unit;
  return {
    shapes: { ok: bars(steps, perSecond.map((value) => value / top)) },
    lines: [{ at: 1, text: round(top) }, { at: 0.5, text: round(top / 2) }],
  };
}

// By powers of ten: what half of the requests take, and what the slowest take, are often far apart.
function times(steps) {
  const told = steps.filter(({ latency }) => latency.p50 !== null && latency.p99 !== null);
  const low = Math.min(...told.map(({ latency }) => exponent(latency.p50)), -3);
  const high = Math.max(...told.map(({ latency }) => exponent(latency.p99) + 1e-9), -2);
  const [floor, ceiling] = [Math.floor(low), Math.ceil(high)];
  const height = (seconds) => (exponent(seconds) - floor) / (ceiling - floor);
  const lines = [];
  for (let power = floor; power <= ceiling; power += 1) {
    lines.push({ at: (power - floor) / (ceiling - floor), text: decade(power) });
  }
  const range = told.map((step) => {
    const [from, to] = [height(step.latency.p50), height(step.latency.p99)];
    return box(step, Math.max(0, from), Math.max(to, from));
  });
  return { shapes: { range: range.join(""), median: line(told, (step) => height(step.latency.p50)) }, lines };
}

const round = (bytes) => joined(size(bytes)).replace(/\.0+ /, " ");
const decade = (power) => (power >= 0 ? `${10 ** power} s` : power >= -3 ? `${10 ** (power + 3)} ms` : `${10 ** (power + 6)} µs`);
const exponent = (seconds) => Math.log10(Math.max(seconds, 1e-6));
const over = (amount, seconds) => (seconds > 0 ? amount / seconds : 0);
const bars = (steps, heights) => steps.map((step, index) => (heights[index] > 0 ? box(step, 0, heights[index]) : "")).join("");

// A box from one height to another, as wide as its step is long; what is older than the chart is cut off.
function box({ x, seconds }, from, to) {
  const [left, right] = [Math.max(0, x + 0.8), x + Math.max(2, (seconds / SPAN) * WIDTH) - 0.8];
  const y = (height) => ((1 - height) * HEIGHT).toFixed(2);
  return `M${left.toFixed(2)} ${y(from)}V${y(to)}H${right.toFixed(2)}V${y(from)}Z`;
}

// A line through the middles of steps; where one is missing, it begins anew.
function line(steps, heightOf) {
  let before = -Infinity;
  return steps.map((step) => {
    const middle = Math.max(0, step.x + (Math.min(step.seconds, STEP) / SPAN / 2) * WIDTH);
    const isNext = step.start - before < STEP * 1.5;
    before = step.start;
    const y = ((1 - heightOf(step)) * HEIGHT).toFixed(2);
    return isNext ? `L${middle.toFixed(2)} ${y}` : `M${Math.max(0, middle - 2).toFixed(2)} ${y}H${middle.toFixed(2)}`;
  }).join("");
}

// The next of 1, 2, 5, 10, 20, 50 …
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function readOut(status) {
  const output = byId("readout");
  const moment = chosen !== null && status.history.find(({ start }) => Math.abs(start - chosen) < STEP / 2);
  output.classList.toggle("chosen", Boolean(moment));
  if (!moment) {
    if (status.is_uncounted) {
      say(output, "Requests are not counted: observe = false in [admin].");
      return;
    }
    const present = status.last_5m;
    say(output, present.requests ? `Five minutes: ${count(present.requests)} requests, ${joined(size(present.bytes))}.` : "No request in the last five minutes.");
    return;
  }
  const { start, seconds, requests, server_errors, bytes, latency } = moment;
  const parts = [`${clock(start)}: ${joined(rate(over(requests, seconds)))}`];
  if (server_errors) parts.push(`${count(server_errors)} failed (${share(server_errors, requests)})`);
  if (requests) parts.push(`p50 ${joined(time(latency.p50))}, p99 ${joined(time(latency.p99))}`);
  parts.push(`${joined(size(over(bytes, seconds)))}/s`);
  say(output, parts.join(" · "));
}

function choose(start) {
  chosen = start;
  if (last) drawCharts(last);
}

// Pointing at a step, or going to it by the arrow keys, reads it out.
export function listenToCharts() {
  const group = byId("charts");
  group.addEventListener("pointermove", (event) => {
    const plot = event.target.closest?.(".canvas");
    if (!plot || !last) return choose(null);
    const { left, width } = plot.getBoundingClientRect();
    const moment = last.now - SPAN + ((event.clientX - left) / width) * SPAN;
    const step = last.history.find(({ start, seconds }) => start <= moment && moment < start + Math.max(seconds, STEP));
    choose(step ? step.start : null);
  });
  group.addEventListener("pointerleave", () => choose(null));
  group.addEventListener("blur", () => choose(null));
  group.addEventListener("keydown", (event) => {
    const starts = last ? last.history.map(({ start }) => start) : [];
    const at = starts.findIndex((start) => Math.abs(start - chosen) < STEP / 2);
    const present = at < 0 ? starts.length : at;
    const next = { ArrowLeft: present - 1, ArrowRight: present + 1, Home: 0, End: starts.length - 1 }[event.key];
    if (event.key === "Escape") choose(null);
    if (next === undefined || starts.length === 0) return;
    event.preventDefault();
    byId("readout").setAttribute("aria-live", "polite");
    choose(next >= starts.length ? null : starts[Math.max(0, next)]);
  });
}
