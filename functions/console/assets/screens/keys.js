// API keys: who may do what. A key is shown once.

import { html, useState } from '../vendor/preact.js';
import { getAll, send, session, signOut, useAction, useLoad } from '../core.js';
import { Button, Chip, Confirm, Copied, Dialog, Failed, Faults, Loading, Once, Status, Table, TextField } from '../ui.js';
import { date, dateTime, number, t, wholeNumber } from '../words.js';

const scopeWords = () => ({
  admin: t('everything'),
  'reports:read': t('see figures'),
  'members:read': t('see members'),
  'members:write': t('enrol and edit members'),
  support: t('correct points'),
  'rewards:redeem': t('redeem and use coupons'),
  'receipts:write': t('send receipts'),
  'interactions:write': t('send interactions'),
  'referrals:write': t('send referrals'),
  publisher: t('publish drafts of others'),
});
const KINDS = () => ({ card: t('cards'), email: t('e-mails'), phone: t('phones') });

const Checks = ({ legend, options, value, onChange }) => html`
  <fieldset class="stack tight">
    <legend class="label">${legend}</legend>
    <div class="checks">
      ${Object.entries(options).map(
        ([name, words]) => html`
          <label class="check">
            <input type="checkbox" checked=${value.includes(name)} onChange=${() => onChange(value.includes(name) ? value.filter((one) => one !== name) : [...value, name])} />
            <span>${words} <code class="muted">${name}</code></span>
          </label>
        `,
      )}
    </div>
  </fieldset>
`;

