// States, modes, keyboard and life of <tessera-hub>.

import assert from 'node:assert/strict';
import { browserTest, TOKEN } from './harness.js';
import { entriesOf, hubOf, tokenOf } from './states.js';

browserTest(
  'before a click the page makes one request, sets no cookie and stores nothing',
  { realClock: true },
  async ({ page, stack, context }) => {
    await page.getByRole('button', { name: 'Your points' }).waitFor();
    await page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve, { timeout: 2000 })));
    assert.deepEqual(
      stack.requests.map(({ path }) => path),
      ['/tessera-hub.js'],
    );
    assert.deepEqual(await context.cookies(), []);
    assert.deepEqual(
      await page.evaluate(async () => [
        localStorage.length,
        sessionStorage.length,
        (await indexedDB.databases()).length,
        (await caches.keys()).length,
      ]),
      [0, 0, 0, 0],
    );
  },
);

browserTest(
  'opening makes two requests: the panel in the shopper’s language, and the hub',
  { locale: 'ro' },
  async ({ stack, open }) => {
    stack.requests.length = 0;
    await open('Punctele tale');
    assert.deepEqual(stack.requests.map(({ path }) => path).sort(), ['/panel.ro.js', '/v1/hub']);
    assert.equal(
      stack.requests.every(({ cookie }) => cookie === undefined),
      true,
    );
  },
);

browserTest('the ledger is requested when its place comes into view', {}, async ({ stack, hub, open, activity }) => {
  await open();
  assert.equal(stack.asked('GET', /entries/).length, 0);
  await activity();
  await hub.getByText('Purchase').first().waitFor();
  assert.equal(stack.asked('GET', /entries/).length, 1);
  assert.equal(stack.asked('GET', /entries/)[0].path, '/v1/members/c-42/entries');
});

const sees = {
  anonymous: {
    shows: ['Sign in to see your points and to use them.', 'Rewards', 'Ways to earn'],
    hides: ['Your coupons', 'Activity', 'Bring a friend', 'Get it'],
    primary: 'Sign in',
  },
  excluded: {
    shows: ['You do not take part in Club Ada. Your coupons remain yours.', 'ADA7-K2M9-QXT'],
    hides: ['Rewards', 'Ways to earn', 'Activity', 'Your tier'],
    primary: null,
  },
  visitor: {
    shows: ['40 points are waiting for you. Join to use them.', 'Rewards'],
    hides: ['Get it', 'Bring a friend', 'Your coupons'],
    primary: 'Join Club Ada',
  },
  zero: {
    shows: [
      'Your first points will stand here.',
      '250 points to go for 5 € off',
      'A coupon is a reward that you have got',
    ],
    hides: ['Get it'],
    primary: 'See how to earn',
  },
  member: {
    shows: [
      '50 points expire on 31 December',
      '30 points not available yet',
      '180 points to go for Free shipping',
      'Silver',
      'Sold out',
      'For another tier',
      '180 points missing',
      'Done on 3 March',
      '€12.40 to go for 10 points',
      '12 visits · 2 friends have bought',
      '520 tier points to go for Gold',
    ],
    hides: [],
    primary: 'Get 5 € off · 250 points',
  },
  top: {
    shows: ['You have enough for every reward.', 'Half a point more per euro'],
    hides: ['points to go for'],
    primary: 'Get 5 € off · 250 points',
  },
  debt: {
    shows: [
      'You owe 50 points after a return. What you earn next covers them first.',
      '300 points to go for 5 € off',
      '300 points missing',
    ],
    hides: ['Get it', 'Your first points'],
    primary: 'See how to earn',
  },
  spent: {
    shows: ['0 points', '250 points to go for 5 € off'],
    hides: ['Get it', 'Your first points'],
    primary: 'See how to earn',
  },
  blocked: {
    shows: ['982 points', 'For another tier', 'Sold out'],
    hides: ['You have enough', 'to go for Free shipping'],
    primary: 'Get 5 € off · 250 points',
  },
  sparse: {
    shows: ['320 points', 'Rewards', 'Newsletter'],
    hides: ['Bring a friend', 'Pay with points'],
    primary: 'Get 5 € off · 250 points',
  },
};
for (const [state, { shows, hides, primary }] of Object.entries(sees)) {
  browserTest(
    `${state}: shows what belongs to this state, with one primary action`,
    { mode: 'page', token: state === 'anonymous' ? null : TOKEN, prepare: (stack) => (stack.state = state) },
    async ({ hub, loaded, said, until }) => {
      await loaded();
      const text = (await hub.locator('.body').innerText()).replace(/\s+/g, ' ');
      for (const wanted of shows) assert.ok(text.includes(wanted), `${wanted} is missing in: ${text}`);
      for (const unwanted of hides) assert.ok(!text.includes(unwanted), `${unwanted} should not be in: ${text}`);
      const primaries = (await hub.locator('button.primary').allInnerTexts()).map((one) => one.replace(/\s+/g, ' '));
      assert.deepEqual(primaries, primary ? [primary] : []);
      await until('ready');
      assert.equal(
        (await said('ready'))[0].state,
        ['anonymous', 'excluded', 'visitor'].includes(state) ? state : 'member',
      );
    },
  );
}

