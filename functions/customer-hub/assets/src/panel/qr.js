// The picture of a coupon's code, drawn anew from the few shapes that the stack's SVG has.

const SVG = 'http://www.w3.org/2000/svg';

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
    const kept = [...rest.matchAll(/ (d|fill-rule|transform|x|y|width|height)="([^"]*)"/g)].map((found) => found.slice(1));
    const light = / fill="(#fff(fff)?|white)"/i.test(rest);
    return make(tag, { ...Object.fromEntries(kept), fill: light ? '#fff' : '#000' });
  });
  if (!frame || !shapes.length) return null;
  const picture = make('svg', { viewBox: frame[1], role: 'img', 'aria-label': name, 'shape-rendering': 'crispEdges' });
  picture.append(...shapes);
  return picture;
};
