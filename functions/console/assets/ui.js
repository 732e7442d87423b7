// The parts that screens are made of.

import { html, useEffect, useLayoutEffect, useRef, useState } from './vendor/preact.js';
import { navigate } from './core.js';
import { t } from './words.js';

export const Link = ({ to, state, children, ...rest }) => {
  const follow = (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to, { state });
  };
  return html`<a href=${to} onClick=${follow} ...${rest}>${children}</a>`;
};

/** While it is busy or disabled it keeps the focus, and does nothing. */
export const Button = ({ primary, quiet, danger, busy, disabled, type = 'button', class: name = '', children, ...rest }) => html`
  <button
    type=${type}
    class=${[primary && 'primary', quiet && 'quiet', danger && 'danger', name].filter(Boolean).join(' ')}
    aria-busy=${busy ? 'true' : undefined}
    aria-disabled=${disabled ? 'true' : undefined}
    ...${rest}
    onClick=${busy || disabled ? (event) => event.preventDefault() : rest.onClick}
  >
    ${children}
  </button>
`;

export const Chip = ({ tone = '', children }) => html`<span class=${`chip ${tone}`}>${children}</span>`;

/** A labelled control. `children` gets the attributes that tie it to its label, help and fault. */
export const Field = ({ label, help, fault, id, optional, children }) => {
  const described = [help && `${id}-help`, fault && `${id}-fault`].filter(Boolean).join(' ') || undefined;
  return html`
    <div class=${`field ${fault ? 'faulty' : ''}`}>
      <label for=${id}>${label}${optional && html`<span class="muted"> · ${t('optional')}</span>`}</label>
      ${children({ id, 'aria-describedby': described, 'aria-invalid': fault ? 'true' : undefined })}
      ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
      ${fault && html`<p class="fault" id=${`${id}-fault`}>${fault}</p>`}
    </div>
  `;
};

export const TextField = ({ label, help, fault, id, value, onInput, optional, ...rest }) => html`
  <${Field} ...${{ label, help, fault, id, optional }}>
    ${(tied) => html`<input ...${tied} value=${value} onInput=${(event) => onInput(event.target.value)} ...${rest} />`}
  <//>
`;

export const SelectField = ({ label, help, fault, id, value, onInput, options, optional, ...rest }) => html`
  <${Field} ...${{ label, help, fault, id, optional }}>
    ${(tied) => html`
      <select ...${tied} value=${value} onChange=${(event) => onInput(event.target.value)} ...${rest}>
        ${options.map(([name, words]) => html`<option value=${name} selected=${name === value}>${words}</option>`)}
      </select>
    `}
  <//>
`;

/** The element that has the focus, and the part of the screen around it. */
let focused, around;
document.addEventListener('focusin', ({ target }) => {
  focused = target;
  around = target.closest('section, main');
});
const isLost = () => focused && document.activeElement === document.body;
// Whoever leaves an element without going to another one wants no focus; an element that is removed is left too.
document.addEventListener('focusout', () => setTimeout(() => isLost() && focused.isConnected && (focused = null)));
/** Where the focused element was removed, the dialog's first control or the nearest heading takes the focus. */
new MutationObserver(() => {
  if (!isLost() || focused.isConnected) return;
  const main = around?.isConnected ? around : document.querySelector('main');
  const next = document.querySelector('dialog[open] :is(.content, footer) :is(a, button, input, select, textarea)') ?? main.querySelector('[autofocus]') ?? main.querySelector('h1, h2') ?? main;
  if (next.tabIndex < 0) next.tabIndex = -1;
  next.focus({ preventScroll: true });
}).observe(document.body, { childList: true, subtree: true });

/**
 * A modal dialog of the browser: it traps the focus and gives it back, and Escape closes it. One that `stays`, because it
 * shows something only once, is closed by its button alone.
 */
export const Dialog = ({ title, onClose, children, actions, onSubmit, wide, stays }) => {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const shown = dialog.current;
    shown.showModal();
    return () => {
      // While a modal dialog is open, nothing outside of it takes the focus.
      shown.close();
      if (opener?.isConnected) opener.focus();
    };
  }, []);
  const submit = (event) => {
    event.preventDefault();
    onSubmit?.();
  };
  // The browser closes a dialog at the second Escape whatever `cancel` says.
  const hold = (event) => {
    if (!stays || event.key !== 'Escape') return;
    event.preventDefault();
    dialog.current.querySelector('footer button').focus();
  };
  return html`
    <dialog
      ref=${dialog}
      class=${wide ? 'wide' : ''}
      aria-labelledby="dialog-title"
      onKeyDown=${hold}
      onCancel=${(event) => (event.preventDefault(), stays || onClose())}
      onClose=${() => dialog.current?.isConnected && (stays ? dialog.current.showModal() : onClose())}
    >
      <form onSubmit=${submit} novalidate>
        <header>
          <h2 id="dialog-title">${title}</h2>
          ${!stays && html`<button type="button" class="quiet close" aria-label=${t('Close')} onClick=${onClose}>✕</button>`}
        </header>
        <div class="content">${children}</div>
        ${actions && html`<footer>${actions}</footer>`}
      </form>
    </dialog>
  `;
};

/** A dialog that shows something only once. */
export const Once = (props) => html`<${Dialog} stays ...${props} actions=${html`<${Button} primary onClick=${props.onClose}>${t('I have copied it')}<//>`} />`;

