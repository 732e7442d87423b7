// The referral programme, and the review of suspicious referrals.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--empty');

browserTest(shared, 'the referral programme is set up, and suspicious referrals are reviewed', { at: '/referrals/programme' }, async ({ page, stack }) => {
  await page.getByText('There is no referral programme yet.').waitFor();
  await page.getByLabel('A person looks at it from this score').fill('-1');
  await page.locator('.field', { hasText: 'A person looks at it from this score' }).locator('.fault').waitFor();
  await page.getByLabel('A person looks at it from this score').fill('20');
  await page.getByLabel('Days until the rewards are given').fill('0');
  await page.getByText('Not saved yet').waitFor();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('Saved. It counts from now on.').waitFor();
  const stored = (await stack.call('GET', '/v1/referral-program')).body;
  assert.deepEqual([stored.review_at_score, stored.hold_days, stored.conversion], [20, 0, { receipt: { spend_at_least: '20.00', first_only: true } }]);

  const { referral_code: code } = (await stack.call('POST', '/v1/members', { id: 'advocate', first_name: 'Grace' })).body;
  for (let n = 0; n < 7; n += 1) await stack.call('POST', '/v1/referrals', { code, friend: { id: `friend-${n}` }, context: { ip: '203.0.113.7' } });
  const flagged = async () => (await stack.call('GET', '/v1/referrals?status=flagged')).body.items;
  assert.equal((await flagged()).length, 2);
  await page.reload();
  await page.getByRole('link', { name: 'Referrals 2 to review' }).click();
  await page.getByText('many referrals from one address').first().waitFor();
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Let it count' }).first().click();
  await dialog.getByRole('button', { name: 'Let it count' }).click();
  await dialog.getByText('Say why.').waitFor();
  await dialog.getByLabel('Reason').fill('one office');
  await dialog.getByRole('button', { name: 'Let it count' }).click();
  await page.getByText('It counts.').waitFor();
  await page.getByRole('button', { name: 'Reject' }).nth(1).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Reject' }).click();
  await dialog.getByLabel('Reason').fill('one person');
  await dialog.getByRole('button', { name: 'Reject' }).click();
  await page.getByText('Nothing to review').waitFor();
  await page.locator('.side .badge').waitFor({ state: 'detached' });
  assert.deepEqual(await flagged(), []);
  const known = (await stack.call('GET', '/v1/members/advocate/referrals')).body.items.map(({ status }) => status);
  assert.deepEqual([known.filter((one) => one === 'rejected').length, known.filter((one) => one === 'pending').length], [1, 6]);
  await page.goto(`${page.url().split('/console')[0]}/console/members/advocate/referrals`);
  await settled(page);
  assert.equal(await page.locator('.ledger > li').count(), 7);
});
