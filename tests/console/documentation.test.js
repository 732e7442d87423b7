// The API documentation: its curl lines are sent to a local stack as they stand.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { KEY, startStack } from './stack.js';

const run = promisify(execFile);
const ENTITIES = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };

/** The problems that a well-formed request may get on a stack that has nothing of what it names. */
const MAY_BE = [404, 409, 422];

test('every curl line of the documentation is a request that the local stack understands', { timeout: 300_000, skip: process.env.SOURCE && 'needs the page of the binary' }, async () => {
  const stack = await startStack('--empty');
  try {
    const page = await (await fetch(`${stack.url}/docs`)).text();
    const lines = [...page.matchAll(/<pre><code>(curl[^]*?)<\/code><\/pre>/g)].map(([, text]) => text.replace(/&(lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity]));
    assert.ok(lines.length > 100, `${lines.length}`);
    const statuses = new Map();
    // What is created comes before what is read, and what deletes comes last.
    const order = (line) => [/-X (POST|PUT|PATCH)/, /^curl http/, /-X DELETE/].findIndex((pattern) => pattern.test(line));
    for (const line of lines.toSorted((a, b) => order(a) - order(b))) {
      const [request] = line.split(' \\\n');
      assert.doesNotMatch(request, /[{}]/);
      const command = line.replaceAll('http://127.0.0.1:3000', stack.url).replace(/^curl/, 'curl -sS -w "\n%{http_code}"');
      const { stdout } = await run('bash', ['-c', command], { env: { ...process.env, TESSERA_KEY: KEY }, maxBuffer: 1 << 25 });
      const status = Number(stdout.split('\n').pop());
      assert.ok(status < 400 || MAY_BE.includes(status), `${request}: ${stdout.slice(-600)}`);
      assert.doesNotMatch(stdout, /there is no (route )?[A-Z]+ \//, request);
      statuses.set(request.replace(stack.url, ''), status);
    }
    const worked = [...statuses.values()].filter((status) => status < 400).length;
    assert.ok(worked > lines.length / 2, `only ${worked} of ${lines.length} did something`);
    for (const [request, status] of statuses) if (/\/v1\/(members\/c-42|receipts\/0532-0007|rules\/every-50|program)$/.test(request) && !/DELETE/.test(request)) assert.ok(status < 300, `${request}: ${status}`);
  } finally {
    stack.close();
  }
});