/** A menu in a popover, for actions that are rare or destructive. */
export const Menu = ({ label, id, items }) => {
  const popover = useRef(null);
  const button = useRef(null);
  const place = (event) => {
    if (event.newState !== 'open') return;
    const { bottom, right } = button.current.getBoundingClientRect();
    popover.current.style.top = `${bottom + 4}px`;
    popover.current.style.left = `${Math.max(8, right - popover.current.offsetWidth)}px`;
  };
  if (!items.length) return null;
  return html`
    <button type="button" ref=${button} popovertarget=${id}>${label}</button>
    <div popover="auto" id=${id} ref=${popover} class="menu" onToggle=${place}>
      ${items.map(
        ({ label: words, act, danger }) => html`
          <button type="button" class=${`quiet ${danger ? 'danger' : ''}`} onClick=${() => (popover.current.hidePopover(), act())}>${words}</button>
        `,
      )}
    </div>
  `;
};

const UNDO_MILLISECONDS = 10_000;

/** What an action did, where it was done; with undo for ten seconds where the API can undo. */
export const Status = ({ error, done, undo }) => {
  const [mayUndo, setMayUndo] = useState(true);
  useEffect(() => {
    setMayUndo(true);
    const timer = setTimeout(() => setMayUndo(false), UNDO_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [done]);
  return html`
    <div role="status" class=${`status ${error ? 'bad' : ''} ${error || done ? 'said' : ''}`}>
      ${error ? (error.words ?? error) : done}
      ${!error && done && undo && mayUndo && html`<button type="button" class="quiet" onClick=${undo}>${t('Undo')}</button>`}
    </div>
  `;
};

/** A list of the faults that a response names, with their places. */
export const Faults = ({ error }) =>
  error &&
  html`
    <div class="notice bad" role="alert">
      <p>${error.words}</p>
      ${error.faults.length > 0 &&
      html`<ul>${error.faults.map(({ pointer, detail }) => html`<li><code>${pointer || '/'}</code> ${detail}</li>`)}</ul>`}
    </div>
  `;

export const Failed = ({ error, retry }) => html`
  <div class="notice bad" role="alert">
    <p>${error.words}</p>
    ${retry && html`<${Button} onClick=${retry}>${t('Try again')}<//>`}
  </div>
`;

export const Empty = ({ title, children, action }) => html`
  <div class="empty">
    <h2>${title}</h2>
    <p>${children}</p>
    ${action}
  </div>
`;

/** Grey lines of the size of what is loading; after a while, words too. */
export const Loading = ({ lines = 4, height = '' }) => {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 4000);
    return () => clearTimeout(timer);
  }, []);
  return html`
    <div class="loading" aria-busy="true">
      ${Array.from({ length: lines }, (_, index) => html`<i key=${index} class=${`bone ${height}`}></i>`)}
      <p role="status" class="muted small">${slow ? t('Still loading…') : ''}</p>
    </div>
  `;
};

/** A table whose columns of lower priority leave on narrow screens. Columns: `{ title, num, low, cell }`. */
export const Table = ({ caption, columns, rows, rowKey = (row, index) => index }) => html`
  <div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption class="hidden">${caption}</caption>
      <thead>
        <tr>
          ${columns.map(({ title, num, low }) => html`<th scope="col" class=${`${num ? 'num' : ''} ${low ? `low${low}` : ''}`}>${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row, index) => html`
            <tr key=${rowKey(row, index)}>
              ${columns.map(({ num, low, cell }) => html`<td class=${`${num ? 'num' : ''} ${low ? `low${low}` : ''}`}>${cell(row)}</td>`)}
            </tr>
          `,
        )}
      </tbody>
    </table>
  </div>
`;

/** What a list shows before, while and after it loads. */
export const Paged = ({ list, empty, children }) => {
  if (list.error && !list.items.length) return html`<${Failed} error=${list.error} retry=${list.reload} />`;
  if (list.loading && !list.items.length) return html`<${Loading} />`;
  if (!list.items.length) return empty;
  return html`
    ${children}
    ${list.error && html`<${Failed} error=${list.error} retry=${list.more} />`}
    ${list.next && html`<${Button} busy=${list.loading} onClick=${list.more}>${t('Show more')}<//>`}
  `;
};

export const Tabs = ({ label, tabs, current }) => {
  const bar = useRef(null);
  // On a narrow screen the tabs scroll sideways.
  useEffect(() => {
    const shown = bar.current.querySelector('[aria-current]');
    if (shown) bar.current.scrollLeft = shown.offsetLeft - bar.current.offsetLeft - (bar.current.clientWidth - shown.offsetWidth) / 2;
  }, [current, tabs.length]);
  return html`
    <nav class="tabs" aria-label=${label} ref=${bar}>
      ${tabs.map(([to, words, name]) => html`<${Link} to=${to} aria-current=${name === current ? 'page' : undefined}>${words}<//>`)}
    </nav>
  `;
};

/** A value that is copied with one click. */
export const Copied = ({ text, label }) => {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
  };
  return html`
    <div class="copied">
      <code tabindex="0">${text}</code>
      <${Button} onClick=${copy} aria-label=${label}>${done ? t('Copied') : t('Copy')}<//>
    </div>
  `;
};

/** Asks before something that cannot be undone; the text says what will happen, in numbers where there are any. */
export const Confirm = ({ title, children, action, danger, disabled, busy, error, onClose, onConfirm }) => html`
  <${Dialog}
    title=${title}
    onClose=${onClose}
    onSubmit=${onConfirm}
    actions=${html`
      <${Button} onClick=${onClose}>${t('Cancel')}<//>
      <${Button} type="submit" primary=${!danger} ...${{ danger, disabled, busy }}>${action}<//>
    `}
  >
    ${children}
    <${Faults} error=${error} />
  <//>
`;

/** Saves a file. */
export const save = (blob, name) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
