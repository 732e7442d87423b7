// The screens and dialogs, for the tests that look at all of them, and for pictures.

import { settled } from './harness.js';

export const SCREENS = [
  ['overview', ''],
  ['members', '/members'],
  ['member', '/members/15061'],
  ['member-details', '/members/15061/details'],
  ['member-receipts', '/members/15061/receipts'],
  ['member-coupons', '/members/15061/coupons'],
  ['member-notes', '/members/15061/notes'],
  ['why', '/why'],
  ['why-member', '/why/15061'],
  ['why-receipt', '/why/receipt/537618'],
  ['why-receipt-member', '/why/receipt/537618/15061'],
  ['rules', '/rules'],
  ['rule', '/rules/every-250'],
  ['templates', '/rules/new'],
  ['template', '/rules/new/birthday-gift'],
  ['rule-new', '/rules/new/blank'],
  ['rewards', '/rewards'],
  ['reward', '/rewards/five-off'],
  ['reward-new', '/rewards/new'],
  ['tiers', '/tiers'],
  ['tier', '/tiers/gold'],
  ['tier-new', '/tiers/new'],
  ['tier-new-vip', '/tiers/new-vip'],
  ['programme', '/programme'],
  ['publish', '/publish'],
  ['member-referrals', '/members/15061/referrals'],
  ['referrals', '/referrals'],
  ['referral-programme', '/referrals/programme'],
  ['connections', '/connections'],
  ['klaviyo', '/connections/klaviyo'],
  ['shopify', '/connections/shopify'],
  ['woocommerce', '/connections/woocommerce'],
  ['square', '/connections/square'],
  ['generic', '/connections/generic/till-1'],
  ['imports', '/imports'],
  ['import-new', '/imports/new'],
  ['keys', '/keys'],
  ['audit', '/audit'],
  ['search-empty', '/search'],
  ['nothing', '/nowhere'],
];

const made = async (stack, method, path, body) => {
  const { status, body: answer } = await stack.call(method, path, body);
  if (status > 299) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
  return answer;
};
const press = (page, name) => page.getByRole('button', { name, exact: true }).first().click();
const more = async (page, name) => {
  await press(page, 'More');
  await press(page, name);
};
const file = (text) => ({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
const choose = async (page, text) => {
  await page.getByLabel('File', { exact: true }).setInputFiles(file(text));
  await press(page, 'Look at the file');
  await page.getByRole('heading', { name: 'What was found in the file' }).waitFor();
};
let files = 0;
/** An import that is done; each has a file of its own. */
const imported = async (page) => {
  files += 1;
  await choose(page, `id,points\nimported-${files},5\nfaulty-${files},none\n`);
  await press(page, 'Check every row');
  await page.getByRole('button', { name: 'Import 1 row' }).click();
  await page.getByRole('heading', { name: '1 row was imported' }).waitFor();
};
/** The screen of an import in a state that does not last. */
const inState = async (page, changes) => {
  await imported(page);
  await page.route(/\/v1\/imports\/[^/]+$/, async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), ...changes } });
  });
  await page.reload();
};
const endpoint = async (stack) => (await made(stack, 'POST', '/v1/webhook-endpoints', { url: 'http://127.0.0.1:9/hooks', description: 'Tills' })).id;
const renamed = async (page) => page.getByLabel('Name', { exact: true }).fill(`Club ${(files += 1)}`);

