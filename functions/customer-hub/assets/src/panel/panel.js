// What is inside <tessera-hub>: loads the shopper's data, shows it, and carries out what the shopper asks for.

import { createClient, newKey, TesseraError } from '../client.js';
import { createPainter } from './accent.js';
import { createCarts } from './carts.js';
import hubCss from './hub.css';
import { choose } from './pay.js';
import { createTokens, takingOver } from './token.js';
import { createView } from './view.js';
import { createWords } from './words.js';

const SLOW = 2500; // milliseconds until the skeleton says that it takes long
const AUTOMATIC_TRIES = 3;
const PAGE = 10; // entries

/** Problems after which an action certainly did not happen: the next attempt is a new one, with a new key. */
const isFinal = ({ status, slug }) =>
  status >= 400 && status < 500 && ![401, 408, 429].includes(status) && slug !== 'in_flight';

let hubSheet;

/** The hub as documented, whatever the stack leaves out. */
const complete = (hub) => ({
  ...hub,
  program: hub.program ?? {},
  rewards: hub.rewards ?? [],
  ways_to_earn: hub.ways_to_earn ?? [],
  coupons: hub.coupons && { available: 0, ...hub.coupons, items: hub.coupons.items ?? [] },
});

export const mount = (context, loadedTexts) => {
  const { h, sheet, element, shadow, root, content, status, signal, emit } = context;
  const { mode } = element;
  const noEntries = () => ({ items: null, cursor: null, failed: false, loading: false });
  const state = {
    label: context.label,
    hub: null,
    error: null,
    member: null,
    entries: noEntries(),
    busy: null,
    notes: new Map(), // by code: what the shop said
    drafts: new Map(), // by reward: points chosen to pay with
    images: new Map(), // by code: SVG
    open: new Set(), // disclosures
  };
  const keys = new Map(); // by action: the Idempotency-Key of an attempt without an outcome
  let run = 0;
  let tries = 0;
  let timers = [];
  let words = null;
  let wide = false;
  let wasOpened = false;

  hubSheet ??= sheet(hubCss);
  const painter = createPainter(context);
  shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, hubSheet, painter.sheet];

  const listen = (target, type, act, options) => target.addEventListener(type, act, { signal, ...options });
  const later = (act, milliseconds) => timers.push(setTimeout(act, milliseconds));
  const clear = () => {
    timers.forEach(clearTimeout);
    timers = [];
  };
  signal.addEventListener('abort', clear, { once: true });

  const tokens = createTokens(context, () => load());
  state.member = tokens.member();
  const cartOf = createCarts(context, () => reconcile());
  const send = takingOver(context.first);
  const client = () =>
    createClient({
      api: context.api,
      program: element.getAttribute('program'),
      token: tokens.forRequest,
      locale: element.wantedLocale,
      fetch: send,
    });

  // --- Showing ----------------------------------------------------------------------------------------------------------

  const speak = () => {
    const { language } = element;
    words = createWords({
      language: loadedTexts[language] ? language : Object.keys(loadedTexts)[0],
      tag: element.wantedLocale,
      texts: loadedTexts[language] ?? Object.values(loadedTexts)[0],
      own: element.texts,
      program: state.hub?.program,
    });
  };

  /**
   * Moves focus to what replaces its element: the same key or row, else the nearest heading. Where a keyboard moves it
   * elsewhere, that place is shown; a pointer's page stays where it is.
   */
  const refocus = (focus, held) => {
    const { key, frame } = held?.dataset ?? {};
    const row = held?.closest('[data-row]')?.dataset.row;
    let target = null;
    for (const selector of [
      `[data-key="${CSS.escape(focus ?? key)}"]`,
      `[data-row="${CSS.escape(row)}"] button`,
      `[data-frame=${frame}]`,
      '.hero button',
      '[data-frame=close]',
      '[tabindex="-1"]',
    ])
      target ??= content.querySelector(selector);
    target?.focus({ preventScroll: true });
    if (target?.matches(':focus-visible') && target.dataset.key !== key) target.scrollIntoView({ block: 'nearest' });
  };

  const render = (focus) => {
    if (signal.aborted || !(state.hub || state.error)) return;
    speak();
    const active = shadow.activeElement;
    const held = content.contains(active) ? active : null;
    painter.paint(state.hub?.program.theme?.accent);
    const view = createView({ h, mode, head: context.head, state, words });
    const body = state.error ? view.trouble() : view.body(wide);
    content.replaceChildren(view.header(), h(`div.body${wide && !state.error ? '.wide' : ''}`, { part: 'body' }, body));
    for (const details of content.querySelectorAll('details')) details.open = state.open.has(details.dataset.open);
    if (held || focus) refocus(focus, held);
    watchActivity();
  };

  /** Says what happened, at the foot of the panel and to screen readers; the last message stays until the next. */
  const tell = (children, action) => {
    status.replaceChildren(h('p', {}, children), ...(action ? [action] : []));
  };
  const hush = () => status.replaceChildren();

  // --- Loading ----------------------------------------------------------------------------------------------------------

  const reset = () => {
    clear();
    hush();
    Object.assign(state, { hub: null, error: null, member: tokens.member(), entries: noEntries(), busy: null });
    for (const store of [state.notes, state.drafts, state.images, state.open, keys]) store.clear();
  };

  const fail = (error) => {
    // The page handed out another person's token meanwhile: their hub is loaded, not the former one's.
    if (error.slug === 'other_member') return load();
    const slug = error.status === 401 ? 'expired' : error.status === 403 ? 'forbidden' : error.slug;
    const isOver = slug === 'expired' || slug === 'forbidden';
    emit('error', { error, action: 'load' });
    if (state.hub && !isOver) return undefined; // What is shown is old, not wrong.
    if (isOver) reset();
    state.error = { slug, retryAfter: error.retryAfter };
    if (error.retryAfter && tries < AUTOMATIC_TRIES) later(() => load(), error.retryAfter * 1000);
    tries += 1;
    return render();
  };

  const load = async () => {
    const mine = ++run;
    clear();
    if (tokens.member() !== state.member) reset();
    if (!state.hub) {
      state.error = null;
      context.wait();
      speak();
      later(() => tell(words.phrase('slow')), SLOW);
    }
    try {
      const hub = complete(await client().hub({ signal }));
      if (mine !== run || signal.aborted) return;
      clear();
      // The token may have been renewed on the way, for somebody else.
      if (tokens.member() !== state.member) reset();
      if (!state.hub) hush();
      tries = 0;
      Object.assign(state, { hub, error: null });
      render();
      emit('ready', { state: hub.state, prompt: hub.prompt, points: hub.points });
      await reconcile();
    } catch (error) {
      if (mine !== run || signal.aborted) return;
      clear();
      if (!(error instanceof TesseraError)) throw error;
      hush();
      fail(error);
    }
  };

  const loadEntries = async () => {
    const { entries } = state;
    if (entries.loading) return;
    Object.assign(entries, { loading: true, failed: false });
    try {
      const page = await client().entries({ cursor: entries.cursor, limit: PAGE, signal });
      if (entries !== state.entries) return;
      Object.assign(entries, {
        items: [...(entries.items ?? []), ...(page.items ?? [])],
        cursor: page.next_cursor ?? null,
      });
    } catch (error) {
      if (signal.aborted || entries !== state.entries) return;
      if (error.status === 401) return fail(error);
      entries.failed = true;
      emit('error', { error, action: 'entries' });
    } finally {
      entries.loading = false;
    }
    render();
  };

  /** The ledger is read when its place comes into view: opening the hub does not pay for it. */
  const activityObserver = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && loadEntries());
  const watchActivity = () => {
    activityObserver.disconnect();
    const place = content.querySelector('[data-lazy]');
    if (place) activityObserver.observe(place);
  };

  const image = async (code) => {
    if (state.images.has(code)) return;
    state.images.set(code, null);
    try {
      state.images.set(code, await client().image(code, { signal }));
    } catch (error) {
      if (signal.aborted) return;
      // Without a picture the code itself can be read out or typed.
      state.images.set(code, ' ');
      emit('error', { error, action: 'image' });
    }
    render();
  };

  // --- Acting -----------------------------------------------------------------------------------------------------------

  const sentence = ({ status, slug }) => {
    if (slug === 'offline') return words.phrase('offline');
    if (slug === 'codes_unavailable') return words.phrase('codes');
    if (!status || status >= 500) return words.phrase('unclear');
    const known = ['tier_not_eligible', 'out_of_stock', 'limit_reached', 'not_available'];
    return words.phrase(known.includes(slug) ? slug : 'failed');
  };

  /**
   * Carries out one action at a time. The page may prevent it by its event. An attempt whose outcome is unknown keeps its
   * key, so that trying again counts once.
   */
  const act = async (id, announced, work, attempt = id) => {
    if (state.busy) return;
    let answer;
    const respondWith = (promise) => {
      answer = Promise.resolve(promise);
      answer.catch(() => {}); // Whoever needs it awaits it; until then a rejection is not unhandled.
    };
    if (announced && !emit(announced[0], { ...announced[1], respondWith }, true)) return;
    const { member } = state;
    state.busy = id;
    // The message goes, and with it the button that was pressed.
    const focus = status.contains(shadow.activeElement) ? 'gone' : undefined;
    hush();
    // Marked in place: a whole render would only delay the request.
    for (const button of content.querySelectorAll('[data-act]')) {
      if (`${button.dataset.act}:${button.dataset.id ?? ''}` === id) button.setAttribute('aria-busy', 'true');
    }
    if (!keys.has(attempt)) keys.set(attempt, newKey());
    try {
      await work({ key: keys.get(attempt), signal }, answer);
      keys.delete(attempt);
    } catch (error) {
      if (signal.aborted || member !== state.member) return;
      if (!(error instanceof TesseraError)) throw error;
      if (isFinal(error)) keys.delete(attempt);
      emit('error', { error, action: announced?.[0] });
      if (error.slug === 'other_member') return;
      if (error.status === 401) return fail(error);
      tell(sentence(error));
      if ([403, 409, 422].includes(error.status)) await load();
    } finally {
      if (state.busy === id) state.busy = null;
      render(focus);
    }
  };

  const couponOf = (code) => state.hub.coupons?.items.find((one) => one.code === code);
  const nameOf = (coupon) =>
    coupon.name || state.hub.rewards.find((one) => one.id === coupon.reward)?.name || coupon.reward;
  const isolated = (text) => h('bdi', {}, text);

  /** Shows a change before the next load confirms it. */
  const put = (coupon) => {
    const { coupons } = state.hub;
    if (!coupons) return;
    const before = couponOf(coupon.code);
    const named = { ...before, ...coupon, name: nameOf({ ...before, ...coupon }) };
    const rest = coupons.items.filter((one) => one.code !== coupon.code);
    const isHeld = ['available', 'applied', 'reserved'].includes(coupon.status);
    const items = !isHeld
      ? rest
      : before
        ? coupons.items.map((one) => (one === before ? named : one))
        : [named, ...rest];
    const count = (one) => Number(one?.status === 'available');
    state.hub = { ...state.hub, coupons: { available: coupons.available + count(coupon) - count(before), items } };
  };

  /** Marks the coupon, puts its code into the cart, and takes the mark back where the shop refuses. */
  const intoCart = async (coupon, answer) => {
    const { code } = coupon;
    state.notes.delete(code);
    put(await client().apply(code, { signal }));
    try {
      await (await cartOf()).add(code, { answer, signal });
    } catch (refusal) {
      if (signal.aborted) throw refusal;
      put(await client().release(code, { signal }));
      const reason = refusal.reason?.trim();
      const text = reason
        ? words.say('refused', { reason: /[.!?…]$/.test(reason) ? reason : `${reason}.` })
        : words.say('refusedPlain');
      state.notes.set(code, text);
      emit('error', { error: new TesseraError('refused', { detail: reason, cause: refusal }), action: 'apply' });
      tell(text);
      return;
    }
    tell(words.phrase('saidApplied', { reward: isolated(nameOf(coupon)) }));
  };

  const applyEvent = (coupon, respondWith) => emit('apply', { code: coupon.code, coupon, respondWith }, true);

  const actions = {
    load,
    entries: () => {
      if (state.entries.failed && !state.entries.items) state.entries = noEntries();
      return loadEntries();
    },

    'sign-in': async () => {
      const token = await tokens.ask('sign_in');
      if (!token) return tell(words.phrase('signInElsewhere'));
      return load();
    },

    join: () => {
      const profile = {};
      const search = new URLSearchParams(location.search);
      if (search.get('ref')) profile.referral_code = search.get('ref');
      if (search.get('ref_click')) profile.click = search.get('ref_click');
      return act('join:', ['join', { profile }], async (options) => {
        await client().join(profile, options);
        await load();
        tell(words.phrase('saidJoined', { program: isolated(state.hub?.program.name ?? '') }));
      });
    },

    redeem: (id) => {
      const reward = state.hub.rewards.find((one) => one.id === id) ?? state.hub.best_reward;
      return act(`redeem:${id}`, ['redeem', { reward }], async (options) => {
        const coupon = await client().redeem(id, options);
        take(coupon);
        render(`apply:${coupon.code}`);
        const undo =
          coupon.cancellable &&
          h(
            'button.quiet',
            { type: 'button', part: 'button', 'data-act': 'cancel', 'data-id': coupon.code },
            words.phrase('undo', { n: coupon.cost, points: words.points(coupon.cost) }),
          );
        const left = state.hub.points.available;
        tell(
          words.phrase('saidRedeemed', { reward: isolated(nameOf(coupon)), n: left, points: words.points(left) }),
          undo,
        );
        await load();
      });
    },

    pay: (id) => {
      const reward = state.hub.rewards.find((one) => one.id === id);
      const points = Number(content.querySelector(`[data-pay="${CSS.escape(id)}"] input[type=range]`)?.value);
      const work = async (options) => {
        const coupon = await client().redeem(id, { ...options, points });
        state.drafts.delete(id);
        take(coupon);
        let answer;
        const respondWith = (promise) => (answer = Promise.resolve(promise)).catch(() => {});
        if (applyEvent(coupon, respondWith)) await intoCart(couponOf(coupon.code) ?? coupon, answer);
        await load();
      };
      // The key belongs to this very number of points.
      return act(`pay:${id}`, ['redeem', { reward, points }], work, `pay:${id}:${points}`);
    },

    apply: (code) => {
      const coupon = couponOf(code);
      return act(`apply:${code}`, ['apply', { code, coupon }], (options, answer) => intoCart(coupon, answer));
    },

    release: (code) => {
      const coupon = couponOf(code);
      return act(`release:${code}`, ['release', { code, coupon }], async (options, answer) => {
        try {
          await (await cartOf()).remove(code, { answer, signal });
        } catch (cause) {
          throw signal.aborted ? cause : new TesseraError('cart', { detail: cause.reason, cause });
        }
        put(await client().release(code, options));
        tell(words.phrase('saidReleased', { reward: isolated(nameOf(coupon)) }));
      });
    },

    cancel: (code) => {
      const coupon = couponOf(code);
      return act(`cancel:${code}`, ['cancel', { code, coupon }], async (options) => {
        put({ ...coupon, ...(await client().cancel(code, options)), status: 'cancelled' });
        state.entries = noEntries();
        tell(words.phrase('saidUndone', { n: coupon.cost, points: words.points(coupon.cost) }));
        return load();
      });
    },

    copy: (code) => copy(code),

    share: async () => {
      const { referral } = state.hub;
      if (!emit('share', { ...referral }, true)) return;
      const channel = navigator.share ? 'web_share' : 'copy';
      if (navigator.share) {
        const isShared = await navigator.share({ url: referral.url }).then(
          () => true,
          (cause) => cause.name !== 'AbortError',
        );
        if (!isShared) return;
      } else if (!(await copy(referral.url))) {
        return;
      }
      // Counting a share is not worth an error to the shopper.
      await client()
        .share(channel, { signal })
        .catch(() => {});
    },

    focus: (part) => {
      const target = content.querySelector(part === 'pay' ? '[data-pay] input' : `[data-key=${part}]`);
      target?.scrollIntoView({ block: 'center' });
      target?.focus({ preventScroll: true });
    },
  };

  /** A coupon that was just bought: in the wallet, paid for, and a new line in the ledger. */
  const take = (coupon) => {
    const { points } = state.hub;
    put(coupon);
    state.hub = { ...state.hub, points: { ...points, available: points.available - coupon.cost } };
    state.entries = noEntries();
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      tell(words.phrase('copied'));
      return true;
    } catch {
      const field = content.querySelector('.refer input');
      if (text === state.hub.referral?.url) {
        field?.focus();
        field?.select();
      }
      return false;
    }
  };

  /** Coupons whose code is not in the shop's cart any more go back to the wallet. */
  const reconcile = async () => {
    const applied = state.hub?.coupons?.items.filter((one) => one.status === 'applied') ?? [];
    if (!applied.length || state.busy) return;
    try {
      const codes = await (await cartOf()).codes(signal);
      if (!codes) return;
      const held = new Set(codes.map((code) => code.toLowerCase()));
      for (const { code } of applied) if (!held.has(code.toLowerCase())) await released(code);
    } catch (cause) {
      if (signal.aborted) return;
      // The cart did not answer: nothing is known, so nothing changes. A mark ends by itself (`apply_minutes`).
      emit('error', { error: new TesseraError('cart', { cause }), action: 'cart' });
    }
  };

  const released = async (code) => {
    const coupon = couponOf(code);
    if (coupon?.status !== 'applied') return;
    put(await client().release(code, { signal }));
    tell(words.phrase('saidGone'));
    render();
  };

  // --- Input ------------------------------------------------------------------------------------------------------------

  const onClick = (event) => {
    const target = event.target.closest?.('[data-act]');
    if (target) actions[target.dataset.act](target.dataset.id);
  };
  listen(root, 'click', onClick);
  for (const type of ['input', 'change'])
    listen(content, type, ({ target }) => target.closest('[data-pay]') && choose(target, type === 'change', state, words));
  listen(
    content,
    'toggle',
    ({ target }) => {
      const { open: name } = target.dataset;
      if (!name) return;
      if (!target.open) return state.open.delete(name);
      state.open.add(name);
      if (name.startsWith('coupon:')) image(name.slice('coupon:'.length));
    },
    { capture: true }, // `toggle` does not bubble
  );
  listen(content, 'error', ({ target }) => target.classList.add('broken'), { capture: true }); // a picture; `error` does not bubble
  listen(window, 'online', () => state.error?.slug === 'offline' && load());
  listen(matchMedia('(prefers-color-scheme: dark)'), 'change', () => painter.repaint());

  /** Two columns where there is room for them, measured in the reader's own text size. */
  const isWide = () =>
    mode === 'page' &&
    content.clientWidth >= 45 * (parseFloat(getComputedStyle(document.documentElement).fontSize) || 16);
  const resized = new ResizeObserver(() => {
    if (wide !== (wide = isWide()) && state.hub) render();
  });
  resized.observe(content);
  signal.addEventListener('abort', () => {
    resized.disconnect();
    activityObserver.disconnect();
  });

  const changed = async (name) => {
    if (name === 'token') {
      if (tokens.member() !== state.member) reset();
      return load();
    }
    const { language } = element;
    if (name === 'locale' && !loadedTexts[language]) {
      const module = await import(new URL(`locales/${language}.js`, import.meta.url)).catch(() => null);
      if (!module || signal.aborted) return undefined;
      loadedTexts[language] = module.default;
    }
    if (state.hub || state.error) render();
    // Names of rewards and points come in the new language.
    if (name !== 'locale') return undefined;
    state.entries = noEntries();
    return load();
  };

  wide = isWide();
  return {
    ready: load(),
    load,
    changed,
    released,
    /** A drawer was opened; what was loaded for an earlier opening may be old. */
    opened: () => {
      const isFirst = !wasOpened;
      wasOpened = true;
      return isFirst ? undefined : load();
    },
    closed: hush,
    end: () => {
      content.replaceChildren();
      hush();
    },
  };
};
