// Drafts of the programme: what they change, publishing by a second person or at a time, and earlier versions.

import { html, useState } from '../vendor/preact.js';
import { address, may, send, useAction, useList, useLoad } from '../core.js';
import { Button, Chip, Confirm, Copied, Loading, Status, TextField } from '../ui.js';
import { dateTime, t } from '../words.js';
import { Diff } from './editor.js';

const path = (id, rest = '') => `/v1/program/drafts/${encodeURIComponent(id)}${rest}`;

/** The API's words, except where a second person is asked for. */
const wordsOf = (error) => (error?.slug === 'two_person' ? t('Another person has to publish it, with a key that is not yours or made by yours.') : error?.words);
const plain = (error) => error && { words: wordsOf(error), faults: error.faults };

const statusWords = () => ({ draft: [t('draft'), 'warn'], scheduled: [t('scheduled'), ''], published: [t('published'), 'off'] });

const Changes = ({ one }) =>
  one.diff?.length > 0 &&
  html`<details class="why"><summary>${t('{n} changes', { n: one.diff.length })}</summary><${Diff} caption=${t('Changes')} changes=${one.diff} /></details>`;

const outcome = ({ status, publish_at: time, version }) => (status === 'published' ? t('Published. It is version {version}.', { version }) : time ? t('It comes into force on {time}.', { time: dateTime(time) }) : t('It counts from this moment.'));

/** Shows everything that a draft changes, and publishes it: also for a key that may do nothing else. */
export const PublishDialog = ({ id, onClose, onDone }) => {
  const { data: draft, error: unseen } = useLoad(async (signal) => (await send('POST', path(id, '/publish?dry_run=true'), { signal })).data, [id]);
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    onDone(outcome((await send('POST', path(id, '/publish'), { idempotencyKey })).data));
  });
  const isLater = draft?.publish_at;
  return html`
    <${Confirm} title=${isLater ? t('Approve this draft?') : t('Publish this draft?')} action=${isLater ? t('Approve') : t('Publish')} busy=${busy} disabled=${!draft} onClose=${onClose} error=${plain(error ?? unseen)} onConfirm=${() => run()}>
      ${!draft && !unseen && html`<${Loading} />`}
      ${draft &&
      html`
        <p>${[draft.author, draft.note].filter(Boolean).join(' · ')}</p>
        ${draft.changes_publishing && html`<p class="notice warn">${t('It changes who may publish.')}</p>`}
        <p>${outcome(draft)}</p>
        ${draft.truncated && html`<p class="notice warn">${t('It changes more than is listed here.')}</p>`}
        ${draft.diff.length ? html`<${Diff} caption=${t('Changes')} changes=${draft.diff} />` : html`<p>${t('Nothing changes.')}</p>`}
      `}
    <//>
  `;
};

/** Saves a document as a draft; `onDone` gets what to say. */
export const SaveAsDraft = ({ document, etag, onDone }) => {
  const [note, setNote] = useState('');
  const [time, setTime] = useState('');
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const body = { program: document, ...(note.trim() && { note: note.trim() }), ...(time && { publish_at: time.length === 16 ? `${time}:00` : time }) };
    await send('POST', '/v1/program/drafts', { body, ifMatch: etag, idempotencyKey });
    onDone(t('The draft is saved. It counts once it is published.'));
  });
  return html`
    <details>
      <summary>${t('Save it as a draft instead')}</summary>
      <div class="stack">
        <div class="fields">
          <${TextField} id="draft-note" label=${t('What the publisher should know')} optional maxlength="500" value=${note} onInput=${setNote} />
          <${TextField} id="draft-time" label=${t('Comes into force')} optional type="datetime-local" value=${time} onInput=${setTime} />
        </div>
        <div><${Button} busy=${busy} onClick=${() => run()}>${t('Save as draft')}<//></div>
        ${error && html`<${Status} error=${error} />`}
      </div>
    </details>
  `;
};

const Drafts = ({ turn, onChange }) => {
  const list = useList('/v1/program/drafts', [turn]);
  const [asking, setAsking] = useState(null);
  const words = statusWords();
  const remove = useAction(async (_, id) => {
    await send('DELETE', path(id));
    onChange(t('The draft is deleted.'));
  });
  if (!list.items.length) return null;
  return html`
    <section class="card stack" aria-label=${t('Drafts')}>
      <h2>${t('Drafts')}</h2>
      ${remove.error && html`<${Status} error=${remove.error} />`}
      <ul class="ledger">
        ${list.items.map(
          (draft) => html`
            <li key=${draft.id}>
              <span class="muted when">${dateTime(draft.created_at)}</span>
              <div>
                <${Chip} tone=${words[draft.status]?.[1]}>${words[draft.status]?.[0] ?? draft.status}<//> ${draft.changes_publishing && html`<${Chip} tone="warn">${t('changes who may publish')}<//>`} ${draft.note}
                <p class="why">${[draft.author, draft.publish_at && t('comes into force on {time}', { time: dateTime(draft.publish_at) }), draft.published_by && t('published by {name}', { name: draft.published_by }), draft.refused].filter(Boolean).join(' · ')}</p>
                <${Changes} one=${draft} />
                ${draft.status === 'draft' && html`<details class="why"><summary>${t('Link for a key that may only publish')}</summary><${Copied} text=${location.origin + address('publish', draft.id)} label=${t('Copy the link')} /></details>`}
              </div>
              ${draft.status !== 'published' &&
              html`<div class="row end">
                ${draft.status === 'draft' && may('publisher') && html`<${Button} onClick=${() => setAsking(draft.id)}>${draft.publish_at ? t('Approve') : t('Publish')}<//>`}
                <${Button} quiet danger onClick=${() => remove.run(draft.id)}>${t('Delete')}<//>
              </div>`}
            </li>
          `,
        )}
      </ul>
      ${list.next && html`<div><${Button} busy=${list.loading} onClick=${list.more}>${t('Show more')}<//></div>`}
    </section>
    ${asking && html`<${PublishDialog} id=${asking} onClose=${() => setAsking(null)} onDone=${(said) => (setAsking(null), onChange(said))} />`}
  `;
};

const Versions = ({ turn, onChange }) => {
  const list = useList('/v1/program/versions', [turn]);
  const restore = useAction(async (idempotencyKey, version) => {
    await send('POST', `/v1/program/versions/${version}/restore`, { idempotencyKey });
    onChange(t('Version {version} is a draft now. Publish it to return to it.', { version }));
  });
  if (!list.items.length) return null;
  return html`
    <section class="card stack" aria-label=${t('Earlier versions')}>
      <h2>${t('Earlier versions')}</h2>
      ${restore.error && html`<${Status} error=${restore.error} />`}
      <ul class="ledger">
        ${list.items.map(
          (one, index) => html`
            <li key=${one.version}>
              <span class="muted when">${dateTime(one.at)}</span>
              <div>${[t('Version {version}', { version: one.version }), one.author ?? one.actor].filter(Boolean).join(' · ')}<${Changes} one=${one} /></div>
              ${index > 0 && html`<${Button} quiet onClick=${() => restore.run(one.version)}>${t('Return to it')}<//>`}
            </li>
          `,
        )}
      </ul>
      ${list.next && html`<div><${Button} busy=${list.loading} onClick=${list.more}>${t('Show more')}<//></div>`}
    </section>
  `;
};

/** Both lists; where the stack has none, nothing is shown. */
export const History = (props) => html`<${Drafts} ...${props} /><${Versions} ...${props} />`;
