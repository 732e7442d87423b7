// WooCommerce: the Store API of the shop's own origin. Tested against a stand-in of its documented behaviour; never run
// against the vendor.

/** The shop said no; `reason` is its own text, for the shopper. */
const refused = (reason) => Object.assign(new Error('refused'), { reason: reason ?? '' });

/** The shop's message without its HTML: tags go, the usual entities become their characters. */
const plain = (text) =>
  String(text ?? '')
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(code))
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&');

export const createCart = ({ shop = globalThis } = {}) => {
  // A nonce comes with every response; writes need one. The cart is the one of the page's cookie.
  let nonce = null;

  const base = () => {
    const link = shop.document?.querySelector('link[rel="https://api.w.org/"]')?.href;
    return `${(link ?? new URL('/wp-json', shop.location.origin).href).replace(/\/$/, '')}/wc/store/v1`;
  };

  const send = async (path, signal, body) => {
    const response = await shop.fetch(base() + path, {
      signal,
      credentials: 'same-origin',
      method: body ? 'POST' : 'GET',
      headers: {
        ...(body && { 'Content-Type': 'application/json' }),
        ...(nonce && { Nonce: nonce }),
      },
      body: body && JSON.stringify(body),
    });
    nonce = response.headers.get('Nonce') ?? nonce;
    return [response.status, await response.json().catch(() => ({}))];
  };

  const read = async (signal) => {
    const [, cart] = await send('/cart', signal);
    return (cart.coupons ?? []).map((coupon) => coupon.code);
  };

  const write = async (path, code, signal) => {
    for (let isFirst = true; ; isFirst = false) {
      if (!nonce) await read(signal);
      const [status, body] = await send(path, signal, { code });
      if (status < 400) break;
      if (!isFirst || !/nonce/.test(body.code)) throw refused(plain(body.message));
      nonce = null; // The page was open for longer than its nonce lives.
    }
    // The shop's cart and checkout blocks read the cart again.
    shop.document?.body.dispatchEvent(
      new CustomEvent('wc-blocks_added_to_cart', { bubbles: true, detail: { preserveCartData: false } }),
    );
  };

  return {
    codes: read,
    add: (code, { signal }) => write('/cart/apply-coupon', code, signal),
    remove: async (code, { signal }) => {
      const held = await read(signal);
      // WooCommerce stores codes in lower case.
      const found = held.find((one) => one.toLowerCase() === code.toLowerCase());
      if (found) await write('/cart/remove-coupon', found, signal);
    },
    /** The buyer took a code out in the shop's own form: classic pages tell by jQuery, blocks by their store. */
    watch: (changed, signal) => {
      const body = shop.jQuery?.(shop.document.body);
      const events = 'removed_coupon removed_coupon_in_checkout';
      const store = shop.wp?.data;
      const codes = () => store?.select('wc/store/cart')?.getCartData().coupons.map((coupon) => coupon.code).join();
      let held = codes();
      const stop = store?.subscribe(() => held !== (held = codes()) && changed());
      body?.on(events, changed);
      signal.addEventListener('abort', () => (body?.off(events, changed), stop?.()));
    },
  };
};
