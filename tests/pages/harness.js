// What the browser tests share: one browser a file, one stack and one page a test.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, launch } from './browser.js';
import { createStack } from './stack.js';
import { NOW, tokenOf } from './states.js';

export const TOKEN = tokenOf('c-42');

/** Resolves when the check holds. The fake servers are in this process, so no clock is involved but that of the bound. */
export const waitUntil = async (check) => {
  const end = performance.now() + 30_000;
  while (!check()) {
    if (performance.now() > end) throw new Error(`still not so: ${check}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser && close(browser));

/** Collects what the element says, from the moment the page begins. */
const listenToEvents = () => {
  window.said = [];
  for (const name of ['ready', 'token', 'join', 'redeem', 'apply', 'release', 'cancel', 'share', 'error']) {
    document.addEventListener(`tessera:${name}`, (event) => {
      const { detail } = event;
      window.said.push({
        name,
        cancelable: event.cancelable,
        composed: event.composed,
        reason: detail.reason,
        code: detail.code,
        points: detail.points,
        action: detail.action,
        slug: detail.error?.slug,
        state: detail.state,
      });
    });
  }
};

/**
 * A test in the browser: `options` are those of the element and of the page, `prepare` scripts the stack before the page
 * loads. Anything that the page complains about, Content Security Policy included, fails the test.
 */
export const browserTest = (name, options, work) =>
  test(name, { timeout: 60_000 }, async () => {
    const stack = await createStack();
    const {
      viewport = { width: 375, height: 812 },
      prepare,
      page: pageOptions = { lang: 'en-GB' },
      elements,
      expected = [],
      ...rest
    } = options;
    const context = await browser.newContext({
      viewport,
      reducedMotion: rest.motion ?? 'reduce',
      colorScheme: rest.scheme ?? 'light',
      locale: 'en-GB',
    });
    const complaints = [];
    try {
      const page = await context.newPage();
      if (!rest.realClock) await page.clock.install({ time: NOW });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      await page.addInitScript(listenToEvents);
      await prepare?.(stack, page);
      const element = { token: TOKEN, ...rest };
      const url = stack.page(elements ? elements(stack) : stack.element(element), pageOptions);
      await page.goto(url);
      const hub = page.locator('#hub');
      const tools = {
        stack,
        page,
        hub,
        context,
        url,
        said: (event) =>
          page.evaluate((wanted) => window.said.filter(({ name: found }) => !wanted || found === wanted), event),
        /** Waits until the element says something for the n-th time. */
        until: (event, count = 1) =>
          page.waitForFunction(
            ([wanted, least]) => window.said.filter(({ name: found }) => found === wanted).length >= least,
            [event, count],
          ),
        open: async (label = 'Your points') => {
          await page.getByRole('button', { name: label }).click();
          await hub.locator('.body:not([aria-busy]) .hero').waitFor();
        },
        /** Brings the ledger's place into view. */
        activity: () => hub.evaluate((element) => element.shadowRoot.querySelector('.activity').scrollIntoView()),
        loaded: () => hub.locator('.body:not([aria-busy]) .hero').waitFor(),
      };
      await work(tools);
      // A failed request is reported by the browser itself; everything else is a fault of ours.
      const known = [/Failed to load resource/, ...expected];
      assert.deepEqual(
        complaints.filter((text) => !known.some((pattern) => pattern.test(text))),
        [],
      );
    } finally {
      await context.close();
      stack.close();
    }
  });
