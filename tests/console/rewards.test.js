// The codes of rewards that have a list of them.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');

browserTest(shared, 'a list of codes is uploaded, twice by mistake, and then given', {}, async ({ page, stack, url }) => {
  const reward = { id: 'listed', name: 'Cinema', type: 'amount_off', value: '5.00', cost: 100, code: { pool: true } };
  const { status, body } = await stack.call('POST', '/v1/rewards', reward);
  assert.equal(status, 201, JSON.stringify(body));
  await page.goto(url('/rewards/listed'));
  await settled(page);
  const codes = page.getByRole('region', { name: 'Codes', exact: true });
  await codes.getByRole('textbox').fill('KINO-1, KINO-2\nKINO-2\n\nKINO-3');
  await codes.getByRole('button', { name: 'Add 3 codes' }).click();
  await codes.getByText('3 codes added. There already: 0. Left to give: 3.').waitFor();
  await codes.getByRole('textbox').fill('KINO-3 KINO-4');
  await codes.getByRole('button', { name: 'Add 2 codes' }).click();
  await codes.getByText('1 code added. There already: 1. Left to give: 4.').waitFor();
  const redeemed = await stack.call('POST', '/v1/members/15061/redemptions', { reward: 'listed' });
  assert.match(redeemed.body.code, /^KINO-[1-4]$/);
});
