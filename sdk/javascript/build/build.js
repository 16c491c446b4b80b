// Turns a plugin's project into a WebAssembly component.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { KINDS } from '../src/kinds.js';
import { optionsSchema } from '../src/options.js';
import { BUNDLE, placesOf, userFrame, withPlaces } from '../src/stack.js';
import { bundle } from './bundle.js';
import { BuildError, readProject } from './project.js';

/**
 * Features of the engine that are left out. `clocks` and `random` stay: without them `Date.now()`
 * is the time of the build and `crypto.randomUUID()` repeats itself from run to run, both without a
 * word; with them they are the host's, the same again whenever a run is replayed.
 */
export const DISABLED_FEATURES = ['stdio', 'http', 'fetch-event'];

/**
 * @param {{ project: string, wit: string, out: string, disableFeatures?: string[] }} of
 * @returns {Promise<{ kind: string, name: string, version: string, bytes: number, seconds: number }>}
 */
export async function buildPlugin({ project: folder, wit, out, disableFeatures = DISABLED_FEATURES }) {
  const started = performance.now();
  const project = await readProject(folder);
  const bundled = await bundle(project);
  const stage = await mkdtemp(join(tmpdir(), 'dpone-sdk-'));
  try {
    await writeFile(join(stage, BUNDLE), bundled.code);
    await writeFile(join(stage, 'package.json'), '{"type":"module"}');
    const kind = await kindOf(project, stage, bundled.map);
    await writeFile(join(stage, 'component.js'), entryOf(kind, project, bundled));
    const component = await componentOf({ kind, stage, wit, disableFeatures, map: bundled.map });
    await mkdir(dirname(resolve(out)), { recursive: true });
    await writeFile(out, component);
    const seconds = (performance.now() - started) / 1000;
    return { kind, name: project.name, version: project.version, bytes: component.length, seconds };
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** Loads the module once to see what it exports, and whether its options make a schema. */
async function kindOf({ module }, stage, map) {
  let plugin;
  try {
    ({ plugin } = await import(pathToFileURL(join(stage, BUNDLE)).href));
  } catch (cause) {
    const frame = userFrame(cause?.stack, placesOf(map));
    const at = frame ? ` (at ${frame.file}:${frame.line})` : '';
    throw new BuildError(`${module} fails when it is loaded: ${cause}${at}`, { cause });
  }
  if (!Object.hasOwn(KINDS, plugin?.kind ?? '')) {
    throw new BuildError(`${module} exports no plugin by default; `
      + `write \`export default ${Object.keys(KINDS).join('({ … })`, `')}({ … })\``);
  }
  JSON.parse(optionsSchema(plugin.definition.options ?? {}));
  return plugin.kind;
}

/** The component's module: it holds all imports of the host, so that the bundle also runs without one. */
function entryOf(kind, { name, version }, { code, map }) {
  const distinct = kind === 'check';
  // A plugin that sends no requests should not ask for them.
  const http = code.includes('dpone:plugin/http');
  return [
    `import * as host from 'dpone:plugin/host@0.1.0';`,
    distinct ? `import * as distinct from 'dpone:plugin/distinct@0.1.0';` : 'const distinct = undefined;',
    http ? `import * as http from 'dpone:plugin/http@0.1.0';` : 'const http = undefined;',
    `import { plugin, component } from './${BUNDLE}';`,
    `const map = ${JSON.stringify(map)};`,
    `const of = { name: ${JSON.stringify(name)}, version: ${JSON.stringify(version)}, host, distinct, http, map };`,
    `export const ${kind} = component(plugin, of);`,
    '',
  ].join('\n');
}

async function componentOf({ kind, stage, wit, disableFeatures, map }) {
  // It is loaded late, because it takes half a second and most mistakes are found before.
  const { componentize } = await import('@bytecodealliance/componentize-js');
  try {
    const { component } = await componentize({
      sourcePath: join(stage, 'component.js'),
      witPath: resolve(wit),
      worldName: `${kind}-plugin`,
      disableFeatures,
    });
    return component;
  } catch (cause) {
    const text = withPlaces(cause.message, placesOf(map)).replaceAll(`${stage}/`, '');
    throw new BuildError(`the ${kind} cannot be made a component: ${text}`, { cause });
  }
}
