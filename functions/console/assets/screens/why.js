// "Why no points?": a receipt, rule by rule, and one button to correct it.

import { html, useState } from '../vendor/preact.js';
import { address, get, may, navigate, send, useAction, useLoad, useList, useModule } from '../core.js';
import { Button, Chip, Dialog, Empty, Failed, Link, Loading, Paged, Status, TextField } from '../ui.js';
import { dateTime, points, signed, t } from '../words.js';
import { AdjustDialog, receiptTotal } from './actions.js';
import { nameOf, whom } from './people.js';

const Ask = () => {
  const [typed, setTyped] = useState('');
  const { run, busy, error } = useAction(async (_, text) => {
    // An order number first, because it is what a shopper reads out; then a person.
    try {
      await get(`/v1/receipts/${encodeURIComponent(text)}`);
      return navigate(address('why', 'receipt', text));
    } catch (failure) {
      if (failure.status !== 404) throw failure;
    }
    const [member] = await whom(text);
    return navigate(address('why', member.inner_id));
  });
  const submit = (event) => {
    event.preventDefault();
    if (typed.trim()) run(typed.trim());
  };
  return html`
    <h1>${t('Why no points?')}</h1>
    <p class="muted">${t('Paste an order number, or the e-mail of the shopper. You see what each rule did, and what was missing.')}</p>
    <form class="card stack" onSubmit=${submit} novalidate>
      <${TextField}
        id="why"
        label=${t('Order number, e-mail or customer id')}
        fault=${error && (error.status === 404 ? t('There is no such receipt and no such member. The order may not have arrived yet.') : error.words)}
        value=${typed}
        onInput=${setTyped}
        autocomplete="off"
        autofocus
      />
      <div><${Button} type="submit" primary busy=${busy}>${t('Explain')}<//></div>
    </form>
  `;
};

