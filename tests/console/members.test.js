// Finding people, and what their card says.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');
const number = (value) => new Intl.NumberFormat('en-GB').format(value);
const day = (value) => new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${value}T12:00:00Z`));

browserTest(shared, 'a member is found by e-mail, phone, name, card and id', { at: '/members' }, async ({ page, stack }) => {
  const person = { id: 'c-found', first_name: 'Żaneta', last_name: 'Óvári', email: 'zaneta@example.com', phone: '+390551234567', card: '4000123', verified: ['email', 'phone', 'card'] };
  const { status, body } = await stack.call('POST', '/v1/members', person);
  assert.equal(status, 201, JSON.stringify(body));
  await stack.call('POST', '/_local/settle');
  const found = page.getByRole('region', { name: 'Members' }).getByRole('link', { name: 'Żaneta Óvári' });
  for (const query of ['zaneta@example.com', '+390551234567', 'zaneta', 'ovari', '4000123', 'c-found']) {
    await page.getByLabel('Search', { exact: true }).fill('nobody at all');
    await page.getByText('Nobody found').waitFor();
    await page.getByLabel('Search', { exact: true }).fill(query);
    await found.waitFor();
  }
  await page.getByLabel('Status').selectOption('excluded');
  await page.getByText('Nobody found').waitFor();
});

browserTest(shared, 'a card shows balance, lots with their ends, tier, tags and identifiers as the API has them', {}, async ({ page, stack, url }) => {
  await stack.call('PATCH', '/v1/members/15061', { tags: ['vip-evening', 'press'], attributes: { city: 'Pisa' }, birth_date: '1990-05-17' });
  const { body: member } = await stack.call('GET', '/v1/members/15061');
  await page.goto(url('/members/15061/details'));
  await settled(page);
  await page.locator('h1', { hasText: `◆ ${member.tier.name}` }).waitFor();
  const figures = await page.locator('.tile dd:not(.small)').allInnerTexts();
  assert.deepEqual(figures.slice(0, 2), [number(member.points.available), number(member.points.pending)]);
  const lots = await page.locator('.ledger > li').evaluateAll((rows) => rows.map((row) => row.innerText.split('\n').filter(Boolean)));
  assert.ok(member.points.expiring.length > 0);
  assert.deepEqual(lots, member.points.expiring.map(({ on, points }) => [day(on), number(points)]));
  const facts = await page.locator('dl.card').evaluate((list) => Object.fromEntries([...list.querySelectorAll('dt')].map((one) => [one.innerText, one.nextElementSibling.innerText])));
  assert.deepEqual([facts.Tags, facts.city, facts.Birthday, facts['Customer id']], [member.tags.join(', '), 'Pisa', '1990-05-17', '15061']);
  assert.match(facts['E-mail'], /^ada@example\.com\s+verified$/);
});

for (const [locale, taken, refused] of [
  ['en-GB', [['1,250', 1250], ['1 250', 1250], ['12', 12]], ['10.5', '1,50', '1.250', '1,2500', '-5', '1e3']],
  ['it-IT', [['1.250', 1250], ['12.345', 12345], ['1250', 1250]], ['10,5', '1.50', '10.5', '1,250']],
  ['ru-RU', [['1\u00a0250', 1250], ['1 250', 1250]], ['10,5', '10.5', '1,250', '1 25']],
])
  browserTest(shared, `a whole number is read as it is written in ${locale}, and a part of a point is refused`, { at: '/members/15061', locale }, async ({ page, stack }) => {
    const { available } = (await stack.call('GET', '/v1/members/15061')).body.points;
    await page.locator('.row .primary').click();
    const forecast = page.getByRole('dialog').locator('.forecast');
    const numberOf = (text) => Number(text.replace(/\D/g, ''));
    for (const [typed, value] of taken) {
      await page.locator('#points').fill(typed);
      await forecast.locator('b').waitFor();
      assert.equal(numberOf(await forecast.locator('b').innerText()), available + value, typed);
    }
    for (const typed of refused) {
      await page.locator('#points').fill(typed);
      await forecast.locator('b').waitFor({ state: 'detached' });
    }
  });

browserTest(shared, 'a receipt is assigned to somebody known by a card or a verified e-mail alone', {}, async ({ page, stack, url }) => {
  for (const [n, who, typed] of [[1, { card: '4000777' }, '4000777'], [2, { email: 'known@example.com', verified: ['email'] }, 'known@example.com']]) {
    const send = (receipt) => stack.call('POST', '/v1/receipts', { occurred_at: new Date().toISOString(), currency: 'GBP', total: '12.00', ...receipt });
    assert.equal((await send({ id: `known-${n}`, member: who })).status, 202);
    assert.equal((await send({ id: `unknown-${n}`, member: null })).status, 202);
    await stack.call('POST', '/_local/settle');
    await page.goto(url(`/why/receipt/unknown-${n}`));
    await settled(page);
    await page.getByLabel('Customer id, e-mail, phone or card').fill(typed);
    const claimed = page.waitForResponse((response) => response.url().endsWith('/claim'));
    await page.getByRole('button', { name: 'Assign it' }).click();
    assert.equal((await claimed).status(), 202);
    await stack.call('POST', '/_local/settle');
    assert.equal((await stack.call('GET', `/v1/receipts/unknown-${n}`)).body.status, 'evaluated');
  }
});

browserTest(shared, 'points are deducted, never more than there are', { at: '/members/15061' }, async ({ page, stack }) => {
  const available = async () => (await stack.call('GET', '/v1/members/15061')).body.points.available;
  const before = await available();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Deduct points' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('booked twice');
  await dialog.getByLabel('Points', { exact: true }).fill(String(before + 1));
  await dialog.getByRole('button', { name: 'Deduct points' }).click();
  await dialog.locator('[role="alert"], .fault').first().waitFor();
  assert.equal(await available(), before);
  await dialog.getByLabel('Points', { exact: true }).fill('40');
  await dialog.getByRole('button', { name: 'Deduct points' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await available(), before - 40);
});

browserTest(shared, 'of a million members, the list asks for one page at a time', { at: '/rules' }, async ({ page }) => {
  const asked = [];
  const last = 40_000;
  await page.route('**/v1/members?**', (route) => {
    const query = new URL(route.request().url()).searchParams;
    asked.push([query.get('limit'), query.get('cursor')]);
    const at = Number(query.get('cursor') ?? 0);
    const items = Array.from({ length: 25 }, (_, n) => ({ id: `c-${at * 25 + n}`, inner_id: `m_${at * 25 + n}`, status: 'member', points: { available: n }, identifiers: [], lists: [], tags: [] }));
    return route.fulfill({ json: { items, next_cursor: at + 1 < last ? String(at + 1) : null } });
  });
  await page.getByRole('link', { name: 'Members' }).click();
  const rows = page.getByRole('region', { name: 'Members' }).locator('tbody tr');
  await rows.nth(24).waitFor();
  for (const pages of [2, 3]) {
    await page.getByRole('button', { name: 'Show more' }).click();
    await rows.nth(25 * pages - 1).waitFor();
  }
  assert.equal(await rows.count(), 75);
  assert.deepEqual(asked, [['25', null], ['25', '1'], ['25', '2']]);
});
