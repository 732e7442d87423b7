// Scripted hubs, as the contract has them, and what the pages of a shop around them look like.

const DAY = 86_400_000;

/** The pages' clock: dates in texts do not depend on the day of the run. */
export const NOW = Date.parse('2026-03-10T10:00:00Z');
export const later = (days) => new Date(NOW + days * DAY).toISOString();

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
export const tokenOf = (member, extra = {}) =>
  `${encode({ alg: 'HS256' })}.${encode({ iss: 'demo', sub: member, ...extra })}.signature`;

const POINTS_NAMES = {
  it: { one: 'punto', other: 'punti' },
  en: { one: 'point', other: 'points' },
  ro: { one: 'punct', few: 'puncte', other: 'de puncte' },
  ru: { one: 'балл', few: 'балла', many: 'баллов', other: 'балла' },
};

const TEXTS = {
  en: {
    off: '5 € off',
    ship: 'Free shipping',
    mug: 'Enamel mug',
    dinner: 'Dinner for two',
    pay: 'Your own discount',
    every: 'Every 50 €',
    news: 'Newsletter',
    review: 'Write a review',
    newsBy: 'Subscribe to our letter',
    mugIs: 'Half a litre, made in Faenza',
    benefit: ['Half a point more per euro', 'Free returns'],
    because: [
      '10 points for every 50 €: 120.00 € on top of 75.00 €, 2 times: 20 points.',
      'Silver, half a point more: 10 points.',
    ],
    got: '5 € off was bought for 250 points.',
  },
  it: {
    off: '5 € di sconto',
    ship: 'Spedizione gratuita',
    mug: 'Tazza smaltata',
    dinner: 'Cena per due',
    pay: 'Lo sconto che vuoi',
    every: 'Ogni 50 €',
    news: 'Newsletter',
    review: 'Scrivi una recensione',
    newsBy: 'Iscriviti alla newsletter',
    mugIs: 'Mezzo litro, fatta a Faenza',
    benefit: ['Mezzo punto in più per euro', 'Resi gratuiti'],
    because: [
      '10 punti ogni 50 €: 120,00 € oltre ai 75,00 € già spesi, 2 volte: 20 punti.',
      'Silver, mezzo punto in più: 10 punti.',
    ],
    got: '5 € di sconto riscattati per 250 punti.',
  },
  ro: {
    off: '5 € reducere',
    ship: 'Livrare gratuită',
    mug: 'Cană emailată',
    dinner: 'Cină pentru doi',
    pay: 'Reducerea ta',
    every: 'La fiecare 50 €',
    news: 'Newsletter',
    review: 'Scrie o recenzie',
    newsBy: 'Abonează-te la newsletter',
    mugIs: 'Jumătate de litru, făcută la Faenza',
    benefit: ['Jumătate de punct în plus pe euro', 'Retururi gratuite'],
    because: [
      '10 puncte la fiecare 50 €: 120,00 € peste 75,00 €, de 2 ori: 20 de puncte.',
      'Silver, jumătate de punct în plus: 10 puncte.',
    ],
    got: '5 € reducere pentru 250 de puncte.',
  },
  ru: {
    off: 'Скидка 5 €',
    ship: 'Бесплатная доставка',
    mug: 'Эмалированная кружка',
    dinner: 'Ужин на двоих',
    pay: 'Своя скидка',
    every: 'За каждые 50 €',
    news: 'Рассылка',
    review: 'Напишите отзыв',
    newsBy: 'Подпишитесь на рассылку',
    mugIs: 'Пол-литра, сделана в Фаэнце',
    benefit: ['На полбалла больше за евро', 'Бесплатный возврат'],
    because: [
      '10 баллов за каждые 50 €: 120,00 € сверх 75,00 €, 2 раза: 20 баллов.',
      'Silver, на полбалла больше: 10 баллов.',
    ],
    got: 'Скидка 5 € за 250 баллов.',
  },
};

export const couponOf = (code, values = {}) => ({
  code,
  reward: 'five-off',
  name: '5 € off',
  status: 'available',
  cost: 250,
  member: 'c-42',
  discount: { type: 'amount_off', amount: '5.00', currency: 'EUR' },
  issued_at: later(-1),
  expires_at: later(112),
  ...values,
});

