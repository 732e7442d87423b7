// The overview: four figures with their change, one chart at a time, the liability, budgets, and what gave most.

import { html, useState } from '../vendor/preact.js';
import { address, get, may, navigate, useList, useLoad, useModule, useProgramme } from '../core.js';
import { Chart } from '../chart.js';
import { noticeKinds } from '../notices.js';
import { Button, Failed, Link, Loading, SelectField, Table } from '../ui.js';
import { date, day, money, month, number, percent, t, textOf, wholeMoney } from '../words.js';

const DAY = 86_400_000;
const iso = (time) => new Date(time).toISOString().slice(0, 10);

/** The period of a kind that contains a day: `from` is in it, `to` is not. Only these count distinct people. */
export const periodOf = (kind, onDay) => {
  const time = new Date(`${onDay}T00:00:00Z`);
  const [year, month] = [time.getUTCFullYear(), time.getUTCMonth()];
  if (kind === 'year') return { from: iso(Date.UTC(year, 0, 1)), to: iso(Date.UTC(year + 1, 0, 1)), bucket: 'month' };
  if (kind === 'month') return { from: iso(Date.UTC(year, month, 1)), to: iso(Date.UTC(year, month + 1, 1)), bucket: 'day' };
  if (kind === 'day') return { from: onDay, to: iso(time.getTime() + DAY), bucket: 'day' };
  // ISO weeks begin on Monday.
  const monday = time.getTime() - ((time.getUTCDay() + 6) % 7) * DAY;
  return { from: iso(monday), to: iso(monday + 7 * DAY), bucket: 'day' };
};
const before = (kind, period) => periodOf(kind, iso(new Date(`${period.from}T00:00:00Z`).getTime() - DAY));
const queryOf = ({ from, to, bucket }) => `from=${from}&to=${to}&bucket=${bucket}`;
const lastDay = ({ to }) => iso(new Date(`${to}T00:00:00Z`).getTime() - DAY);

/** Today in the programme's time zone. */
const todayIn = (zone) => new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date());

const Change = ({ now, then, isRate }) => {
  if (now == null || then == null) return html`<dd class="small muted">${t('no comparison')}</dd>`;
  const difference = Number(now) - Number(then);
  if (!difference) return html`<dd class="small muted">${t('as before')}</dd>`;
  if (!isRate && !Number(then)) return html`<dd class="small good">▲ ${t('from 0')}</dd>`;
  const words = isRate ? t('{n} points of percent', { n: Math.round(Math.abs(difference) * 1000) / 10 }) : percent(Math.abs(difference) / Number(then));
  return html`<dd class=${`small ${difference > 0 ? 'good' : 'bad'}`}>${difference > 0 ? '▲' : '▼'} ${words}</dd>`;
};

const Tile = ({ label, value, ...change }) => html`
  <div class="card tile">
    <dt>${label}</dt>
    <dd>${value}</dd>
    ${change.note !== undefined ? html`<dd class="small muted">${change.note}</dd>` : html`<${Change} ...${change} />`}
  </div>
`;

const charts = (currency) => ({
  points: { title: t('Earned and redeemed'), series: [[t('Earned'), 'points_earned', '--good'], [t('Redeemed'), 'points_redeemed', '--warn', true]] },
  people: { title: t('Active and new members'), series: [[t('Active'), 'active_members', '--good'], [t('New'), 'new_members', '--warn', true]] },
  money: { title: t('Sales with coupons'), series: [[t('Sales'), 'loyalty_revenue', '--good']], write: (value) => money(value, currency) },
  lost: { title: t('Expired and taken back'), series: [[t('Expired'), 'points_expired', '--warn'], [t('Taken back'), 'points_reversed', '--bad', true]] },
});

const Figures = ({ figures, currency, today }) => {
  const [chosen, setChosen] = useState('points');
  // Days that are still to come have no figures.
  const rows = figures.series.filter(({ from }) => from <= today);
  const all = charts(currency);
  const { title, series, write } = all[chosen];
  return html`
    <section class="card stack">
      <${SelectField} id="chart" label=${t('Chart')} value=${chosen} onInput=${setChosen} options=${Object.entries(all).map(([name, one]) => [name, one.title])} />
      <${Chart}
        key=${chosen}
        title=${title}
        days=${rows.map(({ from }) => from)}
        ...${write && { write }}
        series=${series.map(([label, key, colour, dashed]) => ({ label, colour, dashed, values: rows.map((one) => (one[key] == null ? null : Number(one[key]))) }))}
      />
    </section>
  `;
};

