// The figures that have a bound keep it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure } from './sizes.js';

test('sizes, requests, cookies and layout shift are within their bounds', { timeout: 60_000 }, async () => {
  const over = (await measure()).filter(({ value, bound }) => bound != null && value > bound);
  assert.deepEqual(over, []);
});
