// The screens, for the tests that look at all of them, and for pictures.

export const SCREENS = [
  ['overview', ''],
  ['members', '/members'],
  ['member', '/members/15061'],
  ['member-details', '/members/15061/details'],
  ['member-receipts', '/members/15061/receipts'],
  ['member-coupons', '/members/15061/coupons'],
  ['why', '/why'],
  ['why-receipt', '/why/receipt/537618/15061'],
  ['rules', '/rules'],
  ['rule', '/rules/every-250'],
  ['templates', '/rules/new'],
  ['template', '/rules/new/birthday-gift'],
  ['rewards', '/rewards'],
  ['reward', '/rewards/five-off'],
  ['tiers', '/tiers'],
  ['tier', '/tiers/gold'],
  ['programme', '/programme'],
  ['keys', '/keys'],
  ['audit', '/audit'],
  ['nothing', '/nowhere'],
];
