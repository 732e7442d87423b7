// What a shopper does: redeem, pay, apply, release, undo, join, share. Nothing is doubled, nothing is lost.

import assert from 'node:assert/strict';
import { browserTest, TOKEN, waitUntil } from './harness.js';
import { hubOf } from './states.js';

const posts = (stack) =>
  stack.requests.filter(({ method }) => method === 'POST').map(({ path }) => path.replace('/v1/', ''));

browserTest(
  'redeeming puts the coupon into the wallet, and undo gives the points back',
  { mode: 'page' },
  async ({ hub, stack, loaded, said }) => {
    await loaded();
    await hub.locator('.hero button').click();
    await hub.getByText('5 € off is yours. You have 70 points left.').waitFor();
    assert.match(await hub.locator('.balance').innerText(), /^70/);
    assert.equal(await hub.locator('.coupon').first().getByText('NEW0-0001').isVisible(), true);
    await hub.locator('.status').getByRole('button', { name: 'Undo: get 250 points back' }).click();
    await hub.getByText('250 points are back.').waitFor();
    await hub.getByText('320').waitFor();
    assert.deepEqual(posts(stack), ['members/c-42/redemptions', 'coupons/NEW00001/cancel']);
    assert.deepEqual(stack.asked('POST', /redemptions/)[0].body, { reward: 'five-off' });
    assert.deepEqual(
      (await said()).filter(({ cancelable }) => cancelable).map(({ name }) => name),
      ['redeem', 'cancel'],
    );
  },
);

browserTest(
  'a response that is lost is asked for again with the same key, and counts once',
  { mode: 'page' },
  async ({ page, hub, stack, loaded }) => {
    await loaded();
    // The stack redeems each time it has not seen the key; its responses never arrive.
    const lost = (request) => (
      stack.requests.filter(({ key }) => key === request.key).length === 1 && stack.perform(request),
      'cut'
    );
    stack.replies.set('redemptions', [lost, lost, lost]);
    await hub.locator('.hero button').click();
    await page.waitForFunction(() => document.querySelector('#hub').shadowRoot.querySelector('.hero [aria-busy]'));
    await page.clock.runFor(400);
    await waitForRequests(stack, 2);
    await page.clock.runFor(1000);
    await waitForRequests(stack, 3);
    await hub.getByText('No answer came. Try again: it counts only once.').waitFor();
    await hub.locator('.hero button').click();
    await hub.getByText('5 € off is yours.').waitFor();
    const tries = stack.asked('POST', /redemptions/);
    assert.equal(tries.length, 4);
    assert.equal(new Set(tries.map(({ key }) => key)).size, 1);
    assert.match(tries[0].key, /^"[0-9a-f]{32}"$/);
    assert.equal(stack.redeemed, 1);
    assert.equal(await hub.locator('.coupon').count(), 3);
  },
);

/** Resolves when the stack has been asked so often to redeem. */
const waitForRequests = (stack, count) => waitUntil(() => stack.asked('POST', /redemptions/).length >= count);

browserTest(
  'a second click while the first is under way does nothing',
  { mode: 'page' },
  async ({ hub, stack, loaded }) => {
    await loaded();
    let go;
    stack.replies.set('redemptions', [() => new Promise((resolve) => (go = () => resolve(null)))]);
    const button = hub.locator('.hero button');
    await button.click();
    await button.and(hub.locator('[aria-busy=true]')).waitFor();
    await button.dispatchEvent('click');
    await hub.locator('.rewards button').first().dispatchEvent('click');
    go();
    await hub.getByText('5 € off is yours.').waitFor();
    assert.equal(stack.redeemed, 1);
  },
);