browserTest(
  'without a next reward the bar is full, whether or not every reward can be had',
  { mode: 'page', prepare: (stack) => (stack.state = 'blocked') },
  async ({ hub, loaded }) => {
    await loaded();
    assert.equal(await hub.locator('.hero progress').evaluate((bar) => bar.value), 1);
    assert.equal(await hub.locator('.hero progress').getAttribute('aria-label'), 'Rewards');
  },
);

browserTest(
  'open ways to earn say what is missing with its unit, money or times',
  {
    mode: 'page',
    prepare: (stack) => {
      const hub = hubOf('member');
      const way = (title, values) => ({ rule: title, title, description: null, completed: false, ...values });
      const ways_to_earn = [
        way('Spend £1,000 once', { missing: '640.00', points: 100 }),
        way('Every fifth coffee', { missing: 3, points: 50 }),
        way('Five coffees more', { missing: 1 }),
        way('Any purchase', { missing: '8.00' }),
      ];
      stack.hub = { ...hub, program: { ...hub.program, currency: 'GBP' }, ways_to_earn };
    },
  },
  async ({ hub, loaded }) => {
    await loaded();
    assert.deepEqual(await hub.locator('.earn li p').allInnerTexts(), [
      '£640.00 to go for 100 points',
      '3 times to go for 50 points',
      '1 time to go',
      '£8.00 to go',
    ]);
  },
);

browserTest(
  'each entry of the ledger says why, in the sentences of its explanation',
  { mode: 'page' },
  async ({ hub, loaded, activity }) => {
    await loaded();
    await activity();
    await hub.locator('.entry summary').first().click();
    await hub.getByText('Why these points?').first().waitFor();
    assert.deepEqual(
      await hub.locator('.entry').first().locator('.reasons li').allInnerTexts(),
      entriesOf()[0].explanation.map(({ text }) => text),
    );
    const lines = (await hub.locator('.entry .line').allInnerTexts()).map((line) => line.replace(/\s+/g, ' ').trim());
    assert.match(lines[0], /Purchase · 1 Mar \+30 \+30 points/);
    assert.match(lines[1], /Reward · 20 Feb -250 -250 points/);
    assert.match(lines[2], /Points now available · 11 Feb 40/);
    assert.match(lines[3], /Purchase · 3 Dec 2025 12 tier points/);
  },
);

