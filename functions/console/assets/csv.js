// Files of CSV: their rows, the parts that they are sent in, and the key that names their import.

const MB = 1 << 20;
/** The API takes parts of 4 MB. */
const PART = 3 * MB;
const [QUOTE, LINE] = [34, 10];

/** The cells of a row of CSV. */
export const cells = (row, separator = ',') => {
  const found = [''];
  let quoted = false;
  for (let at = 0; at < row.length; at += 1) {
    const one = row[at];
    if (one === '"' && quoted && row[at + 1] === '"') found[found.length - 1] += row[(at += 1)];
    else if (one === '"') quoted = !quoted;
    else if (one === separator && !quoted) found.push('');
    else found[found.length - 1] += one;
  }
  return found;
};

/** The rows of CSV; line breaks inside quotes belong to a row. */
export const rowsOf = (text) => (text.match(/(?:[^"\r\n]|"[^"]*")+/g) ?? []).map((row) => cells(row));

/** Where the rows of some bytes end. */
const rowEnds = (bytes) => {
  const ends = [];
  let quoted = false;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === QUOTE) quoted = !quoted;
    else if (bytes[at] === LINE && !quoted) ends.push(at + 1);
  }
  return ends;
};

/** Where a part may end: after a row, and after the last row of an order; 0 when that is not among these bytes. */
const lastEnd = (bytes, orderOf) => {
  const ends = rowEnds(bytes);
  if (!orderOf || !ends.length) return ends.at(-1) ?? 0;
  const order = (index) => orderOf(new TextDecoder('latin1').decode(bytes.subarray(ends[index - 1] ?? 0, ends[index])));
  for (let index = ends.length - 1; index > 0; index -= 1) if (order(index) !== order(index - 1)) return ends[index - 1];
  return 0;
};

/** Cuts a file into parts of at most `most` bytes. A longer row, or order, is a part of its own. */
export async function* cut(file, orderOf, most = PART) {
  let room = most;
  for (let at = 0; at < file.size; ) {
    const bytes = new Uint8Array(await file.slice(at, at + room).arrayBuffer());
    // A quote that is never closed ends with its line. An order as long as this is refused by the API anyway.
    const isLong = room > 4 * most;
    const end = at + bytes.length >= file.size ? bytes.length : isLong ? bytes.lastIndexOf(LINE) + 1 : lastEnd(bytes, orderOf);
    if (end || isLong) {
      const part = bytes.subarray(0, end || bytes.length);
      yield part;
      at += part.length;
      room = most;
    } else room *= 2;
  }
}

/** The key of an import, as the command line makes it: SHA-256 of file, kind and mode. */
export const keyOf = async (file, { kind, mode }) => {
  const bytes = await new Blob([file, `\n${kind}\n${mode}`]).arrayBuffer();
  return [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};
