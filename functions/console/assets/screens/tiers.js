// Tiers: the ladder as columns, and those outside it.

import { html } from '../vendor/preact.js';
import { address, programmeError, useProgramme } from '../core.js';
import { tierFields } from '../offers.js';
import { Empty, Failed, Link, Loading } from '../ui.js';
import { t, textOf } from '../words.js';
import { PartEditor } from './part.js';

const windowWords = (tiers) => {
  const rolling = tiers.window?.rolling_months;
  const span = rolling ? t('of the last {n} months', { n: rolling }) : tiers.window === 'lifetime' ? t('since joining') : t('of the calendar year');
  const fall = { none: t('Nobody falls.'), full: t('Who misses a tier falls to the one that they reach.') }[tiers.downgrade] ?? t('Who misses a tier falls by one.');
  return `${t('Qualifying points {span} decide.', { span })} ${fall}`;
};

const Column = ({ tier }) => html`
  <article class="card stack tight">
    <h2><${Link} to=${address('tiers', tier.id)}>${textOf(tier.name, tier.id)}<//></h2>
    <p class="muted">${tier.threshold === undefined ? t('By rule or by hand') : t('From {n} qualifying points', { n: tier.threshold })}</p>
    ${tier.benefits?.length ? html`<ul>${tier.benefits.map((one) => html`<li>${textOf(one)}</li>`)}</ul>` : html`<p class="why">${t('No benefits written yet')}</p>`}
  </article>
`;

const List = () => {
  const programme = useProgramme();
  if (programmeError()) return html`<h1>${t('Tiers')}</h1><${Failed} error=${programmeError()} />`;
  if (!programme) return html`<${Loading} />`;
  const { tiers } = programme;
  const add = (to, words, primary) => html`<${Link} class=${`button ${primary ? 'primary' : ''}`} to=${address('tiers', to)}>${words}<//>`;
  if (!tiers?.ladder?.length)
    return html`
      <h1>${t('Tiers')}</h1>
      <${Empty} title=${t('No tiers yet')} action=${add('new', t('Add the first tier'), true)}>${t('Tiers reward those who buy most. The first one begins at 0 qualifying points, for everybody.')}<//>
    `;
  return html`
    <div class="between">
      <div><h1>${t('Tiers')}</h1><p class="muted">${windowWords(tiers)}</p></div>
      <div class="row">${add('new-vip', t('New VIP tier'))} ${add('new', t('New tier'), true)}</div>
    </div>
    <div class="ladder">${tiers.ladder.map((tier) => html`<${Column} key=${tier.id} tier=${tier} />`)}</div>
    ${tiers.vip?.length > 0 && html`<h2>${t('Outside the ladder')}</h2><div class="ladder">${tiers.vip.map((tier) => html`<${Column} key=${tier.id} tier=${tier} />`)}</div>`}
  `;
};

export default ({ path: [id] }) => {
  const programme = useProgramme();
  if (!id) return html`<${List} />`;
  if (!programme) return html`<${Loading} />`;
  const isNew = id === 'new' || id === 'new-vip';
  const { ladder = [], vip = [] } = programme.tiers ?? {};
  const top = ladder.at(-1)?.threshold;
  const blank = id === 'new' ? { id: ladder.length ? 'next' : 'base', name: '', threshold: top === undefined ? 0 : Math.max(top * 2, 500) } : { id: 'vip', name: '' };
  const tier = isNew ? blank : [...ladder, ...vip].find((one) => one.id === id);
  if (!tier) return html`<h1>${id}</h1><p class="notice">${t('There is no such tier.')}</p>`;
  return html`
    <${PartEditor}
      key=${id}
      kind="tiers"
      part=${tier}
      ...${{ isNew }}
      fields=${tierFields(isNew, tier.threshold === undefined)}
      title=${t('New tier')}
      back=${t('All tiers')}
      removal=${t('The stack refuses it while members are in this tier.')}
    />
  `;
};