const Budgets = ({ budgets, programme }) => {
  if (!budgets?.length) return null;
  const periods = { day: t('today'), week: t('this week'), month: t('this month'), year: t('this year'), lifetime: t('in all') };
  const name = (id) => (id ? (programme?.rules.find((rule) => rule.id === id)?.name ?? id) : t('Whole programme'));
  return html`
    <section class="card stack">
      <h2>${t('Budgets')}</h2>
      ${budgets.map(
        ({ rule, per, points, used, runs_out_on: end }) => html`
          <div class="stack tight">
            <b>${name(rule)}</b>
            <span class="bar" role="img" aria-label=${percent(points ? used / points : 0, 0)}><i style=${{ width: `${Math.min(100, points ? (100 * used) / points : 0)}%` }}></i></span>
            <p class="small muted">${t('{used} of {points} {period}', { used: number(used), points: number(points), period: periods[per] ?? '' })}${end ? ` · ${t('runs out on {day} at this pace', { day: day(end) })}` : ''}</p>
          </div>
        `,
      )}
    </section>
  `;
};

const Tops = ({ figures, programme }) => {
  const nameIn = (list, id) => textOf(list?.find((one) => one.id === id)?.name, id);
  return html`
    <div class="halves">
      ${figures.top_rules?.length > 0 &&
      html`<section class="card"><h2>${t('What gave most points')}</h2><${Table} caption=${t('What gave most points')} rows=${figures.top_rules} columns=${[
        { title: t('Rule'), cell: ({ rule }) => (may('admin') ? html`<${Link} to=${address('rules', rule)}>${nameIn(programme?.rules, rule)}<//>` : rule) },
        { title: t('Times'), num: true, low: 2, cell: ({ firings }) => number(firings) },
        { title: t('Points'), num: true, cell: ({ points }) => number(points) },
      ]} /></section>`}
      ${figures.top_rewards?.length > 0 &&
      html`<section class="card"><h2>${t('What was redeemed most')}</h2><${Table} caption=${t('What was redeemed most')} rows=${figures.top_rewards} columns=${[
        { title: t('Reward'), cell: ({ reward }) => (may('admin') ? html`<${Link} to=${address('rewards', reward)}>${nameIn(programme?.rewards, reward)}<//>` : reward) },
        { title: t('Times'), num: true, cell: ({ redemptions }) => number(redemptions) },
        { title: t('Points'), num: true, low: 2, cell: ({ points }) => number(points) },
      ]} /></section>`}
    </div>
  `;
};

