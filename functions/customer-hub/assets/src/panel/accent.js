// The merchant's accent, and where its contrast is too low a darker or lighter mix of it.

/** The relative luminance (WCAG 2.2) of a colour with parts from 0 to 1. */
export const luminance = (rgb) => {
  const [r, g, b] = rgb.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

/** The luminance up to which, and from which on, a text reads (4.5:1) on card, paper and the card's tint of its accent. */
const LIGHT = 0.13;
const DARK = 0.31;

/**
 * What follows from an accent: the colour of its text, and how much of it is in a text of each scheme, mixed in linear light with
 * black or white.
 */
export const shades = (accent) => {
  const own = luminance(accent);
  return {
    ink: own < 0.18 ? '#fff' : '#000',
    light: Math.min(1, LIGHT / own),
    dark: Math.min(1, (1 - DARK) / (1 - own)),
  };
};

/** A style sheet with the accent's colours: the page's `--tessera-accent`, else the program's. */
export const createPainter = ({ element, root, sheet, h }) => {
  const made = sheet('');
  let painted;
  let ofProgram;
  const paint = (accent) => {
    ofProgram = accent;
    const own = getComputedStyle(element).getPropertyValue('--tessera-accent').trim();
    const wanted = [own, accent].find((one) => CSS.supports('color', one)) ?? '#1f6f54';
    if (wanted === painted) return; // Resolving it would cost a style pass at every render.
    painted = wanted;
    // The browser resolves it to `color(srgb …)`, whatever notation it has.
    made.replaceSync(`.probe { color: color-mix(in srgb, ${wanted} 100%, black); }`);
    const probe = h('span.probe', { hidden: true });
    root.append(probe);
    const parts = getComputedStyle(probe).color.match(/-?[\d.]+(e-?\d+)?/g).slice(0, 3);
    probe.remove();
    const { ink, light, dark } = shades(parts.map(Number));
    const mixed = (share, end) => `color-mix(in srgb-linear, rgb(${parts.map((part) => part * 255)}) ${share * 100}%, ${end})`;
    made.replaceSync(
      `:host { --_accent: ${wanted}; --_accent-ink: var(--tessera-accent-ink, ${ink}); --_accent-text: light-dark(${mixed(light, '#000')}, ${mixed(dark, '#fff')}); }`,
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
