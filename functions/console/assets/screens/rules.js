// Rules: the list, templates, and the editor of one.

import { html, useState } from '../vendor/preact.js';
import { address, get, getAll, programmeError, useLoad, useProgramme } from '../core.js';
import { sentence } from '../sentence.js';
import { Chip, Empty, Failed, Link, Loading, SelectField } from '../ui.js';
import { number, t, textOf } from '../words.js';
import { RuleEditor } from './rule.js';
import { BLANK } from './rule.js';

export const ruleStatus = () => ({ active: t('active'), draft: t('draft'), paused: t('paused'), archived: t('archived') });

/** The last month, in days: the API counts `to` as not included. */
const lastMonth = () => {
  const iso = (time) => new Date(time).toISOString().slice(0, 10);
  const day = 86_400_000;
  return `from=${iso(Date.now() - 30 * day)}&to=${iso(Date.now() + day)}&bucket=month`;
};

const List = () => {
  const programme = useProgramme();
  const [status, setStatus] = useState('');
  // What rules gave is a figure of its own: without it, the list has a column less.
  const { data: figures } = useLoad((signal) => get(`/v1/overview?${lastMonth()}`, signal).catch(() => null), []);
  const words = ruleStatus();
  if (programmeError()) return html`<h1>${t('Rules')}</h1><${Failed} error=${programmeError()} />`;
  if (!programme) return html`<${Loading} />`;
  const rules = programme.rules.filter((rule) => !status || (rule.status ?? 'active') === status);
  const gave = (id) => figures?.top_rules?.find(({ rule }) => rule === id)?.points;
  const budget = (id) => figures?.budgets?.find(({ rule }) => rule === id);
  return html`
    <div class="between">
      <h1>${t('Rules')}</h1>
      <${Link} class="button primary" to=${address('rules', 'new')}>${t('New rule')}<//>
    </div>
    ${!programme.rules.length
      ? html`<${Empty} title=${t('No rule yet')} action=${html`<${Link} class="button primary" to=${address('rules', 'new')}>${t('Choose a template')}<//>`}>${t('A rule says what gives points. Begin with a template: points for every purchase, a welcome bonus, a birthday gift.')}<//>`
      : html`
          <${SelectField} id="status" label=${t('Status')} value=${status} onInput=${setStatus} options=${[['', t('all')], ...Object.entries(words)]} />
          <ul class="ledger card">
            ${rules.map(
              (rule) => html`
                <li key=${rule.id}>
                  <span class="when"><${Chip} tone=${(rule.status ?? 'active') === 'active' ? '' : 'off'}>${words[rule.status ?? 'active']}<//></span>
                  <div>
                    <${Link} to=${address('rules', rule.id)}>${rule.name || rule.id}<//>
                    <p class="why">${sentence(rule, programme)}</p>
                    ${budget(rule.id) && html`<p class="why">${t('{used} of {points} of its budget used', { used: number(budget(rule.id).used), points: number(budget(rule.id).points) })}</p>`}
                  </div>
                  <div class="sum">${gave(rule.id) !== undefined && html`<b>${number(gave(rule.id))}</b><div class="why">${t('points in 30 days', { n: gave(rule.id) })}</div>`}</div>
                </li>
              `,
            )}
          </ul>
        `}
  `;
};

const Templates = () => {
  const { data, error, reload } = useLoad((signal) => getAll('/v1/rule-templates', signal), []);
  const programme = useProgramme();
  if (error) return html`<h1>${t('New rule')}</h1><${Failed} error=${error} retry=${reload} />`;
  if (!data || !programme) return html`<${Loading} />`;
  return html`
    <div>
      <h1>${t('New rule')}</h1>
      <p class="muted">${t('Choose what is nearest to what you want. You can change everything before it is saved.')}</p>
    </div>
    <ul class="templates">
      <li><${Link} class="card" to=${address('rules', 'new', 'blank')}><h2>${t('From scratch')}</h2><p class="muted small">${t('An empty rule, for everything else.')}</p><//></li>
      ${data.map(
        (template) => html`
          <li key=${template.id}>
            <${Link} class="card" to=${address('rules', 'new', template.id)}>
              <h2>${textOf(template.name)}</h2>
              <p class="muted small">${textOf(template.description)}</p>
              ${template.needs.length > 0 && html`<p class="small">${t('Adds {things} too', { things: template.needs.map(({ document }) => textOf(document.name, document.id)).join(', ') })}</p>`}
            <//>
          </li>
        `,
      )}
    </ul>
  `;
};

/** A rule whose id the programme has already gets a number. */
const freeId = (programme, id) => {
  const taken = new Set(programme.rules.map((rule) => rule.id));
  for (let n = 2; taken.has(id); n += 1) id = `${id.replace(/-\d+$/, '')}-${n}`;
  return id;
};

const FromTemplate = ({ name }) => {
  const programme = useProgramme();
  const { data, error, reload } = useLoad((signal) => getAll('/v1/rule-templates', signal), []);
  if (error) return html`<${Failed} error=${error} retry=${reload} />`;
  if (!data || !programme) return html`<${Loading} />`;
  const template = name === 'blank' ? { rule: { ...BLANK, starts_at: `${new Date().toISOString().slice(0, 10)}T00:00:00` }, needs: [] } : data.find(({ id }) => id === name);
  if (!template) return html`<h1>${t('New rule')}</h1><p class="notice">${t('There is no such template.')}</p>`;
  const has = (part, id) => (part === 'rewards' ? programme.rewards : [...(programme.tiers?.ladder ?? []), ...(programme.tiers?.vip ?? [])]).some((one) => one.id === id);
  const needs = template.needs.filter(({ part, document }) => !has(part, document.id));
  return html`<${RuleEditor} isNew rule=${{ ...template.rule, id: freeId(programme, template.rule.id) }} needs=${needs} />`;
};

const Existing = ({ id }) => {
  const programme = useProgramme();
  if (programmeError()) return html`<${Failed} error=${programmeError()} />`;
  if (!programme) return html`<${Loading} />`;
  const rule = programme.rules.find((one) => one.id === id);
  if (!rule) return html`<h1>${id}</h1><p class="notice">${t('There is no such rule.')}</p><${Link} to=${address('rules')}>${t('All rules')}<//>`;
  return html`<${RuleEditor} rule=${rule} />`;
};

export default ({ path: [first, second] }) => {
  if (!first) return html`<${List} />`;
  if (first === 'new') return second ? html`<${FromTemplate} key=${second} name=${second} />` : html`<${Templates} />`;
  return html`<${Existing} key=${first} id=${first} />`;
};
