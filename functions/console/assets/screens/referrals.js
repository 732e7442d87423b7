// Referrals: those that a person has to look at, and the referral programme.

import { html, useState } from '../vendor/preact.js';
import { address, get, may, programmeError, send, useAction, useList, useProgramme } from '../core.js';
import { Fields } from '../form.js';
import { referralFields } from '../offers.js';
import { Button, Chip, Dialog, Empty, Failed, Faults, Link, Loading, Paged, Status, Tabs, TextField } from '../ui.js';
import { date, day, t, textOf } from '../words.js';
import { contextOf, JsonPane, SaveBar, StaleDialog, useChecked, useDocument, useSave } from './editor.js';

const statusWords = () => ({
  pending: [t('waits for the friend'), 'off'],
  qualified: [t('counts, in the hold'), ''],
  rewarded: [t('rewarded'), ''],
  flagged: [t('to review'), 'warn'],
  rejected: [t('rejected'), 'bad'],
  reversed: [t('reversed'), 'bad'],
});

const signWords = () => ({
  self_referral: t('the member referred themselves'),
  same_email: t('the same e-mail'),
  same_phone: t('the same phone'),
  same_payment: t('the same means of payment'),
  same_address: t('the same postal address'),
  same_device: t('the same device'),
  same_ip: t('the same address on the internet'),
  ip_velocity: t('many referrals from one address'),
  advocate_velocity: t('many referrals of one member'),
  duplicate_friend: t('the friend was referred before'),
  loop: t('the two referred each other'),
  was_member: t('the friend was a member already'),
  bought_before: t('the friend had bought before'),
  first_order_below: t('the first order was too small'),
  other_code: t('another code was first'),
});

