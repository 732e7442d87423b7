// Notices in words: what the stack tells the people who run a programme.

import { day, t } from './words.js';

/**
 * The kinds of notices, each with its name, the sentence of one, and the screen of what it is about: the scope that the
 * screen needs, and its address. `nameOf` names rules and rewards.
 */
export const noticeKinds = () => ({
  data_request: {
    name: t('Requests for data'),
    says: ({ member, connection }) => t('{member} asked {connection} for the data held on them', { member, connection }),
    leads: ({ member }) => ['members:read', 'members', member],
  },
  shop_left: {
    name: t('Shops that left'),
    says: ({ connection }) => t('{connection} has left: the connection is disabled, and its credentials are deleted', { connection }),
    leads: ({ connection }) => ['admin', 'connections', connection],
  },
  webhook_disabled: {
    name: t('Disabled webhooks'),
    says: ({ endpoint, reason }) => t('The webhook {endpoint} is disabled: {reason}', { endpoint, reason }),
    leads: ({ endpoint }) => ['admin', 'connections', 'webhooks', endpoint],
  },
  low_stock: {
    name: t('Low stock'),
    says: ({ reward, left }, nameOf) => t('{name}: {n} left', { name: nameOf('rewards', reward), n: left }),
    leads: ({ reward }) => ['admin', 'rewards', reward],
  },
  budget: {
    name: t('Budgets that are used up'),
    says: ({ rule, points }, nameOf) => t('{name}: the budget of {n} points is used up', { name: rule ? nameOf('rules', rule) : t('Whole programme'), n: points }),
    leads: ({ rule }) => (rule ? ['admin', 'rules', rule] : ['admin', 'programme']),
  },
  points_expiring: {
    name: t('Points that expire soon'),
    says: ({ member, points, on }) => t('{member}: {n} points expire on {day}', { member, n: points, day: day(on) }),
    leads: ({ member }) => ['members:read', 'members', member],
  },
  coupon_expiring: {
    name: t('Coupons that expire soon'),
    says: ({ member, reward, on }, nameOf) => t('{member}: {name} expires on {day}', { member, name: nameOf('rewards', reward), day: day(on) }),
    leads: ({ member }) => ['members:read', 'members', member, 'coupons'],
  },
});
