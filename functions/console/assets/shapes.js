// What the forms of rules, rewards, tiers and the programme offer. `tests/console` compares it with the API's description.

import { t } from './words.js';

const item = (...fields) => ({ kind: 'group', plain: true, fields });
const text = (key, label, more) => ({ kind: 'text', key, label, optional: true, ...more });
const list = (key, label, more) => ({ kind: 'list', key, label, optional: true, ...more });
const money = (key, label, more) => ({ kind: 'money', key, label, ...more });
const number = (key, label, more) => ({ kind: 'number', key, label, ...more });
const scalar = (kind, label, more) => ({ kind, label, ...more });
const optional = { optional: true };
const nullable = { optional: true, nullable: true };

const kindOfPoints = (help) => ({
  kind: 'choice',
  key: 'kind',
  label: t('Kind of points'),
  default: t('to spend'),
  help,
  options: [
    ['redeemable', t('to spend')],
    ['qualifying', t('for the tier')],
    ['both', t('both')],
  ],
});

const lineFilter = () => ({
  kind: 'group',
  key: 'lines',
  label: t('Only these lines'),
  optional: true,
  fields: [
    list('categories', t('Categories')),
    list('categories_not', t('Not these categories')),
    list('brands', t('Brands')),
    list('brands_not', t('Not these brands')),
    list('products', t('Products')),
    list('skus', t('SKUs')),
    list('skus_not', t('Not these SKUs')),
    { kind: 'pairs', key: 'attributes', label: t('Attributes') },
  ],
});

const filter = () => ({
  kind: 'group',
  key: 'where',
  label: t('Only some receipts'),
  help: t('Everything that is filled in must hold. Values in one field are alternatives.'),
  optional: true,
  fields: [list('stores', t('Stores')), list('stores_not', t('Not these stores')), list('channels', t('Channels')), lineFilter()],
});

const thresholds = (unit, more = []) => ({
  kind: 'group',
  fields: [
    {
      kind: 'variant',
      name: 'how',
      label: t('How it is counted'),
      options: {
        every: { label: t('every … , over all receipts'), initial: unit.initial, field: scalar(unit.kind, unit.label) },
        ...(unit.perReceipt && {
          every_per_receipt: { label: t('every … within one receipt'), initial: unit.initial, field: scalar(unit.kind, unit.label) },
          per_receipt_at_least: { label: t('at least … on one receipt'), initial: unit.initial, field: scalar(unit.kind, unit.label) },
        }),
        total_at_least: { label: t('once, when … is reached'), initial: unit.initial, field: scalar(unit.kind, unit.label) },
      },
    },
    ...more,
  ],
});

const measure = () => ({
  kind: 'variant',
  name: 'measure',
  label: t('What is measured'),
  none: t('each receipt counts once'),
  options: {
    spend: {
      label: t('what is spent'),
      initial: { every: '50.00' },
      field: thresholds({ kind: 'money', label: t('Amount'), initial: '50.00', perReceipt: true }, [
        money('from', t('Only from'), optional),
        money('up_to', t('Only up to'), optional),
        {
          kind: 'choice',
          key: 'range',
          label: t('Outside of these bounds'),
          default: t('nothing counts'),
          options: [
            ['gate', t('nothing counts')],
            ['band', t('the part between them counts')],
          ],
        },
      ]),
    },
    receipts: {
      label: t('the number of receipts'),
      initial: { every: 3 },
      field: thresholds({ kind: 'number', label: t('Receipts'), initial: 3 }),
    },
    quantity: {
      label: t('the number of items'),
      initial: { every: 3 },
      field: thresholds({ kind: 'number', label: t('Items'), initial: 3, perReceipt: true }),
    },
  },
});

