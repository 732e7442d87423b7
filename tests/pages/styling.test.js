// Texts, slots and styling of <tessera-hub> by the shop.

import assert from 'node:assert/strict';
import { browserTest } from './harness.js';
import { hubOf } from './states.js';

browserTest(
  'every text can be replaced, in markup and by script',
  {
    mode: 'page',
    inside:
      '<script type="application/json">{ "rewards": "Treats", "missing": { "one": "{points} left to {reward}", "other": "only {points} to {reward}" } }</script>',
  },
  async ({ hub, loaded }) => {
    await loaded();
    await hub.getByRole('heading', { name: 'Treats' }).waitFor();
    await hub.getByText('only 180 points to Free shipping').waitFor();
    await hub.evaluate((element) => (element.texts = { rewards: 'Goodies', redeem: '<b>Take</b>' }));
    await hub.getByRole('heading', { name: 'Goodies' }).waitFor();
    assert.equal(await hub.locator('.rewards button').first().innerText(), '<b>Take</b>');
  },
);

browserTest(
  'the launcher’s text and content can be replaced',
  { inside: '<span slot="launcher">Club</span>' },
  async ({ page, hub }) => {
    await page.getByRole('button', { name: 'Club' }).click();
    await hub.locator('.hero').waitFor();
  },
);

browserTest(
  'slots put the shop’s own elements into their places',
  {
    mode: 'page',
    token: null,
    inside:
      '<a slot="sign-in" href="/account">Log in here</a><p slot="before">Before</p><p slot="after">How it works</p>',
  },
  async ({ page, hub, loaded }) => {
    await loaded();
    assert.equal(await page.getByRole('link', { name: 'Log in here' }).isVisible(), true);
    assert.equal(await hub.locator('button.primary').count(), 1);
    assert.equal(await hub.locator('button.primary').isVisible(), false, 'the slot replaces the button');
    assert.equal(
      (await page.getByText('Before').isVisible()) && (await page.getByText('How it works').isVisible()),
      true,
    );
  },
);

browserTest(
  'custom properties and parts style it, and the shop’s own text styles stay out',
  {
    mode: 'page',
    prepare: (stack) =>
      (stack.css =
        'body { letter-spacing: 4px; text-transform: uppercase; font: 30px serif } tessera-hub { --tessera-accent: #123456; --tessera-font: monospace; --tessera-radius: 0px } tessera-hub::part(primary) { text-decoration: underline }'),
  },
  async ({ hub, loaded }) => {
    await loaded();
    const style = await hub.locator('button.primary').evaluate((button) => {
      const {
        backgroundColor,
        textDecorationLine,
        letterSpacing,
        textTransform,
        fontFamily,
        fontSize,
        borderTopLeftRadius,
      } = getComputedStyle(button);
      return {
        backgroundColor,
        textDecorationLine,
        letterSpacing,
        textTransform,
        fontFamily,
        fontSize,
        borderTopLeftRadius,
      };
    });
    assert.deepEqual(style, {
      backgroundColor: 'rgb(18, 52, 86)',
      textDecorationLine: 'underline',
      letterSpacing: 'normal',
      textTransform: 'none',
      fontFamily: 'monospace',
      fontSize: '15px',
      borderTopLeftRadius: '0px',
    });
  },
);

browserTest(
  'the program’s own accent is used',
  {
    mode: 'page',
    prepare: (stack) =>
      (stack.hub = {
        ...hubOf('member'),
        program: { ...hubOf('member').program, theme: { accent: '#aa3300', logo_url: null } },
      }),
  },
  async ({ hub, loaded }) => {
    await loaded();
    assert.equal(
      await hub.locator('button.primary').evaluate((button) => getComputedStyle(button).backgroundColor),
      'rgb(170, 51, 0)',
    );
  },
);

browserTest(
  'motion stays out where the shopper asks for less, and is there where not',
  { motion: 'no-preference' },
  async ({ page, hub, open }) => {
    const animation = () => hub.locator('dialog').evaluate((dialog) => getComputedStyle(dialog).animationName);
    await open();
    assert.equal(await animation(), 'rise');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    assert.equal(await animation(), 'none');
  },
);
