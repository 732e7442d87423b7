// Forms that edit a JSON document in place: what the form shows is what is sent.
//
// A field has a `kind` and, in an object, the `key` that it edits. Kinds: text, number, money, list, choice, toggle, time,
// words (a text in one or more languages), wordlist, pairs (names with lists of values), pick and picks (ids of the
// programme), group (an object), variant (one key of several), shapes (an object of one of several forms), many (a list
// of objects), limits (one object, or a list).

import { html, useEffect, useState } from './vendor/preact.js';
import { chosenShape, keysOf } from './cover.js';
import { Button, SelectField, TextField } from './ui.js';
import { LANGUAGES, language, localTime, momentOf, t } from './words.js';

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
export const without = (object, ...keys) => Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
const put = (object, key, value) => (value === undefined ? without(object ?? {}, key) : { ...object, [key]: value });

/** The faults at a pointer, joined; `deep` also takes those below it. */
const faultAt = (faults, at, deep) =>
  faults.filter(({ pointer }) => pointer === at || (deep && pointer.startsWith(`${at}/`))).map(({ detail }) => detail).join('; ') || undefined;

/** The options of a choice among ids; one that the programme does not have stays visible. */
const withChosen = (options, value) => {
  const known = options.some(([id]) => id === value);
  return [...(known ? [] : [[value ?? '', value || t('Choose…')]]), ...options];
};

const idOf = (at) => `f${at.replace(/[^\w]+/g, '-')}`;

/** Keeps what is typed until it can be read, so that typing is never disturbed. */
const useTyped = (value, read, write) => {
  const [typed, setTyped] = useState(write(value));
  useEffect(() => {
    if (JSON.stringify(read(typed)) !== JSON.stringify(value)) setTyped(write(value));
  }, [JSON.stringify(value)]);
  return [typed, setTyped];
};

const Typed = ({ field, value, onChange, at, faults, read, write, ...rest }) => {
  const [typed, setTyped] = useTyped(value, read, write);
  return html`
    <${TextField}
      id=${idOf(at)}
      label=${field.label}
      help=${field.help}
      optional=${field.optional}
      fault=${faultAt(faults, at, true)}
      value=${typed}
      onInput=${(text) => (setTyped(text), onChange(read(text)))}
      ...${rest}
    />
  `;
};

const readText = (text) => (text === '' ? undefined : text);
const readNumber = (text) => (text.trim() === '' ? undefined : /^-?\d+$/.test(text.trim()) ? Number(text) : text);
const readList = (text) => {
  const values = text.split(/[,\n]/).map((one) => one.trim()).filter(Boolean);
  return values.length ? values : undefined;
};
const readTime = (text) => (text ? (text.length === 16 ? `${text}:00` : text) : undefined);

