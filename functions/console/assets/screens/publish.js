// Publishing with a key that may only publish. It cannot list drafts: a link names the draft.

import { html, useState } from '../vendor/preact.js';
import { Button, Status, TextField } from '../ui.js';
import { t } from '../words.js';
import { PublishDialog } from './drafts.js';

export default ({ path: [id = ''] }) => {
  const [typed, setTyped] = useState(id);
  const [asking, setAsking] = useState(id);
  const [done, setDone] = useState('');
  const draft = typed.trim().split('/').pop();
  const show = (event) => {
    event.preventDefault();
    setDone('');
    setAsking(draft);
  };
  return html`
    <h1>${t('Publish a draft')}</h1>
    <p class="muted">${t('Its author gives you its link. You see what it changes before you publish it.')}</p>
    <form class="card stack" novalidate onSubmit=${show}>
      <${TextField} id="draft" label=${t('Draft')} help=${t('Its id or its link')} value=${typed} onInput=${setTyped} autocomplete="off" />
      <div><${Button} type="submit" primary disabled=${!draft}>${t('Show what it changes')}<//></div>
      <${Status} done=${done} />
    </form>
    ${asking && html`<${PublishDialog} id=${asking} onClose=${() => setAsking('')} onDone=${(said) => (setAsking(''), setDone(said))} />`}
  `;
};