/** States of screens that an address alone does not show: name, address, and how to get there. */
export const STATES = [
  ['search', '/members', async (page, { stack }) => {
    // Two members: a single one would open at once.
    for (const id of ['found-1', 'found-2']) await made(stack, 'POST', '/v1/members', { id, first_name: 'Found' });
    await page.getByLabel('Find a member, receipt or coupon').fill('found');
    await page.keyboard.press('Enter');
    await page.locator('.ledger > li').nth(1).waitFor();
  }],
  ['import-found', '/imports/new', (page) => choose(page, 'id,points\nfound,5\n')],
  ['import-without-file', '/imports/new', async (page) => {
    await choose(page, 'id,points\nlost,5\n');
    await page.reload();
    await page.getByText('The file is not in this tab any more.').waitFor();
  }],
  ['import-checked', '/imports/new', async (page) => {
    await choose(page, 'id,points\nchecked,5\nfaulty,none\n');
    await press(page, 'Check every row');
    await page.getByRole('heading', { name: '1 row can be imported' }).waitFor();
  }],
  ['import-running', '/imports/new', async (page) => {
    await inState(page, { state: 'running', done: 1, rows: 9 });
    await page.getByText('1 of 9 rows imported').waitFor();
  }],
  ['import-done', '/imports/new', imported],
  ['import-failed', '/imports/new', async (page) => {
    await inState(page, { state: 'failed', reason: 'The file ends in the middle of a row.' });
    await page.getByRole('heading', { name: 'The import cannot go on' }).waitFor();
  }],
  ['import-undone', '/imports/new', async (page) => {
    await imported(page);
    await press(page, 'Undo the import');
    await page.getByRole('dialog').getByRole('button', { name: 'Undo the import' }).click();
    await page.getByRole('heading', { name: 'The import was undone' }).waitFor();
  }],
  ['publish-draft', '/publish', async (page, { stack, url }) => {
    const { id: _id, version: _version, updated_at: _time, ...program } = await made(stack, 'GET', '/v1/program');
    const draft = await made(stack, 'POST', '/v1/program/drafts', { program: { ...program, name: `Draft ${(files += 1)}` }, note: 'a new name' });
    await page.goto(url(`/publish/${draft.id}`));
    await page.getByRole('dialog').getByText('/name').waitFor();
  }],
  ['webhook', '/connections', async (page, { stack, url }) => {
    await page.goto(url(`/connections/webhooks/${await endpoint(stack)}`));
    await press(page, 'Send a test');
    await page.locator('.ledger > li').first().waitFor();
  }],
];

