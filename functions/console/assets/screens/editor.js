// What the editors of rules, rewards, tiers and the programme share: a document, its form, its JSON, and saving it.

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { ApiError, guardLeaving, loadProgramme, pause, send, useAction, usePaused } from '../core.js';
import { uncovered } from '../cover.js';
import { Button, Dialog, Faults, Table } from '../ui.js';
import { t } from '../words.js';

/** A document that is edited: `text` is its JSON as typed, `broken` why that cannot be read. */
export const useDocument = (start) => {
  const [value, setValue] = useState(start);
  const [broken, setBroken] = useState(null);
  const first = useRef(JSON.stringify(start));
  const dirty = JSON.stringify(value) !== first.current;
  useEffect(() => {
    guardLeaving(dirty || broken !== null);
    return () => guardLeaving(false);
  }, [dirty, broken]);
  return {
    value,
    setValue: (next) => (setBroken(null), setValue(next)),
    broken,
    setBroken,
    dirty,
    /** The document as it was stored when editing began. */
    before: () => JSON.parse(first.current),
    /** The document is stored as it is now. */
    settle: (stored = value) => {
      first.current = JSON.stringify(stored);
      setValue(stored);
      setBroken(null);
      guardLeaving(false);
    },
  };
};

/** The JSON side. It says what the form cannot show. */
export const JsonPane = ({ document, fields, faults }) => {
  const { value, setValue, broken, setBroken } = document;
  const written = JSON.stringify(value, null, 2);
  const [typed, setTyped] = useState(written);
  const own = useRef(written);
  useEffect(() => {
    if (written !== own.current) {
      own.current = written;
      setTyped(written);
    }
  }, [written]);
  const type = (text) => {
    setTyped(text);
    try {
      const next = JSON.parse(text);
      own.current = JSON.stringify(next, null, 2);
      setValue(next);
    } catch (error) {
      setBroken(error.message);
    }
  };
  const hidden = uncovered({ kind: 'group', fields }, value);
  return html`
    <div class="stack tight">
      <div class="field ${broken ? 'faulty' : ''}">
        <label for="json">JSON</label>
        <textarea id="json" class="code" spellcheck="false" value=${typed} onInput=${(event) => type(event.target.value)} aria-describedby="json-said"></textarea>
      </div>
      <div id="json-said" role="status">
        ${broken && html`<p class="fault">${t('This is no JSON: {why}', { why: broken })}</p>`}
        ${hidden.length > 0 && html`<p class="notice warn">${t('The form cannot show everything. Change this here: {places}', { places: hidden.join(', ') })}</p>`}
        ${faults.length > 0 && html`<ul class="fault">${faults.map(({ pointer, detail }) => html`<li><code>${pointer || '/'}</code> ${detail}</li>`)}</ul>`}
      </div>
    </div>
  `;
};

/** The changes that a `diff` of the API lists. */
export const Diff = ({ changes, caption }) => html`
  <${Table}
    caption=${caption}
    rows=${changes}
    columns=${[
      { title: t('Where'), cell: ({ pointer, change }) => html`<code>${pointer || '/'}</code> <span class="why">${changeWords()[change] ?? change}</span>` },
      { title: t('Before'), cell: ({ before }) => html`<code>${before === undefined ? '' : JSON.stringify(before)}</code>` },
      { title: t('After'), cell: ({ after }) => html`<code>${after === undefined ? '' : JSON.stringify(after)}</code>` },
    ]}
  />
`;
const changeWords = () => ({ added: t('added'), removed: t('removed'), changed: t('changed'), reordered: t('reordered') });

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
/** JSON in which the order of keys does not count. */
const canonical = (value) => JSON.stringify(value, (_, one) => (isObject(one) ? Object.fromEntries(Object.entries(one).sort()) : one));

