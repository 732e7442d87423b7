// The programme as a whole: its settings and its document.

import { html, useState } from '../vendor/preact.js';
import { loadProgramme, programmeError, send, useProgramme } from '../core.js';
import { Fields } from '../form.js';
import { programmeFields } from '../offers.js';
import { Button, Dialog, Failed, Faults, Loading, Status } from '../ui.js';
import { dateTime, t } from '../words.js';
import { History, SaveAsDraft } from './drafts.js';
import { Diff, JsonPane, SaveBar, StaleDialog, useChecked, useDocument, useSave } from './editor.js';

const READ_ONLY = ['etag', 'id', 'version', 'updated_at'];
const documentOf = (programme) => Object.fromEntries(Object.entries(programme).filter(([key]) => !READ_ONLY.includes(key)));

/** The parts that other screens edit. What no screen has a field for is named beside the JSON. */
const parts = () => ['rules', 'rewards', 'referral'].map((key) => ({ kind: 'anything', key }));

const Editor = ({ programme }) => {
  const document = useDocument(documentOf(programme));
  const [said, setSaid] = useState({});
  const [asking, setAsking] = useState(false);
  const value = document.value && typeof document.value === 'object' && !Array.isArray(document.value) ? document.value : {};
  const check = useChecked(async (signal) => (await send('PUT', '/v1/program?dry_run=true', { body: value, signal })).data, document.dirty && document.broken === null ? value : null);
  const save = useSave(
    document,
    documentOf,
    (body, _, etag = programme.etag) => send('PUT', '/v1/program', { body, ifMatch: etag }),
    (saved) => {
      setAsking(false);
      document.settle(documentOf(saved));
      setSaid({ done: t('Saved. It is version {version}.', { version: saved.version }) });
    },
  );
  /** Whether it is not known what would change, so that nobody saves blindly. */
  const unknown = check.pending || (check.error && !check.faults.length);
  const [turn, setTurn] = useState(0);
  const changed = async (done) => {
    setSaid({ done });
    setTurn((count) => count + 1);
    const before = programme.version;
    const { data } = await send('GET', '/v1/program');
    // What is being edited stays, unless it was published.
    if (data.version !== before && !document.dirty) document.settle(documentOf(data));
    await loadProgramme();
  };
  const fields = programmeFields(Boolean(value.tiers));
  const asked = { ...save, run: () => setAsking(true), error: null };
  return html`
    <div>
      <h1>${t('Programme')}</h1>
      <p class="muted">${t('Version {version}', { version: programme.version })} · ${dateTime(programme.updated_at)}</p>
    </div>
    <${Status} ...${said} />
    <div class="cols">
      <section class="card" aria-label=${t('Settings')}>
        <${Fields} fields=${fields} value=${value} onChange=${document.setValue} faults=${check.faults} context=${{}} />
      </section>
      <section class="card" aria-label="JSON"><${JsonPane} document=${document} fields=${[...fields, ...parts()]} faults=${check.faults} /></section>
    </div>
    <${History} turn=${turn} onChange=${changed} />
    <${SaveBar} document=${document} save=${asked} faults=${check.faults} />
    ${asking &&
    !save.stale &&
    html`
      <${Dialog}
        wide
        title=${t('Save these changes?')}
        onClose=${() => setAsking(false)}
        actions=${html`<${Button} onClick=${() => setAsking(false)}>${t('Cancel')}<//><${Button} primary busy=${save.busy} disabled=${unknown} onClick=${() => save.run()}>${t('Save')}<//>`}
      >
        ${check.pending
          ? html`<${Loading} lines="2" />`
          : unknown
            ? html`<${Failed} error=${check.error} retry=${check.again} />`
            : check.error
              ? html`<${Faults} error=${check.error} />`
              : check.data?.diff?.length
                ? html`<${Diff} caption=${t('Changes')} changes=${check.data.diff} />`
                : html`<p>${t('Nothing changes.')}</p>`}
        <${Status} error=${save.error?.slug === 'two_person' ? t('Another person has to publish this. Save it as a draft.') : save.error} />
        <${SaveAsDraft} document=${value} etag=${programme.etag} onDone=${(words) => (setAsking(false), document.settle(documentOf(programme)), changed(words))} />
      <//>
    `}
    ${save.stale &&
    html`<${StaleDialog}
      stale=${save.stale}
      onClose=${save.forget}
      onAgain=${save.again}
      onReload=${async () => {
        save.forget();
        setAsking(false);
        document.settle(documentOf((await send('GET', '/v1/program')).data));
        await loadProgramme();
      }}
    />`}
  `;
};

export default () => {
  const programme = useProgramme();
  if (programmeError()) return html`<h1>${t('Programme')}</h1><${Failed} error=${programmeError()} />`;
  return programme ? html`<${Editor} programme=${programme} />` : html`<${Loading} />`;
};