browserTest(
  'a longer ledger is continued by its cursor',
  {
    mode: 'page',
    prepare: (stack) =>
      stack.replies.set('entries', [
        { status: 200, body: { items: entriesOf().slice(0, 2), next_cursor: 'next' } },
        { status: 200, body: { items: entriesOf().slice(2), next_cursor: null } },
      ]),
  },
  async ({ hub, stack, loaded, activity }) => {
    await loaded();
    await activity();
    await hub.getByRole('button', { name: 'Show more' }).click();
    await hub.getByText('Points now available').waitFor();
    assert.equal(await hub.locator('.entry').count(), 4);
    assert.deepEqual(
      stack.asked('GET', /entries/).map(({ query }) => query.get('cursor')),
      [null, 'next'],
    );
    assert.equal(await hub.getByRole('button', { name: 'Show more' }).count(), 0);
  },
);

browserTest('the drawer keeps focus inside, closes by Escape and gives focus back', {}, async ({ page, hub, open }) => {
  const launcher = page.getByRole('button', { name: 'Your points' });
  await launcher.focus();
  await page.keyboard.press('Enter');
  await hub.locator('.body:not([aria-busy]) .hero').waitFor();
  const stops = await hub
    .locator('dialog')
    .evaluate(
      (dialog) =>
        [...dialog.querySelectorAll('button, a[href], input, summary')].filter((one) => one.checkVisibility()).length,
    );
  assert.ok(stops > 10);
  const inside = () =>
    page.evaluate(() => {
      const { activeElement } = document.querySelector('#hub').shadowRoot;
      return activeElement?.closest('dialog') ? (activeElement.dataset.key ?? activeElement.dataset.frame) : null;
    });
  const met = new Set();
  for (let step = 0; step < stops + 3; step += 1) {
    const key = await inside();
    assert.notEqual(key, null, `focus left the drawer at step ${step}`);
    met.add(key);
    await page.keyboard.press('Tab');
  }
  assert.ok(met.size >= stops - 1, `reached ${met.size} of ${stops}`);
  await page.keyboard.press('Shift+Tab');
  assert.notEqual(await inside(), null);
  await page.keyboard.press('Escape');
  assert.equal(await hub.locator('dialog').evaluate((dialog) => dialog.open), false);
  assert.equal(await launcher.evaluate((button) => button.getRootNode().activeElement === button), true);
  await open();
  await hub.getByRole('button', { name: 'Close' }).click();
  assert.equal(await hub.locator('dialog').evaluate((dialog) => dialog.open), false);
});

browserTest('a drawer that is opened again shows what is true now', {}, async ({ page, hub, stack, open, until }) => {
  await open();
  await page.keyboard.press('Escape');
  stack.hub = { ...hubOf('member'), points: { ...hubOf('member').points, available: 999 } };
  await open();
  await until('ready', 2);
  assert.match(await hub.locator('.balance').innerText(), /999/);
});

browserTest(
  'everything is done by keyboard alone: redeem, apply, read the reasons',
  {},
  async ({ page, hub, stack, open }) => {
    await open();
    await hub.locator('.hero button').focus();
    await page.keyboard.press('Enter');
    await hub.getByText('5 € off is yours. You have 70 points left.').waitFor();
    const focused = () => page.evaluate(() => document.querySelector('#hub').shadowRoot.activeElement?.dataset.key);
    assert.equal(await focused(), 'apply:NEW00001', 'focus goes on to the next step');
    await page.keyboard.press('Enter');
    await hub.getByText('5 € off is in the cart.').waitFor();
    assert.equal(await focused(), 'release:NEW00001');
    assert.deepEqual(
      stack.requests.filter(({ method }) => method === 'POST').map(({ path }) => path),
      ['/v1/members/c-42/redemptions', '/v1/coupons/NEW00001/apply'],
    );
  },
);

/** Where the drawer is scrolled to, and the top and bottom of what has focus, of the sticky head and of the message. */
const placesIn = (hub) =>
  hub.evaluate(({ shadowRoot }) => {
    const box = (element) => element?.getBoundingClientRect() ?? {};
    const at = (selector) => box(shadowRoot.querySelector(selector));
    const { top, bottom } = box(shadowRoot.activeElement);
    const { scrollTop: scrolled } = shadowRoot.querySelector('dialog');
    return { top, bottom, head: at('.head').bottom, foot: at('.status').top, scrolled };
  });
