// Texts, numbers, money and dates in the shopper's language.

const canonical = (tag, language) => {
  try {
    const [found] = Intl.getCanonicalLocales(tag);
    return found.split('-')[0] === language ? found : language;
  } catch {
    return language;
  }
};

/** Formats are slow to make and the same for every render. */
const formats = new Map();
const formatOf = (kind, locale, options) => {
  const key = `${kind} ${locale} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl[kind](locale, options));
  return formats.get(key);
};

/**
 * How the panel speaks. `tag` is the wanted locale: its region decides how numbers look. Texts come in `language`, the
 * names of points in that of the hub's response, each with the plural rules of its own language.
 */
export const createWords = ({ language, tag, texts, own, program }) => {
  const locale = canonical(tag, language);
  const plural = formatOf('PluralRules', locale);
  const pointsPlural = formatOf(
    'PluralRules',
    canonical(program?.locale ?? tag, (program?.locale ?? locale).split('-')[0]),
  );
  const number = (value, options) => formatOf('NumberFormat', locale, options).format(value);

  /** A text as a list of children: strings, and whatever nodes stand for its names. */
  const phrase = (key, values = {}) => {
    let form = own[key] ?? texts[key] ?? key;
    if (typeof form === 'object') form = form[plural.select(values.n ?? 0)] ?? form.other ?? '';
    return String(form)
      .split(/\{(\w+)\}/)
      .map((part, index) => (index % 2 ? (part === 'n' ? number(values.n) : (values[part] ?? '')) : part));
  };

  const unit = (count) => {
    const forms = program?.points_name ?? {};
    return forms[pointsPlural.select(Math.abs(count))] ?? forms.other ?? Object.values(forms)[0] ?? '';
  };

  const date = (text, options) => {
    // A day has no zone: it is the same day everywhere.
    const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
    const when = new Date(text);
    if (Number.isNaN(when.getTime())) return text;
    const sameYear = when.getFullYear() === new Date().getFullYear();
    const year = sameYear ? {} : { year: 'numeric' };
    return formatOf('DateTimeFormat', locale, {
      day: 'numeric',
      month: 'long',
      ...year,
      ...options,
      ...(isDay && { timeZone: 'UTC' }),
    }).format(when);
  };

  const money = (amount, currency) => {
    if (!currency) return number(amount);
    try {
      return number(amount, { style: 'currency', currency });
    } catch {
      return `${number(amount)} ${currency}`;
    }
  };

  return {
    locale,
    phrase,
    say: (key, values) => phrase(key, values).join(''),
    number,
    unit,
    points: (count) => `${number(count)} ${unit(count)}`,
    signed: (count) => number(count, { signDisplay: 'exceptZero' }),
    date,
    money,
  };
};

/** What `points` are worth: ⌊points × value ÷ per⌋ in the currency's smallest unit, as a decimal string. */
export const worth = (points, { points: per, value }) => {
  const [whole, part = ''] = String(value).split('.');
  const minor = (BigInt(points) * BigInt(whole + part)) / BigInt(per);
  const digits = String(minor).padStart(part.length + 1, '0');
  return part ? `${digits.slice(0, -part.length)}.${digits.slice(-part.length)}` : digits;
};

/** The smallest and the largest number of points that may be spent now, in steps; null where the least is out of reach. */
export const spendable = ({ min, max, step }, available) => {
  const least = Math.ceil(min / step) * step;
  const most = Math.floor(Math.min(max, available) / step) * step;
  return most >= least ? { least, most } : null;
};

/** A code in groups of four, so that it can be read aloud; one that has its own groups is left alone. */
export const grouped = (code) => (/[-\s]/.test(code) ? code : code.replace(/(.{4})(?=.)/g, '$1-'));
