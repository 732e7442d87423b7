// The connection to a vendor: how it does, its settings, its credentials, and what was given up.

import { html, useState } from '../vendor/preact.js';
import { address, get, guardLeaving, send, useAction, useList, useLoad, useProgramme } from '../core.js';
import { Fields } from '../form.js';
import { Button, Chip, Copied, Empty, Failed, Faults, Link, Loading, Paged, Status, TextField } from '../ui.js';
import { dateTime, number, t } from '../words.js';
import { stateOf } from './connections.js';
import { JsonPane, useDocument } from './editor.js';

const text = (key, label, more) => ({ kind: 'text', key, label, optional: true, ...more });
const host = () => text('base_url', t('Another address of the vendor'), { help: t('Empty: its usual one. For tests, and for a proxy of yours.') });
const codes = () => ({
  kind: 'group',
  key: 'codes',
  label: t('Codes made in the shop'),
  add: t('Change how many are made'),
  optional: true,
  initial: { low_water: 200, fill_to: 1000 },
  fields: [
    { kind: 'number', key: 'low_water', label: t('Make more when so many are left') },
    { kind: 'number', key: 'fill_to', label: t('Fill up to') },
  ],
});

const amount = () => ({
  kind: 'choice',
  key: 'amount',
  label: t('What earns points'),
  default: t('prices as the shop shows them'),
  options: [
    ['as_priced', t('prices as the shop shows them')],
    ['with_tax', t('prices with tax')],
    ['without_tax', t('prices without tax')],
  ],
});

const ordersSince = () => ({
  kind: 'moment',
  key: 'orders_since',
  label: t('Orders count from'),
  help: t('An older order earns nothing when a change of it is the first that is seen of it. Empty: a day before the connection was made.'),
  optional: true,
});

/** The vendors: the names of their credentials (optional ones end with ?), and the fields of their settings. */
export const VENDORS = {
  klaviyo: {
    title: 'Klaviyo',
    what: () => t('Profiles and events for flows: points, tiers, rewards, referrals.'),
    credentials: ['api_key', 'webhook_secret?'],
    settings: () => [
      text('prefix', t('Names of profile properties begin with'), { help: t('Empty: “Loyalty ” and the name') }),
      { kind: 'pairs', key: 'properties', label: t('Other names of profile properties') },
      text('flow_header', t('Header with the secret of flow webhooks')),
      { kind: 'toggle', key: 'backfill', label: t('Record events without starting flows, as for a migration') },
      host(),
    ],
  },
  shopify: {
    title: 'Shopify',
    what: () => t('Orders and refunds come in, discount codes go out.'),
    credentials: ['shop', 'client_id', 'client_secret', 'access_token?'],
    settings: () => [amount(), ordersSince(), codes(), host()],
  },
  woocommerce: {
    title: 'WooCommerce',
    what: () => t('Orders and refunds come in, coupons go out.'),
    credentials: ['consumer_key', 'consumer_secret', 'webhook_secret'],
    settings: () => [{ ...host(), label: t('Address of the shop'), help: undefined, optional: false }, amount(), ordersSince(), codes()],
  },
  square: {
    title: 'Square',
    what: () => t('Payments and refunds of tills come in.'),
    credentials: ['access_token', 'signature_key'],
    settings: () => [text('notification_url', t('Address that Square sends to'), { optional: false }), amount(), ordersSince(), host()],
  },
};

const START = {
  signature: { scheme: 'hmac_sha256', header: 'x-signature', encoding: 'hex' },
  mappings: [{ when: { '/type': 'sale' }, receipt: { id: '/id', occurred_at: '/time', total: '/total', member: { id: '/customer' } } }],
};
const HEALTHY = { delivered: 0, dead: 0, skipped: 0, queue_age_seconds: 0, unknown_versions: 0, old_orders: 0, errors: [] };

/** A vendor by its name in the API; `generic/erp` is any other sender. */
const vendorOf = (name) =>
  VENDORS[name] ?? {
    title: name.split('/')[1],
    what: () => t('Sales of any other system come in. The JSON says how it signs and what its fields mean.'),
    credentials: ['secret'],
    settings: () => [{ kind: 'anything', key: 'signature' }, { kind: 'anything', key: 'mappings' }],
    start: START,
    hasNoTest: true,
  };

