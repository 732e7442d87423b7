// What an agent does for a member. Each dialog says in numbers what will happen before it happens.

import { html, useState } from '../vendor/preact.js';
import { get, send, useAction, useLoad } from '../core.js';
import { Button, Dialog, Failed, Faults, Loading, SelectField, TextField } from '../ui.js';
import { money, number, points, t, textOf, wholeNumber } from '../words.js';

const pathTo = (member, rest) => `/v1/members/${encodeURIComponent(member)}/${rest}`;

/** A correction by hand; gives the member after it. */
export const adjust = async (member, body, idempotencyKey) => (await send('POST', pathTo(member, 'adjustments'), { body, idempotencyKey })).data;

const Actions = ({ words, busy, onClose, danger, disabled }) => html`
  <${Button} onClick=${onClose}>${t('Cancel')}<//>
  <${Button} type="submit" primary=${!danger} danger=${danger} busy=${busy} disabled=${disabled}>${words}<//>
`;

const Reason = ({ value, onInput, fault }) => html`
  <${TextField} id="reason" label=${t('Reason')} help=${t('It stands in the ledger and in the audit.')} fault=${fault} ...${{ value, onInput }} maxlength="500" />
`;

export const AdjustDialog = ({ how, member, suggested = '', onClose, onDone }) => {
  const [typed, setTyped] = useState('');
  const [kind, setKind] = useState('redeemable');
  const [reason, setReason] = useState(suggested);
  const [tried, setTried] = useState(false);
  const n = wholeNumber(typed);
  const isSet = how === 'set_balance';
  const before = kind === 'qualifying' ? member.points.qualifying : member.points.available;
  const owed = kind === 'qualifying' ? 0 : member.points.debt;
  const change = n === null ? 0 : how === 'award' ? n : how === 'deduct' ? -n : n - before;
  const after = before + change - (how === 'award' ? Math.min(owed, n ?? 0) : 0);
  const valid = n !== null && (n > 0 || isSet) && after >= 0 && reason.trim();
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const body = { [how]: n, kind, reason: reason.trim(), ...(isSet && { expected_version: member.version }) };
    const changed = await adjust(member.inner_id, body, idempotencyKey);
    const back = how === 'award' ? { deduct: n } : how === 'deduct' ? { award: n } : { set_balance: before, expected_version: changed.version };
    const undo = async (key) => adjust(member.inner_id, { ...back, kind, reason: t('Undone: {reason}', { reason: reason.trim() }) }, key);
    onDone(
      change >= 0 ? t('{points} added. The balance is {n}.', { points: points(change), n: after }) : t('{points} taken. The balance is {n}.', { points: points(-change), n: after }),
      undo,
    );
  });
  const submit = () => (valid ? run() : setTried(true));
  const title = { award: t('Award points'), deduct: t('Deduct points'), set_balance: t('Set the balance') }[how];
  const fault = !tried ? undefined : n === null || (!n && !isSet) ? t('A whole number of points') : after < 0 ? t('There are only {points}.', { points: points(before) }) : undefined;
  return html`
    <${Dialog} title=${title} ...${{ onClose }} onSubmit=${submit} actions=${html`<${Actions} ...${{ busy, onClose }} words=${title} danger=${how !== 'award'} />`}>
      <div class="fields">
        <${TextField} id="points" label=${isSet ? t('New balance') : t('Points')} inputmode="numeric" ...${{ fault }} value=${typed} onInput=${setTyped} autofocus />
        <${SelectField}
          id="kind"
          label=${t('Kind of points')}
          value=${kind}
          onInput=${setKind}
          options=${[
            ['redeemable', t('to spend')],
            ['qualifying', t('for the tier')],
            ...(isSet ? [] : [['both', t('both')]]),
          ]}
        />
      </div>
      <${Reason} value=${reason} onInput=${setReason} fault=${tried && !reason.trim() ? t('Say why.') : undefined} />
      <p class="forecast" aria-live="polite">
        ${n === null ? t('The balance is {n}.', { n: before }) : html`${number(before)} → <b>${number(Math.max(after, 0))}</b>`}
        ${owed > 0 && how === 'award' && n ? html` <span class="muted small">${t('{n} of them pay what is owed', { n: Math.min(owed, n) })}</span>` : ''}
      </p>
      ${error?.slug === 'stale_version'
        ? html`<p class="notice bad" role="alert">${t('The balance changed meanwhile. Close this and look at it again.')}</p>`
        : html`<${Faults} error=${error} />`}
    <//>
  `;
};

/** Gives a reward for free, or a place outside the ladder. */
export const GiveDialog = ({ what, member, programme, onClose, onDone }) => {
  const options =
    what === 'reward'
      ? programme.rewards.map((reward) => [reward.id, textOf(reward.name, reward.id)])
      : [...programme.tiers.vip.map((tier) => [tier.id, textOf(tier.name, tier.id)]), ['', t('none: back to the ladder')]];
  const [chosen, setChosen] = useState(options[0][0]);
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const words = options.find(([id]) => id === chosen)[1];
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    await adjust(member.inner_id, { [what]: chosen || null, reason: reason.trim() }, idempotencyKey);
    onDone(what === 'reward' ? t('{name} given.', { name: words }) : t('The tier is changed.'));
  });
  const title = what === 'reward' ? t('Give a reward') : t('Change the VIP tier');
  return html`
    <${Dialog} ...${{ title, onClose }} onSubmit=${() => (reason.trim() ? run() : setTried(true))} actions=${html`<${Actions} ...${{ busy, onClose }} words=${title} />`}>
      <${SelectField} id="given" label=${what === 'reward' ? t('Reward') : t('Tier')} value=${chosen} onInput=${setChosen} options=${options} />
      <${Reason} value=${reason} onInput=${setReason} fault=${tried && !reason.trim() ? t('Say why.') : undefined} />
      <p class="forecast">
        ${what === 'reward' ? t('A coupon for {name} is made. The balance of {n} stays as it is.', { name: words, n: member.points.available }) : `${member.tier?.name ?? t('no tier')} → ${words}`}
      </p>
      <${Faults} error=${error} />
    <//>
  `;
};

