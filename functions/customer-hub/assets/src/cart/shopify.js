// Shopify: standard actions where the storefront has them (since 2026-05), else the Ajax API, else the discount link.
// Tested against stand-ins of their documented behaviour; never run against the vendor.

/** The shop said no; `reason` is its own text, for the shopper. */
const refused = (reason) => Object.assign(new Error('refused'), { reason: reason ?? '' });

const same = (a, b) => a.toLowerCase() === b.toLowerCase();

export const createCart = ({ shop = globalThis } = {}) => {
  const root = () => shop.Shopify?.routes?.root ?? '/';
  const actions = () => (typeof shop.Shopify?.actions?.updateCart === 'function' ? shop.Shopify.actions : null);

  const ajax = async (path, signal, body) => {
    const response = await shop.fetch(root() + path, {
      signal,
      credentials: 'same-origin',
      method: body ? 'POST' : 'GET',
      headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const cart = await response.json().catch(() => ({}));
    if (!response.ok) throw refused(cart.description ?? cart.message ?? '');
    return cart;
  };

  /** All codes of the cart, `[{ code, applicable }]`; null where this shop does not tell. */
  const read = async (signal) => {
    if (actions()) return (await actions().getCart()).cart?.discountCodes ?? [];
    return (await ajax('cart.js', signal)).discount_codes ?? null;
  };

  /** A write takes the full set of codes, so whoever writes has read before. */
  const write = async (codes, signal) => {
    if (actions()) {
      const { cart, userErrors = [] } = await actions().updateCart({ discountCodes: codes });
      if (userErrors.length) throw refused(userErrors.map((error) => error.message).join(' '));
      return cart?.discountCodes ?? [];
    }
    return (await ajax('cart/update.js', signal, { discount: codes.join(',') })).discount_codes ?? null;
  };

  const others = (held, code) => held.map((one) => one.code).filter((one) => !same(one, code));

  return {
    codes: async (signal) => {
      const held = await read(signal);
      return held && held.filter((one) => one.applicable !== false).map((one) => one.code);
    },
    add: async (code, { signal }) => {
      const held = await read(signal);
      if (!held) {
        // The link sets the code for the checkout and says nothing about whether it is accepted.
        const response = await shop.fetch(`${root()}discount/${encodeURIComponent(code)}`, {
          signal,
          credentials: 'same-origin',
        });
        if (!response.ok) throw refused('');
        return;
      }
      const before = others(held, code);
      const after = (await write([...before, code], signal)) ?? [];
      const found = after.find((one) => same(one.code, code));
      if (found && found.applicable !== false) return;
      // A refused code stays in the set and would come back with the next item.
      await write(before, signal).catch(() => {});
      throw refused('');
    },
    remove: async (code, { signal }) => {
      const held = await read(signal);
      if (held) await write(others(held, code), signal);
    },
    /** The buyer changed the codes in the shop's own form. */
    watch: (changed, signal) =>
      shop.document?.addEventListener(
        'shopify:cart:discount-update',
        (event) => Promise.resolve(event.promise ?? event.detail?.promise).then(changed, () => {}),
        { signal },
      ),
  };
};
