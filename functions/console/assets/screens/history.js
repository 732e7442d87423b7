// What happened to a member: the ledger with its explanations, receipts, coupons.

import { html, useState } from '../vendor/preact.js';
import { address, may, send, useAction, useList, useModule } from '../core.js';
import { Button, Chip, Confirm, Empty, Link, Paged, Table } from '../ui.js';
import { date, discountWords, number, points, signed, t } from '../words.js';

const entryWords = () => ({
  earn: t('Earned'),
  release: t('Became spendable'),
  redeem: t('Redeemed'),
  restore: t('Given back'),
  expire: t('Expired'),
  reverse: t('Taken back'),
  debit: t('Taken'),
  reset: t('Reset'),
  write_off: t('Forgiven'),
  adjust: t('Changed by hand'),
  import: t('Imported'),
  merge: t('Merged'),
  unmerge: t('Separated'),
  erase: t('Erased'),
});

const sourceOf = ({ receipt, refund, reward, coupon, actor, rule, interaction }, member) =>
  receipt
    ? html`${refund ? t('refund') : t('receipt')} <${Link} class="code" to=${address('why', 'receipt', receipt, member)}>${refund ?? receipt}<//>`
    : html`<span class="code">${coupon ?? reward ?? interaction ?? rule ?? actor ?? ''}</span>`;

/** Sentences of an explanation: those that gave points, then, folded, those that gave nothing. */
export const Explanation = ({ sentences, isNothing }) => {
  const gave = sentences.filter((one) => !isNothing(one));
  const nothing = sentences.filter(isNothing);
  return html`
    ${gave.map(({ text }) => html`<p class="why">${text}</p>`)}
    ${nothing.length > 0 &&
    html`
      <details class="why">
        <summary>${t('{n} rules gave nothing', { n: nothing.length })}</summary>
        ${nothing.map(({ text }) => html`<p>${text}</p>`)}
      </details>
    `}
  `;
};

/** Rules that gave nothing are those whose sentence has the API's words for it, in each language. */
const NOTHING = /: (nothing, because|niente, perché|nimic, pentru că|ничего, потому что) /;

