// What of a document a form cannot show.

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const isStrings = (value) => Array.isArray(value) && value.every((one) => typeof one === 'string');

export const keysOf = (field) => {
  if (field.kind === 'variant') return Object.keys(field.options);
  if (field.kind === 'shapes') return field.options.flatMap((option) => option.fields.flatMap(keysOf));
  return [field.key];
};
export const chosenShape = (field, value) => field.options.find(({ needs }) => needs.some((key) => key in value));

/** The pointers of what a form cannot show; empty when it shows everything. */
export const uncovered = (field, value, at = '') => {
  if (value === null || value === undefined) return field.nullable || value === undefined ? [] : [at];
  const no = (fits) => (fits ? [] : [at]);
  switch (field.kind) {
    case 'text':
    case 'money':
    case 'time':
    case 'moment':
    case 'pick':
      return no(typeof value === 'string');
    case 'number':
      return no(Number.isInteger(value));
    case 'anything':
      return [];
    case 'toggle':
      return no(typeof value === 'boolean');
    case 'choice':
      return no(field.options.some(([name]) => name === value));
    case 'list':
    case 'picks':
      return no(isStrings(value));
    case 'words':
      return no(typeof value === 'string' || (isObject(value) && Object.values(value).every((one) => typeof one === 'string')));
    case 'pairs':
      return no(isObject(value) && Object.values(value).every(isStrings));
    case 'wordlist':
      return no(Array.isArray(value) && value.every((one) => uncovered({ kind: 'words' }, one).length === 0));
    case 'group':
      return isObject(value) ? inObject(field.fields, value, at) : [at];
    case 'many':
      return Array.isArray(value) ? value.flatMap((one, index) => uncovered(field.of, one, `${at}/${index}`)) : [at];
    case 'limits':
      return Array.isArray(value)
        ? value.flatMap((one, index) => uncovered(field.of, one, `${at}/${index}`))
        : uncovered(field.of, value, at);
    default:
      throw new Error(`no kind ${field.kind}`);
  }
};

const inObject = (fields, value, at) =>
  Object.entries(value).flatMap(([key, own]) => {
    const place = `${at}/${key}`;
    const field = fields.find((one) => keysOf(one).includes(key));
    if (!field) return [place];
    if (field.kind === 'variant') {
      const present = keysOf(field).filter((one) => one in value);
      return present.length > 1 ? [place] : uncovered(field.options[key].field, own, place);
    }
    if (field.kind === 'shapes') {
      const shape = chosenShape(field, value);
      const within = shape?.fields.filter((one) => keysOf(one).includes(key)) ?? [];
      return within.length ? uncovered(within[0], own, place) : [place];
    }
    return uncovered(field, own, place);
  });
