// Small conversations with the server that sent this page. Each demo asks something over HTTP and shows what was asked
// and what came back. Without this script the page shows the same questions as curl commands.

const page = new URL("guide.html", document.baseURI).pathname;

const demos = {
  async arrival(show) {
    const answer = await ask(show, "HEAD", location.pathname);
    mark(show, answer, ["etag", "last-modified", "cache-control"]);
  },

  async again(show) {
    const first = await fetch(page, { cache: "no-store" });
    await first.arrayBuffer();
    const tag = first.headers.get("etag");
    const fields = tag ? { "If-None-Match": tag } : { "If-Modified-Since": first.headers.get("last-modified") ?? "" };
    const answer = await ask(show, "GET", page, fields);
    const length = (await answer.arrayBuffer()).byteLength;
    mark(show, answer, ["etag", "last-modified"]);
    say(show, answer.status === 304 ? "Nothing has changed, so no content was sent." : `${count(length)} bytes were sent.`);
  },

  async part(show) {
    const answer = await ask(show, "GET", page, { Range: "bytes=0-99" });
    const bytes = await answer.arrayBuffer();
    mark(show, answer, ["content-range", "content-length", "accept-ranges"]);
    say(show, answer.status === 206 ? new TextDecoder().decode(bytes) : `${count(bytes.byteLength)} bytes were sent: the whole file.`);
  },

  async resume(show) {
    const answer = await ask(show, "GET", page, { Range: "bytes=1000-", "If-Range": '"the-version-of-last-week"' });
    const length = (await answer.arrayBuffer()).byteLength;
    mark(show, answer, ["etag", "content-length"]);
    say(show, answer.status === 200 ? `The file is another one by now: ${count(length)} bytes, from the start.` : `${count(length)} bytes were sent.`);
  },

  async life(show) {
    const sheet = new URL(document.querySelector("link[rel=stylesheet]").href).pathname;
    for (const path of [page, sheet]) {
      mark(show, await ask(show, "HEAD", path), ["cache-control"], true);
    }
  },

  async coding(show) {
    const answer = await ask(show, "GET", page, {}, "Accept-Encoding: as your browser sends it");
    const length = (await answer.arrayBuffer()).byteLength;
    mark(show, answer, ["content-encoding", "vary", "content-length"]);
    const coding = answer.headers.get("content-encoding");
    const travelled = Number(answer.headers.get("content-length"));
    if (coding && travelled) {
      say(show, `${count(length)} bytes of page travelled as ${count(travelled)}, coded with ${coding}.`);
    } else {
      say(show, "Sent as it is. Put a fresh guide.html.br, .zst or .gz beside the file and ask again.");
    }
  },
};

async function ask(show, method, path, fields = {}, remark = "") {
  const lines = [`${method} ${path}`, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`)];
  if (remark) lines.push(remark);
  line(show, "request", lines.join("\n"));
  const answer = await fetch(path, { method, headers: fields, cache: "no-store" });
  // An answer without content is still read to its end: what is left unread, the browser reports as a failed request.
  if (method === "HEAD") await answer.arrayBuffer();
  line(show, "status", `${answer.status} ${reasons[answer.status] ?? answer.statusText}`);
  return answer;
}

const reasons = { 200: "OK", 206: "Partial Content", 304: "Not Modified", 412: "Precondition Failed", 416: "Range Not Satisfiable" };

// The fields that matter are marked; the others are shown as well, or left out when `only` is set.
function mark(show, answer, important, only = false) {
  const fields = [...answer.headers].sort(([a], [b]) => important.includes(b) - important.includes(a));
  for (const [name, value] of fields) {
    if (important.includes(name)) {
      const field = line(show, "field", "");
      field.append(Object.assign(document.createElement("mark"), { textContent: `${name}: ${value}` }), "\n");
    } else if (!only) {
      line(show, "field", `${name}: ${value}\n`);
    }
  }
}

function say(show, text) {
  line(show, "said", `\n${text}`);
}

// Everything goes in as text: a header is not markup.
function line(show, kind, text) {
  const part = Object.assign(document.createElement("span"), { className: kind, textContent: text });
  show.append(part);
  return part;
}

const count = (number) => number.toLocaleString("en");

async function run(demo) {
  const button = demo.querySelector("button");
  const show = demo.querySelector("pre");
  const answer = document.createElement("pre");
  button?.setAttribute("aria-busy", "true");
  try {
    await demos[demo.dataset.demo](answer);
  } catch {
    answer.textContent = "The server did not answer. Is it still running?";
  }
  show.replaceChildren(...answer.childNodes);
  button?.removeAttribute("aria-busy");
}

for (const demo of document.querySelectorAll("[data-demo]")) {
  const button = demo.querySelector("button");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => run(demo));
  } else {
    run(demo);
  }
}

for (const place of document.querySelectorAll("[data-origin]")) {
  place.textContent = location.origin;
}

// The guide: contents stay open where there is room for them beside the text, and follow the reader.
const contents = document.querySelector(".contents details");
if (contents) {
  const wide = matchMedia("(min-width: 64rem)");
  const fit = () => { contents.open = wide.matches; };
  wide.addEventListener("change", fit);
  fit();
  const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  for (const section of document.querySelectorAll(".text > section")) seen.observe(section);
}
