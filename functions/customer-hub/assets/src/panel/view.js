// What the panel shows: plain functions from state to elements. Buttons name their action in `data-act`; the panel listens.

import { drawing } from './qr.js';
import { grouped, spendable, worth } from './words.js';

/** A link of the merchant, where it leads to a page; `javascript:` and the like lead nowhere. */
const link = (url) => {
  try {
    const found = new URL(url, document.baseURI);
    return ['https:', 'http:'].includes(found.protocol) ? found.href : null;
  } catch {
    return null;
  }
};

export const createView = ({ h, mode, head, state, words }) => {
  const { phrase, say, points, unit, number, signed, date, money } = words;
  const { hub } = state;
  const program = hub?.program ?? {};
  const strong = (text) => h('b', {}, h('bdi', {}, text));
  const title = (text, key) =>
    h(mode === 'drawer' ? 'h3' : 'h2', { part: 'heading', tabindex: '-1', 'data-key': key }, text);

  const button = (act, id, label, { primary = false, quiet = false, name, key = `${act}:${id ?? ''}` } = {}) => {
    const kind = primary ? '.primary' : quiet ? '.quiet' : '';
    return h(
      `button${kind}`,
      {
        type: 'button',
        part: primary ? 'button primary' : 'button',
        'data-act': act,
        'data-id': id,
        'data-key': key,
        'aria-label': name,
      },
      h('span', {}, label),
    );
  };

  const picture = (url, part) => {
    const source = url && link(url);
    return source && h('img', { src: source, alt: '', part, loading: 'lazy', referrerpolicy: 'no-referrer' });
  };

  const bar = (value, label) =>
    h('progress', { max: 1, value: Math.min(1, Math.max(0, value)), 'aria-label': label, part: 'progress' });
  const section = (name, heading, ...children) =>
    h(`section.${name}`, { part: `section ${name}` }, title(heading, name), ...children);

  // --- Top of the panel -------------------------------------------------------------------------------------------------

  const header = () => {
    const name = h(
      mode === 'page' ? 'h1' : 'h2',
      { part: 'title' },
      h('bdi', {}, program.name ?? state.label()),
    );
    return head(h('div.brand', {}, picture(program.theme?.logo_url, 'image'), h('slot', { name: 'title' }, name)));
  };

  const expiries = () => {
    const [first, ...others] = hub.points?.expiring ?? [];
    if (!first) return null;
    const line = ({ on, points: count }) => phrase('expiring', { n: count, points: points(count), date: date(on) });
    if (!others.length) return h('p.small.muted', { part: 'expiry' }, line(first));
    return h(
      'details.small.muted',
      { part: 'expiry', 'data-open': 'expiry' },
      h('summary', { 'data-key': 'expiry' }, h('span', {}, line(first))),
      h(
        'ul',
        {},
        others.map((one) => h('li', {}, line(one))),
      ),
    );
  };

  const chip = () =>
    hub.tier &&
    h(
      'span.chip',
      { part: 'tier' },
      picture(hub.tier.icon_url, 'image') ?? h('span', { 'aria-hidden': 'true' }, '◆'),
      h('bdi', {}, hub.tier.name),
    );

  const figure = () => {
    const available = hub.points.available;
    return h('p.balance', { part: 'balance' }, h('b', {}, number(available)), ' ', h('span', {}, unit(available)));
  };

  const top = () => h('div.top', {}, figure(), chip());

  const aside = () => {
    const line = (key, kind = 'muted', part = null) => {
      const n = hub.points[key];
      return n > 0 && h(`p.small.${kind}`, { part }, phrase(key, { n, points: points(n) }));
    };
    const facts = [expiries(), line('pending'), line('reserved'), line('debt', 'bad', 'debt')].filter(Boolean);
    return facts.length > 0 && h('div.stack', {}, facts);
  };

  const way = () => {
    const next = hub.next_reward;
    if (!next) {
      const isEnough = hub.rewards.every((one) => one.redeemable);
      return hub.rewards.length ? [bar(1, say('rewards')), isEnough && h('p.small', {}, phrase('enough'))] : null;
    }
    return h(
      'div.stack',
      {},
      bar(next.progress ?? hub.progress ?? 0, say('toward', { reward: next.name })),
      h(
        'p.small',
        {},
        phrase('missing', { n: next.missing, points: strong(points(next.missing)), reward: strong(next.name) }),
      ),
    );
  };

  const primary = () => {
    const best = hub.best_reward;
    if (best?.cost_per) return button('focus', 'pay', say('useBest'), { primary: true });
    if (best) {
      const label = phrase('redeemBest', { reward: h('bdi', {}, best.name), points: points(best.cost) });
      return button('redeem', best.id, label, { primary: true });
    }
    return hub.ways_to_earn.length ? button('focus', 'earn', say('start'), { primary: true }) : null;
  };

  const signIn = () => h('slot', { name: 'sign-in' }, button('sign-in', null, say('signIn'), { primary: true }));

  /** Whether this member never had points: whoever spent or returned everything had some. */
  const isNew = () => {
    const { lifetime_earned, lifetime_redeemed, debt } = hub.points;
    return hub.prompt === 'start_earning' && !(lifetime_earned || lifetime_redeemed || debt);
  };

  const hero = () => {
    const parts = {
      anonymous: () => [h('p.lead', {}, phrase('signInHint')), signIn()],
      excluded: () => [h('p.lead', {}, phrase('excluded', { program: strong(program.name) }))],
      visitor: () => {
        const count = hub.points?.available ?? 0;
        const hint = count > 0 ? phrase('joinPoints', { n: count, points: strong(points(count)) }) : phrase('joinHint');
        return [
          count > 0 && top(),
          h('p.lead', {}, hint),
          button('join', null, phrase('join', { program: h('bdi', {}, program.name) }), { primary: true }),
        ];
      },
      member: () => [
        top(),
        isNew() && h('p.muted', {}, phrase('startHint')),
        aside(),
        way(),
        primary(),
      ],
    };
    return h(
      `section.hero${hub.state === 'member' ? '' : '.message'}`,
      { part: 'hero' },
      (parts[hub.state] ?? parts.anonymous)(),
    );
  };

  // --- Sections ---------------------------------------------------------------------------------------------------------

  const tier = () => {
    const { tier: held } = hub;
    if (hub.state !== 'member' || !held) return null;
    const { next, keep } = held;
    const qualifying = hub.points?.qualifying ?? 0;
    const name = next?.name ?? next?.id;
    if (!next && !keep && !held.benefits?.length) return null;
    return section(
      'tier',
      say('tier'),
      h(
        'div.card',
        {},
        h(
          'p',
          {},
          strong(held.name),
          held.until && h('span.muted', {}, ' · ', phrase('tierUntil', { date: date(held.until) })),
        ),
        next && [
          bar(qualifying / (qualifying + next.missing || 1), say('tierToward', { tier: name })),
          h('p.small', {}, phrase('tierNext', { n: next.missing, tier: strong(name) })),
        ],
        keep && h('p.small', {}, phrase('tierKeep', { n: keep.missing, date: date(keep.by), tier: strong(held.name) })),
        held.benefits?.length > 0 &&
          h(
            'ul.small',
            {},
            held.benefits.map((benefit) => h('li', {}, benefit)),
          ),
      ),
    );
  };

  const payCard = (reward) => {
    const range = hub.state === 'member' && spendable(reward.cost_per, hub.points.available);
    const named = h('p', {}, strong(reward.name));
    if (!range || (!reward.redeemable && reward.reason !== 'insufficient_points')) {
      const { min } = reward.cost_per;
      const from = phrase('payFrom', { n: min, points: points(min) });
      return h('div.card', { part: 'card pay' }, named, h('p.small.muted', {}, reason(reward, min) ?? from));
    }
    const chosen = Math.min(range.most, Math.max(range.least, state.drafts.get(reward.id) ?? range.most));
    const bounds = {
      min: range.least,
      max: range.most,
      step: reward.cost_per.step,
      value: chosen,
      'data-id': reward.id,
    };
    const value = money(worth(chosen, reward.cost_per), program.currency);
    return h(
      'div.card.pay',
      { part: 'card pay', role: 'group', 'aria-label': reward.name, 'data-pay': reward.id },
      named,
      h(
        'div.amount',
        {},
        h(
          'label',
          {},
          h('span.small.muted', {}, phrase('payPoints')),
          h('input', { type: 'number', inputmode: 'numeric', ...bounds, 'data-key': `number:${reward.id}` }),
        ),
        h('span.worth', { part: 'worth' }, value),
      ),
      h('input', {
        type: 'range',
        ...bounds,
        'aria-label': say('paySlider'),
        'aria-valuetext': `${points(chosen)}, ${value}`,
        'data-key': `range:${reward.id}`,
      }),
      button('pay', reward.id, say('applyToCart'), { primary: !hub.best_reward || Boolean(hub.best_reward.cost_per) }),
    );
  };

  const pay = () => {
    const offers = hub.rewards.filter((reward) => reward.cost_per);
    return offers.length && hub.state !== 'excluded' ? section('paying', say('pay'), offers.map(payCard)) : null;
  };

  /** Why a reward cannot be had, in words; null where it can, or where the whole hub says why. */
  const reason = (reward, cost) => {
    if (hub.state !== 'member') return null;
    const lacking = cost - hub.points.available + (hub.points.debt ?? 0);
    const isShort = !reward.reason || reward.reason === 'insufficient_points';
    if (isShort && lacking > 0) return phrase('insufficient_points', { n: lacking, points: points(lacking) });
    return reward.reason ? phrase(isShort ? 'not_available' : reward.reason) : null;
  };

  const rewards = () => {
    const listed = hub.rewards
      .filter((reward) => !reward.cost_per)
      .sort((a, b) => b.redeemable - a.redeemable || a.cost - b.cost);
    if (!listed.length) return null;
    const item = (reward) => {
      const why = reward.redeemable ? null : reason(reward, reward.cost);
      return h(
        'li.row',
        { part: 'reward', 'data-row': `reward:${reward.id}` },
        h(
          'div.thing',
          {},
          picture(reward.image_url, 'image'),
          h(
            'div',
            {},
            strong(reward.name),
            reward.description && h('p.small.muted', {}, h('bdi', {}, reward.description)),
            h('p.small.muted', {}, points(reward.cost), why && [' · ', h('span.why', {}, why)]),
          ),
        ),
        reward.redeemable &&
          hub.state === 'member' &&
          button('redeem', reward.id, say('redeem'), {
            name: say('named', { action: say('redeem'), reward: reward.name }),
            key: `list:${reward.id}`,
          }),
      );
    };
    return section('rewards', say('rewards'), h('ul.list', { role: 'list' }, listed.map(item)));
  };

  const coupon = (one) => {
    const name = one.name || one.reward;
    const named = (action) => say('named', { action, reward: name });
    const note = state.notes.get(one.code);
    const image = state.images.get(one.code);
    const actions = {
      available: () => button('apply', one.code, say('apply'), { name: named(say('apply')) }),
      applied: () => button('release', one.code, say('remove'), { quiet: true, name: named(say('remove')) }),
    };
    const states = { applied: () => h('span.good', {}, phrase('inCart')), reserved: () => phrase('setAside') };
    const facts = [states[one.status]?.(), one.expires_at && phrase('until', { date: date(one.expires_at) })].filter(
      Boolean,
    );
    const code = h('span.code', { part: 'code', translate: 'no' }, grouped(one.code));
    return h(
      'li.coupon',
      { part: 'coupon', 'data-row': `coupon:${one.code}` },
      h(
        'div.row',
        {},
        h(
          'div',
          {},
          strong(name),
          h('p.small.muted', {}, code),
          facts.length > 0 &&
            h(
              'p.small.muted',
              {},
              facts.map((fact, index) => [index > 0 && ' · ', fact]),
            ),
        ),
        actions[one.status]?.(),
      ),
      note && h('p.small.bad', { part: 'note' }, note),
      one.status !== 'reserved' &&
        h(
          'details.small',
          { 'data-open': `coupon:${one.code}` },
          h(
            'summary',
            { 'data-key': `code:${one.code}`, 'aria-label': named(say('code')) },
            h('span', {}, phrase('code')),
          ),
          h(
            'div.opened',
            {},
            h(
              'div.qr',
              { part: 'qr' },
              image && (drawing(image, say('qr', { code: one.code })) ?? h('span.code', {}, grouped(one.code))),
            ),
            h(
              'div.stack',
              {},
              button('copy', one.code, say('copy'), { name: named(say('copy')) }),
              one.cancellable &&
                one.cost > 0 &&
                button('cancel', one.code, phrase('undo', { n: one.cost, points: points(one.cost) }), { quiet: true }),
            ),
          ),
        ),
    );
  };

  const coupons = () => {
    if (!hub.coupons || (hub.state !== 'member' && !hub.coupons.items.length)) return null;
    const { items, available } = hub.coupons;
    const hidden = available - items.filter((one) => one.status === 'available').length;
    return section(
      'coupons',
      say('coupons'),
      items.length
        ? h('ul.list', { role: 'list' }, items.map(coupon))
        : h('slot', { name: 'no-coupons' }, h('p.card.muted', {}, phrase('couponsEmpty'))),
      hidden > 0 && h('p.small.muted', {}, phrase('couponsMore', { n: hidden })),
    );
  };

  const refer = () => {
    const { referral } = hub;
    if (!referral || hub.state !== 'member') return null;
    return section(
      'refer',
      say('refer'),
      h(
        'div.card',
        {},
        h('p', {}, phrase('referHint')),
        h(
          'div.row',
          {},
          h(
            'label',
            {},
            h('span.small.muted', {}, phrase('link')),
            h('input.code', {
              readonly: true,
              value: referral.url.replace(/^https?:\/\//, ''),
              'data-key': 'link',
              dir: 'ltr',
            }),
          ),
          button('share', null, say('share')),
        ),
        h(
          'p.small.muted',
          {},
          phrase('visits', { n: referral.clicks }),
          ' · ',
          phrase('friends', { n: referral.qualified }),
        ),
        h('p.small.muted', {}, phrase('lag')),
      ),
    );
  };

  const earnWay = (one) => {
    // Money is text; receipts and items are counted.
    const lacking = ({ missing }) =>
      typeof missing === 'string' ? money(missing, program.currency) : say('times', { n: missing });
    const line = one.completed
      ? one.completed_at
        ? phrase('doneOn', { date: date(one.completed_at) })
        : phrase('done')
      : one.missing != null
        ? phrase(one.points ? 'wayNext' : 'wayMissing', {
            n: one.points,
            missing: strong(lacking(one)),
            points: points(one.points),
          })
        : one.description;
    const target = !one.completed && one.action_url && link(one.action_url);
    const name = target
      ? h('a', { href: target, 'data-key': `way:${one.rule}` }, h('bdi', {}, one.title))
      : strong(one.title);
    return h(
      `li${one.completed ? '.done' : ''}`,
      { part: 'way' },
      picture(one.icon_url, 'image') || h('span.tick', { 'aria-hidden': 'true' }, one.completed ? '✓' : ''),
      h('div', {}, name, line && h('p.small.muted', {}, line)),
      one.points
        ? h(
            'span.chip',
            {},
            h('span', { 'aria-hidden': 'true' }, signed(one.points)),
            h('span.hidden', {}, points(one.points)),
          )
        : null,
    );
  };

  const earn = () =>
    hub.ways_to_earn.length && hub.state !== 'excluded'
      ? section(
          'earn',
          say('earn'),
          h(
            'ul.list.ways',
            { role: 'list' },
            [...hub.ways_to_earn].sort((a, b) => a.completed - b.completed).map(earnWay),
          ),
        )
      : null;

  // --- Activity ---------------------------------------------------------------------------------------------------------

  const entryName = ({ type, source = {} }) => {
    if (source.refund) return say('returned');
    if (type === 'earn') return say(source.receipt ? 'purchase' : source.referral ? 'referred' : 'earned');
    return say(type === 'redeem' ? 'redeemed' : type === 'reverse' ? 'returned' : type);
  };

  const entry = (one) => {
    const change = one.points?.redeemable || 0;
    const qualifying = one.points?.qualifying || 0;
    const moved = one.moved?.redeemable || 0;
    const figure = change
      ? h(
          `b${change > 0 ? '.good' : ''}`,
          {},
          h('span', { 'aria-hidden': 'true' }, signed(change)),
          h('span.hidden', {}, `${signed(change)} ${unit(change)}`),
        )
      : h('span.muted', {}, qualifying ? phrase('tierPoints', { n: qualifying }) : moved ? number(moved) : '');
    const line = [
      h('span', {}, entryName(one), h('span.small.muted', {}, ' · ', date(one.at, { month: 'short' }))),
      figure,
    ];
    if (!one.explanation?.length) return h('li.entry', { part: 'entry' }, h('div.line', {}, line));
    return h(
      'li.entry',
      { part: 'entry' },
      h(
        'details',
        { 'data-open': `entry:${one.id}` },
        h('summary', { 'data-key': `entry:${one.id}` }, h('span.line', {}, line)),
        h(
          'div.reasons',
          {},
          h('p.small.muted', {}, phrase('why')),
          h(
            'ul.small',
            {},
            one.explanation.map(({ text }) => h('li', {}, h('bdi', {}, text))),
          ),
        ),
      ),
    );
  };

  const activity = () => {
    if (hub.state !== 'member' && !(hub.state === 'visitor' && hub.points?.lifetime_earned > 0)) return null;
    const { items, cursor, failed } = state.entries;
    const lines = () => {
      if (failed) return h('div.card', {}, h('p', {}, phrase('activityFailed')), button('entries', null, say('retry')));
      if (!items)
        return h(
          'div.card.lines',
          { 'aria-busy': 'true', 'data-lazy': true },
          [1, 2, 3].map(() => h('div.entry', {}, h('div.line', {}, h('span.bone.name')))),
        );
      if (!items.length) return h('p.card.muted', {}, phrase('activityEmpty'));
      return [
        h('ul.card.lines', { role: 'list' }, items.map(entry)),
        cursor && button('entries', null, say('more'), { quiet: true }),
      ];
    };
    return section('activity', say('activity'), lines());
  };

  // --- Whole ------------------------------------------------------------------------------------------------------------

  const body = (wide) => {
    const slot = (name) => h('slot', { name });
    // The order of reading is the order of the page, in one column and in two.
    if (wide) {
      return [
        h('div.column', {}, slot('before'), hero(), tier(), pay(), coupons()),
        h('div.column', {}, rewards(), refer(), earn(), activity(), slot('after')),
      ];
    }
    return [slot('before'), hero(), pay(), rewards(), coupons(), tier(), refer(), earn(), activity(), slot('after')];
  };

  const trouble = () => {
    const { slug, retryAfter } = state.error;
    const isSignedOut = ['expired', 'forbidden'].includes(slug);
    return h(
      'section.hero.message',
      { part: 'hero', 'data-trouble': slug },
      h('p.lead', {}, phrase(isSignedOut || slug === 'offline' ? slug : 'error')),
      isSignedOut
        ? signIn()
        : [
            retryAfter > 0 && h('p.muted', {}, phrase('wait', { n: retryAfter })),
            button('load', null, say('retry'), { primary: true }),
          ],
    );
  };

  return { header, body, trouble };
};
