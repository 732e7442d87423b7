// Screenshots of every screen, at 375 and 1280 px, light and dark, to target/console. With `--tour`, the pictures of
// docs/tour.md instead, to docs/pictures.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.js';
import { ADA, openPage, settled } from './harness.js';
import { SCREENS } from './screens.js';
import { startStack } from './stack.js';

const isTour = process.argv.includes('--tour');
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = join(root, isTour ? 'docs/pictures' : 'target/console');
const LOOKS = [[1280, 900, 'light'], [1280, 900, 'dark'], [375, 812, 'light'], [375, 812, 'dark']];

/** The pictures of the tour: name, address, and how they differ from the usual look. */
const TOUR = [
  ['console-overview', ''],
  ['console-member', '/members/15061'],
  ['console-why', '/why/receipt/537618/15061'],
  ['console-rules', '/rules'],
  ['console-rule', '/rules/every-250'],
  ['console-tiers', '/tiers'],
  ['console-phone', '/members/15061', { width: 375, height: 720, colorScheme: 'dark' }],
];
const TOUR_LOOK = { width: 1024, height: 720, colorScheme: 'light' };

const tour = async (browser, stack) => {
  for (const [name, at, look] of TOUR) {
    const { page, context } = await openPage({ stack, browser }, { at, ...TOUR_LOOK, ...look });
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await context.close();
  }
  const empty = await startStack('--empty');
  const { page } = await openPage({ stack: empty, browser }, TOUR_LOOK);
  await page.screenshot({ path: join(folder, 'console-first.png') });
  empty.close();
};

const everything = async (browser, stack) => {
  for (const [width, height, colorScheme] of LOOKS) {
    const { page, context } = await openPage({ stack, browser }, { width, height, colorScheme, key: null });
    await page.screenshot({ path: join(folder, `sign-in-${width}-${colorScheme}.png`) });
    await context.close();
    const opened = await openPage({ stack, browser }, { width, height, colorScheme });
    for (const [name, at] of SCREENS) {
      await opened.page.goto(`${stack.url}/console${at}`);
      await settled(opened.page);
      await opened.page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`) });
    }
    await opened.context.close();
  }
};

await mkdir(folder, { recursive: true });
const [stack, browser] = await Promise.all([startStack('--demo'), launch()]);
try {
  await stack.call('POST', '/v1/members', ADA);
  await stack.call('POST', '/v1/members/15061/redemptions', { reward: 'five-off' });
  await (isTour ? tour : everything)(browser, stack);
  console.log(folder);
} finally {
  await browser.close();
  stack.close();
}
