// The form of rules: it shows every rule that we have, gives each back unchanged, and offers nothing that the API refuses.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { uncovered } from '../../functions/console/assets/cover.js';
import { programmeFields, rewardFields, tierFields } from '../../functions/console/assets/offers.js';
import { ruleFields } from '../../functions/console/assets/shapes.js';
import { browserTest, setUp } from './harness.js';

const root = new URL('../../', import.meta.url).pathname;
const json = async (path) => JSON.parse(await readFile(join(root, path), 'utf8'));
const all = async (folder) => Promise.all((await readdir(join(root, folder))).filter((name) => name.endsWith('.json')).map((name) => json(join(folder, name))));

const templates = await all('shared/domain/src/rule/templates');
const vectors = await all('tests/vectors');
const forty = await json('tests/programs/forty-rules.json');
const rules = [...templates.map(({ rule }) => rule), ...vectors.flatMap(({ program }) => program?.rules ?? []), ...forty.rules];

test('the form shows everything of every rule of the templates, the vectors and the forty-rule program', () => {
  assert.ok(rules.length > 150, `${rules.length}`);
  for (const rule of rules) assert.deepEqual(uncovered({ kind: 'group', fields: ruleFields(false) }, rule), [], JSON.stringify(rule));
});

test('what the form cannot show is named by its pointer', () => {
  const rule = { id: 'a', starts_at: '', on: { receipt: { mystery: 1, where: { lines: { colour: ['red'] } } } }, then: [{ credit: { points: 1 } }, { gift: 2 }] };
  assert.deepEqual(uncovered({ kind: 'group', fields: ruleFields(false) }, rule), ['/on/receipt/mystery', '/on/receipt/where/lines/colour', '/then/1/gift']);
});

// ------------------------------------------------------------------ against the API's description

const { schemas } = (await json('functions/program-admin/openapi.json')).components;

/** The properties of a schema, through references and combinations; null where it is no object. */
const propertiesOf = (schema) => {
  if (!schema) return {};
  if (schema.$ref) return propertiesOf(schemas[schema.$ref.split('/').pop()]);
  const parts = [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].map(propertiesOf);
  return Object.assign({}, ...parts, schema.properties);
};
/** The schema of the items of a list, or of the one alternative. */
const itemOf = (schema) => {
  if (schema.$ref) return itemOf(schemas[schema.$ref.split('/').pop()]);
  return schema.items ?? [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].map(itemOf).find(Boolean);
};
const valuesOf = (schema) => {
  if (!schema) return [];
  if (schema.$ref) return valuesOf(schemas[schema.$ref.split('/').pop()]);
  return [...(schema.enum ?? []), ...(schema.const === undefined ? [] : [schema.const]), ...[...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].flatMap(valuesOf)];
};

/** The pointers of what a form offers and a schema does not have. */
const unknown = (field, schema, at) => {
  const properties = propertiesOf(schema);
  const inside = (key, inner) => (key in properties ? unknown(inner, properties[key], `${at}/${key}`) : [`${at}/${key}`]);
  switch (field.kind) {
    case 'group':
      return field.fields.flatMap((one) => {
        if (one.kind === 'variant') return Object.entries(one.options).flatMap(([key, option]) => inside(key, option.field));
        if (one.kind === 'shapes') return one.options.flatMap((option) => option.fields.flatMap((inner) => inside(inner.key, inner)));
        return inside(one.key, one);
      });
    case 'many':
    case 'limits':
      return unknown(field.of, itemOf(schema), at);
    case 'choice': {
      const known = valuesOf(schema);
      // A provider is any text to the description; the API checks it.
      return known.length ? field.options.filter(([name]) => !known.includes(name)).map(([name]) => `${at}=${name}`) : [];
    }
    default:
      return [];
  }
};

for (const [name, fields] of [
  ['Rule', ruleFields(true)],
  ['Reward', rewardFields(true)],
  ['Tier', tierFields(true)],
  ['VipTier', tierFields(true, true)],
  ['Program', programmeFields(true)],
])
  test(`the form of ${name} offers nothing that the API does not know`, () => {
    assert.deepEqual(unknown({ kind: 'group', fields }, schemas[name], ''), []);
  });

test('every trigger, condition and effect of the API is in the form', () => {
  const offered = (section) => {
    const find = (field) => (field.kind === 'variant' ? Object.keys(field.options) : (field.fields ?? (field.of ? [field.of] : [])).flatMap(find));
    return section.flatMap(find);
  };
  const fields = ruleFields(true);
  for (const [name, key] of [['Trigger', 'on'], ['Predicate', 'if'], ['Effect', 'then']]) {
    const known = offered(fields.filter((field) => field.key === key));
    for (const one of Object.keys(propertiesOf(schemas[name]))) assert.ok(known.includes(one), `${name} ${one}`);
  }
});

// ------------------------------------------------------------------ in the browser

const shared = setUp('--empty');

browserTest(shared, 'every rule comes out of the form as it went in, when every control is touched', { at: '/rules' }, async ({ page }) => {
  // The binary's files are packs of modules.
  const modules = process.env.SOURCE ? ['vendor/preact.js', 'form.js', 'shapes.js'] : ['vendor/preact.js', 'programme.js', 'programme.js'];
  const wrong = await page.evaluate(async ([given, names]) => {
    const base = document.querySelector('script[type=module]').src.replace(/app\.js$/, '');
    const [{ html, render }, { Fields }, { ruleFields: fieldsOf }] = await Promise.all(names.map((name) => import(base + name)));
    const sorted = (value) => (Array.isArray(value) ? value.map(sorted) : value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, sorted(one)])) : value);
    const write = (value) => JSON.stringify(sorted(value));
    const found = [];
    for (const rule of given) {
      const box = document.createElement('div');
      document.body.append(box);
      let current = rule;
      const ids = { tiers: [], vip: [], allTiers: [], rewards: [], rules: [] };
      const draw = () => render(html`<${Fields} fields=${fieldsOf(false)} value=${current} onChange=${(next) => ((current = next), draw())} faults=${[]} context=${ids} />`, box);
      draw();
      const controls = [...box.querySelectorAll('input:not([type=checkbox]), select, textarea')];
      for (const control of controls) {
        if (!control.isConnected) found.push(`${rule.id}: a control was replaced`);
        control.dispatchEvent(new Event(control.matches('select') ? 'change' : 'input', { bubbles: true }));
        await new Promise((resolve) => setTimeout(resolve));
      }
      if (write(current) !== write(rule)) found.push(`${rule.id}: ${write(current)} instead of ${write(rule)}`);
      render(null, box);
      box.remove();
    }
    return found;
  }, [rules, modules]);
  assert.deepEqual(wrong, []);
});
