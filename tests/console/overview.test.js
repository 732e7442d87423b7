// The overview: each figure that it shows is the API's.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');

const number = (value) => new Intl.NumberFormat('en-GB').format(value);
const money = (value) => new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'GBP' }).format(value);
const percent = (value) => (value === null ? '–' : new Intl.NumberFormat('en-GB', { style: 'percent', maximumFractionDigits: 1 }).format(value));
const day = (value) => new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${value}T12:00:00Z`));
const month = (value) => new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(new Date(`${value}-15`));

/** The cells of a table, row by row. */
const cellsOf = (region) => region.locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim())));

browserTest(shared, 'every figure on the overview is that of the API: tiles, charts, budgets, stocks, tops, liability', { at: '/rules' }, async ({ page, stack }) => {
  // A budget that is used in part, and a redemption.
  const rule = (await stack.call('GET', '/v1/rules/point-per-pound')).body;
  await stack.call('PUT', '/v1/rules/point-per-pound', { ...rule, budget: { points: 5000, per: 'month' } });
  await stack.call('POST', '/v1/members/15061/redemptions', { reward: 'five-off' });
  await stack.call('POST', '/v1/receipts', { id: 'with-budget', occurred_at: new Date().toISOString(), member: { id: '15061' }, currency: 'GBP', total: '400.00' });
  await stack.call('POST', '/_local/settle');
  await page.reload();
  await settled(page);
  const asked = page.waitForRequest((request) => request.url().includes('/v1/overview?') && request.url().includes('bucket=day'));
  await page.getByRole('link', { name: 'Overview' }).click();
  const path = (await asked).url().slice(new URL((await asked).url()).origin.length);
  await settled(page);
  const read = async (at) => {
    const { status, body } = await stack.call('GET', at);
    assert.equal(status, 200, at);
    return body;
  };
  const { totals, series, budgets, top_rules: rules, top_rewards: rewards } = await read(path);
  const liability = await read(path.replace('overview', 'liability').replace(/&bucket=\w+/, ''));
  const program = await read('/v1/program');
  const nameOf = (list, id) => list.find((one) => one.id === id).name;

  const tile = async (label) => (await page.locator('.tile', { has: page.getByText(label, { exact: true }) }).locator('dd').allInnerTexts()).slice(0, 2);
  assert.equal((await tile('Points earned'))[0], number(totals.points_earned));
  assert.equal((await tile('Redemption rate'))[0], percent(totals.redemption_rate));
  assert.equal((await tile('Active members'))[0], number(totals.active_members));
  const { closing } = liability.roll_forward;
  const [worth, held] = await tile('Liability');
  assert.equal(worth, new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'GBP', maximumFractionDigits: 0 }).format(closing.money));
  assert.ok(held.startsWith(`${number(closing.points)} points`), held);

  const past = series.filter(({ from }) => from <= new Date().toISOString().slice(0, 10));
  const charts = [
    ['Earned and redeemed', ['points_earned', 'points_redeemed'], number],
    ['Active and new members', ['active_members', 'new_members'], number],
    ['Sales with coupons', ['loyalty_revenue'], money],
    ['Expired and taken back', ['points_expired', 'points_reversed'], number],
  ];
  for (const [title, figures, write] of charts) {
    await page.getByLabel('Chart').selectOption({ label: title });
    await page.getByRole('button', { name: 'Show as table' }).click();
    const shown = await cellsOf(page.getByRole('region', { name: title }));
    assert.deepEqual(shown.map((row) => row.slice(1)), past.map((row) => figures.map((figure) => write(row[figure]))), title);
  }

  assert.equal(budgets.length, 1);
  const [{ points, used, runs_out_on: end }] = budgets;
  assert.ok(used > 0 && used <= points);
  const budget = page.locator('section', { has: page.getByRole('heading', { name: 'Budgets' }) });
  await budget.getByText(`${number(used)} of ${number(points)} this month${end ? ` · runs out on ${day(end)} at this pace` : ''}`, { exact: true }).waitFor();

  const stocks = await page.locator('.facts.even').evaluate((list) => Object.fromEntries([...list.querySelectorAll('dt')].map((one) => [one.innerText, one.nextElementSibling.innerText])));
  const tiers = Object.entries(totals.tiers).map(([id, n]) => [nameOf(program.tiers.ladder, id), number(n)]);
  const known = [['Members', totals.members], ['New', totals.new_members], ['Visitors', totals.visitors], ['Open points', totals.points_unredeemed], ['Pending', totals.points_pending]];
  assert.deepEqual(stocks, Object.fromEntries([...known.map(([name, n]) => [name, number(n)]), ...tiers]));

  assert.deepEqual(await cellsOf(page.getByRole('region', { name: 'What gave most points' })), rules.map((one) => [nameOf(program.rules, one.rule), number(one.firings), number(one.points)]));
  assert.deepEqual(await cellsOf(page.getByRole('region', { name: 'What was redeemed most' })), rewards.map((one) => [nameOf(program.rewards, one.reward), number(one.redemptions), number(one.points)]));

  const lines = (await cellsOf(page.getByRole('region', { name: 'Liability' }))).map((row) => row.slice(1));
  const names = ['opening', 'issued', 'forgiven', 'redeemed', 'restored', 'expired', 'reversed', 'removed', 'closing'];
  assert.deepEqual(lines, names.map((name) => liability.roll_forward[name]).map((line) => [number(line.points), money(line.money)]));
  assert.deepEqual(await cellsOf(page.getByRole('region', { name: 'Points that will expire' })), liability.forecast.map((one) => [month(one.month), number(one.points), money(one.money)]));
  const rates = liability.breakage.map((one) => [month(one.issued_in), number(one.issued), number(one.redeemed), number(one.expired), one.rate === null ? '' : percent(one.rate)]);
  assert.deepEqual(await cellsOf(page.getByRole('region', { name: 'Breakage by month of issue' })), rates);
});
