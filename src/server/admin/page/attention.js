// What whoever runs the server should look at first. Pure: a status in, a list of `{ level, text, part }` out, worst first.

import { count, share, span, visible } from "./format.js";

const SOON = 14 * 86400;
const OUT = ["down", "ejected"];

export function attention(status) {
  const found = [
    ...readiness(status),
    ...upstreams(status),
    ...errors(status),
    ...certificates(status),
    ...configuration(status),
    ...limits(status),
  ];
  const rank = { bad: 0, warn: 1 };
  return found.sort((a, b) => rank[a.level] - rank[b.level]);
}

function readiness({ readiness, in_flight }) {
  const found = readiness.reasons.map((reason) => ({ level: "bad", text: visible(reason), part: "" }));
  if (readiness.is_draining) {
    const rest = in_flight === 1 ? "1 answer is" : `${count(in_flight)} answers are`;
    found.push({ level: "warn", text: `The server was told to stop: ${rest} being finished.`, part: "" });
  }
  return found;
}

function upstreams({ upstreams, now, readiness }) {
  return upstreams.flatMap(({ name, servers }) => {
    const out = servers.filter((server) => OUT.includes(server.state));
    if (servers.length > 0 && out.length === servers.length) {
      // The server is not ready because of it, and has said so.
      if (readiness.reasons.some((reason) => reason.includes(name))) return [];
      const all = servers.length === 1 ? "Its only server is" : `All ${servers.length} of its servers are`;
      return [{ level: "bad", text: `${visible(name)} has nobody to answer. ${all} out.`, part: "upstreams-title" }];
    }
    return out.map((server) => {
      const since = server.since > 0 ? ` for ${span(now - server.since)}` : "";
      const why = server.why ? `: ${visible(server.why)}` : "";
      const text = `${visible(server.name)} of ${visible(name)} has been ${server.state}${since}${why}`;
      return { level: "warn", text, part: "upstreams-title" };
    });
  });
}

function errors({ last_5m }) {
  const failed = last_5m.statuses.server_error;
  const part = last_5m.requests ? failed / last_5m.requests : 0;
  // One failure among few requests is in the list of failing requests; it is no state of the server.
  if (part < 0.01 || failed < 5) return [];
  const text = `${share(failed, last_5m.requests)} of the answers of the last five minutes were errors of the server (5xx).`;
  return [{ level: part < 0.1 ? "warn" : "bad", text, part: "requests-title" }];
}

function certificates({ certificates, now }) {
  return certificates.flatMap(({ names, not_before, not_after }) => {
    const name = visible(names[0] ?? "a listener");
    const told = (level, text) => [{ level, text, part: "certificates-title" }];
    if (not_after <= now) return told("bad", `The certificate for ${name} expired ${span(now - not_after)} ago.`);
    if (not_before > now) return told("bad", `The certificate for ${name} is not valid before ${span(not_before - now)} from now.`);
    if (not_after - now < SOON) return told("warn", `The certificate for ${name} expires in ${span(not_after - now)}.`);
    return [];
  });
}

function configuration({ configuration }) {
  if (!configuration.last_error) return [];
  const text = "The last reload was refused. The configuration from before goes on to count.";
  return [{ level: "warn", text, part: "configuration-title" }];
}

function limits({ connections, process }) {
  const found = [];
  const near = (used, most) => most > 0 && used > 0.8 * most;
  if (near(connections.open, connections.limit)) {
    found.push({ level: "warn", text: `${count(connections.open)} of ${count(connections.limit)} connections are in use.`, part: "inside-title" });
  }
  if (near(process.open_descriptors, process.most_descriptors)) {
    found.push({ level: "warn", text: `${count(process.open_descriptors)} of ${count(process.most_descriptors)} descriptors are in use.`, part: "inside-title" });
  }
  return found;
}
