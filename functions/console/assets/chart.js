// A chart over days, weeks or months, with its table behind a button.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { Button, Table } from './ui.js';
import { number, shortDay, t } from './words.js';

const HEIGHT = 240;
let library;

/** The library comes with the first chart, so that no other screen waits for it. */
const load = () => (library ??= import('./vendor/uplot.js').then((module) => module.default));

const colour = (name) => {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

/** `series`: `{ label, colour, dashed, values }`; `days` are the first days of the buckets. */
export const Chart = ({ title, days, series, write = number }) => {
  const [asTable, setAsTable] = useState(false);
  const box = useRef(null);
  useEffect(() => {
    if (asTable || !days.length) return undefined;
    let plot;
    let gone = false;
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const draw = (Plot) => {
      if (gone || !box.current) return;
      plot?.destroy();
      const [ink, line] = [colour('--ink-2'), colour('--line')];
      const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
      const options = {
        width: box.current.clientWidth,
        height: HEIGHT,
        cursor: { show: false },
        legend: { show: false },
        scales: { x: { time: false } },
        axes: [
          { ...axis, grid: { show: false }, space: 64, splits: (drawn, _axis, min, max) => days.map((_, index) => index).filter((index) => index >= min && index <= max && index % Math.max(1, Math.ceil(days.length / (drawn.width / 80))) === 0), values: (_, splits) => splits.map((index) => shortDay(days[index])) },
          { ...axis, size: 64, values: (_, splits) => splits.map((value) => (value === null ? '' : write(value))) },
        ],
        series: [{}, ...series.map((one) => ({ label: one.label, stroke: colour(one.colour), width: 2, dash: one.dashed ? [6, 4] : undefined, points: { show: days.length < 3 } }))],
      };
      plot = new Plot(options, [days.map((_, index) => index), ...series.map((one) => one.values)], box.current);
    };
    const redraw = () => load().then(draw);
    redraw();
    const watcher = new ResizeObserver(([{ contentRect }]) => box.current && plot?.setSize({ width: contentRect.width, height: HEIGHT }));
    watcher.observe(box.current);
    scheme.addEventListener('change', redraw);
    return () => {
      gone = true;
      watcher.disconnect();
      scheme.removeEventListener('change', redraw);
      plot?.destroy();
    };
  }, [asTable, JSON.stringify([days, series])]);
  return html`
    <figure class="stack tight">
      <div class="between">
        <figcaption><h2>${title}</h2></figcaption>
        <${Button} quiet onClick=${() => setAsTable(!asTable)}>${asTable ? t('Show as chart') : t('Show as table')}<//>
      </div>
      ${!asTable &&
      html`
        <p class="legend" aria-hidden="true">
          ${series.map((one) => html`<span><i class=${one.dashed ? 'dashed' : ''} style=${{ borderColor: `var(${one.colour})` }}></i>${one.label}</span>`)}
        </p>
        <div class="chart" role="img" aria-label=${t('{title}: the same numbers are in the table.', { title })} ref=${box}></div>
      `}
      ${asTable &&
      html`<${Table}
        caption=${title}
        rows=${days.map((_, index) => index)}
        columns=${[{ title: t('From'), cell: (index) => shortDay(days[index]) }, ...series.map((one) => ({ title: one.label, num: true, cell: (index) => write(one.values[index]) }))]}
      />`}
    </figure>
  `;
};
