// Receives Nectar's webhooks over HTTP and hands each to PostgreSQL, which
// verifies, stores and answers.  Put a server with TLS in front of it.
//
//   npm install pg
//   PORT=8080 PGHOST=... PGDATABASE=... PGUSER=hook_gateway node webhook-gateway.js
'use strict';

const http = require('http');
const { Pool } = require('pg');

const largest = 4 << 20; // bytes of a body
const pool = new Pool({ max: 4, connectionTimeoutMillis: 5000, query_timeout: 12000 });
pool.on('error', (error) => console.error(error.message)); // a session that ended while it was idle

// What the sender is told: anything but 2xx makes it try again.
const statuses = { NC009: 401, NC001: 400, NC005: 400, '22021': 400, '22P05': 400 };

async function read(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > largest) throw Object.assign(new Error('the body is too large'), { status: 413 });
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function receive(request) {
  if (request.method !== 'POST') throw Object.assign(new Error('POST is expected'), { status: 405 });
  const header = (name) => request.headers[name] ?? null;
  const values = [await read(request), header('svix-id'), header('svix-timestamp'), header('svix-signature')];
  const { rows } = await pool.query('SELECT hooks.receive($1, $2, $3, $4) AS outcome', values);
  return rows[0].outcome;
}

const server = http.createServer(async (request, response) => {
  let status = 200;
  let text;
  try {
    text = await receive(request);
  } catch (error) {
    status = error.status ?? statuses[error.code] ?? 500;
    text = status === 500 ? 'try again later' : error.message;
    console.error(`${status} ${error.code ?? ''} ${error.message} ${error.detail ?? ''}`);
  }
  const body = Buffer.from(`${text}\n`);
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length });
  response.end(body);
});
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
