// Imports: a file of another program is looked at, checked, imported, and can be undone.

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { address, get, guardLeaving, navigate, onSignOut, send, sendRaw, useAction, useList, useLoad } from '../core.js';
import { rowsOf } from '../csv.js';
import { create, sendFirst, upload } from '../importing.js';
import { Button, Chip, Confirm, Empty, Failed, Faults, Field, Link, Loading, Paged, save, SelectField, Status, Table, TextField } from '../ui.js';
import { dateTime, number, percent, t } from '../words.js';

const POLL_MILLISECONDS = 1000;
/** Looks without progress after which the user may wake the import. */
const STILL = 30;
const MOST_SHOWN = 20;

const kindWords = () => ({ members: t('Members and balances'), tiers: t('Tiers'), coupons: t('Coupons'), referral_codes: t('Referral codes'), orders: t('Past orders') });

const WHO = ['id', 'email', 'phone', 'card'];
/** The fields that the columns of each kind can mean. */
export const FIELDS = {
  members: [...WHO, 'first_name', 'last_name', 'name', 'birth_date', 'locale', 'status', 'lists', 'tags', 'consent', 'points', 'qualifying_points', 'expires_at'],
  tiers: [...WHO, 'tier', 'since', 'expires_at'],
  coupons: [...WHO, 'code', 'reward', 'status', 'expires_at'],
  referral_codes: [...WHO, 'code', 'expires_at'],
  orders: [...WHO, 'order', 'date', 'total', 'total_spent', 'currency', 'fx_rate', 'store', 'channel', 'sku', 'product', 'category', 'brand', 'quantity', 'amount', 'unit_price'],
};

const fieldWords = () => ({
  ...{ id: t('Customer id'), email: t('E-mail'), phone: t('Phone'), card: t('Card'), first_name: t('First name'), last_name: t('Last name'), name: t('Name') },
  ...{ birth_date: t('Birthday'), locale: t('Language'), status: t('Status'), lists: t('Lists'), tags: t('Tags'), consent: t('Consent'), points: t('Points') },
  ...{ qualifying_points: t('Qualifying points'), expires_at: t('Until'), tier: t('Tier'), since: t('Since'), code: t('Code'), reward: t('Reward'), order: t('Order') },
  ...{ date: t('Date'), total: t('Total'), total_spent: t('Spent in all'), currency: t('Currency'), fx_rate: t('Exchange rate'), store: t('Store'), channel: t('Channel') },
  ...{ sku: t('Article number'), product: t('Product'), category: t('Category'), brand: t('Brand'), quantity: t('Quantity'), amount: t('Amount'), unit_price: t('Price of one') },
});
/** What the API says is missing, such as `id, email, phone or card`, in words. */
const missingWords = (missing) => missing.map((names) => names.split(/, | or /).map((name) => fieldWords()[name] ?? name).join(' / ')).join(', ');

/** The files that were chosen in this tab, with their settings, by the id of their import. A reload forgets them. */
const chosen = new Map();
onSignOut(() => chosen.clear());

