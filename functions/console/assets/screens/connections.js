// Connections: which systems events go to and come from, and whether that works.

import { html, useState } from '../vendor/preact.js';
import { address, get, navigate, useList, useLoad } from '../core.js';
import { Button, Chip, Empty, Link, Paged, Table, TextField } from '../ui.js';
import { dateTime, t } from '../words.js';
import { VENDORS, VendorPage } from './vendor.js';
import { EndpointPage, eventsWords, NewEndpoint, StatusChip } from './webhook.js';

/** One sentence about a connection, and how serious it is. */
export const stateOf = ({ enabled, health }) => {
  if (!enabled) return [t('not connected'), 'off'];
  if (health.dead) return [t('{n} events given up', { n: health.dead }), 'bad'];
  if (health.last_error) return [t('has an error'), 'warn'];
  return health.last_success_at ? [t('works'), ''] : [t('nothing sent yet'), 'off'];
};

const Vendor = ({ name }) => {
  const { data, error } = useLoad((signal) => get(`/v1/integrations/${name}`, signal), [name]);
  const [words, tone] = data ? stateOf(data) : error ? [error.words, 'bad'] : ['…', 'off'];
  return html`
    <li>
      <${Link} class="card" to=${address('connections', name)}>
        <h2>${VENDORS[name].title}</h2>
        <p class="small">${VENDORS[name].what()}</p>
        <p><${Chip} tone=${tone}>${words}<//></p>
        <p class="why">${data?.health.last_error ?? (data?.health.last_success_at ? t('Last one on {time}', { time: dateTime(data.health.last_success_at) }) : '')}</p>
      <//>
    </li>
  `;
};

/** Any other sender has the name that the merchant gives it, which stands in its address. */
const OtherSender = () => {
  const [name, setName] = useState('');
  const id = name.trim().toLowerCase();
  const open = (event) => {
    event.preventDefault();
    if (/^[a-z0-9-]{1,32}$/.test(id)) navigate(address('connections', 'generic', id));
  };
  return html`
    <form class="card stack" onSubmit=${open} novalidate>
      <h2>${t('Any other system')}</h2>
      <${TextField} id="sender" label=${t('Its name')} help=${t('Small letters, digits and hyphens, such as erp. It stands in the address that the system sends to.')} value=${name} onInput=${setName} fault=${id && !/^[a-z0-9-]{1,32}$/.test(id) ? t('Small letters, digits and hyphens only') : undefined} />
      <div><${Button} type="submit">${t('Open')}<//></div>
    </form>
  `;
};

const Overview = () => {
  const list = useList('/v1/webhook-endpoints');
  const [adding, setAdding] = useState(false);
  const add = (primary) => html`<${Button} primary=${primary} onClick=${() => setAdding(true)}>${t('Add an endpoint')}<//>`;
  return html`
    <h1>${t('Connections')}</h1>
    <ul class="templates">${Object.keys(VENDORS).map((name) => html`<${Vendor} key=${name} name=${name} />`)}</ul>
    <section class="stack" aria-label=${t('Webhooks')}>
      <div class="between">
        <h2>${t('Webhooks')}</h2>
        ${list.items.length > 0 && add(true)}
      </div>
      <${Paged}
        list=${list}
        empty=${html`<${Empty} title=${t('No endpoint yet')} action=${add(true)}>${t('An endpoint is an address of yours that gets a signed request for each event: points earned, a tier reached, a coupon used.')}<//>`}
      >
        <div class="card">
          <${Table}
            caption=${t('Webhooks')}
            rows=${list.items}
            rowKey=${(endpoint) => endpoint.id}
            columns=${[
              { title: t('Address'), cell: (endpoint) => html`<${Link} to=${address('connections', 'webhooks', endpoint.id)}>${endpoint.description || endpoint.url}<//>${endpoint.description && html`<div class="why code">${endpoint.url}</div>`}` },
              { title: t('Events'), low: 2, cell: ({ events }) => eventsWords(events) },
              { title: t('Status'), num: true, cell: (endpoint) => html`<${StatusChip} endpoint=${endpoint} />` },
            ]}
          />
        </div>
      <//>
    </section>
    <${OtherSender} />
    ${adding && html`<${NewEndpoint} onClose=${() => (setAdding(false), list.reload())} />`}
  `;
};

export default ({ path: [name, id] }) => {
  if (!name) return html`<${Overview} />`;
  if (name === 'webhooks' && id) return html`<${EndpointPage} key=${id} id=${id} />`;
  if (name === 'generic' && id) return html`<${VendorPage} key=${id} name=${`generic/${id}`} />`;
  if (name in VENDORS) return html`<${VendorPage} key=${name} name=${name} />`;
  return html`<h1>${t('Connections')}</h1><p class="notice">${t('The address is wrong, or what it named is gone.')}</p>`;
};
