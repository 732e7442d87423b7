// The demo shop's page: products, basket, sign-in, and the points of <tessera-hub>.

const $ = (id) => document.getElementById(id);
const hub = $('hub');

/** An element with attributes and children; text stays text. */
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

/** A request to the shop's own backend. */
const ask = async (path, body) => {
  const response = await fetch(`api/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  const value = await response.json();
  if (!response.ok) throw new Error(value.detail);
  return value;
};

// What a visit keeps from page to page.
const state = { person: '', lines: {}, codes: [], ...JSON.parse(sessionStorage.getItem('shop') ?? '{}') };
const keep = () => sessionStorage.setItem('shop', JSON.stringify(state));

const shop = await ask('shop');
const money = (amount) => new Intl.NumberFormat('en-GB', { style: 'currency', currency: shop.currency }).format(amount);
const basket = () => ({
  person: state.person || null,
  lines: Object.entries(state.lines).map(([sku, quantity]) => ({ sku, quantity })),
  coupons: state.codes,
});
const say = (text) => $('said') && ($('said').textContent = text);

// --- Sign-in ------------------------------------------------------------------------------------------------------------

const tokenOf = async (person) => (await ask('token', { person })).token;

const signIn = async (person) => {
  if (person !== state.person) state.codes = [];
  state.person = person;
  keep();
  $('person').value = person;
  hub.token = person ? await tokenOf(person) : null;
  await Promise.all([showBasket(), showOrders()]);
};

for (const { id, name } of shop.people) $('person').append(make('option', { value: id }, name));
$('person').addEventListener('change', (event) => signIn(event.target.value));

document.addEventListener('tessera:token', ({ detail }) => {
  if (detail.reason === 'sign_in') {
    hub.close();
    $('person').focus();
  } else if (state.person) {
    detail.respondWith(tokenOf(state.person));
  }
});

// --- Basket -------------------------------------------------------------------------------------------------------------

let shown = 0;
const showBasket = async () => {
  if (!$('basket')) return;
  const turn = (shown += 1);
  const products = shop.products.filter(({ sku }) => state.lines[sku]);
  $('lines').replaceChildren(
    ...products.map(({ sku, name, price }) => {
      const remove = make('button', { type: 'button', class: 'quiet', 'aria-label': `Remove: ${name}` }, 'Remove');
      remove.addEventListener('click', () => change(sku, -state.lines[sku]));
      return make('li', {}, make('span', {}, `${state.lines[sku]} × ${name}`), money(price * state.lines[sku]), remove);
    }),
  );
  $('codes').replaceChildren(
    ...state.codes.map((code) => {
      const remove = make('button', { type: 'button', class: 'quiet', 'aria-label': `Remove: ${code}` }, 'Remove');
      remove.addEventListener('click', async () => {
        dropCode(code);
        // The component takes the coupon back to the wallet.
        await hub.released(code);
      });
      return make('li', {}, make('span', { class: 'code' }, code), remove);
    }),
  );
  $('pay').disabled = !products.length;
  const [priced, promised] = await Promise.all([
    ask('price', basket()).catch((error) => ({ error })),
    products.length ? ask('promise', basket()).catch(() => null) : null,
  ]);
  if (turn !== shown) return;
  if (priced.error) say(priced.error.message);
  $('total').textContent = money(priced.to_pay ?? 0);
  $('pay').textContent = products.length ? `Pay ${money(priced.to_pay ?? 0)}` : 'Pay';
  $('promise').hidden = !promised?.points;
  $('promise').textContent = promised?.points ? `This basket earns ${promised.points} points.` : '';
};

const change = (sku, by) => {
  const quantity = Math.min(99, (state.lines[sku] ?? 0) + by);
  if (quantity > 0) state.lines[sku] = quantity;
  else delete state.lines[sku];
  say('');
  keep();
  return showBasket();
};

const dropCode = (code) => {
  state.codes = state.codes.filter((other) => other !== code);
  keep();
  return showBasket();
};

document.addEventListener('tessera:apply', ({ detail }) => {
  const added = async () => {
    // Refused codes stay out of the basket; the component shows the reason.
    await ask('price', { ...basket(), coupons: [...state.codes, detail.code] });
    state.codes.push(detail.code);
    keep();
    await showBasket();
  };
  detail.respondWith(added());
});
document.addEventListener('tessera:release', ({ detail }) => detail.respondWith(dropCode(detail.code)));

// --- Orders -------------------------------------------------------------------------------------------------------------

const showOrders = async () => {
  if (!$('orders')) return;
  const { items } = await ask('orders');
  const own = items.filter(({ person }) => (person ?? '') === state.person);
  $('no-orders').hidden = own.length > 0;
  $('orders').replaceChildren(
    ...own.map(({ id, total, refunded }) => {
      const back = make('button', { type: 'button', class: 'quiet', 'aria-label': `Return: ${id}` }, 'Return');
      back.addEventListener('click', () => giveBack(id, back));
      return make('li', {}, make('span', { class: 'code' }, id), money(total), refunded ? make('span', { class: 'muted' }, 'returned') : back);
    }),
  );
};

const giveBack = async (order, button) => {
  button.disabled = true;
  try {
    await ask('refund', { order });
    say('Your order was returned. Its points were taken back.');
  } catch (error) {
    say(error.message);
  }
  await Promise.all([showOrders(), hub.refresh()]);
};

const pay = async () => {
  $('pay').disabled = true;
  try {
    const { total, points } = await ask('checkout', basket());
    Object.assign(state, { lines: {}, codes: [] });
    keep();
    say(`Thank you: ${money(total)} paid.${state.person && points ? ` You earned ${points} points.` : ''}`);
  } catch (error) {
    say(error.message);
  }
  await Promise.all([showBasket(), showOrders(), hub.refresh()]);
};

// --- The pages ----------------------------------------------------------------------------------------------------------

const SVG = 'http://www.w3.org/2000/svg';

const picture = (sku) => {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `pictures.svg#p-${sku}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
};

const showProducts = async () => {
  if (!$('products')) return;
  const cards = shop.products.map(async ({ sku, name, price }) => {
    const points = make('p', { class: 'points' });
    const add = make('button', { type: 'button', 'aria-label': `Add to basket: ${name}` }, 'Add to basket');
    add.addEventListener('click', () => change(sku, 1));
    const promised = await ask('promise', { person: null, lines: [{ sku, quantity: 1 }] }).catch(() => null);
    points.textContent = promised?.points ? `Earn ${promised.points} points` : '\u00a0';
    return make('li', { class: 'product' }, picture(sku), make('h2', {}, name), make('p', { class: 'price' }, money(price)), points, add);
  });
  $('products').replaceChildren(...(await Promise.all(cards)));
};

$('pay')?.addEventListener('click', pay);
await Promise.all([showProducts(), signIn(state.person)]);
document.documentElement.dataset.ready = '';