const New = () => {
  const [file, setFile] = useState(null);
  const [settings, setSettings] = useState({ kind: 'members', source: 'generic', mode: 'add', mapping: {}, options: {} });
  const { kind, options } = settings;
  const set = (key) => (value) => setSettings({ ...settings, [key]: value, ...(key === 'kind' && value !== 'orders' && { options: { ...options, points_per_unit: undefined } }) });
  const setOption = (key) => (value) => set('options')({ ...options, [key]: value || undefined });
  const [tried, setTried] = useState(false);
  const look = useAction(async () => {
    const { id, state } = await create(file, settings, true);
    if (state === 'uploading') await sendFirst(id, file);
    chosen.set(id, { file, settings });
    await navigate(address('imports', id));
  });
  const fault = (key) => look.error?.faults.find(({ pointer }) => pointer === `/options/${key}`)?.detail;
  const pick = (key, label, choices, more) => html`<${SelectField} id=${`import-${key}`} label=${label} value=${settings[key]} onInput=${set(key)} options=${choices} ...${more} />`;
  const option = (key, label, choices) => html`<${SelectField} id=${`import-${key}`} label=${label} value=${options[key] ?? ''} onInput=${setOption(key)} options=${[['', t('found by itself')], ...choices]} />`;
  return html`
    <div>
      <p class="small"><${Link} to=${address('imports')}>${t('Imports')}<//></p>
      <h1>${t('Import a file')}</h1>
    </div>
    <form class="card stack" novalidate onSubmit=${(event) => (event.preventDefault(), file ? look.run() : setTried(true))}>
      <${Field} id="import-file" label=${t('File')} help=${t('CSV, as other programs export it. Save a spreadsheet as CSV first.')} fault=${tried && !file ? t('Choose a file.') : undefined}>
        ${(tied) => html`<input type="file" accept=".csv,.tsv,.txt,text/csv" ...${tied} onChange=${(event) => setFile(event.target.files[0] ?? null)} />`}
      <//>
      <div class="fields">
        ${pick('kind', t('What is in it?'), Object.entries(kindWords()))}
        ${pick('source', t('Where is it from?'), [['generic', t('Another program')], ['smile', 'Smile'], ['yotpo', 'Yotpo'], ['loyaltylion', 'LoyaltyLion'], ['wix', 'Wix']])}
        ${kind === 'members' && pick('mode', t('The points of the file'), [['add', t('are added to the balance')], ['set', t('are the balance afterwards')]])}
        ${kind === 'orders' && html`<${TextField} id="import-points_per_unit" label=${t('Points for each unit of currency')} optional help=${t('Without a number, the rules of the programme decide.')} inputmode="decimal" value=${options.points_per_unit ?? ''} onInput=${setOption('points_per_unit')} fault=${fault('points_per_unit')} />`}
      </div>
      <details>
        <summary>${t('More settings')}</summary>
        <div class="fields">
          ${option('dates', t('Dates'), [['dmy', t('day first')], ['mdy', t('month first')]])}
          ${option('encoding', t('Letters'), [['windows-1252', t('Western Europe')], ['windows-1250', t('Central Europe')], ['windows-1251', t('Cyrillic')]])}
          <${TextField} id="import-id_prefix" label=${t('Before each id')} optional help=${t('Keeps the ids of two sources apart.')} maxlength="32" value=${options.id_prefix ?? ''} onInput=${setOption('id_prefix')} fault=${fault('id_prefix')} />
        </div>
      </details>
      <p class="muted">${t('Nothing is written yet: first you see what was found.')}</p>
      <div><${Button} type="submit" primary busy=${look.busy}>${t('Look at the file')}<//></div>
      <${Faults} error=${look.error} />
    </form>
  `;
};

const Progress = ({ words, done, all }) => {
  const share = all ? done / all : 0;
  return html`
    <div class="card stack">
      <p role="status">${words}</p>
      <span class="bar" role="progressbar" aria-label=${words} aria-valuenow=${Math.round(100 * share)} aria-valuemin="0" aria-valuemax="100"><i style=${{ width: `${100 * share}%` }}></i></span>
    </div>
  `;
};

const confidenceChip = (confidence) =>
  ({ high: html`<${Chip}>${t('sure')}<//>`, medium: html`<${Chip}>${t('a known name')}<//>`, low: html`<${Chip} tone="warn">${t('a guess: look at it')}<//>` })[confidence];

/** What the columns mean. `change` gets another mapping; without it, the mapping is only shown. */
const Mapping = ({ kind, preview, change, mapping = {} }) => {
  const words = fieldWords();
  const meaning = (column) => {
    if (!change) return column.field ? words[column.field] : html`<span class="muted">${t('not imported')}</span>`;
    const choose = (event) => {
      const next = Object.fromEntries(Object.entries(mapping).filter(([, header]) => header !== column.header));
      if (column.field) next[column.field] = '';
      if (event.target.value) next[event.target.value] = column.header;
      change(next);
    };
    return html`
      <select aria-label=${t('Meaning of {column}', { column: column.header })} onChange=${choose}>
        <option value="" selected=${!column.field}>${t('not imported')}</option>
        ${FIELDS[kind].map((field) => html`<option value=${field} selected=${field === column.field}>${words[field]}</option>`)}
      </select>
    `;
  };
  const example = ({ field }) => preview.rows.map(({ values }) => values[field]).find(Boolean) ?? '';
  return html`
    <div class="card">
      <${Table}
        caption=${t('What the columns mean')}
        rows=${preview.mapping}
        columns=${[
          { title: t('Column'), cell: ({ header, confidence }) => html`${header}<div>${confidenceChip(confidence)}</div>` },
          { title: t('Meaning'), cell: meaning },
          { title: t('Example'), low: 1, cell: (column) => html`<span class="code">${example(column)}</span>` },
        ]}
      />
    </div>
  `;
};

