// What needs no page: words and numbers, accents, the client and its types, and that `dist` is what `src` makes.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { assets, LANGUAGES, make, stale } from './build.js';
import { newest, releasedFile } from './release.js';
import { luminance, shades } from '../../functions/customer-hub/assets/src/panel/accent.js';
import { createWords, grouped, spendable, worth } from '../../functions/customer-hub/assets/src/panel/words.js';
import { createClient, subject, TesseraError } from '../../functions/customer-hub/assets/src/client.js';
import { hubOf, tokenOf } from './states.js';

const texts = Object.fromEntries(
  await Promise.all(
    LANGUAGES.map(async (one) => [
      one,
      (await import(`../../functions/customer-hub/assets/src/locales/${one}.js`)).default,
    ]),
  ),
);
const wordsOf = (language, own = {}) =>
  createWords({ language, tag: language, texts: texts[language], own, program: hubOf('member', language).program });
/** Thin and no-break spaces are the browser's business. */
const spaced = (text) => text.replace(/[\u00a0\u202f]/g, ' ');

test('the committed files are those that the sources make', async () => {
  assert.deepEqual(await stale(), [], 'run tests/pages/run --build');
});

test('the loader at the address without a hash names the folder of its release', async () => {
  const version = await newest();
  const loader = await releasedFile('tessera-hub.js');
  assert.ok(loader.includes(`${version}/panel.`));
  assert.equal(loader.replaceAll(`${version}/`, ''), await releasedFile(`${version}/tessera-hub.js`));
});

test('a panel joined with its language is one module with both', async () => {
  for (const language of LANGUAGES) {
    const module = await import(
      `data:text/javascript;base64,${Buffer.from(await releasedFile(`panel.${language}.js`)).toString('base64')}`
    );
    assert.equal(typeof module.mount, 'function');
    assert.deepEqual(module.default, texts[language]);
  }
});

