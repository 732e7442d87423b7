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
  const parts = computed
    .match(/[\d.]+(e-?\d+)?/g)
    ?.slice(0, 3)
    .map(Number);
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
const rgb = (...parts) => parts.map((part) => part / 255);
const LIGHT = [WHITE, rgb(251, 250, 248)];
const DARK = [rgb(30, 33, 36), rgb(22, 24, 26)];

/** The colours that follow from an accent: its text, and itself as text and bar in both schemes. */
export const shades = (accent) => ({
  ink: css(contrast(accent, WHITE) >= LEAST ? WHITE : BLACK),
  light: css(readable(accent, LIGHT, BLACK)),
  dark: css(readable(accent, DARK, WHITE)),
});

const DEFAULT = '#1f6f54';

/** A style sheet with the accent's colours: the page's `--tessera-accent`, else the program's. */
export const createPainter = ({ element, root, sheet, h }) => {
  const made = sheet('');
  let painted = null;
  let ofProgram = null;
  const paint = (accent) => {
    ofProgram = accent;
    const named = /^#[0-9a-f]{6}$/i.test(accent ?? '') ? accent : DEFAULT;
    const own = getComputedStyle(element).getPropertyValue('--tessera-accent').trim();
    const wanted = own && CSS.supports('color', own) ? own : named;
    if (wanted === painted) return; // Resolving it would cost a style pass at every render.
    painted = wanted;
    // The browser resolves it, whatever notation it has.
    made.replaceSync(`.probe { color: color-mix(in srgb, ${wanted} 100%, black); }`);
    const probe = h('span.probe', { hidden: true });
    root.append(probe);
    const resolved = parse(getComputedStyle(probe).color);
    probe.remove();
    if (!resolved) return;
    const { ink, light, dark } = shades(resolved);
    made.replaceSync(
      `:host { --_accent: ${wanted}; --_accent-ink: var(--tessera-accent-ink, ${ink}); --_accent-text: light-dark(${light}, ${dark}); }`,
    );
  };
  return {
    sheet: made,
    paint,
    /** The page's accent may differ by scheme. */
    repaint: () => {
      painted = null;
      paint(ofProgram);
    },
  };
};
