// A friend comes by a shared link, on the real local stack: share, visit, purchase, hold, both rewards, return.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, launch } from './browser.js';
import { binary, hasStack, program, startStack } from './real.js';

const referral = {
  conversion: { receipt: { spend_over: '60.00', first_only: true } },
  attribution_days: 30,
  hold_days: 1,
  friend: { on: 'qualified', then: [{ credit: { points: 50 } }] },
  advocate: { mode: 'additive', milestones: [{ at: 1, then: [{ credit: { points: 10 } }] }] },
};

let browser;
let stack;
before(async () => {
  if (!hasStack) throw new Error(`${binary} is missing: cargo build`);
  [browser, stack] = await Promise.all([launch(), startStack()]);
  // The link leads to the demo shop.
  const storefront = { ...program.storefront, shop_url: `${stack.url}/_local/shop/` };
  await stack.call('PUT', '/v1/program', { ...program, storefront, referral });
});
after(async () => {
  stack?.stop();
  if (browser) await close(browser);
});

/** A visitor of the shop with a browser of their own. */
const visitor = async (address) => {
  const context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB', permissions: ['clipboard-write'] });
  const page = await context.newPage();
  const hub = page.locator('#hub');
  const arrive = async (where) => {
    await page.goto(where);
    await page.locator('html[data-ready]').waitFor();
  };
  const open = async () => {
    await page.getByRole('button', { name: 'Your points' }).click();
    await hub.locator('.body:not([aria-busy]) .hero').waitFor();
  };
  const close = async () => {
    await page.keyboard.press('Escape');
    await hub.locator('dialog').waitFor({ state: 'hidden' });
  };
  const balance = (points) => hub.locator('.balance').filter({ hasText: new RegExp(`^\\s*${points}\\b`) }).waitFor();
  /** What the hub shows after a fresh visit. */
  const has = async (points) => {
    await arrive(`${stack.url}/_local/shop/`);
    await open();
    await balance(points);
    await close();
  };
  const join = async (person) => {
    await page.getByLabel('Signed in as').selectOption(person);
    await open();
    await hub.locator('.hero button').click();
    await balance(20);
  };
  await arrive(address);
  return { page, hub, open, close, has, join, context };
};

const statuses = async () => (await stack.call('GET', '/v1/members/ada/referrals')).items.map(({ status }) => status);

test('share, visit, purchase, hold, both rewards, return', { timeout: 120_000 }, async () => {
  const ada = await visitor(`${stack.url}/_local/shop/`);
  await ada.join('ada');
  await ada.hub.getByRole('button', { name: 'Share' }).click();
  const link = `http://${await ada.hub.locator('input.code').inputValue()}`;
  assert.match(link, new RegExp(`^${stack.url}/r/${stack.program}/\\w+$`));
  await ada.close();

  const bruno = await visitor(link);
  const landed = new URL(bruno.page.url());
  assert.equal(landed.pathname, '/_local/shop/');
  assert.equal(`${stack.url}/r/${stack.program}/${landed.searchParams.get('ref')}`, link);
  assert.ok(landed.searchParams.get('ref_click'));
  await bruno.join('bruno');
  await bruno.close();
  const buy = bruno.page.getByRole('button', { name: 'Add to basket: Three-tier cake stand' });
  for (let piece = 0; piece < 3; piece += 1) await buy.click();
  await bruno.page.getByRole('button', { name: /^Pay/ }).click();
  await bruno.page.locator('#said').filter({ hasText: 'You earned' }).waitFor();
  await stack.call('POST', '/_local/settle', {});
  assert.deepEqual(await statuses(), ['qualified']);
  await ada.has(20);

  // The hold is over.
  const later = new Date(Date.now() + 2 * 24 * 3_600_000).toISOString();
  await stack.call('POST', '/_local/clock', { now: later });
  await stack.call('POST', '/_local/jobs/inactivity', {});
  await stack.call('POST', '/_local/settle', {});
  assert.deepEqual(await statuses(), ['rewarded']);
  await ada.has(30);
  await ada.open();
  await ada.hub.getByText('1 friend').first().waitFor();
  await ada.close();
  const earned = (await stack.call('GET', '/v1/members/bruno')).points.available;
  await bruno.has(earned);

  await bruno.page.locator('#orders button').first().click();
  await bruno.page.locator('#said').filter({ hasText: 'Your order was returned' }).waitFor();
  await stack.call('POST', '/_local/settle', {});
  assert.deepEqual(await statuses(), ['reversed']);
  await ada.has(20);
  await bruno.has(20);
  await ada.context.close();
  await bruno.context.close();
});
