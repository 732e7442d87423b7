// Bad input: slow, offline, refused, broken and silent stacks; expired and foreign tokens; markup in names.

import assert from 'node:assert/strict';
import { browserTest, TOKEN, waitUntil } from './harness.js';
import { couponOf, hubOf, tokenOf } from './states.js';

const RENEWED = tokenOf('c-42', { jti: 'renewed' });
const expiredFor = (token) => (request) =>
  request.token === token
    ? { status: 401, headers: {}, body: { type: 'urn:tessera:problem:unauthorized', status: 401 } }
    : null;

browserTest(
  'a stack that takes long: the skeleton says so, and what comes is shown',
  { mode: 'page' },
  async ({ page, hub, stack, loaded }) => {
    await loaded();
    let go;
    stack.replies.set('GET /v1/hub', [() => new Promise((resolve) => (go = () => resolve(null)))]);
    await hub.evaluate((element, token) => element.setAttribute('token', token), tokenOf('c-7'));
    await waitUntil(() => go);
    assert.equal(await hub.locator('.body[aria-busy=true] .bone.hero').isVisible(), true);
    await page.clock.runFor(3000);
    await hub.getByRole('status').getByText('This is taking longer than usual.').waitFor();
    go();
    await loaded();
    assert.equal(await hub.locator('.status').innerText(), '');
  },
);

browserTest(
  'a stack that never responds: an error with retry, which then succeeds',
  { mode: 'page', prepare: (stack) => stack.replies.set('GET /v1/hub', ['never']) },
  async ({ page, hub, stack, loaded, said }) => {
    await waitUntil(() => stack.asked('GET', /hub$/).length);
    await hub.locator('.bone.hero').waitFor();
    await page.waitForFunction(() => document.querySelector('#hub').shadowRoot.adoptedStyleSheets.length > 1);
    await page.clock.runFor(10_500);
    await hub.getByText('We cannot show your points right now.').waitFor();
    assert.deepEqual(
      (await said('error')).map(({ slug, action }) => [slug, action]),
      [['timeout', 'load']],
    );
    await hub.getByRole('button', { name: 'Try again' }).click();
    await hub.getByText('180 points to go').waitFor();
    await loaded();
  },
);

browserTest(
  '503 with Retry-After: says when, and tries by itself at that time',
  {
    mode: 'page',
    prepare: (stack) => stack.replies.set('GET /v1/hub', [stack.problem(503, 'unavailable', { 'Retry-After': '30' })]),
  },
  async ({ page, hub, stack, said }) => {
    await hub.getByText('We try again in 30 seconds.').waitFor();
    assert.equal(stack.asked('GET', /hub$/).length, 1);
    await page.clock.runFor(30_500);
    await hub.getByText('180 points to go').waitFor();
    assert.equal(stack.asked('GET', /hub$/).length, 2);
    assert.deepEqual(
      (await said()).map(({ name }) => name),
      ['error', 'ready'],
    );
  },
);

browserTest(
  'a short Retry-After is waited for without a word',
  {
    mode: 'page',
    prepare: (stack) =>
      stack.replies.set('GET /v1/hub', [
        stack.problem(503, 'unavailable', { 'Retry-After': '1' }),
        stack.problem(429, 'too_many_requests', { 'Retry-After': '2' }),
      ]),
  },
  async ({ page, hub, stack, said }) => {
    await waitUntil(() => stack.asked('GET', /hub$/).length === 1);
    await page.waitForFunction(() => document.querySelector('#hub').shadowRoot.adoptedStyleSheets.length > 1);
    await page.clock.runFor(1100);
    await waitUntil(() => stack.asked('GET', /hub$/).length === 2);
    await page.clock.runFor(2100);
    await hub.getByText('180 points to go').waitFor();
    assert.deepEqual(await said('error'), []);
  },
);

