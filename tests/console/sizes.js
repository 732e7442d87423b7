// Sizes, requests and times of the console in Chromium. `node sizes.js` prints the table.

import assert from 'node:assert/strict';
import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { close, launch } from './browser.js';
import { signIn, settled } from './harness.js';
import { SCREENS } from './screens.js';
import { KEY, startStack } from './stack.js';

const KB = 1000;
const LANGUAGES = ['en', 'it', 'ro', 'ru'];

/** A file as the stack sends it: its bytes on the wire, and its text. */
const sent = (url) =>
  new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part)).on('end', () => {
        const bytes = Buffer.concat(parts);
        if (response.statusCode !== 200) return reject(new Error(`${url}: ${response.statusCode}`));
        const text = response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
        return resolve({ size: bytes.length, text: text.toString() });
      });
    }).on('error', reject);
  });

/** The sizes of the console's files as the stack sends them, by name. */
const sizesOf = async (url) => {
  const page = await (await fetch(`${url}/console`)).text();
  const base = /(\/console\/assets\/\w+\/)app\.js/.exec(page)[1];
  const sizes = new Map();
  const wanted = ['app.js', 'console.css', ...LANGUAGES.map((name) => `locales/${name}.json`)];
  while (wanted.length) {
    const name = wanted.shift();
    if (sizes.has(name)) continue;
    const { size, text } = await sent(url + base + name);
    sizes.set(name, size);
    const folder = name.includes('/') ? name.slice(0, name.lastIndexOf('/') + 1) : '';
    const found = [...text.matchAll(/(?:from|import\(|new URL\()\s*['"](\.{1,2}\/[^'"$]+)['"]/g)].map(([, path]) => new URL(path, `http://x/${folder}`).pathname.slice(1));
    wanted.push(...found);
  }
  return sizes;
};

/** What everything together may be, in any language. */
const MOST_IN_ALL = 90 * KB;

/** What a new browser loads of the console, in a language; the page is left open for what follows. */
const openIn = async (browser, stack, locale) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale });
  const page = await context.newPage();
  const asking = [];
  page.on('requestfinished', (request) => asking.push(request.sizes().then(({ responseBodySize: bytes }) => ({ url: request.url(), bytes }))));
  const loaded = async () => {
    await page.waitForLoadState('networkidle');
    return Promise.all(asking);
  };
  await page.goto(`${stack.url}/console`, { waitUntil: 'networkidle' });
  return { context, page, loaded, first: await loaded() };
};
const bytesOf = (files) => files.reduce((all, { bytes }) => all + bytes, 0);

/** Each figure with its goal and, where a test asserts one, its bound; without them it is printed only. */
export const measure = async () => {
  const stack = await startStack('--demo');
  const browser = await launch();
  try {
    const sizes = await sizesOf(stack.url);
    const sum = (names) => names.reduce((all, name) => all + sizes.get(name), 0);
    const code = [...sizes.keys()].filter((name) => !name.startsWith('locales/'));
    const views = [];
    for (const name of LANGUAGES) {
      const { context, first } = await openIn(browser, stack, name);
      assert.ok(first.some(({ url }) => url.endsWith(`/locales/${name}.json`)), `no texts in ${name}`);
      views.push([`first view in ${name}, gzip`, bytesOf(first), 45 * KB, 'bytes', 45 * KB], [`first view in ${name}, requests`, first.length, 8, '', 8]);
      await context.close();
    }
    const { page, loaded } = await openIn(browser, stack, 'en-GB');
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    await signIn(page, KEY);
    await settled(page);
    const overview = (await loaded()).filter(({ url }) => url.includes('/console'));
    for (const [, at] of SCREENS) {
      await page.goto(`${stack.url}/console${at}`);
      await settled(page);
    }
    const own = [...new Map((await loaded()).filter(({ url }) => url.includes('/console')).map((one) => [one.url, one])).values()];
    return [
      ...views,
      ['overview after signing in, files, gzip', bytesOf(overview), 45 * KB, 'bytes', 45 * KB],
      ['first contentful paint', Math.round(paint), null, 'ms'],
      ...LANGUAGES.map((name) => [`every file of every screen in ${name}, gzip`, sum(code) + sizes.get(`locales/${name}.json`), MOST_IN_ALL, 'bytes', MOST_IN_ALL]),
      ['  of them our own', sum(code.filter((name) => !name.startsWith('vendor/'))), null, 'bytes'],
      ['  of them libraries', sum(code.filter((name) => name.startsWith('vendor/'))), null, 'bytes'],
      ...LANGUAGES.map((name) => [`texts in ${name}, gzip`, sizes.get(`locales/${name}.json`), null, 'bytes']),
      ['files that all screens loaded', own.length, null, ''],
    ];
  } finally {
    await close(browser);
    stack.close();
  }
};

if (process.argv[1] === new URL(import.meta.url).pathname)
  for (const [name, value, bound, unit] of await measure()) console.log(`${name.padEnd(48)} ${String(value).padStart(8)} ${unit.padEnd(6)} ${bound ? `goal ${bound}${value > bound ? ', NOT met' : ''}` : ''}`);
