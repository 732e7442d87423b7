// One member: who it is, what they have, why, and what an agent can do about it.

import { html, useState } from '../vendor/preact.js';
import { address, get, getAll, may, useAction, useLoad, useModule, useProgramme } from '../core.js';
import { Button, Chip, Empty, Failed, Link, Loading, Menu, Status, Tabs } from '../ui.js';
import { date, day, number, points, t } from '../words.js';
import { AdjustDialog, GiveDialog, ProfileDialog, RedeemDialog } from './actions.js';
import { nameOf, statusWords } from './people.js';
import { Coupons, Ledger, Receipts } from './history.js';

const initials = (member) =>
  nameOf(member)
    .split(/[\s@._-]+/)
    .slice(0, 2)
    .map((part) => [...part][0]?.toLocaleUpperCase() ?? '')
    .join('');

const Figures = ({ member: { points: has, tier } }) => {
  const third = tier?.keep?.missing
    ? [t('To keep {tier}', { tier: tier.name }), number(tier.keep.missing), t('by {day}', { day: day(tier.keep.by) })]
    : tier?.next
      ? [t('To reach {tier}', { tier: tier.next.name }), number(tier.next.missing), t('qualifying points')]
      : [t('Qualifying'), number(has.qualifying), ''];
  const next = has.expiring[0];
  return html`
    <dl class="tiles">
      <div class="tile"><dt>${t('Available')}</dt><dd>${number(has.available)}</dd><dd class="small muted">${next ? t('{n} points expire on {day}', { n: next.points, day: day(next.on) }) : ''}</dd></div>
      <div class="tile"><dt>${t('Pending')}</dt><dd>${number(has.pending)}</dd><dd class="small muted">${has.reserved ? t('{n} reserved', { n: has.reserved }) : has.debt ? t('{n} owed', { n: has.debt }) : ''}</dd></div>
      <div class="tile"><dt>${third[0]}</dt><dd>${third[1]}</dd><dd class="small muted">${third[2]}</dd></div>
    </dl>
  `;
};

/** A part of support.js, by its name. */
const Support = ({ name, ...rest }) => {
  const Part = useModule(() => import('./support.js'))?.[name];
  return Part ? html`<${Part} ...${rest} />` : null;
};

const MemberReferrals = ({ member, code }) => {
  const Referrals = useModule(() => import('./referrals.js'))?.Referrals;
  if (!Referrals) return html`<${Loading} />`;
  const words = code ? t('Their code is {code}. Friends who use it appear here.', { code }) : t('They have no code yet.');
  return html`<${Referrals} path=${`/v1/members/${encodeURIComponent(member)}/referrals`} empty=${html`<${Empty} title=${t('No friends yet')}>${words}<//>`} />`;
};

const Details = ({ member }) => {
  const rows = [
    [t('Customer id'), member.id],
    [t('Inner id'), member.inner_id],
    ...member.identifiers.map(({ kind, value, verified }) => [
      { email: t('E-mail'), phone: t('Phone'), card: t('Card') }[kind],
      html`${value} ${verified ? html`<${Chip}>${t('verified')}<//>` : html`<${Chip} tone="off">${t('not verified')}<//>`}`,
    ]),
    [t('Birthday'), member.birth_date],
    [t('Language'), member.locale],
    [t('Lists'), member.lists.join(', ')],
    [t('Tags'), member.tags.join(', ')],
    ...Object.entries(member.attributes).map(([name, value]) => [name, [value].flat().join(', ')]),
    [t('Referral code'), member.referral_code],
    [t('Known since'), date(member.created_at)],
    [t('Last active'), member.last_activity_at && date(member.last_activity_at)],
    [t('Earned in all'), points(member.points.lifetime_earned)],
    [t('Spent in all'), points(member.points.lifetime_redeemed)],
  ].filter(([, value]) => value);
  const lots = member.points.expiring;
  return html`
    <div class="halves">
      <dl class="card facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
      <div class="card stack">
        <h2>${t('Points by their end')}</h2>
        ${lots.length
          ? html`<ul class="ledger">${lots.map(({ on, points: n }) => html`<li><span class="muted">${day(on)}</span><span></span><b>${number(n)}</b></li>`)}</ul>`
          : html`<p class="muted">${t('No points expire.')}</p>`}
      </div>
    </div>
  `;
};

