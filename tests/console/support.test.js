// What support does with people who have two accounts, and with coupons on the wrong one.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');

const enrol = async (stack, id, more = {}) => {
  const { status, body } = await stack.call('POST', '/v1/members', { id, first_name: id, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
};
const give = async (stack, id, points) => stack.call('POST', `/v1/members/${id}/adjustments`, { award: points, reason: 'test' });
const available = async (stack, id) => (await stack.call('GET', `/v1/members/${id}`)).body.points.available;
const more = async (page, name) => {
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name, exact: true }).click();
};

browserTest(shared, 'two accounts of one person are merged after a look at what that gives, and separated again', {}, async ({ page, stack, url }) => {
  await enrol(stack, 'Twin', { phone: '+39055123456' });
  await enrol(stack, 'Other', { phone: '+39055123456' });
  await give(stack, 'Twin', 300);
  await give(stack, 'Other', 200);
  await page.goto(url('/members/Twin'));
  await settled(page);
  await more(page, 'Merge into another member');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('The member who stays').fill('nobody-at-all');
  await dialog.getByRole('button', { name: 'Show what it gives' }).click();
  await dialog.getByText('Nobody is known by that.').waitFor();
  await dialog.getByLabel('The member who stays').fill('Other');
  await dialog.getByRole('button', { name: 'Show what it gives' }).click();
  await dialog.getByText('300 + 200 → 500').waitFor();
  await dialog.getByText('The two share only contact data').waitFor();
  assert.equal(await available(stack, 'Other'), 200);
  await dialog.getByRole('button', { name: 'Merge' }).click();
  await page.locator('h1', { hasText: /^Other/ }).waitFor();
  assert.equal(await available(stack, 'Other'), 500);
  assert.equal(await available(stack, 'Twin'), 500);

  await page.getByRole('button', { name: 'Separate again' }).click();
  await dialog.getByText('300 points').waitFor();
  await dialog.getByRole('button', { name: 'Separate', exact: true }).click();
  await page.getByText('They are two members again: Twin has 300 points.').waitFor();
  assert.deepEqual([await available(stack, 'Twin'), await available(stack, 'Other')], [300, 200]);
});

browserTest(shared, 'a coupon is moved to the person who pays for it', {}, async ({ page, stack, url }) => {
  await enrol(stack, 'Wrong');
  await enrol(stack, 'Right');
  await give(stack, 'Wrong', 300);
  const { code } = (await stack.call('POST', '/v1/members/Wrong/redemptions', { reward: 'five-off' })).body;
  await page.goto(url('/members/Wrong/coupons'));
  await settled(page);
  await page.getByRole('button', { name: 'Move' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('This member gets 250 points back').waitFor();
  await dialog.getByLabel('The member whose it is').fill('Right');
  await dialog.getByLabel('Reason').fill('the wrong card');
  await dialog.getByRole('button', { name: 'Move' }).click();
  await dialog.getByRole('alert').waitFor();
  assert.equal(await available(stack, 'Wrong'), 50);
  await give(stack, 'Right', 250);
  await dialog.getByRole('button', { name: 'Move' }).click();
  await page.getByText(`${code} now belongs to Right.`).waitFor();
  assert.deepEqual([await available(stack, 'Wrong'), await available(stack, 'Right')], [300, 0]);
});