const Words = ({ field, value, onChange, at, faults }) => {
  const isMap = isObject(value);
  const languages = isMap ? Object.keys(value) : [];
  const missing = Object.keys(LANGUAGES).filter((name) => !languages.includes(name));
  if (!isMap)
    return html`
      <div class="stack tight">
        <${Typed} ...${{ field, value, onChange, at, faults }} read=${readText} write=${(one) => one ?? ''} />
        ${value !== undefined &&
        html`<${Button} quiet onClick=${() => onChange({ [language]: value })}>${t('Add other languages')}<//>`}
      </div>
    `;
  return html`
    <fieldset class="stack tight">
      <legend class="label">${field.label}</legend>
      ${languages.map(
        (name) => html`
          <${Typed}
            key=${name}
            field=${{ label: LANGUAGES[name] ?? name }}
            value=${value[name]}
            onChange=${(text) => onChange(Object.keys(put(value, name, text)).length ? put(value, name, text) : undefined)}
            at=${`${at}/${name}`}
            faults=${faults}
            read=${readText}
            write=${(one) => one ?? ''}
          />
        `,
      )}
      ${missing.length > 0 &&
      html`<div class="row">${missing.map((name) => html`<${Button} quiet onClick=${() => onChange({ ...value, [name]: '' })}>+ ${LANGUAGES[name]}<//>`)}</div>`}
    </fieldset>
  `;
};

const Picks = ({ field, value = [], onChange, at, faults, context }) => {
  const known = context[field.of] ?? [];
  const options = [...known, ...value.filter((id) => !known.some((one) => one[0] === id)).map((id) => [id, id])];
  const flip = (id) => {
    const next = value.includes(id) ? value.filter((one) => one !== id) : [...value, id];
    onChange(next.length ? next : undefined);
  };
  const fault = faultAt(faults, at, true);
  if (!options.length) return null;
  return html`
    <fieldset class="stack tight ${fault ? 'faulty' : ''}">
      <legend class="label">${field.label}</legend>
      <div class="checks">
        ${options.map(
          ([id, words]) => html`<label class="check"><input type="checkbox" checked=${value.includes(id)} onChange=${() => flip(id)} />${words}</label>`,
        )}
      </div>
      ${field.help && html`<p class="help">${field.help}</p>`} ${fault && html`<p class="fault">${fault}</p>`}
    </fieldset>
  `;
};

/** Names with lists of values: `season: fw, ss`. */
const Pairs = ({ field, value, onChange, at, faults }) => {
  const write = (pairs) => Object.entries(pairs ?? {}).map(([name, values]) => `${name}: ${values.join(', ')}`).join('\n');
  const read = (text) => {
    const pairs = text.split('\n').map((line) => line.split(':')).filter(([name, values]) => name.trim() && values !== undefined);
    if (!pairs.length) return undefined;
    return Object.fromEntries(pairs.map(([name, ...values]) => [name.trim(), readList(values.join(':')) ?? []]));
  };
  const [typed, setTyped] = useTyped(value, read, write);
  const fault = faultAt(faults, at, true);
  return html`
    <div class="field ${fault ? 'faulty' : ''}">
      <label for=${idOf(at)}>${field.label}</label>
      <textarea id=${idOf(at)} rows="2" value=${typed} onInput=${(event) => (setTyped(event.target.value), onChange(read(event.target.value)))}></textarea>
      <p class="help">${t('One a line, as name: value, value')}</p>
      ${fault && html`<p class="fault">${fault}</p>`}
    </div>
  `;
};

const WordList = ({ field, value = [], onChange, at, faults }) => html`
  <fieldset class="stack tight whole">
    <legend class="label">${field.label}</legend>
    ${value.map(
      (one, index) => html`
        <${Words}
          key=${index}
          field=${{ label: `${index + 1}.` }}
          value=${one}
          onChange=${(text) => onChange(text === undefined ? value.filter((_, other) => other !== index) : value.map((old, other) => (other === index ? text : old)))}
          at=${`${at}/${index}`}
          faults=${faults}
        />
      `,
    )}
    <div><${Button} onClick=${() => onChange([...value, ''])}>${t('Add one')}<//></div>
  </fieldset>
`;

const Group = ({ field, value, onChange, at, faults, context }) => {
  const fault = faultAt(faults, at);
  const fields = html`<${Fields} fields=${field.fields} value=${value ?? {}} onChange=${onChange} at=${at} faults=${faults} context=${context} />`;
  if (field.plain) return html`${fault && html`<p class="fault">${fault}</p>`}${fields}`;
  if (field.optional && value === undefined)
    return html`<div class="whole"><${Button} onClick=${() => onChange(field.initial ?? {})}>${field.add ?? `+ ${field.label}`}<//>${fault && html`<p class="fault">${fault}</p>`}</div>`;
  return html`
    <fieldset class="nest whole">
      ${field.label && html`<legend class="label">${field.label}</legend>`} ${field.help && html`<p class="help">${field.help}</p>`}
      ${fault && html`<p class="fault">${fault}</p>`}
      ${fields} ${field.optional && html`<div><${Button} quiet danger onClick=${() => onChange(undefined)}>${t('Remove')}<//></div>`}
    </fieldset>
  `;
};

const Many = ({ field, value, onChange, at, faults, context, write = (list) => (list.length || field.keepsEmpty ? list : undefined) }) => {
  const items = value ?? [];
  const fault = faultAt(faults, at);
  return html`
    <div class="stack whole">
      ${field.label && html`<h3>${field.label}</h3>`} ${fault && html`<p class="fault">${fault}</p>`}
      ${items.map(
        (one, index) => html`
          <div class="nest" key=${index}>
            <${AnyField}
              field=${field.of}
              value=${one}
              onChange=${(next) => onChange(write(items.map((old, other) => (other === index ? next : old))))}
              at=${field.at ? field.at(at, index, items) : `${at}/${index}`}
              ...${{ faults, context }}
            />
            ${(items.length > 1 || !field.atLeastOne) &&
            html`<div><${Button} quiet danger onClick=${() => onChange(write(items.filter((_, other) => other !== index)))}>${t('Remove')}<//></div>`}
          </div>
        `,
      )}
      <div><${Button} onClick=${() => onChange(write([...items, field.initial]))}>${field.add}<//></div>
    </div>
  `;
};

const Limits = ({ field, value, ...rest }) => {
  const items = value === undefined ? [] : Array.isArray(value) ? value : [value];
  const write = (list) => (list.length > 1 ? list : list[0]);
  return html`<${Many} field=${{ ...field, at: (at, index, all) => (Array.isArray(value) || all.length > 1 ? `${at}/${index}` : at) }} value=${items} write=${write} ...${rest} />`;
};

const Variant = ({ field, value, onChange, at, faults, context }) => {
  const chosen = Object.keys(field.options).find((key) => key in value) ?? '';
  const options = Object.entries(field.options).map(([key, option]) => [key, option.label]);
  const choose = (key) => {
    if (key === chosen) return;
    const rest = without(value, ...Object.keys(field.options));
    onChange(key ? { ...rest, [key]: field.options[key].initial } : rest);
  };
  const inner = chosen && field.options[chosen].field;
  const showsInner = inner && !(inner.kind === 'group' && inner.fields.length === 0);
  return html`
    <div class="stack whole">
      <${SelectField}
        id=${`${idOf(at)}-${field.name}`}
        label=${field.label}
        fault=${chosen ? undefined : faultAt(faults, at)}
        value=${chosen}
        onInput=${choose}
        options=${field.none || !chosen ? [['', field.none ?? t('Choose…')], ...options] : options}
      />
      ${showsInner &&
      html`<${AnyField} key=${chosen} field=${inner} value=${value[chosen]} onChange=${(next) => onChange({ ...value, [chosen]: next ?? field.options[chosen].blank ?? null })} at=${`${at}/${chosen}`} ...${{ faults, context }} />`}
    </div>
  `;
};

const Shapes = ({ field, value, onChange, ...rest }) => {
  const chosen = chosenShape(field, value);
  const choose = (id) => {
    if (id === chosen?.id) return;
    const kept = without(value, ...keysOf(field));
    onChange({ ...kept, ...field.options.find((option) => option.id === id)?.initial });
  };
  return html`
    <div class="stack whole">
      <${SelectField}
        id=${`${idOf(rest.at)}-${field.name}`}
        label=${field.label}
        value=${chosen?.id ?? ''}
        onInput=${choose}
        options=${[...(chosen && !field.none ? [] : [['', field.none ?? t('Choose…')]]), ...field.options.map(({ id, label }) => [id, label])]}
      />
      ${chosen && html`<${Fields} fields=${chosen.fields} value=${value} onChange=${onChange} ...${rest} />`}
    </div>
  `;
};

const AnyField = (props) => {
  const { field, value, onChange, at, faults, context } = props;
  const fault = faultAt(faults, at, true);
  const id = idOf(at);
  switch (field.kind) {
    case 'text':
      return html`<${Typed} ...${props} read=${readText} write=${(one) => one ?? ''} type=${field.type} list=${field.list} disabled=${field.fixed} />`;
    case 'money':
      return html`<${Typed} ...${props} read=${readText} write=${(one) => one ?? ''} inputmode="decimal" placeholder=${field.placeholder ?? '0.00'} />`;
    case 'number':
      return html`<${Typed} ...${props} read=${readNumber} write=${(one) => (one ?? '').toString()} inputmode="numeric" />`;
    case 'list':
      return html`<${Typed} ...${props} field=${{ ...field, help: field.help ?? t('Several with commas between them') }} read=${readList} write=${(one) => (one ?? []).join(', ')} />`;
    case 'time':
      return html`<${Typed} ...${props} read=${readTime} write=${(one) => (one ?? '').slice(0, field.dateOnly ? 10 : 16)} type=${field.dateOnly ? 'date' : 'datetime-local'} />`;
    case 'moment':
      return html`<${Typed} ...${props} read=${(text) => (text ? momentOf(text.slice(0, 16)) : undefined)} write=${(one) => (one ? localTime(one) : '')} type="datetime-local" />`;
    case 'choice':
      return html`
        <${SelectField}
          ...${{ id, fault, label: field.label, help: field.help, optional: field.optional }}
          value=${value ?? ''}
          onInput=${(next) => onChange(next || undefined)}
          options=${field.default === undefined && !field.optional ? field.options : [['', field.default ?? t('as the programme says')], ...field.options]}
        />
      `;
    case 'toggle':
      return html`
        <div class="field ${fault ? 'faulty' : ''}">
          <label class="check"><input type="checkbox" id=${id} checked=${value === true} onChange=${(event) => onChange(event.target.checked || (field.keepsFalse ? false : undefined))} />${field.label}</label>
          ${field.help && html`<p class="help">${field.help}</p>`} ${fault && html`<p class="fault">${fault}</p>`}
        </div>
      `;
    case 'words':
      return html`<${Words} ...${props} />`;
    case 'wordlist':
      return html`<${WordList} ...${props} />`;
    case 'pairs':
      return html`<${Pairs} ...${props} />`;
    case 'picks':
      return html`<${Picks} ...${props} />`;
    case 'pick':
      return html`
        <${SelectField}
          ...${{ id, fault, label: field.label, help: field.help }}
          value=${value ?? ''}
          onInput=${(next) => onChange(next || undefined)}
          options=${withChosen(context[field.of] ?? [], value)}
        />
      `;
    case 'anything':
      return null;
    case 'group':
      return html`<${Group} ...${props} />`;
    case 'many':
      return html`<${Many} ...${props} />`;
    case 'limits':
      return html`<${Limits} ...${props} />`;
    case 'variant':
      return html`<${Variant} field=${field} value=${value ?? {}} ...${{ onChange, at, faults, context }} />`;
    case 'shapes':
      return html`<${Shapes} field=${field} value=${value ?? {}} ...${{ onChange, at, faults, context }} />`;
    default:
      throw new Error(`no kind ${field.kind}`);
  }
};

/** The fields of an object. `context` has the ids of the programme: `tiers`, `rewards`, `rules`, `vip`. */
export const Fields = ({ fields, value, onChange, at = '', faults, context }) => html`
  <div class="fields">
    ${fields.map((field) => {
      const isKeyless = field.kind === 'variant' || field.kind === 'shapes';
      return html`
        <${AnyField}
          key=${field.key ?? field.name}
          field=${field}
          value=${isKeyless ? value : value[field.key] ?? undefined}
          onChange=${isKeyless ? onChange : (next) => onChange(put(value, field.key, next))}
          at=${isKeyless ? at : `${at}/${field.key}`}
          faults=${faults}
          context=${context}
        />
      `;
    })}
  </div>
`;
