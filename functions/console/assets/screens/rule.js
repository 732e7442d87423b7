// The editor of one rule: form and JSON side by side, its sentence on top, a receipt to try it on, a backtest.

import { html, useMemo, useState } from '../vendor/preact.js';
import { address, guardLeaving, loadProgramme, navigate, send, useAction, useProgramme } from '../core.js';
import { Fields } from '../form.js';
import { sentence } from '../sentence.js';
import { ruleFields, ruleSections } from '../shapes.js';
import { Button, Confirm, Link, Menu, Status } from '../ui.js';
import { language, t, textOf } from '../words.js';
import { Backtest } from './backtest.js';
import { contextOf, JsonPane, SaveBar, StaleDialog, useDocument, usePartCheck, useSave } from './editor.js';
import { TryOut } from './tryout.js';

export const BLANK = { id: 'my-rule', name: '', on: { receipt: {} }, then: [{ credit: { points: 10 } }] };
const path = (id) => `/v1/rules/${encodeURIComponent(id)}`;

const Section = ({ title, fields, document, faults, context }) => html`
  <section class="card stack" aria-label=${title}>
    <h2>${title}</h2>
    <${Fields} fields=${fields} value=${document.value} onChange=${document.setValue} ...${{ faults, context }} />
  </section>
`;

export const RuleEditor = ({ rule, isNew, needs = [] }) => {
  const programme = useProgramme();
  const document = useDocument(rule);
  const [said, setSaid] = useState({});
  const [dialog, setDialog] = useState(null);
  const [stored, setStored] = useState(rule);
  const sections = useMemo(() => ruleSections(isNew), [isNew, language]);
  const fields = useMemo(() => ruleFields(isNew), [isNew, language]);
  const value = document.value && typeof document.value === 'object' && !Array.isArray(document.value) ? document.value : {};
  const rules = [...programme.rules.filter((one) => one.id !== rule.id), value];

  // A template may need a reward or a tier: the checks see the programme with them.
  const planned = useMemo(
    () => needs.reduce((whole, { part, document: own }) => (part === 'rewards' ? { ...whole, rewards: [...whole.rewards, own] } : { ...whole, tiers: { ladder: [], ...whole.tiers, vip: [...(whole.tiers?.vip ?? []), own] } }), programme),
    [programme, needs],
  );
  const check = usePartCheck(planned, 'rules', value, document, isNew);
  const context = contextOf(planned, (one) => textOf(one.name, one.id));

  const put = (body, ifMatch) => send('PUT', path(rule.id), { body, ifMatch });
  const save = useSave(
    document,
    (whole) => whole.rules.find(({ id }) => id === rule.id),
    async (body, idempotencyKey, etag = programme.etag) => {
      if (!isNew) return put(body, etag);
      for (const { part, document: own } of needs) await send('POST', `/v1/${part}`, { body: own, idempotencyKey: `${idempotencyKey}-${own.id}` });
      return send('POST', '/v1/rules', { body, idempotencyKey });
    },
    (saved, etag) => {
      document.settle(saved);
      if (isNew) return navigate(address('rules', saved.id), { replace: true, force: true });
      const before = stored;
      setStored(saved);
      return setSaid({ done: t('Saved. It counts from now on.'), undo: () => undo.run(before, etag) });
    },
  );
  const undo = useAction(async (_, before, etag) => {
    const { data } = await put(before, etag);
    await loadProgramme();
    document.settle(data);
    setStored(data);
    setSaid({ done: t('Undone.') });
  });
  const remove = useAction(async () => {
    await send('DELETE', path(rule.id));
    guardLeaving(false);
    await loadProgramme();
    await navigate(address('rules'), { force: true });
  });
  const change = (status) => document.setValue({ ...value, status });
  const status = value.status ?? 'active';
  const items = isNew
    ? []
    : [
        status !== 'active' && { label: t('Activate'), act: () => change('active') },
        status === 'active' && { label: t('Pause'), act: () => change('paused') },
        status !== 'archived' && { label: t('Archive'), act: () => change('archived') },
        { label: t('Delete'), danger: true, act: () => setDialog('delete') },
      ].filter(Boolean);
  return html`
    <div class="between">
      <div>
        <p class="small"><${Link} to=${address('rules')}>${t('All rules')}<//></p>
        <h1>${value.name || value.id || t('New rule')}</h1>
      </div>
      <div class="row">
        ${!needs.length && html`<${Button} onClick=${() => setDialog('backtest')}>${t('Backtest')}<//>`}
        <${Menu} id="rule-menu" label=${t('More')} items=${items} />
      </div>
    </div>
    <p class="sentence" aria-live="polite">${sentence(value, planned)}</p>
    <${Status} error=${undo.error} ...${said} />
    ${needs.length > 0 && html`<p class="notice">${t('Adding this rule also adds {things}.', { things: needs.map(({ document: own }) => textOf(own.name, own.id)).join(', ') })}</p>`}
    <div class="cols">
      <div class="stack">
        <${Section} title=${t('When')} fields=${sections.when} ...${{ document: { ...document, value }, context }} faults=${check.faults} />
        <${Section} title=${t('Under which conditions')} fields=${sections.conditions} ...${{ document: { ...document, value }, context }} faults=${check.faults} />
        <${Section} title=${t('What happens')} fields=${sections.then} ...${{ document: { ...document, value }, context }} faults=${check.faults} />
        <${Section} title=${t('Name, status and time')} fields=${[...sections.basics, ...sections.storefront]} ...${{ document: { ...document, value }, context }} faults=${check.faults} />
      </div>
      <div class="stack beside">
        <section class="card" aria-label="JSON"><${JsonPane} document=${document} fields=${fields} faults=${check.faults} /></section>
      </div>
    </div>
    <${TryOut} rules=${rules} rule=${value} programme=${planned} faulty=${check.faulty} waits=${needs.length > 0} />
    <${SaveBar} ...${{ document, save, isNew, ...check }} />
    ${save.stale &&
    html`<${StaleDialog}
      stale=${save.stale}
      onClose=${save.forget}
      onAgain=${save.again}
      onReload=${async () => {
        save.forget();
        await loadProgramme();
        guardLeaving(false);
        await navigate(address('rules'), { replace: true, force: true });
        await navigate(address('rules', rule.id), { replace: true, force: true });
      }}
    />`}
    ${dialog === 'delete' &&
    html`<${Confirm} title=${t('Delete {name}?', { name: value.name || rule.id })} action=${t('Delete')} danger busy=${remove.busy} error=${remove.error} onClose=${() => setDialog(null)} onConfirm=${() => remove.run()}>
      <p>${t('It gives nothing any more from this moment. Points that it gave stay. To keep its history in the list, archive it instead.')}</p>
    <//>`}
    ${dialog === 'backtest' && html`<${Backtest} rules=${rules} programme=${programme} onClose=${() => setDialog(null)} />`}
  `;
};