/** Every state of the storefront, in a language. */
export const hubOf = (name, locale = 'en') => {
  const text = TEXTS[locale];
  const program = {
    name: 'Club Ada',
    points_name: POINTS_NAMES[locale],
    locale,
    currency: 'EUR',
    theme: { accent: '#1f6f54', logo_url: null },
  };
  const perPoints = { points: 100, value: '1.00', min: 100, max: 5000, step: 100 };
  const reward = (id, cost, values = {}) => ({
    id,
    name: text[values.text ?? id] ?? id,
    description: null,
    type: 'amount_off',
    cost,
    image_url: null,
    redeemable: true,
    ...values,
    text: undefined,
  });
  const rewards = [
    reward('five-off', 250, { text: 'off' }),
    reward('mug', 100, { text: 'mug', description: text.mugIs, redeemable: false, reason: 'out_of_stock' }),
    reward('ship', 500, { text: 'ship', redeemable: false, reason: 'insufficient_points' }),
    reward('dinner', 4000, { text: 'dinner', redeemable: false, reason: 'tier_not_eligible' }),
    {
      id: 'own',
      name: text.pay,
      description: null,
      type: 'amount_off',
      cost_per: perPoints,
      image_url: null,
      redeemable: true,
    },
  ];
  const ways = [
    { rule: 'every-50', title: text.every, description: null, points: 10, missing: '12.40', completed: false },
    {
      rule: 'review',
      title: text.review,
      description: null,
      points: 25,
      completed: false,
      action_url: 'https://shop.example/reviews',
    },
    {
      rule: 'news',
      title: text.news,
      description: text.newsBy,
      points: 50,
      completed: true,
      completed_at: '2026-03-03T09:00:00Z',
    },
  ];
  const points = (available, values = {}) => ({
    available,
    pending: 0,
    reserved: 0,
    debt: 0,
    qualifying: 480,
    expiring: [],
    lifetime_earned: 600,
    lifetime_redeemed: 280,
    ...values,
  });
  const tier = {
    id: 'silver',
    name: 'Silver',
    since: '2025-05-10',
    until: '2026-12-31',
    icon_url: null,
    benefits: text.benefit,
    next: { id: 'gold', name: 'Gold', missing: 520 },
    keep: { missing: 20, by: '2026-12-31' },
  };
  const coupons = [
    couponOf('ADA7K2M9QXT', { name: text.off }),
    couponOf('ADA-SHIP-9QX2', { name: text.ship, reward: 'ship', status: 'applied', cost: 0, expires_at: null }),
  ];
  const member = {
    state: 'member',
    prompt: null,
    program,
    points: points(320, {
      pending: 30,
      expiring: [
        { on: '2026-12-31', points: 50 },
        { on: '2027-03-31', points: 120 },
      ],
    }),
    tier,
    best_reward: rewards[0],
    next_reward: { ...rewards[2], missing: 180, progress: 0.64 },
    progress: 0.64,
    rewards,
    coupons: { available: 1, items: coupons },
    referral: { code: 'ADA4K7Q', url: 'https://loyalty.example/r/demo/ADA4K7Q', clicks: 12, qualified: 2 },
    ways_to_earn: ways,
  };
  const plain = rewards.map(({ reason, ...rest }) => ({ ...rest, redeemable: false }));
  const general = {
    ...member,
    points: null,
    tier: null,
    best_reward: null,
    next_reward: null,
    progress: null,
    coupons: null,
    referral: null,
    rewards: plain,
    ways_to_earn: ways.map(({ completed_at, missing, ...rest }) => ({ ...rest, completed: false })),
  };
  const poor = rewards.map((one) => ({ ...one, redeemable: false, reason: one.reason ?? 'insufficient_points' }));
  const long = 'Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen mit Rabatt für treue Kundinnen und Kunden';
  const states = {
    anonymous: () => ({ ...general, state: 'anonymous', prompt: 'sign_in' }),
    excluded: () => ({
      ...general,
      state: 'excluded',
      prompt: null,
      rewards: [],
      ways_to_earn: [],
      coupons: { available: 1, items: [coupons[0]] },
    }),
    visitor: () => ({
      ...general,
      state: 'visitor',
      prompt: 'join',
      points: points(40, { lifetime_earned: 0 }),
      coupons: { available: 0, items: [] },
    }),
    zero: () => ({
      ...member,
      prompt: 'start_earning',
      points: points(0, { qualifying: 0, lifetime_earned: 0, lifetime_redeemed: 0 }),
      best_reward: null,
      next_reward: { ...poor[0], missing: 250, progress: 0 },
      progress: 0,
      rewards: poor,
      coupons: { available: 0, items: [] },
      tier: {
        ...tier,
        id: 'base',
        name: 'Base',
        until: null,
        benefits: [],
        keep: null,
        next: { id: 'silver', name: 'Silver', missing: 500 },
      },
    }),
    member: () => member,
    top: () => ({
      ...member,
      points: points(5200),
      next_reward: null,
      progress: 1,
      rewards: rewards.map(({ reason, ...one }) => ({ ...one, redeemable: true })),
      tier: { ...tier, id: 'gold', name: 'Gold', next: null, keep: null },
    }),
    debt: () => ({
      ...member,
      prompt: 'start_earning',
      points: points(0, { debt: 50 }),
      best_reward: null,
      next_reward: { ...poor[0], missing: 300, progress: 0 },
      progress: 0,
      rewards: poor,
    }),
    /** Earned and spent everything. */
    spent: () => ({
      ...member,
      prompt: 'start_earning',
      points: points(0, { lifetime_redeemed: 600 }),
      best_reward: null,
      next_reward: { ...poor[0], missing: 250, progress: 0 },
      progress: 0,
      rewards: poor,
    }),
    /** No reward is next, but a tier and the stock keep some back. */
    blocked: () => ({
      ...member,
      points: points(982),
      next_reward: null,
      progress: 1,
      rewards: rewards.map((one) =>
        one.reason === 'insufficient_points' ? { ...one, redeemable: true, reason: undefined } : one,
      ),
    }),
    long: () => ({
      ...member,
      program: { ...program, name: 'Fidelitätsgemeinschaft der Freundinnen und Freunde des guten Geschmacks' },
      points: points(1_234_567),
      best_reward: { ...rewards[0], name: long },
      rewards: [{ ...rewards[0], name: long, description: long }, ...rewards.slice(1)],
      tier: { ...tier, name: 'Außerordentliche Ehrenmitgliedschaft' },
      coupons: { available: 14, items: [couponOf('ABCDEFGHJKMNPQRSTVWXYZ2345678901', { name: long }), ...coupons] },
    }),
    rtl: () => ({
      ...member,
      program: { ...program, name: 'نادي عدا' },
      best_reward: { ...rewards[0], name: 'خصم 5 يورو' },
      rewards: [{ ...rewards[0], name: 'خصم 5 يورو' }, ...rewards.slice(1)],
      coupons: { available: 1, items: [couponOf('ADA7K2M9QXT', { name: 'خصم 5 يورو' })] },
    }),
    /** What a program with little to show has, and what an older stack leaves out. */
    sparse: () => ({
      ...member,
      program: { name: 'Club Ada', points_name: POINTS_NAMES[locale], locale },
      rewards: rewards.slice(0, 4),
      referral: null,
      ways_to_earn: ways.map(({ missing, completed_at, ...way }) => way),
    }),
  };
  return states[name]();
};

