// A counter for each visitor, in the memory of this process. PORT is where it listens.
'use strict';
const { randomUUID } = require('node:crypto');
const { createServer } = require('node:http');

const visits = new Map();
let ending = false;

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.writeHead(ending ? 503 : 200).end();
  } else if (request.url === '/') {
    const visitor = /\bvisitor=([\w-]+)/.exec(request.headers.cookie)?.[1] ?? randomUUID();
    visits.set(visitor, (visits.get(visitor) ?? 0) + 1);
    response.setHeader('Set-Cookie', `visitor=${visitor}; Path=/; HttpOnly; SameSite=Lax`);
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><link rel="stylesheet" href="/style.css"><title>Node</title>
<p>Visit ${visits.get(visitor)}, process ${process.pid}, from ${request.headers['x-forwarded-for']}\n`);
  } else {
    response.writeHead(404).end('not here\n');
  }
});

// The gate sees the failing check, and sends nothing more; then it is time to end.
process.on('SIGTERM', () => {
  ending = true;
  setTimeout(() => server.close(() => process.exit(0)), 2500);
});
server.listen(process.env.PORT, '127.0.0.1');
