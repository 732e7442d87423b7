// Each screen: no fault that axe finds, light and dark; nothing wider than a phone.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AXE, browserTest, setUp, settled } from './harness.js';
import { DIALOGS, open, SCREENS, STATES } from './screens.js';
import { assets, files } from './stack.js';

const shared = setUp('--demo');

const faults = (page) =>
  page.evaluate(async () => {
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.flat().join(' ')}: ${failureSummary}`));
  });

/** What is wider than the window, or overflows its box. */
const wide = (page) =>
  page.evaluate(() => {
    const most = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= most) return [];
    return [...document.querySelectorAll('main *, .top *')]
      .filter((one) => one.getBoundingClientRect().right > most + 1)
      .map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 30)}`)
      .slice(0, 5)
      .concat('scrolls sideways');
  });

const look = async (page, name) => {
  assert.deepEqual(await wide(page), [], name);
  await page.evaluate(AXE);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await faults(page), [], `${name}, ${colorScheme}`);
  }
};

for (const [width, height] of [[375, 812], [1280, 900]])
  browserTest(shared, `axe finds nothing and nothing is cut at ${width} px, on every screen, light and dark`, { width, height, bypassCSP: true }, async ({ page, url }) => {
    for (const [name, at] of SCREENS) {
      await page.goto(url(at));
      await settled(page);
      await look(page, name);
    }
  });

browserTest(shared, 'axe finds nothing in states of screens', { width: 375, height: 812, bypassCSP: true }, async ({ page, ...rest }) => {
  for (const [name, at, steps] of STATES) {
    await open(page, at, steps, rest);
    await look(page, name);
    await page.unrouteAll();
  }
});

browserTest(shared, 'axe finds nothing in dialogs and on the page for signing in', { width: 375, height: 812, bypassCSP: true }, async ({ page, url, ...rest }) => {
  for (const [source, at, steps] of DIALOGS) {
    // Leaving a form with changes asks; a page of its own does not.
    await page.goto('about:blank');
    await open(page, at, steps, { ...rest, url });
    await page.getByRole('dialog').waitFor();
    await look(page, `${source}: ${await page.locator('#dialog-title').innerText()}`);
  }
  await page.goto('about:blank');
  await page.goto(url('/members'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key', { exact: true }).waitFor();
  await look(page, 'sign in');
});

const sources = new Map(await Promise.all((await files()).filter((name) => /^(screens\/)?\w+\.js$/.test(name)).map(async (name) => [name, await readFile(join(assets, name), 'utf8')])));

test('every screen, tab, vendor and address that the console links to is looked at', () => {
  const looked = [...SCREENS.map(([, at]) => at), ...STATES.map(([, at]) => at), '/connections/webhooks/*', '/imports/*', '/publish/*'];
  const fits = (wanted) => looked.some((at) => {
    const given = at.split('/').filter(Boolean);
    return given.length === wanted.length && wanted.every((part, place) => [part, given[place]].includes('*') || part === given[place]);
  });
  const screens = [...sources.get('app.js').matchAll(/^ {2}(\w+): \{ scope: /gm)].map(([, name]) => [name]);
  const vendors = [...sources.get('screens/vendor.js').matchAll(/^ {2}(\w+): \{$/gm)].map(([, name]) => ['connections', name]);
  const links = [...sources.values()].flatMap((source) => [...source.matchAll(/\baddress\(((?:'[^']*'|[^()']|\([^()]*\))*)\)/g)].map(([, given]) => given.split(',').map((one) => /^\s*'(.*)'\s*$/.exec(one)?.[1].replace('test-customer', '*') ?? '*')));
  assert.ok(screens.length > 12 && vendors.length > 3 && links.length > 50, `${screens.length} ${vendors.length} ${links.length}`);
  // The overview has no name in its address.
  const wanted = [...screens, ...vendors, ...links].filter(([first]) => first !== 'overview' && first !== '*' && !first.startsWith('.'));
  assert.deepEqual(wanted.filter((one) => !fits(one)), []);
});

test('every dialog is looked at', () => {
  for (const [name, source] of sources) {
    if (name === 'ui.js') continue;
    const dialogs = source.match(/<\$\{(Dialog|Confirm|Once)\}/g)?.length ?? 0;
    assert.equal(DIALOGS.filter(([file]) => file === name).length, dialogs, name);
  }
});

browserTest(shared, 'the documentation is readable, and its own', { bypassCSP: true }, async ({ page, stack }) => {
  if (process.env.SOURCE) return;
  const foreign = [];
  page.on('request', (request) => request.url().startsWith(stack.url) || foreign.push(request.url()));
  for (const [width, height] of [[375, 812], [1280, 900]]) {
    await page.setViewportSize({ width, height });
    await page.goto(`${stack.url}/docs`);
    await page.getByRole('heading', { name: 'Reports a receipt' }).waitFor();
    assert.deepEqual(await wide(page), []);
    await page.evaluate(AXE);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await faults(page), [], `${width}, ${colorScheme}`);
    }
  }
  assert.deepEqual(foreign, []);
});

browserTest(shared, 'the keyboard alone reaches the main job', { at: '/members/15061' }, async ({ page }) => {
  await page.reload();
  await settled(page);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the contents');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Award points');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Award points');
});