const within = () => ({
  kind: 'group',
  key: 'within',
  label: t('Within a period'),
  optional: true,
  initial: { days: 30 },
  fields: [
    {
      kind: 'shapes',
      name: 'window',
      label: t('Period'),
      options: [
        {
          id: 'days',
          label: t('a number of days'),
          needs: ['days'],
          initial: { days: 30 },
          fields: [
            number('days', t('Days')),
            { kind: 'choice', key: 'from', label: t('Counted from'), default: t('any day'), options: [['first_receipt', t('the first receipt')]], nullable: true },
          ],
        },
        {
          id: 'dates',
          label: t('between two days'),
          needs: ['starts_on', 'ends_on'],
          initial: { starts_on: '', ends_on: '' },
          fields: [
            { kind: 'time', dateOnly: true, key: 'starts_on', label: t('First day') },
            { kind: 'time', dateOnly: true, key: 'ends_on', label: t('Last day') },
          ],
        },
      ],
    },
  ],
});

const birthdaySpans = () => [
  ['day', t('on the day')],
  ['week', t('in the week')],
  ['month', t('in the month')],
];

const emails = (clicked) => ({
  kind: 'group',
  fields: [
    list('campaign_categories', t('Categories of campaigns')),
    list('devices', t('Devices')),
    ...(clicked ? [list('link_categories', t('Categories of links'))] : []),
  ],
});

const profileTest = () => ({ kind: 'group', fields: [text('attribute', t('Attribute'), { optional: false }), list('in', t('Values'), { optional: false })] });

const trigger = () => ({
  kind: 'group',
  key: 'on',
  plain: true,
  fields: [
    {
      kind: 'variant',
      name: 'trigger',
      label: t('It starts with'),
      options: {
        receipt: { label: t('a purchase'), initial: {}, blank: {}, field: { kind: 'group', plain: true, fields: [measure(), filter(), within()] } },
        interaction: {
          label: t('an interaction'),
          initial: { name: '' },
          field: {
            kind: 'group',
            fields: [
              text('name', t('Name of the interaction'), { optional: false, help: t('As the shop sends it, such as review_written') }),
              { kind: 'group', key: 'where', label: t('Only with properties'), optional: true, nullable: true, initial: { properties: {} }, fields: [{ kind: 'pairs', key: 'properties', label: t('Properties') }] },
            ],
          },
        },
        enrollment: { label: t('joining the programme'), initial: {}, field: { kind: 'group', fields: [] } },
        birthday: {
          label: t('a birthday'),
          initial: {},
          field: {
            kind: 'group',
            fields: [
              { kind: 'choice', key: 'at', label: t('When'), default: t('on the day'), options: birthdaySpans() },
              number('days_before', t('Days before'), nullable),
            ],
          },
        },
        inactivity: { label: t('a time without purchases'), initial: { days: 180 }, field: { kind: 'group', fields: [number('days', t('Days'))] } },
        tier_change: {
          label: t('a change of tier'),
          initial: { direction: 'upgrade' },
          field: {
            kind: 'group',
            fields: [
              {
                kind: 'choice',
                key: 'direction',
                label: t('Direction'),
                default: t('any'),
                nullable: true,
                options: [
                  ['upgrade', t('up')],
                  ['downgrade', t('down')],
                  ['vip', t('to VIP')],
                ],
              },
              { kind: 'picks', of: 'allTiers', key: 'from', label: t('From') },
              { kind: 'picks', of: 'allTiers', key: 'to', label: t('To') },
            ],
          },
        },
        list_subscription: { label: t('a subscription to a list'), initial: { list: 'newsletter' }, field: { kind: 'group', fields: [text('list', t('List'), { optional: false })] } },
        profile: { label: t('a value in the profile'), initial: { attribute: '', in: [] }, field: profileTest() },
        email_opened: { label: t('an opened e-mail'), initial: {}, field: emails(false) },
        email_clicked: { label: t('a click in an e-mail'), initial: {}, field: emails(true) },
        referral: {
          label: t('a referral'),
          initial: { role: 'advocate' },
          field: {
            kind: 'group',
            fields: [
              {
                kind: 'choice',
                key: 'role',
                label: t('Who gets it'),
                options: [
                  ['advocate', t('who recommended')],
                  ['friend', t('the friend')],
                ],
              },
            ],
          },
        },
      },
    },
  ],
});

const nearness = (name, spans) => ({
  kind: 'group',
  fields: [
    {
      kind: 'variant',
      name,
      label: t('When'),
      options: {
        within: { label: t('within'), initial: 'day', field: scalar('choice', t('Span'), { options: spans }) },
        days_after: { label: t('for some days after'), initial: 7, field: scalar('number', t('Days')) },
      },
    },
  ],
});

