// From an empty stack to the first points, in five steps.

import { html, useEffect, useState } from '../vendor/preact.js';
import { address, get, loadProgramme, send, useAction, useLoad } from '../core.js';
import { Button, Chip, Copied, Link, Status, TextField } from '../ui.js';
import { points, t } from '../words.js';
import { CLOSED } from './overview.js';

const TRIED = 'tessera.tried';
const TRIES = 30;
/** The name that a new programme has. */
const UNNAMED = 'Tessera';

const Name = ({ programme, done }) => {
  const [name, setName] = useState(programme.name === UNNAMED ? '' : programme.name);
  const [currency, setCurrency] = useState(programme.currency);
  const { run, busy, error } = useAction(async () => {
    const { etag, id: _id, version: _version, updated_at: _time, ...document } = programme;
    await send('PUT', '/v1/program', { body: { ...document, name: name.trim(), currency: currency.trim().toUpperCase() }, ifMatch: etag });
    await loadProgramme();
  });
  const faultOf = (key) => error?.faults.find(({ pointer }) => pointer === `/${key}`)?.detail;
  if (done) return html`<p class="muted small">${programme.name} · ${programme.currency} · ${programme.timezone}</p>`;
  return html`
    <div class="fields">
      <${TextField} id="first-name" label=${t('What is your programme called?')} value=${name} onInput=${setName} fault=${faultOf('name')} />
      <${TextField} id="first-currency" label=${t('Currency')} value=${currency} onInput=${setCurrency} fault=${faultOf('currency')} maxlength="3" />
    </div>
    <div class="row"><${Button} primary busy=${busy} disabled=${!name.trim()} onClick=${() => run()}>${t('Save')}<//></div>
    <${Status} error=${error && !error.faults.length ? error : null} />
  `;
};

/** Sends a receipt of an invented customer and waits until it is decided. */
const FirstReceipt = ({ programme, onDone }) => {
  const [total, setTotal] = useState('60.00');
  const [outcome, setOutcome] = useState(JSON.parse(sessionStorage.getItem(TRIED) ?? 'null'));
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const id = `test-${idempotencyKey.slice(0, 8)}`;
    const body = { id, occurred_at: new Date().toISOString(), member: { id: 'test-customer' }, currency: programme.currency, total: total.trim() };
    await send('POST', '/v1/members', { body: { id: 'test-customer', first_name: t('Test customer') } });
    await send('POST', '/v1/receipts', { body, idempotencyKey });
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const receipt = await get(`/v1/receipts/${id}`);
      if (receipt.status !== 'accepted') {
        const found = { id, points: receipt.decision?.points.redeemable ?? 0 };
        sessionStorage.setItem(TRIED, JSON.stringify(found));
        setOutcome(found);
        onDone();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  });
  if (outcome)
    return html`<p>${t('The receipt gave {points}.', { points: points(outcome.points) })} <${Link} to=${address('why', 'receipt', outcome.id, 'test-customer')}>${t('See why')}<//> · <${Link} to=${address('members', 'test-customer')}>${t('See the member')}<//></p>`;
  return html`
    <div class="fields"><${TextField} id="first-total" label=${t('Total')} inputmode="decimal" value=${total} onInput=${setTotal} fault=${error?.faults.find(({ pointer }) => pointer === '/total')?.detail} /></div>
    <div class="row"><${Button} primary busy=${busy} onClick=${() => run()}>${t('Send a test receipt')}<//></div>
    <p class="help">${t('A real receipt of an invented customer named test-customer.')}</p>
    <${Status} error=${error && !error.faults.length ? error : null} />
  `;
};

const SYSTEMS = { klaviyo: 'Klaviyo', shopify: 'Shopify', woocommerce: 'WooCommerce', square: 'Square' };

/** Which systems deliver or receive; a stack without one of them says so by a 404. */
const connected = async (signal) => {
  const states = await Promise.all(Object.keys(SYSTEMS).map((name) => get(`/v1/integrations/${name}`, signal).then((one) => [name, one], () => null)));
  return states.filter((one) => one?.[1].enabled).map(([name, { health }]) => [SYSTEMS[name], !health.last_error && !health.dead && Boolean(health.last_success_at)]);
};

export const Checklist = ({ programme }) => {
  const { data: systems } = useLoad(connected, []);
  const [, draw] = useState(0);
  useEffect(() => sessionStorage.setItem(CLOSED, 'open'), []);
  const named = programme.name !== UNNAMED;
  const ruled = programme.rules.length > 0;
  const tried = sessionStorage.getItem(TRIED) !== null;
  const snippet = `<script type="module" src="${location.origin}/storefront/tessera-hub.js"></script>\n<tessera-hub api="${location.origin}" program="${programme.id}"></tessera-hub>`;
  const steps = [
    [named, t('Name the programme'), html`<${Name} programme=${programme} done=${named} />`],
    [
      ruled,
      t('Add the first rule'),
      ruled
        ? html`<p class="muted small">${programme.rules[0].name || programme.rules[0].id}</p>`
        : html`<p class="muted">${t('Begin with a template, such as points for every purchase.')}</p><div class="row"><${Link} class=${`button ${named ? 'primary' : ''}`} to=${address('rules', 'new')}>${t('Choose a template')}<//></div>`,
    ],
    [tried, t('Send a test receipt'), ruled || tried ? html`<${FirstReceipt} programme=${programme} onDone=${() => draw((count) => count + 1)} />` : html`<p class="muted">${t('It gives points once there is a rule.')}</p>`],
    [false, t('Show points in the shop'), html`<p class="muted">${t('Put this into a page of the shop. Your backend adds the token of the member.')}</p><${Copied} text=${snippet} label=${t('Copy the snippet')} />`],
    [
      Boolean(systems?.some(([, works]) => works)),
      t('Connect the shop'),
      html`
        ${systems?.length > 0 && html`<p>${systems.map(([name, works]) => html`<${Chip} tone=${works ? '' : 'warn'}>${name}: ${works ? t('works') : t('nothing arrived yet')}<//> `)}</p>`}
        <p class="muted">${t('Orders arrive by themselves, and events go out to Klaviyo or any address of yours.')}</p>
        <div class="row"><${Link} class="button" to=${address('connections')}>${t('Choose a system')}<//></div>
      `,
    ],
  ];
  const close = () => {
    sessionStorage.setItem(CLOSED, 'closed');
    loadProgramme();
  };
  return html`
    <section class="card stack" aria-label=${t('First points')}>
      <div class="between">
        <div>
          <h1>${t('First points')}</h1>
          <p class="muted">${t('Five steps, about five minutes.')}</p>
        </div>
        ${ruled && html`<${Button} quiet onClick=${close}>${t('Hide')}<//>`}
      </div>
      <ol class="steps">
        ${steps.map(
          ([done, title, content], index) => html`
            <li class=${done ? 'done' : ''}>
              <span class="mark" aria-hidden="true">${done ? '✓' : index + 1}</span>
              <div class="stack tight">
                <h2>${title}${done && html`<span class="hidden"> (${t('done')})</span>`}</h2>
                ${content}
              </div>
            </li>
          `,
        )}
      </ol>
    </section>
  `;
};
