import {
  createClient,
  newKey,
  TesseraError,
  type Coupon,
  type Hub,
} from '../../../functions/customer-hub/assets/src/client.js';

const client = createClient({
  api: 'https://loyalty.example',
  program: 'demo',
  token: async ({ refresh }) => (refresh ? null : 'token'),
});

export const best = async (signal: AbortSignal): Promise<string | null> => {
  const hub: Hub = await client.hub({ signal });
  if (hub.state !== 'member' || !hub.best_reward) return null;
  const key = newKey();
  try {
    const coupon: Coupon = await client.redeem(hub.best_reward.id, { key, points: hub.best_reward.cost_per?.min });
    await client.apply(coupon.code, { signal });
    return coupon.discount.amount ?? coupon.code;
  } catch (error) {
    if (error instanceof TesseraError && error.slug === 'insufficient_points') return null;
    throw error;
  }
};

export const rest = async (): Promise<number> => {
  await client.join({ first_name: 'Ada', consent: { letters: true } });
  await client.share('copy');
  await client.release('A');
  await client.cancel('A', { key: 'k' });
  const { items, next_cursor: cursor } = await client.entries({ limit: 10 });
  await client.entries({ cursor });
  return items[0]?.points.redeemable ?? (await client.image('A', { format: 'code128' })).length;
};
