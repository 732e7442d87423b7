// A stand-in of the stack and of a shop on two origins: serves the files, scripted hubs, and remembers what was asked.

import { createServer } from 'node:http';
import { releasedFile } from './release.js';
import { couponOf, entriesOf, hubOf } from './states.js';

const TYPES = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
};
const QR =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"><rect width="29" height="29" fill="#fff"/><path d="M4 4h7v7h-7zM18 4h7v7h-7zM4 18h7v7h-7zM13 13h3v3h-3zM18 18h2v2h-2zM22 22h3v3h-3z"/><script>window.pwned = true</script></svg>';

const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)));

const bodyOf = async (request) => {
  let text = '';
  for await (const part of request) text += part;
  return text;
};

const problem = (status, slug, headers = {}, more = {}) => ({
  status,
  headers,
  body: {
    type: `urn:tessera:problem:${slug}`,
    title: slug,
    status,
    detail: `scripted ${slug}`,
    request_id: 'r-1',
    ...more,
  },
});

export const createStack = async () => {
  const stack = {
    problem,
    requests: [], // { method, path, query, body, key, token }
    replies: new Map(), // "GET /v1/hub" → function of the request, or a list of them, one a request
    hub: null, // replaces the scripted one
    state: 'member',
    coupons: new Map(),
    redeemed: 0,
    pages: new Map(),
    withCsp: true,
  };

  /** Responses that were given to a key are given again: what really happens is counted once. */
  const replays = new Map();

  const hub = (request) => {
    const language = (request.query.get('locale') ?? 'en').split('-')[0];
    const locale = ['it', 'en', 'ro', 'ru'].includes(language) ? language : 'en';
    const base = stack.hub ?? hubOf(request.token ? stack.state : 'anonymous', locale);
    if (!base.coupons) return base;
    const items = [
      ...[...stack.coupons.values()].filter((one) => !base.coupons.items.some(({ code }) => code === one.code)),
      ...base.coupons.items.map((one) => stack.coupons.get(one.code) ?? one),
    ];
    const held = items.filter(({ status }) => ['available', 'applied', 'reserved'].includes(status));
    const points = base.points && { ...base.points, available: base.points.available - stack.spent() };
    const affordable = (one) => !one?.cost || one.cost <= points.available;
    const rewards = base.rewards.map((one) =>
      one.redeemable && !affordable(one) ? { ...one, redeemable: false, reason: 'insufficient_points' } : one,
    );
    const best_reward = affordable(base.best_reward) ? base.best_reward : null;
    return {
      ...base,
      points,
      rewards,
      best_reward,
      coupons: {
        available: held.filter(({ status }) => status === 'available').length,
        items: held
          .slice(0, 10)
          .map((one) => ({ ...seen(one), name: base.rewards.find(({ id }) => id === one.reward)?.name ?? one.name })),
      },
    };
  };
  stack.spent = () =>
    [...stack.coupons.values()]
      .filter((one) => one.isNew && one.status !== 'cancelled')
      .reduce((sum, one) => sum + one.cost, 0);

  /** Only lists for shoppers name the reward. */
  const unnamed = ({ name, isNew, ...coupon }) => seen(coupon);

  /** Only codes that the stack generated may be cancelled by a shopper. */
  const seen = (coupon) => ({ ...coupon, cancellable: coupon.status === 'available' && !stack.drawn });

  const act = (request) => {
    const [, , , code, action] = request.path.split('/');
    const status = { apply: 'applied', release: 'available', cancel: 'cancelled' }[action];
    const known =
      stack.coupons.get(decodeURIComponent(code)) ??
      (stack.hub ?? hubOf(stack.state)).coupons?.items.find((one) => one.code === decodeURIComponent(code));
    if (!known || !status) return problem(404, 'no_match');
    const changed = { ...known, status };
    stack.coupons.set(known.code, changed);
    return { status: 200, body: unnamed(changed) };
  };

  const redeem = (request) => {
    stack.redeemed += 1;
    const { reward, points } = request.body;
    const found = (stack.hub ?? hubOf(stack.state)).rewards.find(({ id }) => id === reward);
    const coupon = {
      ...couponOf(`NEW0000${stack.redeemed}`, { reward, name: found?.name, cost: points ?? found?.cost ?? 0 }),
      isNew: true,
    };
    stack.coupons.set(coupon.code, coupon);
    return { status: 201, body: unnamed(coupon) };
  };

  const routes = [
    ['GET', /^\/v1\/hub$/, (request) => ({ status: 200, body: hub(request) })],
    [
      'GET',
      /^\/v1\/members\/[^/]+\/entries$/,
      (request) => ({
        status: 200,
        body: {
          items: stack.entries ?? entriesOf((request.query.get('locale') ?? 'en').split('-')[0]),
          next_cursor: null,
        },
      }),
    ],
    ['GET', /^\/v1\/coupons\/[^/]+\.svg$/, () => ({ status: 200, text: QR, type: 'image/svg+xml' })],
    ['POST', /^\/v1\/members$/, () => ((stack.state = 'zero'), { status: 201, body: { id: 'c-42' } })],
    ['POST', /^\/v1\/members\/[^/]+\/redemptions$/, redeem],
    ['POST', /^\/v1\/members\/[^/]+\/referral-shares$/, () => ({ status: 202, body: {} })],
    ['POST', /^\/v1\/coupons\/[^/]+\/\w+$/, act],
  ];

  const reply = async (request) => {
    const name = `${request.method} ${request.path}`;
    const scripted = stack.replies.get(name) ?? stack.replies.get(request.path.split('/').pop());
    const next = Array.isArray(scripted) ? scripted.shift() : scripted;
    const chosen = typeof next === 'function' ? await next(request) : next;
    if (chosen) return chosen;
    if (request.key && replays.has(request.key)) return replays.get(request.key);
    const [, , handle] = routes.find(([method, path]) => method === request.method && path.test(request.path)) ?? [];
    const made = handle ? handle(request) : problem(404, 'not_found');
    if (request.key && made.status < 400) replays.set(request.key, made);
    return made;
  };
  /** What the stack does of itself, for scripts that only want to lose the response. */
  stack.perform = (request) => {
    const [, , handle] = routes.find(([method, path]) => method === request.method && path.test(request.path));
    const made = handle(request);
    replays.set(request.key, made);
    return made;
  };

  const api = createServer(async (incoming, outgoing) => {
    const url = new URL(incoming.url, 'http://stack');
    const cors = {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': 'authorization, content-type, idempotency-key',
      'Access-Control-Expose-Headers': 'retry-after',
      'Access-Control-Max-Age': '600',
      'Timing-Allow-Origin': '*',
    };
    // A preflight request has no credentials: without a program, the stack allows nothing.
    if (incoming.method === 'OPTIONS') return outgoing.writeHead(204, url.searchParams.has('program') ? cors : {}).end();
    if (!url.pathname.startsWith('/v1/')) {
      const path = url.pathname.replace(/^\/storefront\/([0-9a-f]{24}\/)?/, '/');
      stack.requests.push({
        method: 'GET',
        path,
        query: url.searchParams,
        cookie: incoming.headers.cookie,
      });
      if (stack.broken?.(path)) return incoming.socket.destroy();
      const text = await releasedFile(url.pathname.replace(/^\/storefront\//, ''));
      return text == null
        ? outgoing.writeHead(404, cors).end()
        : outgoing.writeHead(200, { ...cors, 'Content-Type': TYPES.js, 'Cache-Control': 'max-age=60' }).end(text);
    }
    const text = await bodyOf(incoming);
    const request = {
      method: incoming.method,
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      body: text ? JSON.parse(text) : null,
      key: incoming.headers['idempotency-key'],
      token: incoming.headers.authorization?.replace('Bearer ', ''),
      cookie: incoming.headers.cookie,
    };
    stack.requests.push(request);
    const response = await reply(request);
    if (response === 'drop') return incoming.socket.destroy();
    // A response that breaks off. (A dropped connection is tried again by the browser itself.)
    if (response === 'cut')
      return outgoing.writeHead(200, { ...cors, 'Content-Length': 99 }).write('{', () => outgoing.destroy());
    if (response === 'never') return undefined;
    outgoing.writeHead(response.status, {
      ...cors,
      'Content-Type': response.type ?? (response.status < 400 ? 'application/json' : 'application/problem+json'),
      ...response.headers,
    });
    return outgoing.end(response.text ?? JSON.stringify(response.body));
  });

  const shop = createServer(async (incoming, outgoing) => {
    const url = new URL(incoming.url, 'http://shop');
    const scripted = stack.shop?.(incoming, url);
    if (scripted) {
      const { status = 200, headers = {}, body = {} } = await scripted(await bodyOf(incoming));
      return outgoing.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    }
    if (url.pathname === '/shop.css') {
      return outgoing.writeHead(200, { 'Content-Type': TYPES.css }).end(stack.css ?? SHOP_CSS);
    }
    if (url.pathname === '/favicon.ico') return outgoing.writeHead(204).end();
    const page = stack.pages.get(url.pathname);
    if (!page) return outgoing.writeHead(404).end();
    const csp = `default-src 'self'; script-src 'self' ${stack.origin}; connect-src 'self' ${stack.origin}; img-src 'self' ${stack.origin}; require-trusted-types-for 'script'; trusted-types 'none'`;
    return outgoing
      .writeHead(200, { 'Content-Type': TYPES.html, ...(stack.withCsp && { 'Content-Security-Policy': csp }) })
      .end(page);
  });

  stack.origin = await listen(api);
  stack.shopOrigin = await listen(shop);
  stack.close = () => {
    for (const server of [api, shop]) {
      server.closeAllConnections();
      server.close();
    }
  };

  /** A page of the shop with these elements in it; its address. */
  stack.page = (elements, { lang = 'en', head = '' } = {}) => {
    const path = `/page-${stack.pages.size + 1}`;
    stack.pages.set(
      path,
      `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Shop</title>` +
        `<link rel="stylesheet" href="/shop.css"><script type="module" src="${stack.origin}/storefront/tessera-hub.js"></script>${head}</head>` +
        `<body><main><h1>Shop</h1><p>A page of a shop with some text in it.</p><button id="other" type="button">Buy</button></main>${elements}<footer><p>Imprint</p></footer></body></html>`,
    );
    return stack.shopOrigin + path;
  };

  stack.element = ({
    mode = 'drawer',
    token = null,
    locale = null,
    shop: cart = null,
    id = 'hub',
    inside = '',
    more = '',
  } = {}) =>
    `<tessera-hub id="${id}" api="${stack.origin}" program="demo" mode="${mode}"${token ? ` token="${token}"` : ''}${locale ? ` locale="${locale}"` : ''}${cart ? ` shop="${cart}"` : ''} ${more}>${inside}</tessera-hub>`;

  stack.asked = (method, pattern) => stack.requests.filter((one) => one.method === method && pattern.test(one.path));
  return stack;
};

const SHOP_CSS = `
:root { color-scheme: light dark; }
body { margin: 0; font: 16px/1.5 Georgia, serif; letter-spacing: 1px; text-transform: none; }
main, footer { padding: 16px; }
tessera-hub:not(:defined)[mode=page] { display: block; min-block-size: 100svh; }
tessera-hub:not(:defined)[mode=inline] { display: block; block-size: min(44rem, 100svh); }
`;
