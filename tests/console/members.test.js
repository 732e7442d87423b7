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
