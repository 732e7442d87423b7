// Files of other programs: looked at, checked, imported, interrupted and undone.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { browserTest, setUp, settled, signIn } from './harness.js';
import { assets } from './stack.js';

const { cut, keyOf, rowsOf } = await import(join(assets, 'csv.js'));

const shared = setUp('--demo');

const csv = (name, text) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
const pointsOf = async (stack, member) => (await stack.call('GET', `/v1/members/${encodeURIComponent(member)}`)).body.points?.available;
const choose = async (page, chosen) => {
  await page.getByLabel('File', { exact: true }).setInputFiles(chosen);
  await page.getByRole('button', { name: 'Look at the file' }).click();
};
/** Opens the form as a link of the console does: the files that were chosen in the tab stay. */
const again = async (page) => {
  await page.getByRole('link', { name: 'Imports' }).first().click();
  await page.getByRole('link', { name: 'Import a file' }).click();
};

browserTest(shared, 'a file is looked at, mapped, checked, imported and undone', { at: '/imports', acceptDownloads: true }, async ({ page, stack }) => {
  await page.getByText('Nothing imported yet').waitFor();
  await page.getByRole('link', { name: 'Import a file' }).click();
  await page.getByRole('button', { name: 'Look at the file' }).click();
  await page.getByText('Choose a file.').waitFor();
  await choose(page, csv('old.csv', 'id,first name,Saldo vecchio,Altro\nmia,<b>Mia</b>,120,7\nteo,Teo,1.234,8\n'));
  await page.getByRole('heading', { name: 'What was found in the file' }).waitFor();
  // Two columns of numbers: neither is guessed to be the balance.
  const row = page.getByRole('row', { name: /Saldo vecchio/ });
  await row.getByText('not imported').waitFor({ state: 'attached' });
  await row.getByRole('combobox').selectOption('Points');
  await row.getByText('sure').waitFor();
  await page.getByRole('row', { name: /first name/ }).getByText('sure').waitFor();
  await page.getByText('The first 2 rows').click();
  await page.getByText('<b>Mia</b>').first().waitFor();
  await page.getByRole('button', { name: 'Check every row' }).click();
  await page.getByRole('heading', { name: '1 row can be imported' }).waitFor();
  assert.equal(await pointsOf(stack, 'mia'), undefined, 'a check writes nothing');
  await page.getByRole('region', { name: 'Refused rows' }).getByText('ambiguous').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save them as CSV' }).click()]);
  assert.match(await readFile(await download.path(), 'utf8'), /^row,column,reason\r\n2,/);
  await page.getByRole('button', { name: 'Import 1 row' }).click();
  await page.getByRole('heading', { name: '1 row was imported' }).waitFor();
  assert.equal(await pointsOf(stack, 'mia'), 120);
  assert.equal(await pointsOf(stack, 'teo'), undefined);

  // The address is enough to come back to it.
  await page.reload();
  await settled(page);
  await page.getByRole('button', { name: 'Undo the import' }).click();
  await page.getByRole('dialog').getByText('1 row is taken back by a counter-entry.').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Undo the import' }).click();
  await page.getByRole('heading', { name: 'The import was undone' }).waitFor();
  assert.equal(await pointsOf(stack, 'mia'), 0);
  await page.getByRole('link', { name: 'Imports' }).first().click();
  await page.getByRole('row', { name: /Members and balances · a check that writes nothing/ }).waitFor();
  await page.getByRole('row', { name: /undone/ }).waitFor();
});

