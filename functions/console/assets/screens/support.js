// What support does rarely: one person in two accounts, a coupon on the wrong one, exclusion, erasure, export, notes.

import { html, useState } from '../vendor/preact.js';
import { address, get, may, navigate, send, sendRaw, useAction, useList, useLoad } from '../core.js';
import { Button, Confirm, Dialog, Empty, Faults, Field, Loading, Paged, save, Status, TextField } from '../ui.js';
import { dateTime, number, points, t } from '../words.js';
import { nameOf, whom } from './people.js';

const at = (member, rest = '') => `/v1/members/${encodeURIComponent(member)}${rest}`;

const Reason = ({ value, onInput, tried }) => html`
  <${TextField} id="reason" label=${t('Reason')} help=${t('It stands in the ledger and in the audit.')} maxlength="500" fault=${tried && !value.trim() ? t('Say why.') : undefined} ...${{ value, onInput }} />
`;

const Whom = ({ value, onInput, fault, label }) => html`
  <${TextField} id="whom" label=${label} help=${t('Customer id, e-mail, phone or card')} autocomplete="off" ...${{ value, onInput, fault }} autofocus />
`;

const unknown = (error) => (error?.status === 404 ? t('Nobody is known by that. An e-mail or a phone finds a member only once it was verified.') : undefined);

/** Makes a member part of another one, after a look at what that gives. */
export const MergeDialog = ({ member, onClose }) => {
  const [typed, setTyped] = useState('');
  const look = useAction(async () => {
    const [other] = await whom(typed);
    const { data: merged } = await send('POST', at(member.inner_id, '/merge?dry_run=true'), { body: { into: other.inner_id } });
    return { other, merged };
  });
  const merge = useAction(async (idempotencyKey) => {
    const { data } = await send('POST', at(member.inner_id, '/merge'), { body: { into: look.done.other.inner_id }, idempotencyKey });
    await navigate(address('members', data.inner_id));
  });
  const seen = look.done;
  const row = (words, mine, theirs, after) => html`<dt>${words}</dt><dd>${mine} + ${theirs} → <b>${after}</b></dd>`;
  return html`
    <${Dialog}
      title=${t('Merge into another member')}
      ...${{ onClose }}
      onSubmit=${() => (seen ? merge.run() : typed.trim() && look.run())}
      actions=${html`
        <${Button} onClick=${onClose}>${t('Cancel')}<//>
        ${seen ? html`<${Button} type="submit" danger busy=${merge.busy}>${t('Merge')}<//>` : html`<${Button} type="submit" primary busy=${look.busy}>${t('Show what it gives')}<//>`}
      `}
    >
      <${Whom} label=${t('The member who stays')} value=${typed} onInput=${(text) => (setTyped(text), look.clear())} fault=${unknown(look.error)} />
      ${seen &&
      html`
        <p>${t('{name} becomes part of {other}.', { name: nameOf(member), other: nameOf(seen.other) })}</p>
        ${seen.merged.warnings?.includes('shared_contact_data_only') && html`<p class="notice warn">${t('The two share only contact data that nobody has verified. Make sure that they are one person.')}</p>`}
        <dl class="facts even">
          ${row(t('Points'), number(member.points.available), number(seen.other.points.available), number(seen.merged.points.available))}
          ${row(t('Qualifying'), number(member.points.qualifying), number(seen.other.points.qualifying), number(seen.merged.points.qualifying))}
          ${row(t('Tier'), member.tier?.name ?? '–', seen.other.tier?.name ?? '–', seen.merged.tier?.name ?? '–')}
        </dl>
        <p class="muted small">${t('Cards, e-mails and phones of both lead to the one who stays. No rule fires.')}</p>
      `}
      ${look.error && !unknown(look.error) && html`<${Faults} error=${look.error} />`} <${Faults} error=${merge.error} />
    <//>
  `;
};