const isSeen = ({ top, bottom, head, foot }) => top >= head && bottom <= foot;

browserTest(
  'on a phone, what has focus after redeeming and after undoing by keyboard is in view',
  {},
  async ({ page, hub, open }) => {
    await open();
    await hub.locator('.hero button').focus();
    await page.keyboard.press('Enter');
    await hub.getByText('5 € off is yours. You have 70 points left.').waitFor();
    const after = await placesIn(hub);
    assert.ok(isSeen(after) && after.scrolled > 0, JSON.stringify(after));
    await hub.getByRole('button', { name: 'Undo: get 250 points back' }).last().focus();
    await page.keyboard.press('Enter');
    await hub.getByText('250 points are back.').waitFor();
    await hub.getByText('320').waitFor();
    const undone = await placesIn(hub);
    assert.ok(isSeen(undone), JSON.stringify(undone));
  },
);

browserTest('a pointer’s page stays where it is after redeeming', {}, async ({ hub, open }) => {
  await open();
  await hub.locator('.hero button').click();
  await hub.getByText('5 € off is yours. You have 70 points left.').waitFor();
  assert.equal((await placesIn(hub)).scrolled, 0);
});

browserTest(
  'page mode reads in two columns where there is room, and in one where there is not',
  { mode: 'page', viewport: { width: 1280, height: 900 } },
  async ({ page, hub, loaded }) => {
    await loaded();
    assert.equal(await hub.locator('.column').count(), 2);
    const [left] = await hub.locator('.column').all();
    assert.equal(await left.locator('.hero, .coupons').count(), 2);
    await page.setViewportSize({ width: 600, height: 900 });
    await hub.locator('.column').first().waitFor({ state: 'detached' });
    assert.deepEqual(await hub.locator('.body > section').evaluateAll((all) => all.map((one) => one.className)), [
      'hero',
      'paying',
      'rewards',
      'coupons',
      'tier',
      'refer',
      'earn',
      'activity',
    ]);
  },
);

browserTest(
  'inline mode stands in the flow and scrolls in its own box',
  { mode: 'inline', viewport: { width: 1280, height: 600 } },
  async ({ page, hub, loaded }) => {
    await loaded();
    assert.equal((await hub.boundingBox()).height, 600);
    assert.ok(await hub.evaluate((element) => element.scrollHeight > element.clientHeight));
    assert.equal(await page.getByRole('button', { name: 'Your points' }).count(), 0);
  },
);

browserTest(
  'token, member, language and mode change without a reload',
  { token: null, locale: 'en' },
  async ({ page, hub, stack, open, until }) => {
    await open();
    await hub.getByText('Sign in to see your points').waitFor();
    await hub.evaluate((element, token) => (element.token = token), TOKEN);
    await hub.getByText('180 points to go for Free shipping').waitFor();
    stack.hub = { ...hubOf('member'), points: { ...hubOf('member').points, available: 777 } };
    await hub.evaluate((element, token) => element.setAttribute('token', token), tokenOf('c-7'));
    await hub.getByText('777').waitFor();
    assert.equal(stack.requests.at(-1).token, tokenOf('c-7'));
    stack.hub = null;
    stack.requests.length = 0;
    await hub.evaluate((element) => element.setAttribute('locale', 'ru'));
    await hub.getByText('Ещё 180 баллов до награды Бесплатная доставка').waitFor();
    assert.deepEqual(
      stack.requests.map(({ path }) => path),
      ['/locales/ru.js', '/v1/hub'],
      'the panel is not loaded again',
    );
    await hub.evaluate((element) => element.setAttribute('mode', 'page'));
    await until('ready', 5);
    assert.equal(await hub.locator('dialog').count(), 0);
    await hub.evaluate((element) => element.removeAttribute('token'));
    await hub.getByText('Войдите, чтобы увидеть баллы').waitFor();
  },
);