browserTest(
  'an offline browser: says so, and goes on when it is online again',
  {},
  async ({ page, hub, stack, context, open }) => {
    await open();
    await page.keyboard.press('Escape');
    await context.setOffline(true);
    await hub.evaluate((element, token) => element.setAttribute('token', token), tokenOf('c-7'));
    await page.getByRole('button', { name: 'Your points' }).click();
    await hub.getByText('You are offline. Your points are safe').waitFor();
    await context.setOffline(false);
    await hub.getByText('180 points to go').waitFor();
    assert.equal(stack.requests.at(-1).token, tokenOf('c-7'));
  },
);

browserTest(
  'a panel that cannot be loaded: an error in the shopper’s language, and a retry that works',
  { locale: 'it', prepare: (stack) => (stack.broken = (path) => path.startsWith('/panel')) },
  async ({ page, hub, stack, loaded, said }) => {
    await page.getByRole('button', { name: 'I tuoi punti' }).click();
    await hub.getByText('Ora non possiamo mostrare i tuoi punti.').waitFor();
    assert.equal((await said('error'))[0].action, 'load');
    stack.broken = null;
    await hub.getByRole('button', { name: 'Riprova' }).click();
    await hub.getByText('Ancora 180 punti per').waitFor();
    await loaded();
  },
);

browserTest(
  'a response that is no JSON is an error, not an empty hub',
  {
    mode: 'page',
    prepare: (stack) => stack.replies.set('GET /v1/hub', [{ status: 200, text: '<h1>Maintenance</h1>' }]),
  },
  async ({ hub, said }) => {
    await hub.getByText('We cannot show your points right now.').waitFor();
    assert.equal((await said('error'))[0].slug, 'malformed');
  },
);

browserTest(
  'a token that expires while the drawer is open is renewed, and the action counts once',
  {},
  async ({ page, hub, stack, open, said }) => {
    await open();
    await page.evaluate(
      (token) =>
        document.addEventListener('tessera:token', (event) => event.detail.respondWith(Promise.resolve(token))),
      RENEWED,
    );
    stack.replies.set('redemptions', expiredFor(TOKEN));
    await hub.locator('.hero button').click();
    await hub.getByText('5 € off is yours.').waitFor();
    const tries = stack.asked('POST', /redemptions/);
    assert.deepEqual(
      tries.map(({ token }) => token),
      [TOKEN, RENEWED],
    );
    assert.equal(tries[0].key, tries[1].key);
    assert.equal(stack.redeemed, 1);
    assert.deepEqual(
      (await said('token')).map(({ reason, cancelable }) => [reason, cancelable]),
      [['expired', true]],
    );
    assert.equal(stack.requests.at(-1).token, RENEWED, 'later requests use the new token');
  },
);

browserTest(
  'several requests that need a token ask the page once, two elements included',
  {
    elements: (stack) =>
      stack.element({ mode: 'page', token: TOKEN }) + stack.element({ id: 'second', mode: 'page', token: TOKEN }),
    prepare: (stack) => stack.replies.set('GET /v1/hub', expiredFor(TOKEN)),
  },
  async ({ page, stack, said }) => {
    await waitUntil(() => stack.asked('GET', /hub$/).length === 2);
    // Nobody answers yet: the page was not listening. It listens now, and both ask again.
    await page.locator('#second').getByText('Your session has ended.').waitFor();
    await page.locator('#hub').getByText('Your session has ended.').waitFor();
    await page.evaluate(() => {
      window.said.length = 0;
      window.asked = [];
      document.addEventListener('tessera:token', (event) =>
        event.detail.respondWith(new Promise((resolve) => window.asked.push(resolve))),
      );
    });
    await page.evaluate(() =>
      Promise.all([...document.querySelectorAll('tessera-hub')].map((element) => void element.refresh())),
    );
    await page.waitForFunction(() => window.asked.length > 0);
    await waitUntil(() => stack.asked('GET', /hub$/).length === 4);
    await page.evaluate((token) => window.asked.forEach((resolve) => resolve(token)), RENEWED);
    await page.locator('#hub').getByText('180 points to go').waitFor();
    await page.locator('#second').getByText('180 points to go').waitFor();
    assert.equal((await said('token')).length, 1);
  },
);

