// The pictures of the documents, from the real stack: docs/pictures, in English, light and dark. `./pictures` runs it.

import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close, launch } from './browser.js';
import { startStack } from './real.js';
import { camera, walk } from './walk.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../docs/pictures');
/** The steps of the walk that the documents show, by the names of their pictures. */
const SHOWN = { '6-points': 'shop', '9-code-in-the-cart': 'cart', '12-page': 'points' };

await mkdir(folder, { recursive: true });
const steps = await mkdtemp(join(tmpdir(), 'pictures-'));
const browser = await launch();
try {
  for (const colorScheme of ['light', 'dark']) {
    const stack = await startStack();
    try {
      const viewport = { width: 1280, height: 800 };
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce', locale: 'en-GB' });
      const page = await context.newPage();
      const picture = await camera(page, steps, colorScheme);
      const check = (actual, expected, what) => assert.equal(actual, expected, what);
      await walk({ page, url: stack.url, picture, check });
      for (const [step, name] of Object.entries(SHOWN)) {
        await copyFile(join(steps, `shop-${step}-${colorScheme}.png`), join(folder, `${name}-${colorScheme}.png`));
      }
      await page.goto(`${stack.url}/p/${stack.program}/en`);
      await page.screenshot({ path: join(folder, `programme-page-${colorScheme}.png`), fullPage: true });
      await context.close();
    } finally {
      stack.stop();
    }
  }
} finally {
  await close(browser);
  await rm(steps, { recursive: true });
}
