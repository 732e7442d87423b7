// What the rules would have cost on the receipts that are stored, beside the rules of today.

import { html, useEffect, useState } from '../vendor/preact.js';
import { get, send, useAction } from '../core.js';
import { Chart } from '../chart.js';
import { Button, Dialog, Faults, Table } from '../ui.js';
import { day, money, number, signed, t } from '../words.js';

const EVERY_MILLISECONDS = 1000;

const Report = ({ report }) => {
  const { present, draft, difference, currency, facts, months } = report;
  const rows = [
    [t('Points issued'), number(present.points.issued), number(draft.points.issued), signed(difference.points.issued)],
    [t('Open points'), number(present.points.balance), number(draft.points.balance), signed(difference.points.balance)],
    report.point_value && [t('Cost'), money(present.cost, currency), money(draft.cost, currency), money(difference.cost, currency)],
    report.point_value && [t('Liability'), money(present.liability, currency), money(draft.liability, currency), money(difference.liability, currency)],
    [t('Members who earn'), number(present.members_earning), number(draft.members_earning), signed(draft.members_earning - present.members_earning)],
    [t('Points of the middle member'), number(present.distribution.median), number(draft.distribution.median), signed(draft.distribution.median - present.distribution.median)],
  ].filter(Boolean);
  const warnings = [
    report.not_replayed.length && t('Not replayed, because only the future decides: {rules}', { rules: report.not_replayed.join(', ') }),
    report.events_assumed.length && t('Events taken to come with each receipt: {rules}', { rules: report.events_assumed.join(', ') }),
    report.not_yet_started.length && t('Not started yet in that time: {rules}', { rules: report.not_yet_started.join(', ') }),
    report.over_stock.length && t('More than the stock would have been given: {rewards}', { rewards: report.over_stock.join(', ') }),
  ].filter(Boolean);
  if (!facts.receipts) return html`<p class="notice">${t('There are no receipts yet to replay. Send some first.')}</p>`;
  return html`
    <p class="forecast">
      ${report.point_value
        ? t('It would have cost {cost}, instead of {before}.', { cost: money(draft.cost, currency), before: money(present.cost, currency) })
        : t('It would have issued {n} points, instead of {before}.', { n: draft.points.issued, before: number(present.points.issued) })}
    </p>
    <p class="muted">
      ${t('{n} receipts from {from} to {to}', { n: facts.receipts, from: day(report.first_day), to: day(report.last_day) })}${' · '}
      ${t('Members who would have more: {more}, fewer: {fewer}', { more: number(difference.members_with_more), fewer: number(difference.members_with_fewer) })}
    </p>
    <${Table}
      caption=${t('Today’s rules and the draft')}
      rows=${rows}
      columns=${[
        { title: html`<span class="hidden">${t('Line')}</span>`, cell: ([name]) => name },
        { title: t('Today'), num: true, cell: ([, before]) => before },
        { title: t('Draft'), num: true, cell: ([, , after]) => html`<b>${after}</b>` },
        { title: t('Difference'), num: true, low: 2, cell: ([, , , change]) => change },
      ]}
    />
    ${months.length > 1 &&
    html`<${Chart}
      title=${t('Points by month')}
      days=${months.map(({ month }) => `${month}-01`)}
      series=${[
        { label: t('Today'), colour: '--ink-2', dashed: true, values: months.map((one) => one.present) },
        { label: t('Draft'), colour: '--good', values: months.map((one) => one.draft) },
      ]}
    />`}
    <${Table}
      caption=${t('Rules')}
      rows=${draft.rules}
      columns=${[
        { title: t('Rule'), cell: (one) => one.name || one.rule },
        { title: t('Points'), num: true, cell: (one) => number(one.points) },
        { title: t('Receipts'), num: true, low: 2, cell: (one) => number(one.receipts) },
        { title: t('Members'), num: true, low: 2, cell: (one) => number(one.members) },
      ]}
    />
    ${warnings.map((text) => html`<p class="notice warn">${text}</p>`)}
  `;
};

export const Backtest = ({ rules, onClose }) => {
  const [task, setTask] = useState(null);
  const [failed, setFailed] = useState(null);
  const live = rules.filter((rule) => (rule.status ?? 'active') !== 'archived').map((rule) => ((rule.status ?? 'active') === 'active' ? rule : { ...rule, status: 'active' }));
  const start = useAction(async (idempotencyKey) => setTask((await send('POST', '/v1/rules/backtest', { body: { rules: live }, idempotencyKey })).data));
  useEffect(() => {
    start.run();
  }, []);
  useEffect(() => {
    if (!task || !['queued', 'running'].includes(task.status)) return undefined;
    const life = new AbortController();
    const timer = setTimeout(() => get(`/v1/rules/backtest/${task.id}`, life.signal).then(setTask, (error) => error.name !== 'AbortError' && setFailed(error)), EVERY_MILLISECONDS);
    return () => (clearTimeout(timer), life.abort());
  }, [task]);
  const running = !failed && !start.error && (!task || ['queued', 'running'].includes(task.status));
  return html`
    <${Dialog} wide title=${t('Backtest')} onClose=${onClose} actions=${html`<${Button} onClick=${onClose}>${t('Close')}<//>`}>
      <div role="status">${running && t('The stored receipts are replayed under the draft. You can close this; nothing changes.')}</div>
      ${running && html`<progress aria-label=${t('Backtest')}></progress>`}
      <${Faults} error=${start.error ?? failed} />
      ${task?.status === 'failed' && html`<p class="notice bad">${t('The backtest failed: {why}', { why: task.reason ?? '' })}</p>`}
      ${task?.report && html`<${Report} report=${task.report} />`}
    <//>
  `;
};
