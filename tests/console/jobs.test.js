// What people do in the console, against the real stack: each screen's main job.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';
import { KEY } from './stack.js';

const shared = setUp('--demo');

const available = async (stack) => (await stack.call('GET', '/v1/members/15061')).body.points.available;
const numberOf = (text) => Number(text.replace(/\D/g, ''));

browserTest(shared, 'the figures of a member are those of the API, and the ledger explains itself', { at: '/members/15061' }, async ({ page, stack }) => {
  assert.equal(numberOf(await page.locator('.tile dd').first().innerText()), await available(stack));
  const entry = page.locator('.ledger > li', { hasText: '537618' });
  await entry.getByText('1 point for every £1: applied once').waitFor();
  await entry.getByText('3 rules gave nothing').click();
  await entry.getByText('nothing, because it is for the tiers Silver').waitFor();
});

browserTest(shared, 'an award says before what it does, does it once, and can be undone', { at: '/members/15061' }, async ({ page, stack }) => {
  const before = await available(stack);
  await page.getByRole('button', { name: 'Award points' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Award points' }).click();
  await dialog.getByText('A whole number of points').waitFor();
  await dialog.getByLabel('Points', { exact: true }).fill('1,250');
  await dialog.getByLabel('Reason').fill('a late parcel');
  const said = (await dialog.locator('.forecast').innerText()).split('→').map(numberOf);
  assert.deepEqual(said, [before, before + 1250]);
  await dialog.getByRole('button', { name: 'Award points' }).click();
  await page.getByText('1,250 points added.').waitFor();
  assert.equal(await available(stack), before + 1250);
  const { items } = (await stack.call('GET', '/v1/members/15061/entries?limit=1')).body;
  assert.equal(items[0].source.actor, 'admin');
  assert.match(items[0].explanation[0].text, /a late parcel/);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Undone.').waitFor();
  assert.equal(await available(stack), before);
});

browserTest(shared, 'a balance that changed meanwhile is not overwritten', { at: '/members/15061' }, async ({ page, stack }) => {
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Set the balance' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('New balance').fill('5');
  await dialog.getByLabel('Reason').fill('test');
  await stack.call('POST', '/v1/members/15061/adjustments', { award: 1, reason: 'meanwhile' });
  const before = await available(stack);
  await dialog.getByRole('button', { name: 'Set the balance' }).click();
  await dialog.getByText('The balance changed meanwhile.').waitFor();
  assert.equal(await available(stack), before);
});

browserTest(shared, 'a reward is redeemed, its coupon cancelled, and the points are back', { at: '/members/15061' }, async ({ page, stack }) => {
  const before = await available(stack);
  await page.getByRole('button', { name: 'Redeem', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reward').selectOption({ label: '£5 off · 250 points' });
  await dialog.getByRole('button', { name: 'Redeem', exact: true }).click();
  await page.getByText('£5 off redeemed:').waitFor();
  assert.equal(await available(stack), before - 250);
  await page.getByRole('link', { name: 'Coupons' }).click();
  await page.getByRole('button', { name: 'Cancel' }).first().click();
  await page.getByRole('dialog').getByText('the member gets 250 points back').waitFor();
  await page.getByRole('button', { name: 'Cancel the coupon' }).click();
  await page.getByText('Cancelled. 250 points are back.').waitFor();
  assert.equal(await available(stack), before);
});

browserTest(shared, 'where the shopper chooses the points, the agent types them', { at: '/members/15061' }, async ({ page, stack }) => {
  const reward = { id: 'any-amount', name: 'Any amount', type: 'amount_off', cost_per: { points: 100, value: '1.00', min: 200, max: 5000, step: 100 }, code: { pattern: 'ANY-########' } };
  assert.equal((await stack.call('POST', '/v1/rewards', reward)).status, 201);
  const before = await available(stack);
  await page.getByRole('button', { name: 'Redeem', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reward').selectOption({ label: 'Any amount · from 200' });
  await dialog.getByText('100 points are worth').waitFor();
  await dialog.getByLabel('Points').fill('350');
  await dialog.getByRole('button', { name: 'Redeem', exact: true }).click();
  await dialog.getByRole('alert').waitFor();
  await dialog.getByLabel('Points').fill('300');
  await dialog.getByRole('button', { name: 'Redeem', exact: true }).click();
  await page.getByText('Any amount redeemed:').waitFor();
  assert.equal(await available(stack), before - 300);
});

browserTest(shared, 'an order number is explained rule by rule, and corrected from there', { at: '/why' }, async ({ page, stack }) => {
  await page.getByLabel('Order number, e-mail or customer id').fill('no-such-order');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByText('There is no such receipt and no such member.').waitFor();
  await page.getByLabel('Order number, e-mail or customer id').fill('537618');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByRole('heading', { name: 'It gave 5,663 points.' }).waitFor();
  const explained = (await stack.call('GET', '/v1/receipts/537618/explanation')).body.rules;
  assert.equal(await page.locator('.outcome > li').count(), explained.length);
  await page.getByText('nothing, because 2 receipts more would have been needed').waitFor();
  await page.getByRole('button', { name: 'Correct it: award points' }).click();
  await page.getByLabel('Customer id, e-mail, phone or card').fill('ada@example.com');
  await page.getByRole('button', { name: 'Continue' }).click();
  assert.equal(await page.getByLabel('Reason').inputValue(), 'Receipt 537618');
});

browserTest(shared, 'an e-mail leads to the latest receipts', { at: '/why' }, async ({ page }) => {
  await page.getByLabel('Order number, e-mail or customer id').fill('ada@example.com');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByRole('link', { name: '537618' }).click();
  await page.getByRole('heading', { name: 'It gave 5,663 points.' }).waitFor();
  assert.match(page.url(), /\/why\/receipt\/537618\//);
});

browserTest(shared, 'the search opens a single find, and personal data is not in the address', { at: '/rules' }, async ({ page }) => {
  await page.keyboard.press('/');
  await page.keyboard.type('ada@example.com');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /Ada Lane/ }).waitFor();
  assert.doesNotMatch(page.url(), /ada|%40/);
  await page.keyboard.press('/');
  await page.keyboard.type('nobody@example.com');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'nobody@example.com' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'nobody@example.com' }).waitFor();
  // Neither what was searched for nor what the history remembers of it outlives the session.
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key', { exact: true }).fill(KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('.shell').waitFor();
  await page.evaluate(() => history.pushState(null, '', '/console/rules'));
  await page.goBack();
  await page.goBack();
  // The member whom the first search opened may be shown: her page was read anew.
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify(history.state ?? '') + document.body.innerText), /nobody@example\.com/);
});

browserTest(shared, 'a reward and a tier are added; what members may hold stays, and the dialog says why', { at: '/rewards/new' }, async ({ page, stack }) => {
  await page.getByLabel('Name', { exact: true }).fill('<b>Tea</b>');
  await page.getByLabel('Id', { exact: true }).fill('tea');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.waitForURL(/\/rewards\/tea$/);
  // Markup is text.
  await page.getByRole('heading', { name: '<b>Tea</b>' }).waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByText('members may hold coupons of it').waitFor();
  assert.equal((await stack.call('GET', '/v1/rewards/tea')).body.name, '<b>Tea</b>');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('link', { name: 'Tiers' }).click();
  await page.getByRole('link', { name: 'New tier' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Platinum');
  await page.getByLabel('Id', { exact: true }).fill('platinum');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.waitForURL(/\/tiers\/platinum$/);
  assert.equal((await stack.call('GET', '/v1/tiers/platinum')).body.threshold, 4000);
});

browserTest(shared, 'the programme shows what would change before it is saved', { at: '/programme' }, async ({ page, stack }) => {
  await page.getByLabel('Name', { exact: true }).fill('Gift Club');
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('cell', { name: '"Gift Club"' }).waitFor();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved. It is version').waitFor();
  assert.equal((await stack.call('GET', '/v1/program')).body.name, 'Gift Club');
});

browserTest(shared, 'a key is shown once, may what it may, and is deleted', { at: '/keys' }, async ({ page, stack, context, url }) => {
  await page.getByRole('button', { name: 'New API key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Support desk');
  await dialog.getByLabel(/correct points/).check();
  await dialog.getByRole('button', { name: 'Make the key' }).click();
  const key = await dialog.locator('.copied code').innerText();
  await dialog.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByRole('row', { name: /Support desk/ }).waitFor();
  assert.doesNotMatch(await page.content(), new RegExp(key));

  const other = await context.newPage();
  await other.goto(url(''));
  await other.getByLabel('API key', { exact: true }).fill(`  ${key.slice(0, 9)} ${key.slice(9)}\n`);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.locator('.shell').waitFor();
  assert.deepEqual(await other.locator('nav.side > a').allInnerTexts(), ['Members', 'Why no points?', 'Referrals']);
  await other.goto(url('/rules'));
  await other.getByText('This key may not see this screen. It needs the scope admin.').waitFor();

  const row = page.getByRole('row', { name: /Support desk/ });
  await row.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Support desk is deleted.').waitFor();
  assert.deepEqual((await stack.call('GET', '/v1/api-keys')).body.items.map(({ name }) => name), ['admin']);
});

browserTest(shared, 'a key verifies only what was ticked, and its requests a minute are a whole number', { at: '/keys' }, async ({ page, stack }) => {
  const made = [];
  await page.route('**/v1/api-keys', (route) => (route.request().method() === 'POST' && made.push(route.request().postDataJSON()), route.continue()));
  for (const [name, ticked] of [['Till', []], ['Shop', ['e-mails']]]) {
    await page.getByRole('button', { name: 'New API key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill(name);
    await dialog.getByLabel(/send receipts/).check();
    for (const kind of ticked) await dialog.getByLabel(new RegExp(`^${kind}`)).check();
    await dialog.getByLabel('Requests a minute').fill('1.5');
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    await dialog.locator('.fault').waitFor();
    await dialog.getByLabel('Requests a minute').fill('1,200');
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    await dialog.getByRole('button', { name: 'I have copied it' }).click();
  }
  assert.deepEqual(made.map(({ verifies, per_minute: rate }) => [verifies, rate]), [[[], '1.5'], [[], 1200], [['email'], '1.5'], [['email'], 1200]]);
  for (const { id, name } of (await stack.call('GET', '/v1/api-keys')).body.items) if (name !== 'admin') await stack.call('DELETE', `/v1/api-keys/${id}`);
});

browserTest(shared, 'a receipt without a customer is assigned, and then explained', { at: '/why' }, async ({ page, stack }) => {
  const receipt = { id: 'nobody-1', occurred_at: new Date().toISOString(), member: null, currency: 'GBP', total: '12.00' };
  assert.equal((await stack.call('POST', '/v1/receipts', receipt)).status, 202);
  await page.getByLabel('Order number, e-mail or customer id').fill('nobody-1');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByRole('heading', { name: 'This receipt waits to be decided.' }).waitFor();
  await page.getByLabel('Customer id, e-mail, phone or card').fill('ada@example.com');
  const assigned = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.getByRole('button', { name: 'Assign it' }).click();
  assert.equal((await assigned).status(), 202);
  await stack.call('POST', '/_local/settle');
  // What the screen shows by itself depends on whether the decision was faster.
  await page.reload();
  await page.getByRole('heading', { name: /^It gave \d+ points\.$/ }).waitFor();
});

browserTest(shared, 'a receipt that was booked on the wrong person is moved, with a reason', { at: '/why' }, async ({ page, stack, url }) => {
  await stack.call('POST', '/v1/members', { id: 'wrong', first_name: 'Wrong' });
  await stack.call('POST', '/v1/members', { id: 'right', first_name: 'Right' });
  await stack.call('POST', '/v1/receipts', { id: 'mixed-up', occurred_at: new Date().toISOString(), member: { id: 'wrong' }, currency: 'GBP', total: '40.00' });
  await stack.call('POST', '/_local/settle');
  const pointsOf = async (id) => (await stack.call('GET', `/v1/members/${id}`)).body.points.available;
  const given = await pointsOf('wrong');
  assert.ok(given > 0);
  await page.goto(url('/why/receipt/mixed-up/wrong'));
  await settled(page);
  await page.getByRole('button', { name: 'Move to another member' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('The member whose it is').fill('right');
  await dialog.getByRole('button', { name: 'Move' }).click();
  await dialog.getByText('Say why.').waitFor();
  await dialog.getByLabel('Reason').fill('two loyalty cards at one till');
  await dialog.getByRole('button', { name: 'Move' }).click();
  await page.getByText('mixed-up now belongs to Right.').waitFor();
  await stack.call('POST', '/_local/settle');
  assert.deepEqual([await pointsOf('wrong'), await pointsOf('right')], [0, given]);
});

browserTest(shared, 'the storefront secret is replaced and shown once', { at: '/keys' }, async ({ page }) => {
  await page.getByRole('button', { name: 'Storefront secret' }).click();
  await page.getByRole('dialog').getByText('The old one works for 24 hours more').waitFor();
  await page.getByRole('button', { name: 'Replace it' }).click();
  await page.getByRole('dialog').getByText('The old one works until').waitFor();
  const secret = await page.locator('.copied code').innerText();
  await page.getByRole('button', { name: 'I have copied it' }).click();
  assert.ok(secret.length > 20 && !(await page.content()).includes(secret));
});

browserTest(shared, 'wrong keys are refused in words, and signing out leaves nothing', { key: null }, async ({ page }) => {
  const field = page.getByLabel('API key', { exact: true });
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Paste your key here.').waitFor();
  await field.fill('tsk_of_nobody');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('This key is unknown or was deleted.').waitFor();
  await field.fill(KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('.shell').waitFor();
  assert.doesNotMatch(page.url(), /tsk_/);
  await page.reload();
  await page.locator('.shell').waitFor();
  await page.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('heading', { name: 'Members' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await field.waitFor();
  assert.equal(await field.inputValue(), '');
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  await page.goBack();
  await field.waitFor();
});

browserTest(shared, 'a key that is deleted while it is used leads back to signing in, at the same address', { at: '/members/15061' }, async ({ page }) => {
  // The stack remembers a key for up to a minute, so the refusal is scripted.
  await page.route('**/v1/**', (route) =>
    route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"type":"urn:tessera:problem:unauthorized","status":401,"detail":"unknown key"}' }),
  );
  await page.getByRole('link', { name: 'Coupons' }).click();
  await page.getByText('This key is no longer valid. Sign in with another one.').waitFor();
  await page.unroute('**/v1/**');
  await page.getByLabel('API key', { exact: true }).fill(KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: /Ada Lane/ }).waitFor();
});

browserTest(shared, 'a slow API: places are kept, words say that it goes on, and a busy stack is asked again', { at: '/why' }, async ({ page }) => {
  let go;
  const held = new Promise((resolve) => (go = resolve));
  let asked = 0;
  await page.route('**/v1/members/15061', async (route) => {
    asked += 1;
    await held;
    if (asked === 1) return route.fulfill({ status: 503, headers: { 'retry-after': '1' }, contentType: 'application/problem+json', body: '{"type":"urn:tessera:problem:unavailable","status":503,"detail":"busy"}' });
    return route.continue();
  });
  await page.evaluate(() => history.pushState(null, '', '/console/members/15061'));
  await page.reload();
  await page.locator('.bone').first().waitFor();
  await page.getByText('Still loading…').waitFor();
  go();
  await page.getByRole('heading', { name: /Ada Lane/ }).waitFor();
  assert.equal(asked, 2);
});

browserTest(shared, 'offline in the middle of a save: nothing is lost, and the second try counts once', { at: '/members/15061' }, async ({ page, stack, context }) => {
  const before = await available(stack);
  await page.getByRole('button', { name: 'Award points' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Points', { exact: true }).fill('7');
  await dialog.getByLabel('Reason').fill('a train ride');
  // The request arrives; its answer does not.
  await page.route('**/adjustments', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await dialog.getByRole('button', { name: 'Award points' }).click();
  await dialog.getByText('No answer came. Nothing is lost: try again.').waitFor();
  await context.setOffline(true);
  await dialog.getByRole('button', { name: 'Award points' }).click();
  await dialog.getByText('You are offline.').waitFor();
  await page.unroute('**/adjustments');
  await context.setOffline(false);
  await dialog.getByRole('button', { name: 'Award points' }).click();
  await page.getByText('7 points added.').waitFor();
  assert.equal(await available(stack), before + 7);
});

const failing = (status, slug) => ({ status, contentType: 'application/problem+json', body: JSON.stringify({ type: `urn:tessera:problem:${slug}`, status, detail: slug }) });
for (const [status, slug] of [[503, 'unavailable'], [500, 'internal'], [429, 'rate_limited'], [409, 'in_flight']])
  browserTest(shared, `after ${status} ${slug} the second try counts once, whatever was done before it`, { at: '/members/15061' }, async ({ page, stack }) => {
    const before = await available(stack);
    await page.getByRole('button', { name: 'Award points' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Points', { exact: true }).fill('9');
    await dialog.getByLabel('Reason').fill('a gateway that failed after the commit');
    await page.route('**/adjustments', async (route) => (await route.fetch(), route.fulfill(failing(status, slug))));
    await dialog.getByRole('button', { name: 'Award points' }).click();
    await dialog.getByRole('alert').getByText(slug).waitFor();
    assert.equal(await available(stack), before + 9);
    await page.unroute('**/adjustments');
    await dialog.getByRole('button', { name: 'Award points' }).click();
    await page.getByText('9 points added.').waitFor();
    assert.equal(await available(stack), before + 9);
  });

browserTest(shared, 'after a refusal the next try is a command of its own', { at: '/members/15061' }, async ({ page }) => {
  const keys = [];
  await page.route('**/adjustments', (route) => (keys.push(route.request().headers()['idempotency-key']), route.fulfill(failing(422, 'refused'))));
  await page.getByRole('button', { name: 'Award points' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Points', { exact: true }).fill('9');
  await dialog.getByLabel('Reason').fill('refused');
  for (let tries = 1; tries < 3; tries += 1) {
    await dialog.getByRole('button', { name: 'Award points' }).click();
    await dialog.getByRole('alert').waitFor();
    await page.waitForFunction(() => !document.querySelector('dialog [aria-busy]'));
  }
  assert.equal(new Set(keys).size, 2);
});

browserTest(shared, 'the console speaks four languages', { at: '/members/15061' }, async ({ page }) => {
  for (const [name, words] of [['it', 'Movimenti'], ['ro', 'Mișcări'], ['ru', 'Движения'], ['en', 'Ledger']]) {
    await page.locator('.side select').selectOption(name);
    await page.getByRole('link', { name: words }).waitFor();
    await settled(page);
    assert.equal(await page.locator('html').getAttribute('lang'), name);
  }
});
