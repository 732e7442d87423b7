// The merchant's accent, and where its contrast is too low a darker or lighter mix of it.

const LEAST = 4.5; // WCAG 2.2, text of any size
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

export const contrast = (a, b) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

const mix = (a, b, part) => a.map((value, index) => value + (b[index] - value) * part);
const BLACK = [0, 0, 0];
const WHITE = [1, 1, 1];

/** A computed colour, `rgb(…)` or `color(srgb …)`, as three parts from 0 to 1. */
export const parse = (computed) => {
  const parts = computed.match(/[\d.]+(e-?\d+)?/g)?.slice(0, 3).map(Number);
  if (parts?.length !== 3) return null;
  return computed.startsWith('rgb') ? parts.map((part) => part / 255) : parts;
};

const css = (rgb) => `rgb(${rgb.map((part) => Math.round(part * 255)).join(' ')})`;

/** Moves a colour towards black or white until it reads on each surface and on the card's tint of the accent. */
const readable = (accent, [card, paper], end) => {
  const surfaces = [card, paper, mix(card, accent, 0.1)];
  for (let part = 0; part <= 1; part += 0.05) {
    // Rounded as it is drawn: a contrast of 4.499 is a fault.
    const tried = mix(accent, end, part).map((value) => Math.round(value * 255) / 255);
    if (surfaces.every((surface) => contrast(tried, surface) >= LEAST)) return tried;
  }
  return end;
};

/** Card and paper of the two schemes, as in frame.css. */
const LIGHT = [WHITE, [0.984, 0.98, 0.973]];
const DARK = [[0.118, 0.129, 0.141], [0.086, 0.094, 0.102]];

/** The colours that follow from an accent: its text, and itself as text and bar in both schemes. */
export const shades = (accent) => ({
  ink: css(contrast(accent, WHITE) >= LEAST ? WHITE : BLACK),
  light: css(readable(accent, LIGHT, BLACK)),
  dark: css(readable(accent, DARK, WHITE)),
});