export const Ledger = ({ member, version, onDone }) => {
  const [source, setSource] = useState(null);
  const Unmerge = useModule(() => import('./support.js'))?.UnmergeDialog;
  const list = useList(`/v1/members/${encodeURIComponent(member)}/entries`, [member, version]);
  const words = entryWords();
  return html`
    <${Paged} list=${list} empty=${html`<${Empty} title=${t('Nothing happened yet')}>${t('Each receipt, redemption and correction will stand here, with its reasons.')}<//>`}>
      <ol class="ledger card">
        ${list.items.map(
          (entry) => html`
            <li key=${entry.id}>
              <span class="muted when">${date(entry.at)}</span>
              <div>
                ${words[entry.type] ?? entry.type} · ${sourceOf(entry.source, member)}
                <${Explanation} sentences=${entry.explanation} isNothing=${({ text }) => NOTHING.test(text)} />
                ${entry.type === 'merge' && may('support') && entry === list.items.find(({ type, source: { merged } }) => type === 'merge' && merged && merged !== member && merged === entry.source.merged) && html`<${Button} quiet onClick=${() => setSource(entry.source.merged)}>${t('Separate again')}<//>`}
              </div>
              <div class="sum">
                <b class=${entry.points.redeemable > 0 ? 'good' : entry.points.redeemable < 0 ? 'bad' : ''}>${signed(entry.points.redeemable)}</b>
                ${entry.points.qualifying !== 0 && html`<div class="why">${t('{n} for the tier', { n: entry.points.qualifying })}</div>`}
                <div class="why">${t('balance {n}', { n: entry.balance })}</div>
              </div>
            </li>
          `,
        )}
      </ol>
    <//>
    ${source && Unmerge && html`<${Unmerge} source=${source} onClose=${() => setSource(null)} onDone=${(words) => (setSource(null), onDone(words))} />`}
  `;
};

export const Receipts = ({ member, version }) => {
  const list = useList(`/v1/members/${encodeURIComponent(member)}/receipts`, [member, version]);
  return html`
    <${Paged} list=${list} empty=${html`<${Empty} title=${t('No receipts yet')}>${t('They appear once they are decided.')}<//>`}>
      <div class="card">
        <${Table}
          caption=${t('Receipts')}
          rows=${list.items}
          rowKey=${(receipt) => receipt.id}
          columns=${[
            { title: t('Receipt'), cell: ({ id }) => html`<${Link} class="code" to=${address('why', 'receipt', id, member)}>${id}<//>` },
            { title: t('When'), cell: ({ occurred_at: at }) => date(at) },
            { title: t('Rules'), low: 2, num: true, cell: ({ decision }) => (decision ? number(decision.outcomes.length) : '') },
            { title: t('Points'), num: true, cell: ({ decision, reason }) => (decision ? signed(decision.points.redeemable) : (reason ?? '…')) },
          ]}
        />
      </div>
    <//>
  `;
};

const couponWords = () => ({
  reserved: t('reserved'),
  available: t('available'),
  applied: t('in the cart'),
  used: t('used'),
  expired: t('expired'),
  cancelled: t('cancelled'),
  lapsed: t('lapsed'),
});

const UseDialog = ({ what, coupon, onClose, onDone }) => {
  const { run, busy, error } = useAction(async (idempotencyKey) => {
    await send('POST', `/v1/coupons/${encodeURIComponent(coupon.code)}/${what}`, { body: what === 'use' ? {} : undefined, idempotencyKey });
    onDone(what === 'cancel' ? t('Cancelled. {points} are back.', { points: points(coupon.cost) }) : t('Used.'));
  });
  return html`
    <${Confirm}
      title=${what === 'cancel' ? t('Cancel {code}?', { code: coupon.code }) : t('Use {code}?', { code: coupon.code })}
      action=${what === 'cancel' ? t('Cancel the coupon') : t('Use it')}
      danger=${what === 'cancel'}
      ...${{ busy, error, onClose }}
      onConfirm=${() => run()}
    >
      <p>${what === 'cancel' ? t('The code stops working, and the member gets {points} back.', { points: points(coupon.cost) }) : t('The code is spent for good, as at a till.')}</p>
    <//>
  `;
};

export const Coupons = ({ member, version, onDone }) => {
  const [dialog, setDialog] = useState(null);
  const list = useList(`/v1/members/${encodeURIComponent(member)}/coupons`, [member, version]);
  const words = couponWords();
  const mayAct = may('rewards:redeem');
  const Move = useModule(() => import('./support.js'))?.MoveDialog;
  const open = (coupon) => ['reserved', 'available', 'applied'].includes(coupon.status);
  const actions = (coupon) => html`
    <div class="row">
      ${['available', 'applied'].includes(coupon.status) && mayAct && html`<${Button} quiet onClick=${() => setDialog({ what: 'use', coupon })}>${t('Use')}<//>`}
      ${open(coupon) && may('support') && html`<${Button} quiet onClick=${() => setDialog({ what: 'move', coupon })}>${t('Move')}<//>`}
      ${open(coupon) && mayAct && html`<${Button} quiet danger onClick=${() => setDialog({ what: 'cancel', coupon })}>${t('Cancel')}<//>`}
    </div>
  `;
  return html`
    <${Paged} list=${list} empty=${html`<${Empty} title=${t('No coupons yet')}>${t('A redeemed reward is a coupon, with a code for the checkout.')}<//>`}>
      <div class="card">
        <${Table}
          caption=${t('Coupons')}
          rows=${list.items}
          rowKey=${(coupon) => coupon.code}
          columns=${[
            { title: t('Coupon'), cell: (coupon) => html`<span class="code">${coupon.code}</span><div class="why">${coupon.name ?? coupon.reward} · ${discountWords(coupon.discount)}</div>${actions(coupon)}` },
            { title: t('Status'), cell: (coupon) => html`<${Chip} tone=${open(coupon) ? '' : 'off'}>${words[coupon.status] ?? coupon.status}<//>` },
            { title: t('Cost'), low: 2, num: true, cell: (coupon) => number(coupon.cost) },
            { title: t('Until'), low: 2, num: true, cell: (coupon) => (coupon.expires_at ? date(coupon.expires_at) : '') },
          ]}
        />
      </div>
    <//>
    ${['use', 'cancel'].includes(dialog?.what) && html`<${UseDialog} ...${dialog} onClose=${() => setDialog(null)} onDone=${(words) => (setDialog(null), onDone(words))} />`}
    ${dialog?.what === 'move' && Move && html`<${Move}
      kind="coupons"
      id=${dialog.coupon.code}
      says=${t('This member gets {points} back, and the other one pays them.', { points: points(dialog.coupon.cost) })}
      onClose=${() => setDialog(null)}
      onDone=${(words) => (setDialog(null), onDone(words))}
    />`}
  `;
};
