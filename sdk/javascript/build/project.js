// What the build reads of a plugin's project: its name, its version and its module.

import { access, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const MODULES = ['plugin.js', 'plugin.mjs', 'plugin.ts'];

/** A mistake in the project or the call, with its remedy; it is shown without a stack. */
export class BuildError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'BuildError';
  }
}

async function exists(path) {
  return access(path).then(() => true, () => false);
}

/**
 * @param {string} folder
 * @returns {Promise<{ folder: string, name: string, version: string, module: string }>}
 */
export async function readProject(folder) {
  const root = resolve(folder);
  const path = join(root, 'package.json');
  let manifest;
  try {
    manifest = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const why = cause.code === 'ENOENT' ? 'there is none' : cause.message;
    throw new BuildError(`${path} cannot be read: ${why}; a plugin's name and version come from it`, { cause });
  }
  for (const field of ['name', 'version']) {
    if (typeof manifest[field] !== 'string' || manifest[field] === '') {
      throw new BuildError(`${path} has no "${field}"; the plugin's ${field} comes from it`);
    }
  }
  const candidates = typeof manifest.main === 'string' ? [manifest.main] : MODULES;
  for (const candidate of candidates) {
    if (await exists(join(root, candidate))) {
      // A scope says who publishes a package, which is no part of a plugin's name.
      return { folder: root, name: manifest.name.replace(/^@[^/]*\//, ''), version: manifest.version, module: candidate };
    }
  }
  throw new BuildError(`there is no ${candidates.join(', ')} in ${root}; `
    + 'write the plugin there, or name its file as "main" in package.json');
}
