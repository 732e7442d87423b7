// The member token: the attribute's, or a newer one that the page handed out by event; and the request that began with it.

import { subject, TesseraError } from '../client.js';

/** How long the page may take for a token that nobody has to type a password for, in milliseconds. */
const TIMEOUT = 10_000;

/** Requests for a token that are not answered yet, by stack and program: elements of one page share them. */
const pending = new Map();

export const createTokens = ({ element, memory, emit, signal }, otherMember) => {
  const current = () => memory.token ?? (element.getAttribute('token') || null);
  const member = () => current() && subject(current());

  /** Rejects when the element is detached, and in time. Signing in takes a shopper as long as it takes. */
  const within = (promise, reason) => {
    const stop = new AbortController();
    const limit = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { signal: stop.signal });
      if (reason === 'sign_in') return;
      const timer = setTimeout(() => reject(new TesseraError('timeout')), TIMEOUT);
      stop.signal.addEventListener('abort', () => clearTimeout(timer));
    });
    return Promise.race([promise, limit]).finally(() => stop.abort());
  };

  /**
   * Asks the page by `tessera:token`, once however many requests wait. Null where the page gives none, for example because
   * it navigates to its own sign-in.
   */
  const ask = async (reason) => {
    const key = `${element.getAttribute('api')} ${element.getAttribute('program')}`;
    let answer = pending.get(key);
    if (!answer) {
      let given = null;
      emit('token', { reason, respondWith: (promise) => (given = Promise.resolve(promise)) }, true);
      if (!given) return null;
      answer = given.then((token) => token || null).finally(() => pending.get(key) === answer && pending.delete(key));
      pending.set(key, answer);
    }
    try {
      const token = await within(answer, reason);
      if (token) memory.token = token;
      return token;
    } catch (error) {
      if (signal.aborted) throw error;
      pending.delete(key);
      emit('error', { error, action: 'token' });
      return null;
    }
  };

  /** The token for one request. */
  const forRequest = async ({ refresh }) => {
    const before = member();
    if (current() && !refresh) return current();
    const renewed = await ask(refresh ? 'expired' : 'missing');
    if (!renewed || !before || subject(renewed) === before) return renewed;
    // Somebody else has signed in meanwhile: what was asked for the one is not done for the other.
    otherMember();
    throw new TesseraError('other_member');
  };

  return { member, ask, forRequest };
};

/** A `fetch` whose first use takes over the request that is under way, where it is the same one. */
export const takingOver = (first) => (url, options) => {
  const started = first;
  if (url !== started?.url || options.headers.Authorization !== started.authorization) return fetch(url, options);
  first = null;
  options.signal.addEventListener('abort', () => started.stop.abort(options.signal.reason), {
    signal: started.stop.signal,
  });
  return started.response;
};
