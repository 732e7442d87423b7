// Drafts of the programme: a second person publishes, and an earlier version comes back.

import assert from 'node:assert/strict';
import { browserTest, openPage, setUp, settled } from './harness.js';

const shared = setUp('--demo');
/** The name in the newest version; `GET /v1/program` may be a cached one for a while. */
const name = async (stack) => {
  const { items } = (await stack.call('GET', '/v1/program/versions?limit=1')).body;
  return (await stack.call('GET', `/v1/program/versions/${items[0].version}`)).body.program.name;
};

browserTest(shared, 'a draft is saved, shows what it changes, is published, and the version before comes back', { at: '/programme' }, async ({ page, stack }) => {
  const before = await name(stack);
  await page.getByLabel('Name', { exact: true }).fill('Club <i>Ada</i>');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Save it as a draft instead').click();
  await dialog.getByLabel('What the publisher should know').fill('a new name');
  await dialog.getByRole('button', { name: 'Save as draft' }).click();
  await page.getByText('The draft is saved. It counts once it is published.').waitFor();
  assert.equal(await name(stack), before);
  await page.getByText('a new name').waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByText('/name').waitFor();
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText(/^Published\. It is version/).waitFor();
  assert.equal(await name(stack), 'Club <i>Ada</i>');

  await page.getByRole('button', { name: 'Return to it' }).first().click();
  await page.getByText(/is a draft now\. Publish it to return to it\.$/).waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText(/^Published\. It is version/).waitFor();
  assert.equal(await name(stack), before);
});

browserTest(shared, 'offline in the middle of publishing: nothing is lost, and the second try publishes once', { at: '/programme' }, async ({ page, stack, context }) => {
  await page.getByLabel('Name', { exact: true }).fill('By train');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Save it as a draft instead').click();
  await dialog.getByRole('button', { name: 'Save as draft' }).click();
  await page.getByText('The draft is saved.').waitFor();
  const versions = async () => (await stack.call('GET', '/v1/program/versions?limit=250')).body.items.length;
  const before = await versions();
  // The request arrives; its answer does not.
  await page.route('**/publish', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByText('No answer came. Nothing is lost: try again.').waitFor();
  await context.setOffline(true);
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByText('You are offline.').waitFor();
  await page.unroute('**/publish');
  await context.setOffline(false);
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText(/^Published\. It is version/).waitFor();
  assert.equal(await versions(), before + 1);
  assert.equal(await name(stack), 'By train');
});

browserTest(shared, 'a draft with a time is approved, waits for it, and is taken back', { at: '/programme' }, async ({ page, stack }) => {
  await page.getByLabel('Name', { exact: true }).fill('In the new year');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Save it as a draft instead').click();
  await dialog.getByLabel('Comes into force').fill('2037-01-01T00:00');
  await dialog.getByRole('button', { name: 'Save as draft' }).click();
  await page.getByText('The draft is saved.').waitFor();
  await page.getByRole('button', { name: 'Approve' }).first().click();
  await dialog.getByText('It comes into force on 1 Jan 2037, 00:00.').waitFor();
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('It comes into force on 1 Jan 2037, 00:00.').waitFor();
  const drafts = async () => (await stack.call('GET', '/v1/program/drafts')).body.items.filter(({ status }) => status === 'scheduled');
  assert.deepEqual((await drafts()).map(({ publish_at: time }) => time), ['2037-01-01T00:00:00Z']);
  assert.notEqual(await name(stack), 'In the new year');
  const waiting = page.getByRole('region', { name: 'Drafts' }).locator('li', { hasText: 'scheduled' });
  await waiting.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('The draft is deleted.').waitFor();
  assert.deepEqual(await drafts(), []);
});

browserTest(shared, 'where two persons publish, the author cannot, nor can a key of the author', { at: '/programme' }, async ({ page, stack, browser }) => {
  const { id: _id, version: _version, updated_at: _time, ...program } = (await stack.call('GET', '/v1/program')).body;
  const { body: second } = await stack.call('POST', '/v1/api-keys', { name: 'Second', scopes: ['admin'] });
  assert.equal((await stack.call('PUT', '/v1/program', { ...program, publishing: { two_person: true } })).status, 200);
  await page.reload();
  await settled(page);
  await page.getByLabel('Name', { exact: true }).fill('Two persons');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.getByText('Another person has to publish this. Save it as a draft.').waitFor();
  await dialog.getByText('Save it as a draft instead').click();
  await dialog.getByRole('button', { name: 'Save as draft' }).click();
  await page.getByText('The draft is saved.').waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByText('Another person has to publish it').waitFor();
  // A key that the author made is the author's own hand.
  const other = await openPage({ stack, browser }, { at: '/programme', key: second.key });
  await other.page.getByRole('button', { name: 'Publish', exact: true }).click();
  await other.page.getByRole('dialog').getByText('Another person has to publish it').waitFor();
  await other.context.close();
  assert.notEqual(await name(stack), 'Two persons');
});

browserTest(shared, 'two persons with two keys: one saves a draft, the other sees what it changes and publishes it by its link', { key: null }, async ({ page: _page, stack, browser }) => {
  const create = async (name, scope, by) => {
    const { status, body } = await stack.call('POST', '/v1/api-keys', { name, scopes: [scope] }, by);
    assert.equal(status, 201, JSON.stringify(body));
    return body.key;
  };
  // Anna created the keys of Bea, who writes the draft, and of Dora; Carl's is from somebody else.
  const anna = await create('Anna', 'admin');
  const [bea, dora, carl] = [await create('Bea', 'admin', anna), await create('Dora', 'publisher', anna), await create('Carl', 'publisher')];
  const author = await openPage({ stack, browser }, { at: '/programme', key: bea });
  await author.page.getByLabel('Name', { exact: true }).fill('By Bea');
  await author.page.getByRole('button', { name: 'Save', exact: true }).click();
  await author.page.getByText('Save it as a draft instead').click();
  await author.page.getByLabel('What the publisher should know').fill('for spring');
  await author.page.getByRole('button', { name: 'Save as draft' }).click();
  await author.page.getByText('The draft is saved.').waitFor();
  const drafts = author.page.getByRole('region', { name: 'Drafts' });
  // The list may still be the one from before the draft.
  const draft = drafts.getByRole('listitem').filter({ hasText: 'for spring' });
  await draft.getByText('Link for a key that may only publish').click();
  const shown = draft.locator('.copied code');
  await shown.waitFor();
  const link = new URL(await shown.innerText());
  await author.context.close();
  const at = link.pathname.replace('/console', '');

  const sister = await openPage({ stack, browser }, { at, key: dora });
  await sister.page.getByRole('dialog').getByText('Another person has to publish it').waitFor();
  await sister.context.close();
  assert.notEqual(await name(stack), 'By Bea');

  const second = await openPage({ stack, browser }, { at, key: carl });
  assert.deepEqual(await second.page.locator('nav.side > a').allInnerTexts(), ['Publish a draft']);
  const dialog = second.page.getByRole('dialog');
  await dialog.getByText('Bea · for spring').waitFor();
  await dialog.getByRole('cell', { name: '"By Bea"' }).waitFor();
  assert.notEqual(await name(stack), 'By Bea');
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await second.page.getByText(/^Published\. It is version/).waitFor();
  assert.equal(await name(stack), 'By Bea');
  // The link still says what became of it.
  await second.page.getByRole('button', { name: 'Show what it changes' }).click();
  await dialog.getByText(/^Published\. It is version/).waitFor();
  await second.context.close();
  assert.deepEqual(second.complaints, []);
});
