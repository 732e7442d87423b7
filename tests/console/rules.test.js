// Writing rules: trying them, faults, two managers at once, the backtest, templates.

import assert from 'node:assert/strict';
import { browserTest, setUp } from './harness.js';

const shared = setUp('--demo');

browserTest(shared, 'a rule is tried as it is typed, saved, and undone', { at: '/rules/every-250' }, async ({ page, stack }) => {
  const read = async () => (await stack.call('GET', '/v1/rules/every-250')).body;
  const before = await read();
  await page.getByText('25 points for every £250', { exact: true }).waitFor();
  await page.getByLabel('Total').fill('600.00');
  await page.getByText('600.00 GBP counted, applied 2 times, giving 50 points').waitFor();
  await page.getByRole('region', { name: 'What happens' }).getByLabel('Points', { exact: true }).fill('40');
  await page.getByText('40 points for every £250', { exact: true }).waitFor();
  await page.getByText('600.00 GBP counted, applied 2 times, giving 80 points').waitFor();
  assert.deepEqual(await read(), before, 'trying stores nothing');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved. It counts from now on.').waitFor();
  assert.equal((await read()).then[0].credit.points, 40);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Undone.').waitFor();
  assert.deepEqual(await read(), before);
});

for (const [kind, id, part] of [['rules', 'every-250', 'When'], ['rewards', 'five-off', 'New reward']])
  browserTest(shared, `an undo never overwrites what a colleague saved meanwhile: ${kind}`, { at: `/${kind}/${id}` }, async ({ page, stack }) => {
    const path = `/v1/${kind}/${id}`;
    const name = async () => (await stack.call('GET', path)).body.name;
    const before = (await stack.call('GET', path)).body;
    await page.getByRole('region', { name: part }).waitFor();
    await page.getByRole('textbox', { name: /^Name/ }).first().fill('Mine');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved. It counts from now on.').waitFor();
    assert.equal((await stack.call('PUT', path, { ...before, name: 'Of a colleague' })).status, 200);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.locator('.status.bad.said').waitFor();
    assert.equal(await name(), 'Of a colleague');
    assert.equal((await stack.call('PUT', path, before)).status, 200);
  });

browserTest(shared, 'typing on cancels the request before: what is shown belongs to what was typed last', { at: '/rules/every-250' }, async ({ page }) => {
  await page.getByText('25 points for every £250', { exact: true }).waitFor();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const asked = [];
  await page.route('**/v1/rules/examine', async (route) => {
    const { total } = route.request().postDataJSON().fact.receipt;
    asked.push(total);
    if (total === '600.00') await held;
    await route.continue().catch(() => {});
  });
  const first = page.waitForRequest((request) => request.url().endsWith('/examine') && request.postData().includes('600.00'));
  const cancelled = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/examine'));
  await page.getByLabel('Total').fill('600.00');
  await first;
  await page.getByLabel('Total').fill('900.00');
  assert.match((await cancelled).postData(), /600\.00/);
  release();
  await page.getByText('900.00 GBP counted, applied 3 times').waitFor();
  assert.deepEqual(asked, ['600.00', '900.00']);
});

browserTest(shared, 'a fault stands at its field, and leaving with changes asks', { at: '/rules' }, async ({ page }) => {
  await page.getByRole('link', { name: '25 points every £250' }).click();
  const amount = page.getByRole('region', { name: 'When' }).getByLabel('Amount');
  await amount.fill('12,5');
  await page.locator('.field.faulty', { hasText: 'Amount' }).locator('.fault').waitFor();
  await page.getByText('thing to correct').waitFor();
  await page.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('dialog').getByText('Your changes on this screen are not saved.').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  assert.match(page.url(), /every-250$/);
  await page.goBack();
  await page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL((url) => !url.pathname.endsWith('every-250'));
});

browserTest(shared, 'what the form cannot express stays in the JSON, and it says so', { at: '/rules/every-250' }, async ({ page }) => {
  const rule = JSON.parse(await page.getByLabel('JSON').last().inputValue());
  await page.locator('#json').fill(JSON.stringify({ ...rule, mystery: true }));
  await page.getByText('The form cannot show everything. Change this here: /mystery').waitFor();
  await page.locator('#json').fill('{');
  await page.getByText('This is no JSON').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), true);
});

browserTest(shared, 'two managers edit one programme: both changes are shown, none is lost by accident', { at: '/rules/big-basket' }, async ({ page, stack }) => {
  const points = page.getByRole('region', { name: 'What happens' }).getByLabel('Points', { exact: true });
  await points.fill('60');
  const other = (await stack.call('GET', '/v1/rules/dozens')).body;
  await stack.call('PUT', '/v1/rules/dozens', { ...other, name: 'By a colleague' });
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('By a colleague').waitFor();
  const mine = dialog.getByRole('region', { name: 'What you want to save' });
  await mine.getByText('"points":60').waitFor();
  assert.equal(await dialog.getByRole('alert').count(), 0, 'nothing that both changed');
  await dialog.getByRole('button', { name: 'Save mine on top' }).click();
  await page.getByText('Saved. It counts from now on.').waitFor();
  assert.equal((await stack.call('GET', '/v1/rules/big-basket')).body.then[0].credit.points, 60);
  assert.equal((await stack.call('GET', '/v1/rules/dozens')).body.name, 'By a colleague');
});

browserTest(shared, 'two managers edit one rule: both changes are shown, and what only the other one changed stays', { at: '/rules/every-250' }, async ({ page, stack }) => {
  const read = async () => (await stack.call('GET', '/v1/rules/every-250')).body;
  const before = await read();
  await page.getByRole('region', { name: 'Name, status and time' }).getByLabel(/^Name/).fill('Mine');
  await stack.call('PUT', '/v1/rules/every-250', { ...before, name: 'Theirs', limit: { times: 3, per: 'day' } });
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('alert').getByText('You both changed /name.').waitFor();
  await dialog.getByRole('region', { name: 'What the other one changed' }).getByText('"Theirs"').waitFor();
  await dialog.getByRole('region', { name: 'What you want to save' }).getByText('"Mine"').waitFor();
  assert.equal((await read()).name, 'Theirs', 'nothing is saved before somebody decides');
  await dialog.getByRole('button', { name: 'Save mine on top' }).click();
  await page.getByText('Saved. It counts from now on.').waitFor();
  const after = await read();
  assert.equal(after.name, 'Mine');
  assert.deepEqual(after.limit, { times: 3, per: 'day' });
  await stack.call('PUT', '/v1/rules/every-250', before);
});

browserTest(shared, 'a backtest compares the draft with today', { at: '/rules/point-per-pound' }, async ({ page }) => {
  await page.getByRole('region', { name: 'What happens' }).getByLabel('Points for each unit of currency').fill('2');
  await page.getByRole('button', { name: 'Backtest' }).click();
  await page.getByText(/It would have cost £.*, instead of £/).waitFor();
  await page.getByText('329 receipts from').waitFor();
});

browserTest(shared, 'a template becomes a rule together with the reward that it needs', { at: '/rules/new' }, async ({ page, stack }) => {
  await page.getByRole('link', { name: /A birthday gift/ }).click();
  await page.getByText('Adding this rule also adds').waitFor();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.waitForURL(/\/rules\/birthday-gift$/);
  const rule = (await stack.call('GET', '/v1/rules/birthday-gift')).body;
  assert.equal((await stack.call('GET', `/v1/rewards/${rule.then[0].reward}`)).status, 200);
});
