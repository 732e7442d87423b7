// Members: the list, and one member.

import { html, useState } from '../vendor/preact.js';
import { address, may, navigate, send, useAction, useList, usePaused, useProgramme } from '../core.js';
import { Button, Chip, Dialog, Empty, Faults, Link, Paged, SelectField, Status, Table, TextField } from '../ui.js';
import { date, number, t, textOf } from '../words.js';
import { Member } from './member.js';
import { nameOf, statusWords } from './people.js';

export const EnrolDialog = ({ onClose }) => {
  const [profile, setProfile] = useState({});
  const field = (key, label, more) => html`
    <${TextField} id=${`enrol-${key}`} label=${label} value=${profile[key] ?? ''} onInput=${(value) => setProfile({ ...profile, [key]: value })} ...${more} />
  `;
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const body = Object.fromEntries(Object.entries(profile).map(([key, value]) => [key, value.trim()]).filter(([, value]) => value));
    const { data } = await send('POST', '/v1/members', { body, idempotencyKey });
    navigate(address('members', data.inner_id));
  });
  return html`
    <${Dialog}
      title=${t('Enrol a member')}
      onClose=${onClose}
      onSubmit=${() => run()}
      actions=${html`<${Button} onClick=${onClose}>${t('Cancel')}<//><${Button} type="submit" primary busy=${busy}>${t('Enrol')}<//>`}
    >
      <div class="fields">
        ${field('id', t('Customer id'), { help: t('As the shop knows them') })} ${field('email', t('E-mail'), { type: 'email' })}
        ${field('first_name', t('First name'))} ${field('last_name', t('Last name'))} ${field('phone', t('Phone'), { type: 'tel', placeholder: '+39…' })}
        ${field('card', t('Card'))}
      </div>
      <${Faults} error=${error} />
    <//>
  `;
};

const List = ({ list, filters, setFilters }) => {
  const programme = useProgramme();
  const tiers = [...(programme?.tiers?.ladder ?? []), ...(programme?.tiers?.vip ?? [])].map((tier) => [tier.id, textOf(tier.name, tier.id)]);
  const words = statusWords();
  const columns = [
    { title: t('Member'), cell: (member) => html`<${Link} to=${address('members', member.inner_id)}>${nameOf(member)}<//><div class="why">${member.id !== nameOf(member) && member.id}${member.matched === 'contact_data' && ` · ${t('found by contact data')}`}</div>` },
    { title: t('Status'), low: 2, cell: (member) => html`<${Chip} tone=${member.status === 'member' ? '' : 'off'}>${words[member.status] ?? member.status}<//>` },
    { title: t('Tier'), low: 1, cell: (member) => member.tier?.name ?? '' },
    { title: t('Points'), num: true, cell: (member) => (member.points ? number(member.points.available) : '') },
    { title: t('Last active'), low: 2, num: true, cell: (member) => (member.last_activity_at ? date(member.last_activity_at) : '') },
  ];
  return html`
    <div class="card stack">
      <div class="fields">
        <${TextField} id="query" type="search" label=${t('Search')} help=${t('Name, e-mail, phone, card or id')} value=${filters.query} onInput=${(query) => setFilters({ ...filters, query })} />
        <${SelectField} id="status" label=${t('Status')} value=${filters.status} onInput=${(status) => setFilters({ ...filters, status })} options=${[['', t('all')], ...Object.entries(words)]} />
        ${tiers.length > 0 && html`<${SelectField} id="tier" label=${t('Tier')} value=${filters.tier} onInput=${(tier) => setFilters({ ...filters, tier })} options=${[['', t('all')], ...tiers]} />`}
      </div>
      <${Paged}
        list=${list}
        empty=${Object.values(filters).some(Boolean)
          ? html`<${Empty} title=${t('Nobody found')}>${t('Take away a filter, or search for less of the name.')}<//>`
          : html`<${Empty} title=${t('Nobody yet')} action=${may('admin') && html`<${Link} class="button primary" to=${address('imports', 'new')}>${t('Import a file')}<//>`}>${t('Members appear here when the shop enrols them, or sends a receipt of theirs.')}<//>`}
      >
        <${Table} caption=${t('Members')} columns=${columns} rows=${list.items} rowKey=${(member) => member.inner_id} />
      <//>
    </div>
  `;
};

const Members = () => {
  const [filters, setFilters] = useState({ query: '', status: '', tier: '' });
  const [enrolling, setEnrolling] = useState(false);
  const wanted = usePaused(filters);
  const query = new URLSearchParams(Object.entries({ ...wanted, sort: 'last_activity' }).filter(([, value]) => value));
  const list = useList(`/v1/members?${query}`);
  return html`
    <div class="between">
      <h1>${t('Members')}</h1>
      ${may('members:write') && html`<${Button} onClick=${() => setEnrolling(true)}>${t('Enrol a member')}<//>`}
    </div>
    <${List} ...${{ list, filters, setFilters }} />
    ${enrolling && html`<${EnrolDialog} onClose=${() => setEnrolling(false)} />`}
    <${Status} />
  `;
};

export default ({ path: [member, tab] }) => (member ? html`<${Member} key=${member} member=${member} tab=${tab} />` : html`<${Members} />`);
