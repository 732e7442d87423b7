// What shops deliver: official clients prove the stand-ins and sign for us, and the examples of the documentation work.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import woocommerce from '@woocommerce/woocommerce-rest-api';
import { SquareClient, WebhooksHelper } from 'square';
import { Webhook } from 'standardwebhooks';
import ts from 'typescript';
import { startStack } from './stack.js';

const ROOT = new URL('../../', import.meta.url);
const file = (path) => readFileSync(new URL(path, ROOT), 'utf8');
const fixture = (path) => JSON.parse(file(`shared/shops/src/${path}`));

let stack;
let program;
before(async () => {
  stack = await startStack();
  ({ program } = stack);
});
after(() => stack?.stop());

/** A server with a response for each path. */
const serve = async (responses) => {
  const received = [];
  const server = createServer((request, response) => {
    received.push({ path: request.url, headers: request.headers });
    const found = responses[request.url.split('?')[0]];
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? { errors: [{ category: 'INVALID_REQUEST_ERROR', code: 'NOT_FOUND' }] }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { received, url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
};

const deliver = async (path, body, headers) => {
  const response = await fetch(stack.url + path, { method: 'POST', body, headers });
  assert.equal(response.status, 200, await response.text());
  await stack.send('POST', '/_local/settle');
};

/** The first body of a request in a document of `docs/connections`. */
const example = (document, replacements) => {
  let text = file(`docs/connections/${document}`);
  for (const [from, to] of Object.entries(replacements)) text = text.replaceAll(from, to);
  return JSON.parse(/-d '(\{[\s\S]*?\})'\n/.exec(text)[1]);
};

test('the stand-in of Square satisfies the official client, which verifies our signature', async () => {
  const order = fixture('square/fixtures/order.json');
  const path = `/v2/orders/${order.order.id}`;
  const fake = await serve({ [path]: order });
  const client = new SquareClient({ token: 'token-1', environment: fake.url });
  const official = await client.orders.get({ orderId: order.order.id });
  assert.equal(official.order.lineItems.length, 3);

  const notificationUrl = 'https://api.example/v1/webhooks/square/prg';
  await stack.send('PUT', '/v1/integrations/square', {
    enabled: true,
    settings: { notification_url: notificationUrl, base_url: fake.url, orders_since: '2020-01-01T00:00:00Z' },
    credentials: { access_token: 'token-1', signature_key: 'key-1' },
  });
  const requestBody = JSON.stringify(fixture('square/fixtures/order-updated.json'));
  const signature = createHmac('sha256', 'key-1').update(notificationUrl + requestBody).digest('base64');
  const signatureHeader = signature;
  assert.ok(
    await WebhooksHelper.verifySignature({ requestBody, signatureHeader, signatureKey: 'key-1', notificationUrl }),
  );
  await deliver(`/v1/webhooks/square/${program}`, requestBody, { 'x-square-hmacsha256-signature': signature });
  assert.equal((await stack.send('GET', `/v1/receipts/square:${order.order.id}`)).status, 'evaluated');
  const [theirs, ours] = fake.received;
  assert.equal(ours.path, theirs.path);
  assert.equal(ours.headers.authorization, theirs.headers.authorization);
  assert.match(theirs.headers['square-version'], /^\d{4}-\d\d-\d\d$/);
  assert.match(ours.headers['square-version'], /^\d{4}-\d\d-\d\d$/);
  fake.stop();
});

test('the stand-in of WooCommerce satisfies the official client', async () => {
  const refunds = fixture('woocommerce/fixtures/refunds.json');
  const fake = await serve({ '/wp-json/wc/v3/orders/727/refunds': refunds });
  const Client = woocommerce.default ?? woocommerce;
  const client = new Client({ url: fake.url, consumerKey: 'ck_1', consumerSecret: 'cs_1', version: 'wc/v3' });
  assert.deepEqual((await client.get('orders/727/refunds')).data, refunds);

  await stack.send('PUT', '/v1/integrations/woocommerce', {
    enabled: true,
    settings: { base_url: fake.url, orders_since: '2020-01-01T00:00:00Z' },
    credentials: { consumer_key: 'ck_1', consumer_secret: 'cs_1', webhook_secret: 'wh-1' },
  });
  const body = JSON.stringify({ ...fixture('woocommerce/fixtures/order.json'), refunds: [{ id: 726 }] });
  await deliver(`/v1/webhooks/woocommerce/${program}`, body, {
    'x-wc-webhook-topic': 'order.updated',
    'x-wc-webhook-signature': createHmac('sha256', 'wh-1').update(body).digest('base64'),
  });
  const receipt = await stack.send('GET', '/v1/receipts/woocommerce:727');
  assert.equal(receipt.refunds.length, 2);
  assert.equal(fake.received[1].path.split('?')[0], fake.received[0].path.split('?')[0]);
  fake.stop();
});

test('the subscriber of Medusa is well typed, and its orders become receipts', async () => {
  const path = fileURLToPath(new URL('docs/connections/medusa/tessera-orders.ts', ROOT));
  const options = {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [fileURLToPath(new URL('./node_modules/@types', import.meta.url))],
  };
  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram([path], options));
  assert.deepEqual(diagnostics.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n')), []);

  const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
  await stack.send('PUT', '/v1/integrations/generic/medusa', example('medusa.md', { "'$SECRET'": secret }));
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const subscriber = await import(`data:text/javascript;base64,${Buffer.from(outputText).toString('base64')}`);
  const order = {
    id: 'order_01',
    created_at: new Date(Date.now() - 60_000).toISOString(),
    currency_code: 'eur',
    customer_id: 'cus_1',
    email: 'ada@example.com',
    items: [
      { id: 'item_1', variant_sku: 'SW-1', title: 'Sweater', quantity: 1, total: 19.9 },
      { id: 'item_2', title: 'Socks', quantity: 2, total: 10.1 },
    ],
  };
  process.env.TESSERA_HOOK = `${stack.url}/v1/hooks/${program}/medusa`;
  process.env.TESSERA_SECRET = secret;
  const container = { resolve: () => ({ graph: async () => ({ data: [order] }) }) };
  await subscriber.default({ event: { data: { id: order.id } }, container });
  await stack.send('POST', '/_local/settle');
  const receipt = await stack.send('GET', '/v1/receipts/medusa:order_01');
  assert.equal(receipt.decision.points.redeemable, 30);

  // The official library signs alike.
  const body = subscriber.payload({ ...order, id: 'order_02' });
  const now = new Date();
  const signature = new Webhook(secret).sign('order_02', now, body);
  const seconds = Math.floor(now.getTime() / 1000);
  assert.equal(subscriber.sign('order_02', body, secret, seconds)['webhook-signature'], signature);
});

test('the cash register of the documentation sends a sale', async () => {
  await stack.send('PUT', '/v1/integrations/generic/till-1', example('cash-register.md', {}));
  const body = /BODY='(.*)'\n/.exec(file('docs/connections/cash-register.md'))[1];
  const signature = createHmac('sha256', 'a long secret').update(body).digest('hex');
  await deliver(`/v1/hooks/${program}/till-1`, body, { 'x-till-signature': `sha256=${signature}` });
  assert.equal((await stack.send('GET', '/v1/receipts/till-1:17')).decision.points.redeemable, 19);
});
