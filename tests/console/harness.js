// What the browser tests share: one stack and one browser a file, one page a test. Anything that the browser complains
// about, Content Security Policy and Trusted Types included, fails the test.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { close, launch } from './browser.js';
import { KEY, startStack } from './stack.js';

export const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A customer of the demo with many receipts, enrolled under a name. */
export const ADA = { id: '15061', first_name: 'Ada', last_name: 'Lane', email: 'ada@example.com', verified: ['email'] };

/** Starts the stack and the browser of a file. */
export const setUp = (...options) => {
  const shared = {};
  before(async () => {
    [shared.stack, shared.browser] = await Promise.all([startStack(...options), launch()]);
    if (options.includes('--demo')) await shared.stack.call('POST', '/v1/members', ADA);
  });
  after(async () => {
    if (shared.browser) await close(shared.browser);
    shared.stack?.close();
  });
  return shared;
};

export const signIn = async (page, key = KEY) => {
  await page.locator('#key').fill(key);
  await page.locator('.sign-in [type=submit]').click();
  await page.locator('.shell').waitFor();
};

/** Waits until the screen has its heading, nothing loads any more, and charts are drawn. */
export const settled = (page) =>
  page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('[aria-busy="true"], .chart:not(:has(.uplot))'));

/** Opens a page of the console, signed in; `at` is the address below /console. */
export const openPage = async ({ stack, browser }, { at = '', key = KEY, width = 1280, height = 900, ...options } = {}) => {
  const context = await browser.newContext({
    viewport: { width, height },
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  // A failed request is reported by the browser itself; the screens show it.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(`${stack.url}/console${at}`);
  if (key) {
    await signIn(page, key);
    await settled(page);
  }
  return { page, context, complaints };
};

/** A test on a page of its own. */
export const browserTest = (shared, name, options, work) =>
  test(name, { timeout: 300_000 }, async () => {
    const opened = await openPage(shared, options);
    try {
      await work({ ...opened, ...shared, url: (at) => `${shared.stack.url}/console${at}` });
      assert.deepEqual(opened.complaints, []);
    } finally {
      await opened.context.close();
    }
  });
