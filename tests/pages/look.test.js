// Accessibility by axe, large text in a narrow window, contrast of accents as drawn, and layout shift.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { browserTest, TOKEN } from './harness.js';
import { STATES, tokenOf } from './states.js';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LANGUAGES = ['it', 'en', 'ro', 'ru'];
const LOOKS = [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { colorScheme: 'light', forcedColors: 'active' }];

/** Everything that axe finds wrong in what is shown; only its rules about colours where the rest was looked at before. */
const faults = async (page, colours) =>
  page.evaluate(async (onlyColours) => {
    const options = onlyColours ? { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } } : {};
    const { violations } = await axe.run(document, { ...options, resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.flat().join(' ')}: ${failureSummary}`),
    );
  }, colours);

for (const locale of LANGUAGES) {
  browserTest(
    `axe finds nothing in ${locale}: every state, light, dark and forced colours`,
    { mode: 'page', locale, page: { lang: locale }, prepare: (stack) => (stack.withCsp = false) },
    async ({ page, hub, stack, until, activity }) => {
      await page.evaluate(axe);
      let count = 1;
      for (const state of STATES) {
        stack.state = state;
        await page.emulateMedia({ colorScheme: 'light', forcedColors: 'none' });
        await until('ready', count);
        count += 1;
        await hub.evaluate(
          (element, token) => (element.token = token),
          state === 'anonymous' ? null : tokenOf(`c-${state}`),
        );
        await until('ready', count);
        if (await hub.locator('.activity').count()) {
          await activity();
          await hub.locator('.entry summary').first().click();
        }
        for (const summary of await hub.locator('.coupon summary').all()) await summary.click();
        for (const look of LOOKS) {
          await page.emulateMedia({ forcedColors: 'none', ...look });
          assert.deepEqual(await faults(page, look !== LOOKS[0]), [], `${state} ${JSON.stringify(look)}`);
        }
      }
    },
  );
}

const TROUBLES = { expired: [401, 'unauthorized'], forbidden: [403, 'forbidden'], error: [500, 'internal'] };
browserTest(
  'axe finds nothing in the drawer, open and closed, and in its errors',
  { prepare: (stack) => (stack.withCsp = false) },
  async ({ page, hub, stack, open, until }) => {
    await page.evaluate(axe);
    assert.deepEqual(await faults(page), []);
    await open();
    for (const look of LOOKS) {
      await page.emulateMedia({ forcedColors: 'none', ...look });
      assert.deepEqual(await faults(page), [], JSON.stringify(look));
    }
    let count = 0;
    for (const [name, [status, slug]] of Object.entries(TROUBLES)) {
      stack.replies.set('GET /v1/hub', stack.problem(status, slug));
      await hub.evaluate((element, token) => element.setAttribute('token', token), tokenOf(name));
      await until('error', (count += 1));
      for (const look of LOOKS) {
        await page.emulateMedia({ forcedColors: 'none', ...look });
        assert.deepEqual(await faults(page), [], `${name} ${JSON.stringify(look)}`);
      }
    }
    stack.replies.set('GET /v1/hub', 'never');
    await hub.evaluate((element, token) => element.setAttribute('token', token), tokenOf('loading'));
    await hub.locator('.bone.hero').waitFor();
    assert.deepEqual(await faults(page), []);
  },
);

browserTest(
  'any accent of a merchant has its contrast as drawn',
  { mode: 'page', prepare: (stack) => (stack.withCsp = false) },
  async ({ page, hub, loaded }) => {
    await page.evaluate(axe);
    await loaded();
    for (const accent of [
      '#ffee00',
      '#000000',
      '#ffffff',
      '#777777',
      'oklch(0.8 0.2 150)',
      'rebeccapurple',
      'no colour',
    ]) {
      await hub.evaluate(
        (element, colour) => (element.style.setProperty('--tessera-accent', colour), (element.texts = {})),
        accent,
      );
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await faults(page, true), [], `${accent} ${colorScheme}`);
      }
    }
  },
);

for (const mode of ['drawer', 'page', 'inline']) {
  browserTest(
    `at 320 px with 400 % text nothing is cut and everything is reached: ${mode}`,
    {
      mode,
      viewport: { width: 320, height: 640 },
      prepare: (stack) => (
        (stack.state = 'long'),
        (stack.css =
          'html { font-size: 400% } body { margin: 0; font-size: 1rem } main { overflow-wrap: anywhere } #other { font: inherit; max-width: 100% }')
      ),
    },
    async ({ page, hub, loaded, activity }) => {
      if (mode === 'drawer') await page.getByRole('button', { name: 'Your points' }).click();
      await loaded();
      await activity();
      await hub.locator('.entry summary').first().click();
      await hub.locator('.coupon summary').first().click();
      const wide = await hub.evaluate((element) => {
        const root = element.shadowRoot.querySelector('.root');
        const limit = root.getBoundingClientRect().right + 0.5;
        return [...root.querySelectorAll('*')]
          .filter(
            (one) =>
              one.checkVisibility() &&
              !one.closest('.hidden') &&
              (one.getBoundingClientRect().right > limit ||
                (one.scrollWidth > one.clientWidth + 1 &&
                  getComputedStyle(one).display !== 'inline' &&
                  !one.matches('input'))),
          )
          .map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}`);
      });
      assert.deepEqual(wide, []);
      assert.ok(
        await page.evaluate(
          () => document.querySelector('#hub').shadowRoot.querySelector('.root').getBoundingClientRect().width <= 320,
        ),
      );
      // The coupon's picture arrives and draws everything anew.
      await hub.locator('.qr svg').first().waitFor();
      for (const button of await hub.locator('.content button').all()) {
        await button.focus();
        const box = await button.boundingBox();
        assert.ok(box.x >= 0 && box.x + box.width <= 320.5, await button.innerText());
      }
    },
  );
}