browserTest(
  'an expired session without a new token shows nothing of the member any more, and signs in by one button',
  { mode: 'page' },
  async ({ page, hub, stack, loaded, said }) => {
    await loaded();
    stack.replies.set('redemptions', expiredFor(TOKEN));
    await hub.locator('.hero button').click();
    await hub.getByText('Your session has ended. Sign in to go on.').waitFor();
    assert.equal(await hub.getByText('180 points to go').count(), 0);
    await page.evaluate(
      (token) =>
        document.addEventListener('tessera:token', (event) =>
          event.detail.respondWith(new Promise((resolve) => setTimeout(() => resolve(token), 60_000))),
        ),
      RENEWED,
    );
    await hub.getByRole('button', { name: 'Sign in' }).click();
    await page.clock.runFor(61_000);
    await hub.getByText('180 points to go').waitFor();
    assert.deepEqual(
      (await said('token')).map(({ reason }) => reason),
      ['expired', 'sign_in'],
    );
  },
);

browserTest(
  'signing in where the page does not answer says where to do it',
  { mode: 'page', token: null },
  async ({ hub, loaded, said }) => {
    await loaded();
    await hub.getByRole('button', { name: 'Sign in' }).click();
    await hub.getByText('Please sign in on the shop’s page.').waitFor();
    assert.deepEqual(
      (await said('token')).map(({ reason }) => reason),
      ['missing', 'sign_in'],
    );
  },
);

browserTest(
  'a page may hand out the token by event alone, and a promise that never settles ends in the anonymous hub',
  {
    mode: 'page',
    token: null,
    prepare: async (stack, page) =>
      page.addInitScript(() =>
        document.addEventListener('tessera:token', (event) => event.detail.respondWith(new Promise(() => {})), {
          once: true,
        }),
      ),
  },
  async ({ page, hub, stack, said, until }) => {
    await until('token');
    assert.equal(stack.asked('GET', /hub$/).length, 0);
    await page.clock.runFor(10_500);
    await hub.getByText('Sign in to see your points').waitFor();
    assert.deepEqual(
      (await said('error')).map(({ slug, action }) => [slug, action]),
      [['timeout', 'token']],
    );
  },
);

browserTest(
  'somebody else’s token while an action is under way: the action is not done for them',
  { mode: 'page' },
  async ({ page, hub, stack, loaded }) => {
    await loaded();
    const foreign = tokenOf('c-7');
    await page.evaluate(
      (token) => document.addEventListener('tessera:token', (event) => event.detail.respondWith(token)),
      foreign,
    );
    stack.replies.set('redemptions', expiredFor(TOKEN));
    stack.replies.set('GET /v1/hub', (request) =>
      request.token === foreign ? { status: 200, body: { ...hubOf('zero') } } : null,
    );
    await hub.locator('.hero button').click();
    await hub.getByText('Your first points will stand here.').waitFor();
    assert.equal(stack.redeemed, 0);
    assert.deepEqual(
      stack.asked('POST', /./).map(({ token }) => token),
      [TOKEN],
    );
  },
);

browserTest(
  'a token of another programme is refused without a loop',
  { mode: 'page', prepare: (stack) => stack.replies.set('GET /v1/hub', stack.problem(403, 'forbidden')) },
  async ({ hub, stack }) => {
    await hub.getByText('This sign-in does not belong to this programme.').waitFor();
    assert.equal(await hub.getByRole('button', { name: 'Sign in' }).isVisible(), true);
    assert.equal(stack.asked('GET', /hub$/).length, 1);
  },
);

