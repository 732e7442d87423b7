// The programme as a whole: its settings, its document, and its earlier versions where the stack lists them.

import { html, useState } from '../vendor/preact.js';
import { get, loadProgramme, programmeError, send, useAction, useLoad, useProgramme } from '../core.js';
import { Fields } from '../form.js';
import { programmeFields } from '../offers.js';
import { Button, Dialog, Failed, Loading, Status } from '../ui.js';
import { dateTime, t } from '../words.js';
import { Diff, JsonPane, SaveBar, StaleDialog, useChecked, useDocument, useSave } from './editor.js';

const READ_ONLY = ['etag', 'id', 'version', 'updated_at'];
const documentOf = (programme) => Object.fromEntries(Object.entries(programme).filter(([key]) => !READ_ONLY.includes(key)));

/** The parts that other screens edit: the form leaves them alone, and the JSON has them. */
const parts = () => ['rules', 'rewards', 'coupons', 'storefront', 'identity', 'referral', 'members', 'publishing'].map((key) => ({ kind: 'anything', key }));

const Versions = () => {
  const { data, error, reload } = useLoad((signal) => get('/v1/program/versions?limit=25', signal), []);
  const [said, setSaid] = useState('');
  const restore = useAction(async (idempotencyKey, version) => {
    const { data: draft } = await send('POST', `/v1/program/versions/${version}/restore`, { idempotencyKey });
    setSaid(t('Draft {id} is version {version} again. Publish it to return to it.', { id: draft.id, version }));
  });
  if (!data || error) return null;
  return html`
    <section class="card stack">
      <h2>${t('Earlier versions')}</h2>
      <${Status} error=${restore.error} done=${said} />
      <ul class="ledger">
        ${data.items.map(
          ({ version, at, actor, diff }) => html`
            <li key=${version}>
              <span class="muted when">${dateTime(at)}</span>
              <div>${t('Version {version}', { version })} · ${actor}${diff?.length > 0 && html`<details class="why"><summary>${t('{n} changes', { n: diff.length })}</summary><${Diff} caption=${t('Changes')} changes=${diff} /></details>`}</div>
              <${Button} quiet onClick=${() => restore.run(version)}>${t('Return to it')}<//>
            </li>
          `,
        )}
      </ul>
      <div><${Button} quiet onClick=${reload}>${t('Look again')}<//></div>
    </section>
  `;
};

const Editor = ({ programme }) => {
  const document = useDocument(documentOf(programme));
  const [said, setSaid] = useState({});
  const [asking, setAsking] = useState(false);
  const value = document.value && typeof document.value === 'object' && !Array.isArray(document.value) ? document.value : {};
  const check = useChecked(async (signal) => (await send('PUT', '/v1/program?dry_run=true', { body: value, signal })).data, document.dirty && document.broken === null ? value : null);
  const save = useSave(
    async (_, etag = programme.etag) => (await send('PUT', '/v1/program', { body: value, ifMatch: etag })).data,
    (saved) => {
      setAsking(false);
      document.settle(documentOf(saved));
      setSaid({ done: t('Saved. It is version {version}.', { version: saved.version }) });
    },
  );
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
    <${Versions} />
    <${SaveBar} document=${document} save=${asked} faults=${check.faults} />
    ${asking &&
    !save.stale &&
    html`
      <${Dialog}
        wide
        title=${t('Save these changes?')}
        onClose=${() => setAsking(false)}
        actions=${html`<${Button} onClick=${() => setAsking(false)}>${t('Cancel')}<//><${Button} primary busy=${save.busy} onClick=${() => save.run()}>${t('Save')}<//>`}
      >
        ${check.data?.diff?.length ? html`<${Diff} caption=${t('Changes')} changes=${check.data.diff} />` : html`<p>${check.faults.length ? t('The document has faults; the stack will refuse it.') : t('Nothing changes.')}</p>`}
        <${Status} error=${save.error} />
      <//>
    `}
    ${save.stale &&
    html`<${StaleDialog}
      error=${save.stale}
      mine=${value}
      onClose=${save.forget}
      onAgain=${() => (save.forget(), save.run(`"${save.stale.body.version}"`))}
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