export const RedeemDialog = ({ member, onClose, onDone }) => {
  const { data: hub, error: failed, reload } = useLoad((signal) => get(pathTo(member.inner_id, 'hub'), signal), [member.inner_id]);
  const [chosen, setChosen] = useState(null);
  const [typed, setTyped] = useState('');
  const rewards = (hub?.rewards ?? []).filter((reward) => reward.redeemable);
  const reward = rewards.find(({ id }) => id === chosen) ?? rewards[0];
  const per = reward?.cost_per;
  const least = per && (per.min ?? per.points);
  const cost = per ? (wholeNumber(typed || String(least)) ?? 0) : reward?.cost;
  const left = reward && member.points.available - cost;
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const body = { reward: reward.id, ...(per && { points: cost }) };
    const { data: coupon } = await send('POST', pathTo(member.inner_id, 'redemptions'), { body, idempotencyKey });
    const undo = async (key) => send('POST', `/v1/coupons/${encodeURIComponent(coupon.code)}/cancel`, { idempotencyKey: key });
    onDone(t('{name} redeemed: {code}. {points} left.', { name: reward.name, code: coupon.code, points: points(left) }), undo);
  });
  return html`
    <${Dialog} title=${t('Redeem a reward')} ...${{ onClose }} onSubmit=${() => reward && run()} actions=${html`<${Actions} ...${{ busy, onClose }} disabled=${!reward} words=${t('Redeem')} />`}>
      ${failed && html`<${Failed} error=${failed} retry=${reload} />`} ${!hub && !failed && html`<${Loading} lines="2" />`}
      ${hub && !reward && html`<p>${t('No reward can be had with {points}.', { points: points(member.points.available) })}</p>`}
      ${reward &&
      html`
        <${SelectField} id="reward" label=${t('Reward')} value=${reward.id} onInput=${setChosen} options=${rewards.map((one) => [one.id, `${one.name} · ${one.cost_per ? t('from {n}', { n: one.cost_per.min ?? one.cost_per.points }) : points(one.cost)}`])} />
        ${per &&
        html`<${TextField}
          id="redeemed"
          label=${t('Points')}
          help=${t('{points} are worth {money}', { points: points(per.points), money: money(per.value, hub.program?.currency) })}
          inputmode="numeric"
          value=${typed || String(least)}
          onInput=${setTyped}
        />`}
        <p class="forecast" aria-live="polite">${number(member.points.available)} − ${number(cost)} = <b>${number(left)}</b></p>
      `}
      <${Faults} error=${error} />
    <//>
  `;
};

const EDITABLE = ['first_name', 'last_name', 'birth_date', 'locale', 'email', 'phone'];

export const ProfileDialog = ({ member, onClose, onDone }) => {
  const start = { ...Object.fromEntries(EDITABLE.map((key) => [key, member[key] ?? ''])), tags: member.tags.join(', '), lists: member.lists.join(', ') };
  const [profile, setProfile] = useState(start);
  const labels = { first_name: t('First name'), last_name: t('Last name'), birth_date: t('Birthday'), locale: t('Language'), email: t('E-mail'), phone: t('Phone'), tags: t('Tags'), lists: t('Lists') };
  const changes = Object.keys(profile).filter((key) => profile[key] !== start[key]);
  const valueOf = (key) => (['tags', 'lists'].includes(key) ? profile[key].split(',').map((one) => one.trim()).filter(Boolean) : profile[key].trim() || null);
  const { run, busy, error } = useAction(async () => {
    const patch = async (body) => send('PATCH', `/v1/members/${encodeURIComponent(member.inner_id)}`, { body });
    await patch(Object.fromEntries(changes.map((key) => [key, valueOf(key)])));
    const before = Object.fromEntries(changes.map((key) => [key, ['tags', 'lists'].includes(key) ? member[key] : (member[key] ?? null)]));
    onDone(t('The profile is saved.'), async () => patch(before));
  });
  const faultOf = (key) => error?.faults.find(({ pointer }) => pointer.startsWith(`/${key}`))?.detail;
  return html`
    <${Dialog} title=${t('Edit the profile')} ...${{ onClose }} onSubmit=${() => changes.length && run()} actions=${html`<${Actions} ...${{ busy, onClose }} disabled=${!changes.length} words=${t('Save')} />`}>
      <div class="fields">
        ${Object.keys(profile).map(
          (key) => html`
            <${TextField}
              key=${key}
              id=${`profile-${key}`}
              label=${labels[key]}
              help=${['tags', 'lists'].includes(key) ? t('Several with commas between them') : undefined}
              fault=${faultOf(key)}
              value=${profile[key]}
              onInput=${(value) => setProfile({ ...profile, [key]: value })}
            />
          `,
        )}
      </div>
      ${error && !error.faults.length && html`<${Faults} error=${error} />`}
    <//>
  `;
};

/** A receipt's total, where the API tells it. */
export const receiptTotal = ({ total, currency }) => (total ? money(total, currency) : '');