test('no file evaluates text, writes markup or touches storage and cookies', async () => {
  for (const [name, text] of (await make()).files) {
    assert.doesNotMatch(
      text,
      /\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|localStorage|sessionStorage|indexedDB|document\.cookie|createElement\(["']style/,
      name,
    );
  }
});

test('every language has every text, with the same names to fill in and every plural form', () => {
  const names = (form) =>
    [...new Set(JSON.stringify(form).match(/\{(\w+)\}/g) ?? [])].filter((name) => name !== '{n}').sort();
  for (const language of LANGUAGES) {
    assert.deepEqual(Object.keys(texts[language]), Object.keys(texts.en), language);
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
    for (const [key, form] of Object.entries(texts[language])) {
      assert.deepEqual(names(form), names(texts.en[key]), `${language}.${key}`);
      if (typeof form === 'string') continue;
      assert.ok(form.other && form.one, `${language}.${key}`);
      for (const category of Object.keys(form))
        assert.ok(pluralCategories.includes(category), `${language}.${key}.${category}`);
    }
  }
});

test('counts have the form of their language', () => {
  const counts = [1, 2, 5, 21, 22, 100, 101, 1_000_000];
  const said = (language) => counts.map((count) => spaced(wordsOf(language).points(count)));
  assert.deepEqual(said('it'), [
    '1 punto',
    '2 punti',
    '5 punti',
    '21 punti',
    '22 punti',
    '100 punti',
    '101 punti',
    '1.000.000 punti',
  ]);
  assert.deepEqual(said('en'), [
    '1 point',
    '2 points',
    '5 points',
    '21 points',
    '22 points',
    '100 points',
    '101 points',
    '1,000,000 points',
  ]);
  assert.deepEqual(said('ro'), [
    '1 punct',
    '2 puncte',
    '5 puncte',
    '21 de puncte',
    '22 de puncte',
    '100 de puncte',
    '101 puncte',
    '1.000.000 de puncte',
  ]);
  assert.deepEqual(said('ru'), [
    '1 балл',
    '2 балла',
    '5 баллов',
    '21 балл',
    '22 балла',
    '100 баллов',
    '101 балл',
    '1 000 000 баллов',
  ]);
  const friends = (language) => [1, 2, 20].map((n) => wordsOf(language).say('friends', { n }));
  assert.deepEqual(friends('ro'), ['1 prieten a cumpărat', '2 prieteni au cumpărat', '20 de prieteni au cumpărat']);
  assert.deepEqual(friends('ru'), ['купил 1 друг', 'купили 2 друга', 'купили 20 друзей']);
  const expiring = (language, n) =>
    wordsOf(language).say('expiring', { n, points: wordsOf(language).points(n), date: '…' });
  assert.deepEqual(
    ['it', 'ru'].map((language) => [expiring(language, 1), expiring(language, 50)]),
    [
      ['1 punto scade il …', '50 punti scadono il …'],
      ['1 балл сгорит …', '50 баллов сгорят …'],
    ],
  );
});

test('sentences around a single point agree with it', () => {
  const said = (language, key, n) => {
    const words = wordsOf(language);
    return spaced(words.say(key, { n, points: words.points(n), missing: '…' }));
  };
  const both = (language, key, n = 5) => [said(language, key, 1), said(language, key, n)];
  assert.deepEqual(both('it', 'pending'), ['1 punto non ancora disponibile', '5 punti non ancora disponibili']);
  assert.deepEqual(both('it', 'reserved'), ['1 punto messo da parte', '5 punti messi da parte']);
  assert.deepEqual(both('it', 'wayNext'), ['Ancora … per 1 punto', 'Ancora … per 5 punti']);
  assert.deepEqual(both('ro', 'pending'), ['1 punct încă indisponibil', '5 puncte încă indisponibile']);
  assert.deepEqual(both('ro', 'reserved', 20), ['1 punct pus deoparte', '20 de puncte puse deoparte']);
  assert.deepEqual(both('ro', 'wayNext'), ['Încă … pentru 1 punct', 'Încă … pentru 5 puncte']);
  assert.deepEqual(both('ru', 'pending'), ['Пока недоступно: 1 балл', 'Пока недоступно: 5 баллов']);
  assert.deepEqual(both('ru', 'reserved'), ['Отложено: 1 балл', 'Отложено: 5 баллов']);
  assert.deepEqual(both('ru', 'joinPoints', 22), [
    'Вас ждёт 1 балл. Вступите, чтобы тратить.',
    'Вас ждут 22 балла. Вступите, чтобы тратить.',
  ]);
  const times = (language) => [1, 3, 5, 20].map((n) => said(language, 'times', n));
  assert.deepEqual(times('it'), ['1 volta', '3 volte', '5 volte', '20 volte']);
  assert.deepEqual(times('ro'), ['o dată', 'de 3 ori', 'de 5 ori', 'de 20 de ori']);
  assert.deepEqual(times('ru'), ['1 раз', '3 раза', '5 раз', '20 раз']);
});

test('money and dates follow the language and its region', () => {
  const money = (language, tag = language) =>
    spaced(createWords({ language, tag, texts: texts[language], own: {}, program: {} }).money('1234.5', 'EUR'));
  assert.deepEqual(
    [money('it'), money('en', 'en-GB'), money('ro'), money('ru')],
    ['1234,50 €', '€1,234.50', '1.234,50 EUR', '1 234,50 €'],
  );
  assert.equal(money('it', 'de-DE'), '1234,50 €', 'a region of another language is no region of this one');
  assert.equal(money('en', 'not a tag'), '€1,234.50');
  const date = (language) => wordsOf(language).date('1999-12-31');
  assert.deepEqual(['it', 'en', 'ro', 'ru'].map(date), [
    '31 dicembre 1999',
    'December 31, 1999',
    '31 decembrie 1999',
    '31 декабря 1999 г.',
  ]);
});

test('a day is the same day in every time zone', async () => {
  const script = `import { createWords } from ${JSON.stringify(join(assets, 'src/panel/words.js'))}; console.log(createWords({ language: 'en', tag: 'en', texts: {}, own: {} }).date('1999-12-31'))`;
  for (const zone of ['Pacific/Kiritimati', 'America/Los_Angeles']) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TZ: zone },
    });
    assert.equal(stdout.trim(), 'December 31, 1999', zone);
  }
});

test('own texts win, by plural form too; names are filled in once', () => {
  const words = wordsOf('en', { missing: { one: 'one: {points}', other: 'other: {points}{reward}' } });
  assert.equal(words.say('missing', { n: 1, points: 'a' }), 'one: a');
  assert.equal(words.say('missing', { n: 2, points: '{reward}', reward: '!' }), 'other: {reward}!');
});

test('points are worth whole minor units, rounded down, without a float', () => {
  const rate = (points, value) => ({ points, value });
  assert.equal(worth(200, rate(100, '1.00')), '2.00');
  assert.equal(worth(150, rate(100, '0.99')), '1.48');
  assert.equal(worth(1, rate(100, '1.00')), '0.01');
  assert.equal(worth(1, rate(1000, '1.00')), '0.00');
  assert.equal(worth(250, rate(100, '100')), '250');
  assert.equal(worth(9_007_199_254_740_991, rate(1, '1.00')), '9007199254740991.00');
});

