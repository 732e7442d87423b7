// The cart adapters against stand-ins of Shopify and of WooCommerce's Store API. Never run against the vendors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCart as createShopify } from '../../functions/customer-hub/assets/src/cart/shopify.js';
import { createCart as createWoo } from '../../functions/customer-hub/assets/src/cart/woocommerce.js';
import { browserTest } from './harness.js';

const signal = new AbortController().signal;

/** A Shopify storefront: `actions` as since 2026-05, else the Ajax API; `knowsCodes` as newer carts do. */
const shopify = ({ codes = [], refuses = [], actions = true, knowsCodes = true } = {}) => {
  const shop = { held: [...codes], asked: [], document: new EventTarget() };
  const cart = () => shop.held.map((code) => ({ code, applicable: !refuses.includes(code) }));
  shop.Shopify = { routes: { root: '/it/' } };
  if (actions) {
    shop.Shopify.actions = {
      getCart: async () => ({ cart: { discountCodes: cart() } }),
      updateCart: async ({ discountCodes }) => {
        shop.asked.push(discountCodes);
        if (discountCodes.includes('FAULTY')) return { cart: null, userErrors: [{ message: 'Unknown code.' }] };
        shop.held = [...discountCodes];
        return { cart: { discountCodes: cart() }, userErrors: [], warnings: [] };
      },
    };
  }
  shop.fetch = async (url, { body } = {}) => {
    shop.asked.push(url);
    if (url.includes('discount/'))
      return new Response('', { status: refuses.some((code) => url.endsWith(code)) ? 404 : 200 });
    if (body) shop.held = JSON.parse(body).discount.split(',').filter(Boolean);
    return Response.json(knowsCodes ? { discount_codes: cart() } : {});
  };
  return shop;
};

for (const actions of [true, false]) {
  const way = actions ? 'by standard actions' : 'by the Ajax API';
  test(`Shopify ${way}: a code joins those that the cart has`, async () => {
    const shop = shopify({ codes: ['SPRING'], actions });
    const cart = createShopify({ shop });
    await cart.add('ADA-1', { signal });
    assert.deepEqual(shop.held, ['SPRING', 'ADA-1']);
    assert.deepEqual(await cart.codes(signal), ['SPRING', 'ADA-1']);
    await cart.add('ada-1', { signal });
    assert.deepEqual(shop.held, ['SPRING', 'ada-1'], 'the same code twice is one code');
    await cart.remove('ADA-1', { signal });
    assert.deepEqual(shop.held, ['SPRING']);
  });

  test(`Shopify ${way}: a code that does not apply is taken out again and refused`, async () => {
    const shop = shopify({ codes: ['SPRING'], refuses: ['ADA-1'], actions });
    await assert.rejects(createShopify({ shop }).add('ADA-1', { signal }), { reason: '' });
    assert.deepEqual(shop.held, ['SPRING']);
  });
}

test('Shopify: the reason of a user error is the shop’s', async () => {
  await assert.rejects(createShopify({ shop: shopify() }).add('FAULTY', { signal }), { reason: 'Unknown code.' });
});

test('Shopify without codes in the cart: the discount link, which only tells that it exists', async () => {
  const shop = shopify({ actions: false, knowsCodes: false, refuses: ['ADA-2'] });
  const cart = createShopify({ shop });
  await cart.add('ADA-1', { signal });
  assert.deepEqual(shop.asked, ['/it/cart.js', '/it/discount/ADA-1']);
  assert.equal(await cart.codes(signal), null);
  await assert.rejects(cart.add('ADA-2', { signal }));
});

test('Shopify: a change in the shop’s own discount form is noticed, until the element goes', async () => {
  const shop = shopify();
  const life = new AbortController();
  let noticed = 0;
  createShopify({ shop }).watch(() => (noticed += 1), life.signal);
  const change = async () => {
    shop.document.dispatchEvent(
      Object.assign(new Event('shopify:cart:discount-update'), { promise: Promise.resolve() }),
    );
    await new Promise((resolve) => setImmediate(resolve));
  };
  await change();
  life.abort();
  await change();
  assert.equal(noticed, 1);
});

/** A Store API: writes need the nonce of an earlier response, and codes are stored in lower case. */
const woo = ({ refuses = {}, nonces = ['n1'] } = {}) => {
  const shop = { held: [], asked: [], location: { origin: 'https://shop.example' } };
  let valid = nonces.shift();
  shop.expire = () => (valid = nonces.shift());
  shop.fetch = async (url, { method, headers, body }) => {
    shop.asked.push([method, new URL(url).pathname]);
    const reply = (value, status = 200) => Response.json(value, { status, headers: { Nonce: valid } });
    if (method === 'GET') return reply({ coupons: shop.held.map((code) => ({ code })) });
    if (headers.Nonce !== valid)
      return Response.json({ code: 'woocommerce_rest_invalid_nonce', message: 'Nonce is invalid.' }, { status: 403 });
    const { code } = JSON.parse(body);
    if (refuses[code]) return reply({ code: 'woocommerce_rest_cart_coupon_error', message: refuses[code] }, 400);
    shop.held = url.endsWith('apply-coupon')
      ? [...shop.held, code.toLowerCase()]
      : shop.held.filter((one) => one !== code);
    return reply({ coupons: [] });
  };
  return shop;
};