/** The changes from one document to another, as a `diff` of the API lists them; a list is one value. */
export const changesOf = (before, after, at = '') => {
  if (canonical(before) === canonical(after)) return [];
  if (isObject(before) && isObject(after))
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap((key) => changesOf(before[key], after[key], `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`));
  return [{ pointer: at, change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed', before, after }];
};

const put = (document, [key, ...rest], value) => {
  const next = { ...document, [key]: rest.length ? put(document?.[key], rest, value) : value };
  if (next[key] === undefined) delete next[key];
  return next;
};
/** A document with these changes. */
export const applied = (changes, document) =>
  changes.reduce((all, { pointer, after }) => put(all, pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')), after), document);

const TRIES = 10;
/** The programme at a version or a later one: for a moment, the stack may still answer with the one before. */
const programmeAt = async (version) => {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const { data } = await send('GET', '/v1/program');
    if (data.version >= version) return data;
    await pause(500);
  }
  throw new ApiError(0);
};

/** Two people changed the programme: what each of them changed, and what to do with one's own changes. */
export const StaleDialog = ({ stale: { theirs, mine, both }, onClose, onAgain, onReload }) => html`
  <${Dialog}
    wide
    title=${t('The programme changed meanwhile')}
    onClose=${onClose}
    actions=${html`<${Button} onClick=${onReload}>${t('Discard mine, show theirs')}<//><${Button} primary onClick=${onAgain}>${t('Save mine on top')}<//>`}
  >
    ${both.length > 0 && html`<p class="notice warn" role="alert">${t('You both changed {places}. Saving yours replaces theirs there; everything else of theirs stays.', { places: both.join(', ') })}</p>`}
    <h3>${t('What the other one changed')}</h3>
    ${theirs.length ? html`<${Diff} caption=${t('What the other one changed')} changes=${theirs} />` : html`<p>${t('Nothing that the document shows.')}</p>`}
    <h3>${t('What you want to save')}</h3>
    <${Diff} caption=${t('What you want to save')} changes=${mine} />
  <//>
`;

/**
 * Saves through the API, on the version of the programme that the user saw. `write` sends what to save; `onSaved` gets what was
 * stored, and the version that an undo replaces. Where somebody else
 * was faster, both changes are shown, and one's own can be made again on top of theirs; `partOf` finds the document in a
 * programme.
 */
export const useSave = (document, partOf, write, onSaved) => {
  const [stale, setStale] = useState(null);
  const action = useAction(async (idempotencyKey, etag, value = document.value) => {
    try {
      const saved = await write(value, idempotencyKey, etag);
      await loadProgramme();
      onSaved(saved.data, saved.etag);
    } catch (error) {
      if (error.slug !== 'stale_version') throw error;
      const current = await programmeAt(error.body.version);
      const now = partOf(current);
      const mine = changesOf(document.before(), document.value);
      const own = changesOf(document.before(), now).map(({ pointer }) => pointer);
      const meets = (one, other) => one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
      setStale({ version: current.version, theirs: error.body.diff ?? [], mine, merged: now === undefined ? document.value : applied(mine, now), both: mine.map(({ pointer }) => pointer).filter((one) => own.some((other) => meets(one, other))) });
    }
  });
  return {
    ...action,
    stale,
    forget: () => setStale(null),
    again: () => {
      setStale(null);
      document.setValue(stale.merged);
      return action.run(`"${stale.version}"`, stale.merged);
    },
  };
};

/**
 * What the stack says about a document while it is being written: the last request cancels the one before. `pending` until it
 * has said something about the document as it is now; `again` asks once more.
 */
export const useChecked = (request, wanted) => {
  const paused = usePaused(wanted);
  const [state, setState] = useState({ faults: [], checking: false });
  const [turn, setTurn] = useState(0);
  const now = JSON.stringify(wanted);
  const of = JSON.stringify(paused);
  useEffect(() => {
    if (paused === null) return undefined;
    const life = new AbortController();
    setState((before) => ({ ...before, checking: true }));
    request(life.signal).then(
      (data) => !life.signal.aborted && setState({ data, faults: [], checking: false, of }),
      (error) => !life.signal.aborted && setState({ error, faults: error.faults ?? [], checking: false, of }),
    );
    return () => life.abort();
  }, [of, turn]);
  return { ...state, pending: state.of !== now, again: () => setTurn(turn + 1) };
};

/** The programme's document with one part replaced or added, for a dry run. */
export const withPart = (programme, kind, part, id) => {
  const { etag: _, ...document } = programme;
  const replace = (list = []) => (list.some((one) => one.id === id) ? list.map((one) => (one.id === id ? part : one)) : [...list, part]);
  if (kind !== 'tiers') return { ...document, [kind]: replace(document[kind]) };
  const branch = document.tiers?.vip?.some((one) => one.id === id) || part.threshold === undefined ? 'vip' : 'ladder';
  const ladder = (list) => (branch === 'ladder' ? [...list].sort((a, b) => a.threshold - b.threshold) : list);
  return { ...document, tiers: { ladder: [], ...document.tiers, [branch]: ladder(replace(document.tiers?.[branch])) } };
};

/** Faults of the whole document as faults of the part: those elsewhere stay at its root, with their place in words. */
export const faultsOf = (document, kind, part, faults) => {
  const lists = kind === 'tiers' ? ['tiers/ladder', 'tiers/vip'] : [kind];
  const place = lists
    .map((list) => [list, list.split('/').reduce((at, key) => at?.[key], document)?.indexOf(part) ?? -1])
    .find(([, index]) => index >= 0);
  if (!place) return faults;
  const prefix = `/${place[0]}/${place[1]}`;
  return faults.map(({ pointer, detail }) =>
    pointer === prefix || pointer.startsWith(`${prefix}/`) ? { pointer: pointer.slice(prefix.length), detail } : { pointer: '', detail: `${pointer}: ${detail}` },
  );
};

/** The value at a pointer. */
const at = (value, pointer) => canonical(pointer.split('/').slice(1).reduce((inner, key) => inner?.[key], value));

/**
 * Checks a part of the programme without storing anything. A new one's faults are shown once their field was changed or saving
 * was `tried`; while nothing was typed into an empty one, it is `faulty` and not checked.
 */
export const usePartCheck = (programme, kind, part, { before, dirty, broken }, isNew) => {
  const [all, setAll] = useState(!isNew);
  const { id, name } = before();
  const isEmpty = !all && !dirty && !name;
  const document = programme && broken === null && !isEmpty ? withPart(programme, kind, part, id) : null;
  const checked = useChecked(
    async (signal) => (await send('PUT', '/v1/program?dry_run=true', { body: document, signal })).data,
    document && { kind, part, id },
  );
  const faults = document ? faultsOf(document, kind, part, checked.faults) : [];
  return {
    faults: all ? faults : faults.filter(({ pointer }) => at(part, pointer) !== at(before(), pointer)),
    faulty: isEmpty || broken !== null || faults.length > 0,
    tried: () => setAll(true),
  };
};

/** The ids that forms offer. */
export const contextOf = (programme, nameOf) => ({
  tiers: (programme?.tiers?.ladder ?? []).map((tier) => [tier.id, nameOf(tier)]),
  vip: (programme?.tiers?.vip ?? []).map((tier) => [tier.id, nameOf(tier)]),
  allTiers: [...(programme?.tiers?.ladder ?? []), ...(programme?.tiers?.vip ?? [])].map((tier) => [tier.id, nameOf(tier)]),
  rewards: (programme?.rewards ?? []).map((reward) => [reward.id, nameOf(reward)]),
  rules: (programme?.rules ?? []).map((rule) => [rule.id, nameOf(rule)]),
});

export const SaveBar = ({ document, save, isNew, faults, tried, children }) => html`
  <div class="sticky between">
    <div class="row">
      <${Button} primary busy=${save.busy} disabled=${document.broken !== null || (!isNew && !document.dirty)} onClick=${() => (tried?.(), save.run())}>${isNew ? t('Add') : t('Save')}<//>
      ${children}
    </div>
    <p class="small ${faults.length ? 'bad' : 'muted'}" role="status">
      ${document.broken !== null
        ? t('The JSON cannot be read.')
        : faults.length
          ? t('{n} things to correct', { n: faults.length })
          : document.dirty
            ? t('Not saved yet')
            : isNew
              ? ''
              : t('Saved')}
    </p>
  </div>
  ${save.error && html`<${Faults} error=${save.error} />`}
`;
