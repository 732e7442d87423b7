// <tessera-hub>: the element, its launcher and its frame. All that is inside is loaded when a shopper opens it.

import frameCss from './frame.css';

/* global FOLDER -- the folder of this release's files, from where this file is served; the build fills it in */
const LANGUAGES = ['it', 'en', 'ro', 'ru'];

/** The few texts that are needed before the shopper's language is loaded. */
const FIRST_TEXTS = {
  it: ['I tuoi punti', 'Chiudi', 'Ora non possiamo mostrare i tuoi punti.', 'Riprova'],
  en: ['Your points', 'Close', 'We cannot show your points right now.', 'Try again'],
  ro: ['Punctele tale', 'Închide', 'Nu putem afișa punctele acum.', 'Încearcă din nou'],
  ru: ['Ваши баллы', 'Закрыть', 'Сейчас мы не можем показать ваши баллы.', 'Повторить'],
};
const FIRST_KEYS = ['launcher', 'close', 'failed', 'retry'];

const sheet = (css) => {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
};
let frameSheet;

/** An element with attributes and children. Text is always a text node: markup in a name stays text. */
export const h = (tag, attributes = {}, ...children) => {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat(9).filter((child) => child != null && child !== false));
  return element;
};

class TesseraHub extends HTMLElement {
  static observedAttributes = ['api', 'program', 'token', 'mode', 'locale', 'shop'];

  /** Aborted on detach: ends every request, timer and listener. */
  #life = null;
  #shadow = this.attachShadow({ mode: 'open' });
  #memory = { token: null }; // a token that the page handed out by event, newer than the attribute
  #texts = {};
  #frame = null;
  #panel = null;
  #opening = null;
  #attempts = 0;

  get mode() {
    const mode = this.getAttribute('mode');
    return mode === 'page' || mode === 'inline' ? mode : 'drawer';
  }

  /** The language of the texts: the nearest that exists to the attribute, the page's or the browser's. */
  get language() {
    const tag = this.wantedLocale.toLowerCase().split('-')[0];
    return LANGUAGES.includes(tag) ? tag : 'en';
  }

  get wantedLocale() {
    const page = this.parentElement?.closest('[lang]')?.getAttribute('lang');
    return this.getAttribute('locale') || page || navigator.language || 'en';
  }

  get token() {
    return this.getAttribute('token');
  }

  set token(token) {
    if (token) this.setAttribute('token', token);
    else this.removeAttribute('token');
  }

