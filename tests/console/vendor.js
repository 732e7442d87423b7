// Makes functions/console/assets/vendor from the packages that package-lock.json pins. `--check` only compares.

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { lighter } from './lighter.js';

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

/** The files by name, with their licences and hashes. */
export const make = async () => {
  const files = new Map();
  // One file, because the first view loads all three.
  files.set(
    'preact.js',
    await bundle(`
      import { h } from 'preact';
      import htm from 'htm';
      export { render } from 'preact';
      export { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback } from 'preact/hooks';
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
