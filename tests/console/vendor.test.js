// The libraries are exactly what the pinned packages make, with their licences and hashes.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assets } from './stack.js';
import { make } from './vendor.js';

const vendor = join(assets, 'vendor');

test('the libraries are those of the lock file: run tests/console/run --vendor', async () => {
  const made = await make();
  assert.deepEqual((await readdir(vendor)).sort(), [...made.keys()].sort());
  for (const [name, text] of made) assert.ok((await readFile(join(vendor, name), 'utf8')) === text, name);
});

test('every hash is that of its file', async () => {
  const { files } = JSON.parse(await readFile(join(vendor, 'vendor.json'), 'utf8'));
  for (const [name, hash] of Object.entries(files)) {
    const digest = createHash('sha384').update(await readFile(join(vendor, name))).digest('base64');
    assert.equal(hash, `sha384-${digest}`, name);
  }
});
