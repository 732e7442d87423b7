// A rule in one sentence: what it gives, for what, to whom, how often.

import { amount, day, list, number, t, textOf } from './words.js';

const first = (object) => Object.entries(object ?? {})[0] ?? [];

const pointsOf = (n, kind) =>
  kind === 'qualifying' ? t('{n} qualifying points', { n }) : kind === 'both' ? t('{n} points, also for the tier', { n }) : t('{n} points', { n });

const nameOf = (things, id) => textOf(things?.find((one) => one.id === id)?.name, id);

const ofAmount = (value, programme) => {
  if (value.points !== undefined) return pointsOf(Number(value.points) || 0, value.kind);
  const each = amount('1', programme?.currency ?? '');
  const rate = Number(value.per_unit);
  return rate === 1
    ? t('a point for every {amount}', { amount: each })
    : t('{rate} points for every {amount}', { rate: Number.isFinite(rate) ? number(rate) : value.per_unit, amount: each });
};

const effectWords = (effect, programme) => {
  const [what, value] = first(effect);
  switch (what) {
    case 'credit':
      return ofAmount(value ?? {}, programme);
    case 'debit':
      return t('takes {points}', { points: ofAmount(value ?? {}, programme) });
    case 'reset':
      return t('empties the balance');
    case 'multiply':
      return value.rules?.length
        ? t('{factor} times the points of {rules}', { factor: value.factor, rules: list(value.rules.map((id) => nameOf(programme?.rules, id))) })
        : t('{factor} times the points of the other rules', { factor: value.factor });
    case 'reward':
      return t('the reward {name}', { name: nameOf(programme?.rewards, value) });
    case 'vip':
      return t('the tier {name}', { name: nameOf(programme?.tiers?.vip, value) });
    default:
      return '';
  }
};

const spendWords = (spend, currency) => {
  const [how, value] = first(Object.fromEntries(Object.entries(spend).filter(([key]) => /every|at_least/.test(key))));
  const money = amount(value, currency);
  const words = {
    every: () => t('for every {amount}', { amount: money }),
    every_per_receipt: () => t('for every {amount} of a purchase', { amount: money }),
    per_receipt_at_least: () => t('for a purchase of {amount} or more', { amount: money }),
    total_at_least: () => t('when {amount} have been spent', { amount: money }),
  }[how]?.();
  return [
    words,
    spend.from && t('from {amount}', { amount: amount(spend.from, currency) }),
    spend.up_to && t('up to {amount}', { amount: amount(spend.up_to, currency) }),
  ];
};

const countWords = (counting, texts) => {
  const [how, n] = first(counting);
  return texts[how]?.(n);
};

const receiptWords = (receipt, currency, needsPurchase) => {
  const { where = {}, within } = receipt;
  const lines = where?.lines ?? {};
  const wanted = [...(lines.categories ?? []), ...(lines.brands ?? []), ...(lines.products ?? []), ...(lines.skus ?? []), ...Object.values(lines.attributes ?? {}).flat()];
  const unwanted = [...(lines.categories_not ?? []), ...(lines.brands_not ?? []), ...(lines.skus_not ?? [])];
  const measured = receipt.spend
    ? spendWords(receipt.spend, currency)
    : receipt.receipts
      ? [
          countWords(receipt.receipts, {
            every: (n) => t('for every {n} purchases', { n }),
            total_at_least: (n) => (n === 1 ? t('with the first purchase') : t('after {n} purchases', { n })),
          }),
        ]
      : receipt.quantity
        ? [
            countWords(receipt.quantity, {
              every: (n) => t('for every {n} items', { n }),
              every_per_receipt: (n) => t('for every {n} items of a purchase', { n }),
              per_receipt_at_least: (n) => t('for {n} items or more in a purchase', { n }),
              total_at_least: (n) => t('after {n} items', { n }),
            }),
          ]
        : [needsPurchase && t('with each purchase')];
  return [
    ...measured,
    wanted.length && t('of {things}', { things: list(wanted) }),
    unwanted.length && t('except {things}', { things: list(unwanted) }),
    where?.stores?.length && t('in {stores}', { stores: list(where.stores) }),
    where?.stores_not?.length && t('not in {stores}', { stores: list(where.stores_not) }),
    where?.channels?.length && t('through {channels}', { channels: list(where.channels) }),
    within?.days && (within.from ? t('within {n} days of the first purchase', { n: within.days }) : t('within {n} days', { n: within.days })),
    within?.starts_on && t('from {from} to {to}', { from: day(within.starts_on), to: day(within.ends_on) }),
  ];
};

