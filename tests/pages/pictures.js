// Screenshots of every state, on a phone and on a wide screen, light and dark, to target/pages.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close, launch } from './browser.js';
import { createStack } from './stack.js';
import { NOW, STATES, tokenOf } from './states.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../target/pages');
await mkdir(folder, { recursive: true });
const only = process.argv[2];
const troubles = {
  expired: (stack) => stack.replies.set('GET /v1/hub', stack.problem(401, 'unauthorized')),
  error: (stack) => stack.replies.set('GET /v1/hub', stack.problem(503, 'unavailable', { 'Retry-After': '30' })),
  loading: (stack) => stack.replies.set('GET /v1/hub', 'never'),
  refused: () => {},
  redeemed: () => {},
};
const browser = await launch();
const locale = process.env.LOCALE_OF_PICTURES ?? 'it';
for (const [width, height] of [
  [375, 812],
  [1280, 900],
]) {
  for (const colorScheme of ['light', 'dark']) {
    for (const name of [...STATES, ...Object.keys(troubles)].filter((one) => !only || one === only)) {
      const stack = await createStack();
      stack.state = STATES.includes(name) ? name : 'member';
      troubles[name]?.(stack);
      const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
      const page = await context.newPage();
      await page.clock.install({ time: NOW });
      const mode = width < 720 ? 'drawer' : 'page';
      const token = name === 'anonymous' ? null : tokenOf('c-42');
      await page.goto(stack.page(stack.element({ mode, token, locale }), { lang: locale }));
      if (mode === 'drawer') await page.getByRole('button', { name: 'I tuoi punti' }).click();
      await page.locator(name === 'loading' ? '.bone.hero' : '.body:not([aria-busy]) .hero').waitFor();
      if (mode === 'drawer')
        await page.setViewportSize({
          width,
          height: Math.min(
            4000,
            Math.ceil(
              (await page.evaluate(
                () => document.querySelector('tessera-hub').shadowRoot.querySelector('.root').scrollHeight,
              )) / 0.92,
            ) + 400,
          ),
        });
      if (name === 'refused') {
        await page.evaluate(() =>
          document.addEventListener('tessera:apply', (event) =>
            event.detail.respondWith(Promise.reject(new Error('Il minimo è 30 €'))),
          ),
        );
        await page.getByRole('button', { name: 'Applica: 5 € di sconto' }).click();
        await page.getByText('Il minimo è 30 €').first().waitFor();
      }
      if (name === 'redeemed') {
        await page.locator('.hero button').click();
        await page.locator('.status p').waitFor();
        await page.locator('.coupon summary').first().click();
        await page.locator('.qr svg').waitFor();
      }
      if (['member', 'long', 'top', 'debt'].includes(name)) {
        const entry = page.locator('.entry summary').first();
        await entry.scrollIntoViewIfNeeded({ timeout: 3000 }).catch(() => {});
        await page.locator('.activity').scrollIntoViewIfNeeded();
        await entry.waitFor();
        await entry.click();
      }
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: mode !== 'drawer' });
      await context.close();
      stack.close();
    }
  }
}
await close(browser);
