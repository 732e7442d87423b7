// The releases of the storefront's files: what the stack serves, compressed, for the last ten builds that were committed.
//
// functions/customer-hub/assets/releases/index lists them, the newest first; files/ has each content once. A content is named
// by its hash, so releases share what did not change.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync } from 'node:zlib';
import zopfli from '@gfx/zopfli';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../functions/customer-hub/assets/releases');
const index = join(folder, 'index');

/** A text as gzip, some percent smaller than zlib makes it. */
export const gzipped = async (text) => Buffer.from(await zopfli.gzipAsync(Buffer.from(text), { numiterations: 30 }));

/** How many releases stay. */
const KEPT = 10;
/** The loader has two forms: in its release's folder, and at the address without a hash, which names that folder. */
const LOADER = 'tessera-hub.js';

const hash = (algorithm, text) => createHash(algorithm).update(text);
const short = (text) => hash('sha256', text).digest('hex').slice(0, 24);

/** `index` as text: a line `release HASH` or `latest` begins a list of `NAME CONTENT BYTES INTEGRITY`. */
const parse = (text) => {
  const releases = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const [word, ...rest] = line.split(' ');
    if (word === 'latest' || word === 'release') releases.push({ version: rest[0] ?? null, files: [] });
    else releases.at(-1).files.push({ name: word, content: rest[0], bytes: Number(rest[1]), integrity: rest[2] });
  }
  return releases;
};
const format = (releases) =>
  releases
    .map(({ version, files }) =>
      [
        version ? `release ${version}` : 'latest',
        ...files.map(({ name, content, bytes, integrity }) => `${name} ${content} ${bytes} ${integrity}`),
      ].join('\n'),
    )
    .join('\n')
    .concat('\n');

const describe = (name, text) => ({
  name,
  content: short(text),
  bytes: Buffer.byteLength(text),
  integrity: `sha384-${hash('sha384', text).digest('base64')}`,
});

/** The two newest lists of `index` for these files: the addresses without a hash, and the release. */
const describeAll = (files, loaderIn) => {
  const names = [...files.keys()].sort();
  const version = short(names.map((name) => `${name} ${short(files.get(name))}`).join('\n'));
  const latest = loaderIn(`${version}/`);
  const lists = [
    { version: null, files: names.map((name) => describe(name, name === LOADER ? latest : files.get(name))) },
    { version, files: names.map((name) => describe(name, files.get(name))) },
  ];
  const contents = new Map([latest, ...files.values()].map((text) => [short(text), text]));
  return { version, lists, contents };
};

/** Builds that were never committed do not count: the next one takes their place. */
const committed = async () => {
  const show = promisify(execFile)('git', ['show', 'HEAD:./index'], { cwd: folder });
  const text = await show.then(({ stdout }) => stdout).catch(() => '');
  return parse(text).filter(({ version }) => version);
};

/** Makes these files the newest release, and drops what no release of the last ten has. */
export const publish = async (files, loaderIn) => {
  const { version, lists, contents } = describeAll(files, loaderIn);
  await mkdir(join(folder, 'files'), { recursive: true });
  const older = (await committed()).filter((release) => release.version !== version);
  const releases = [...lists, ...older].slice(0, KEPT + 1);
  await writeFile(index, format(releases));
  const named = new Set(releases.flatMap((release) => release.files.map(({ content }) => content)));
  for (const name of await readdir(join(folder, 'files'))) {
    if (!named.has(name.split('.')[0])) await rm(join(folder, 'files', name));
  }
  for (const [content, text] of contents) {
    const path = join(folder, 'files', content);
    // Compressing again might give other bytes for the same content, with another version of the library.
    if (await readFile(`${path}.gz`).catch(() => null)) continue;
    await writeFile(`${path}.gz`, await gzipped(text));
    await writeFile(
      `${path}.br`,
      brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
    );
  }
};

/** What of the newest release is not what these files make. */
export const staleRelease = async (files, loaderIn) => {
  const { lists, contents } = describeAll(files, loaderIn);
  const stored = parse(await readFile(index, 'utf8').catch(() => ''));
  const stale = format(stored.slice(0, 2)) === format(lists) ? [] : ['releases/index'];
  for (const [content, text] of contents) {
    for (const [extension, expand] of [
      ['gz', gunzipSync],
      ['br', brotliDecompressSync],
    ]) {
      const name = `files/${content}.${extension}`;
      const packed = await readFile(join(folder, name)).catch(() => null);
      if (!packed || expand(packed).toString() !== text) stale.push(`releases/${name}`);
    }
  }
  return stale;
};

/** A file as the stack serves it, by its path below `/storefront/`; null for an unknown path. */
export const releasedFile = async (path) => {
  const [latest, ...releases] = parse(await readFile(index, 'utf8'));
  const [version, ...rest] = path.split('/');
  const found =
    latest.files.find(({ name }) => name === path) ??
    releases.find((release) => release.version === version)?.files.find(({ name }) => name === rest.join('/'));
  return found ? gunzipSync(await readFile(join(folder, 'files', `${found.content}.gz`))).toString() : null;
};

/** The folder of the newest release. */
export const newest = async () => parse(await readFile(index, 'utf8'))[1].version;