/** What somebody should look at, newest first; nothing is shown while there is nothing. */
const Notices = ({ programme }) => {
  const [kind, setKind] = useState('');
  const [most, setMost] = useState(5);
  const list = useList(`/v1/notices${kind && `?type=${kind}`}`);
  if (!kind && !list.items.length && !list.error) return null;
  const kinds = noticeKinds();
  const nameOf = (part, id) => textOf(programme?.[part].find((one) => one.id === id)?.name, id);
  const words = (notice) => {
    const { says, leads } = kinds[notice.type] ?? {};
    if (!says) return notice.type;
    const [scope, ...place] = leads(notice);
    return may(scope) ? html`<${Link} to=${address(...place)}>${says(notice, nameOf)}<//>` : says(notice, nameOf);
  };
  const more = () => {
    if (list.next && most + 20 > list.items.length) list.more();
    setMost(most + 20);
  };
  return html`
    <section class="card stack tight">
      <h2>${t('To look at')}</h2>
      <${SelectField} id="notices" label=${t('Kind')} value=${kind} onInput=${setKind} options=${[['', t('All')], ...Object.entries(kinds).map(([name, one]) => [name, one.name])]} />
      ${list.error && html`<${Failed} error=${list.error} retry=${list.reload} />`}
      ${!list.items.length && !list.loading && !list.error && html`<p class="muted">${t('None of this kind.')}</p>`}
      ${list.items.slice(0, most).map((notice) => html`<p key=${notice.id}>${words(notice)} <span class="muted small">${date(notice.at)}</span></p>`)}
      ${(list.next || list.items.length > most) && html`<div><${Button} quiet busy=${list.loading} onClick=${more}>${t('Show more')}<//></div>`}
    </section>
  `;
};

/** Who takes part, and what they hold. */
const Stocks = ({ totals, programme }) => {
  const tierName = (id) => textOf([...(programme?.tiers?.ladder ?? []), ...(programme?.tiers?.vip ?? [])].find((one) => one.id === id)?.name, id);
  const rows = [
    [t('Members'), totals.members],
    [t('New'), totals.new_members],
    [t('Visitors'), totals.visitors],
    [t('Open points'), totals.points_unredeemed],
    [t('Pending'), totals.points_pending],
    ...Object.entries(totals.tiers ?? {}).map(([id, n]) => [tierName(id), n]),
  ].filter(([, n]) => n != null);
  return html`<section class="card"><dl class="facts even">${rows.map(([name, n]) => html`<dt>${name}</dt><dd>${number(n)}</dd>`)}</dl></section>`;
};

const lineWords = () => ({
  opening: t('Open at the beginning'),
  issued: t('Issued'),
  forgiven: t('Forgiven'),
  redeemed: t('Redeemed'),
  restored: t('Given back'),
  expired: t('Expired'),
  reversed: t('Taken back'),
  removed: t('Taken'),
  closing: t('Open at the end'),
});

const Liability = ({ liability, currency }) => {
  const words = lineWords();
  const inMoney = (one) => (one.money == null ? '' : money(one.money, currency));
  const { roll_forward: lines, forecast = [], breakage = [] } = liability;
  return html`
    <section class="card stack">
      <h2>${t('Liability')}</h2>
      <${Table}
        caption=${t('Liability')}
        rows=${Object.keys(words).filter((name) => lines[name])}
        columns=${[
          { title: html`<span class="hidden">${t('Line')}</span>`, cell: (name) => (name === 'closing' || name === 'opening' ? html`<b>${words[name]}</b>` : words[name]) },
          { title: t('Points'), num: true, cell: (name) => number(lines[name].points) },
          { title: t('Money'), num: true, cell: (name) => inMoney(lines[name]) },
        ]}
      />
      <div class="halves">
        ${forecast.length > 0 &&
        html`<div><h3>${t('Points that will expire')}</h3><${Table} caption=${t('Points that will expire')} rows=${forecast} columns=${[
          { title: t('Month'), cell: (one) => month(one.month) },
          { title: t('Points'), num: true, cell: ({ points }) => number(points) },
          { title: t('Money'), num: true, low: 2, cell: inMoney },
        ]} /></div>`}
        ${breakage.length > 0 &&
        html`<div><h3>${t('Breakage by month of issue')}</h3><${Table} caption=${t('Breakage by month of issue')} rows=${breakage} columns=${[
          { title: t('Month'), cell: (one) => month(one.issued_in) },
          { title: t('Issued'), num: true, cell: (one) => number(one.issued) },
          { title: t('Redeemed'), num: true, low: 2, cell: (one) => number(one.redeemed) },
          { title: t('Expired'), num: true, low: 2, cell: (one) => number(one.expired) },
          { title: t('Rate'), num: true, cell: (one) => (one.rate == null ? '' : percent(one.rate)) },
        ]} /></div>`}
      </div>
    </section>
  `;
};

const kinds = () => ({ day: t('Day'), week: t('Week'), month: t('Month'), year: t('Year') });

const Report = ({ kind, on, programme }) => {
  const period = periodOf(kind, on);
  const previous = before(kind, period);
  const { data, error, reload } = useLoad(
    async (signal) => {
      const [now, then, liability] = await Promise.all([
        get(`/v1/overview?${queryOf(period)}`, signal),
        get(`/v1/overview?${queryOf(previous)}`, signal),
        get(`/v1/liability?from=${period.from}&to=${period.to}`, signal),
      ]);
      return { now, then: then.totals, liability };
    },
    [kind, on],
  );
  const move = (target) => navigate(address('overview', kind, target));
  const heading = html`
    <div class="between">
      <div>
        <h1>${t('Overview')}</h1>
        <p class="muted">${kind === 'day' ? day(period.from) : `${day(period.from)} – ${day(lastDay(period))}`}</p>
      </div>
      <div class="row">
        <${Button} aria-label=${t('The period before')} onClick=${() => move(previous.from)}>←<//>
        <label><span class="hidden">${t('Period')}</span>
          <select value=${kind} onChange=${(event) => navigate(address('overview', event.target.value, on))}>
            ${Object.entries(kinds()).map(([name, words]) => html`<option value=${name} selected=${name === kind}>${words}</option>`)}
          </select>
        </label>
        <${Button} aria-label=${t('The period after')} onClick=${() => move(period.to)}>→<//>
      </div>
    </div>
  `;
  if (error) return html`${heading}<${Failed} error=${error} retry=${reload} />`;
  if (!data) return html`${heading}<${Loading} lines="1" height="tall" />`;
  const { now, then, liability } = data;
  const { totals } = now;
  const currency = now.currency ?? programme?.currency;
  const { closing } = liability.roll_forward;
  const today = todayIn(programme?.timezone);
  const nextMonth = periodOf('month', periodOf('month', today).to).from.slice(0, 7);
  const soon = liability.forecast.filter(({ month }) => month <= nextMonth).reduce((all, one) => all + one.points, 0);
  return html`
    ${heading}
    <dl class="tiles">
      <${Tile} label=${t('Points earned')} value=${number(totals.points_earned ?? 0)} now=${totals.points_earned} then=${then.points_earned} />
      <${Tile} label=${t('Redemption rate')} value=${totals.redemption_rate == null ? '–' : percent(totals.redemption_rate)} now=${totals.redemption_rate} then=${then.redemption_rate} isRate />
      <${Tile} label=${t('Active members')} value=${totals.active_members == null ? '–' : number(totals.active_members)} now=${totals.active_members} then=${then.active_members} />
      <${Tile}
        label=${t('Liability')}
        value=${closing.money == null || !currency ? number(closing.points) : wholeMoney(closing.money, currency)}
        note=${[closing.money != null && t('{n} points', { n: closing.points }), soon > 0 && t('{n} expire soon', { n: soon })].filter(Boolean).join(' · ')}
      />
    </dl>
    <div class="cols">
      <${Figures} figures=${now} currency=${currency} today=${today} />
      <div class="stack"><${Budgets} budgets=${now.budgets} programme=${programme} /><${Notices} programme=${programme} /><${Stocks} ...${{ totals, programme }} /></div>
    </div>
    <${Tops} figures=${now} programme=${programme} />
    <${Liability} liability=${liability} currency=${currency} />
  `;
};

/** Where the tab remembers whether the checklist was put away. */
export const CLOSED = 'tessera.checklist';

/** Shown until the programme has a rule, and after that until the steps are done or put away. */
const isOpen = (programme) => sessionStorage.getItem(CLOSED) !== 'closed' && (programme.rules.length === 0 || sessionStorage.getItem(CLOSED) === 'open');

const Checklist = ({ programme }) => {
  const Steps = useModule(() => import('./checklist.js'))?.Checklist;
  return Steps ? html`<${Steps} programme=${programme} />` : html`<${Loading} lines="5" />`;
};

export default ({ path: [kind = 'month', on] }) => {
  const programme = useProgramme();
  if (may('admin') && !programme) return html`<${Loading} lines="1" height="tall" />`;
  const valid = kind in kinds() ? kind : 'month';
  const asked = /^\d{4}-\d\d-\d\d$/.test(on ?? '') ? on : todayIn(programme?.timezone);
  const showsChecklist = programme && isOpen(programme);
  return html`
    ${showsChecklist && html`<${Checklist} programme=${programme} />`}
    ${!(showsChecklist && !programme.rules.length) && html`<${Report} kind=${valid} on=${asked} programme=${programme} />`}
  `;
};
