// Publishing with a key that may only publish. It cannot list drafts: a link names the draft.

import { html, useState } from '../vendor/preact.js';
import { send, useAction } from '../core.js';
import { Button, Status, TextField } from '../ui.js';
import { dateTime, t } from '../words.js';
import { wordsOf } from './drafts.js';
import { Diff } from './editor.js';

export default ({ path: [id = ''] }) => {
  const [typed, setTyped] = useState(id);
  const draft = typed.trim().split('/').pop();
  const { run, busy, error, done } = useAction(async (idempotencyKey) => (await send('POST', `/v1/program/drafts/${encodeURIComponent(draft)}/publish`, { idempotencyKey })).data);
  const said = done && (done.status === 'scheduled' ? t('It comes into force on {time}.', { time: dateTime(done.publish_at) }) : t('Published. It is version {version}.', { version: done.version }));
  return html`
    <h1>${t('Publish a draft')}</h1>
    <p class="muted">${t('Its author gives you its link. This key may publish it, and may not read what it changes: ask, or use a key with the scope admin.')}</p>
    <form class="card stack" novalidate onSubmit=${(event) => (event.preventDefault(), draft && run())}>
      <${TextField} id="draft" label=${t('Draft')} help=${t('Its id or its link')} value=${typed} onInput=${setTyped} fault=${error && (wordsOf(error) || error.words)} autocomplete="off" />
      <div><${Button} type="submit" primary busy=${busy} disabled=${!draft}>${t('Publish')}<//></div>
      <${Status} done=${said} />
    </form>
    ${done?.diff?.length > 0 && html`<section class="card stack"><h2>${t('Changes')}</h2><${Diff} caption=${t('Changes')} changes=${done.diff} /></section>`}
  `;
};
