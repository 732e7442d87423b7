// Imports of files: created, sent in parts, started.

import { ApiError, pause, send, sendRaw } from './core.js';
import { cells, cut, keyOf } from './csv.js';
import { t } from './words.js';

/** The key of a file is made in memory; larger files are for the command line. */
const MOST_BYTES = 512 * 2 ** 20;
const SENT = 'tessera.sent.';

const readable = async (work) => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError || error.name === 'AbortError') throw error;
    throw new ApiError(400, { detail: t('The file cannot be read. Choose it again.') });
  }
};

/** Creates the import of a file, or finds it. Each dry run is a new one, and so is an import after its undoing. */
export const create = async (file, settings, dryRun) => {
  if (!file.size) throw new ApiError(400, { detail: t('The file is empty.') });
  if (file.size > MOST_BYTES) throw new ApiError(400, { detail: t('This file is too large for a browser. Import it with the command line: tessera import.') });
  const key = await readable(() => keyOf(file, settings));
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { data } = await send('POST', '/v1/imports', { body: { ...settings, key: attempt > 1 ? `${key}-${attempt}` : key, dry_run: dryRun } });
      if (!(dryRun ? ['done', 'failed'] : ['undone']).includes(data.state)) return data;
    } catch (error) {
      if (error.slug !== 'key_in_use' || !dryRun) throw error;
    }
  }
};

const ATTEMPTS = 4;

/** Sends one part. The same part may be sent again, so a busy stack and a lost connection are tried again. */
const put = async (id, number, bytes, signal) => {
  let type = 'text/csv';
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    type = 'application/octet-stream';
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendRaw('PUT', `/v1/imports/${id}/parts/${number}`, { body: bytes, type, signal });
    } catch (error) {
      const passes = error.status === 429 || error.status >= 500 || (error.status === 0 && navigator.onLine);
      if (!passes || attempt === ATTEMPTS) throw error;
      await pause(500 * 2 ** attempt, signal);
    }
  }
};

/** Sends the first part alone, from which the stack finds what the columns mean. */
export const sendFirst = (id, file, signal) =>
  readable(async () => {
    sessionStorage.removeItem(SENT + id);
    await put(id, 1, (await cut(file).next()).value, signal);
  });

/** Sends every part that this tab has not sent yet, and starts the import. `sent` gets the bytes so far. */
export const upload = (id, file, preview, sent, signal) =>
  readable(async () => {
    const place = preview.mapping.findIndex(({ field }) => field === 'order');
    const known = Number(sessionStorage.getItem(SENT + id));
    let [number, bytes] = [0, 0];
    for await (const part of cut(file, place < 0 ? null : (row) => cells(row, preview.separator)[place])) {
      number += 1;
      if (number > known) {
        await put(id, number, part, signal);
        sessionStorage.setItem(SENT + id, number);
      }
      sent((bytes += part.length));
    }
    await send('POST', `/v1/imports/${id}/start`, { body: { parts: number }, signal });
    sessionStorage.removeItem(SENT + id);
  });