const FirstRows = ({ preview: { rows } }) => html`
  <details class="card">
    <summary>${t('The first {n} rows', { n: rows.length })}</summary>
    <ol class="ledger">
      ${rows.map(
        ({ row, values, errors }) => html`
          <li>
            <span class="muted">${t('Row {row}', { row: number(row) })}</span>
            <div>${Object.entries(values).map(([field, value]) => html`<p class="why">${fieldWords()[field]}: <b>${value}</b></p>`)} ${errors.map((fault) => html`<p class="fault">${fault.column ?? ''} ${fault.reason}</p>`)}</div>
          </li>
        `,
      )}
    </ol>
  </details>
`;

/** Rows of an error file by their reasons, in order. */
const byReason = (rows) => {
  const groups = new Map();
  for (const [row, column, reason] of rows) {
    const key = JSON.stringify([column, reason]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups].slice(0, MOST_SHOWN).map(([key, places]) => [...JSON.parse(key), places]);
};

/** The rows that were refused: their reasons here, all of them as a file. */
const Refused = ({ id, isUndone }) => {
  const path = `/v1/imports/${id}/errors.csv`;
  const { data: reasons, error } = useLoad(async (signal) => byReason(rowsOf(await (await sendRaw('GET', path, { signal })).text()).slice(1)), [id, isUndone]);
  const all = useAction(async () => {
    const parts = [];
    for (let next = path; next; ) {
      const response = await sendRaw('GET', next);
      parts.push(await response.blob());
      next = /<([^>]+)>; *rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    }
    save(new Blob(parts, { type: 'text/csv' }), `${id}.errors.csv`);
    return t('Saved.');
  });
  return html`
    <section class="card stack" aria-label=${isUndone ? t('What could not be undone') : t('Refused rows')}>
      <div class="between">
        <h2>${isUndone ? t('What could not be undone') : t('Refused rows')}</h2>
        <${Button} busy=${all.busy} onClick=${() => all.run()}>${t('Save them as CSV')}<//>
      </div>
      ${error && html`<${Failed} error=${error} />`}
      <${Table}
        caption=${t('Reasons')}
        rows=${reasons ?? []}
        columns=${[
          { title: t('Reason'), cell: ([column, reason]) => html`${reason}<div class="why">${column}</div>` },
          { title: t('Which rows'), low: 2, num: true, cell: ([, , places]) => `${places.slice(0, 3).join(', ')}${places.length > 3 ? '…' : ''}` },
          { title: t('Rows'), num: true, cell: ([, , places]) => number(places.length) },
        ]}
      />
      <${Status} error=${all.error} done=${all.done} />
    </section>
  `;
};

/** Sends the file of an import in parts, starts it, and goes on where it stopped once the browser is online again. */
const useUpload = (id, file, preview, onStarted) => {
  const [sent, setSent] = useState(null);
  const life = useRef(null);
  useEffect(() => () => life.current?.abort(), []);
  const action = useAction(async () => {
    life.current = new AbortController();
    guardLeaving(true);
    try {
      await upload(id, file, preview, setSent, life.current.signal);
      onStarted();
    } catch (error) {
      if (error.name !== 'AbortError') throw error;
    } finally {
      guardLeaving(false);
    }
  });
  useEffect(() => {
    if (action.error?.status !== 0) return undefined;
    const again = () => action.run();
    addEventListener('online', again);
    return () => removeEventListener('online', again);
  }, [action.error]);
  return { ...action, sent };
};

/** Before the start: what was found in the file, and sending it. */
const Waiting = ({ id, seen, reload, onStarted }) => {
  const { kind, preview, dry_run: isDry } = seen;
  const { file, settings } = chosen.get(id) ?? {};
  const sending = useUpload(id, file, preview, onStarted);
  const remap = useAction(async (_, mapping) => {
    const changed = { ...settings, mapping };
    const { id: next } = await create(file, changed, true);
    await sendFirst(next, file);
    chosen.set(next, { file, settings: changed });
    if (next === id) reload();
    else await navigate(address('imports', next), { replace: true });
  });
  useEffect(() => void (file && !isDry && sending.run()), []);
  if (!file)
    return html`
      <p class="notice">${t('The file is not in this tab any more. Choose the same file again, and it goes on where it stopped.')}</p>
      <div><${Link} class="button primary" to=${address('imports', 'new')}>${t('Choose the file')}<//></div>
      ${preview && html`<${Mapping} ...${{ kind, preview }} />`}
    `;
  return html`
    ${sending.busy
      ? html`<${Progress} words=${t('Sending: {share}', { share: percent((sending.sent ?? 0) / file.size, 0) })} done=${sending.sent ?? 0} all=${file.size} />`
      : html`
          ${preview?.missing.length > 0 && html`<p class="notice warn" role="alert">${t('No column is {fields}. Say below which one it is.', { fields: missingWords(preview.missing) })}</p>`}
          <div class="row">
            <${Button} primary disabled=${!preview || preview.missing.length > 0} busy=${remap.busy} onClick=${() => sending.run()}>${sending.error ? t('Go on') : isDry ? t('Check every row') : t('Import')}<//>
            ${isDry && html`<span class="muted">${t('The check writes nothing.')}</span>`}
          </div>
        `}
    <${Faults} error=${sending.error ?? remap.error} />
    ${preview && html`<${Mapping} ...${{ kind, preview }} mapping=${settings.mapping} change=${isDry && !sending.busy ? (mapping) => remap.run(mapping) : undefined} /> <${FirstRows} preview=${preview} />`}
  `;
};

/** How far the rows are; a worker that died is woken. */
const Running = ({ id, seen, isUndoing, still, lost }) => {
  const wake = useAction(async () => void (await send('POST', `/v1/imports/${id}/${isUndoing ? 'undo' : 'start'}`, { body: {} })));
  const values = { done: number(seen.done), rows: number(seen.rows) };
  const words = isUndoing ? t('{done} of {rows} rows undone', values) : seen.dry_run ? t('{done} of {rows} rows checked', values) : t('{done} of {rows} rows imported', values);
  return html`
    <${Progress} words=${words} done=${seen.done} all=${seen.rows} />
    <p class="muted">${lost ? t('The stack does not answer. It goes on without this page.') : t('You can close this page: it goes on.')}</p>
    ${still > STILL && html`<p class="notice warn">${t('Nothing moved for a while.')} <${Button} busy=${wake.busy} onClick=${() => wake.run()}>${t('Wake it')}<//></p>`}
    <${Faults} error=${wake.error} />
  `;
};

const UndoQuestion = ({ id, seen, onClose, onStarted }) => {
  const { run, busy, error } = useAction(async () => {
    await send('POST', `/v1/imports/${id}/undo`, { body: {} });
    onStarted();
  });
  return html`
    <${Confirm} title=${t('Undo this import?')} action=${t('Undo the import')} danger ...${{ busy, error, onClose }} onConfirm=${() => run()}>
      <p>${t('{n} rows are taken back by counter-entries.', { n: seen.done - seen.failed })}</p>
      <p>${t('Points that were spent or have expired, and coupons that were used, cannot be taken back. They are listed afterwards.')}</p>
    <//>
  `;
};

const Import = ({ id }) => {
  const path = `/v1/imports/${encodeURIComponent(id)}`;
  const [seen, setSeen] = useState(null);
  const [error, setError] = useState(null);
  const [asking, setAsking] = useState(false);
  const [turn, setTurn] = useState(0);
  const still = useRef({ done: -1, looks: 0 });
  // The state of an import does not say whether its rows are being imported or undone; the audit does.
  const { data: history } = useLoad((signal) => get(`/v1/audit?limit=2&object=imports/${encodeURIComponent(id)}`, signal), [id, seen?.state]);
  const [undoing, setUndoing] = useState(false);
  const isUndoing = undoing || history?.items[0]?.action === 'import.undo';
  const look = () => setTurn((count) => count + 1);
  useEffect(() => {
    const life = new AbortController();
    get(path, life.signal).then(
      (next) => {
        still.current = next.done === still.current.done ? { ...still.current, looks: still.current.looks + 1 } : { done: next.done, looks: 0 };
        setSeen(next);
        setError(null);
      },
      (fault) => fault.name !== 'AbortError' && setError(fault),
    );
    return () => life.abort();
  }, [id, turn]);
  useEffect(() => {
    if (seen?.state !== 'running') return undefined;
    const timer = setTimeout(look, POLL_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [seen, error]);
  const { file, settings } = chosen.get(id) ?? {};
  const start = useAction(async () => {
    const made = await create(file, settings, false);
    if (made.state === 'uploading') await sendFirst(made.id, file);
    chosen.set(made.id, { file, settings });
    await navigate(address('imports', made.id));
  });
  if (error && !seen) return html`<h1>${t('Import')}</h1><${Failed} error=${error} retry=${look} />`;
  if (!seen) return html`<${Loading} lines="6" />`;
  const { state, rows, done, failed, dry_run: isDry } = seen;
  const good = done - failed;
  const title = {
    uploading: isDry ? t('What was found in the file') : t('The file is being sent'),
    running: isUndoing ? t('The import is being undone') : isDry ? t('Every row is checked') : t('The import is running'),
    done: isDry ? t('{n} rows can be imported', { n: good }) : t('{n} rows were imported', { n: good }),
    failed: t('The import cannot go on'),
    undone: t('The import was undone'),
  }[state];
  const first = history?.items.at(-1);
  return html`
    <div class="between">
      <div>
        <p class="small"><${Link} to=${address('imports')}>${t('Imports')}<//></p>
        <h1>${title}</h1>
        <p class="muted">${[file?.name, kindWords()[seen.kind], isDry && t('a check that writes nothing'), first && t('started on {time} by {name}', { time: dateTime(first.at), name: first.actor })].filter(Boolean).join(' · ')}</p>
      </div>
      ${state === 'done' && isDry && good > 0 && file && html`<${Button} primary busy=${start.busy} onClick=${() => start.run()}>${t('Import {n} rows', { n: good })}<//>`}
      ${['done', 'failed'].includes(state) && !isDry && html`<${Button} danger onClick=${() => setAsking(true)}>${t('Undo the import')}<//>`}
    </div>
    <${Faults} error=${start.error} />
    ${state === 'uploading' && html`<${Waiting} key=${id} ...${{ id, seen }} reload=${look} onStarted=${look} />`}
    ${state === 'running' && html`<${Running} ...${{ id, seen, isUndoing }} still=${still.current.looks} lost=${Boolean(error)} />`}
    ${state === 'failed' && html`<p class="notice bad" role="alert">${seen.reason ?? ''}</p>`}
    ${['done', 'failed', 'undone'].includes(state) &&
    html`
      <dl class="tiles">
        <div class="tile"><dt>${t('Rows')}</dt><dd>${number(rows)}</dd></div>
        <div class="tile"><dt>${state === 'undone' ? t('Undone') : isDry ? t('Good') : t('Imported')}</dt><dd>${number(good)}</dd></div>
        <div class="tile"><dt>${state === 'undone' ? t('Not undone') : t('Refused')}</dt><dd>${number(failed)}</dd></div>
      </dl>
      ${state === 'done' && isDry && !file && html`<p class="notice">${t('To import it, choose the same file again.')} <${Link} to=${address('imports', 'new')}>${t('Choose the file')}<//></p>`}
      ${state === 'done' && !isDry && html`<p class="muted">${t('Choosing the same file again changes nothing. Correct refused rows, and import them as a file of their own.')}</p>`}
      ${failed > 0 && html`<${Refused} key=${state} id=${id} isUndone=${state === 'undone'} />`}
    `}
    ${seen.preview && state !== 'uploading' && html`<details><summary>${t('What the columns mean')}</summary><${Mapping} kind=${seen.kind} preview=${seen.preview} /></details>`}
    ${asking && html`<${UndoQuestion} ...${{ id, seen }} onClose=${() => setAsking(false)} onStarted=${() => (setAsking(false), setUndoing(true), look())} />`}
  `;
};

const List = () => {
  const list = useList('/v1/audit?action=import');
  const add = html`<${Link} class="button primary" to=${address('imports', 'new')}>${t('Import a file')}<//>`;
  const valueOf = ({ changes }, name) => changes.find(({ field }) => field === name)?.after;
  const words = (entry) => {
    if (entry.action === 'import.undo') return t('undone');
    return [kindWords()[valueOf(entry, 'kind')], valueOf(entry, 'dry_run') && t('a check that writes nothing')].filter(Boolean).join(' · ') || t('started');
  };
  return html`
    <div class="between"><h1>${t('Imports')}</h1>${list.items.length > 0 && add}</div>
    <${Paged}
      list=${list}
      empty=${html`<${Empty} title=${t('Nothing imported yet')} action=${add}>${t('Bring members with their points, tiers, coupons, referral codes or past orders from another program. Export a CSV there, and choose it here: you see what was found before anything is written.')}<//>`}
    >
      <div class="card">
        <${Table}
          caption=${t('Imports')}
          rows=${list.items}
          columns=${[
            { title: t('When'), cell: (entry) => html`<${Link} to=${address('imports', entry.object.split('/')[1])}>${dateTime(entry.at)}<//>` },
            { title: t('What'), cell: words },
            { title: t('Who'), low: 2, cell: ({ actor }) => actor },
            { title: t('Rows'), num: true, cell: (entry) => number(valueOf(entry, 'rows') ?? entry.changes.find(({ field }) => field === 'rows')?.before ?? 0) },
          ]}
        />
      </div>
    <//>
  `;
};

export default ({ path: [id] }) => (!id ? html`<${List} />` : id === 'new' ? html`<${New} />` : html`<${Import} key=${id} id=${id} />`);
