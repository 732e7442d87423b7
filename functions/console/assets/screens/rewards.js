// Rewards, and the codes of those that have a list of them.

import { html, useState } from '../vendor/preact.js';
import { address, programmeError, send, useAction, useProgramme } from '../core.js';
import { rewardFields } from '../offers.js';
import { Button, Chip, Empty, Failed, Faults, Field, Link, Loading, Table } from '../ui.js';
import { amount, discountWords, list, number, t, textOf } from '../words.js';
import { PartEditor } from './part.js';

const NEW = { id: 'my-reward', name: '', type: 'amount_off', value: '5.00', cost: 250, code: { pattern: 'GIFT-########' }, valid_days: 90 };
const MOST_CODES = 10_000;

/** What a reward is worth; by the points, where its shopper chooses them. */
const valueWords = ({ type, value, cost_per: per }, currency) => {
  if (!per) return discountWords({ type, value, amount: value, percent: value, currency }) || t('something else');
  const rate = t('{amount} for every {n} points', { amount: amount(per.value, currency), n: per.points });
  return type === 'gift_card' ? `${t('a gift card')} · ${rate}` : rate;
};

const costWords = ({ cost, cost_per: per }) => (per ? t('from {n}', { n: per.min ?? per.points }) : number(cost));

const List = () => {
  const programme = useProgramme();
  if (programmeError()) return html`<h1>${t('Rewards')}</h1><${Failed} error=${programmeError()} />`;
  if (!programme) return html`<${Loading} />`;
  const tiers = [...(programme.tiers?.ladder ?? []), ...(programme.tiers?.vip ?? [])];
  const tierName = (id) => textOf(tiers.find((one) => one.id === id)?.name, id);
  const add = (words) => html`<${Link} class="button primary" to=${address('rewards', 'new')}>${words}<//>`;
  return html`
    <div class="between"><h1>${t('Rewards')}</h1>${add(t('New reward'))}</div>
    ${programme.rewards.length
      ? html`
          <div class="card">
            <${Table}
              caption=${t('Rewards')}
              rows=${programme.rewards}
              rowKey=${(reward) => reward.id}
              columns=${[
                { title: t('Reward'), cell: (reward) => html`<${Link} to=${address('rewards', reward.id)}>${textOf(reward.name, reward.id)}<//><div class="why">${valueWords(reward, programme.currency)}</div>` },
                { title: t('For'), low: 1, cell: (reward) => (reward.tiers?.length ? list(reward.tiers.map(tierName)) : t('everybody')) },
                { title: t('Stock'), num: true, low: 2, cell: (reward) => (reward.stock == null ? '∞' : number(reward.stock)) },
                { title: t('Codes'), low: 2, cell: ({ code }) => html`<${Chip} tone="off">${code.pool ? t('a list') : code.provider ? code.provider : t('made here')}<//>` },
                { title: t('Cost in points'), num: true, cell: costWords },
              ]}
            />
          </div>
        `
      : html`<${Empty} title=${t('No reward yet')} action=${add(t('Add the first reward'))}>${t('A reward is what members spend points on: money off, free delivery, a product. Each redeemed one is a coupon with a code.')}<//>`}
  `;
};

/** The codes of a shop, uploaded in parts that the API takes. */
const Codes = ({ id }) => {
  const [typed, setTyped] = useState('');
  const codes = [...new Set(typed.split(/[\s,;]+/).filter(Boolean))];
  const { run, busy, error, done } = useAction(async (idempotencyKey) => {
    let added = 0, duplicates = 0, remaining = 0;
    for (let at = 0; at < codes.length; at += MOST_CODES) {
      const body = { codes: codes.slice(at, at + MOST_CODES) };
      const { data } = await send('POST', `/v1/rewards/${encodeURIComponent(id)}/codes`, { body, idempotencyKey: `${idempotencyKey}-${at}` });
      added += data.added;
      duplicates += data.duplicates;
      remaining = data.remaining;
    }
    setTyped('');
    return t('{n} codes added. There already: {duplicates}. Left to give: {remaining}.', { n: added, duplicates: number(duplicates), remaining: number(remaining) });
  });
  return html`
    <section class="card stack" aria-label=${t('Codes')}>
      <h2>${t('Upload codes')}</h2>
      <${Field} id="codes" label=${t('Codes')} help=${t('One a line, or with commas between them. A code that is there already is left as it is.')}>
        ${(tied) => html`<textarea ...${tied} rows="5" class="code" value=${typed} onInput=${(event) => setTyped(event.target.value)}></textarea>`}
      <//>
      <div class="row">
        <${Button} busy=${busy} disabled=${!codes.length} onClick=${() => run()}>${t('Add {n} codes', { n: codes.length })}<//>
        <span role="status" class="good small">${done}</span>
      </div>
      <${Faults} error=${error} />
    </section>
  `;
};

export default ({ path: [id] }) => {
  const programme = useProgramme();
  if (!id) return html`<${List} />`;
  if (!programme) return html`<${Loading} />`;
  const isNew = id === 'new';
  const reward = isNew ? NEW : programme.rewards.find((one) => one.id === id);
  if (!reward) return html`<h1>${id}</h1><p class="notice">${t('There is no such reward.')}</p>`;
  return html`
    <${PartEditor}
      key=${id}
      kind="rewards"
      part=${reward}
      ...${{ isNew }}
      fields=${rewardFields(isNew)}
      title=${t('New reward')}
      back=${t('All rewards')}
      removal=${t('Only a reward of a programme without receipts can be deleted, because members may hold its coupons. To stop offering it, set Until.')}
    >
      ${(value) => value.code?.pool && html`<${Codes} id=${id} />`}
    <//>
  `;
};
