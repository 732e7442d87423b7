// What we ask Shopify for, by the schema of its Admin API, which its own package `@shopify/dev-mcp` contains. The official client
// talks to the stand-in first, to prove it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createAdminApiClient } from '@shopify/admin-api-client';
import { buildClientSchema, getVariableValues, parse, validate } from 'graphql';
import { startStack } from './stack.js';

const VERSION = '2026-10';
const PATH = `/admin/api/${VERSION}/graphql.json`;
const SCHEMA = new URL(`../../target/tools/descriptions/@shopify/dev-mcp/dist/data/admin_${VERSION}.json.gz`, import.meta.url);
const SOURCES = new URL('../../functions/shop-codes/src/shopify/', import.meta.url);

const { data } = JSON.parse(gunzipSync(readFileSync(SCHEMA)));
const schema = buildClientSchema(data);

let stack;
before(async () => {
  stack = await startStack();
});
after(() => stack?.stop());

/** What is wrong with a request: names and types of the document, and of its variables. */
const faultsOf = ({ query, variables }) => {
  const document = parse(query);
  const faults = validate(schema, document);
  if (faults.length > 0) return faults.map(({ message }) => message);
  const [{ variableDefinitions }] = document.definitions;
  return (getVariableValues(schema, variableDefinitions, variables).errors ?? []).map(({ message }) => message);
};

/** A shop whose jobs end at once. It responds to the operations by their names, and remembers what was wrong. */
const startShop = async () => {
  const shop = { faults: [], operations: new Set(), codes: [] };
  const job = 'gid://shopify/DiscountRedeemCodeBulkCreation/1';
  const discount = { codeDiscountNode: { id: 'gid://shopify/DiscountCodeNode/1' }, userErrors: [] };
  const pageInfo = { hasNextPage: false, endCursor: null };
  const operations = {
    CreateDiscount: () => ({ discountCodeBasicCreate: discount }),
    CreateFreeShipping: () => ({ discountCodeFreeShippingCreate: discount }),
    AddCodes: ({ codes }) => {
      shop.codes = codes;
      return { discountRedeemCodeBulkAdd: { bulkCreation: { id: job }, userErrors: [] } };
    },
    AddingCodes: () => ({
      discountRedeemCodeBulkCreation: { id: job, done: true, codesCount: 1, importedCount: 1, failedCount: 0 },
    }),
    AddedCodes: () => {
      const nodes = shop.codes.map(({ code }, place) => {
        return { code, errors: [], discountRedeemCode: { id: `gid://shopify/DiscountRedeemCode/${place}`, code } };
      });
      return { discountRedeemCodeBulkCreation: { codes: { nodes, pageInfo } } };
    },
    DeleteCodes: () => ({
      discountCodeRedeemCodeBulkDelete: { job: { id: 'gid://shopify/Job/1', done: true }, userErrors: [] },
    }),
    Deactivate: () => ({ discountCodeDeactivate: discount }),
  };
  const respond = (url, headers, body) => {
    if (url === '/admin/oauth/access_token') return { access_token: 'shpat_1', expires_in: 86_399 };
    const [, name] = /^\w+ (\w+)/.exec(body.query);
    if (url !== PATH || headers['x-shopify-access-token'] !== 'shpat_1') shop.faults.push(`${url}: ${name}`);
    shop.faults.push(...faultsOf(body).map((fault) => `${name}: ${fault}`));
    shop.operations.add(name);
    return operations[name] ? { data: operations[name](body.variables) } : { errors: [{ message: name }] };
  };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const found = respond(request.url, request.headers, JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(shop, { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() });
};

/** The documents in the source, by the names of their operations. */
const documents = () => {
  const found = new Map();
  for (const file of ['mod.rs', 'discount.rs']) {
    const source = readFileSync(new URL(file, SOURCES), 'utf8');
    for (const [, query] of source.matchAll(/"((?:mutation|query) [^"]*)";/g)) {
      found.set(/^\w+ (\w+)/.exec(query)[1], query);
    }
  }
  return found;
};

test('every document is one of the Admin API', () => {
  assert.ok(documents().size >= 11, `${documents().size}`);
  for (const [name, query] of documents()) {
    assert.deepEqual(validate(schema, parse(query)).map(({ message }) => message), [], name);
  }
  assert.ok(validate(schema, parse('{ codeDiscountNode(id: 1) { moon } }')).length > 0);
});

test('the stand-in satisfies the official client, and what we ask it for is right', async () => {
  const shop = await startShop();
  const client = createAdminApiClient({
    storeDomain: 'ada.myshopify.com',
    apiVersion: VERSION,
    accessToken: 'shpat_1',
    customFetchApi: (url, options) => fetch(url.replace('https://ada.myshopify.com', shop.url), options),
  });
  const variables = { id: 'gid://shopify/DiscountRedeemCodeBulkCreation/1' };
  const official = await client.request(documents().get('AddingCodes'), { variables });
  assert.deepEqual([official.errors, official.data.discountRedeemCodeBulkCreation.done], [undefined, true]);
  assert.deepEqual(shop.faults, []);
  await client.request(documents().get('AddingCodes'), { variables: { id: [] } });
  assert.equal(shop.faults.splice(0).length, 1);

  await stack.send('PUT', '/v1/integrations/shopify', {
    enabled: true,
    settings: { base_url: shop.url, codes: { low_water: 2, fill_to: 4 } },
    credentials: { shop: 'ada.myshopify.com', client_id: 'id', client_secret: 'a-client-secret-of-tests' },
  });
  await stack.send('POST', '/v1/members', { id: 'c-1' });
  await stack.send('POST', '/v1/members/c-1/adjustments', { award: 1000, reason: 'opening' });
  const kinds = [
    { type: 'amount_off', value: '5.00', minimum_spend: '20.00' },
    { type: 'percent_off', value: '10' },
    { type: 'free_shipping' },
  ];
  for (const [place, kind] of kinds.entries()) {
    const reward = { id: `r-${place}`, name: `Reward ${place}`, cost: 10, code: { provider: 'shopify' }, ...kind };
    await stack.send('POST', '/v1/rewards', reward);
    await stack.send('POST', '/_local/settle');
    const { code } = await stack.send('POST', '/v1/members/c-1/redemptions', { reward: reward.id });
    await stack.send('POST', `/v1/coupons/${code}/cancel`);
    await stack.send('PUT', `/v1/rewards/${reward.id}`, { ...reward, code: { pattern: 'ADA-########' } });
    await stack.send('POST', '/_local/settle');
  }
  assert.deepEqual(shop.faults, []);
  const asked = ['AddCodes', 'AddedCodes', 'AddingCodes', 'CreateDiscount', 'CreateFreeShipping', 'Deactivate', 'DeleteCodes'];
  assert.deepEqual([...shop.operations].sort(), asked);
  shop.stop();
});
