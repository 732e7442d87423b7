// Connections: webhook endpoints and Klaviyo, against a server that receives what is sent.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after } from 'node:test';
import { browserTest, setUp, settled } from './harness.js';

const shared = setUp('--demo');

/** A server of the merchant; `status` is what it answers. */
const startReceiver = async () => {
  const receiver = { status: 200, received: [] };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    receiver.received.push({ path: request.url, headers: request.headers, body });
    response.writeHead(receiver.status, { 'content-type': 'application/json' });
    response.end(receiver.status < 300 ? '{}' : '{"errors":[{"detail":"the key is not known here"}]}');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  receiver.url = `http://127.0.0.1:${server.address().port}`;
  return receiver;
};

browserTest(shared, 'a webhook endpoint is added with its secret shown once, tested, resent, rotated, turned off and deleted', { at: '/connections' }, async ({ page, stack }) => {
  const receiver = await startReceiver();
  await page.getByRole('button', { name: 'Add an endpoint' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address').fill('https://10.0.0.1/hooks');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByText('requests to this URL would not be sent').waitFor();
  await dialog.getByLabel('Address').fill(`${receiver.url}/hooks`);
  await dialog.getByLabel('What it is for').fill('the <b>CRM</b>');
  await dialog.getByLabel('every event, also those that come later').uncheck();
  await dialog.locator('summary', { hasText: 'Points' }).click();
  await dialog.getByLabel(/^tessera\.entry\.earn /).check();
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  const secret = await dialog.locator('.copied code').innerText();
  assert.match(secret, /^whsec_/);
  await dialog.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByRole('heading', { name: 'the <b>CRM</b>' }).waitFor();
  const { items } = (await stack.call('GET', '/v1/webhook-endpoints')).body;
  const added = items.find(({ description }) => description === 'the <b>CRM</b>');
  assert.deepEqual(added.events, ['tessera.entry.earn']);
  assert.ok(page.url().endsWith(`/connections/webhooks/${added.id}`));
  assert.ok(!(await page.content()).includes(secret));

  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.locator('.ledger').getByText('delivered', { exact: true }).waitFor();
  const first = receiver.received.length;
  assert.ok(first >= 1);
  await page.getByRole('button', { name: 'Resend' }).first().click();
  await page.getByText('It is sent again, with the same id.').waitFor();
  await stack.call('POST', '/_local/settle');
  assert.ok(receiver.received.length > first);
  assert.equal(receiver.received.at(-1).headers['webhook-id'], receiver.received[0].headers['webhook-id']);

  const more = async (name) => {
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('button', { name, exact: true }).click();
  };
  await more('Replace the secret');
  await dialog.getByText('For 24 hours each request carries two signatures').waitFor();
  await dialog.getByRole('button', { name: 'Replace it' }).click();
  await dialog.getByText('It is shown this once.').waitFor();
  assert.notEqual(await dialog.locator('.copied code').innerText(), secret);
  await dialog.getByRole('button', { name: 'I have copied it' }).click();

  const status = async () => (await stack.call('GET', `/v1/webhook-endpoints/${added.id}`)).body.status;
  await more('Turn off');
  await page.getByText('No more events are sent.').waitFor();
  assert.equal(await status(), 'disabled');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Events are sent again.').waitFor();
  assert.equal(await status(), 'enabled');
  await more('Delete');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'Connections' }).waitFor();
  assert.equal((await stack.call('GET', `/v1/webhook-endpoints/${added.id}`)).status, 404);
});

