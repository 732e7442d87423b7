// The audit: who changed what, and why.

import { html, useState } from '../vendor/preact.js';
import { address, useList, usePaused } from '../core.js';
import { Empty, Link, Paged, TextField } from '../ui.js';
import { dateTime, t } from '../words.js';

const shown = (value) => (value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value));

/** Where what was changed has a screen. */
const placeOf = (object) => {
  const [kind, id, own] = object.replace('integrations/generic_', 'integrations/generic/').split('/');
  const places = { members: ['members', id], rules: ['rules', id], rewards: ['rewards', id], tiers: ['tiers', id], 'webhook-endpoints': ['connections', 'webhooks', id], integrations: ['connections', id, ...(own ? [own] : [])], imports: ['imports', id], 'api-keys': ['keys'], program: ['programme'] };
  return kind in places && places[kind].every(Boolean) ? address(...places[kind]) : null;
};

const Change = ({ entry }) => {
  const place = placeOf(entry.object);
  const object = html`<span class="code">${entry.object}</span>`;
  return html`<b>${entry.action}</b> ${place ? html`<${Link} to=${place}>${object}<//>` : object}`;
};

export default () => {
  const [filters, setFilters] = useState({ actor: '', action: '', object: '', from: '', to: '' });
  const wanted = usePaused(filters);
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value)).toString();
  const list = useList(`/v1/audit${query && `?${query}`}`);
  const field = (key, label, more) => html`<${TextField} key=${key} id=${`audit-${key}`} label=${label} value=${filters[key]} onInput=${(value) => setFilters({ ...filters, [key]: value })} ...${more} />`;
  return html`
    <h1>${t('Audit')}</h1>
    <div class="fields">
      ${field('actor', t('Who'), { help: t('Name of a key') })} ${field('action', t('What'))} ${field('object', t('On what'))}
      ${field('from', t('From'), { type: 'date' })} ${field('to', t('Until'), { type: 'date' })}
    </div>
    <${Paged} list=${list} empty=${html`<${Empty} title=${t('Nothing found')}>${t('Changes of the programme, of keys and of members by hand will stand here.')}<//>`}>
      <ol class="ledger card">
        ${list.items.map(
          (entry) => html`
            <li>
              <span class="muted when">${dateTime(entry.at)}</span>
              <div>
                <${Change} entry=${entry} />
                ${entry.reason && html`<p class="why">${entry.reason}</p>`}
                ${entry.changes?.length > 0 &&
                html`<details class="why"><summary>${t('{n} fields', { n: entry.changes.length })}</summary>${entry.changes.map(({ field: name, before, after }) => html`<p><code>${name}</code> ${shown(before)} → ${shown(after)}</p>`)}</details>`}
              </div>
              <span class="sum">${entry.actor}</span>
            </li>
          `,
        )}
      </ol>
    <//>
  `;
};
