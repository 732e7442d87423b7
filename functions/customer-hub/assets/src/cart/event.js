// A shop without an adapter: its page listens to `tessera:apply` and `tessera:release`.

/** A rejection of the page is the shop's refusal; an Error's message or a plain text is its reason. */
const settled = (answer) =>
  Promise.resolve(answer).catch((cause) => {
    throw Object.assign(new Error('refused', { cause }), { reason: String(cause?.message ?? cause ?? '') });
  });

/** The page puts the code into its cart, and says `respondWith(promise)` where that may fail. */
export const createCart = () => ({
  codes: async () => null, // unknown: only the page knows its cart
  add: async (code, { answer }) => void (await settled(answer)),
  remove: async (code, { answer }) => void (await settled(answer)),
  watch: () => {},
});
