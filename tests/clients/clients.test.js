import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import klaviyo from 'klaviyo-api';
import { Webhook } from 'standardwebhooks';
import { startServer, startStack } from './stack.js';

let stack;
before(async () => {
  stack = await startStack();
});
after(() => stack?.stop());

const buy = async (id) => {
  const occurred_at = new Date(Date.now() - 60_000).toISOString();
  const receipt = { id, occurred_at, member: { id: 'c-1' }, currency: 'EUR', total: '620.00' };
  await stack.send('POST', '/v1/receipts', receipt);
  await stack.send('POST', '/_local/settle');
};

test('standardwebhooks verifies every delivery, also while the secret rotates', async () => {
  const server = await startServer();
  const endpoint = await stack.send('POST', '/v1/webhook-endpoints', { url: `${server.url}/hook` });
  await stack.send('POST', `/v1/webhook-endpoints/${endpoint.id}/test`);
  await buy('r-1');
  assert.ok(server.received.length >= 4, `${server.received.length}`);
  const verify = (secret, { body, headers }) => new Webhook(secret).verify(body, headers);
  for (const request of server.received) {
    assert.equal(verify(endpoint.secret, request).id, request.headers['webhook-id']);
    assert.throws(() => verify(endpoint.secret, { ...request, body: `${request.body} ` }));
    assert.throws(() => verify('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', request));
  }
  const rotated = await stack.send('POST', `/v1/webhook-endpoints/${endpoint.id}/rotate`);
  server.received.length = 0;
  await buy('r-2');
  for (const request of server.received) {
    verify(endpoint.secret, request);
    verify(rotated.secret, request);
  }
  assert.ok(server.received.length > 0);
  await stack.send('DELETE', `/v1/webhook-endpoints/${endpoint.id}`);
  server.stop();
});

/** The faults of a value by a model of the official client: fields that it does not know, and plain types. */
const faultsOf = (type, value, at) => {
  if (value === null || value === undefined) return [];
  const plain = { string: 'string', number: 'number', boolean: 'boolean' }[type];
  if (plain) return typeof value === plain ? [] : [`${at}: not ${type}`];
  if (type === 'Date') return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? [] : [`${at}: no time`];
  const model = klaviyo[type];
  if (!model?.getAttributeTypeMap) return [];
  const fields = new Map(model.getAttributeTypeMap().map((field) => [field.baseName, field.type]));
  return Object.entries(value).flatMap(([name, inner]) =>
    fields.has(name) ? faultsOf(fields.get(name), inner, `${at}/${name}`) : [`${at}/${name}: not in ${type}`],
  );
};

const MODELS = { '/api/events': 'EventCreateQueryV2', '/api/profile-import': 'ProfileUpsertQuery' };

test('the stand-in takes the requests of the official client of Klaviyo, and ours', async () => {
  const faults = [];
  const server = await startServer(({ path, headers, body }) => {
    const found = MODELS[path] ? faultsOf(MODELS[path], JSON.parse(body), '') : [`${path}: unknown`];
    for (const [name, value] of [
      ['authorization', 'Klaviyo-API-Key pk_1'],
      ['revision', '2026-07-15'],
    ]) {
      if (headers[name] !== value) found.push(`${name}: ${headers[name]}`);
    }
    if (!headers['content-type']?.includes('json')) found.push(`content-type: ${headers['content-type']}`);
    faults.push(...found);
    return found.length > 0 ? 400 : 202;
  });
  const events = new klaviyo.EventsApi(new klaviyo.ApiKeySession('pk_1'));
  events.basePath = server.url;
  const attributes = {
    properties: { Points: 20 },
    time: new Date(),
    uniqueId: 'e-1',
    metric: { data: { type: 'metric', attributes: { name: 'Points Earned' } } },
    profile: { data: { type: 'profile', attributes: { externalId: 'c-1', email: 'ada@example.com' } } },
  };
  await events.createEvent({ data: { type: 'event', attributes } });
  assert.deepEqual(faults, []);
  assert.ok(faultsOf('EventCreateQueryV2', { data: { type: 'event', attributes: { uniqueid: 'x' } } }, '').length > 0);

  const settings = { base_url: server.url };
  await stack.send('PUT', '/v1/integrations/klaviyo', { enabled: true, settings, credentials: { api_key: 'pk_1' } });
  await buy('r-3');
  await stack.send('POST', '/v1/members/c-1/adjustments', { award: 5, reason: 'sorry' });
  await stack.send('POST', '/_local/settle');
  assert.deepEqual(faults, []);
  const paths = new Set(server.received.slice(1).map(({ path }) => path));
  assert.deepEqual([...paths].sort(), ['/api/events', '/api/profile-import']);
  const shapes = (request) => Object.keys(JSON.parse(request.body).data.attributes).sort();
  const ours = server.received.slice(1).find(({ path }) => path === '/api/events');
  assert.deepEqual(shapes(ours), shapes(server.received[0]));
  server.stop();
});
