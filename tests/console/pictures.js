// Screenshots of every screen, at 375 and 1280 px, light and dark, to target/console (or the folder that is given).

import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.js';
import { ADA, openPage, settled } from './harness.js';
import { SCREENS } from './screens.js';
import { startStack } from './stack.js';

const folder = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '../../target/console'));
const LOOKS = [[1280, 900, 'light'], [1280, 900, 'dark'], [375, 812, 'light'], [375, 812, 'dark']];

await mkdir(folder, { recursive: true });
const [stack, browser] = await Promise.all([startStack('--demo'), launch()]);
try {
  await stack.call('POST', '/v1/members', ADA);
  await stack.call('POST', '/v1/members/15061/redemptions', { reward: 'five-off' });
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
  console.log(`${SCREENS.length + 1} screens in ${LOOKS.length} looks: ${folder}`);
} finally {
  await browser.close();
  stack.close();
}