export const STATES = ['anonymous', 'excluded', 'visitor', 'zero', 'member', 'top', 'debt', 'long', 'rtl', 'sparse'];

export const entriesOf = (locale = 'en') => {
  const text = TEXTS[locale];
  const entry = (id, at, type, redeemable, source, explanation, values = {}) => ({
    id,
    at,
    type,
    points: { redeemable, qualifying: 0 },
    moved: { redeemable: Math.abs(redeemable), qualifying: 0 },
    balance: 320,
    source,
    explanation: explanation.map((line) => ({ text: line })),
    ...values,
  });
  return [
    entry('e4', '2026-03-01T10:15:00Z', 'earn', 30, { receipt: '0532-0007' }, text.because),
    entry('e3', '2026-02-20T10:15:00Z', 'redeem', -250, { coupon: 'ADA7K2M9QXT', reward: 'five-off' }, [text.got]),
    entry('e2', '2026-02-11T08:00:00Z', 'release', 0, { job: 'expiry' }, [], {
      moved: { redeemable: 40, qualifying: 0 },
    }),
    entry('e1', '2025-12-03T08:00:00Z', 'earn', 0, { receipt: '0531-0001' }, text.because.slice(1), {
      points: { redeemable: 0, qualifying: 12 },
    }),
  ];
};