const credentialWords = () => ({
  api_key: t('Private API key'),
  webhook_secret: t('Secret of its webhooks'),
  shop: t('Shop, such as ada.myshopify.com'),
  client_id: t('Client id'),
  client_secret: t('Client secret'),
  access_token: t('Access token'),
  consumer_key: t('Consumer key'),
  consumer_secret: t('Consumer secret'),
  signature_key: t('Signature key'),
  secret: t('Secret that signs'),
});

const Health = ({ health }) => html`
  <dl class="tiles">
    <div class="tile"><dt>${t('Delivered')}</dt><dd>${number(health.delivered)}</dd><dd class="small muted">${health.last_success_at ? t('Last one on {time}', { time: dateTime(health.last_success_at) }) : t('none yet')}</dd></div>
    <div class="tile"><dt>${t('Given up')}</dt><dd>${number(health.dead)}</dd><dd class="small muted">${health.skipped ? t('{n} skipped', { n: health.skipped }) : ''}</dd></div>
    <div class="tile"><dt>${t('Oldest that waits')}</dt><dd>${t('{n} s', { n: health.queue_age_seconds })}</dd><dd class="small muted">${health.unknown_versions ? t('{n} of an unknown version', { n: health.unknown_versions }) : ''}</dd></div>
  </dl>
  ${health.old_orders > 0 &&
  html`<p class="notice"><b>${t('{n} changes of older orders earned nothing', { n: health.old_orders })}</b><span>${t('Set “Orders count from” to an earlier time to let their next change count.')}</span></p>`}
  ${health.last_error && html`<p class="notice bad"><b>${t('The last error')}</b><span>${health.last_error}</span></p>`}
  ${health.errors.length > 1 &&
  html`<details class="why"><summary>${t('{n} errors', { n: health.errors.length })}</summary>${health.errors.map((words) => html`<p>${words}</p>`)}</details>`}
`;

