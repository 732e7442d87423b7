// Makes functions/customer-hub/assets/dist from src. `node build.js` writes; `--check` only compares.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { minify } from 'terser';

export const assets = join(dirname(fileURLToPath(import.meta.url)), '../../functions/customer-hub/assets');
export const LANGUAGES = ['it', 'en', 'ro', 'ru'];

const entries = ['tessera-hub.js', 'client.js', 'cart/shopify.js', 'cart/woocommerce.js'];

/** A style sheet becomes a string: the element adopts it, so no page needs `style-src`. */
const styles = {
  name: 'styles',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'css', minify: true });
      return { contents: code.trim(), loader: 'text' };
    }),
};

/** The files to serve, by name. */
export const make = async () => {
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
  const files = new Map();
  for (const entry of entries) files.set(entry, await bundle(entry));
  for (const name of LANGUAGES) files.set(`locales/${name}.js`, await language(name));
  files.set('qr.js', await bundle('panel/qr.js'));
  files.set('panel.js', await bundle('panel/panel.js'));
  files.set('client.d.ts', await readFile(join(assets, 'src/client.d.ts'), 'utf8'));
  return files;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = join(assets, 'dist');
  const files = await make();
  if (process.argv.includes('--check')) {
    const stale = [];
    for (const [name, text] of files) {
      if ((await readFile(join(dist, name), 'utf8').catch(() => null)) !== text) stale.push(name);
    }
    if (stale.length) {
      console.error(`not what src makes: ${stale.join(', ')}; run tests/pages/run --build`);
      process.exit(1);
    }
  } else {
    await rm(dist, { recursive: true, force: true });
    for (const [name, text] of files) {
      await mkdir(dirname(join(dist, name)), { recursive: true });
      await writeFile(join(dist, name), text);
    }
  }
}