browserTest(
  'something that is no token is shown as an ended session',
  {
    mode: 'page',
    token: 'rubbish',
    prepare: (stack) => stack.replies.set('GET /v1/hub', stack.problem(401, 'unauthorized')),
  },
  async ({ hub }) => {
    await hub.getByText('Your session has ended.').waitFor();
  },
);

browserTest(
  'a refresh that fails leaves what is shown, and the ledger fails by itself',
  { mode: 'page', prepare: (stack) => stack.replies.set('entries', [stack.problem(500, 'internal')]) },
  async ({ hub, stack, loaded, until, activity }) => {
    await loaded();
    await activity();
    await hub.getByText('The activity cannot be shown right now.').waitFor();
    stack.replies.set('GET /v1/hub', stack.problem(500, 'internal'));
    await hub.evaluate((element) => element.refresh());
    await until('error', 2);
    assert.equal(await hub.getByText('180 points to go').isVisible(), true);
    await hub.locator('.activity').getByRole('button', { name: 'Try again' }).click();
    await hub.getByText('Purchase').first().waitFor();
  },
);

const MARKUP = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>{points}';
browserTest(
  'markup in names, texts, explanations and reasons stays text',
  {
    mode: 'page',
    prepare: (stack) => {
      const base = hubOf('member');
      stack.hub = {
        ...base,
        program: {
          ...base.program,
          name: MARKUP,
          points_name: { one: MARKUP, other: MARKUP },
          theme: { accent: 'red;}*{display:none', logo_url: 'javascript:1' },
        },
        tier: { ...base.tier, name: MARKUP, benefits: [MARKUP], icon_url: 'data:text/html,x' },
        best_reward: { ...base.best_reward, name: MARKUP },
        next_reward: { ...base.next_reward, name: MARKUP },
        rewards: base.rewards.map((one) => ({ ...one, id: 'a"]<b>', name: MARKUP, description: MARKUP })),
        coupons: { available: 1, items: [couponOf('A"<b>\'1', { name: MARKUP })] },
        referral: { ...base.referral, url: `https://x.example/${MARKUP}` },
        ways_to_earn: base.ways_to_earn.map((one) => ({ ...one, title: MARKUP, description: MARKUP })),
      };
      stack.entries = [
        { id: 'e"1', at: 'not a date', type: MARKUP, points: {}, source: {}, explanation: [{ text: MARKUP }] },
      ];
    },
  },
  async ({ page, hub, loaded, activity }) => {
    await loaded();
    await page.evaluate(
      (text) =>
        document.addEventListener('tessera:apply', (event) =>
          event.detail.respondWith(Promise.reject(new Error(text))),
        ),
      MARKUP,
    );
    await hub.locator('.coupon button').first().click();
    await hub.locator('.coupon .bad').waitFor();
    await hub.locator('.coupon summary').click();
    await activity();
    await hub.locator('.entry summary').click();
    await hub.evaluate((element, text) => (element.texts = { rewards: text }), MARKUP);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await hub.locator('script, img, b b').count(), 0);
    assert.ok((await hub.locator('.rewards').innerText()).includes('<img src=x onerror="window.pwned=1">'));
    assert.equal(
      await hub.locator('button.primary').evaluate((button) => getComputedStyle(button).backgroundColor),
      'rgb(31, 111, 84)',
      'an accent that is no colour is ignored',
    );
  },
);

browserTest(
  'a picture that the page’s policy blocks leaves its place empty',
  {
    mode: 'page',
    expected: [/Content Security Policy/],
    prepare: (stack) =>
      (stack.hub = {
        ...hubOf('member'),
        rewards: hubOf('member').rewards.map((one) => ({ ...one, image_url: 'https://cdn.example/mug.png' })),
      }),
  },
  async ({ hub, loaded }) => {
    await loaded();
    await hub.locator('.rewards img.broken').first().waitFor({ state: 'attached' });
    assert.equal(
      await hub
        .locator('.rewards img')
        .first()
        .evaluate((image) => image.offsetWidth),
      56,
    );
  },
);
