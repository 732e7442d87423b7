// The editor of a reward or a tier: its form, its JSON, saving and deleting.

import { html, useState } from '../vendor/preact.js';
import { address, guardLeaving, loadProgramme, navigate, send, useAction, useProgramme } from '../core.js';
import { Fields } from '../form.js';
import { Confirm, Link, Menu, Status } from '../ui.js';
import { t, textOf } from '../words.js';
import { contextOf, JsonPane, SaveBar, StaleDialog, useDocument, usePartCheck, useSave } from './editor.js';

/** `kind` is the name of the list in the API and of the screen. */
export const PartEditor = ({ kind, part, isNew, fields, title, back, removal, children }) => {
  const programme = useProgramme();
  const document = useDocument(part);
  const [said, setSaid] = useState({});
  const [deleting, setDeleting] = useState(false);
  const [stored, setStored] = useState(part);
  const path = `/v1/${kind}/${encodeURIComponent(part.id)}`;
  const value = document.value && typeof document.value === 'object' && !Array.isArray(document.value) ? document.value : {};
  const check = usePartCheck(programme, kind, value, document, isNew);
  const put = (body, ifMatch) => send('PUT', path, { body, ifMatch });
  const undo = useAction(async (_, before, etag) => {
    const { data } = await put(before, etag);
    await loadProgramme();
    document.settle(data);
    setStored(data);
    setSaid({ done: t('Undone.') });
  });
  const save = useSave(
    document,
    (whole) => (kind === 'tiers' ? [...(whole.tiers?.ladder ?? []), ...(whole.tiers?.vip ?? [])] : whole[kind]).find(({ id }) => id === part.id),
    (body, idempotencyKey, etag = programme.etag) => (isNew ? send('POST', `/v1/${kind}`, { body, idempotencyKey }) : put(body, etag)),
    (saved, etag) => {
      document.settle(saved);
      if (isNew) return navigate(address(kind, saved.id), { replace: true, force: true });
      const before = stored;
      setStored(saved);
      return setSaid({ done: t('Saved. It counts from now on.'), undo: () => undo.run(before, etag) });
    },
  );
  const remove = useAction(async () => {
    await send('DELETE', path);
    guardLeaving(false);
    await loadProgramme();
    await navigate(address(kind), { force: true });
  });
  const name = textOf(value.name, value.id);
  return html`
    <div class="between">
      <div>
        <p class="small"><${Link} to=${address(kind)}>${back}<//></p>
        <h1>${name || title}</h1>
      </div>
      ${!isNew && html`<${Menu} id="part-menu" label=${t('More')} items=${[{ label: t('Delete'), danger: true, act: () => setDeleting(true) }]} />`}
    </div>
    <${Status} error=${undo.error} ...${said} />
    <div class="cols">
      <section class="card" aria-label=${title}>
        <${Fields} fields=${fields} value=${value} onChange=${document.setValue} faults=${check.faults} context=${contextOf(programme, (one) => textOf(one.name, one.id))} />
      </section>
      <section class="card" aria-label="JSON"><${JsonPane} document=${document} fields=${fields} faults=${check.faults} /></section>
    </div>
    ${!isNew && children?.(value)}
    <${SaveBar} ...${{ document, save, isNew, ...check }} />
    ${save.stale &&
    html`<${StaleDialog}
      stale=${save.stale}
      onClose=${save.forget}
      onAgain=${save.again}
      onReload=${async () => {
        save.forget();
        await loadProgramme();
        await navigate(address(kind), { replace: true, force: true });
      }}
    />`}
    ${deleting &&
    html`<${Confirm} title=${t('Delete {name}?', { name })} action=${t('Delete')} danger busy=${remove.busy} error=${remove.error} onClose=${() => setDeleting(false)} onConfirm=${() => remove.run()}>
      <p>${removal}</p>
    <//>`}
  `;
};
