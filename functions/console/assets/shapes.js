// What the form of rules offers, and the fields that other forms are made of too. `tests/console` compares it with the API's
// description.

import { t } from './words.js';

export const item = (...fields) => ({ kind: 'group', plain: true, fields });
export const text = (key, label, more) => ({ kind: 'text', key, label, optional: true, ...more });
export const list = (key, label, more) => ({ kind: 'list', key, label, optional: true, ...more });
export const money = (key, label, more) => ({ kind: 'money', key, label, ...more });
export const number = (key, label, more) => ({ kind: 'number', key, label, ...more });
export const scalar = (kind, label, more) => ({ kind, label, ...more });
export const optional = { optional: true };
export const nullable = { optional: true, nullable: true };

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

export const filter = () => ({
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

const hold = () => ({
  kind: 'group',
  key: 'hold',
  label: t('Wait for an event of the receipt'),
  help: t('Until then the points are pending. The event is an interaction whose property “receipt” names the receipt.'),
  optional: true,
  nullable: true,
  initial: { until: { interaction: 'delivered' }, at_most_days: 30, otherwise: 'cancel' },
  fields: [
    { kind: 'group', key: 'until', plain: true, fields: [text('interaction', t('Name of the interaction'), { optional: false })] },
    number('at_most_days', t('For at most so many days')),
    {
      kind: 'choice',
      key: 'otherwise',
      label: t('When it does not come'),
      options: [
        ['cancel', t('the points are cancelled')],
        ['release', t('the points are released')],
      ],
    },
  ],
});

const pointsAmount = (more = []) => ({
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
    ...more,
  ],
});

export const effect = () =>
  item({
    kind: 'variant',
    name: 'effect',
    label: t('Effect'),
    options: {
      credit: { label: t('give points'), initial: { points: 10 }, field: pointsAmount([hold()]) },
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

/** A bound on what all members together get. */
export const budget = () => ({
  kind: 'group',
  key: 'budget',
  label: t('Budget'),
  help: t('Points to spend, for all members together. When it is used up, nothing more is given.'),
  add: t('Set a budget'),
  optional: true,
  nullable: true,
  initial: { points: 10000, per: 'month' },
  fields: [number('points', t('Points')), { kind: 'choice', key: 'per', label: t('In'), options: periods() }],
});

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
    budget(),
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