test('WooCommerce: a code goes in and out by the Store API, with the cart’s nonce', async () => {
  const shop = woo();
  const cart = createWoo({ shop });
  await cart.add('ADA-1', { signal });
  assert.deepEqual(shop.asked, [
    ['GET', '/wp-json/wc/store/v1/cart'],
    ['POST', '/wp-json/wc/store/v1/cart/apply-coupon'],
  ]);
  assert.deepEqual(await cart.codes(signal), ['ada-1']);
  await cart.remove('ADA-1', { signal });
  assert.deepEqual(shop.held, []);
  await cart.remove('ADA-1', { signal });
});

test('WooCommerce: a nonce that has expired is fetched anew, once', async () => {
  const shop = woo({ nonces: ['n1', 'n2'] });
  const cart = createWoo({ shop });
  await cart.codes(signal);
  shop.expire();
  await cart.add('ADA-1', { signal });
  assert.deepEqual(shop.held, ['ada-1']);
});

test('WooCommerce: a refusal carries the shop’s message as plain text', async () => {
  const shop = woo({
    refuses: { 'ADA-1': 'The minimum spend for &quot;ada-1&quot; is <span class="amount">&#8364;30</span>.' },
  });
  await assert.rejects(createWoo({ shop }).add('ADA-1', { signal }), {
    reason: 'The minimum spend for "ada-1" is €30.',
  });
});

browserTest(
  'Shopify in the page: a refused code is released, and the cart keeps its own',
  { mode: 'page', shop: 'shopify' },
  async ({ page, hub, stack, loaded, said }) => {
    await page.evaluate(() => {
      window.codes = ['SPRING', 'ADA-SHIP-9QX2'];
      const cart = () => ({
        discountCodes: window.codes.map((code) => ({ code, applicable: code !== 'ADA7K2M9QXT' })),
      });
      window.Shopify = {
        actions: {
          getCart: async () => ({ cart: cart() }),
          updateCart: async ({ discountCodes }) => ((window.codes = discountCodes), { cart: cart(), userErrors: [] }),
        },
      };
    });
    await hub.evaluate((element) => element.refresh());
    await loaded();
    await hub.getByRole('button', { name: 'Apply: 5 € off' }).click();
    await hub.locator('.coupon').first().getByText('The shop refused the code.').waitFor();
    assert.deepEqual(await page.evaluate(() => window.codes), ['SPRING', 'ADA-SHIP-9QX2']);
    assert.deepEqual(
      stack.asked('POST', /ADA7K2M9QXT/).map(({ path }) => path.split('/').at(-1)),
      ['apply', 'release'],
    );
    // The shopper takes the other code out in the shop's own form.
    await page.evaluate(() => {
      window.codes = ['SPRING'];
      document.dispatchEvent(Object.assign(new Event('shopify:cart:discount-update'), { promise: Promise.resolve() }));
    });
    await hub.getByText('The code left the cart. The coupon is yours again.').waitFor();
    assert.equal((await said('apply')).length, 1);
  },
);

test('WooCommerce: a code that the buyer takes out is noticed, on classic pages and in blocks', () => {
  const listeners = new Map();
  const watchers = new Set();
  let coupons = [{ code: 'ada-1' }];
  const body = {
    on: (names, act) => names.split(' ').forEach((name) => listeners.set(name, act)),
    off: (names, act) => names.split(' ').forEach((name) => listeners.get(name) === act && listeners.delete(name)),
  };
  const shop = {
    document: { body: {} },
    jQuery: () => body,
    wp: { data: { select: () => ({ getCartData: () => ({ coupons }) }), subscribe: (act) => (watchers.add(act), () => watchers.delete(act)) } },
  };
  const life = new AbortController();
  let changes = 0;
  createWoo({ shop }).watch(() => (changes += 1), life.signal);
  for (const name of ['removed_coupon', 'removed_coupon_in_checkout']) listeners.get(name)();
  assert.equal(changes, 2);
  const told = () => watchers.forEach((act) => act());
  told();
  assert.equal(changes, 2, 'the store changes often; its codes did not');
  coupons = [];
  told();
  told();
  assert.equal(changes, 3);
  life.abort();
  assert.deepEqual([listeners.size, watchers.size], [0, 0]);
  // A page with neither has nothing to watch.
  createWoo({ shop: { document: { body: {} } } }).watch(() => assert.fail('nothing changed'), life.signal);
});

browserTest(
  'WooCommerce in the page: apply, remove, and a code that was gone when the page came',
  {
    mode: 'page',
    shop: 'woocommerce',
    prepare: (stack) => {
      stack.codes = [];
      stack.shop = (incoming, url) =>
        url.pathname.startsWith('/wp-json/') &&
        ((body) => {
          const headers = { Nonce: 'n1' };
          if (incoming.method === 'GET') return { headers, body: { coupons: stack.codes.map((code) => ({ code })) } };
          const { code } = JSON.parse(body);
          stack.codes = url.pathname.endsWith('apply-coupon') ? [...stack.codes, code.toLowerCase()] : [];
          return { headers };
        });
    },
  },
  async ({ hub, stack, loaded }) => {
    await loaded();
    await hub.getByText('The code left the cart. The coupon is yours again.').waitFor();
    await hub.getByRole('button', { name: 'Apply: 5 € off' }).click();
    await hub.getByText('5 € off is in the cart.').waitFor();
    assert.deepEqual(stack.codes, ['ada7k2m9qxt']);
    await hub.getByRole('button', { name: 'Remove: 5 € off' }).click();
    await hub.getByText('5 € off is back in your coupons.').waitFor();
    assert.deepEqual(stack.codes, []);
  },
);
