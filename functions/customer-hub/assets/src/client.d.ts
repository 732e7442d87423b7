/** The storefront's client: plain requests with retries, no page and no state. See docs/storefront.md. */

export interface ClientOptions {
  /** The stack's origin, `https://loyalty.example.com`. */
  api: string;
  /** The program's id; needed where there is no token. */
  program?: string | null;
  /** A member token, or a function that returns one. After a 401 it is called with `refresh: true`. */
  token?: string | null | ((need: { refresh: boolean }) => string | null | Promise<string | null>);
  /** BCP 47 tag of the texts. Absent: the member's, then the browser's, then the program's. */
  locale?: string | null;
  /** Replaces `fetch`, for tests and for servers. */
  fetch?: typeof fetch;
}

export interface RequestOptions {
  signal?: AbortSignal;
}

export interface ActionOptions extends RequestOptions {
  /** The `Idempotency-Key`. Send the same key again when a response did not arrive: the action counts once. */
  key?: string;
}

/** The storefront as its shopper sees it. Fields may be added. */
export interface Hub {
  state: 'anonymous' | 'excluded' | 'visitor' | 'member';
  prompt: 'sign_in' | 'join' | 'start_earning' | null;
  program: {
    name: string;
    /** What points are called, by plural category of `Intl.PluralRules`. */
    points_name: PluralForms;
    locale?: string;
    currency?: string;
    theme?: { accent?: string | null; logo_url?: string | null };
  };
  points: Points | null;
  tier: Tier | null;
  best_reward: Reward | null;
  next_reward: (Reward & { missing: number; progress: number }) | null;
  rewards: Reward[];
  coupons: { available: number; items: Coupon[] } | null;
  referral: Referral | null;
  ways_to_earn: WayToEarn[];
}

export type PluralForms = Partial<Record<Intl.LDMLPluralRule, string>>;

export interface Points {
  available: number;
  pending: number;
  reserved: number;
  debt: number;
  qualifying: number;
  /** The last day on which points can be spent, soonest first. */
  expiring: { on: string; points: number }[];
  lifetime_earned: number;
  lifetime_redeemed: number;
}

export interface Tier {
  id: string;
  name: string;
  since: string;
  until: string | null;
  icon_url: string | null;
  benefits: string[];
  next?: { id: string; name?: string; missing: number } | null;
  keep?: { missing: number; by: string } | null;
}

export type RewardType = 'amount_off' | 'percent_off' | 'free_shipping' | 'free_product' | 'gift_card' | 'custom';

export type Reason = 'insufficient_points' | 'tier_not_eligible' | 'out_of_stock' | 'limit_reached' | 'not_available';

export interface Reward {
  id: string;
  name: string;
  description?: string | null;
  type: RewardType;
  value?: string | null;
  /** Absent where the shopper chooses how many points to spend. */
  cost?: number;
  cost_per?: { points: number; value: string; min: number; max: number; step: number };
  image_url: string | null;
  redeemable: boolean;
  reason?: Reason;
}

export type CouponStatus = 'reserved' | 'available' | 'applied' | 'used' | 'expired' | 'cancelled' | 'lapsed';

export interface Coupon {
  code: string;
  reward: string;
  name?: string | null;
  status: CouponStatus;
  /** In points; 0 for a coupon that a rule gave. */
  cost: number;
  member: string;
  discount: {
    type: RewardType;
    amount?: string | null;
    percent?: string | null;
    skus?: string[] | null;
    minimum_spend?: string | null;
    max_discount?: string | null;
    currency: string;
  };
  issued_at: string;
  expires_at: string | null;
}

export interface Referral {
  code: string;
  url: string;
  clicks: number;
  qualified: number;
}

export interface WayToEarn {
  rule: string;
  title: string;
  description?: string | null;
  icon_url?: string | null;
  action_url?: string | null;
  points?: number;
  /** What is missing to the next points: money as a decimal string, or a count. */
  missing?: string | number;
  completed: boolean;
  completed_at?: string;
}

export interface Entry {
  id: string;
  at: string;
  type: string;
  points: { redeemable: number; qualifying: number };
  balance: number;
  source: Record<string, string>;
  /** Why, a sentence for each rule. */
  explanation: { rule?: string; text: string }[];
}

/** What a member token may say of its owner at enrolment. */
export interface Profile {
  first_name?: string;
  last_name?: string;
  birth_date?: string;
  locale?: string;
  lists?: string[];
  consent?: Record<string, boolean | string>;
  referral_code?: string;
  click?: string;
}

export interface Client {
  /** The storefront view; without a token, that of the program in general. */
  hub(options?: RequestOptions): Promise<Hub>;
  /** The ledger of the token's member, newest first. */
  entries(
    options?: RequestOptions & { cursor?: string | null; limit?: number },
  ): Promise<{ items: Entry[]; next_cursor: string | null }>;
  /** The SVG of a coupon's code. */
  image(code: string, options?: RequestOptions & { format?: 'qr' | 'code128' }): Promise<string>;
  join(profile?: Profile, options?: ActionOptions): Promise<Record<string, unknown>>;
  /** Buys a reward; `points` where the reward has `cost_per`. */
  redeem(reward: string, options?: ActionOptions & { points?: number }): Promise<Coupon>;
  /** Marks a coupon as being in a cart. */
  apply(code: string, options?: ActionOptions): Promise<Coupon>;
  release(code: string, options?: ActionOptions): Promise<Coupon>;
  /** Gives the points of an unused coupon back. */
  cancel(code: string, options?: ActionOptions): Promise<Coupon>;
  /** Counts that the referral link was shared. */
  share(channel: string, options?: ActionOptions): Promise<unknown>;
}

export function createClient(options: ClientOptions): Client;

/** The member whom a token names, unverified; null where it is no token. */
export function subject(token: string): string | null;

/** A new `Idempotency-Key`. */
export function newKey(): string;

export class TesseraError extends Error {
  /** The problem's last part (`insufficient_points`), or `offline`, `network`, `timeout`, `malformed`. */
  readonly slug: string;
  /** The HTTP status; 0 where no response came. */
  readonly status: number;
  readonly detail: string;
  /** Seconds after which to try again, where the stack says so. */
  readonly retryAfter: number | null;
  readonly errors: { pointer: string; detail: string }[];
}