  /** Texts of the merchant, by key; they win over the language's. */
  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    this.#texts = { ...texts };
    this.#changed('texts');
  }

  connectedCallback() {
    this.#life = new AbortController();
    // Set before this script ran, so that they hid the accessors.
    for (const name of ['texts', 'token']) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    this.#texts = { ...this.#declaredTexts(), ...this.#texts };
    this.#build();
  }

  disconnectedCallback() {
    this.#life.abort(new DOMException('detached', 'AbortError'));
    this.#tearDown();
    this.#life = null;
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === 'token') this.#memory.token = null;
    this.#changed(name);
  }

  /** Opens the drawer; on a page, shows the element. */
  open() {
    if (!this.#life) return Promise.resolve();
    const { dialog } = this.#frame;
    if (dialog && !dialog.open) dialog.showModal();
    if (!dialog) this.scrollIntoView({ block: 'nearest' });
    return this.#start().then((panel) => panel?.opened());
  }

  close() {
    this.#frame?.dialog?.close();
  }

  /** Reads everything again, after a purchase for example. */
  refresh() {
    return this.#panel ? this.#panel.load() : Promise.resolve();
  }

  /** Tells that the shopper took a code out of the cart: its coupon goes back to the wallet. */
  released(code) {
    return this.#panel ? this.#panel.released(code) : Promise.resolve();
  }

  #text(key) {
    return this.#texts[key] ?? FIRST_TEXTS[this.language][FIRST_KEYS.indexOf(key)];
  }

  #declaredTexts() {
    const block = this.querySelector('script[type="application/json"]');
    if (!block) return {};
    try {
      return JSON.parse(block.textContent);
    } catch (cause) {
      console.warn('<tessera-hub>: the texts are not JSON', cause);
      return {};
    }
  }

  /** A change of an attribute or of the texts, at any time. */
  #changed(name) {
    if (!this.#life) return;
    if (name === 'mode' || name === 'api' || name === 'program') {
      const wasOpen = this.#frame.dialog?.open;
      this.#tearDown();
      this.#build();
      if (wasOpen) this.open();
      return;
    }
    this.#label();
    this.#panel?.changed(name);
  }

  #build() {
    frameSheet ??= sheet(frameCss);
    this.#shadow.adoptedStyleSheets = [frameSheet];
    const frame = { life: new AbortController() };
    const listen = (target, type, act) => target.addEventListener(type, act, { signal: frame.life.signal });
    frame.content = h(`div.content`, { part: 'content' });
    frame.status = h('div.status', { role: 'status', part: 'status' });
    frame.root = h(
      `div.root.${this.mode}`,
      { part: 'root', role: this.mode !== 'drawer' && 'region' },
      frame.content,
      frame.status,
    );
    listen(frame.content, 'click', (event) => {
      if (event.target.closest('[data-frame=close]')) this.close();
      if (event.target.closest('[data-frame=retry]')) this.#start();
    });
    this.#frame = frame;
    if (this.mode === 'drawer') {
      frame.label = h('span');
      frame.launcher = h(
        'button.launcher',
        { type: 'button', part: 'launcher', 'aria-haspopup': 'dialog' },
        h('slot', { name: 'launcher' }, h('span', { 'aria-hidden': 'true' }, '◆'), frame.label),
      );
      frame.dialog = h('dialog', { part: 'panel' }, frame.root);
      frame.region = h('aside', {}, frame.launcher);
      listen(frame.launcher, 'click', () => this.open());
      listen(frame.dialog, 'close', () => this.#panel?.closed());
      // A click beside the panel reaches the dialog itself.
      listen(frame.dialog, 'click', (event) => event.target === frame.dialog && this.close());
      listen(frame.dialog, 'keydown', (event) => event.key === 'Tab' && this.#keepFocus(event));
      this.#shadow.replaceChildren(frame.region, frame.dialog);
    } else {
      this.#shadow.replaceChildren(frame.root);
    }
    this.#label();
    this.#wait();
    if (this.mode !== 'drawer') this.#start();
  }

  #tearDown() {
    this.#panel?.end();
    this.#frame?.life.abort();
    this.#frame?.dialog?.close();
    this.#shadow.replaceChildren();
    this.#frame = this.#panel = this.#opening = null;
  }

  #label() {
    const { label, region, dialog, root } = this.#frame;
    root.lang = this.language;
    (region ?? root).setAttribute('aria-label', this.#text('launcher'));
    if (!dialog) return;
    label.textContent = this.#text('launcher');
    region.lang = this.language;
    dialog.setAttribute('aria-label', this.#text('launcher'));
  }

  /** Keeps Tab inside: at its end the browser would go on to its own buttons. */
  #keepFocus(event) {
    const stops = [...this.#frame.dialog.querySelectorAll('button, a[href], input, summary')].filter(
      (stop) => !stop.disabled && stop.checkVisibility(),
    );
    const slotted = this.#frame.dialog.querySelectorAll('slot');
    for (const slot of slotted) stops.push(...slot.assignedElements().filter((element) => element.tabIndex >= 0));
    const [first, last] = [stops[0], stops.at(-1)];
    const here = this.#shadow.activeElement ?? document.activeElement;
    if (here !== (event.shiftKey ? first : last)) return;
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }

  /** The close button of a drawer; the panel puts it into its own head. */
  #head(...children) {
    const close = h(
      'button.close',
      { type: 'button', part: 'close', 'data-frame': 'close', 'aria-label': this.#text('close') },
      h('span', { 'aria-hidden': 'true' }, '✕'),
    );
    return h('div.head', { part: 'header' }, ...children, this.mode === 'drawer' && close);
  }

  /** The frame before there is anything to show, in the size of what comes. */
  #wait() {
    const { content } = this.#frame;
    const hadFocus = content.contains(this.#shadow.activeElement);
    const bars = (...names) => names.map((name) => h(`div.bone.${name}`));
    content.replaceChildren(
      this.#head(h('span.bone.name')),
      h('div.body', { 'aria-busy': 'true' }, bars('hero', 'card', 'row', 'row', 'row')),
    );
    if (hadFocus) content.querySelector('[data-frame=close]')?.focus();
  }

  #failed() {
    const retry = h('button.primary', { type: 'button', part: 'primary', 'data-frame': 'retry' }, this.#text('retry'));
    this.#frame.content.replaceChildren(
      this.#head(h('span')),
      h(
        'div.body',
        {},
        h('section.hero', { part: 'hero' }, h('p.lead', { role: 'alert' }, this.#text('failed')), retry),
      ),
    );
  }

  /** Loads what is inside and the shopper's data, side by side. */
  #start() {
    if (this.#panel) return Promise.resolve(this.#panel);
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open() {
    const frame = this.#frame;
    const { signal } = frame.life;
    if (this.#attempts) this.#wait();
    const context = this.#context();
    try {
      // A browser may remember that a module could not be loaded, so each further attempt has an address of its own.
      const again = this.#attempts ? `?${this.#attempts}` : '';
      const { mount, default: texts } = await import(new URL(`${FOLDER}panel.${this.language}.js${again}`, import.meta.url));
      if (signal.aborted) return null;
      this.#panel = mount(context, { [context.language]: texts });
      await this.#panel.ready;
      return this.#panel;
    } catch (error) {
      if (signal.aborted) return null;
      this.#attempts += 1;
      this.#panel = null;
      this.#failed();
      this.#emit('error', { error, action: 'load' });
      return null;
    }
  }

  #emit(name, detail, cancelable = false) {
    return this.dispatchEvent(
      new CustomEvent(`tessera:${name}`, { detail, bubbles: true, composed: true, cancelable }),
    );
  }

  /** What the panel needs of the element; nothing else of it is reachable. */
  #context() {
    const { life, root, content, status } = this.#frame;
    return {
      h,
      sheet,
      element: this,
      memory: this.#memory,
      language: this.language,
      api: this.#api,
      first: this.#firstRequest(life.signal),
      shadow: this.#shadow,
      root,
      content,
      status,
      signal: life.signal,
      head: (...children) => this.#head(...children),
      label: () => this.#text('launcher'),
      wait: () => this.#wait(),
      emit: (name, detail, cancelable) => this.#emit(name, detail, cancelable),
    };
  }

  get #api() {
    return (this.getAttribute('api') || new URL(import.meta.url).origin).replace(/\/+$/, '');
  }

  /** The hub is requested while the panel is still loading; the panel's client takes the response over. */
  #firstRequest(signal) {
    const token = this.#memory.token ?? this.token;
    const program = this.getAttribute('program');
    // Without a token, the panel asks the page for one first; without a program, it reads the token's.
    if (!token || !program) return null;
    const stop = new AbortController();
    signal.addEventListener('abort', () => stop.abort(signal.reason), { signal: stop.signal });
    const url = `${this.#api}/v1/hub?${new URLSearchParams({ locale: this.wantedLocale, program })}`;
    const authorization = `Bearer ${token}`;
    const response = fetch(url, {
      signal: stop.signal,
      credentials: 'omit',
      headers: { Authorization: authorization },
    });
    response.catch(() => {}); // The client sees the failure.
    return { url, authorization, response, stop };
  }
}

if (!customElements.get('tessera-hub')) customElements.define('tessera-hub', TesseraHub);