test('what may be spent is in steps between bounds, and nothing where the least is out of reach', () => {
  const bounds = { min: 100, max: 5000, step: 100 };
  assert.deepEqual(spendable(bounds, 320), { least: 100, most: 300 });
  assert.deepEqual(spendable(bounds, 99_999), { least: 100, most: 5000 });
  assert.deepEqual(spendable({ min: 150, max: 950, step: 100 }, 1000), { least: 200, most: 900 });
  assert.equal(spendable(bounds, 99), null);
});

test('a code is shown in groups of four, unless it has groups', () => {
  assert.deepEqual(['ADA7K2M9QXT', 'ADA7K2M9', 'ADA-7K2M9QXT', 'A'].map(grouped), [
    'ADA7-K2M9-QXT',
    'ADA7-K2M9',
    'ADA-7K2M9QXT',
    'A',
  ]);
});

/** The contrast of two colours (WCAG 2.2). */
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const ofHex = (hex) => Array.from(hex.slice(1), (digit) => parseInt(digit, 16) / 15);
/** A share of a colour with black or white, mixed in linear light as browsers do, and rounded as it is drawn. */
const mixedWith = (end, colour, share) =>
  colour.map((part) => {
    const linear = share * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4) + (1 - share) * end;
    return Math.round(255 * (linear <= 0.0031308 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055)) / 255;
  });

test('any accent reads: its text on it, and itself on each surface of both schemes', () => {
  const surfaces = { light: [[255, 255, 255], [251, 250, 248]], dark: [[30, 33, 36], [22, 24, 26]] };
  for (let red = 0; red <= 255; red += 15) {
    for (let green = 0; green <= 255; green += 15) {
      for (let blue = 0; blue <= 255; blue += 51) {
        const accent = [red, green, blue].map((part) => part / 255);
        const found = shades(accent);
        assert.ok(contrast(ofHex(found.ink), accent) >= 4.5, `${accent}`);
        for (const scheme of ['light', 'dark']) {
          const text = mixedWith(scheme === 'light' ? 0 : 1, accent, found[scheme]);
          for (const surface of surfaces[scheme]) {
            const drawn = surface.map((part) => part / 255);
            const tint = drawn.map((part, index) => part * 0.9 + accent[index] * 0.1);
            assert.ok(contrast(text, drawn) >= 4.5, `${accent} ${scheme}`);
            if (surface === surfaces[scheme][0])
              assert.ok(contrast(text, tint) >= 4.5, `${accent} ${scheme} tint`);
          }
        }
      }
    }
  }
});

// --- Client -------------------------------------------------------------------------------------------------------------

const clientOf = (replies, options = {}) => {
  const asked = [];
  const client = createClient({
    api: 'https://loyalty.example/',
    program: 'demo',
    token: tokenOf('c/42 ä'),
    fetch: async (url, init) => {
      asked.push({ url, ...init });
      const next = replies.shift();
      if (next instanceof Error) throw next;
      return next ?? Response.json({});
    },
    ...options,
  });
  return { client, asked };
};
const problem = (status, slug, headers = {}) =>
  Response.json({ type: `urn:tessera:problem:${slug}`, status, detail: 'why' }, { status, headers });

test('the client asks for what the contract names', async () => {
  const { client, asked } = clientOf([], { locale: 'it' });
  await client.hub();
  await client.entries({ limit: 5, cursor: 'a b' });
  await client.redeem('five-off', { points: 200, key: 'k' });
  await client.apply('A B/1');
  await client.release('A');
  await client.cancel('A');
  await client.join({ first_name: 'Ada' });
  await client.share('copy');
  await client.image('A');
  const member = '/v1/members/c%2F42%20%C3%A4';
  assert.deepEqual(
    asked.map(({ method, url }) => `${method} ${url.replace('https://loyalty.example', '')}`),
    // A browser's preflight request carries no token: every address names the program.
    [
      'GET /v1/hub?locale=it&program=demo',
      `GET ${member}/entries?cursor=a+b&limit=5&locale=it&program=demo`,
      `POST ${member}/redemptions?program=demo`,
      'POST /v1/coupons/A%20B%2F1/apply?program=demo',
      'POST /v1/coupons/A/release?program=demo',
      'POST /v1/coupons/A/cancel?program=demo',
      'POST /v1/members?program=demo',
      `POST ${member}/referral-shares?program=demo`,
      'GET /v1/coupons/A.svg?format=qr&program=demo',
    ],
  );
  assert.deepEqual(JSON.parse(asked[2].body), { reward: 'five-off', points: 200 });
  assert.equal(asked[2].headers['Idempotency-Key'], '"k"');
  assert.deepEqual(JSON.parse(asked[6].body), { locale: 'it', first_name: 'Ada' });
  assert.ok(
    asked.every(
      ({ headers, credentials }) => headers.Authorization === `Bearer ${tokenOf('c/42 ä')}` && credentials === 'omit',
    ),
  );
  assert.ok(asked.filter(({ method }) => method === 'POST').every(({ headers }) => headers['Idempotency-Key']));
});

