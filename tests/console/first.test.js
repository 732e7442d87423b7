// From an empty stack to the first points: the clicks are counted, the time is printed.

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { browserTest, setUp } from './harness.js';

const MOST_CLICKS = 12;
const shared = setUp('--empty');

browserTest(shared, 'an empty stack gives its first points in at most twelve clicks', {}, async ({ page, stack }) => {
  const started = performance.now();
  let clicks = 1; // Signing in.
  const click = async (locator) => {
    clicks += 1;
    await locator.click();
  };
  await page.getByLabel('What is your programme called?').fill('Club Ada');
  await click(page.getByRole('button', { name: 'Save' }));
  await click(page.getByRole('link', { name: 'Choose a template' }));
  await click(page.locator('a[href$="/rules/new/points-per-euro"]'));
  await click(page.getByRole('button', { name: 'Add', exact: true }));
  await page.waitForURL(/\/rules\/points-per-euro$/);
  await click(page.getByRole('link', { name: 'Overview' }));
  await click(page.getByRole('button', { name: 'Send a test receipt' }));
  await page.getByText('The receipt gave 60 points.').waitFor();
  await page.getByText(stack.program, { exact: false }).first().waitFor();
  await page.getByRole('heading', { name: 'Connect the shop' }).waitFor();
  await click(page.getByRole('link', { name: 'See why' }));
  await page.getByRole('heading', { name: 'It gave 60 points.' }).waitFor();
  assert.ok(clicks <= MOST_CLICKS, `${clicks} clicks`);
  assert.equal((await stack.call('GET', '/v1/members/test-customer')).body.points.available, 60);
  console.log(`first points: ${clicks} clicks, ${((performance.now() - started) / 1000).toFixed(1)} s`);
});

browserTest(shared, 'a system that works is green in the checklist', {}, async ({ page }) => {
  await page.route('**/v1/integrations/woocommerce', (route) => route.fulfill({ json: { enabled: true, settings: {}, health: { last_success_at: '2026-03-01T10:00:00Z', last_error: null, dead: 0 } } }));
  await page.evaluate(() => sessionStorage.setItem('tessera.checklist', 'open'));
  await page.reload();
  await page.getByText('WooCommerce: works').waitFor();
  await page.getByRole('heading', { name: 'Connect the shop (done)' }).waitFor();
});
