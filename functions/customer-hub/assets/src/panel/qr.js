// The picture of a coupon's code, drawn anew from the few shapes that the stack's SVG has.

const SVG = 'http://www.w3.org/2000/svg';
const KEPT = { path: ['d', 'fill-rule', 'transform'], rect: ['x', 'y', 'width', 'height', 'transform'] };

const make = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

/**
 * The SVG's shapes as elements of this page; null where it has none. Parsing the text as a document would need a Trusted
 * Types policy, and an <img> could not send the token. Only geometry is taken over: no style, no script, no reference.
 */
export const drawing = (text, name) => {
  const frame = /<svg\b[^>]*?\bviewBox="([-\d.\s]+)"/.exec(text);
  const shapes = [...text.matchAll(/<(path|rect)\b([^>]*)>/g)].map(([, tag, rest]) => {
    const found = Object.fromEntries([...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
    const light = /^(#fff(fff)?|white)$/i.test(found.fill ?? '');
    const kept = KEPT[tag].filter((key) => key in found).map((key) => [key, found[key]]);
    return make(tag, { ...Object.fromEntries(kept), fill: light ? '#fff' : '#000' });
  });
  if (!frame || !shapes.length) return null;
  const picture = make('svg', { viewBox: frame[1], role: 'img', 'aria-label': name, 'shape-rendering': 'crispEdges' });
  picture.append(...shapes);
  return picture;
};
