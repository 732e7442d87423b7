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
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByText('Another person has to publish it').waitFor();
  // A key that the author made is the author's own hand.
  const other = await openPage({ stack, browser }, { at: '/programme', key: second.key });
  await other.page.getByRole('button', { name: 'Publish', exact: true }).click();
  await other.page.getByRole('dialog').getByRole('button', { name: 'Publish', exact: true }).click();
  await other.page.getByRole('dialog').getByText('Another person has to publish it').waitFor();
  await other.context.close();
  assert.notEqual(await name(stack), 'Two persons');
});

browserTest(shared, 'a key that may only publish is given the link of a draft, and no other screen', {}, async ({ page, stack, browser, url }) => {
  const { body: publisher } = await stack.call('POST', '/v1/api-keys', { name: 'Publisher', scopes: ['publisher'] });
  const { id: _id, version: _version, updated_at: _time, ...program } = (await stack.call('GET', `/v1/program/versions/${(await stack.call('GET', '/v1/program/versions?limit=1')).body.items[0].version}`)).body.program;
  const { status, body: draft } = await stack.call('POST', '/v1/program/drafts', { program: { ...program, name: 'By link' } });
  assert.equal(status, 201);
  await page.goto(url('/programme'));
  await settled(page);
  await page.getByText('Link for a key that may only publish').first().click();
  const link = await page.locator('.copied code').first().innerText();
  assert.ok(link.endsWith(`/console/publish/${draft.id}`), link);
  const other = await openPage({ stack, browser }, { at: `/publish/${draft.id}`, key: publisher.key });
  assert.deepEqual(await other.page.locator('nav.side > a').allInnerTexts(), ['Publish a draft']);
  await other.page.getByRole('button', { name: 'Publish' }).click();
  await other.page.getByText(/Published\. It is version|Another person has to publish it/).waitFor();
  await other.context.close();
});