browserTest(
  'a refusal says why in words and spends nothing; the next try is a new one',
  {
    mode: 'page',
    prepare: (stack) =>
      stack.replies.set('redemptions', [
        stack.problem(422, 'out_of_stock'),
        stack.problem(503, 'codes_unavailable', { 'Retry-After': '600' }),
      ]),
  },
  async ({ hub, stack, loaded }) => {
    await loaded();
    await hub.locator('.hero button').click();
    await hub.locator('.status').getByText('Sold out').waitFor();
    await hub.locator('.hero button').click();
    await hub.getByText('There is no code right now. Your points are untouched').waitFor();
    const [first, second] = stack.asked('POST', /redemptions/);
    assert.notEqual(first.key, second.key);
    assert.equal(stack.redeemed, 0);
  },
);

browserTest(
  'slider and number are one value in steps, with its worth beside',
  { mode: 'page' },
  async ({ page, hub, loaded }) => {
    await loaded();
    const [number, slider, worth] = [
      hub.getByLabel('Points to use', { exact: true }),
      hub.getByLabel('Points to use, slider'),
      hub.locator('.worth'),
    ];
    const values = async () => [
      await number.inputValue(),
      await slider.inputValue(),
      await worth.innerText(),
      await slider.getAttribute('aria-valuetext'),
    ];
    assert.deepEqual(await values(), ['300', '300', '€3.00', '300 points, €3.00']);
    await slider.focus();
    await page.keyboard.press('ArrowLeft');
    assert.deepEqual(await values(), ['200', '200', '€2.00', '200 points, €2.00']);
    await number.fill('149');
    assert.deepEqual(
      (await values()).slice(0, 3),
      ['149', '100', '€1.00'],
      'typing is left alone until it is finished',
    );
    await number.press('Tab');
    assert.deepEqual((await values()).slice(0, 3), ['100', '100', '€1.00']);
    await number.fill('99999');
    await number.press('Tab');
    assert.deepEqual((await values()).slice(0, 3), ['300', '300', '€3.00'], 'no more than there are');
    await number.fill('');
    await number.press('Tab');
    assert.equal(await number.inputValue(), '300');
  },
);

browserTest(
  'paying with points buys exactly what was chosen and applies it',
  { mode: 'page' },
  async ({ hub, stack, loaded, said }) => {
    await loaded();
    await hub.getByLabel('Points to use', { exact: true }).fill('200');
    await hub.getByRole('button', { name: 'Apply to the cart' }).click();
    await hub.getByText('Your own discount is in the cart.').waitFor();
    assert.deepEqual(stack.asked('POST', /redemptions/)[0].body, { reward: 'own', points: 200 });
    assert.deepEqual(posts(stack), ['members/c-42/redemptions', 'coupons/NEW00001/apply']);
    assert.deepEqual(
      (await said()).filter(({ cancelable }) => cancelable).map(({ name, points }) => [name, points]),
      [
        ['redeem', 200],
        ['apply', undefined],
      ],
    );
  },
);

browserTest('the page prevents a step by its event', { mode: 'page' }, async ({ page, hub, stack, loaded, said }) => {
  await loaded();
  await page.evaluate(() => {
    for (const name of ['redeem', 'apply', 'release', 'share'])
      document.addEventListener(`tessera:${name}`, (event) => event.preventDefault());
  });
  await hub.locator('.hero button').click();
  await hub.getByRole('button', { name: 'Apply: 5 € off' }).click();
  await hub.getByRole('button', { name: 'Remove: Free shipping' }).click();
  await hub.getByRole('button', { name: 'Share' }).click();
  assert.deepEqual(
    (await said()).slice(1).map(({ name, composed, cancelable }) => [name, composed, cancelable]),
    [
      ['redeem', true, true],
      ['apply', true, true],
      ['release', true, true],
      ['share', true, true],
    ],
  );
  assert.deepEqual(posts(stack), []);
});

