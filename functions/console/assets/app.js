// The shell: signing in, navigation, search, and the screen that the address names.

import { html, render, useEffect, useRef, useState } from './vendor/preact.js';
import { address, ask, get, may, navigate, remember, resume, segments, session, signIn, signOut, useAction, useChanges, useProgramme } from './core.js';
import { Button, Confirm, Link, Loading, Status, TextField } from './ui.js';
import { LANGUAGES, language, preferredLanguage, setLanguage, t } from './words.js';

/** The screens, in the order of use: the scope that each needs, and its module. */
const SCREENS = {
  overview: { scope: 'reports:read', words: () => t('Overview'), load: () => import('./screens/overview.js') },
  members: { scope: 'members:read', words: () => t('Members'), load: () => import('./screens/members.js') },
  why: { scope: 'members:read', words: () => t('Why no points?'), load: () => import('./screens/why.js') },
  rules: { scope: 'admin', words: () => t('Rules'), load: () => import('./screens/rules.js') },
  rewards: { scope: 'admin', words: () => t('Rewards'), load: () => import('./screens/rewards.js') },
  tiers: { scope: 'admin', words: () => t('Tiers'), load: () => import('./screens/tiers.js') },
  referrals: { scope: 'support', words: () => t('Referrals'), load: () => import('./screens/referrals.js') },
  programme: { scope: 'admin', words: () => t('Programme'), load: () => import('./screens/programme.js') },
  // Who may read drafts publishes them on the screen of the programme.
  publish: { scope: 'publisher', unless: 'admin', words: () => t('Publish a draft'), load: () => import('./screens/publish.js') },
  connections: { scope: 'admin', words: () => t('Connections'), load: () => import('./screens/connections.js') },
  imports: { scope: 'admin', words: () => t('Imports'), load: () => import('./screens/imports.js') },
  keys: { scope: 'admin', words: () => t('API keys'), load: () => import('./screens/keys.js') },
  audit: { scope: 'admin', words: () => t('Audit'), load: () => import('./screens/audit.js') },
};
const SEARCH = { scope: 'members:read', words: () => t('Search'), load: () => import('./screens/search.js') };
const LANGUAGE_STORED = 'tessera.language';

const loaded = new Map();

/** The screen's component, once its module is there. */
const useScreen = (name) => {
  const [, draw] = useState(0);
  useEffect(() => {
    if (!name || loaded.has(name)) return;
    const screen = name === 'search' ? SEARCH : SCREENS[name];
    screen.load().then(
      (module) => (loaded.set(name, module.default), draw((count) => count + 1)),
      () => (loaded.set(name, null), draw((count) => count + 1)),
    );
  }, [name]);
  return loaded.get(name);
};

const LanguageMenu = () => {
  const change = async (event) => {
    const name = event.target.value;
    sessionStorage.setItem(LANGUAGE_STORED, name);
    await setLanguage(name);
    draw();
  };
  return html`
    <label class="language">
      <span class="hidden">${t('Language')}</span>
      <select value=${language} onChange=${change}>
        ${Object.entries(LANGUAGES).map(([name, words]) => html`<option value=${name} lang=${name} selected=${name === language}>${words}</option>`)}
      </select>
    </label>
  `;
};

const SignIn = () => {
  const [key, setKey] = useState('');
  const [missing, setMissing] = useState(false);
  const { run, busy, error } = useAction((_, typed) => signIn(typed));
  const submit = (event) => {
    event.preventDefault();
    setMissing(!key.trim());
    if (key.trim()) run(key);
  };
  const refused = error?.status === 401 ? t('This key is unknown or was deleted. Copy it again, or ask an administrator for a new one.') : error?.words;
  return html`
    <main class="sign-in">
      <form class="card" onSubmit=${submit} novalidate>
        <h1>Tessera</h1>
        <p class="muted">${t('Sign in with an API key of your programme. It stays in this tab and is forgotten when you sign out or close it.')}</p>
        ${session.notice && html`<p class="notice bad" role="alert">${session.notice}</p>`}
        <${TextField}
          id="key"
          label=${t('API key')}
          help=${t('It begins with tsk_. The local stack prints one when it starts.')}
          fault=${missing ? t('Paste your key here.') : refused}
          value=${key}
          onInput=${setKey}
          type="password"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          autofocus
        />
        <${Button} type="submit" primary busy=${busy}>${t('Sign in')}<//>
        <div class="between">
          <a href="/docs">${t('API documentation')}</a>
          <${LanguageMenu} />
        </div>
      </form>
    </main>
  `;
};

