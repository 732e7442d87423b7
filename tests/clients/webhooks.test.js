// Our fixtures of Shopify against schemas of its webhooks (npm `shopify-webhook-schemas`). These are inferred from Shopify's
// examples, so a field that is always null there may have a value here, and the reverse.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const FIXTURES = new URL('../../shared/shops/src/shopify/fixtures/', import.meta.url);
const SCHEMAS = new URL('../../target/tools/descriptions/shopify-webhook-schemas/schemas/', import.meta.url);
const TOPICS = { order: 'orders/paid', 'order-updated': 'orders/updated', refund: 'refunds/create', 'tips-order': 'orders/paid' };
// Fields of a documented line that no example has.
const WITHOUT_EXAMPLE = ['tip', 'tip_payment_gateway', 'tip_payment_method'];

const parsed = (url) => JSON.parse(readFileSync(url, 'utf8'));
const schema = (version, topic) => parsed(new URL(`${version}/${topic}.json`, SCHEMAS));
const versions = readdirSync(SCHEMAS).sort();
const fixtures = readdirSync(FIXTURES).map((name) => {
  const [, version, kind] = /^(\d{4}-\d\d)-(.*)\.json$/.exec(name);
  return { name, version, topic: TOPICS[kind], payload: parsed(new URL(name, FIXTURES)) };
});

const kindOf = (value) => (Array.isArray(value) ? 'array' : typeof value);

/** The fields of a payload that a schema does not have, or has with another type. */
const faultsOf = (schema, value, at = '') => {
  if (value === null || schema === undefined) return [];
  if (schema.anyOf) {
    const all = schema.anyOf.map((one) => faultsOf(one, value, at));
    return all.find((faults) => faults.length === 0) ?? all[0];
  }
  const types = [schema.type].flat().map((type) => (type === 'integer' ? 'number' : type));
  const known = types.filter((type) => type !== undefined && type !== 'null');
  if (known.length > 0 && !known.includes(kindOf(value))) return [`${at}: ${kindOf(value)}, not ${known}`];
  if (Array.isArray(value)) return value.flatMap((one, place) => faultsOf(schema.items, one, `${at}/${place}`));
  if (typeof value !== 'object' || !schema.properties) return [];
  const shown = Object.entries(value).filter(([name]) => !WITHOUT_EXAMPLE.includes(name));
  return shown.flatMap(([name, inner]) =>
    name in schema.properties ? faultsOf(schema.properties[name], inner, `${at}/${name}`) : [`${at}/${name}: unknown`],
  );
};

test('every fixture has the fields and types of its version', () => {
  assert.ok(fixtures.length >= 8);
  for (const { name, version, topic, payload } of fixtures) {
    // The newest version is newer than the schemas.
    const nearest = versions.includes(version) ? version : versions.at(-1);
    assert.ok(version >= nearest, name);
    assert.deepEqual(faultsOf(schema(nearest, topic), payload), [], name);
  }
  const [{ payload }] = fixtures;
  assert.ok(faultsOf(schema(versions[0], 'orders/paid'), { ...payload, currency: 7, moon: 1 }).length === 2);
});

test('what the newest fixtures use has not changed between versions', () => {
  const newest = fixtures.map(({ version }) => version).sort().at(-1);
  for (const { name, topic, payload } of fixtures.filter(({ version }) => version === newest)) {
    for (const version of versions) {
      // Shipping that is refunded came as an adjustment before.
      const since = version < '2024-04' ? ['/refund_shipping_lines: unknown'] : [];
      const faults = faultsOf(schema(version, topic), payload);
      assert.deepEqual(faults.filter((fault) => !since.includes(fault)), [], `${name} in ${version}`);
    }
  }
});