browserTest(shared, 'points that were spent cannot be undone, and the screen names the row', { at: '/imports/new' }, async ({ page, stack }) => {
  assert.equal((await stack.call('POST', '/v1/members', { id: 'spender', first_name: 'Spender' })).status, 201);
  await choose(page, csv('spent.csv', 'id,points\nspender,300\n'));
  await page.getByRole('button', { name: 'Check every row' }).click();
  await page.getByRole('button', { name: 'Import 1 row' }).click();
  await page.getByRole('heading', { name: '1 row was imported' }).waitFor();
  await stack.call('POST', '/v1/members/spender/adjustments', { deduct: 250, reason: 'spent' });
  await page.getByRole('button', { name: 'Undo the import' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Undo the import' }).click();
  await page.getByRole('region', { name: 'What could not be undone' }).getByText('250 points of member spender cannot be taken back').waitFor();
  assert.equal(await pointsOf(stack, 'spender'), 0);
});

browserTest(shared, 'the same file twice is one import; a file that was undone is imported once more', { at: '/imports/new' }, async ({ page, stack }) => {
  const chosen = csv('twice.csv', 'id,points\ntwice,40\n');
  const through = async () => {
    await choose(page, chosen);
    await page.getByRole('button', { name: 'Check every row' }).click();
    await page.getByRole('button', { name: 'Import 1 row' }).click();
    await page.getByRole('heading', { name: '1 row was imported' }).waitFor();
  };
  await through();
  await again(page);
  await through();
  assert.equal(await pointsOf(stack, 'twice'), 40);
  await page.getByRole('button', { name: 'Undo the import' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Undo the import' }).click();
  await page.getByRole('heading', { name: 'The import was undone' }).waitFor();
  await again(page);
  await through();
  assert.equal(await pointsOf(stack, 'twice'), 40);
});

browserTest(shared, 'a column that is needed and missing is asked for', { at: '/imports/new' }, async ({ page, stack }) => {
  await page.getByLabel('What is in it?').selectOption('coupons');
  await choose(page, csv('coupons.csv', 'who,code,gift\n15061,OLD-1,five-off\n'));
  await page.getByText('No column is Customer id / E-mail / Phone / Card, Reward.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Check every row' }).isDisabled(), true);
  await page.getByRole('row', { name: /who/ }).getByRole('combobox').selectOption('Customer id');
  await page.getByText('No column is Reward.').waitFor();
  await page.getByRole('row', { name: /gift/ }).getByRole('combobox').selectOption('Reward');
  await page.getByRole('button', { name: 'Check every row' }).click();
  await page.getByRole('button', { name: 'Import 1 row' }).click();
  await page.getByRole('heading', { name: '1 row was imported' }).waitFor();
  assert.equal((await stack.call('GET', '/v1/coupons/OLD-1')).body.status, 'available');
});

browserTest(shared, 'offline in the middle of an import: it goes on by itself, and each row counts once', { at: '/imports/new' }, async ({ page, stack, context }) => {
  const rows = Array.from({ length: 60_000 }, (_, index) => `nobody ${index} ${'x'.repeat(80)},not a number`);
  await choose(page, csv('long.csv', `id,points\nlong,11\n${rows.join('\n')}\n`));
  await page.getByRole('heading', { name: 'What was found in the file' }).waitFor();
  const sent = [];
  await page.route('**/parts/*', async (route) => {
    const part = route.request().url().split('/').pop();
    sent.push(part);
    if (part === '2' && sent.filter((one) => one === '2').length === 1) {
      await context.setOffline(true);
      return route.abort();
    }
    return route.continue();
  });
  await page.getByRole('button', { name: 'Check every row' }).click();
  await page.getByText('You are offline. Nothing is lost').waitFor();
  await page.getByRole('button', { name: 'Go on' }).waitFor();
  await context.setOffline(false);
  await page.getByRole('heading', { name: /can be imported|is checked/ }).waitFor();
  assert.deepEqual(sent, ['1', '2', '2', '3'], 'what was sent is not sent again');
  assert.equal((await stack.call('GET', `/v1/imports/${page.url().split('/').pop()}`)).body.rows, 60_001);
});

browserTest(shared, 'without its file, an import that waits says what to do', { at: '/imports/new' }, async ({ page, context }) => {
  await choose(page, csv('later.csv', 'id,points\nlater,5\n'));
  await page.getByRole('heading', { name: 'What was found in the file' }).waitFor();
  await page.reload();
  await page.getByText('Choose the same file again, and it goes on where it stopped.').waitFor();
  await page.getByRole('link', { name: 'Choose the file' }).click();
  await page.getByRole('heading', { name: 'Import a file' }).waitFor();
  await choose(page, csv('empty.csv', ''));
  await page.getByText('The file is empty.').waitFor();
  assert.ok(context);
});

browserTest(shared, 'signing out forgets the file that was chosen', { at: '/imports/new' }, async ({ page, url }) => {
  await choose(page, csv('secret.csv', 'id,points\nsecret,5\n'));
  await page.getByRole('heading', { name: 'What was found in the file' }).waitFor();
  const at = new URL(page.url()).pathname;
  await page.getByText('secret.csv').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.evaluate((path) => history.replaceState(null, '', path), at);
  await signIn(page);
  await page.getByText('The file is not in this tab any more.').waitFor();
  assert.equal(await page.getByText('secret.csv').count(), 0);
  assert.equal(page.url(), url(at.replace('/console', '')));
});

const partsOf = async (text, most, orderOf) => {
  const parts = [];
  for await (const part of cut(new Blob([text]), orderOf, most)) parts.push(Buffer.from(part).toString());
  return parts;
};

test('parts end between rows and orders, and lose nothing', async () => {
  const text = 'order,email,date,amount\n1,a@x.it,2026-03-01,1\n1,"b\n""c""@x.it",2026-03-01,2\n2,a@x.it,2026-03-01,3\n2,d@x.it,2026-03-01,3';
  for (let most = 24; most < 120; most += 1) {
    const parts = await partsOf(text, most, (row) => row.split(',')[0]);
    assert.equal(parts.join(''), text, `${most}`);
    const orders = parts.map((part) => new Set(part.replace(/^order.*\n/, '').match(/^\d(?=,)/gm) ?? []));
    assert.equal(orders.reduce((sum, one) => sum + one.size, 0), 2, `${most}: ${JSON.stringify(parts)}`);
    const plain = await partsOf(text, most);
    assert.equal(plain.join(''), text);
    assert.ok(plain.every((part) => (part.match(/"/g) ?? []).length % 2 === 0), JSON.stringify(plain));
  }
  const open = `a,b\n"${'x,1\n'.repeat(100)}`;
  const parts = await partsOf(open, 40);
  assert.equal(parts.join(''), open);
  assert.ok(parts.length > 2 && parts.every((part) => part.length <= 320));
});

test('the key of a file is that of the command line, and rows of CSV are read with their quotes', async () => {
  // The same as in `the_key_of_a_file_is_the_one_of_the_console` of local/src/import.rs.
  const key = await keyOf(new Blob(['id,points\r\nè,1\r\n']), { kind: 'members', mode: 'set' });
  assert.equal(key, 'a621123b00e306a00c1e067bdc84827538341957ba2ac3bbbc2c10985bd5e89a');
  assert.deepEqual(rowsOf('row,column,reason\r\n7,"a ""b"", c","is\nnot"\r\n'), [['row', 'column', 'reason'], ['7', 'a "b", c', 'is\nnot']]);
});
