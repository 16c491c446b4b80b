// Reads a source map at build time, so that a failing plugin finds its places without decoding.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Numbers of a VLQ segment of a source map. */
function* numbersOf(segment) {
  let [value, shift] = [0, 0];
  for (const letter of segment) {
    const digit = ALPHABET.indexOf(letter);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit < 32) {
      yield value & 1 ? -(value >> 1) : value >> 1;
      [value, shift] = [0, 0];
    }
  }
}

/**
 * The lines of a bundle that come from sources which `isOwn` admits, as `placesOf` takes them.
 * @param {{ sources: string[], mappings: string }} map
 * @param {(source: string) => boolean} isOwn
 */
export function ownLines({ sources, mappings }, isOwn) {
  const own = sources.map(isOwn);
  const lines = {};
  let [source, line] = [0, 0];
  mappings.split(';').forEach((text, index) => {
    let column = 0;
    const segments = [];
    for (const segment of text.split(',').filter(Boolean)) {
      const [columns, sourcesOn = 0, linesOn = 0] = numbersOf(segment);
      column += columns;
      source += sourcesOn;
      line += linesOn;
      if (own[source]) segments.push(column, source, line + 1);
    }
    // Lines and columns of a stack count from 1, columns of a map from 0.
    if (segments.length > 0) lines[index + 1] = segments;
  });
  return { sources: sources.map((name, index) => (own[index] ? name : null)), lines };
}
