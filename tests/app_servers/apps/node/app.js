// An application on Node's own HTTP server, with its defaults: idle connections are closed after five seconds.
//
// PORT is where it listens, NAME what it calls itself. Under Passenger, which gives its own port, both may be missing.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');

const name = process.env.NAME || 'node';
const sessions = new Map();
let streams = 0;
let draining = false;

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://app');
  // A connection that outlives the server would be cut off in the middle of a request.
  if (draining) response.setHeader('Connection', 'close');
  const say = (text, status = 200) => {
    response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  };
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /': return say(`${name}\n`);
    case 'GET /healthz': return draining ? say('draining\n', 503) : say('ok\n');
    case 'GET /slow': return void setTimeout(() => say(`${name}\n`), 50);
    case 'GET /headers': return say(JSON.stringify(request.headers));
    case 'GET /streams': return say(`${streams}\n`);
    case 'GET /me': return say(`${sessions.get(session(request)) ?? 'nobody'} at ${name}\n`);
    case 'GET /events': return events(request, response);
    case 'POST /login': return login(request, response);
    case 'POST /echo': return whole(request, (body) => say(body));
    case 'PUT /upload': case 'POST /upload': return upload(request, say);
    default: return say('not here\n', 404);
  }
});

function session(request) {
  return /(?:^|; )sid=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1];
}

function whole(request, then) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => then(Buffer.concat(chunks).toString()));
}

function login(request, response) {
  whole(request, (form) => {
    const sid = crypto.randomBytes(16).toString('hex');
    sessions.set(sid, new URLSearchParams(form).get('user'));
    response.writeHead(303, { Location: '/me', 'Set-Cookie': `sid=${sid}; Path=/; HttpOnly`, 'Content-Length': 0 });
    response.end();
  });
}

function upload(request, say) {
  const hash = crypto.createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk) => { bytes += chunk.length; hash.update(chunk); });
  request.on('end', () => say(`${bytes} ${hash.digest('hex')}\n`));
}

// Has no end of its own: who sees an event has not waited for the last one.
function events(request, response) {
  streams += 1;
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  let count = 0;
  const timer = setInterval(() => response.write(`data: ${++count}\n\n`), 100);
  response.on('close', () => { clearInterval(timer); streams -= 1; });
}

try {
  const { WebSocketServer } = require('ws');
  const sockets = new WebSocketServer({ server, path: '/socket' });
  sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
} catch (error) {
  console.error(`no WebSockets: ${error.message}`);
}

// Told to end, it says so to who checks its health, goes on for DRAIN milliseconds, finishes what it has begun, and ends.
process.on('SIGTERM', () => {
  draining = true;
  setTimeout(() => server.close(() => process.exit(0)), Number(process.env.DRAIN ?? 0));
});

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
