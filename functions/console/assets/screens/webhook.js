// Webhook endpoints: addresses of the merchant that get a signed request for each event.

import { html, useEffect, useState } from '../vendor/preact.js';
import { address, get, getAll, navigate, send, useAction, useList, useLoad } from '../core.js';
import { Button, Chip, Confirm, Copied, Dialog, Empty, Failed, Faults, Link, Loading, Menu, Once, Paged, Status, TextField } from '../ui.js';
import { dateTime, t } from '../words.js';

const pathOf = (id, rest = '') => `/v1/webhook-endpoints/${encodeURIComponent(id)}${rest}`;
const FOLLOW_MILLISECONDS = [1000, 3000, 6000, 12_000];

export const eventsWords = (events) => (events.includes('*') ? t('every event') : t('{n} types of events', { n: events.length }));

export const StatusChip = ({ endpoint: { status } }) =>
  status === 'enabled' ? html`<${Chip}>${t('on')}<//>` : html`<${Chip} tone="warn">${t('off')}<//>`;

const groupWords = () => ({
  entry: t('Points'),
  tier: t('Tiers'),
  coupon: t('Coupons'),
  referral: t('Referrals'),
  notice: t('Notices'),
  referral_event: t('Steps of referrals'),
});

/** Which events: all of them, or chosen ones by group. */
const Events = ({ value, onChange, fault }) => {
  const { data, error } = useLoad((signal) => getAll('/v1/event-types', signal), []);
  const all = value.includes('*');
  const groups = Map.groupBy?.(data ?? [], ({ type }) => type.split('.')[1]) ?? new Map([['', data ?? []]]);
  const words = groupWords();
  const toggle = (type) => onChange(value.includes(type) ? value.filter((one) => one !== type) : [...value, type]);
  return html`
    <fieldset class="stack tight">
      <legend class="label">${t('Events')}</legend>
      <label class="check"><input type="checkbox" checked=${all} onChange=${() => onChange(all ? [] : ['*'])} />${t('every event, also those that come later')}</label>
      ${error && html`<${Failed} error=${error} />`}
      ${!all &&
      [...groups].map(
        ([group, types]) => html`
          <details key=${group}>
            <summary>${words[group] ?? group} <span class="muted small">${types.filter(({ type }) => value.includes(type)).length} / ${types.length}</span></summary>
            ${types.map(
              ({ type, description }) => html`
                <label class="check" key=${type}>
                  <input type="checkbox" checked=${value.includes(type)} onChange=${() => toggle(type)} />
                  <span><code>${type}</code> <span class="why" lang="en">${description}</span></span>
                </label>
              `,
            )}
          </details>
        `,
      )}
      ${fault && html`<p class="fault">${fault}</p>`}
    </fieldset>
  `;
};

const Secret = ({ title, secret, onClose, children }) => html`
  <${Once} title=${title} onClose=${onClose}>
    <p>${t('Whoever receives the requests checks their signature with it. It is shown this once.')}</p>
    ${secret ? html`<${Copied} text=${secret} label=${t('Copy the secret')} />` : html`<p class="notice warn">${t('The answer with the secret was lost. Replace the secret to get another one.')}</p>`}
    ${children}
  <//>
`;

const faultAt = (error, pointer) => error?.faults.filter((fault) => fault.pointer.startsWith(pointer)).map(({ detail }) => detail).join('; ') || undefined;

