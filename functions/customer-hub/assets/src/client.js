// The headless client: the storefront's requests, without a page. Types and documentation: client.d.ts.

const TIMEOUT = 10_000; // milliseconds, per attempt
const LONGEST_WAIT = 5; // seconds; a longer Retry-After is the caller's to show
const RETRIES = 2;

/** What went wrong: a problem document (RFC 9457) of the stack, or no response at all (`status` 0). */
export class TesseraError extends Error {
  constructor(slug, { status = 0, detail = '', retryAfter = null, errors = [], cause } = {}) {
    super(detail || slug, { cause });
    Object.assign(this, { name: 'TesseraError', slug, status, detail, retryAfter, errors });
  }
}

/** What a member token says. The stack verifies the token; this only reads it. */
const claims = (token) => {
  try {
    const bytes = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)))) ?? {};
  } catch {
    return {};
  }
};

/** Whom a member token names. */
export const subject = (token) => claims(token).sub ?? null;

/** A key for `Idempotency-Key`. `crypto.randomUUID` exists on secure origins only. */
export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Waits, or rejects as soon as the signal is aborted. */
const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });

/** A `Retry-After` of seconds or of a date; null without one. */
const seconds = (header) =>
  header && (/^\d+$/.test(header) ? Number(header) : Math.max(0, Math.ceil((Date.parse(header) - Date.now()) / 1000)) || null);

/** The problem document of a response; whatever stands in front of the stack may send something else. */
const problem = async (response) => {
  const body = await response.json().catch(() => ({}));
  return new TesseraError(
    String(body.type ?? '')
      .split(':')
      .pop() || `http_${response.status}`,
    {
      status: response.status,
      detail: body.detail,
      errors: body.errors,
      retryAfter: seconds(response.headers.get('Retry-After')),
    },
  );
};

export const createClient = ({
  api,
  program,
  token = null,
  locale = null,
  fetch: send = (...args) => fetch(...args),
}) => {
  const base = String(api ?? '').replace(/\/+$/, '');
  const tokenOf = async (refresh) => (typeof token === 'function' ? token({ refresh }) : token);

  /** One attempt. The timeout covers the body too: a response may stall after its headers. */
  const attempt = async (path, { method, body, key, signal, text }, credential) => {
    const stop = new AbortController();
    const forward = () => stop.abort(signal.reason);
    const timer = setTimeout(() => stop.abort(new TesseraError('timeout')), TIMEOUT);
    signal?.addEventListener('abort', forward, { once: true });
    try {
      signal?.throwIfAborted();
      const response = await send(base + path, {
        method,
        signal: stop.signal,
        credentials: 'omit',
        headers: {
          ...(credential && { Authorization: `Bearer ${credential}` }),
          ...(body && { 'Content-Type': 'application/json' }),
          ...(key && { 'Idempotency-Key': `"${key}"` }),
        },
        body: body && JSON.stringify(body),
      });
      if (!response.ok) throw await problem(response);
      if (text) return await response.text();
      return await response.json().catch((cause) => {
        if (!(cause instanceof SyntaxError)) throw cause; // the body broke off
        throw new TesseraError('malformed', { status: response.status, cause });
      });
    } catch (cause) {
      if (cause instanceof TesseraError || signal?.aborted) throw cause;
      if (stop.signal.aborted) throw stop.signal.reason;
      throw new TesseraError(globalThis.navigator?.onLine === false ? 'offline' : 'network', { cause });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', forward);
    }
  };

  /** With the program: the preflight request of a browser carries no token that would name it. */
  const named = (path, credential) => {
    const id = program ?? claims(credential).iss;
    return id ? `${path}${path.includes('?') ? '&' : '?'}program=${encodeURIComponent(id)}` : path;
  };

  /**
   * A request with its repetitions: once with a new token after a 401, and a few times where a moment later helps. A
   * repeated POST has the key of the first one, so it counts once.
   */
  const request = async (path, options) => {
    let credential = options.anonymous ? null : await tokenOf(false);
    let refreshed = false;
    for (let tries = 0; ; tries += 1) {
      try {
        const plain = typeof path === 'function' ? path(credential) : path;
        return await attempt(named(plain, credential), options, credential);
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        if (error.status === 401 && !refreshed && credential && typeof token === 'function') {
          refreshed = true;
          const renewed = await tokenOf(true);
          if (!renewed) throw error;
          credential = renewed;
          continue;
        }
        const passes = error.slug === 'network' || error.slug === 'in_flight' || [429, 503].includes(error.status);
        const wait = error.retryAfter ?? 0.3 * 2 ** tries;
        if (!passes || tries >= RETRIES || wait > LONGEST_WAIT) throw error;
        await pause(wait * 1000, options.signal);
      }
    }
  };

  const query = (values) => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(values)) if (value != null) search.set(name, value);
    return `${search.size ? '?' : ''}${search}`;
  };
  const get = (path, options) => request(path, { ...options, method: 'GET' });
  const post = (path, body, { key = newKey(), signal } = {}) => request(path, { method: 'POST', body, key, signal });
  const own = (credential) => {
    const id = credential && subject(credential);
    if (!id) throw new TesseraError('unauthorized', { status: 401, detail: 'a member token is needed' });
    return `/v1/members/${encodeURIComponent(id)}`;
  };
  const act = (action) => (code, options) =>
    post(`/v1/coupons/${encodeURIComponent(code)}/${action}`, undefined, options);

  return {
    hub: (options) => get(`/v1/hub${query({ locale })}`, options),
    entries: ({ cursor, limit, ...options } = {}) =>
      get((credential) => `${own(credential)}/entries${query({ cursor, limit, locale })}`, options),
    image: (code, { format = 'qr', ...options } = {}) =>
      get(`/v1/coupons/${encodeURIComponent(code)}.svg${query({ format })}`, { ...options, text: true }),
    join: (profile = {}, options) => post('/v1/members', locale ? { locale, ...profile } : profile, options),
    redeem: (reward, { points, key, signal } = {}) =>
      post((credential) => `${own(credential)}/redemptions`, points == null ? { reward } : { reward, points }, {
        key,
        signal,
      }),
    apply: act('apply'),
    release: act('release'),
    cancel: act('cancel'),
    share: (channel, options) => post((credential) => `${own(credential)}/referral-shares`, { channel }, options),
  };
};