browserTest('another member never sees what the former one saw', {}, async ({ hub, stack, open }) => {
  await open();
  stack.replies.set('GET /v1/hub', ['never', stack.problem(503, 'unavailable', { 'Retry-After': '60' })]);
  await hub.evaluate((element, token) => element.setAttribute('token', token), tokenOf('c-7'));
  assert.equal(await hub.getByText('180 points to go').count(), 0);
  assert.equal(await hub.locator('.bone.hero').count(), 1);
});

browserTest(
  'two elements on one page live beside each other',
  {
    elements: (stack) =>
      stack.element({ token: TOKEN }) + stack.element({ id: 'second', mode: 'inline', token: TOKEN, locale: 'it' }),
  },
  async ({ page, stack, hub, open }) => {
    const second = page.locator('#second');
    await second.getByText('Ancora 180 punti per Spedizione gratuita').waitFor();
    await open();
    await hub.getByText('180 points to go for Free shipping').waitFor();
    assert.equal(stack.requests.filter(({ path }) => path === '/tessera-hub.js').length, 1);
    await second.evaluate((element) => element.remove());
    await hub.locator('.hero button').click();
    await hub.getByText('5 € off is yours.').waitFor();
  },
);

browserTest(
  'an element that is taken away leaves nothing behind',
  { realClock: true },
  async ({ page, hub, stack, open, activity }) => {
    await open();
    await activity();
    stack.replies.set('GET /v1/hub', 'never');
    const left = await page.evaluate(async () => {
      const element = document.querySelector('#hub');
      // The requests, listeners and timers that the element makes from here on, and what becomes of them.
      const signals = [];
      const { addEventListener } = EventTarget.prototype;
      EventTarget.prototype.addEventListener = function (type, act, options) {
        if (this === window || this === document || this instanceof MediaQueryList) signals.push(options?.signal);
        return addEventListener.call(this, type, act, options);
      };
      const { fetch } = window;
      window.fetch = (url, options) => (signals.push(options.signal), fetch(url, options));
      const timers = new Set();
      const { setTimeout, clearTimeout } = window;
      window.setTimeout = (...args) => {
        const id = setTimeout(...args);
        timers.add(id);
        return id;
      };
      window.clearTimeout = (id) => (timers.delete(id), clearTimeout(id));
      element.setAttribute('mode', 'page');
      await new Promise((resolve) => {
        const check = () => (timers.size ? resolve() : requestAnimationFrame(check));
        check();
      });
      const markup = document.documentElement.outerHTML;
      element.remove();
      const mine = document.documentElement.getAttributeNames().concat(document.body.getAttributeNames());
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return {
        open: signals.filter((signal) => signal && !signal.aborted).length,
        unbound: signals.filter((signal) => !signal).length,
        seen: signals.length,
        timers: timers.size,
        inside: element.shadowRoot.childElementCount,
        mine,
        removed: markup.length > document.documentElement.outerHTML.length,
      };
    });
    assert.ok(left.seen > 2);
    assert.deepEqual(
      { ...left, seen: 0 },
      { open: 0, unbound: 0, seen: 0, timers: 0, inside: 0, mine: ['lang'], removed: true },
    );
  },
);

browserTest(
  'an element that is moved goes on at its new place',
  { mode: 'page' },
  async ({ page, hub, loaded, until }) => {
    await loaded();
    await page.evaluate(() => document.querySelector('main').append(document.querySelector('#hub')));
    await until('ready', 2);
    await hub.getByText('180 points to go for Free shipping').waitFor();
  },
);

browserTest(
  'a page without script shows what the shop put into the element',
  { token: null, inside: '<p id="plain">Sign in to see your points.</p>' },
  async ({ context, url }) => {
    const other = await context.browser().newContext({ javaScriptEnabled: false });
    const page = await other.newPage();
    await page.goto(url);
    assert.equal(await page.locator('#plain').isVisible(), true);
    await other.close();
  },
);