const predicate = () =>
  item({
    kind: 'variant',
    name: 'condition',
    label: t('Condition'),
    options: {
      birthday: { label: t('the birthday is near'), initial: { within: 'week' }, field: nearness('birthday', birthdaySpans()) },
      enrolled: { label: t('they joined lately'), initial: { days_after: 5 }, field: nearness('enrolled', [['day', t('on the day')]]) },
      profile: { label: t('the profile has a value'), initial: { attribute: '', in: [] }, field: profileTest() },
      list: { label: t('they are on a list'), initial: '', blank: '', field: scalar('text', t('List')) },
      tag: { label: t('they have a tag'), initial: '', blank: '', field: scalar('text', t('Tag')) },
      referred: {
        label: t('they were referred'),
        initial: true,
        field: scalar('toggle', t('By another member'), { keepsFalse: true }),
      },
    },
  });

const pointsAmount = () => ({
  kind: 'group',
  fields: [
    {
      kind: 'variant',
      name: 'amount',
      label: t('How many'),
      options: {
        points: { label: t('a fixed number, each time'), initial: 10, field: scalar('number', t('Points')) },
        per_unit: { label: t('in proportion to what is paid'), initial: '1', field: scalar('money', t('Points for each unit of currency'), { placeholder: '1' }) },
      },
    },
    kindOfPoints(),
  ],
});

const effect = () =>
  item({
    kind: 'variant',
    name: 'effect',
    label: t('Effect'),
    options: {
      credit: { label: t('give points'), initial: { points: 10 }, field: pointsAmount() },
      debit: { label: t('take points'), initial: { points: 10 }, field: pointsAmount() },
      multiply: {
        label: t('multiply points'),
        initial: { factor: '2' },
        field: {
          kind: 'group',
          fields: [
            money('factor', t('Factor'), { placeholder: '2' }),
            kindOfPoints(),
            {
              kind: 'choice',
              key: 'scope',
              label: t('Of what'),
              default: t('the whole receipt'),
              options: [
                ['receipt', t('the whole receipt')],
                ['lines', t('only the filtered lines')],
              ],
            },
            { kind: 'picks', of: 'rules', key: 'rules', label: t('Of these rules'), help: t('Without any: of every other rule') },
          ],
        },
      },
      reward: { label: t('give a reward'), initial: '', field: scalar('pick', t('Reward'), { of: 'rewards' }) },
      vip: { label: t('move to a VIP tier'), initial: '', field: scalar('pick', t('Tier'), { of: 'vip' }) },
      reset: { label: t('empty the balance'), initial: {}, blank: {}, field: { kind: 'group', fields: [kindOfPoints()] } },
    },
  });

const periods = () => [
  ['day', t('a day')],
  ['week', t('a week')],
  ['month', t('a month')],
  ['year', t('a year')],
  ['lifetime', t('ever')],
];

const limit = () =>
  item(
    {
      kind: 'variant',
      name: 'bound',
      label: t('At most'),
      options: {
        times: { label: t('a number of times'), initial: 1, field: scalar('number', t('Times')) },
        points: { label: t('a number of points'), initial: 100, field: scalar('number', t('Points')) },
      },
    },
    { kind: 'choice', key: 'per', label: t('In'), options: periods() },
    number('every', t('Of how many such periods'), nullable),
    { kind: 'toggle', key: 'rolling', label: t('Counted back from each moment'), keepsFalse: true },
  );