const NewKey = ({ onClose }) => {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState(['members:read']);
  const [verifies, setVerifies] = useState([]);
  const [rate, setRate] = useState('');
  const { run, busy, error, done } = useAction(async (idempotencyKey) => {
    // Without `verifies`, a key may verify everything.
    const body = { name: name.trim(), scopes, ...(rate.trim() && { per_minute: wholeNumber(rate) ?? rate }), verifies };
    return (await send('POST', '/v1/api-keys', { body, idempotencyKey })).data;
  });
  const faultOf = (pointer) => error?.faults.find((fault) => fault.pointer.startsWith(pointer))?.detail;
  if (done)
    return html`
      <${Once} title=${t('Copy the key now')} onClose=${onClose}>
        <p>${t('It is shown this once. Only its hash is stored.')}</p>
        ${done.key ? html`<${Copied} text=${done.key} label=${t('Copy the key')} />` : html`<p class="notice warn">${t('The key was made, but its answer was lost. Delete it and make another one.')}</p>`}
      <//>
    `;
  return html`
    <${Dialog}
      title=${t('New API key')}
      onClose=${onClose}
      onSubmit=${() => run()}
      actions=${html`<${Button} onClick=${onClose}>${t('Cancel')}<//><${Button} type="submit" primary busy=${busy}>${t('Make the key')}<//>`}
    >
      <${TextField} id="key-name" label=${t('Name')} help=${t('Of the person or system that uses it. It stands in the audit.')} value=${name} onInput=${setName} fault=${faultOf('/name')} autofocus />
      <${Checks} legend=${t('It may')} options=${scopeWords()} value=${scopes} onChange=${setScopes} />
      ${scopes.some((scope) => ['admin', 'members:write', 'receipts:write'].includes(scope)) && html`<${Checks} legend=${t('It may say that these are verified')} options=${KINDS()} value=${verifies} onChange=${setVerifies} />`}
      <${TextField} id="key-rate" label=${t('Requests a minute')} optional inputmode="numeric" value=${rate} onInput=${setRate} fault=${faultOf('/per_minute')} />
      ${error && !faultOf('/name') && !faultOf('/per_minute') && html`<${Faults} error=${error} />`}
    <//>
  `;
};

/** Replaces the secret with which the shop signs the tokens of its members. */
const SecretDialog = ({ onClose }) => {
  const [revokes, setRevokes] = useState(false);
  const { run, busy, error, done } = useAction(
    async (idempotencyKey) => (await send('POST', '/v1/storefront-secret/rotate', { body: { revoke_previous: revokes }, idempotencyKey })).data,
  );
  if (done)
    return html`
      <${Once} title=${t('Copy the secret now')} onClose=${onClose}>
        <p>${done.previous_valid_until ? t('The old one works until {time}.', { time: dateTime(done.previous_valid_until) }) : t('The old one works no more.')}</p>
        ${done.secret && html`<${Copied} text=${done.secret} label=${t('Copy the secret')} />`}
      <//>
    `;
  return html`
    <${Confirm} title=${t('Replace the storefront secret?')} action=${t('Replace it')} danger=${revokes} ...${{ busy, error, onClose }} onConfirm=${() => run()}>
      <p>${t('The shop signs the tokens of its members with it. The old one works for 24 hours more, so that the shop can change over.')}</p>
      <label class="check"><input type="checkbox" checked=${revokes} onChange=${() => setRevokes(!revokes)} />${t('End the old ones at once: every token signed with them is refused')}</label>
    <//>
  `;
};

export default () => {
  const { data, error, reload } = useLoad((signal) => getAll('/v1/api-keys', signal), []);
  const [making, setMaking] = useState(false);
  const [deleting, setDeleting] = useState(null);
  const [rotating, setRotating] = useState(false);
  const [said, setSaid] = useState('');
  const remove = useAction(async () => {
    await send('DELETE', `/v1/api-keys/${encodeURIComponent(deleting.id)}`);
    if (deleting.id === session.self.id) return signOut(t('You deleted the key that you were signed in with.'));
    setSaid(t('{name} is deleted.', { name: deleting.name }));
    setDeleting(null);
    return reload();
  });
  const words = scopeWords();
  return html`
    <div class="between">
      <h1>${t('API keys')}</h1>
      <div class="row">
        <${Button} onClick=${() => setRotating(true)}>${t('Storefront secret')}<//>
        <${Button} primary onClick=${() => setMaking(true)}>${t('New API key')}<//>
      </div>
    </div>
    <${Status} done=${said} />
    ${error && html`<${Failed} error=${error} retry=${reload} />`} ${!data && !error && html`<${Loading} />`}
    ${data &&
    html`
      <div class="card">
        <${Table}
          caption=${t('API keys')}
          rows=${data}
          rowKey=${(key) => key.id}
          columns=${[
            { title: t('Name'), cell: (key) => html`${key.name} ${key.id === session.self.id && html`<${Chip}>${t('yours')}<//>`}<div class="why code">${key.id}</div>` },
            { title: t('It may'), low: 2, cell: (key) => key.scopes.map((scope) => words[scope] ?? scope).join(', ') },
            { title: t('A minute'), low: 1, num: true, cell: (key) => (key.per_minute ? number(key.per_minute) : '') },
            { title: t('Made on'), low: 1, num: true, cell: (key) => date(key.created_at) },
            { title: html`<span class="hidden">${t('Actions')}</span>`, num: true, cell: (key) => html`<${Button} quiet danger aria-label=${t('Delete {name}', { name: key.name })} onClick=${() => setDeleting(key)}>${t('Delete')}<//>` },
          ]}
        />
      </div>
    `}
    ${rotating && html`<${SecretDialog} onClose=${() => setRotating(false)} />`}
    ${making && html`<${NewKey} onClose=${() => (setMaking(false), reload())} />`}
    ${deleting &&
    html`<${Confirm} title=${t('Delete {name}?', { name: deleting.name })} action=${t('Delete')} danger busy=${remove.busy} error=${remove.error} onClose=${() => setDeleting(null)} onConfirm=${() => remove.run()}>
      <p>${deleting.id === session.self.id ? t('This is your own key: you are signed out, and need another one.') : t('Whoever uses it is refused within a minute. This cannot be undone.')}</p>
    <//>`}
  `;
};
