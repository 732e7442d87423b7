// "Try a receipt": what the rules would do with it, as it is typed. Nothing is stored.

import { html, useState } from '../vendor/preact.js';
import { send } from '../core.js';
import { Button, Chip, SelectField, TextField } from '../ui.js';
import { points, signed, t } from '../words.js';
import { useChecked } from './editor.js';
import { pathOf } from './people.js';

const clean = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== '' && value !== undefined));

/** The fact that the fields describe, for `rules/examine`. */
export const factOf = ({ kind, total, store, channel, lines, name, properties }, currency) => {
  if (kind === 'enrollment') return { enrollment: {} };
  if (kind === 'birthday') return { birthday: {} };
  if (kind === 'inactivity') return { inactivity: {} };
  if (kind === 'interaction') {
    const pairs = properties.split(',').map((one) => one.split(':').map((part) => part.trim())).filter(([key, value]) => key && value);
    return { interaction: clean({ name, properties: pairs.length ? Object.fromEntries(pairs) : undefined }) };
  }
  const listed = lines.map(clean).filter((line) => line.amount);
  return { receipt: clean({ currency, total, store, channel, lines: listed.length ? listed : undefined }) };
};

/** The kinds that the API examines, by the trigger of the rule. */
const kindOf = (rule) => {
  const trigger = Object.keys(rule.on ?? {})[0];
  return ['interaction', 'enrollment', 'birthday', 'inactivity'].includes(trigger) ? trigger : 'receipt';
};

const sum = (lines) => {
  const cents = lines.reduce((all, { amount }) => all + Math.round(Number(amount || 0) * 100), 0);
  return (cents / 100).toFixed(2);
};

/** A rule that `waits` for parts that come with it cannot be tried: the API examines rules, not the parts that they need. */
export const TryOut = ({ rules, rule, programme, faulty, waits }) => {
  const silent = faulty || waits;
  const [kind, setKind] = useState(kindOf(rule));
  const [fields, setFields] = useState({ total: '60.00', store: '', channel: '', lines: [], name: rule.on?.interaction?.name ?? '', properties: '' });
  const [member, setMember] = useState('');
  const set = (key) => (value) => setFields({ ...fields, [key]: value });
  const setLine = (index, key, value) => {
    const lines = fields.lines.map((line, other) => (other === index ? { ...line, [key]: value } : line));
    setFields({ ...fields, lines, ...(key === 'amount' && { total: sum(lines) }) });
  };
  const addLine = () => {
    const lines = [...fields.lines, { category: '', sku: '', quantity: '1', amount: fields.lines.length ? '10.00' : fields.total }];
    setFields({ ...fields, lines, total: sum(lines) });
  };
  const dropLine = (index) => {
    const lines = fields.lines.filter((_, other) => other !== index);
    setFields({ ...fields, lines, ...(lines.length && { total: sum(lines) }) });
  };
  const body = { fact: factOf({ kind, ...fields }, programme.currency), rules, ...(member.trim() && { member: pathOf(member) }) };
  const { data, error, checking } = useChecked(async (signal) => (await send('POST', '/v1/rules/examine', { body, signal })).data, silent ? null : body);
  const faultAt = (end) => error?.faults.find(({ pointer }) => pointer.startsWith('/fact/') && pointer.endsWith(end))?.detail;
  const others = error && !error.faults.some(({ pointer }) => pointer.startsWith('/fact/'));
  const mine = (one) => one.rule === rule.id;
  const outcomes = data ? [...data.outcomes, ...data.skipped].sort((a, b) => mine(b) - mine(a)) : [];
  return html`
    <section class="card stack" aria-label=${t('Try it')}>
      <div class="between">
        <h2>${t('Try it')}</h2>
        <p class="muted small">${t('Nothing is stored.')}</p>
      </div>
      <div class="halves">
        <div class="stack">
          <div class="fields">
            <${SelectField}
              id="try-kind"
              label=${t('What happens in the shop')}
              value=${kind}
              onInput=${setKind}
              options=${[
                ['receipt', t('a purchase')],
                ['interaction', t('an interaction')],
                ['enrollment', t('joining the programme')],
                ['birthday', t('a birthday')],
                ['inactivity', t('a time without purchases')],
              ]}
            />
            <${TextField} id="try-member" label=${t('By')} help=${t('A member, or empty for somebody new')} optional value=${member} onInput=${setMember} fault=${error?.slug === 'unknown_member' || error?.status === 404 ? t('Nobody is known by that.') : undefined} />
          </div>
          ${kind === 'receipt' &&
          html`
            <div class="fields">
              <${TextField} id="try-total" label=${t('Total')} inputmode="decimal" value=${fields.total} onInput=${set('total')} fault=${faultAt('/total')} />
              <${TextField} id="try-store" label=${t('Store')} optional value=${fields.store} onInput=${set('store')} />
              <${TextField} id="try-channel" label=${t('Channel')} optional value=${fields.channel} onInput=${set('channel')} />
            </div>
            ${fields.lines.map(
              (line, index) => html`
                <div class="line" key=${index}>
                  ${[
                    ['category', t('Category')],
                    ['sku', t('SKU')],
                    ['quantity', t('Quantity')],
                    ['amount', t('Amount')],
                  ].map(([key, label]) => html`<${TextField} key=${key} id=${`line-${index}-${key}`} label=${label} value=${line[key]} onInput=${(value) => setLine(index, key, value)} />`)}
                  <${Button} quiet danger aria-label=${t('Remove line {n}', { n: index + 1 })} onClick=${() => dropLine(index)}>✕<//>
                </div>
              `,
            )}
            <div><${Button} onClick=${addLine}>${t('Add a line')}<//></div>
          `}
          ${kind === 'interaction' &&
          html`
            <div class="fields">
              <${TextField} id="try-name" label=${t('Name of the interaction')} value=${fields.name} onInput=${set('name')} fault=${faultAt('/name')} />
              <${TextField} id="try-properties" label=${t('Properties')} help="city: Milano" optional value=${fields.properties} onInput=${set('properties')} />
            </div>
          `}
        </div>
        <div class="stack tight" aria-live="polite" aria-busy=${checking ? 'true' : undefined}>
          ${silent && html`<p class="muted">${waits ? t('It can be tried once it is added.') : t('Correct the rule first; then it can be tried.')}</p>`}
          ${!silent && others && html`<p class="fault">${error.faults.map(({ detail }) => detail).join('; ') || error.words}</p>`}
          ${!silent &&
          data &&
          html`
            <p class="forecast"><b>${points(data.points.redeemable)}</b>${data.points.qualifying !== 0 && html` <span class="muted small">${t('{n} for the tier', { n: data.points.qualifying })}</span>`}</p>
            <ul class="outcome">
              ${outcomes.map(
                (one) => html`
                  <li key=${one.rule} class=${mine(one) ? 'mine' : ''}>
                    <b class=${one.credits ? 'good' : 'muted'}>${one.credits ? signed(one.credits.redeemable + (one.multiplied?.redeemable ?? 0)) : '0'}</b>
                    <span>${one.text} ${mine(one) && html`<${Chip}>${t('this rule')}<//>`}</span>
                  </li>
                `,
              )}
            </ul>
            ${!outcomes.some(mine) && html`<p class="muted">${t('This rule is not concerned: its trigger, filter, status or time does not fit.')}</p>`}
          `}
        </div>
      </div>
    </section>
  `;
};
