// The sizes that the console may have, as the stack sends it. Times are printed by `run --sizes` and asserted nowhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure } from './sizes.js';

test('the first view, the overview and everything together stay small', { timeout: 300_000, skip: process.env.SOURCE && 'needs the files of the binary' }, async () => {
  for (const [name, value, , unit, most] of await measure()) {
    if (most) assert.ok(value <= most, `${name}: ${value} ${unit}, more than ${most}`);
  }
});
