// Every text of the console exists in every language, and nothing is translated that is not there.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assets, files } from './stack.js';

const LANGUAGES = ['en', 'it', 'ro', 'ru'];
const own = (await files()).filter((name) => name.endsWith('.js') && !name.startsWith('vendor/'));
const sources = new Map(await Promise.all(own.map(async (name) => [name, await readFile(join(assets, name), 'utf8')])));
const texts = Object.fromEntries(
  await Promise.all(LANGUAGES.map(async (name) => [name, JSON.parse(await readFile(join(assets, 'locales', `${name}.json`), 'utf8'))])),
);
const keys = new Set(
  [...sources.values()].flatMap((source) => [...source.matchAll(/\bt\(\s*'((?:[^'\\]|\\.)*)'/g)].map(([, text]) => text.replaceAll("\\'", "'"))),
);
const namesIn = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].filter((name) => name !== '{n}').sort();
/** The plural forms of a text. */
const formsOf = (text) => text.split('|');

test('texts are looked up by what stands in the code, so that this test sees all of them', () => {
  for (const [name, source] of sources) {
    const found = source.match(/(?<!export const )\bt\((?!\s*')/g) ?? [];
    assert.deepEqual(found, [], name);
  }
  assert.ok(keys.size > 600, `${keys.size}`);
});

for (const language of LANGUAGES.slice(1)) {
  test(`${language} has exactly the texts of the console`, () => {
    assert.deepEqual([...keys].filter((key) => !(key in texts[language])), [], 'missing');
    assert.deepEqual(Object.keys(texts[language]).filter((key) => !keys.has(key)), [], 'not used');
  });
}

test('every form fills in the same names and has the categories of its language', () => {
  for (const language of LANGUAGES) {
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
    // Of the languages here, only Russian has a form of its own for many; Italian has one for millions, as for other numbers.
    const categories = pluralCategories.filter((name) => name !== 'many' || language === 'ru');
    for (const [key, text] of Object.entries(texts[language])) {
      const forms = formsOf(text);
      for (const form of forms) {
        assert.deepEqual(namesIn(form), namesIn(key), `${language}: ${key}`);
        assert.ok(form.trim(), `${language}: ${key}`);
      }
      assert.ok(forms.length === 1 || forms.length === categories.length, `${language}: ${key}`);
    }
  }
});

test('a text that is counted in one language is counted in English', () => {
  for (const language of LANGUAGES.slice(1))
    for (const [key, text] of Object.entries(texts[language]))
      if (formsOf(text).length > 1) assert.ok(key in texts.en, `${language}: ${key}`);
});

test('no file evaluates text, writes markup or remembers more than the tab does', () => {
  for (const [name, source] of sources)
    assert.doesNotMatch(source, /\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|localStorage|indexedDB|document\.cookie|dangerouslySet/, name);
});
