// Each screen: no fault that axe finds, light and dark; nothing wider than a phone.

import assert from 'node:assert/strict';
import { AXE, browserTest, setUp, settled } from './harness.js';
import { SCREENS } from './screens.js';

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

for (const [width, height] of [[375, 812], [1280, 900]])
  browserTest(shared, `axe finds nothing and nothing is cut at ${width} px, on every screen, light and dark`, { width, height, bypassCSP: true }, async ({ page, url }) => {
    for (const [name, at] of SCREENS) {
      await page.goto(url(at));
      await settled(page);
      assert.deepEqual(await wide(page), [], name);
      await page.evaluate(AXE);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await faults(page), [], `${name}, ${colorScheme}`);
      }
    }
  });

browserTest(shared, 'axe finds nothing in dialogs and on the page for signing in', { width: 375, height: 812, bypassCSP: true }, async ({ page, url }) => {
  const look = async (name) => {
    await page.evaluate(AXE);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await faults(page), [], `${name}, ${colorScheme}`);
    }
    assert.deepEqual(await wide(page), [], name);
  };
  const opens = [
    ['/members/15061', 'Award points'],
    ['/members/15061', 'Redeem'],
    ['/members', 'Enrol a member'],
    ['/keys', 'New API key'],
    ['/connections', 'Add an endpoint'],
  ];
  for (const [at, button] of opens) {
    await page.goto(url(at));
    await settled(page);
    await page.getByRole('button', { name: button, exact: true }).click();
    await page.getByRole('dialog').waitFor();
    await settled(page);
    await look(button);
  }
  await page.goto(url('/members'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key', { exact: true }).waitFor();
  await look('sign in');
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
