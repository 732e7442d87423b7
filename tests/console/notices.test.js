// Notices on the overview: every kind that the API gives has words, in every language.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { browserTest, setUp, settled, signIn } from './harness.js';
import { assets } from './stack.js';

const description = JSON.parse(await readFile(join(assets, '../../program-admin/openapi.json'), 'utf8'));
const PREFIX = 'tessera.notice.';

/** The kinds of notices, which are the types of their events. */
const kinds = [
  ...new Set(
    JSON.stringify(description.components.schemas)
      .match(/"tessera\.notice\.\w+"/g)
      .map((type) => type.slice(1 + PREFIX.length, -1)),
  ),
];

/** One notice of any kind: it has the fields of all of them. */
const notice = (type) => ({
  id: `ntc_${type}`,
  at: '2026-11-02T09:30:00Z',
  type,
  member: '15061',
  points: 120,
  on: '2026-12-31',
  reward: 'five-off',
  coupon: 'ABCD-EFGH',
  left: 7,
  rule: 'every-250',
  connection: 'shopify',
  endpoint: 'whe_1',
  reason: 'gone',
});

const shared = setUp('--demo');

test('every kind of notice of the API has words in four languages', async () => {
  const read = (url) => readFile(new URL(url), 'utf8').then((text) => ({ json: () => JSON.parse(text) }));
  Object.assign(globalThis, { fetch: read, document: { documentElement: {} } });
  Object.defineProperty(globalThis, 'navigator', { value: { languages: ['en'] }, configurable: true });
  const { setLanguage, LANGUAGES } = await import(join(assets, 'words.js'));
  const { noticeKinds } = await import(join(assets, 'notices.js'));
  assert.ok(kinds.length >= 7, `${kinds}`);
  const seen = {};
  for (const language of Object.keys(LANGUAGES)) {
    await setLanguage(language);
    const known = noticeKinds();
    assert.deepEqual(kinds.filter((kind) => !(kind in known)), [], 'kinds without words');
    assert.deepEqual(Object.keys(known).filter((kind) => !kinds.includes(kind)), [], 'words of no kind');
    for (const [kind, { name, says, leads }] of Object.entries(known)) {
      const words = says(notice(kind), (part, id) => id);
      assert.doesNotMatch(`${name} ${words}`, /undefined|[{}]/, `${language}: ${kind}`);
      assert.ok(leads(notice(kind)).every(Boolean), kind);
      for (const text of [name, words]) {
        assert.equal(seen[text], undefined, `${language}: "${text}" is also ${seen[text]}`);
        seen[text] = `${language}: ${kind}`;
      }
    }
  }
});

browserTest(shared, 'the overview lists every kind of notice, leads to what it is about, and shows one kind alone', { key: null }, async ({ page, url }) => {
  const asked = [];
  await page.route('**/v1/notices**', (route) => {
    const type = new URL(route.request().url()).searchParams.get('type');
    asked.push(type);
    return route.fulfill({ json: { items: kinds.map(notice).filter((one) => !type || one.type === type), next_cursor: null } });
  });
  await page.goto(url(''));
  await signIn(page);
  await settled(page);
  const section = page.locator('section', { has: page.getByRole('heading', { name: 'To look at' }) });
  await section.getByRole('button', { name: 'Show more' }).click();
  assert.equal(await section.getByRole('link').count(), kinds.length);
  await section.getByLabel('Kind').selectOption('low_stock');
  await section.getByText('7 left').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('section a[href$="/rewards/five-off"]').length > 0 && !document.body.innerText.includes('budget of'));
  assert.ok(asked.includes('low_stock'));
  await section.getByRole('link', { name: /7 left/ }).click();
  await page.waitForURL('**/console/rewards/five-off');
});
