// A local stack, and servers that remember what they received.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const TESSERA = fileURLToPath(new URL('../../target/debug/tessera', import.meta.url));
const ADMIN = 'tsk_clients_admin';

const PROGRAM = {
  name: 'Club Ada',
  currency: 'EUR',
  timezone: 'Europe/Rome',
  tiers: {
    ladder: [
      { id: 'base', name: 'Base', threshold: 0 },
      { id: 'silver', name: 'Silver', threshold: 500 },
    ],
  },
  rewards: [
    { id: 'five-off', name: 'Five', type: 'amount_off', value: '5.00', cost: 10, code: { pattern: 'ADA-########' } },
  ],
  rules: [
    {
      id: 'per-euro',
      name: 'A point per euro',
      status: 'active',
      starts_at: '2026-01-01T00:00:00',
      on: { receipt: {} },
      then: [{ credit: { per_unit: '1', kind: 'both' } }, { reward: { reward: 'five-off' } }],
    },
  ],
};

/** A stack in memory with the program above, until `stop`. */
export const startStack = async () => {
  const child = spawn(TESSERA, ['--empty', '--memory', '--port', '0', '--admin-key', ADMIN], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill());
  let url;
  let program;
  for await (const line of createInterface({ input: child.stdout })) {
    program ??= /^program\s+(\S+)/.exec(line)?.[1];
    url = /ready\s+(http:\S+)/.exec(line)?.[1];
    if (url) break;
  }
  const send = async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  };
  await send('PUT', '/v1/program', PROGRAM);
  return { url, program, send, stop: () => child.kill() };
};

/** A server that remembers requests; `react` returns a status. */
export const startServer = async (react = () => 200) => {
  const received = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const one = { path: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
    received.push(one);
    response.writeHead(react(one)).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { received, url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
};
