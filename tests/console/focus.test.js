// Where the focus goes, what a secret asks before it is gone, and what is said before the stack has answered.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');
const focus = (page) => page.evaluate(() => document.activeElement.closest('dialog, h1, main, button')?.tagName ?? document.activeElement.tagName);
const isInside = (page, selector) => page.waitForFunction((wanted) => document.activeElement.matches(wanted) || document.activeElement.closest(wanted), selector);

browserTest(shared, 'the focus never falls out of the screen: after awarding, noting, saving, deleting and signing out', { at: '/members/15061' }, async ({ page, stack, url }) => {
  await page.getByRole('button', { name: 'Award points' }).click();
  await page.getByRole('dialog').getByLabel('Points', { exact: true }).fill('5');
  await page.getByRole('dialog').getByLabel('Reason').fill('test');
  await page.keyboard.press('Enter');
  await page.getByText('5 points added.').waitFor();
  await settled(page);
  await isInside(page, 'main');

  await page.goto(url('/members/15061/notes'));
  await settled(page);
  await page.getByLabel('New note').fill('calls in the evening');
  await page.getByRole('button', { name: 'Add the note' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('calls in the evening').waitFor();
  await settled(page);
  await isInside(page, 'main');

  await page.goto(url('/rules/every-250'));
  await settled(page);
  await page.getByRole('region', { name: 'Name, status and time' }).getByLabel(/^Name/).fill('Renamed');
  await page.getByRole('button', { name: 'Save' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('Saved. It counts from now on.').waitFor();
  await isInside(page, 'main');
  assert.equal(await focus(page), 'BUTTON', 'a button that is disabled keeps the focus');

  assert.equal((await stack.call('POST', '/v1/api-keys', { name: 'Unwanted', scopes: ['support'] })).status, 201);
  await page.goto(url('/keys'));
  await settled(page);
  await page.getByRole('button', { name: 'Delete Unwanted' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Unwanted is deleted.').waitFor();
  await page.getByRole('button', { name: 'Delete Unwanted' }).waitFor({ state: 'detached' });
  await isInside(page, 'h1');

  await page.getByRole('button', { name: 'Sign out' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('#key').waitFor();
  await isInside(page, '#key');
});

browserTest(shared, 'a new key takes the focus, and Escape does not lose it', { at: '/keys' }, async ({ page }) => {
  await page.getByRole('button', { name: 'New API key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Till 7');
  await dialog.getByRole('button', { name: 'Make the key' }).click();
  await dialog.locator('.copied').waitFor();
  await isInside(page, '.copied');
  assert.equal(await dialog.getByRole('button', { name: 'Close' }).count(), 0);
  for (let times = 0; times < 3; times += 1) await page.keyboard.press('Escape');
  await dialog.locator('.copied').waitFor();
  await isInside(page, 'footer button');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await isInside(page, 'main');
});

browserTest(shared, 'the programme is saved only once it is known what changes', { at: '/programme' }, async ({ page }) => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  let fails = true;
  await page.route('**/v1/program?dry_run=true', async (route) => {
    await held;
    return fails ? route.fulfill({ status: 503, body: '{}' }) : route.continue();
  });
  await page.getByLabel('Name', { exact: true }).fill('Club of tests');
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog');
  const save = dialog.getByRole('button', { name: 'Save', exact: true });
  await dialog.locator('.loading').waitFor();
  assert.equal(await save.isDisabled(), true);
  assert.equal(await dialog.getByText('Nothing changes.').count(), 0);
  release();
  await dialog.getByRole('alert').waitFor();
  assert.equal(await save.isDisabled(), true);
  fails = false;
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await dialog.getByText('"Club of tests"').waitFor();
  assert.equal(await save.isDisabled(), false);
});

browserTest(shared, 'two persons, the shop and its pages are fields of the programme', { at: '/programme' }, async ({ page }) => {
  await page.getByLabel('Another person publishes each change').check();
  await page.getByLabel('Address of the shop').fill('https://shop.example');
  await page.getByLabel('Pages that may show points').fill('https://shop.example, https://www.shop.example');
  await page.waitForFunction(() => document.querySelector('#json').value.includes('https://www.shop.example'));
  const written = JSON.parse(await page.locator('#json').inputValue());
  assert.equal(written.publishing.two_person, true);
  assert.equal(written.storefront.shop_url, 'https://shop.example');
  assert.deepEqual(written.storefront.allowed_origins, ['https://shop.example', 'https://www.shop.example']);
  await page.locator('#json').fill(JSON.stringify({ ...written, members: { ...written.members, mystery: 1 } }));
  await page.getByText(/The form cannot show everything\. Change this here: .*\/members/).waitFor();
});

for (const [kind, label] of [['rules/new/blank', 'Points'], ['rewards/new', 'Cost in points'], ['tiers/new', 'Qualifying points that it takes']])
  browserTest(shared, `a new form begins without faults, and shows those of what was touched or tried: ${kind}`, { at: '/members' }, async ({ page, url }) => {
    let asked = 0;
    await page.route(/dry_run|examine/, (route) => ((asked += 1), route.continue()));
    await page.goto(url(`/${kind}`));
    await settled(page);
    await page.waitForTimeout(800);
    assert.equal(await page.locator('.fault:visible').count(), 0);
    assert.equal(asked, 0, 'nothing is asked about an empty form');
    await page.locator('main').getByLabel(label, { exact: true }).first().fill('many');
    await page.locator('.field.faulty', { hasText: label }).locator('.fault').waitFor();
    assert.equal(await page.locator('.field.faulty').count(), 1, 'the name was not touched');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.locator('.field.faulty', { hasText: 'Name' }).locator('.fault').first().waitFor();
  });

for (const template of ['birthday-gift', 'buy-3-get-1', 'vip-welcome', 'win-back'])
  browserTest(shared, `a template that brings a part along is not tried before it is added: ${template}`, { at: '/members' }, async ({ page, url }) => {
    let asked = 0;
    await page.route('**/examine', (route) => ((asked += 1), route.continue()));
    await page.goto(url(`/rules/new/${template}`));
    await page.getByText('It can be tried once it is added.').waitFor();
    await page.waitForTimeout(800);
    assert.equal(asked, 0);
    assert.equal(await page.locator('.fault:visible').count(), 0);
  });

browserTest(shared, 'search results do not overlap on a phone', { at: '/members', width: 375, height: 812 }, async ({ page, stack }) => {
  for (const id of ['overlap-with-a-long-id-1', 'overlap-with-a-long-id-2']) await stack.call('POST', '/v1/members', { id, first_name: 'Overlapping', last_name: 'Of a long family' });
  await stack.call('POST', '/_local/settle');
  await page.getByLabel('Find a member, receipt or coupon').fill('overlapping');
  await page.keyboard.press('Enter');
  await page.locator('.ledger > li').nth(1).waitFor();
  const overlaps = await page.locator('.ledger > li').evaluateAll((rows) =>
    rows.flatMap((row) => {
      const boxes = [...row.querySelectorAll('.chip, a, p')].map((one) => one.getBoundingClientRect());
      return boxes.flatMap((a, at) => boxes.slice(at + 1).filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1));
    }),
  );
  assert.deepEqual(overlaps, []);
});

browserTest(shared, 'a receipt says whose it is, and the correction is theirs', { at: '/members/15061/receipts' }, async ({ page }) => {
  await page.getByRole('region', { name: 'Receipts' }).getByRole('link').first().click();
  await page.getByRole('button', { name: 'Correct it: award points' }).waitFor();
  await page.getByRole('link', { name: 'Ada Lane' }).waitFor();
  await page.getByRole('button', { name: 'Correct it: award points' }).click();
  await page.getByRole('dialog').getByRole('heading', { name: 'Award points' }).waitFor();
});

browserTest(shared, 'a reward by the points says its rate, and a rule of one point is singular', { at: '/members' }, async ({ page, stack, url }) => {
  const reward = { id: 'own-discount', name: 'Your own discount', type: 'amount_off', cost_per: { points: 100, value: '1.00', min: 100, max: 5000, step: 100 }, code: { pattern: 'OWN-########' } };
  const { status, body } = await stack.call('POST', '/v1/rewards', reward);
  assert.ok(status === 201 || status === 409, JSON.stringify(body));
  await page.route('**/v1/overview?*', async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), top_rules: [{ rule: 'every-250', points: 1 }, { rule: 'point-per-pound', points: 2 }] } });
  });
  await page.goto(url('/rewards'));
  await page.getByText('£1 for every 100 points').first().waitFor();
  await page.goto(url('/rules'));
  await page.getByText('point in 30 days', { exact: true }).waitFor();
  await page.getByText('points in 30 days', { exact: true }).waitFor();
});

browserTest(shared, 'months are written in words', { at: '' }, async ({ page }) => {
  await page.getByRole('heading', { name: 'Liability', level: 2 }).waitFor();
  assert.equal(await page.getByRole('cell', { name: /^\d{4}-\d{2}$/ }).count(), 0);
  assert.ok((await page.getByRole('cell', { name: /^[A-Z][a-z]+ \d{4}$/ }).count()) > 0);
});
