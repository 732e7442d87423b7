// What the search field finds: members, a receipt, a coupon. A single find opens at once.

import { html, useEffect } from '../vendor/preact.js';
import { address, get, navigate, remembered, useLoad } from '../core.js';
import { Chip, Empty, Failed, Link, Loading } from '../ui.js';
import { points, t } from '../words.js';
import { nameOf, whom } from './people.js';

/** The result, or null where there is none. */
const maybe = async (request) => {
  try {
    return await request;
  } catch (error) {
    if (error.status === 404 || error.status === 400 || error.status === 403) return null;
    throw error;
  }
};

const find = async (query, signal) => {
  const path = encodeURIComponent;
  const [listed, found, receipt, coupon] = await Promise.all([
    maybe(get(`/v1/members?query=${path(query)}&limit=10`, signal)),
    maybe(whom(query, signal)),
    maybe(get(`/v1/receipts/${path(query)}`, signal)),
    /^[\w-]{4,}$/.test(query) ? maybe(get(`/v1/coupons/${path(query)}`, signal)) : null,
  ]);
  const members = [...(listed?.items ?? []), found?.[0]].filter(Boolean);
  const unique = [...new Map(members.map((one) => [one.inner_id, one])).values()];
  return [
    ...unique.map((one) => ({ to: address('members', one.inner_id), kind: t('Member'), name: nameOf(one), more: [one.id, one.points && points(one.points.available), one.matched === 'contact_data' && t('found by contact data')] })),
    receipt && { to: address('why', 'receipt', receipt.id), kind: t('Receipt'), name: receipt.id, more: [receipt.decision && points(receipt.decision.points.redeemable)] },
    coupon && { to: address('members', coupon.member, 'coupons'), kind: t('Coupon'), name: coupon.code, more: [coupon.name ?? coupon.reward, coupon.status] },
  ].filter(Boolean);
};

export default () => {
  const query = remembered();
  const { data: found, error, reload } = useLoad((signal) => (query ? find(query, signal) : Promise.resolve([])), [query]);
  useEffect(() => {
    if (found?.length === 1) navigate(found[0].to, { replace: true });
  }, [found]);
  return html`
    <h1>${query ? t('Found for “{query}”', { query }) : t('Search')}</h1>
    ${error && html`<${Failed} error=${error} retry=${reload} />`} ${!found && !error && html`<${Loading} lines="3" />`}
    ${found?.length === 0 && html`<${Empty} title=${t('Nothing found')}>${t('Try the whole customer id, e-mail, card, order number or coupon code.')}<//>`}
    ${found?.length > 1 &&
    html`
      <ul class="ledger card">
        ${found.map(({ to, kind, name, more }) => html`<li key=${to}><span><${Chip} tone="off">${kind}<//></span><div><${Link} to=${to}>${name}<//><p class="why">${more.filter(Boolean).join(' · ')}</p></div></li>`)}
      </ul>
    `}
  `;
};
