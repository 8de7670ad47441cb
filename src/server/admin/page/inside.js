// The server itself: connections, memory, compression, the process; certificates and the configuration.

import { byId, facts, foreign, make, meter, say, show, table } from "./dom.js";
import { clock, count, day, joined, NONE, share, size, span } from "./format.js";

const SOON = 14 * 86400;

export function drawInside(status) {
  connections(status.connections);
  cache(status.cache);
  coding(status.coding);
  processFigures(status);
}

function connections({ open, limit, accepted, refused, handshakes, resumed, failed_handshakes }) {
  facts(byId("connections"), [
    ["Open", limit ? meter(open, limit, `${count(open)} of ${count(limit)}`) : count(open)],
    ["Accepted", count(accepted)],
    ["Closed at once: too many of one client", count(refused)],
    ["TLS handshakes", count(handshakes)],
    ["… of them resumed", share(resumed, handshakes)],
    ["… that failed", count(failed_handshakes)],
  ]);
}

function cache({ hits, misses, evictions, entries, bytes, capacity }) {
  facts(byId("cache"), [
    ["Held", capacity ? meter(bytes, capacity, `${joined(size(bytes))} of ${joined(size(capacity))}`) : joined(size(bytes))],
    ["Representations", count(entries)],
    ["Hits", share(hits, hits + misses)],
    ["Files found in memory", count(hits)],
    ["Files opened", count(misses)],
    ["Gave way to others", count(evictions)],
  ]);
}

function coding({ made, given_up, waiting, bytes_in, bytes_out, seconds }) {
  facts(byId("coding"), [
    ["Codings made", count(made)],
    ["Given up", count(given_up)],
    ["Waiting or under way", count(waiting)],
    ["Bytes in", joined(size(bytes_in))],
    ["Bytes out", bytes_in ? `${joined(size(bytes_out))}: ${share(bytes_out, bytes_in)}` : NONE],
    ["Time of processors", span(seconds)],
  ]);
}

function processFigures({ process, version, pid, workers, started, now }) {
  const { cpu_seconds, resident_bytes, open_descriptors, most_descriptors, threads } = process;
  const descriptors = `${count(open_descriptors)} of ${count(most_descriptors)}`;
  facts(byId("process"), [
    ["Version", version],
    ["Process", String(pid)],
    ["Workers", count(workers)],
    // Zero: the system does not tell.
    ["Threads", threads ? count(threads) : NONE],
    ["Memory", resident_bytes ? joined(size(resident_bytes)) : NONE],
    ["Descriptors", most_descriptors ? meter(open_descriptors, most_descriptors, descriptors) : NONE],
    ["Processor, since the start", cpu_seconds ? `${span(cpu_seconds)} (${share(cpu_seconds, now - started)} of one)` : NONE],
  ]);
}

const CERTIFICATES = [
  { label: "Names", className: "what", fill: (cell, { names }) => foreign(cell, names.join(", ")) },
  { label: "Valid from", fill: (cell, { not_before }) => say(cell, day(not_before)) },
  { label: "Until", fill: (cell, { not_after }) => say(cell, day(not_after)) },
  { label: "Left", className: "state", fill: left },
];

export function drawCertificates({ certificates, now }) {
  show(byId("certificates-part"), certificates.length > 0);
  const items = certificates.map((certificate) => ({ ...certificate, now }));
  table(byId("certificates"), CERTIFICATES, items, ({ names, not_before, not_after }) => JSON.stringify([names, not_before, not_after]));
}

function left(cell, { not_before, not_after, now }) {
  if (!cell.firstChild) cell.append(make("b"));
  const rest = not_after - now;
  const isUsable = rest > 0 && not_before <= now;
  cell.firstChild.className = !isUsable ? "bad" : rest < SOON ? "warn" : "good";
  const days = Math.floor(rest / 86400);
  say(cell.firstChild, rest <= 0 ? "✕ expired" : not_before > now ? "✕ not valid yet" : days > 1 ? `${days} days` : span(rest));
}

export function drawConfiguration({ configuration, now }) {
  const { file, since, summary, reloads, failed_reloads, last_error } = configuration;
  const quoted = (text) => (element) => foreign(element, text);
  facts(byId("configuration"), [
    ["File", quoted(file ?? "none: by options alone")],
    ["Counts since", since ? `${day(since)}, ${clock(since)} (${span(now - since)})` : NONE],
    ["It has", summary ? quoted(summary) : null],
    ["Reloads", `${count(reloads)} taken, ${count(failed_reloads)} refused`],
    ["Why the last was refused", last_error ? (element) => refusal(element, last_error) : null],
  ]);
}

// As the diagnostics had it: with its lines, and a caret beneath the place.
function refusal(element, text) {
  if (!element.firstChild) element.append(make("pre"));
  const lines = text.split("\n").map((line) => line.trimEnd());
  const pre = element.firstChild;
  if (pre.dataset.text === text) return;
  pre.dataset.text = text;
  pre.replaceChildren(...lines.map((line) => {
    const shown = make("span");
    foreign(shown, line);
    shown.append("\n");
    return shown;
  }));
}
