// Sizes, requests, layout shift and speed of the storefront's files, in Chromium. `node sizes.js` prints the table.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close, launch } from './browser.js';
import { assets, LANGUAGES } from './build.js';
import { hasStack, startStack } from './real.js';
import { gzipped } from './release.js';
import { createStack } from './stack.js';
import { hubOf, tokenOf } from './states.js';

const KB = 1000;
/** The size of a file as it is sent: releases are compressed like this. */
const sizeOf = async (name) => (await gzipped(await readFile(join(assets, 'dist', name), 'utf8'))).length;

/** The size of the loader without its few texts: those of a language count for it, as `locales` do. */
const withoutTexts = async () => {
  const text = await readFile(join(assets, 'dist/tessera-hub.js'), 'utf8');
  const bare = text.replace(/\{it:\[.*?\]\}/s, '{}');
  if (bare === text) throw new Error('the loader has no texts where they were');
  return (await gzipped(bare)).length;
};

/** A crowded program: the hub of one with 20 rewards, 10 coupons and 15 ways to earn. */
const crowded = () => {
  const hub = hubOf('member');
  const many = (items, count, change) =>
    Array.from({ length: count }, (_, index) => ({ ...items[index % items.length], ...change(index) }));
  return {
    ...hub,
    rewards: many(hub.rewards, 20, (n) => ({ id: `reward-${n}` })),
    ways_to_earn: many(hub.ways_to_earn, 15, (n) => ({ rule: `rule-${n}` })),
    coupons: { available: 14, items: many(hub.coupons.items, 10, (n) => ({ code: `ADA-7K2M9QX${n}` })) },
  };
};

/** What the real stack sends; without a build there is none. */
const ofRealStack = async () => {
  if (!hasStack) return [];
  const stack = await startStack();
  try {
    const bytes = async (path) => (await (await fetch(stack.url + path)).arrayBuffer()).byteLength;
    const pages = await Promise.all(LANGUAGES.map((one) => bytes(`/p/${stack.program}/${one}`)));
    return [
      ['programme page, the largest of four languages', Math.max(...pages), 30 * KB, 'bytes'],
      ['block of a product', await bytes(`/p/${stack.program}/blocks/product?amount=64.00`), null, 'bytes'],
      ['anonymous hub', await bytes(`/v1/hub?program=${stack.program}`), 8 * KB, 'bytes'],
    ];
  } finally {
    stack.stop();
  }
};

/** Waits until the page has painted and has nothing to do: two seconds at most, for a busy machine may leave no idle time. */
const rested = (page) =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        setTimeout(resolve, 2000);
        requestAnimationFrame(() => requestIdleCallback(resolve));
      }),
  );

/** Each figure with its bound; without one it is printed only. */
export const measure = async () => {
  const [loader, panel, ...adapters] = await Promise.all(['tessera-hub.js', 'panel.js', 'cart/shopify.js', 'cart/woocommerce.js'].map(sizeOf));
  const texts = loader - (await withoutTexts());
  const rows = [
    ['before a click, gzip', loader, 6 * KB, 'bytes'],
    ['whole component with a cart, without texts, gzip', loader - texts + panel + Math.max(...adapters), 18 * KB, 'bytes'],
    ['the first texts of four languages, gzip', texts, null, 'bytes'],
    ...(await Promise.all(
      LANGUAGES.map(async (one) => [`language ${one}, gzip`, await sizeOf(`locales/${one}.js`), 2 * KB, 'bytes']),
    )),
    ['client, gzip', await sizeOf('client.js'), 3 * KB, 'bytes'],
    ['cart adapter for Shopify, gzip', adapters[0], null, 'bytes'],
    ['cart adapter for WooCommerce, gzip', adapters[1], null, 'bytes'],
    ['scripted hub: 20 rewards, 15 ways, 10 coupons', Buffer.byteLength(JSON.stringify(crowded())), null, 'bytes'],
  ];

  rows.push(...(await ofRealStack()));

  const stack = await createStack();
  stack.hub = crowded();
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 375, height: 812 } });
    const foreign = [];
    page.on(
      'request',
      (request) =>
        [stack.origin, stack.shopOrigin].some((origin) => request.url().startsWith(origin)) ||
        foreign.push(request.url()),
    );
    await page.addInitScript(() => {
      Object.assign(window, { shift: 0, slowest: 0, longest: 0 });
      const watch = (type, act, options) =>
        new PerformanceObserver((list) => list.getEntries().forEach(act)).observe({ type, buffered: true, ...options });
      watch('layout-shift', (entry) => (window.shift += entry.value));
      watch('event', (entry) => entry.interactionId && (window.slowest = Math.max(window.slowest, entry.duration)), {
        durationThreshold: 16,
      });
      watch('longtask', (entry) => (window.longest = Math.max(window.longest, entry.duration)));
    });
    await page.goto(stack.page(stack.element({ token: tokenOf('c-42') })));
    await page.getByRole('button', { name: 'Your points' }).waitFor();
    await rested(page);
    const before = stack.requests.length;
    const cookies = (await page.context().cookies()).length;
    const hub = page.locator('#hub');
    const open = async () => {
      await page.getByRole('button', { name: 'Your points' }).click();
      await hub.locator('.body:not([aria-busy]) .hero').waitFor();
      await rested(page);
    };
    await open();
    const opening = stack.requests.length - before;
    const shift = await page.evaluate(() => window.shift);
    await page.keyboard.press('Escape');

    const session = await page.context().newCDPSession(page);
    await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    await page.reload();
    const interactions = [
      ['opening', open],
      ['a coupon', () => hub.locator('.coupon summary').first().click()],
      ['redeeming', async () => (await hub.locator('.hero button').click(), await hub.locator('.status p').waitFor())],
      ['typing points', async () => (await hub.locator('input[type=number]').first().click(), await page.keyboard.type('150'))],
      ['the slider', async () => (await hub.locator('input[type=range]').first().focus(), await page.keyboard.press('ArrowRight'))],
      ['closing', () => page.keyboard.press('Escape')],
    ];
    const times = [];
    for (const [what, act] of interactions) {
      await page.evaluate(() => (window.slowest = 0));
      await act();
      await rested(page);
      times.push([what, await page.evaluate(() => window.slowest)]);
    }
    const longest = await page.evaluate(() => window.longest);
    rows.push(
      ['requests before a click', before, 1, ''],
      ['requests on opening', opening, 2, ''],
      ['requests to other origins', foreign.length, 0, ''],
      ['cookies', cookies, 0, ''],
      ['layout shift', shift, 0, ''],
      // Browsers report interactions of 16 ms and more, in steps of 8 ms.
      ...times.map(([what, time]) => [`${what} to next paint, 4 × CPU (goal 100)`, Math.round(time), null, 'ms']),
      ['longest task, 4 × CPU (0: none above 50 ms)', Math.round(longest), null, 'ms'],
    );
  } finally {
    await close(browser);
    stack.close();
  }
  return rows.map(([what, value, bound, unit]) => ({ what, value, bound, unit }));
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { what, value, bound, unit } of await measure()) {
    console.log(
      `${what.padEnd(46)}${String(value).padStart(7)} ${unit.padEnd(6)}${bound == null ? '' : `at most ${bound}`}`,
    );
  }
}