/** Adds an endpoint, or changes one; another host needs the secret again. */
const EndpointForm = ({ endpoint, onClose, onDone }) => {
  const [url, setUrl] = useState(endpoint?.url ?? '');
  const [description, setDescription] = useState(endpoint?.description ?? '');
  const [events, setEvents] = useState(endpoint?.events ?? ['*']);
  const [secret, setSecret] = useState('');
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const body = { url: url.trim(), description: description.trim(), events, ...(secret.trim() && { secret: secret.trim() }) };
    const { data } = endpoint ? await send('PATCH', pathOf(endpoint.id), { body }) : await send('POST', '/v1/webhook-endpoints', { body, idempotencyKey });
    onDone(data);
  });
  const needsSecret = error?.slug === 'credentials_required';
  const known = ['/url', '/description', '/events', '/secret'].some((pointer) => faultAt(error, pointer));
  return html`
    <${Dialog}
      title=${endpoint ? t('Change the endpoint') : t('Add an endpoint')}
      ...${{ onClose }}
      onSubmit=${() => run()}
      actions=${html`<${Button} onClick=${onClose}>${t('Cancel')}<//><${Button} type="submit" primary busy=${busy}>${endpoint ? t('Save') : t('Add')}<//>`}
    >
      <${TextField} id="hook-url" type="url" label=${t('Address')} help=${t('It begins with https:// and is reachable from the internet.')} placeholder="https://" value=${url} onInput=${setUrl} fault=${faultAt(error, '/url') ?? (error?.slug === 'address_not_allowed' ? error.words : undefined)} autofocus />
      <${TextField} id="hook-description" label=${t('What it is for')} optional maxlength="200" value=${description} onInput=${setDescription} fault=${faultAt(error, '/description')} />
      ${(needsSecret || secret) &&
      html`<${TextField} id="hook-secret" label=${t('Its secret today')} help=${t('Another host gets a new secret, so the old one is asked for.')} autocomplete="off" value=${secret} onInput=${setSecret} fault=${faultAt(error, '/secret') ?? (needsSecret ? t('Paste the secret.') : undefined)} />`}
      <${Events} value=${events} onChange=${setEvents} fault=${faultAt(error, '/events')} />
      ${error && !known && !needsSecret && error.slug !== 'address_not_allowed' && html`<${Faults} error=${error} />`}
    <//>
  `;
};

export const NewEndpoint = ({ onClose }) => {
  const [made, setMade] = useState(null);
  if (!made) return html`<${EndpointForm} ...${{ onClose }} onDone=${setMade} />`;
  const open = () => navigate(address('connections', 'webhooks', made.id));
  return html`<${Secret} title=${t('Copy the secret now')} secret=${made.secret} onClose=${open} />`;
};

const deliveryWords = () => ({ delivered: [t('delivered'), ''], pending: [t('waits'), 'warn'], failed: [t('failed'), 'bad'] });

const Deliveries = ({ id, turn, onDone }) => {
  const list = useList(pathOf(id, '/deliveries'), [id, turn]);
  const words = deliveryWords();
  const resend = useAction(async (idempotencyKey, delivery) => {
    await send('POST', pathOf(id, `/deliveries/${encodeURIComponent(delivery)}/resend`), { idempotencyKey });
    onDone(t('It is sent again, with the same id.'));
  });
  // What was just asked for is sent within seconds.
  useEffect(() => {
    if (!turn) return undefined;
    const timers = FOLLOW_MILLISECONDS.map((milliseconds) => setTimeout(list.reload, milliseconds));
    return () => timers.forEach(clearTimeout);
  }, [turn]);
  return html`
    <section class="stack" aria-label=${t('Deliveries')}>
      <div class="between"><h2>${t('Deliveries')}</h2><${Button} quiet onClick=${list.reload}>${t('Look again')}<//></div>
      ${resend.error && html`<${Status} error=${resend.error} />`}
      <${Paged} list=${list} empty=${html`<${Empty} title=${t('Nothing was sent yet')}>${t('Send a test to see whether the address answers.')}<//>`}>
        <ol class="ledger card">
          ${list.items.map(
            (one) => html`
              <li key=${one.id}>
                <span class="muted when">${dateTime(one.at)}</span>
                <div>
                  <${Chip} tone=${words[one.status]?.[1] ?? ''}>${words[one.status]?.[0] ?? one.status}<//> <code>${one.type}</code> ${one.test && html`<span class="muted small">${t('test')}</span>`}
                  <p class="why">${[t('{n} attempts', { n: one.attempts }), one.due && t('next at {time}', { time: dateTime(one.due) }), one.response].filter(Boolean).join(' · ')}</p>
                </div>
                <div class="sum"><${Button} quiet onClick=${() => resend.run(one.id)}>${t('Resend')}<//></div>
              </li>
            `,
          )}
        </ol>
      <//>
    </section>
  `;
};

export const EndpointPage = ({ id }) => {
  const { data: endpoint, error, reload } = useLoad((signal) => get(pathOf(id), signal), [id]);
  const [dialog, setDialog] = useState(null);
  const [said, setSaid] = useState({});
  const [secret, setSecret] = useState(null);
  const [turn, setTurn] = useState(0);
  const done = (words, undo) => (setDialog(null), setSaid({ done: words, undo }), reload(), setTurn((count) => count + 1));
  const turnTo = useAction(async (_, status) => {
    await send('PATCH', pathOf(id), { body: { status } });
    const other = status === 'enabled' ? 'disabled' : 'enabled';
    done(status === 'enabled' ? t('Events are sent again.') : t('No more events are sent.'), () => turnTo.run(other));
  });
  const test = useAction(async (idempotencyKey) => {
    await send('POST', pathOf(id, '/test'), { idempotencyKey });
    done(t('A test is on its way. Its answer appears below.'));
  });
  const rotate = useAction(async (idempotencyKey) => {
    const { data } = await send('POST', pathOf(id, '/rotate'), { idempotencyKey });
    setDialog(null);
    setSecret(data);
  });
  const remove = useAction(async () => {
    await send('DELETE', pathOf(id));
    await navigate(address('connections'), { force: true });
  });
  const back = html`<p class="small"><${Link} to=${address('connections')}>${t('All connections')}<//></p>`;
  if (error) return html`${back}<h1>${t('Webhooks')}</h1><${Failed} error=${error} retry=${reload} />`;
  if (!endpoint) return html`<${Loading} lines="6" />`;
  const isOn = endpoint.status === 'enabled';
  const name = endpoint.description || endpoint.url;
  const items = [
    { label: t('Change'), act: () => setDialog('change') },
    { label: isOn ? t('Turn off') : t('Turn on'), act: () => turnTo.run(isOn ? 'disabled' : 'enabled') },
    { label: t('Replace the secret'), act: () => setDialog('rotate') },
    { label: t('Delete'), danger: true, act: () => setDialog('delete') },
  ];
  return html`
    <div class="between">
      <div>
        ${back}
        <h1>${name} <${StatusChip} endpoint=${endpoint} /></h1>
        <p class="muted small"><span class="code">${endpoint.url}</span> · ${eventsWords(endpoint.events)} · ${t('added on {time}', { time: dateTime(endpoint.created_at) })}</p>
      </div>
      <div class="row">
        ${isOn ? html`<${Button} primary busy=${test.busy} onClick=${() => test.run()}>${t('Send a test')}<//>` : html`<${Button} primary busy=${turnTo.busy} onClick=${() => turnTo.run('enabled')}>${t('Turn on')}<//>`}
        <${Menu} id="hook-menu" label=${t('More')} items=${items} />
      </div>
    </div>
    <${Status} error=${turnTo.error ?? test.error} ...${said} />
    ${!isOn && html`<p class="notice warn">${endpoint.disabled_because ? t('It was turned off: {why}', { why: endpoint.disabled_because }) : t('It is turned off: events of this time are not sent to it.')}</p>`}
    <${Deliveries} ...${{ id, turn }} onDone=${done} />
    ${dialog === 'change' &&
    html`<${EndpointForm} endpoint=${endpoint} onClose=${() => setDialog(null)} onDone=${(changed) => (done(t('Saved.')), changed.secret && setSecret(changed))} />`}
    ${dialog === 'rotate' &&
    html`<${Confirm} title=${t('Replace the secret?')} action=${t('Replace it')} busy=${rotate.busy} error=${rotate.error} onClose=${() => setDialog(null)} onConfirm=${() => rotate.run()}>
      <p>${t('For 24 hours each request carries two signatures, of the old and of the new secret. Change it at the receiver in this time.')}</p>
    <//>`}
    ${dialog === 'delete' &&
    html`<${Confirm} title=${t('Delete {name}?', { name })} action=${t('Delete')} danger busy=${remove.busy} error=${remove.error} onClose=${() => setDialog(null)} onConfirm=${() => remove.run()}>
      <p>${t('No more events are sent to it, and those that wait are dropped. To stop for a while, turn it off instead.')}</p>
    <//>`}
    ${secret && html`<${Secret} title=${t('Copy the secret now')} secret=${secret.secret} onClose=${() => setSecret(null)} />`}
  `;
};
