// Hostile texts in every name, on every screen.

import assert from 'node:assert/strict';
import { browserTest, setUp, settled } from './harness.js';
import { SCREENS } from './screens.js';

const shared = setUp('--demo');
const EVIL = '<img src=x onerror=alert(1)><b>{n}';

browserTest(shared, 'markup in every name and text is text, on every screen, and nothing runs', {}, async ({ page, stack, url }) => {
  const { id: _id, version: _version, updated_at: _time, ...program } = (await stack.call('GET', '/v1/program')).body;
  const named = (one) => ({ ...one, name: EVIL });
  const evil = {
    ...program,
    name: EVIL,
    rules: program.rules.map((rule) => ({ ...named(rule), ...(rule.storefront && { storefront: { ...rule.storefront, title: EVIL, description: EVIL } }) })),
    rewards: program.rewards.map(named),
    tiers: { ...program.tiers, ladder: program.tiers.ladder.map((tier) => ({ ...named(tier), benefits: [EVIL] })) },
  };
  const saved = await stack.call('PUT', '/v1/program', evil);
  assert.equal(saved.status, 200, JSON.stringify(saved.body));
  const member = '/v1/members/15061';
  for (const [method, path, body] of [
    ['PATCH', member, { first_name: EVIL, last_name: EVIL, tags: [EVIL.slice(0, 20)], attributes: { city: EVIL } }],
    ['POST', `${member}/notes`, { text: EVIL }],
    ['POST', `${member}/adjustments`, { award: 1, reason: EVIL }],
    ['POST', `${member}/redemptions`, { reward: 'five-off' }],
    ['POST', '/v1/api-keys', { name: EVIL, scopes: ['support'] }],
    ['POST', '/v1/webhook-endpoints', { url: 'http://127.0.0.1:9/x', description: EVIL }],
    ['POST', '/v1/program/drafts', { program: { ...evil, name: `${EVIL}!` }, note: EVIL }],
    ['POST', '/v1/receipts', { id: 'a<b>"c', occurred_at: new Date().toISOString(), member: { id: '15061' }, currency: 'GBP', total: '12.00', store: EVIL.slice(0, 20) }],
  ]) {
    const { status, body: answer } = await stack.call(method, path, body);
    assert.ok(status < 300 || (path === '/v1/receipts' && status === 400), `${method} ${path}: ${JSON.stringify(answer)}`);
  }
  await stack.call('POST', '/_local/settle');
  const dialogs = [];
  page.on('dialog', (dialog) => (dialogs.push(dialog.message()), dialog.dismiss()));
  let seen = 0;
  for (const [name, at] of SCREENS) {
    await page.goto(url(at));
    await settled(page);
    assert.equal(await page.locator('img[src="x"], main b:has-text("{n}") img').count(), 0, name);
    seen += await page.getByText('<img src=x onerror=alert(1)>').count();
  }
  assert.deepEqual(dialogs, []);
  assert.ok(seen > 20, `the texts are shown: ${seen}`);
});
