// Makes functions/customer-hub/assets/dist from src, and its release. `node build.js` writes; `--check` only compares.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { minify } from 'terser';
import { publish, staleRelease } from './release.js';

export const assets = join(dirname(fileURLToPath(import.meta.url)), '../../functions/customer-hub/assets');
const dist = join(assets, 'dist');
export const LANGUAGES = ['it', 'en', 'ro', 'ru'];

const entries = ['tessera-hub.js', 'client.js', 'cart/shopify.js', 'cart/woocommerce.js'];

/** Stands in the bundled loader for the folder of its release's files. */
const FOLDER = '@folder@';

const declarations = [...(await readFile(join(assets, 'src/frame.css'), 'utf8')).matchAll(/^ {2}(--(?!tessera-|_)[\w-]+):/gm)];
/** The custom properties of frame.css that are not for merchants, the longest names first. */
const ownProperties = [...new Set(declarations.map(([, name]) => name))].sort((a, b) => b.length - a.length);
/** Compresses better: own custom properties get short names, and declarations one order, shorthands first. */
const condensed = (css) =>
  ownProperties
    .reduce((text, name, place) => text.replaceAll(new RegExp(`${name}(?![\\w-])`, 'g'), `--${(place + 10).toString(36)}`), css)
    .replace(/\{([^{}]+)\}/g, (_, rule) => `{${rule.split(/;(?![^(]*\))/).sort().join(';')}}`);

/** A style sheet becomes a string: the element adopts it, so no page needs `style-src`. */
const styles = {
  name: 'styles',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'css', minify: true });
      return { contents: condensed(code.trim()), loader: 'text' };
    }),
};

const bundle = async (entry) => {
  const { outputFiles } = await build({
    entryPoints: [join(assets, 'src', entry)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    minifySyntax: true,
    minifyWhitespace: true,
    charset: 'utf8',
    legalComments: 'none',
    define: { FOLDER: JSON.stringify(FOLDER) },
    plugins: [styles],
  });
  // Both minifiers: the second one saves another twentieth, compressed.
  const { code } = await minify(outputFiles[0].text, {
    module: true,
    ecma: 2020,
    compress: { passes: 3, pure_getters: true },
    format: { ascii_only: false },
  });
  return `${code}\n`;
};

/** A language is one `export default {…}` without names of its own: it is joined to the panel (assets/README.md). */
const language = async (name) => {
  const { code } = await transform(await readFile(join(assets, 'src/locales', `${name}.js`), 'utf8'), {
    minify: true,
    charset: 'utf8',
  });
  return code;
};

/** The files of `dist` by name, and the loader with a gap for its folder. */
export const make = async () => {
  const files = new Map();
  for (const entry of entries) files.set(entry, await bundle(entry));
  const loader = files.get('tessera-hub.js');
  files.set('tessera-hub.js', loader.replaceAll(FOLDER, ''));
  for (const name of LANGUAGES) files.set(`locales/${name}.js`, await language(name));
  files.set('panel.js', await bundle('panel/panel.js'));
  files.set('client.d.ts', await readFile(join(assets, 'src/client.d.ts'), 'utf8'));
  return { files, loader };
};

/** The files of `dist` as they are served: a panel and its language are one file. */
const served = (files) => {
  const joined = new Map(files);
  for (const name of LANGUAGES) joined.set(`panel.${name}.js`, `${files.get('panel.js')}\n${files.get(`locales/${name}.js`)}`);
  joined.delete('panel.js');
  return joined;
};

/** The names of files that are not what `src` makes. */
export const stale = async () => {
  const { files, loader } = await make();
  const names = [];
  for (const [name, text] of files) {
    if ((await readFile(join(dist, name), 'utf8').catch(() => null)) !== text) names.push(name);
  }
  return [...names, ...(await staleRelease(served(files), (folder) => loader.replaceAll(FOLDER, folder)))];
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const names = await stale();
    if (names.length) {
      console.error(`not what src makes: ${names.join(', ')}; run tests/pages/run --build`);
      process.exit(1);
    }
  } else {
    const { files, loader } = await make();
    await rm(dist, { recursive: true, force: true });
    for (const [name, text] of files) {
      await mkdir(dirname(join(dist, name)), { recursive: true });
      await writeFile(join(dist, name), text);
    }
    await publish(served(files), (folder) => loader.replaceAll(FOLDER, folder));
  }
}
