// What the forms of rewards, tiers and the programme offer. `tests/console` compares it with the API's description.

import { budget, effect, filter, item, list, money, nullable, number, optional, scalar, text } from './shapes.js';
import { t } from './words.js';

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
  text('value', t('Value'), { ...nullable, help: t('Money, a percentage or a SKU, by what it is') }),
  {
    kind: 'shapes',
    name: 'price',
    label: t('What it costs'),
    options: [
      { id: 'fixed', label: t('a fixed number of points'), needs: ['cost'], initial: { cost: 250 }, fields: [number('cost', t('Cost in points'))] },
      {
        id: 'chosen',
        label: t('as many points as the shopper chooses'),
        needs: ['cost_per'],
        initial: { cost_per: { points: 100, value: '1.00', min: 100, max: 5000, step: 100 } },
        fields: [
          {
            kind: 'group',
            key: 'cost_per',
            label: t('Points and what they are worth'),
            help: t('Then the value above stays empty.'),
            fields: [
              number('points', t('Points')),
              money('value', t('are worth')),
              number('min', t('At least')),
              number('max', t('At most')),
              number('step', t('In steps of')),
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
export const programmeFields = (hasTiers) => [
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
  ...(hasTiers
    ? [
        {
          kind: 'group',
          key: 'tiers',
          label: t('Falling from a tier'),
          fields: [
            choice('downgrade', t('Who misses the points of a tier'), t('falls by one tier'), [
              ['one_down', t('falls by one tier')],
              ['full', t('falls to the tier that is reached')],
              ['none', t('stays')],
            ]),
            number('grace_days', t('Days of grace'), optional),
            ...['ladder', 'vip', 'window'].map((key) => ({ kind: 'anything', key })),
          ],
        },
      ]
    : []),
  budget(),
  {
    kind: 'group',
    key: 'publishing',
    plain: true,
    fields: [{ kind: 'toggle', key: 'two_person', label: t('Another person publishes each change'), help: t('Another person has to publish it, with a key that is not yours or made by yours.'), keepsFalse: true }],
  },
  {
    kind: 'group',
    key: 'storefront',
    label: t('Shop'),
    fields: [text('shop_url', t('Address of the shop'), nullable), list('allowed_origins', t('Pages that may show points'), { help: 'https://shop.example, https://www.shop.example' })],
  },
];

const effects = () => ({ kind: 'many', key: 'then', of: effect(), initial: { credit: { points: 100 } }, add: t('Add an effect'), keepsEmpty: true });

/** The referral programme. */
export const referralFields = () => [
  { kind: 'toggle', key: 'enabled', label: t('Friends can be referred'), keepsFalse: true },
  {
    kind: 'group',
    key: 'conversion',
    label: t('What a friend must do'),
    fields: [
      {
        kind: 'variant',
        name: 'conversion',
        label: t('A referral counts when the friend'),
        options: {
          receipt: {
            label: t('buys'),
            initial: { spend_at_least: '20.00', first_only: true },
            field: {
              kind: 'group',
              plain: true,
              fields: [
                {
                  kind: 'variant',
                  name: 'amount',
                  label: t('For how much'),
                  none: t('any amount'),
                  options: {
                    spend_at_least: { label: t('at least an amount'), initial: '20.00', field: scalar('money', t('Amount')) },
                    spend_over: { label: t('more than an amount'), initial: '20.00', field: scalar('money', t('Amount')) },
                  },
                },
                { kind: 'toggle', key: 'first_only', label: t('Only the first order'), keepsFalse: true },
                filter(),
              ],
            },
          },
          interaction: { label: t('does something else'), initial: 'profile_completed', field: scalar('text', t('Name of the interaction')) },
        },
      },
    ],
  },
  {
    kind: 'group',
    key: 'friend',
    label: t('The friend gets'),
    add: t('Give the friend something'),
    optional: true,
    initial: { on: 'qualified', then: [{ credit: { points: 100 } }] },
    fields: [
      choice('on', t('When'), undefined, [
        ['attributed', t('as soon as the code is named')],
        ['qualified', t('when the referral counts')],
      ]),
      effects(),
    ],
  },
  {
    kind: 'group',
    key: 'advocate',
    label: t('The member who refers gets'),
    add: t('Give the member something'),
    optional: true,
    initial: { mode: 'additive', milestones: [{ at: 1, then: [{ credit: { points: 100 } }] }] },
    fields: [
      choice('mode', t('Several milestones'), undefined, [
        ['additive', t('each one is given')],
        ['replace', t('the highest one is given')],
      ]),
      {
        kind: 'many',
        key: 'milestones',
        of: item(number('at', t('With how many friends')), effects()),
        initial: { at: 1, then: [{ credit: { points: 100 } }] },
        add: t('Add a milestone'),
      },
    ],
  },
  number('attribution_days', t('Days in which the friend must do it')),
  number('hold_days', t('Days until the rewards are given'), { help: t('Longer than returns take') }),
  number('remind_after_days', t('Remind the friend after days'), optional),
  {
    kind: 'group',
    key: 'advocates',
    label: t('Who can refer'),
    fields: [
      choice('who', t('Who'), undefined, [
        ['members', t('members')],
        ['anyone', t('also visitors')],
      ]),
      { kind: 'picks', of: 'allTiers', key: 'tiers', label: t('Only these tiers'), help: t('Without any: everybody') },
    ],
  },
  {
    kind: 'group',
    key: 'code',
    label: t('Codes'),
    fields: [
      number('length', t('Characters')),
      text('prefix', t('Begin with')),
      number('valid_days', t('Valid for days'), optional),
      number('starts_after_days', t('Valid after days')),
    ],
  },
  number('review_at_score', t('A person looks at it from this score')),
  {
    kind: 'group',
    key: 'checks',
    label: t('Points of the score'),
    fields: [
      number('same_ip', t('Same address on the internet')),
      number('ip_velocity', t('Many referrals from one address')),
      number('advocate_velocity', t('Many referrals of one member')),
    ],
  },
];