/** Undoes a merge, after a look at what each of the two has then; `source` is the member who became part of the other. */
export const UnmergeDialog = ({ source, onClose, onDone }) => {
  const path = at(source, '/unmerge');
  const { data: seen, error } = useLoad(async (signal) => (await send('POST', `${path}?dry_run=true`, { signal })).data, [source]);
  const unmerge = useAction(async (idempotencyKey) => {
    const { data } = await send('POST', path, { idempotencyKey });
    onDone(t('They are two members again: {name} has {points}.', { name: nameOf(data.source), points: points(data.source.points.available) }));
  });
  return html`
    <${Dialog}
      title=${t('Separate the two again?')}
      ...${{ onClose }}
      onSubmit=${() => seen && unmerge.run()}
      actions=${html`<${Button} onClick=${onClose}>${t('Cancel')}<//><${Button} type="submit" danger busy=${unmerge.busy} disabled=${!seen}>${t('Separate')}<//>`}
    >
      <p>${t('It works for 30 days, while neither has spent points since. Purchases since go to whom they named.')}</p>
      ${error && html`<${Faults} error=${error} />`} ${!seen && !error && html`<${Loading} lines="2" />`}
      ${seen &&
      html`<dl class="facts even">${[seen.target, seen.source].map((one) => html`<dt>${nameOf(one)} <span class="why">${one.tier?.name ?? ''}</span></dt><dd><b>${points(one.points.available)}</b></dd>`)}</dl>`}
      <${Faults} error=${unmerge.error} />
    <//>
  `;
};

/** Moves a receipt or a coupon to the person whose it is; `kind` is the name of the list in the API. */
export const MoveDialog = ({ kind, id, says, onClose, onDone }) => {
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const [other] = await whom(typed);
    await send('POST', `/v1/${kind}/${encodeURIComponent(id)}/move`, { body: { member: other.inner_id, reason: reason.trim() }, idempotencyKey });
    onDone(t('{id} now belongs to {name}.', { id, name: nameOf(other) }));
  });
  return html`
    <${Dialog}
      title=${t('Move {id} to another member', { id })}
      ...${{ onClose }}
      onSubmit=${() => (typed.trim() && reason.trim() ? run() : setTried(true))}
      actions=${html`<${Button} onClick=${onClose}>${t('Cancel')}<//><${Button} type="submit" danger busy=${busy}>${t('Move')}<//>`}
    >
      <${Whom} label=${t('The member whose it is')} value=${typed} onInput=${setTyped} fault=${tried && !typed.trim() ? t('Say who.') : unknown(error)} />
      <${Reason} value=${reason} onInput=${setReason} tried=${tried} />
      <p>${says}</p>
      ${error && !unknown(error) && html`<${Faults} error=${error} />`}
    <//>
  `;
};

export const ExcludeDialog = ({ member, onClose, onDone }) => {
  const excluded = member.status !== 'excluded';
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const { run, busy, error } = useAction(async () => {
    await send('PUT', at(member.inner_id, '/exclusion'), { body: { excluded, reason: reason.trim() } });
    const undo = () => send('PUT', at(member.inner_id, '/exclusion'), { body: { excluded: !excluded, reason: t('Undone: {reason}', { reason: reason.trim() }) } });
    onDone(excluded ? t('They are excluded.') : t('They take part again.'), undo);
  });
  return html`
    <${Confirm} title=${excluded ? t('Exclude this member?') : t('Let this member take part again?')} action=${excluded ? t('Exclude') : t('Let them take part')} danger=${excluded} ...${{ busy, error, onClose }} onConfirm=${() => (reason.trim() ? run() : setTried(true))}>
      <p>${excluded ? t('They earn and redeem nothing from now on. Their {points} and their coupons stay.', { points: points(member.points.available) }) : t('They earn and redeem again from now on. What they missed is not given.')}</p>
      <${Reason} value=${reason} onInput=${setReason} tried=${tried} />
    <//>
  `;
};

export const EraseDialog = ({ member, onClose }) => {
  const [sure, setSure] = useState(false);
  const { run, busy, error } = useAction(async () => {
    await send('DELETE', at(member.inner_id));
    await navigate(address('members'));
  });
  return html`
    <${Confirm} title=${t('Erase {name}?', { name: nameOf(member) })} action=${t('Erase for good')} danger ...${{ busy, error, onClose }} onConfirm=${() => sure && run()}>
      <p>${t('Name, e-mail, phone, cards and notes are erased, and {points} are removed. The ledger stays, without the person. This cannot be undone.', { points: points(member.points.available) })}</p>
      <label class="check"><input type="checkbox" checked=${sure} onChange=${() => setSure(!sure)} />${t('Yes, erase this person')}</label>
    <//>
  `;
};

/** Everything that is held on a person, as a page to read or as data. */
export const ExportDialog = ({ member, onClose }) => {
  const fetchAll = useAction(async (_, format) => {
    const pages = [];
    let cursor = null;
    do {
      const query = new URLSearchParams({ ...(format === 'html' && { format }), ...(cursor && { cursor }) });
      const response = await sendRaw('GET', `${at(member.inner_id, '/export')}?${query}`);
      if (format === 'html') {
        save(await response.blob(), `${member.inner_id}.html`);
        return t('Saved.');
      }
      const page = await response.json();
      pages.push(page);
      cursor = page.next_cursor;
    } while (cursor);
    save(new Blob([JSON.stringify(pages.length > 1 ? pages : pages[0], null, 2)], { type: 'application/json' }), `${member.inner_id}.json`);
    return t('Saved.');
  });
  const { busy, error, done, run } = fetchAll;
  return html`
    <${Dialog}
      title=${t('Export everything held on them')}
      ...${{ onClose }}
      actions=${html`<${Button} busy=${busy} onClick=${() => run('json')}>${t('As data')}<//><${Button} primary busy=${busy} onClick=${() => run('html')}>${t('As a page')}<//>`}
    >
      <p>${t('A page for the person, or data for another system. It holds their profile, points, receipts and coupons.')}</p>
      <${Status} error=${error} done=${done} />
    <//>
  `;
};

export const Notes = ({ member, onChange }) => {
  const list = useList(at(member, '/notes'));
  const [typed, setTyped] = useState('');
  const add = useAction(async (idempotencyKey) => {
    await send('POST', at(member, '/notes'), { body: { text: typed.trim() }, idempotencyKey });
    setTyped('');
    list.reload();
    onChange();
  });
  const remove = useAction(async (_, id) => {
    await send('DELETE', at(member, `/notes/${encodeURIComponent(id)}`));
    list.reload();
    onChange();
  });
  const submit = (event) => {
    event.preventDefault();
    if (typed.trim()) add.run();
  };
  return html`
    <form class="card stack" onSubmit=${submit}>
      <${Field} id="note" label=${t('New note')} help=${t('Colleagues see it. The member sees it in an export.')} fault=${add.error?.words}>
        ${(tied) => html`<textarea ...${tied} rows="3" maxlength="1000" value=${typed} onInput=${(event) => setTyped(event.target.value)}></textarea>`}
      <//>
      <div><${Button} type="submit" primary busy=${add.busy}>${t('Add the note')}<//></div>
    </form>
    ${remove.error && html`<${Status} error=${remove.error} />`}
    <${Paged} list=${list} empty=${html`<${Empty} title=${t('No notes yet')}>${t('What a colleague should know before the next call.')}<//>`}>
      <ol class="ledger card">
        ${list.items.map(
          (note) => html`
            <li key=${note.id}>
              <span class="muted when">${dateTime(note.at)}</span>
              <div>${note.text}<p class="why">${note.actor}</p></div>
              <div class="sum">${may('support') && html`<${Button} quiet danger aria-label=${t('Delete the note of {time}', { time: dateTime(note.at) })} onClick=${() => remove.run(note.id)}>${t('Delete')}<//>`}</div>
            </li>
          `,
        )}
      </ol>
    <//>
  `;
};
