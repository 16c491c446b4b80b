// Bundles a plugin's modules with the SDK into one file, and keeps a map back to the lines that
// somebody wrote.

import { build, formatMessages } from 'esbuild';
import { isBuiltin } from 'node:module';
import { realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BUNDLE } from '../src/stack.js';
import { ownLines } from './places.js';
import { BuildError } from './project.js';

const SDK = fileURLToPath(new URL('..', import.meta.url));

/** Resolves the SDK to this very copy: the plugin and the glue have to share its classes. */
const sdkHere = {
  name: 'dpone-sdk',
  setup({ onResolve }) {
    onResolve({ filter: /^@dpone\/sdk$/ }, () => ({ path: join(SDK, 'src/index.js'), sideEffects: false }));
    onResolve({ filter: /^@dpone\/sdk\/component$/ }, () => ({ path: join(SDK, 'src/component.js') }));
    onResolve({ filter: /.*/ }, ({ path }) => {
      if (!isBuiltin(path)) return undefined;
      return { errors: [{ text: `${path} is a part of Node.js, which no plugin has: `
        + 'a plugin opens no files and no connections; use the web\'s own functions (URL, TextEncoder, crypto)' }] };
    });
  },
};

/**
 * @param {{ folder: string, module: string }} project
 * @returns {Promise<{ code: string, map: object }>}
 */
export async function bundle({ folder, module }) {
  const root = await realpath(folder);
  const entry = `export { default as plugin } from ${JSON.stringify(`./${module}`)};\n`
    + `export { component } from '@dpone/sdk/component';\n`;
  let result;
  try {
    result = await build({
      stdin: { contents: entry, resolveDir: root, sourcefile: 'dpone-entry.js' },
      absWorkingDir: root,
      outfile: join(root, BUNDLE),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['module', 'import'],
      target: 'es2022',
      sourcemap: 'external',
      sourcesContent: false,
      // Names of functions are a part of an error's place.
      minify: false,
      legalComments: 'none',
      logLevel: 'silent',
      plugins: [sdkHere],
    });
  } catch (error) {
    if (!error.errors) throw error;
    const messages = await formatMessages(error.errors, { kind: 'error', color: false });
    throw new BuildError(`the plugin cannot be bundled:\n${messages.join('').trimEnd()}`, { cause: error });
  }
  const [map, code] = ['.map', '.js'].map((end) => result.outputFiles.find(({ path }) => path.endsWith(end)).text);
  return { code, map: await placesIn(JSON.parse(map), root) };
}

/** The way back without the SDK's own files: a frame in them is no place of the user's. */
async function placesIn(map, root) {
  const sdk = relative(root, await realpath(SDK)).split(sep).join('/');
  return ownLines(map, (source) => source !== 'dpone-entry.js' && !source.startsWith(`${sdk}/`));
}
