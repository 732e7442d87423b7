// Texts, numbers, money and dates in the language of the user. English texts are their own keys; `en.json` has the plurals.
// In the files that are served, `build/texts.rs` has put a number in place of each text.

export const LANGUAGES = { en: 'English', it: 'Italiano', ro: 'Română', ru: 'Русский' };

let texts = {};
let plurals = new Intl.PluralRules('en');
let zone;
/** The language of the texts, and its regional form for numbers and dates. */
export let language = 'en';
let region = 'en';

/** The languages of the browser, nearest first; else English. */
export const preferredLanguage = () =>
  [...navigator.languages].map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES) ?? 'en';

export const setLanguage = async (name) => {
  texts = await (await fetch(new URL(`./locales/${name}.json`, import.meta.url))).json();
  language = name;
  region = navigator.languages.find((tag) => tag.startsWith(`${name}-`)) ?? name;
  plurals = new Intl.PluralRules(name);
  document.documentElement.lang = name;
};

/** Times are shown in the programme's time zone, once it is known. */
export const setTimeZone = (name) => {
  zone = name;
};

/** The plural forms of a text that has so many, in the order in which the files separate them with `|`. */
const FORMS = { 2: ['one', 'other'], 3: ['one', 'few', 'other'], 4: ['one', 'few', 'many', 'other'] };

/** A text with `{name}` filled in. `n` chooses the plural form. */
export const t = (text, values = {}) => {
  const forms = (texts[text] ?? text).split('|');
  const chosen = forms[FORMS[forms.length]?.indexOf(plurals.select(Math.abs(values.n)))] ?? forms.at(-1);
  return chosen.replace(/\{(\w+)\}/g, (_, name) => (name === 'n' ? number(values.n) : (values[name] ?? '')));
};

export const number = (value) => new Intl.NumberFormat(region).format(value);
/** A whole number as typed, with the thousands separated as the user's language does or by spaces; null for anything else. */
export const wholeNumber = (text) => {
  const mark = new Intl.NumberFormat(region, { useGrouping: 'always' }).formatToParts(1e4).find(({ type }) => type === 'group').value;
  const typed = text.trim().replaceAll(mark, ' ').replace(/[\s’']/g, ' ');
  return /^(\d{1,12}|\d{1,3}( \d{2,3})* \d{3})$/.test(typed) ? Number(typed.replaceAll(' ', '')) : null;
};
export const signed = (value) => new Intl.NumberFormat(region, { signDisplay: 'exceptZero' }).format(value);
export const points = (n) => t('{n} points', { n });
export const percent = (value, digits = 1) =>
  new Intl.NumberFormat(region, { style: 'percent', maximumFractionDigits: digits }).format(value);

export const money = (amount, currency) => {
  if (amount == null) return '';
  try {
    return new Intl.NumberFormat(region, { style: 'currency', currency }).format(amount);
  } catch {
    return `${amount} ${currency ?? ''}`.trim();
  }
};

/** What a coupon takes off. */
export const discountWords = ({ type, amount: off, percent: share, currency, value }) =>
  ({
    amount_off: () => t('{amount} off', { amount: money(off, currency) }),
    percent_off: () => t('{n} % off', { n: Number(share) }),
    free_shipping: () => t('free delivery'),
    free_product: () => t('{product} for free', { product: value ?? '' }),
    gift_card: () => t('a gift card of {amount}', { amount: money(off ?? value, currency) }),
    custom: () => value ?? '',
  })[type]?.() ?? '';

/** Money without cents, for a large figure whose exact value stands elsewhere. */
export const wholeMoney = (amount, currency) => new Intl.NumberFormat(region, { style: 'currency', currency, maximumFractionDigits: 0 }).format(amount);

/** Money as people write it in sentences: without cents where there are none. */
export const amount = (value, currency) => {
  try {
    const style = { style: 'currency', currency, minimumFractionDigits: Number.isInteger(Number(value)) ? 0 : undefined };
    return new Intl.NumberFormat(region, style).format(value);
  } catch {
    return `${value} ${currency ?? ''}`.trim();
  }
};

const format = (value, options) => {
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? String(value) : new Intl.DateTimeFormat(region, options).format(time);
};
export const dateTime = (value) => format(value, { dateStyle: 'medium', timeStyle: 'short', timeZone: zone });
export const date = (value) => format(value, { dateStyle: 'medium', timeZone: zone });
/** A calendar day such as `2026-12-31`, which has no time zone. */
export const day = (value) => format(`${String(value).slice(0, 10)}T12:00:00Z`, { dateStyle: 'medium', timeZone: 'UTC' });
/** A calendar month such as `2026-12`. */
export const month = (value) => format(`${value}-15`, { month: 'long', year: 'numeric', timeZone: 'UTC' });
export const shortDay = (value) =>
  format(`${String(value).slice(0, 10)}T12:00:00Z`, { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** A moment as a field for date and time has it, in the programme's time zone. */
export const localTime = (moment) => {
  const time = new Date(moment);
  const words = () => new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(time);
  return Number.isNaN(time.getTime()) ? '' : words().replace(' ', 'T');
};
/** The moment of such a text; a text that is none is left to the API. */
export const momentOf = (text) => {
  const here = Date.parse(`${text}Z`);
  // How far the zone is ahead, at about that moment and then at it: clocks may change in between.
  const ahead = (time) => Date.parse(`${localTime(time)}Z`) - time;
  const time = here - ahead(here - ahead(here));
  return Number.isNaN(time) ? text : new Date(time).toISOString().replace('.000', '');
};

/** A text of the programme, which is one string or one for each language. */
export const textOf = (text, fallback = '') =>
  typeof text === 'string' ? text : (text?.[language] ?? text?.en ?? Object.values(text ?? {})[0] ?? fallback);

export const list = (values) => new Intl.ListFormat(language, { type: 'conjunction' }).format(values);
