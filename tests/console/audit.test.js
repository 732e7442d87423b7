// The audit: who changed what, and why.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');

browserTest(shared, 'changes are listed with actor, reason and fields, are searched, and lead to what they changed', { at: '/audit' }, async ({ page, stack }) => {
  const reward = { id: 'audited', name: 'Audited', type: 'custom', value: 'a cup', cost: 5, code: { pattern: 'CUP-########' } };
  assert.equal((await stack.call('POST', '/v1/rewards', reward)).status, 201);
  assert.equal((await stack.call('PUT', '/v1/rewards/audited', { ...reward, cost: 6 })).status, 200);
  await stack.call('POST', '/v1/members/15061/adjustments', { award: 5, reason: 'a <b>late</b> parcel' });
  await stack.call('PATCH', '/v1/members/15061', { first_name: 'Augusta' });
  await page.reload();
  await settled(page);
  await page.getByText('a <b>late</b> parcel').waitFor();
  const { items } = (await stack.call('GET', '/v1/audit?limit=25')).body;
  assert.equal(await page.locator('.ledger > li').count(), items.length);
  assert.doesNotMatch(await page.locator('main').innerText(), /Augusta/);
  await page.getByLabel('On what').fill('rewards/audited');
  await page.locator('.ledger > li').nth(2).waitFor({ state: 'detached' });
  assert.equal(await page.locator('.ledger > li').count(), 2);
  await page.locator('summary').first().click();
  await page.getByText('5 → 6').waitFor();
  await page.getByRole('link', { name: 'rewards/audited' }).first().click();
  await page.getByRole('heading', { name: 'Audited' }).waitFor();
});
