// Which cart adapter belongs to the element; a shop's own is loaded with the first code.

import { createCart as createEventCart } from '../cart/event.js';

export const createCarts = ({ element, signal }, changed) => {
  const loading = {}; // by shop
  const load = async (shop) => {
    try {
      const cart = (await import(new URL(`cart/${shop}.js`, import.meta.url))).createCart();
      cart.watch(changed, signal);
      return cart;
    } catch (cause) {
      delete loading[shop]; // the next code tries again
      throw cause;
    }
  };
  return async () => {
    const shop = element.getAttribute('shop');
    return /^(shopify|woocommerce)$/.test(shop) ? (loading[shop] ??= load(shop)) : createEventCart();
  };
};
