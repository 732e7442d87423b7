// The walk through the demo shop: from the first visit to the return of an order, with a picture of each step.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Walks; `picture(name)` is called after each step. `check(actual, expected, what)` compares what the page shows. */
export const walk = async ({ page, url, picture, check }) => {
  const hub = page.locator('#hub');
  const open = async () => {
    await page.getByRole('button', { name: 'Your points' }).click();
    await hub.locator('.body:not([aria-busy]) .hero').waitFor();
  };
  const close = async () => {
    await page.keyboard.press('Escape');
    await hub.locator('dialog').waitFor({ state: 'hidden' });
  };
  const balance = async (points) => {
    await hub.locator('.balance').filter({ hasText: new RegExp(`^\\s*${points}\\b`) }).waitFor();
  };
  const said = (text) => page.locator('#said').filter({ hasText: text }).waitFor();
  const add = (name) => page.getByRole('button', { name: `Add to basket: ${name}` }).click();

  await page.goto(`${url}/_local/shop/`);
  await page.locator('html[data-ready]').waitFor();
  check(await page.locator('.product').first().locator('.points').innerText(), 'Earn 28 points', 'a product promises');
  await picture('1-visit');

  await open();
  await picture('2-anonymous');
  await hub.locator('.hero button').click();
  await page.getByLabel('Signed in as').selectOption('ada');
  await open();
  await hub.locator('.hero button').click();
  await balance(20);
  await picture('3-joined');
  await close();

  await add('Three-tier cake stand');
  await add('Three-tier cake stand');
  await page.locator('#promise').filter({ hasText: 'This basket earns 128 points.' }).waitFor();
  await picture('4-points-promised');

  await page.getByRole('button', { name: /^Pay/ }).click();
  await said('You earned 128 points');
  await picture('5-purchase');

  await open();
  await balance(148);
  await picture('6-points');

  await hub.locator('.hero button').click();
  await balance(48);
  // The shop is in London: the day comes first.
  await hub.getByText(/^48 points expire on \d{1,2} [A-Z]/).waitFor();
  await hub.locator('.coupon').first().waitFor();
  await picture('7-redeemed');

  await close();
  await add('Set of paper napkins');
  await open();
  await hub.getByRole('button', { name: 'Apply: 5 € off' }).click();
  await hub.getByText('The basket is too small for this code.').first().waitFor();
  await picture('8-refused');
  await close();
  await add('Lunch bag, red spots');
  await open();
  await hub.getByRole('button', { name: 'Apply: 5 € off' }).click();
  await hub.getByText('In the cart').first().waitFor();
  await close();
  await page.locator('#codes .code').waitFor();
  await page.locator('#total').filter({ hasText: '€19.00' }).waitFor();
  await page.locator('#promise').filter({ hasText: 'This basket earns 19 points.' }).waitFor();
  await picture('9-code-in-the-cart');

  await page.getByRole('button', { name: /^Pay/ }).click();
  await said('€19.00 paid');
  check(await page.locator('#codes .code').count(), 0, 'the code was used');
  await picture('10-used');

  await page.locator('#orders button').first().click();
  await said('Your order was returned');
  await picture('11-refund');

  await page.getByRole('link', { name: 'My points' }).click();
  await page.locator('html[data-ready]').waitFor();
  await hub.locator('.body:not([aria-busy]) .hero').waitFor();
  // The returned order's 19 points are gone, and the points that paid for the coupon are back.
  await balance(148);
  await hub.evaluate((element) => element.shadowRoot.querySelector('.activity').scrollIntoView());
  await hub.locator('.entry').first().waitFor();
  await page.evaluate(() => scrollTo(0, 0));
  await picture('12-page');
};

/** Takes pictures into a folder. */
export const camera = async (page, folder, suffix) => {
  await mkdir(folder, { recursive: true });
  return (name) => page.screenshot({ path: join(folder, `shop-${name}-${suffix}.png`) });
};