test('without a token the hub is the program’s, and what needs a member is refused before it is sent', async () => {
  const { client, asked } = clientOf([], { token: null });
  await client.hub();
  assert.equal(asked[0].url, 'https://loyalty.example/v1/hub?program=demo');
  assert.equal(asked[0].headers.Authorization, undefined);
  await assert.rejects(client.redeem('x'), { slug: 'unauthorized', status: 401 });
  assert.equal(asked.length, 1);
});

test('after a 401 the client takes a new token and sends the same key', async () => {
  const needs = [];
  const token = ({ refresh }) => (needs.push(refresh), tokenOf(refresh ? 'new' : 'old'));
  const { client, asked } = clientOf([problem(401, 'unauthorized'), problem(401, 'unauthorized')], { token });
  await assert.rejects(client.redeem('x'), { status: 401 });
  assert.deepEqual(needs, [false, true]);
  assert.equal(asked.length, 2);
  assert.equal(asked[0].headers['Idempotency-Key'], asked[1].headers['Idempotency-Key']);
});

test('a lost connection and a running first request are tried again with the same key', async () => {
  const { client, asked } = clientOf([
    new TypeError('gone'),
    problem(409, 'in_flight', { 'Retry-After': '0' }),
    Response.json({ code: 'A' }, { status: 201 }),
  ]);
  assert.deepEqual(await client.redeem('x'), { code: 'A' });
  assert.equal(new Set(asked.map(({ headers }) => headers['Idempotency-Key'])).size, 1);
});

test('a refusal is not tried again; a long Retry-After is the caller’s', async () => {
  const refused = clientOf([problem(422, 'insufficient_points')]);
  await assert.rejects(
    refused.client.redeem('x'),
    (error) => error instanceof TesseraError && error.slug === 'insufficient_points' && error.detail === 'why',
  );
  const waiting = clientOf([problem(503, 'unavailable', { 'Retry-After': '120' })]);
  await assert.rejects(waiting.client.hub(), { retryAfter: 120, status: 503 });
  const html = clientOf([new Response('<h1>no</h1>', { status: 502 })]);
  await assert.rejects(html.client.hub(), { slug: 'http_502' });
  assert.deepEqual([refused.asked.length, waiting.asked.length, html.asked.length], [1, 1, 1]);
});

test('a signal ends a request at once', async () => {
  const stop = new AbortController();
  const { client } = clientOf([], {
    fetch: (url, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  const asked = client.hub({ signal: stop.signal });
  stop.abort(new Error('detached'));
  await assert.rejects(asked, /detached/);
});

test('the member of a token is read from any UTF-8, and a wrong token names nobody', () => {
  assert.equal(subject(tokenOf('zoë@дом')), 'zoë@дом');
  for (const wrong of ['', 'a', 'a.b.c', 'a.e30.c']) assert.equal(subject(wrong), null);
});

test('the types hold under tsc --strict, and refuse what is wrong', async () => {
  const run = (file) =>
    promisify(execFile)(
      process.execPath,
      [
        'node_modules/typescript/bin/tsc',
        '--strict',
        '--noEmit',
        '--skipLibCheck',
        'false',
        '--target',
        'es2022',
        '--lib',
        'es2022,dom',
        '--module',
        'nodenext',
        '--moduleResolution',
        'nodenext',
        file,
      ],
      { cwd: import.meta.dirname },
    );
  await run('types/use.ts');
  await assert.rejects(run('types/misuse.ts'), ({ stdout }) => {
    assert.deepEqual(
      [...stdout.matchAll(/misuse\.ts\((\d+),/g)].map(([, line]) => Number(line)),
      [5, 6, 7, 8],
    );
    return true;
  });
});
