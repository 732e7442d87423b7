// The demo shop and the programme page on the real local stack.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { close, launch } from './browser.js';
import { binary, hasStack, pictures, program, startStack } from './real.js';
import { camera, walk } from './walk.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const WIDTHS = [
  [375, 812],
  [1280, 900],
];

let browser;
let stack;
before(async () => {
  // In a checkout without a build these tests have nothing to test; ./test builds first.
  if (!hasStack) throw new Error(`${binary} is missing: cargo build`);
  [browser, stack] = await Promise.all([launch(), startStack()]);
  await mkdir(pictures, { recursive: true });
});
after(async () => {
  stack?.stop();
  if (browser) await close(browser);
});

/** A page whose complaints, Content Security Policy included, are collected. */
const newPage = async (options) => {
  const context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB', ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  return { page, complaints, context };
};

test('the walk through the demo shop: visit, points, coupon, use, return', { timeout: 120_000 }, async () => {
  const { page, complaints, context } = await newPage({ viewport: { width: 1280, height: 900 } });
  const picture = await camera(page, pictures, 'light');
  await walk({ page, url: stack.url, picture, check: (actual, expected, what) => assert.equal(actual, expected, what) });
  // The refused code is a 422 that the browser reports by itself.
  assert.deepEqual(complaints.filter((text) => !/status of 422/.test(text)), []);
  await context.close();
});

test('a shop of another origin: the component works where the program allows it, and nowhere else', { timeout: 60_000 }, async () => {
  const token = await stack.tokenOf('bruno');
  const shop = createServer((_, response) =>
    response
      .writeHead(200, { 'Content-Type': 'text/html' })
      .end(
        `<!doctype html><html lang="en"><title>Shop</title><script type="module" src="${stack.url}/storefront/tessera-hub.js"></script>` +
          `<tessera-hub mode="page" program="${stack.program}" token="${token}"></tessera-hub></html>`,
      ),
  );
  await new Promise((resolve) => shop.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${shop.address().port}`;
  const { page, context } = await newPage({ viewport: { width: 375, height: 812 } });
  try {
    await page.goto(origin);
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    const storefront = { ...program.storefront, allowed_origins: [origin] };
    await stack.call('PUT', '/v1/program', { ...program, storefront });
    await page.goto(origin);
    // Joining is a POST with a token and a key: its preflight request names the program.
    await page.getByRole('button', { name: 'Join Club Ada' }).click();
    await page.locator('.balance').filter({ hasText: /^\s*20\b/ }).waitFor();
  } finally {
    await stack.call('PUT', '/v1/program', program);
    await context.close();
    shop.closeAllConnections();
    shop.close();
  }
});

test('the demo shop takes no two codes that do not combine, and discounts each basket once', async () => {
  await stack.call('POST', '/v1/members', { id: 'two-codes' });
  await stack.call('POST', '/v1/members/two-codes/adjustments', { award: 400, reason: 'test' });
  const redeem = async () => (await stack.call('POST', '/v1/members/two-codes/redemptions', { reward: 'five-off' })).code;
  const codes = [await redeem(), await redeem()];
  const price = async (coupons) => {
    const body = JSON.stringify({ person: null, lines: [{ sku: '22423', quantity: 2 }], coupons });
    const response = await fetch(`${stack.url}/_local/shop/api/price`, { method: 'POST', body });
    return [response.status, await response.json()];
  };
  for (const code of codes) {
    const [status, { discount }] = await price([code]);
    assert.deepEqual([status, discount], [200, '5.00']);
  }
  const [status, refusal] = await price(codes);
  assert.equal(status, 422);
  assert.match(JSON.stringify(refusal), /cannot be used together with another one/);
});

test('axe finds nothing in the demo shop, and nothing is wider than a phone', { timeout: 60_000 }, async () => {
  for (const [width, colorScheme] of [
    [375, 'light'],
    [1280, 'dark'],
  ]) {
    // axe is not a file of the shop: its policy is lifted here alone.
    const { page, context } = await newPage({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
    await page.goto(`${stack.url}/_local/shop/`);
    await page.locator('html[data-ready]').waitFor();
    await page.getByRole('button', { name: 'Add to basket: Three-tier cake stand' }).click();
    await page.addScriptTag({ path: AXE });
    const found = await page.evaluate(() => globalThis.axe.run());
    assert.deepEqual(found.violations.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes[0].html}`), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await context.close();
  }
});

test('the programme page: four languages, phone and desk, light, dark and forced colours', { timeout: 180_000 }, async () => {
  for (const [width, height] of WIDTHS) {
    for (const look of ['light', 'dark', 'forced']) {
      const colorScheme = look === 'dark' ? 'dark' : 'light';
      const forcedColors = look === 'forced' ? 'active' : 'none';
      const { page, complaints, context } = await newPage({ viewport: { width, height }, colorScheme, forcedColors });
      for (const language of ['en', 'it', 'ro', 'ru']) {
        const response = await page.goto(`${stack.url}/p/${stack.program}/${language}`);
        assert.equal(response.status(), 200);
        if (language === 'en') {
          const order = ['how', 'ways', 'tiers', 'rewards', 'questions'];
          const headings = await page.locator('main h2').evaluateAll((all) => all.map(({ id }) => id));
          assert.deepEqual(headings, order);
          assert.doesNotMatch(await page.locator('body').innerText(), /\blevel/i, 'a tier has one name');
        }
        // A data block is not executed, so `default-src 'none'` has nothing to refuse.
        assert.equal(await page.evaluate(() => JSON.parse(document.querySelector('script').textContent)['@type']), 'MemberProgram');
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${language} ${width}`);
        await page.screenshot({ path: join(pictures, `page-${language}-${width}-${look}.png`), fullPage: true });
        // axe runs in the page's own world: the policy is lifted for it alone, in a copy of the page.
        const copy = await context.newPage();
        await copy.setContent(await page.content());
        await copy.addScriptTag({ path: AXE });
        const found = await copy.evaluate(() => globalThis.axe.run());
        assert.deepEqual(found.violations.map(({ id, nodes }) => `${language} ${look} ${id}: ${nodes[0].html}`), []);
        await copy.close();
      }
      assert.deepEqual(complaints, []);
      await context.close();
    }
  }
});

test('the programme page at 320 px with 400 % text, and printed', { timeout: 60_000 }, async () => {
  const { page, context } = await newPage({ viewport: { width: 320, height: 640 } });
  await page.goto(`${stack.url}/p/${stack.program}/en`);
  const session = await context.newCDPSession(page);
  await session.send('Page.setFontSizes', { fontSizes: { standard: 64, fixed: 52 } });
  await page.reload();
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize), '64px');
  const wide = await page.evaluate(() =>
    [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(wide, []);
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('.languages').isVisible(), false);
  assert.ok(await page.locator('#questions').isVisible());
  await context.close();
});

test('blocks show points before any script runs', { timeout: 60_000 }, async () => {
  const { page, complaints, context } = await newPage({ viewport: { width: 375, height: 400 } });
  for (const [block, text] of [
    ['product?amount=64.00&locale=en', 'Earn 64 points with this'],
    ['cart?total=128.00&locale=it', 'Con questo carrello guadagni 128 punti'],
  ]) {
    await page.goto(`${stack.url}/p/${stack.program}/blocks/${block}`);
    await page.getByText(text).waitFor();
    await page.screenshot({ path: join(pictures, `block-${block.split('?')[0]}.png`) });
  }
  assert.deepEqual(complaints, []);
  await context.close();
});
