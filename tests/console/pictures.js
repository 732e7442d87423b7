// Screenshots of every screen, at 375 and 1280 px, light and dark, to target/console. With `--tour`, the pictures of
// docs/tour.md instead, to docs/pictures.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close, launch } from './browser.js';
import { ADA, openPage, settled } from './harness.js';
import { SCREENS } from './screens.js';
import { startStack } from './stack.js';

const isTour = process.argv.includes('--tour');
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = join(root, isTour ? 'docs/pictures' : 'target/console');
const LOOKS = [[1280, 900, 'light'], [1280, 900, 'dark'], [375, 812, 'light'], [375, 812, 'dark']];

/** The pictures of the tour: name, address, and how they differ from the usual look. */
const TOUR = [
  ['console-overview', ''],
  ['console-member', '/members/15061'],
  ['console-why', '/why/receipt/537618/15061'],
  ['console-rules', '/rules'],
  ['console-rule', '/rules/every-250'],
  ['console-tiers', '/tiers'],
  ['console-referrals', '/referrals'],
  ['console-connections', '/connections'],
  ['console-phone', '/members/15061', { width: 375, height: 720, colorScheme: 'dark' }],
];
const TOUR_LOOK = { width: 1024, height: 720, colorScheme: 'light' };

/** Referrals that wait for a person, and systems that get events. */
const prepare = async (stack) => {
  const effects = [{ credit: { points: 100 } }];
  const referral = { enabled: true, advocates: { who: 'members' }, conversion: { receipt: { spend_at_least: '20.00', first_only: true } }, code: { length: 8, prefix: '', starts_after_days: 0 }, attribution_days: 30, hold_days: 14 };
  await stack.call('PUT', '/v1/referral-program', { ...referral, friend: { on: 'qualified', then: effects }, advocate: { mode: 'additive', milestones: [{ at: 1, then: effects }] }, review_at_score: 20, checks: { same_ip: 30, ip_velocity: 20, advocate_velocity: 20 } });
  const { body } = await stack.call('POST', '/v1/members', { id: 'advocate', first_name: 'Grace', last_name: 'Moor' });
  for (let n = 0; n < 8; n += 1) await stack.call('POST', '/v1/referrals', { code: body.referral_code, friend: { id: `friend-${n}` }, context: { ip: '203.0.113.7' } });
  await stack.call('POST', '/v1/webhook-endpoints', { url: 'http://127.0.0.1:8080/hooks/tessera', description: 'CRM' });
  await stack.call('POST', '/v1/webhook-endpoints', { url: 'http://127.0.0.1:8080/hooks/tills', description: 'Tills', events: ['tessera.coupon.used'] });
};

const tour = async (browser, stack) => {
  await prepare(stack);
  for (const [name, at, look] of TOUR) {
    const { page, context } = await openPage({ stack, browser }, { at, ...TOUR_LOOK, ...look });
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await context.close();
  }
  const { page: importing, context } = await openPage({ stack, browser }, { at: '/imports/new', ...TOUR_LOOK });
  const rows = Array.from({ length: 40 }, (_, n) => `shopper${n}@example.com,Ada ${n},${n % 9 ? 120 + n : '1.234'},12/25/1990,vip`);
  const file = `Email,Full name,Points balance,Birthday,Remark\n${rows.join('\n')}\n`;
  await importing.getByLabel('File', { exact: true }).setInputFiles({ name: 'customers.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
  await importing.getByRole('button', { name: 'Look at the file' }).click();
  await importing.getByRole('button', { name: 'Check every row' }).waitFor();
  await settled(importing);
  await importing.screenshot({ path: join(folder, 'console-import.png') });
  await context.close();
  const empty = await startStack('--empty');
  const { page } = await openPage({ stack: empty, browser }, TOUR_LOOK);
  await page.screenshot({ path: join(folder, 'console-first.png') });
  empty.close();
};

const everything = async (browser, stack) => {
  for (const [width, height, colorScheme] of LOOKS) {
    const { page, context } = await openPage({ stack, browser }, { width, height, colorScheme, key: null });
    await page.screenshot({ path: join(folder, `sign-in-${width}-${colorScheme}.png`) });
    await context.close();
    const opened = await openPage({ stack, browser }, { width, height, colorScheme });
    for (const [name, at] of SCREENS) {
      await opened.page.goto(`${stack.url}/console${at}`);
      await settled(opened.page);
      await opened.page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`) });
    }
    await opened.context.close();
  }
};

await mkdir(folder, { recursive: true });
const [stack, browser] = await Promise.all([startStack('--demo'), launch()]);
try {
  await stack.call('POST', '/v1/members', ADA);
  await stack.call('POST', '/v1/members/15061/redemptions', { reward: 'five-off' });
  await (isTour ? tour : everything)(browser, stack);
  console.log(folder);
} finally {
  await close(browser);
  stack.close();
}