browserTest(
  'a code that the shop refuses is released, and the shop’s reason is shown',
  { mode: 'page' },
  async ({ page, hub, stack, loaded, said, until }) => {
    await loaded();
    await page.evaluate(() =>
      document.addEventListener('tessera:apply', (event) =>
        event.detail.respondWith(Promise.reject(new Error('Only from €30'))),
      ),
    );
    await hub.getByRole('button', { name: 'Apply: 5 € off' }).click();
    const text = 'The shop refused the code: Only from €30. The coupon remains yours.';
    await hub.locator('.coupon').first().getByText(text).waitFor();
    assert.equal(await hub.locator('[role=status]').innerText(), text);
    assert.deepEqual(posts(stack), ['coupons/ADA7K2M9QXT/apply', 'coupons/ADA7K2M9QXT/release']);
    await until('error');
    assert.deepEqual(
      (await said('error')).map(({ slug, action }) => [slug, action]),
      [['refused', 'apply']],
    );
    assert.equal(await hub.getByRole('button', { name: 'Apply: 5 € off' }).isVisible(), true);
  },
);

browserTest(
  'pay with points that the shop refuses leaves the coupon in the wallet, with undo',
  { mode: 'page' },
  async ({ page, hub, stack, loaded }) => {
    await loaded();
    await page.evaluate(() =>
      document.addEventListener('tessera:apply', (event) => event.detail.respondWith(Promise.reject(new Error('')))),
    );
    await hub.getByRole('button', { name: 'Apply to the cart' }).click();
    const coupon = hub.locator('.coupon').first();
    await coupon.getByText('The shop refused the code. The coupon remains yours.').waitFor();
    await coupon.locator('summary').click();
    await coupon.getByRole('button', { name: 'Undo: get 300 points back' }).click();
    await hub.getByText('300 points are back.').waitFor();
    assert.deepEqual(
      posts(stack).map((path) => path.split('/').at(-1)),
      ['redemptions', 'apply', 'release', 'cancel'],
    );
  },
);

browserTest(
  'taking a coupon out of the cart tells the shop first and gives it back to the wallet',
  { mode: 'page' },
  async ({ hub, stack, loaded, said }) => {
    await loaded();
    await hub.getByRole('button', { name: 'Remove: Free shipping' }).click();
    await hub.getByText('Free shipping is back in your coupons.').waitFor();
    assert.deepEqual(posts(stack), ['coupons/ADA-SHIP-9QX2/release']);
    assert.deepEqual(
      (await said('release')).map(({ code }) => code),
      ['ADA-SHIP-9QX2'],
    );
    assert.equal(await hub.getByRole('button', { name: 'Apply: Free shipping' }).isVisible(), true);
  },
);

browserTest(
  'a code that the shopper took out in the shop’s own cart is released when the page says so',
  { mode: 'page' },
  async ({ hub, stack, loaded }) => {
    await loaded();
    await hub.evaluate((element) => element.released('ADA-SHIP-9QX2'));
    await hub.getByText('The code left the cart. The coupon is yours again.').waitFor();
    assert.deepEqual(posts(stack), ['coupons/ADA-SHIP-9QX2/release']);
  },
);

browserTest(
  'undo is offered for what the shopper may cancel alone: not for codes of a pool or of the shop’s checkout',
  { mode: 'page', prepare: (stack) => (stack.drawn = true) },
  async ({ hub, loaded }) => {
    await loaded();
    await hub.locator('.coupon summary').first().click();
    await hub.getByRole('button', { name: 'Copy the code' }).first().waitFor();
    await hub.locator('.hero button').click();
    await hub.getByText('5 € off is yours. You have 70 points left.').waitFor();
    assert.equal(await hub.getByRole('button', { name: /^Undo/ }).count(), 0);
  },
);

browserTest(
  'a refusal to undo leaves the hub as it is',
  { mode: 'page', prepare: (stack) => stack.replies.set('cancel', stack.problem(403, 'forbidden')) },
  async ({ hub, loaded }) => {
    await loaded();
    await hub.locator('.coupon summary').first().click();
    await hub.getByRole('button', { name: 'Undo: get 250 points back' }).click();
    await hub.locator('.status p').waitFor();
    assert.equal(await hub.locator('.balance').isVisible(), true);
  },
);

