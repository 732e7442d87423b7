// The session, requests to the API, and addresses.

import { useCallback, useEffect, useRef, useState } from './vendor/preact.js';
import { language, setTimeZone, t } from './words.js';

const STORED = 'tessera.key';
const RETRIES = 2;

/** Who is signed in. The key is in memory and, so that a reload keeps it, in the tab's session storage; nowhere else. */
export const session = { key: null, self: null, notice: null };

const watchers = new Set();
const notify = () => watchers.forEach((watcher) => watcher());
/** Draws a component again when the session, the address or the programme changes. */
export const useChanges = () => {
  const [, draw] = useState(0);
  useEffect(() => {
    const watcher = () => draw((count) => count + 1);
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, []);
};

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.detail ?? body?.message ?? '');
    this.status = status;
    this.body = body ?? {};
    this.faults = body?.errors ?? [];
    this.slug = String(body?.type ?? '').split(':').pop();
  }

  /** What to show: the API's own words, or ours where it has none. */
  get words() {
    if (this.status === 0)
      return navigator.onLine
        ? t('No answer came. Nothing is lost: try again.')
        : t('You are offline. Nothing is lost: try again when you are online.');
    if (this.status === 403) return t('This key may not do that.');
    return this.message || t('Something failed ({status}).', { status: this.status });
  }
}

export const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });

/** One request. Reads are tried again when the stack is busy; writes only by their caller, with the same key. */
const respond = async (method, path, { body, signal, key = session.key, headers }) => {
  for (let attempt = 0; ; attempt += 1) {
    let response, text;
    try {
      response = await fetch(path, { method, signal, body, headers: { authorization: `Bearer ${key}`, 'accept-language': language, ...headers } });
      if (response.ok) return response;
      text = await response.text();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(0);
    }
    if (method === 'GET' && [429, 503].includes(response.status) && attempt < RETRIES) {
      await pause(1000 * Math.min(Number(response.headers.get('retry-after')) || 1, 5), signal);
      continue;
    }
    const error = new ApiError(response.status, parsed(text));
    if (error.status === 401 && key === session.key) signOut(t('This key is no longer valid. Sign in with another one.'));
    throw error;
  }
};

const parsed = (text) => {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return undefined;
  }
};

