// Makes functions/console/assets/vendor from the packages that package-lock.json pins. `--check` only compares.

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, '../../functions/console/assets/vendor');
const packages = ['preact', 'htm', 'uplot'];
const folder = (name) => join(here, 'node_modules', name);
const manifest = async (name) => JSON.parse(await readFile(join(folder(name), 'package.json'), 'utf8'));

const bundle = async (contents) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
  });
  return outputFiles[0].text;
};

/**
 * The functions of uPlot that no chart of the console calls, because charts here are lines over numbers, without cursor,
 * legend, zoom, time axis and logarithms. Without them it is a third smaller.
 */
const UNUSED = [
  ...['bars', 'stepped', 'splineInterp', '_monotoneCubic', 'findColWidth', 'join', 'nullExpand', 'isAsc', 'sortCols'],
  ...['timeAxisVals', 'timeAxisStamps', 'timeSeriesVal', 'timeSeriesStamp', 'tzDate', 'fmtDate', 'rangeLog', 'rangeAsinh'],
  ...['logAxisSplits', 'asinhAxisSplits', 'log10AxisValsFilt', 'log2AxisValsFilt', 'legendStroke', 'legendFill'],
  ...['updateCursor', 'initLegendRow', 'onMouse', 'offMouse', 'cacheMouse', 'mouseMove', 'mouseDown', 'mouseUp', 'mouseLeave'],
  ...['dblClick', 'setLegend', 'setLegendValues', 'syncLegend', 'initCursorPt', 'setSelect', 'setFocus', 'addBand', 'setBand'],
  ...['delSeries', 'addSeries', 'posToVal', 'toggleDOM', 'setSeries', 'setAlpha', 'hideSelect'],
];

/** What is left of functions whose results are used. */
const REDUCED = {
  genTimeStuffs: 'return [[], [], () => {}];',
  bandFillClipDirs: 'return [0, 0];',
  clipBandLine: '',
  _sync: 'return { sub() {}, unsub() {}, pub() {} };',
  fillStroke: 'strokeFill(strokeStyle, lineWidth, lineDash, lineCap, fillStyle, strokePath, fillPath, flags, boundsClip, gapsClip);',
  cursorPointShow: '',
};
/** Statements without which it works: names of months and days, and powers of two. */
const DROPPED = [
  [/^const (months|days) = \[[^\]]*\]/gm, 'const $1 = []'],
  [/^genIncrs\(2,.*$/m, ''],
  [/const showLegend = .*/, 'const showLegend = false;'],
  [/const showCursor = .*/, 'const showCursor = false;'],
  [/if \(cursor\.dataIdx == null\)/, 'if (false)'],
  [/const mode = self\.mode;\n\n/, 'const mode = 1;\n'],
  [/const select = self\.select = [^}]*\}, opts\.select\);/, 'const select = { show: false };'],
  [/const cursorFocus = .*/, 'const cursorFocus = false;'],
];

/** Reduces the functions of these names to other bodies. */
const reduced = (source, bodies) =>
  Object.entries(bodies).reduce((text, [name, body]) => {
    const found = new RegExp(`^(\\t*)((?:function ${name}|const ${name} = function)\\([^\\n]*\\{)\\n[^]*?\\n\\1\\}`, 'm');
    if (!found.test(text)) throw new Error(`uPlot has no function ${name}`);
    return text.replace(found, `$1$2${body}}`);
  }, source);

const lighter = (source) => {
  for (const [found, put] of DROPPED) {
    if (source.search(found) < 0) throw new Error(`uPlot has no ${found}`);
    source = source.replace(found, put);
  }
  return reduced(source, { ...Object.fromEntries(UNUSED.map((name) => [name, ''])), ...REDUCED });
};

/** The files by name, with their licences and hashes. */
export const make = async () => {
  const files = new Map();
  // One file, because the first view loads all three.
  files.set(
    'preact.js',
    await bundle(`
      import { h } from 'preact';
      import htm from 'htm';
      export { render, Fragment, createContext } from 'preact';
      export { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext } from 'preact/hooks';
      export { h };
      export const html = htm.bind(h);
    `),
  );
  files.set('uplot.js', await bundle(lighter(await readFile(join(folder('uplot'), 'dist/uPlot.esm.js'), 'utf8'))));
  const texts = await Promise.all(
    packages.map(async (name) => {
      const { version, license } = await manifest(name);
      const text = await readFile(join(folder(name), 'LICENSE'), 'utf8');
      return `${name} ${version} (${license})\n\n${text.trim()}\n`;
    }),
  );
  files.set('LICENSES.txt', texts.join('\n---\n\n'));
  const hashes = Object.fromEntries(
    [...files].map(([name, text]) => [name, `sha384-${createHash('sha384').update(text).digest('base64')}`]),
  );
  const versions = Object.fromEntries(await Promise.all(packages.map(async (name) => [name, (await manifest(name)).version])));
  files.set('vendor.json', `${JSON.stringify({ packages: versions, files: hashes }, null, 2)}\n`);
  return files;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = [];
  for (const [name, text] of await make()) {
    const path = join(vendor, name);
    if (!process.argv.includes('--check')) await writeFile(path, text);
    else if ((await readFile(path, 'utf8').catch(() => null)) !== text) stale.push(name);
  }
  if (stale.length) {
    console.error(`not what the packages contain: ${stale.join(', ')}; run tests/console/run --vendor`);
    process.exit(1);
  }
}