browserTest(
  'a coupon’s QR is drawn from the stack’s SVG, geometry alone',
  { mode: 'page' },
  async ({ page, hub, stack, loaded }) => {
    await loaded();
    await hub.locator('.coupon summary').first().click();
    const picture = hub.getByRole('img', { name: 'QR code of ADA7K2M9QXT' });
    await picture.waitFor();
    assert.deepEqual(await picture.evaluate((svg) => [...svg.children].map(({ tagName }) => tagName)), [
      'rect',
      'path',
    ]);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    const [request] = stack.asked('GET', /svg$/);
    assert.deepEqual(
      [request.path, request.query.get('format'), request.token],
      ['/v1/coupons/ADA7K2M9QXT.svg', 'qr', TOKEN],
    );
    const box = await picture.boundingBox();
    assert.ok(box.width > 100 && Math.abs(box.width - box.height) < 1);
  },
);

browserTest(
  'without a picture the code itself stands there',
  {
    mode: 'page',
    prepare: (stack) => stack.replies.set('GET /v1/coupons/ADA7K2M9QXT.svg', stack.problem(404, 'not_found')),
  },
  async ({ hub, loaded }) => {
    await loaded();
    await hub.locator('.coupon summary').first().click();
    await hub.locator('.qr').getByText('ADA7-K2M9-QXT').waitFor();
  },
);

browserTest(
  'a visitor joins, with the referral code of the page’s address',
  { token: null, elements: (stack) => stack.element({ mode: 'page' }), prepare: (stack) => (stack.state = 'visitor') },
  async ({ page, hub, stack, url, said, loaded }) => {
    await page.goto(`${url}?ref=ADA4K7Q&ref_click=k-1`);
    await page.locator('#hub').evaluate((element, token) => element.setAttribute('token', token), TOKEN);
    await hub.getByRole('button', { name: 'Join Club Ada' }).click();
    await hub.getByText('Welcome to Club Ada!').waitFor();
    await loaded();
    assert.deepEqual(stack.asked('POST', /members$/)[0].body, {
      locale: 'en-GB',
      referral_code: 'ADA4K7Q',
      click: 'k-1',
    });
    assert.equal((await said('join'))[0].cancelable, true);
  },
);

browserTest(
  'sharing copies the link where the browser cannot share, and is counted',
  { mode: 'page' },
  async ({ page, hub, stack, loaded, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await loaded();
    await hub.getByRole('button', { name: 'Share' }).click();
    await hub.getByText('Copied.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'https://loyalty.example/r/demo/ADA4K7Q');
    await page.waitForFunction(() => true);
    await waitUntil(() => stack.asked('POST', /referral-shares/).length);
    assert.deepEqual(stack.asked('POST', /referral-shares/)[0].body, { channel: 'copy' });
  },
);

browserTest(
  'sharing uses the browser’s own sheet where there is one',
  { mode: 'page' },
  async ({ page, hub, stack, loaded }) => {
    await loaded();
    await page.evaluate(() =>
      Object.defineProperty(navigator, 'share', { value: async (what) => void (window.shared = what) }),
    );
    await hub.getByRole('button', { name: 'Share' }).click();
    await waitUntil(() => stack.asked('POST', /referral-shares/).length);
    assert.deepEqual(await page.evaluate(() => window.shared), { url: 'https://loyalty.example/r/demo/ADA4K7Q' });
    assert.deepEqual(stack.asked('POST', /referral-shares/)[0].body, { channel: 'web_share' });
  },
);

browserTest(
  'what a reward does not have is not shown, and a merchant’s address must be a web address',
  {
    mode: 'page',
    prepare: (stack) => {
      const hub = hubOf('member');
      stack.hub = {
        ...hub,
        ways_to_earn: [{ ...hub.ways_to_earn[1], action_url: 'javascript:window.pwned=1' }],
        rewards: [{ ...hub.rewards[0], image_url: 'javascript:window.pwned=1' }],
      };
    },
  },
  async ({ hub, loaded }) => {
    await loaded();
    assert.equal(await hub.locator('.earn a').count(), 0);
    assert.equal(await hub.locator('img').count(), 0);
  },
);