/** A rule, in three sections and what surrounds them. */
export const ruleSections = (isNew) => ({
  basics: [
    text('name', t('Name'), { help: t('What you and your colleagues call it') }),
    text('id', t('Id'), { optional: false, fixed: !isNew, help: isNew ? t('Small letters, digits and hyphens; it cannot be changed later') : undefined }),
    {
      kind: 'choice',
      key: 'status',
      label: t('Status'),
      default: t('active'),
      options: [
        ['active', t('active')],
        ['draft', t('draft')],
        ['paused', t('paused')],
        ['archived', t('archived')],
      ],
    },
    { kind: 'time', key: 'starts_at', label: t('From') },
    { kind: 'time', key: 'ends_at', label: t('Until'), ...nullable },
  ],
  when: [trigger()],
  conditions: [
    { kind: 'many', key: 'if', of: predicate(), initial: { birthday: { within: 'week' } }, add: t('Add a condition') },
    { kind: 'picks', of: 'tiers', key: 'tiers', label: t('Only these tiers'), help: t('Without any: everybody') },
    { kind: 'limits', key: 'limit', label: t('Limits'), of: limit(), initial: { times: 1, per: 'day' }, add: t('Add a limit') },
  ],
  then: [{ kind: 'many', key: 'then', of: effect(), initial: { credit: { points: 10 } }, add: t('Add an effect'), keepsEmpty: true }],
  storefront: [
    {
      kind: 'group',
      key: 'storefront',
      label: t('Shown to shoppers'),
      help: t('As a way to earn, in the shop'),
      add: t('Show it to shoppers'),
      optional: true,
      nullable: true,
      initial: { visible: true },
      fields: [
        { kind: 'toggle', key: 'visible', label: t('Visible'), keepsFalse: true },
        { kind: 'words', key: 'title', label: t('Title'), ...nullable },
        { kind: 'words', key: 'description', label: t('Description'), ...nullable },
        text('icon_url', t('Address of an icon'), nullable),
        text('action_url', t('Address to go to'), nullable),
      ],
    },
  ],
});
export const ruleFields = (isNew) => Object.values(ruleSections(isNew)).flat();

const needsValue = { ...nullable };
export const rewardFields = (isNew) => [
  { kind: 'words', key: 'name', label: t('Name') },
  text('id', t('Id'), { optional: false, fixed: !isNew, help: isNew ? t('Small letters, digits and hyphens; it cannot be changed later') : undefined }),
  {
    kind: 'choice',
    key: 'type',
    label: t('What it is'),
    options: [
      ['amount_off', t('an amount off')],
      ['percent_off', t('a percentage off')],
      ['free_shipping', t('free delivery')],
      ['free_product', t('a free product')],
      ['gift_card', t('a gift card')],
      ['custom', t('something else')],
    ],
  },
  text('value', t('Value'), { ...needsValue, help: t('Money, a percentage or a SKU, by what it is') }),
  {
    kind: 'shapes',
    name: 'cost',
    label: t('What it costs'),
    options: [
      { id: 'fixed', label: t('a fixed number of points'), needs: ['cost'], initial: { cost: 250 }, fields: [number('cost', t('Cost in points'))] },
      {
        id: 'chosen',
        label: t('as many points as the shopper chooses'),
        needs: ['cost_per'],
        initial: { cost_per: { points: 100, value: '1.00', min: 100, step: 100 } },
        fields: [
          {
            kind: 'group',
            key: 'cost_per',
            label: t('Points and what they are worth'),
            help: t('Then the value above stays empty.'),
            fields: [
              number('points', t('Points')),
              money('value', t('are worth')),
              number('min', t('At least'), nullable),
              number('max', t('At most'), nullable),
              number('step', t('In steps of'), nullable),
            ],
          },
        ],
      },
    ],
  },
  {
    kind: 'group',
    key: 'code',
    label: t('Codes'),
    fields: [
      {
        kind: 'variant',
        name: 'code',
        label: t('Where codes come from'),
        options: {
          pattern: { label: t('made by Tessera'), initial: 'GIFT-########', field: scalar('text', t('Pattern'), { help: t('Each # becomes a letter or a digit') }) },
          pool: { label: t('a list that I upload'), initial: true, field: scalar('toggle', t('From the list'), { keepsFalse: true }) },
          provider: {
            label: t('made in the shop'),
            initial: 'shopify',
            field: scalar('choice', t('Shop'), {
              options: [
                ['shopify', 'Shopify'],
                ['woocommerce', 'WooCommerce'],
              ],
            }),
          },
        },
      },
    ],
  },
  { kind: 'words', key: 'description', label: t('Description'), ...nullable },
  money('minimum_spend', t('Minimum spend'), nullable),
  money('max_discount', t('At most taken off'), nullable),
  {
    kind: 'group',
    key: 'combines_with',
    label: t('May be combined with discounts on'),
    add: t('Let it combine with other discounts'),
    optional: true,
    nullable: true,
    fields: [
      { kind: 'toggle', key: 'order', label: t('the order') },
      { kind: 'toggle', key: 'product', label: t('products') },
      { kind: 'toggle', key: 'shipping', label: t('delivery') },
    ],
  },
  list('skus', t('Only these SKUs')),
  number('stock', t('How many there are, ever'), nullable),
  number('low_stock', t('Warn when so many are left'), nullable),
  number('per_member_limit', t('At most for each member'), nullable),
  number('valid_days', t('Valid for days'), nullable),
  number('rank', t('Rank'), { ...nullable, help: t('Lower ones come first') }),
  { kind: 'choice', key: 'bind', label: t('Who may use the code'), default: t('anyone who has it'), options: [['member', t('only its member')]], nullable: true },
  { kind: 'picks', of: 'allTiers', key: 'tiers', label: t('Only these tiers'), help: t('Without any: everybody') },
  { kind: 'time', key: 'starts_at', label: t('From'), ...nullable },
  { kind: 'time', key: 'ends_at', label: t('Until'), ...nullable },
  text('image_url', t('Address of a picture'), nullable),
];

