// Where an error comes from, in the user's own files. The build bundles a plugin's modules into one
// file, and the component carries the way back; so a message can name the line that somebody wrote.

const FRAME = /([\w$.<>/*[\]-]*)@?[^\s@(]*\bplugin-bundle\.js:(\d+):(\d+)/g;

/** The file that the build puts the bundle into; frames are known by it. */
export const BUNDLE = 'plugin-bundle.js';

/**
 * Finds the places of a bundle in the sources.
 * @param {{ sources: string[], lines: Record<number, number[]> }} map for each line of the bundle
 *   that is no line of the SDK: column, source and line of each segment, one after another
 */
export function placesOf({ sources, lines }) {
  return (bundleLine, bundleColumn) => {
    const segments = lines[bundleLine];
    if (!segments) return undefined;
    let found = 0;
    for (let at = 3; at < segments.length && segments[at] < bundleColumn; at += 3) found = at;
    return { file: sources[segments[found + 1]], line: segments[found + 2] };
  };
}

/** The deepest frame in the user's own files, else in a package that he uses. */
export function userFrame(stack, placeOf) {
  let inPackage;
  for (const [, name, line, column] of String(stack ?? '').matchAll(FRAME)) {
    const place = placeOf(Number(line), Number(column));
    if (place && !place.file.includes('node_modules/')) return { ...place, name };
    inPackage ??= place && { ...place, name };
  }
  return inPackage;
}

/** Puts the user's own places into a text that names the bundle's. */
export function withPlaces(text, placeOf) {
  return text.replace(/[^\s@(]*\bplugin-bundle\.js:(\d+):(\d+)/g, (whole, line, column) => {
    const place = placeOf(Number(line), Number(column));
    return place ? `${place.file}:${place.line}` : whole;
  });
}

/** One line for a person: the error's name and message, and where it comes from. */
export function describeError(error, placeOf) {
  // The engine throws a bare string when it is out of memory.
  const isError = typeof error === 'object' && error !== null && 'message' in error;
  const text = isError ? `${error.name ?? 'Error'}: ${error.message}` : `uncaught: ${String(error)}`;
  const frame = isError ? userFrame(error.stack, placeOf) : undefined;
  const at = frame ? ` (at ${frame.file}:${frame.line}${frame.name ? `, in ${frame.name}` : ''})` : '';
  const cause = isError && error.cause !== undefined ? `; caused by ${describeError(error.cause, placeOf)}` : '';
  return text + at + cause;
}
