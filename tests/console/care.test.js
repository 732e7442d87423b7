// What support does rarely: notes, exclusion, erasure, export.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');

const enrol = async (stack, id, more = {}) => {
  const { status, body } = await stack.call('POST', '/v1/members', { id, first_name: id, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
};
const give = async (stack, id, points) => stack.call('POST', `/v1/members/${id}/adjustments`, { award: points, reason: 'test' });
const more = async (page, name) => {
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name, exact: true }).click();
};

browserTest(shared, 'notes are text, and are added and deleted', {}, async ({ page, stack, url }) => {
  await enrol(stack, 'Noted');
  await page.goto(url('/members/Noted/notes'));
  await settled(page);
  await page.getByText('No notes yet').waitFor();
  await page.getByLabel('New note').fill('<img src=x onerror=alert(1)> calls in the evening');
  await page.getByRole('button', { name: 'Add the note' }).click();
  await page.getByText('<img src=x onerror=alert(1)> calls in the evening').waitFor();
  assert.equal((await stack.call('GET', '/v1/members/Noted/notes')).body.items.length, 1);
  await page.getByRole('button', { name: /^Delete the note/ }).click();
  await page.getByText('No notes yet').waitFor();
});

browserTest(shared, 'a member is excluded with a reason, and the exclusion is undone', {}, async ({ page, stack, url }) => {
  await enrol(stack, 'Cheat');
  const status = async () => (await stack.call('GET', '/v1/members/Cheat')).body.status;
  await page.goto(url('/members/Cheat'));
  await settled(page);
  await more(page, 'Exclude');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Exclude' }).click();
  await dialog.getByText('Say why.').waitFor();
  await dialog.getByLabel('Reason').fill('resells codes');
  await dialog.getByRole('button', { name: 'Exclude' }).click();
  await page.getByText('They are excluded.').waitFor();
  assert.equal(await status(), 'excluded');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Undone.').waitFor();
  assert.equal(await status(), 'member');
});

browserTest(shared, 'a person gets what is held on them, and is erased', { acceptDownloads: true }, async ({ page, stack, url }) => {
  await enrol(stack, 'Gone', { last_name: 'Forever' });
  await give(stack, 'Gone', 75);
  await page.goto(url('/members/Gone'));
  await settled(page);
  await more(page, 'Export everything held on them');
  const dialog = page.getByRole('dialog');
  for (const [button, holds] of [['As a page', '<html'], ['As data', '"entries"']]) {
    const [download] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('button', { name: button }).click()]);
    const text = await readFile(await download.path(), 'utf8');
    assert.ok(text.includes(holds) && text.includes('Forever'), text.slice(0, 200));
  }
  await page.keyboard.press('Escape');
  await more(page, 'Erase');
  await dialog.getByText('75 points are removed').waitFor();
  await dialog.getByRole('button', { name: 'Erase for good' }).click();
  assert.equal((await stack.call('GET', '/v1/members/Gone')).status, 200);
  await dialog.getByLabel('Yes, erase this person').check();
  await dialog.getByRole('button', { name: 'Erase for good' }).click();
  await page.getByRole('heading', { name: 'Members' }).waitFor();
  assert.equal((await stack.call('GET', '/v1/members/Gone')).status, 404);
});