const DeadLetters = ({ name, turn, onDone }) => {
  const list = useList(`/v1/integrations/${name}/dead-letters`, [name, turn]);
  const redrive = useAction(async (idempotencyKey) => {
    const { data } = await send('POST', `/v1/integrations/${name}/redrive`, { idempotencyKey });
    onDone(data?.redriven === undefined ? t('They are sent again.') : t('{n} events are sent again.', { n: data.redriven }));
  });
  return html`
    <section class="stack" aria-label=${t('Given up')}>
      <div class="between">
        <h2>${t('Given up')}</h2>
        ${list.items.length > 0 && html`<${Button} primary busy=${redrive.busy} onClick=${() => redrive.run()}>${t('Send all again')}<//>`}
      </div>
      ${redrive.error && html`<${Status} error=${redrive.error} />`}
      <${Paged} list=${list} empty=${html`<${Empty} title=${t('Nothing was given up')}>${t('Events that the vendor refused for good will stand here, with its own words.')}<//>`}>
        <ol class="ledger card">
          ${list.items.map(
            (one) => html`
              <li key=${one.id}>
                <span class="muted when">${dateTime(one.at)}</span>
                <div><code>${one.type ?? one.id}</code><p class="why">${one.reason}</p></div>
              </li>
            `,
          )}
        </ol>
      <//>
    </section>
  `;
};

/** The settings with the credentials, which are never shown: fields that stay empty stay as they are stored. */
const Settings = ({ name, connection, onDone }) => {
  const vendor = vendorOf(name);
  const document = useDocument(connection.settings);
  const [typed, setTyped] = useState({});
  const words = credentialWords();
  const fields = vendor.settings();
  const given = Object.fromEntries(Object.entries(typed).map(([key, value]) => [key, value.trim()]).filter(([, value]) => value));
  const hasGiven = Object.keys(given).length > 0;
  const save = useAction(async (_, enabled) => {
    const body = { enabled, settings: document.value, ...(hasGiven && { credentials: given }) };
    const { data } = await send('PUT', `/v1/integrations/${name}`, { body });
    document.settle(data.settings);
    setTyped({});
    guardLeaving(false);
    onDone(enabled ? (connection.enabled ? t('Saved.') : vendor.hasNoTest ? t('Connected. It works with the first delivery.') : t('Connected. Send a test to see whether it works.')) : t('Nothing is sent any more.'));
  });
  const { error } = save;
  const needs = error?.slug === 'credentials_required';
  const faults = (error?.faults ?? []).map(({ pointer, detail }) => ({ pointer: pointer.replace(/^\/settings/, ''), detail }));
  const faultOf = (key) => faults.find(({ pointer }) => pointer === `/credentials/${key}`)?.detail ?? (needs && !given[key] ? t('Needed with this change.') : undefined);
  const hidden = faults.filter(({ pointer }) => !pointer.startsWith('/credentials/'));
  return html`
    <div class="cols">
      <section class="card stack" aria-label=${t('Settings')}>
        <h2>${t('Credentials')}</h2>
        <p class="muted small">${t('They are stored encrypted and never shown. What you leave empty stays as it is; fill in all of them to replace them.')}</p>
        <div class="fields">
          ${vendor.credentials.map((one) => {
            const key = one.replace('?', '');
            const isOptional = one !== key;
            return html`<${TextField} key=${key} id=${`credential-${key}`} label=${words[key]} optional=${isOptional} type=${key === 'shop' ? 'text' : 'password'} autocomplete="off" spellcheck="false" value=${typed[key] ?? ''} onInput=${(value) => setTyped({ ...typed, [key]: value })} fault=${isOptional && needs ? undefined : faultOf(key)} />`;
          })}
        </div>
        ${fields.some(({ kind }) => kind !== 'anything') && html`<h2>${t('Settings')}</h2>`}
        <${Fields} fields=${fields} value=${document.value} onChange=${document.setValue} faults=${hidden} context=${{}} />
      </section>
      <section class="card" aria-label="JSON"><${JsonPane} document=${document} fields=${fields} faults=${hidden} /></section>
    </div>
    ${error && html`<${Faults} error=${needs ? { faults: [], words: t('Send the credentials with this change: they are missing, or would go to another host.') } : error} />`}
    <div class="sticky row">
      <${Button} primary busy=${save.busy} disabled=${document.broken !== null} onClick=${() => save.run(true)}>${connection.enabled ? t('Save') : t('Connect')}<//>
      ${connection.enabled && html`<${Button} danger busy=${save.busy} onClick=${() => save.run(false)}>${t('Disconnect')}<//>`}
    </div>
  `;
};

export const VendorPage = ({ name }) => {
  const path = `/v1/integrations/${name}`;
  const vendor = vendorOf(name);
  const programme = useProgramme();
  const receives = programme?.id && name !== 'klaviyo' && (vendor.start ? `/v1/hooks/${programme.id}/${vendor.title}` : `/v1/webhooks/${name}/${programme.id}`);
  const { data: connection, error, reload } = useLoad(async (signal) => {
    try {
      return await get(path, signal);
    } catch (failed) {
      if (failed.status === 404 && vendor.start) return { enabled: false, settings: vendor.start, health: HEALTHY };
      throw failed;
    }
  }, [name]);
  const [said, setSaid] = useState('');
  const [turn, setTurn] = useState(0);
  const done = (words) => (setSaid(words), reload(), setTurn((count) => count + 1));
  const test = useAction(async (idempotencyKey) => {
    await send('POST', `${path}/test`, { idempotencyKey });
    done(t('A test is on its way. Look again in a moment.'));
  });
  const back = html`<p class="small"><${Link} to=${address('connections')}>${t('All connections')}<//></p>`;
  if (error) return html`${back}<h1>${vendor.title}</h1><${Failed} error=${error} retry=${reload} />`;
  if (!connection) return html`<${Loading} lines="6" />`;
  const [words, tone] = stateOf(connection);
  return html`
    <div class="between">
      <div>
        ${back}
        <h1>${vendor.title} <${Chip} tone=${tone}>${words}<//></h1>
        <p class="muted small">${vendor.what()}</p>
      </div>
      <div class="row">
        <${Button} onClick=${() => done('')}>${t('Look again')}<//>
        ${connection.enabled && !vendor.hasNoTest && html`<${Button} primary busy=${test.busy} onClick=${() => test.run()}>${t('Send a test')}<//>`}
      </div>
    </div>
    <${Status} error=${test.error} done=${said} />
    ${receives &&
    html`
      <section class="card stack tight" aria-label=${t('Address for its webhooks')}>
        <h2>${t('Address for its webhooks')}</h2>
        <${Copied} text=${`${location.origin}${receives}`} label=${t('Copy the address')} />
      </section>
    `}
    ${connection.enabled && html`<${Health} health=${connection.health} />`}
    ${connection.enabled && html`<${DeadLetters} ...${{ name, turn }} onDone=${done} />`}
    <${Settings} ...${{ name, connection }} onDone=${done} />
  `;
};
