// The real local stack, as `cargo build` makes it, with a program that uses what shoppers see.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.TESSERA ?? join(root, 'target/debug/tessera');
export const hasStack = existsSync(binary);
export const pictures = join(root, 'target/pages');

const KEY = 'tsk_pages_admin';

const rule = (id, title, on, then, values = {}) => ({
  id,
  name: title.en,
  status: 'active',
  starts_at: '2020-01-01T00:00:00',
  storefront: { visible: true, title, ...values },
  on,
  then,
});

/** The program of the pages: branded, in four languages, with every kind of reward and way. */
export const program = {
  name: 'Club Ada',
  currency: 'EUR',
  timezone: 'Europe/Rome',
  locale: 'en',
  points: {
    name: {
      en: { one: 'point', other: 'points' },
      it: { one: 'punto', other: 'punti' },
      ro: { one: 'punct', few: 'puncte', other: 'de puncte' },
      ru: { one: 'балл', few: 'балла', many: 'баллов', other: 'балла' },
    },
    expiry: { after_months: 12 },
    point_value: '0.01',
  },
  tiers: {
    ladder: [
      {
        id: 'base',
        name: { en: 'Friend', it: 'Amico', ro: 'Prieten', ru: 'Друг' },
        threshold: 0,
        benefits: [{ en: 'A point for every euro', it: 'Un punto per ogni euro', ro: 'Un punct pentru fiecare euro', ru: 'Балл за каждый евро' }],
      },
      {
        id: 'silver',
        name: { en: 'Silver', it: 'Argento', ro: 'Argint', ru: 'Серебро' },
        threshold: 500,
        benefits: [
          { en: 'Half a point more per euro', it: 'Mezzo punto in più per euro', ro: 'Jumătate de punct în plus pe euro', ru: 'На полбалла больше за евро' },
          { en: 'Free returns', it: 'Resi gratuiti', ro: 'Retururi gratuite', ru: 'Бесплатный возврат' },
        ],
      },
      {
        id: 'gold',
        name: { en: 'Gold', it: 'Oro', ro: 'Aur', ru: 'Золото' },
        threshold: 1500,
        benefits: [
          { en: 'A point more per euro', it: 'Un punto in più per euro', ro: 'Un punct în plus pe euro', ru: 'На балл больше за евро' },
          { en: 'An evening in our workshop', it: 'Una sera nel nostro laboratorio', ro: 'O seară în atelierul nostru', ru: 'Вечер в нашей мастерской' },
        ],
      },
    ],
  },
  rewards: [
    {
      id: 'five-off',
      name: { en: '5 € off', it: '5 € di sconto', ro: '5 € reducere', ru: 'Скидка 5 €' },
      description: { en: 'On any order from 20 €', it: 'Su ogni ordine da 20 €', ro: 'La orice comandă de la 20 €', ru: 'На любой заказ от 20 €' },
      type: 'amount_off',
      value: '5.00',
      minimum_spend: '20.00',
      cost: 100,
      rank: 1,
      valid_days: 90,
      code: { pattern: 'ADA-########' },
    },
    {
      id: 'delivery',
      name: { en: 'Free delivery', it: 'Spedizione gratuita', ro: 'Livrare gratuită', ru: 'Бесплатная доставка' },
      type: 'free_shipping',
      cost: 250,
      valid_days: 60,
      code: { pattern: 'POST-########' },
    },
    {
      id: 'own',
      name: { en: 'Your own discount', it: 'Lo sconto che vuoi', ro: 'Reducerea ta', ru: 'Своя скидка' },
      type: 'amount_off',
      cost_per: { points: 100, value: '1.00', min: 200, max: 5000, step: 100 },
      code: { pattern: 'OWN-########' },
    },
    {
      id: 'dinner',
      name: { en: 'Dinner for two', it: 'Cena per due', ro: 'Cină pentru doi', ru: 'Ужин на двоих' },
      type: 'custom',
      value: 'Dinner',
      cost: 4000,
      tiers: ['gold'],
      stock: 20,
      code: { pattern: 'DINE-########' },
    },
  ],
  rules: [
    rule(
      'per-euro',
      { en: 'A point for every euro', it: 'Un punto per ogni euro', ro: 'Un punct pentru fiecare euro', ru: 'Балл за каждый евро' },
      { receipt: {} },
      [{ credit: { per_unit: '1', kind: 'both' } }],
    ),
    rule(
      'every-200',
      { en: '25 points every 200 €', it: '25 punti ogni 200 €', ro: '25 de puncte la fiecare 200 €', ru: '25 баллов за каждые 200 €' },
      { receipt: { spend: { every: '200.00' } } },
      [{ credit: { points: 25 } }],
      { description: { en: 'Counted over all your orders', it: 'Su tutti i tuoi ordini', ro: 'Pentru toate comenzile tale', ru: 'По всем вашим заказам' } },
    ),
    rule(
      'welcome',
      { en: 'Join the club', it: 'Iscriviti al club', ro: 'Înscrie-te în club', ru: 'Вступите в клуб' },
      { enrollment: {} },
      [{ credit: { points: 20 } }],
    ),
  ],
  storefront: { shop_url: 'https://shop.example/', colours: { accent: '#7a3b2e' }, font: 'serif' },
};

/** Starts a stack with the program; `call` sends a request with its admin key. */
export const startStack = async (document = program) => {
  const child = spawn(binary, ['--empty', '--memory', '--port', '0', '--admin-key', KEY], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill());
  const lines = createInterface({ input: child.stdout });
  const said = {};
  await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the stack did not start')));
    lines.on('line', (line) => {
      const [name, value] = line.split(/\s+/);
      said[name] = value;
      if (name === 'ready') resolve();
    });
  });
  const url = said.ready;
  const call = async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  await call('PUT', '/v1/program', document);
  /** A member token for a customer of the demo shop. */
  const tokenOf = async (person) => {
    const body = JSON.stringify({ person });
    const response = await fetch(`${url}/_local/shop/api/token`, { method: 'POST', body });
    return (await response.json()).token;
  };
  return { url, program: said.program, call, tokenOf, stop: () => child.kill() };
};