browserTest('targets are at least 44 px high on touch', { mode: 'page' }, async ({ hub, loaded, activity }) => {
  await loaded();
  await activity();
  await hub.locator('.entry summary').first().waitFor();
  const small = await hub.evaluate((element) =>
    [...element.shadowRoot.querySelectorAll('button, .coupon summary, .entry summary, input')]
      .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44)
      .map((one) => one.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(small, []);
});

/** Sums every layout shift of the page, those after a click included. */
const watchShifts = () => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      window.shifts.push([
        entry.value,
        entry.sources.map(({ node }) => node?.nodeName + '.' + node?.className).join(' '),
      ]);
  }).observe({ type: 'layout-shift', buffered: true });
};
/** Two frames: whatever has changed is laid out, and its shift reported. */
const shiftsOf = (page) =>
  page.evaluate(
    () =>
      new Promise((resolve) =>
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(window.shifts)))),
      ),
  );

for (const mode of ['drawer', 'page', 'inline']) {
  browserTest(
    `nothing jumps in any state: ${mode}`,
    {
      mode,
      realClock: true,
      viewport: { width: 1280, height: 900 },
      prepare: (stack, page) => page.addInitScript(watchShifts),
    },
    async ({ page, hub, stack, until }) => {
      if (mode === 'drawer') await page.getByRole('button', { name: 'Your points' }).click();
      let count = 0;
      for (const state of STATES) {
        await until('ready', (count += 1));
        if (await hub.locator('[data-lazy]').count())
          await page.waitForFunction(
            () =>
              !document.querySelector('#hub').shadowRoot.querySelector('[data-lazy]') ||
              document.querySelector('#hub').shadowRoot.querySelector('.activity').getBoundingClientRect().top >
                innerHeight,
          );
        assert.deepEqual(await shiftsOf(page), [], state);
        stack.state = state;
        await hub.evaluate(
          (element, token) => (element.token = token),
          state === 'anonymous' ? null : tokenOf(`c-${state}`),
        );
      }
      await until('ready', (count += 1));
      stack.state = 'member';
      await hub.evaluate((element, token) => (element.token = token), TOKEN);
      await until('ready', (count += 1));
      await hub.locator('.hero button').dispatchEvent('click');
      await hub.getByText('5 € off is yours.').waitFor();
      await until('ready', (count += 1));
      await hub.getByRole('button', { name: 'Apply: 5 € off' }).first().dispatchEvent('click');
      await hub.getByText('5 € off is in the cart.').waitFor();
      // Focus took the page down to the coupon, where the footer follows whatever the page's end does.
      await page.evaluate(() => scrollTo(0, 0));
      stack.replies.set('GET /v1/hub', stack.problem(401, 'unauthorized'));
      await hub.evaluate((element) => element.refresh());
      await hub.getByText('Your session has ended.').waitFor();
      assert.deepEqual(await shiftsOf(page), []);
    },
  );
}

browserTest(
  'the shift is measured: an element that grows in the flow is noticed',
  { elements: () => '', realClock: true, prepare: (stack, page) => page.addInitScript(watchShifts) },
  async ({ page }) => {
    await shiftsOf(page);
    await page.evaluate(() =>
      document.querySelector('h1').before(Object.assign(document.createElement('p'), { textContent: 'late' })),
    );
    assert.notDeepEqual(await shiftsOf(page), []);
  },
);