const spans = () => ({ day: t('on the birthday'), week: t('in the week of the birthday'), month: t('in the month of the birthday') });

const triggerWords = (on, currency, needsPurchase) => {
  const [what, value] = first(on);
  switch (what) {
    case 'receipt':
      return receiptWords(value ?? {}, currency, needsPurchase);
    case 'interaction':
      return [t('for each {name}', { name: value.name }), ...Object.entries(value.where?.properties ?? {}).map(([name, values]) => `${name}: ${values.join(', ')}`)];
    case 'email_opened':
      return [t('for an opened e-mail')];
    case 'email_clicked':
      return [t('for a click in an e-mail')];
    case 'birthday':
      return [value.days_before ? t('{n} days before the birthday', { n: value.days_before }) : spans()[value.at ?? 'day']];
    case 'enrollment':
      return [t('for joining')];
    case 'inactivity':
      return [t('after {n} days without a purchase', { n: value.days })];
    case 'tier_change':
      return [
        { upgrade: t('when the tier rises'), downgrade: t('when the tier falls'), vip: t('on becoming VIP') }[value.direction] ?? t('when the tier changes'),
        value.from?.length && t('from {tiers}', { tiers: list(value.from) }),
        value.to?.length && t('to {tiers}', { tiers: list(value.to) }),
      ];
    case 'list_subscription':
      return [t('for subscribing to {list}', { list: value.list })];
    case 'profile':
      return [t('when {attribute} is {values}', { attribute: value.attribute, values: (value.in ?? []).join(', ') })];
    case 'referral':
      return [value.role === 'friend' ? t('for a friend who was referred') : t('for a referred friend')];
    default:
      return [];
  }
};

const conditionWords = (condition) => {
  const [what, value] = first(condition);
  switch (what) {
    case 'birthday':
      return value.within ? spans()[value.within] : t('up to {n} days after the birthday', { n: value.days_after });
    case 'enrolled':
      return value.within ? t('on the day of joining') : t('up to {n} days after joining', { n: value.days_after });
    case 'profile':
      return t('if {attribute} is {values}', { attribute: value.attribute, values: (value.in ?? []).join(', ') });
    case 'list':
      return t('if on the list {name}', { name: value });
    case 'tag':
      return t('if tagged {name}', { name: value });
    case 'referred':
      return value ? t('if referred by a member') : t('if not referred');
    default:
      return '';
  }
};

const limitWords = (limit) => {
  const per = {
    day: (n) => t('{n} times a day', { n }),
    week: (n) => t('{n} times a week', { n }),
    month: (n) => t('{n} times a month', { n }),
    year: (n) => t('{n} times a year', { n }),
    lifetime: (n) => t('{n} times in all', { n }),
  };
  const caps = {
    day: (n) => t('{n} points a day at most', { n }),
    week: (n) => t('{n} points a week at most', { n }),
    month: (n) => t('{n} points a month at most', { n }),
    year: (n) => t('{n} points a year at most', { n }),
    lifetime: (n) => t('{n} points in all at most', { n }),
  };
  const words = limit.points === undefined ? per[limit.per]?.(limit.times) : caps[limit.per]?.(limit.points);
  return limit.every > 1 ? t('{words}, every {n} periods', { words, n: limit.every }) : words;
};

/** The sentence; as much of it as can be said while a rule is being written. */
export const sentence = (rule, programme) => {
  try {
    const effects = (rule.then ?? []).map((effect) => effectWords(effect, programme)).filter(Boolean);
    const needsPurchase = !(rule.then ?? []).some((effect) => effect.credit?.per_unit !== undefined);
    const limits = rule.limit == null ? [] : [rule.limit].flat();
    const tiers = [...(programme?.tiers?.ladder ?? []), ...(programme?.tiers?.vip ?? [])];
    const parts = [
      effects.length ? list(effects) : t('nothing yet'),
      ...triggerWords(rule.on, programme?.currency ?? '', needsPurchase),
    ];
    const more = [
      ...(rule.if ?? []).map(conditionWords),
      rule.tiers?.length && t('for {tiers}', { tiers: list(rule.tiers.map((id) => nameOf(tiers, id))) }),
      ...limits.map(limitWords),
    ];
    const words = [parts.filter(Boolean).join(' '), ...more.filter(Boolean)].join(', ');
    return words.charAt(0).toLocaleUpperCase() + words.slice(1);
  } catch {
    return '';
  }
};