/** One request with JSON in both directions. */
export const send = async (method, path, { body, idempotencyKey, ifMatch, ...rest } = {}) => {
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(method === 'POST' && { 'idempotency-key': idempotencyKey ?? crypto.randomUUID() }),
    ...(ifMatch && { 'if-match': ifMatch }),
  };
  const response = await respond(method, path, { ...rest, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const data = parsed(
    await response.text().catch((error) => {
      throw error.name === 'AbortError' ? error : new ApiError(0);
    }),
  );
  if (data === undefined) throw new ApiError(response.status, { detail: t('The answer is no JSON.') });
  return { data, etag: response.headers.get('etag'), status: response.status };
};

/** One request whose body or response is no JSON, such as a file. */
export const sendRaw = (method, path, { body, type, signal } = {}) => respond(method, path, { body, signal, headers: type && { 'content-type': type } });

export const get = async (path, signal) => (await send('GET', path, { signal })).data;

/** Every item of a list, page by page. */
export const getAll = async (path, signal) => {
  const items = [];
  let cursor = null;
  do {
    const page = await get(`${path}?limit=250${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`, signal);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
};

export const may = (scope) => {
  const scopes = session.self?.scopes ?? [];
  return Boolean(scope) && (scopes.includes('admin') || scopes.includes(scope));
};

export const signIn = async (typed) => {
  const key = typed.replace(/\s+/g, '');
  // A header cannot carry such a key, so no request is needed to refuse it.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new ApiError(401, { detail: t('This is no API key.') });
  const { data } = await send('GET', '/v1/api-keys/self', { key });
  Object.assign(session, { key, self: data, notice: null });
  sessionStorage.setItem(STORED, key);
  notify();
};

const forgetters = new Set();
/** Lets a module forget what it keeps of the program when the user signs out. */
export const onSignOut = (forget) => forgetters.add(forget);

/** Forgets everything: the key, what was read with it, and what the tab stored. */
export const signOut = (notice = null) => {
  sessionStorage.clear();
  Object.assign(session, { key: null, self: null, notice });
  Object.assign(programme, { value: null, error: null, loading: null });
  forgetters.forEach((forget) => forget());
  leaveGuard.current = null;
  history.replaceState(null, '', notice ? location.pathname : '/console');
  notify();
};

/** Signs in again after a reload. */
export const resume = async () => {
  const key = sessionStorage.getItem(STORED);
  if (!key) return;
  try {
    await signIn(key);
  } catch (error) {
    session.notice = error.status === 401 ? t('This key is no longer valid. Sign in with another one.') : error.words;
  }
};

// ------------------------------------------------------------------ addresses

const ROOT = '/console';

/** The segments of the address below the console's. */
export const segments = () =>
  location.pathname.slice(ROOT.length).split('/').filter(Boolean).map(decodeURIComponent);
export const address = (...parts) => [ROOT, ...parts.map(encodeURIComponent)].join('/');

/** Set by a screen with unsaved changes: resolves to whether the user leaves it. */
const leaveGuard = { current: null };
/** The shell's question whether to leave without saving. */
export const ask = { leave: async () => true };
/** Keeps the user on a screen while `dirty`. */
export const guardLeaving = (dirty) => {
  leaveGuard.current = dirty ? () => ask.leave() : null;
};
let shown = location.pathname;

const mayLeave = async () => !leaveGuard.current || (await leaveGuard.current());

export const navigate = async (path, { replace = false, state = null, force = false } = {}) => {
  if (!force && !(await mayLeave())) return;
  leaveGuard.current = null;
  history[replace ? 'replaceState' : 'pushState'](state, '', path);
  shown = location.pathname;
  window.scrollTo(0, 0);
  notify();
};

/**
 * Keeps what was searched for, which may be personal, in the tab's storage, and returns the state of history that names it:
 * neither address nor history can be cleared when the user signs out.
 */
export const remember = (query) => {
  const id = crypto.randomUUID();
  sessionStorage.setItem(id, query);
  return { id };
};
export const remembered = () => sessionStorage.getItem(history.state?.id) ?? '';

window.addEventListener('popstate', async () => {
  const target = location.pathname;
  if (leaveGuard.current && target !== shown) {
    history.pushState(null, '', shown);
    if (!(await mayLeave())) return;
    leaveGuard.current = null;
    history.replaceState(null, '', target);
  }
  shown = location.pathname;
  notify();
});
window.addEventListener('beforeunload', (event) => leaveGuard.current && event.preventDefault());

// ------------------------------------------------------------------ loading

/** Loads when `wanted` changes, and cancels what it asked for before. */
export const useLoad = (load, wanted) => {
  const [state, setState] = useState({ loading: true });
  const [turn, setTurn] = useState(0);
  const running = useRef(null);
  useEffect(() => {
    const life = new AbortController();
    running.current = life;
    setState((before) => ({ data: before.key === JSON.stringify(wanted) ? before.data : undefined, loading: true, key: before.key }));
    load(life.signal).then(
      (data) => !life.signal.aborted && setState({ data, loading: false, key: JSON.stringify(wanted) }),
      (error) => !life.signal.aborted && setState({ error, loading: false }),
    );
    return () => life.abort();
  }, [turn, ...wanted]);
  const reload = useCallback(() => setTurn((count) => count + 1), []);
  return { ...state, reload };
};

/** A module that only some users of a screen need; null until it is there. */
export const useModule = (load) => {
  const [module, setModule] = useState(null);
  useEffect(() => void load().then(setModule, () => setModule({})), []);
  return module;
};

/** A list that grows page by page. */
export const useList = (path, wanted = [path]) => {
  const [state, setState] = useState({ items: [], loading: true });
  const [turn, setTurn] = useState(0);
  const fetchPage = async (cursor, signal) => {
    const joint = path.includes('?') ? '&' : '?';
    return get(`${path}${joint}limit=25${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`, signal);
  };
  useEffect(() => {
    const life = new AbortController();
    setState((before) => ({ ...before, loading: true, error: null }));
    fetchPage(null, life.signal).then(
      (page) => !life.signal.aborted && setState({ items: page.items, next: page.next_cursor, loading: false }),
      (error) => !life.signal.aborted && setState({ items: [], error, loading: false }),
    );
    return () => life.abort();
  }, [turn, ...wanted]);
  const more = async () => {
    setState((before) => ({ ...before, loading: true, error: null }));
    try {
      const page = await fetchPage(state.next);
      setState((before) => ({ items: [...before.items, ...page.items], next: page.next_cursor, loading: false }));
    } catch (error) {
      setState((before) => ({ ...before, error, loading: false }));
    }
  };
  return { ...state, more, reload: () => setTurn((count) => count + 1) };
};

/** Whether a failed request certainly changed nothing. A gateway may fail after the stack has committed. */
const isFinal = ({ status, slug }) => status > 0 && status < 500 && status !== 429 && slug !== 'in_flight';

/**
 * Something that a user does. `act` gets an idempotency key, which stays the same until the outcome is known: a second try
 * with the same arguments counts once.
 */
export const useAction = (act) => {
  const [state, setState] = useState({ busy: false, error: null, done: null });
  const attempt = useRef({});
  const run = async (...given) => {
    if (state.busy) return undefined;
    const { key, of } = attempt.current;
    if (!key || given.some((one, at) => one !== of[at])) attempt.current = { key: crypto.randomUUID(), of: given };
    setState({ busy: true, error: null, done: null });
    try {
      const done = await act(attempt.current.key, ...given);
      attempt.current = {};
      setState({ busy: false, error: null, done });
      return done;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (isFinal(error)) attempt.current = {};
      setState({ busy: false, error, done: null });
      return undefined;
    }
  };
  return { ...state, run, clear: () => setState({ busy: false, error: null, done: null }) };
};

/** The value, a short pause after it last changed. */
export const usePaused = (value, milliseconds = 350) => {
  const [paused, setPaused] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(value), milliseconds);
    return () => clearTimeout(timer);
  }, [JSON.stringify(value)]);
  return paused;
};

// ------------------------------------------------------------------ the programme

const programme = { value: null, error: null, loading: null };

/** Reads the programme anew and tells every screen that shows it. */
export const loadProgramme = async () => {
  const loading = send('GET', '/v1/program');
  programme.loading = loading;
  try {
    const { data, etag } = await loading;
    if (programme.loading !== loading) return;
    Object.assign(programme, { value: { ...data, etag }, error: null, loading: null });
    setTimeZone(data.timezone);
  } catch (error) {
    if (programme.loading !== loading) return;
    Object.assign(programme, { error, loading: null });
  }
  notify();
};

/** The programme, for keys that may read it; null until it is there. */
export const useProgramme = () => {
  useChanges();
  useEffect(() => {
    if (may('admin') && !programme.value && !programme.loading && !programme.error) loadProgramme();
  }, []);
  return programme.value;
};
export const programmeError = () => programme.error;