/** The dialogs: the file that has it, an address, and how to open it. */
export const DIALOGS = [
  ['app.js', '/programme', async (page) => {
    await renamed(page);
    await page.getByRole('link', { name: 'Members', exact: true }).click();
  }],
  ['screens/actions.js', '/members/15061', (page) => press(page, 'Award points')],
  ['screens/actions.js', '/members/15061', (page) => more(page, 'Give a reward')],
  ['screens/actions.js', '/members/15061', (page) => press(page, 'Redeem')],
  ['screens/actions.js', '/members/15061', (page) => more(page, 'Edit the profile')],
  ['screens/backtest.js', '/rules/every-250', (page) => press(page, 'Backtest')],
  ['screens/drafts.js', '/programme', async (page) => {
    await renamed(page);
    await press(page, 'Save');
    await page.getByText('Save it as a draft instead').click();
    await press(page, 'Save as draft');
    await page.getByText('The draft is saved.').waitFor();
    await press(page, 'Publish');
    await page.getByRole('dialog').getByText('/name').waitFor();
  }],
  ['screens/editor.js', '/rules/every-250', async (page, { stack }) => {
    await page.getByRole('textbox', { name: /^Name/ }).first().fill('Mine');
    const rule = await made(stack, 'GET', '/v1/rules/every-250');
    await made(stack, 'PUT', '/v1/rules/every-250', { ...rule, name: `Of a colleague ${(files += 1)}` });
    await press(page, 'Save');
  }],
  ['screens/history.js', '/members/15061/coupons', async (page, { stack }) => {
    await made(stack, 'POST', '/v1/members/15061/redemptions', { reward: 'five-off' });
    await page.reload();
    await press(page, 'Cancel');
  }],
  ['screens/imports.js', '/imports/new', async (page) => {
    await imported(page);
    await press(page, 'Undo the import');
  }],
  ['screens/keys.js', '/keys', (page) => press(page, 'New API key')],
  ['screens/keys.js', '/keys', async (page) => {
    await press(page, 'New API key');
    await page.getByRole('dialog').getByLabel('Name').fill('Till');
    await press(page, 'Make the key');
    await page.getByRole('dialog').locator('.copied').waitFor();
  }],
  ['screens/keys.js', '/keys', async (page, { stack }) => {
    await made(stack, 'POST', '/v1/api-keys', { name: `Old ${(files += 1)}`, scopes: ['support'] });
    await page.reload();
    await page.getByRole('button', { name: /^Delete Old/ }).first().click();
  }],
  ['screens/keys.js', '/keys', (page) => press(page, 'Storefront secret')],
  ['screens/keys.js', '/keys', async (page) => {
    await press(page, 'Storefront secret');
    await press(page, 'Replace it');
    await page.getByRole('dialog').locator('.copied').waitFor();
  }],
  ['screens/members.js', '/members', (page) => press(page, 'Enrol a member')],
  ['screens/part.js', '/rewards/five-off', (page) => more(page, 'Delete')],
  ['screens/programme.js', '/programme', async (page) => {
    await renamed(page);
    await press(page, 'Save');
  }],
  ['screens/referrals.js', '/referrals', async (page, { stack }) => {
    const effects = [{ credit: { points: 100 } }];
    const referral = { enabled: true, advocates: { who: 'members' }, conversion: { receipt: { first_only: true } }, attribution_days: 30, hold_days: 14 };
    await made(stack, 'PUT', '/v1/referral-program', { ...referral, friend: { on: 'qualified', then: effects }, advocate: { mode: 'additive', milestones: [{ at: 1, then: effects }] }, review_at_score: 20, checks: { same_ip: 30, ip_velocity: 20, advocate_velocity: 20 } });
    const advocate = await made(stack, 'POST', '/v1/members', { id: `advocate-${(files += 1)}`, first_name: 'Grace' });
    for (let n = 0; n < 8; n += 1) await made(stack, 'POST', '/v1/referrals', { code: advocate.referral_code, friend: { id: `friend-${files}-${n}` }, context: { ip: '203.0.113.7' } });
    await page.reload();
    await press(page, 'Let it count');
  }],
  ['screens/rule.js', '/rules/every-250', (page) => more(page, 'Delete')],
  ['screens/support.js', '/members/15061', async (page, { stack }) => {
    await made(stack, 'POST', '/v1/members', { id: `stays-${(files += 1)}`, first_name: 'Stays' });
    await more(page, 'Merge into another member');
    await page.getByLabel('The member who stays').fill(`stays-${files}`);
    await press(page, 'Show what it gives');
    await page.getByRole('dialog').locator('dl').waitFor();
  }],
  ['screens/support.js', '/members', async (page, { stack, url }) => {
    files += 1;
    for (const id of [`one-${files}`, `two-${files}`]) await made(stack, 'POST', '/v1/members', { id, first_name: id });
    await made(stack, 'POST', `/v1/members/one-${files}/adjustments`, { award: 5, reason: 'test' });
    await made(stack, 'POST', `/v1/members/one-${files}/merge`, { into: (await made(stack, 'GET', `/v1/members/two-${files}`)).inner_id });
    await page.goto(url(`/members/two-${files}`));
    await press(page, 'Separate again');
    await page.getByRole('dialog').locator('dl').waitFor();
  }],
  ['screens/support.js', '/members/15061/coupons', async (page, { stack }) => {
    await made(stack, 'POST', '/v1/members/15061/redemptions', { reward: 'five-off' });
    await page.reload();
    await press(page, 'Move');
  }],
  ['screens/support.js', '/members/15061', (page) => more(page, 'Exclude')],
  ['screens/support.js', '/members/15061', (page) => more(page, 'Erase')],
  ['screens/support.js', '/members/15061', (page) => more(page, 'Export everything held on them')],
  ['screens/webhook.js', '/connections', (page) => press(page, 'Add an endpoint')],
  ['screens/webhook.js', '/connections', async (page) => {
    await press(page, 'Add an endpoint');
    await page.getByRole('dialog').getByLabel('Address').fill('http://127.0.0.1:9/hooks');
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('dialog').locator('.copied').waitFor();
  }],
  ['screens/webhook.js', '/connections', async (page, { stack, url }) => {
    await page.goto(url(`/connections/webhooks/${await endpoint(stack)}`));
    await more(page, 'Replace the secret');
  }],
  ['screens/webhook.js', '/connections', async (page, { stack, url }) => {
    await page.goto(url(`/connections/webhooks/${await endpoint(stack)}`));
    await more(page, 'Delete');
  }],
  ['screens/why.js', '/why/receipt/537618', (page) => press(page, 'Correct it: award points')],
];

/** Goes to the address of a state or a dialog, and does what leads there; `shared` has the stack and `url`. */
export const open = async (page, at, steps, shared) => {
  await page.goto(shared.url(at));
  await settled(page);
  await steps(page, shared);
  await settled(page);
};