const Search = () => {
  const [text, setText] = useState('');
  const field = useRef(null);
  useEffect(() => {
    const focus = (event) => {
      if (event.key !== '/' || event.target.closest?.('input, textarea, select, [contenteditable]')) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  const submit = (event) => {
    event.preventDefault();
    if (text.trim()) navigate(address('search'), { state: remember(text.trim()) });
  };
  return html`
    <form role="search" class="search" onSubmit=${submit}>
      <input
        ref=${field}
        type="search"
        aria-label=${t('Find a member, receipt or coupon')}
        placeholder=${t('Find a member, receipt or coupon')}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
      />
    </form>
  `;
};

/** Asks before unsaved changes are lost, when a screen guards them. */
const LeaveQuestion = () => {
  const [answer, setAnswer] = useState(null);
  useEffect(() => {
    ask.leave = () => new Promise((resolve) => setAnswer(() => resolve));
  }, []);
  if (!answer) return null;
  const close = (leaves) => (setAnswer(null), answer(leaves));
  return html`
    <${Confirm} title=${t('Leave without saving?')} action=${t('Leave')} danger onClose=${() => close(false)} onConfirm=${() => close(true)}>
      <p>${t('Your changes on this screen are not saved.')}</p>
    <//>
  `;
};

/** How many referrals wait for a person; null where that is not known. */
const useWaiting = () => {
  const [count, setCount] = useState(null);
  useEffect(() => {
    if (!may('support')) return undefined;
    const look = () => get('/v1/referrals?status=flagged&limit=10').then(({ items, next_cursor: more }) => setCount(more ? '10+' : items.length), () => setCount(null));
    look();
    addEventListener('tessera:reviewed', look);
    return () => removeEventListener('tessera:reviewed', look);
  }, []);
  return count;
};

const Shell = () => {
  const programme = useProgramme();
  const waiting = useWaiting();
  const [first] = segments();
  const allowed = Object.keys(SCREENS).filter((name) => may(SCREENS[name].scope) && !may(SCREENS[name].unless));
  const name = first === 'search' ? 'search' : (first ?? allowed[0]);
  const isKnown = name === 'search' || (name in SCREENS && may(SCREENS[name].scope));
  const Screen = useScreen(isKnown ? name : null);
  const heading = name === 'search' ? SEARCH.words() : SCREENS[name]?.words();
  const main = useRef(null);
  useEffect(() => {
    document.title = [heading, programme?.name ?? 'Tessera'].filter(Boolean).join(' · ');
  }, [heading, programme?.name, language]);
  // Whoever follows a link of the navigation goes on in the screen.
  const arrived = useRef(false);
  useEffect(() => {
    const isFirst = !arrived.current;
    arrived.current = true;
    if (isFirst) return;
    if (document.activeElement === document.body || document.activeElement?.closest('.side, .search')) main.current.focus({ preventScroll: true });
  }, [location.pathname]);
  // On a narrow screen the navigation scrolls sideways.
  useEffect(() => {
    const current = document.querySelector('.side [aria-current]');
    if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.clientWidth / 2;
  }, [name]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.current.focus())}>${t('Skip to the contents')}</a>
    <div class="shell">
      <nav class="side" aria-label=${t('Console')}>
        <strong>${programme?.name ?? 'Tessera'}</strong>
        ${allowed.map(
          (one) => html`<${Link} to=${address(one)} aria-current=${one === name ? 'page' : undefined}>${SCREENS[one].words()}${one === 'referrals' && waiting ? html`<b class="badge">${waiting}<span class="hidden"> ${t('to review')}</span></b>` : ''}<//>`,
        )}
        <div class="foot">
          <p class="small muted">${t('Signed in as {name}', { name: session.self.name })}</p>
          <a href="/docs">${t('API documentation')}</a>
          <${LanguageMenu} />
          <${Button} onClick=${() => signOut()}>${t('Sign out')}<//>
        </div>
      </nav>
      <div class="page">
        <header class="top">${may('members:read') && html`<${Search} />`}</header>
        <main id="main" tabindex="-1" ref=${main}>
          ${!isKnown &&
          html`
            <h1>${name in SCREENS ? heading : t('There is nothing here')}</h1>
            <p class="notice">
              ${name in SCREENS ? t('This key may not see this screen. It needs the scope {scope}.', { scope: SCREENS[name].scope }) : allowed.length ? t('The address is wrong, or what it named is gone.') : t('This key may send data, but there is no screen that it may see.')}
            </p>
            ${allowed.length > 0 && html`<div><${Link} class="button" to=${address(allowed[0])}>${SCREENS[allowed[0]].words()}<//></div>`}
          `}
          ${isKnown && Screen === undefined && html`<${Loading} />`}
          ${isKnown && Screen === null && html`<p class="notice bad" role="alert">${t('This screen could not be loaded. Reload the page.')}</p>`}
          ${isKnown && Screen && html`<${Screen} key=${name} path=${segments().slice(1)} />`}
        </main>
      </div>
    </div>
    <${LeaveQuestion} />
  `;
};

const App = () => {
  useChanges();
  return session.key ? html`<${Shell} />` : html`<${SignIn} />`;
};

const root = document.querySelector('#app');
const draw = () => render(html`<${App} key=${language} />`, root);

const stored = sessionStorage.getItem(LANGUAGE_STORED);
await setLanguage(stored in LANGUAGES ? stored : preferredLanguage());
await resume();
draw();