const Review = ({ referral, approve, onClose, onDone }) => {
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    await send('POST', `/v1/referrals/${encodeURIComponent(referral.id)}/${approve ? 'approve' : 'reject'}`, { body: { reason: reason.trim() }, idempotencyKey });
    onDone(approve ? t('It counts.') : t('It is rejected.'));
  });
  const words = approve ? t('Let it count') : t('Reject');
  return html`
    <${Dialog}
      title=${approve ? t('Let this referral count?') : t('Reject this referral?')}
      ...${{ onClose }}
      onSubmit=${() => (reason.trim() ? run() : setTried(true))}
      actions=${html`<${Button} onClick=${onClose}>${t('Cancel')}<//><${Button} type="submit" primary=${approve} danger=${!approve} busy=${busy}>${words}<//>`}
    >
      <p>${approve ? t('Both get their rewards as the programme says, once the friend has done what it asks.') : t('Nothing is given for it. What it gave already is taken back.')}</p>
      <${TextField} id="reason" label=${t('Reason')} help=${t('It stands in the audit.')} maxlength="500" value=${reason} onInput=${setReason} fault=${tried && !reason.trim() ? t('Say why.') : undefined} autofocus />
      <${Faults} error=${error} />
    <//>
  `;
};

/** Referrals with their signs; `path` is where the API lists them. */
export const Referrals = ({ path, empty }) => {
  const list = useList(path);
  const [asking, setAsking] = useState(null);
  const [said, setSaid] = useState('');
  const [words, signs] = [statusWords(), signWords()];
  const who = (id, label) => id && html`<${Link} to=${address('members', id)}>${label}<//>`;
  const done = (text) => {
    setAsking(null);
    setSaid(text);
    list.reload();
    dispatchEvent(new Event('tessera:reviewed'));
  };
  return html`
    ${said && html`<${Status} done=${said} />`}
    <${Paged} list=${list} empty=${empty}>
      <ol class="ledger card">
        ${list.items.map((one) => {
          const [state, tone] = words[one.status] ?? [one.status, ''];
          const evidence = (one.evidence ?? []).map((name) => signs[name] ?? name).join(', ');
          const isOpen = !['rejected', 'reversed'].includes(one.status);
          return html`
            <li key=${one.id}>
              <span class="muted when">${date(one.created_at)}</span>
              <div>
                <${Chip} tone=${tone}>${state}<//> <span class="code">${one.code}</span>
                <p class="why">${one.advocate && html`${who(one.advocate, t('the member'))} → ${who(one.friend, t('the friend'))}`}${one.score > 0 && ` · ${t('score {n}', { n: one.score })}`}${one.rewards_on && one.status === 'qualified' && ` · ${t('rewards on {day}', { day: day(one.rewards_on) })}`}</p>
                ${evidence && html`<p class="why">${evidence}</p>`}
              </div>
              ${may('support') &&
              isOpen &&
              html`<div class="row end">
                ${one.status === 'flagged' && html`<${Button} onClick=${() => setAsking({ referral: one, approve: true })}>${t('Let it count')}<//>`}
                <${Button} quiet danger onClick=${() => setAsking({ referral: one, approve: false })}>${t('Reject')}<//>
              </div>`}
            </li>
          `;
        })}
      </ol>
    <//>
    ${asking && html`<${Review} ...${asking} onClose=${() => setAsking(null)} onDone=${done} />`}
  `;
};

const FIRST = {
  enabled: true,
  advocates: { who: 'members' },
  conversion: { receipt: { spend_at_least: '20.00', first_only: true } },
  code: { length: 8, prefix: '', starts_after_days: 0 },
  attribution_days: 30,
  hold_days: 14,
  friend: { on: 'qualified', then: [{ credit: { points: 100 } }] },
  advocate: { mode: 'additive', milestones: [{ at: 1, then: [{ credit: { points: 200 } }] }] },
  review_at_score: 50,
  checks: { same_ip: 30, ip_velocity: 20, advocate_velocity: 20 },
};

const Editor = ({ programme }) => {
  const isNew = !programme.referral;
  const document = useDocument(programme.referral ?? FIRST);
  const [said, setSaid] = useState('');
  const value = document.value && typeof document.value === 'object' && !Array.isArray(document.value) ? document.value : {};
  const { etag: _, ...whole } = programme;
  const check = useChecked(async (signal) => (await send('PUT', '/v1/program?dry_run=true', { body: { ...whole, referral: value }, signal })).data, document.broken === null ? value : null);
  const faults = check.faults.map(({ pointer, detail }) => (pointer.startsWith('/referral') ? { pointer: pointer.slice('/referral'.length), detail } : { pointer: '', detail: `${pointer}: ${detail}` }));
  const save = useSave(
    document,
    ({ referral }) => referral,
    (body, _key, etag = programme.etag) => send('PUT', '/v1/referral-program', { body, ifMatch: etag }),
    (saved) => (document.settle(saved), setSaid(t('Saved. It counts from now on.'))),
  );
  const fields = referralFields();
  return html`
    ${isNew && html`<p class="notice">${t('There is no referral programme yet. This is a start: a friend who buys for the first time, and points for both.')}</p>`}
    ${said && html`<${Status} done=${said} />`}
    <div class="cols">
      <section class="card" aria-label=${t('Referral programme')}>
        <${Fields} ...${{ fields, value, faults }} onChange=${document.setValue} context=${contextOf(programme, (one) => textOf(one.name, one.id))} />
      </section>
      <div class="beside"><section class="card" aria-label="JSON"><${JsonPane} ...${{ document, fields, faults }} /></section></div>
    </div>
    <${SaveBar} ...${{ document, save, isNew, faults }} />
    ${save.stale &&
    html`<${StaleDialog}
      stale=${save.stale}
      onClose=${save.forget}
      onAgain=${save.again}
      onReload=${async () => {
        save.forget();
        document.settle(await get('/v1/referral-program'));
      }}
    />`}
  `;
};

const Programme = () => {
  const programme = useProgramme();
  if (programmeError()) return html`<${Failed} error=${programmeError()} />`;
  return programme ? html`<${Editor} programme=${programme} />` : html`<${Loading} lines="6" />`;
};

export default ({ path: [tab = 'review'] }) => html`
  <h1>${t('Referrals')}</h1>
  ${may('admin') &&
  html`<${Tabs}
    label=${t('Referrals')}
    current=${tab}
    tabs=${[
      [address('referrals'), t('To review'), 'review'],
      [address('referrals', 'programme'), t('Referral programme'), 'programme'],
    ]}
  />`}
  ${tab === 'programme' && may('admin')
    ? html`<${Programme} />`
    : html`<${Referrals} path="/v1/referrals?status=flagged" empty=${html`<${Empty} title=${t('Nothing to review')}>${t('Referrals with suspicious signs wait here, until a person lets them count or rejects them.')}<//>`} />`}
`;