export const Member = ({ member: named, tab = 'ledger' }) => {
  const programme = useProgramme();
  const [dialog, setDialog] = useState(null);
  const [said, setSaid] = useState({});
  const [fresh, setFresh] = useState(0);
  const { data: member, error, reload } = useLoad((signal) => get(`/v1/members/${encodeURIComponent(named)}`, signal), [named, fresh]);
  const { data: notes } = useLoad(async (signal) => (may('support') ? getAll(`/v1/members/${encodeURIComponent(named)}/notes`, signal) : null), [named, fresh]);
  const changed = (done, undo) => {
    setDialog(null);
    setSaid({ done, undo });
    setFresh((count) => count + 1);
  };
  const undoing = useAction(async (idempotencyKey, undo) => {
    await undo(idempotencyKey);
    changed(t('Undone.'));
  });
  if (error) return html`<h1>${t('Member')}</h1><${Failed} error=${error} retry=${reload} />`;
  if (!member) return html`<${Loading} lines="6" />`;
  const { id, inner_id: inner, status, tier, version } = member;
  const act = { member, programme, onClose: () => setDialog(null), onDone: changed };
  const rare = [
    may('support') && { label: t('Deduct points'), act: () => setDialog('deduct') },
    may('support') && { label: t('Set the balance'), act: () => setDialog('set_balance') },
    may('support') && may('admin') && programme?.rewards?.length > 0 && { label: t('Give a reward'), act: () => setDialog('reward') },
    may('support') && may('admin') && programme?.tiers?.vip?.length > 0 && { label: t('Change the VIP tier'), act: () => setDialog('vip') },
    may('members:write') && { label: t('Edit the profile'), act: () => setDialog('profile') },
    notes && { label: t('Export everything held on them'), act: () => setDialog('ExportDialog') },
    notes && status === 'excluded' && { label: t('Let them take part'), act: () => setDialog('ExcludeDialog') },
    may('support') && { label: t('Merge into another member'), danger: true, act: () => setDialog('MergeDialog') },
    notes && status !== 'excluded' && { label: t('Exclude'), danger: true, act: () => setDialog('ExcludeDialog') },
    notes && { label: t('Erase'), danger: true, act: () => setDialog('EraseDialog') },
  ].filter(Boolean);
  const known = [id !== inner && id, member.email, member.phone].filter(Boolean);
  return html`
    <div class="between">
      <div class="person">
        <span class="avatar" aria-hidden="true">${initials(member)}</span>
        <div>
          <h1>${nameOf(member)} ${tier && html`<${Chip}>◆ ${tier.name}<//>`} ${status !== 'member' && html`<${Chip} tone="warn">${statusWords()[status] ?? status}<//>`}</h1>
          <p class="muted small">${[...new Set(known)].join(' · ')}${member.enrolled_at && ` · ${t('member since {day}', { day: date(member.enrolled_at) })}`}</p>
        </div>
      </div>
      <div class="row">
        ${may('support') && html`<${Button} primary onClick=${() => setDialog('award')}>${t('Award points')}<//>`}
        ${may('rewards:redeem') && status === 'member' && html`<${Button} onClick=${() => setDialog('redeem')}>${t('Redeem')}<//>`}
        <${Link} class="button" to=${address('why', inner)}>${t('Why no points?')}<//>
        <${Menu} id="member-menu" label=${t('More')} items=${rare} />
      </div>
    </div>
    <${Status} error=${undoing.error} done=${said.done} undo=${said.undo && (() => undoing.run(said.undo))} />
    <${Figures} member=${member} />
    <${Tabs}
      label=${t('About this member')}
      current=${tab}
      tabs=${[
        [address('members', named), t('Ledger'), 'ledger'],
        [address('members', named, 'receipts'), t('Receipts'), 'receipts'],
        [address('members', named, 'coupons'), t('Coupons'), 'coupons'],
        [address('members', named, 'referrals'), t('Referrals'), 'referrals'],
        notes && [address('members', named, 'notes'), notes.length ? t('Notes ({n})', { n: notes.length }) : t('Notes'), 'notes'],
        [address('members', named, 'details'), t('Details'), 'details'],
      ].filter(Boolean)}
    />
    ${tab === 'ledger' && html`<${Ledger} member=${inner} version=${version} onDone=${changed} />`}
    ${tab === 'receipts' && html`<${Receipts} member=${inner} version=${version} />`}
    ${tab === 'coupons' && html`<${Coupons} member=${inner} version=${version} onDone=${changed} />`}
    ${tab === 'referrals' && html`<${MemberReferrals} member=${inner} code=${member.referral_code} />`}
    ${tab === 'notes' && notes && html`<${Support} name="Notes" member=${inner} onChange=${() => setFresh((count) => count + 1)} />`}
    ${tab === 'details' && html`<${Details} member=${member} />`}
    ${['award', 'deduct', 'set_balance'].includes(dialog) && html`<${AdjustDialog} how=${dialog} ...${act} />`}
    ${['reward', 'vip'].includes(dialog) && html`<${GiveDialog} what=${dialog} ...${act} />`}
    ${dialog === 'redeem' && html`<${RedeemDialog} ...${act} />`}
    ${dialog?.endsWith('Dialog') && html`<${Support} name=${dialog} ...${act} />`}
    ${dialog === 'profile' && html`<${ProfileDialog} ...${act} />`}
  `;
};