browserTest(shared, 'Klaviyo is connected with a key that is never shown, its refusals are read and sent again', { at: '/connections' }, async ({ page, stack }) => {
  const receiver = await startReceiver();
  receiver.status = 400;
  await page.getByRole('link', { name: /Klaviyo/ }).click();
  await page.getByLabel('Another address of the vendor').fill(receiver.url);
  await page.getByLabel('Names of profile properties begin with').fill('Club ');
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('Needed with this change.').first().waitFor();
  assert.equal((await stack.call('GET', '/v1/integrations/klaviyo')).body.enabled, false);
  await page.getByLabel('Private API key').fill('pk_only_here');
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('Connected. Send a test to see whether it works.').waitFor();
  const stored = (await stack.call('GET', '/v1/integrations/klaviyo')).body;
  assert.deepEqual(stored.settings, { base_url: receiver.url, prefix: 'Club ' });
  assert.equal(await page.getByLabel('Private API key').inputValue(), '');

  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('A test is on its way.').waitFor();
  await stack.call('POST', '/_local/settle');
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByText('the key is not known here').first().waitFor();
  const dead = (await stack.call('GET', '/v1/integrations/klaviyo/dead-letters')).body.items;
  assert.equal(await page.getByRole('region', { name: 'Given up' }).locator('li').count(), dead.length);
  assert.ok(dead.length > 0);
  receiver.status = 202;
  await page.getByRole('button', { name: 'Send all again' }).click();
  await page.getByText(/sent again\.$/).waitFor();
  await stack.call('POST', '/_local/jobs/redeliveries', {});
  await stack.call('POST', '/_local/settle');
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByText('Nothing was given up').waitFor();
  await page.getByRole('heading', { name: 'Klaviyo works' }).waitFor();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.getByText('Nothing is sent any more.').waitFor();
  await settled(page);
});

browserTest(shared, 'a shop is connected from a moment in the time zone of the programme, and says what was older', { at: '/connections/shopify' }, async ({ page, stack }) => {
  const field = page.getByLabel('Orders count from');
  for (const [name, value] of [['Shop, such as ada.myshopify.com', 'ada.myshopify.com'], ['Client id', 'id_1'], ['Client secret', 'secret_1']]) await page.getByLabel(name).fill(value);
  // The clock changes at one o'clock of 29 March: London is ahead of UTC from then on.
  for (const [typed, stored] of [['2026-03-29T00:30', '2026-03-29T00:30:00Z'], ['2026-07-01T10:30', '2026-07-01T09:30:00Z']]) {
    await field.fill(typed);
    await page.getByRole('button', { name: /^(Connect|Save)$/ }).click();
    await page.getByText(/^(Connected\. Send a test|Saved\.)/).waitFor();
    assert.equal((await stack.call('GET', '/v1/integrations/shopify')).body.settings.orders_since, stored);
    await page.reload();
    await settled(page);
    assert.equal(await field.inputValue(), typed);
  }
  await field.fill('');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved.').waitFor();
  const connection = (await stack.call('GET', '/v1/integrations/shopify')).body;
  assert.equal(connection.settings.orders_since, undefined);
  assert.equal(await page.getByText('of older orders').count(), 0);
  await page.route('**/v1/integrations/shopify', (route) => route.fulfill({ json: { ...connection, health: { ...connection.health, old_orders: 3 } } }));
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByText('3 changes of older orders earned nothing').waitFor();
});

browserTest(shared, 'any other system is connected under a name, and its faults stand where they are', { at: '/connections' }, async ({ page, stack }) => {
  await page.getByLabel('Its name').fill('Kasse 1');
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByText('Small letters, digits and hyphens only').waitFor();
  await page.getByLabel('Its name').fill('till-1');
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByRole('heading', { name: /^till-1/ }).waitFor();
  await page.getByText(`/v1/hooks/${stack.program}/till-1`).waitFor();
  await page.getByLabel('Secret that signs').fill('a-secret-of-the-till-0001');
  const json = page.getByLabel('JSON', { exact: true }).and(page.locator('textarea'));
  const start = await json.inputValue();
  await json.fill(start.replace('hmac_sha256', 'md5'));
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('/signature/scheme').first().waitFor();
  await json.fill(start);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('Connected. It works with the first delivery.').waitFor();
  const stored = (await stack.call('GET', '/v1/integrations/generic/till-1')).body;
  assert.deepEqual([stored.enabled, stored.settings.mappings.length], [true, 1]);
  assert.ok(!JSON.stringify(stored).includes('a-secret-of-the-till'));
  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByRole('link', { name: 'integrations/generic_till-1' }).first().click();
  await page.getByRole('heading', { name: /^till-1/ }).waitFor();
});
