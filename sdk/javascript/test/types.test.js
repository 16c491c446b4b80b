import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** TypeScript is no dependency of the SDK: an author has it, or has no use for the types. */
function compiler() {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve('typescript/package.json');
    return join(dirname(manifest), require(manifest).bin.tsc);
  } catch {
    return process.env.DPONE_TSC;
  }
}

const tsc = compiler();

test('definitions are inferred', { skip: tsc ? false : 'no TypeScript: npm install it, or set DPONE_TSC' }, () => {
  const flags = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext'];
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...flags, join(here, 'typed.ts')], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});