export const tierFields = (isNew, isVip) => [
  { kind: 'words', key: 'name', label: t('Name') },
  text('id', t('Id'), { optional: false, fixed: !isNew, help: isNew ? t('Small letters, digits and hyphens; it cannot be changed later') : undefined }),
  ...(isVip ? [] : [number('threshold', t('Qualifying points that it takes'))]),
  text('icon_url', t('Address of an icon'), nullable),
  { kind: 'wordlist', key: 'benefits', label: t('Benefits') },
];

const choice = (key, label, fallback, options, more) => ({ kind: 'choice', key, label, default: fallback, options, ...more });

/** The programme without its parts, which have screens of their own. */
export const programmeFields = () => [
  text('name', t('Name'), { optional: false }),
  text('currency', t('Currency'), { optional: false, help: t('Three letters, such as EUR') }),
  text('timezone', t('Time zone'), { optional: false, help: t('Such as Europe/Rome') }),
  text('locale', t('Language of texts'), { help: t('Such as it or en') }),
  {
    kind: 'group',
    key: 'points',
    label: t('Points'),
    fields: [
      number('hold_days', t('Days until points can be spent'), optional),
      money('point_value', t('What a point is worth'), { ...nullable, placeholder: '0.01', help: t('For the liability, in your currency') }),
      {
        kind: 'group',
        key: 'expiry',
        label: t('Expiry'),
        add: t('Let points expire'),
        optional: true,
        nullable: true,
        initial: { after_months: 12 },
        fields: [
          {
            kind: 'variant',
            name: 'expiry',
            label: t('Points expire'),
            options: {
              after_months: { label: t('months after they were earned'), initial: 12, field: scalar('number', t('Months')) },
              inactive_months: { label: t('months after the last activity'), initial: 12, field: scalar('number', t('Months')) },
              end_of_year: { label: t('at the end of the year'), initial: true, field: scalar('toggle', t('On 31 December'), { keepsFalse: true }) },
            },
          },
        ],
      },
      choice('rounding', t('Rounding'), t('down'), [
        ['floor', t('down')],
        ['half_up', t('to the nearest')],
        ['ceil', t('up')],
      ]),
      choice('multiplier_stacking', t('Several multipliers at once'), t('the highest counts'), [
        ['max', t('the highest counts')],
        ['additive', t('they add up')],
        ['product', t('they multiply')],
      ]),
      choice('negative_balance', t('When returned goods gave points that are spent'), t('the member owes them'), [
        ['allow', t('the member owes them')],
        ['write_off', t('they are forgiven')],
      ]),
      choice('returned_redemption', t('Points spent on returned goods'), t('come back in proportion'), [
        ['prorata', t('come back in proportion')],
        ['full_only', t('come back with the whole order')],
        ['none', t('do not come back')],
      ]),
    ],
  },
];