/** The latest receipts of one member, to choose one. */
const OfMember = ({ member: named }) => {
  const { data: member, error, reload } = useLoad((signal) => get(`/v1/members/${encodeURIComponent(named)}`, signal), [named]);
  const list = useList(`/v1/members/${encodeURIComponent(named)}/receipts`);
  if (error) return html`<h1>${t('Why no points?')}</h1><${Failed} error=${error} retry=${reload} />`;
  return html`
    <div>
      <h1>${t('Why no points?')}</h1>
      <p class="muted">${member ? html`<${Link} to=${address('members', named)}>${nameOf(member)}<//>` : '…'}</p>
    </div>
    <${Paged}
      list=${list}
      empty=${html`<${Empty} title=${t('No receipt of this member arrived')}>${t('Without a receipt no rule can give points. Look at the order in the shop: who bought, and was it sent?')}<//>`}
    >
      <ol class="ledger card">
        ${list.items.map(
          ({ id, occurred_at: at, decision, reason }) => html`
            <li key=${id}>
              <span class="muted when">${dateTime(at)}</span>
              <div>
                <${Link} class="code" to=${address('why', 'receipt', id, named)}>${id}<//>
                <div class="why">
                  ${decision ? t('{gave} rules gave something, {not} gave nothing', { gave: decision.outcomes.length, not: decision.skipped.length }) : reason}
                </div>
              </div>
              <b class="sum">${decision ? signed(decision.points.redeemable) : ''}</b>
            </li>
          `,
        )}
      </ol>
    <//>
  `;
};

const creditOf = ({ outcome }) => (outcome ? outcome.credits.redeemable + (outcome.multiplied?.redeemable ?? 0) - (outcome.debits?.redeemable ?? 0) : 0);

const Correct = ({ receipt, named, onDone, onClose }) => {
  const [typed, setTyped] = useState(named ?? '');
  const [member, setMember] = useState(null);
  const { run, busy, error } = useAction(async () => setMember((await whom(typed))[0]));
  const start = useLoad(async (signal) => named && setMember(await get(`/v1/members/${encodeURIComponent(named)}`, signal)), [named]);
  if (member) return html`<${AdjustDialog} how="award" member=${member} suggested=${t('Receipt {id}', { id: receipt })} onClose=${onClose} onDone=${onDone} />`;
  if (named && !start.error) return null;
  return html`
    <${Dialog}
      title=${t('Whom do you award points?')}
      onClose=${onClose}
      onSubmit=${() => run()}
      actions=${html`<${Button} onClick=${onClose}>${t('Cancel')}<//><${Button} type="submit" primary busy=${busy}>${t('Continue')}<//>`}
    >
      <${TextField} id="whom" label=${t('Customer id, e-mail, phone or card')} fault=${(error ?? start.error)?.words} value=${typed} onInput=${setTyped} autofocus />
    <//>
  `;
};

/** A receipt without a member waits until somebody says whose it is. */
const Assign = ({ receipt, onDone }) => {
  const [typed, setTyped] = useState('');
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    const [{ id }, path] = await whom(typed);
    // Who is known by contact data alone has no id of the shop.
    const [, kind, value] = /^(card|email|phone):(.+)/.exec(path) ?? [, 'id', id];
    await send('POST', `/v1/receipts/${encodeURIComponent(receipt)}/claim`, { body: { member: { [kind]: value } }, idempotencyKey });
    onDone();
  });
  const submit = (event) => {
    event.preventDefault();
    if (typed.trim()) run();
  };
  return html`
    <form class="card stack" onSubmit=${submit} novalidate>
      <h2>${t('Has it no customer?')}</h2>
      <p class="muted">${t('A receipt without a customer waits. Say whose it is, and it is decided.')}</p>
      <${TextField} id="assign" label=${t('Customer id, e-mail, phone or card')} fault=${error?.words} value=${typed} onInput=${setTyped} />
      <div><${Button} type="submit" busy=${busy}>${t('Assign it')}<//></div>
    </form>
  `;
};

const Receipt = ({ id, member }) => {
  const [correcting, setCorrecting] = useState(false);
  const [moving, setMoving] = useState(false);
  const [said, setSaid] = useState({});
  const Move = useModule(() => import('./support.js'))?.MoveDialog;
  const path = `/v1/receipts/${encodeURIComponent(id)}`;
  const { data, error, reload } = useLoad(
    async (signal) => {
      const [receipt, whose] = await Promise.all([get(path, signal), member && get(`/v1/members/${encodeURIComponent(member)}`, signal).catch(() => null)]);
      // A receipt that is not decided, or is refused, has no explanation.
      const explained = receipt.status === 'evaluated' ? await get(`${path}/explanation`, signal) : { rules: [] };
      return { receipt, whose, rules: explained.rules };
    },
    [id, member],
  );
  const undoing = useAction(async (idempotencyKey, undo) => {
    await undo(idempotencyKey);
    setSaid({ done: t('Undone.') });
  });
  if (error) return html`<h1>${t('Receipt {id}', { id })}</h1><${Failed} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} lines="6" />`;
  const { receipt, whose, rules } = data;
  const gave = rules.filter(({ outcome }) => outcome);
  const nothing = rules.filter(({ skipped }) => skipped);
  const concerned = nothing.filter(({ skipped }) => !['other_trigger', 'filter_not_met', 'outside_calendar'].includes(skipped.reason));
  const others = nothing.filter((rule) => !concerned.includes(rule));
  const total = receiptTotal(receipt);
  const headline = {
    accepted: t('This receipt waits to be decided.'),
    rejected: t('This receipt was refused: {reason}.', { reason: receipt.reason }),
    evaluated: receipt.decision?.points.redeemable ? t('It gave {points}.', { points: points(receipt.decision.points.redeemable) }) : t('It gave no points.'),
  }[receipt.status];
  const row = (rule) => html`
    <li key=${rule.rule}>
      <b class=${rule.outcome ? 'good' : 'muted'}>${rule.outcome ? signed(creditOf(rule)) : '0'}</b>
      <span>${(rule.outcome ?? rule.skipped).text}</span>
    </li>
  `;
  return html`
    <div class="between">
      <div>
        <h1>${headline}</h1>
        <p class="muted">${whose && html`<${Link} to=${address('members', whose.inner_id)}>${nameOf(whose)}<//> · `}${t('Receipt {id}', { id })}${total && ` · ${total}`} · ${dateTime(receipt.occurred_at)}</p>
      </div>
      ${may('support') &&
      html`
        <div class="row">
          <${Button} primary onClick=${() => setCorrecting(true)}>${t('Correct it: award points')}<//>
          ${Move && receipt.status === 'evaluated' && html`<${Button} onClick=${() => setMoving(true)}>${t('Move to another member')}<//>`}
        </div>
      `}
    </div>
    <${Status} error=${undoing.error} done=${said.done} undo=${said.undo && (() => undoing.run(said.undo))} />
    ${receipt.status === 'accepted' && html`<div><${Button} onClick=${reload}>${t('Look again')}<//></div>`}
    ${receipt.status === 'accepted' && may('receipts:write') && may('members:read') && html`<${Assign} receipt=${id} onDone=${reload} />`}
    ${gave.length > 0 && html`<section class="card stack"><h2>${t('What gave something')}</h2><ul class="outcome">${gave.map(row)}</ul></section>`}
    ${concerned.length > 0 && html`<section class="card stack"><h2>${t('What gave nothing, and why')}</h2><ul class="outcome">${concerned.map(row)}</ul></section>`}
    ${others.length > 0 &&
    html`<section class="card"><details><summary>${t('{n} rules are about something else', { n: others.length })}</summary><ul class="outcome">${others.map(row)}</ul></details></section>`}
    ${receipt.decision?.coupons_ignored?.length > 0 &&
    html`<section class="card stack"><h2>${t('Coupons that did not count')}</h2>${receipt.decision.coupons_ignored.map(({ code, reason }) => html`<p><span class="code">${code}</span> <${Chip} tone="off">${reason}<//></p>`)}</section>`}
    ${receipt.refunds?.length > 0 &&
    html`<section class="card stack"><h2>${t('Refunds')}</h2>${receipt.refunds.map((refund) => html`<p><span class="code">${refund.id}</span> ${signed(refund.points.redeemable)} ${refund.reason ?? ''}</p>`)}</section>`}
    ${moving &&
    html`<${Move}
      kind="receipts"
      id=${id}
      says=${t('All that it gave is taken back here, as a debt if need be. Then it is decided anew for the other member. Coupons that it used stay.')}
      onClose=${() => setMoving(false)}
      onDone=${(done) => (setMoving(false), setSaid({ done }), member ? navigate(address('why', 'receipt', id), { replace: true }) : reload())}
    />`}
    ${correcting && html`<${Correct} receipt=${id} named=${member} onClose=${() => setCorrecting(false)} onDone=${(done, undo) => (setCorrecting(false), setSaid({ done, undo }))} />`}
  `;
};

export default ({ path: [first, id, member] }) =>
  first === 'receipt' && id ? html`<${Receipt} key=${id} ...${{ id, member }} />` : first ? html`<${OfMember} key=${first} member=${first} />` : html`<${Ask} />`;

