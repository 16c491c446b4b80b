import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ownLines } from '../build/places.js';
import { readProject } from '../build/project.js';

const CLI = fileURLToPath(new URL('../bin/dpone-sdk-build.js', import.meta.url));
const missing = await import('../build/build.js').then(() => false, () => 'no dependencies: npm install');
// Making a component takes 5 seconds and the contract: it is left to those who name the contract.
const wit = process.env.DPONE_WIT;

const folders = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function project(files) {
  const folder = await mkdtemp(join(tmpdir(), 'dpone-sdk-test-'));
  folders.push(folder);
  const manifest = JSON.stringify({ name: '@acme/orders', version: '1.2.3' });
  for (const [name, text] of Object.entries({ 'package.json': manifest, ...files })) await writeFile(join(folder, name), text);
  return folder;
}

function build(folder, witFolder = folder) {
  const args = [CLI, folder, '--wit', witFolder, '--out', join(folder, 'out.wasm')];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('a project is read, and what is missing is named', async () => {
  const { name, version, module } = await readProject(await project({ 'plugin.ts': '' }));
  assert.deepEqual([name, version, module], ['orders', '1.2.3', 'plugin.ts']);
  await assert.rejects(readProject(await project({})), /there is no plugin.js, plugin.mjs, plugin.ts/);
  await assert.rejects(readProject(await project({ 'package.json': '{"name":"a"}' })), /has no "version"/);
  await assert.rejects(readProject(tmpdir()), /package.json cannot be read: there is none/);
});

test('source maps are read', () => {
  const map = { sources: ['a.js', 'sdk.js'], mappings: 'AAAA;AACA,IAAI;;ACDJ;ADEA' };
  assert.deepEqual(ownLines(map, (source) => source === 'a.js'), {
    sources: ['a.js', null],
    lines: { 1: [0, 0, 1], 2: [0, 0, 2, 4, 0, 2], 5: [0, 0, 3] },
  });
});

test('wrong arguments end with the usage', () => {
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'x'], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /--wit and --out are needed\nusage: dpone-sdk-build/);
});

test('mistakes in a module are shown with their place', { skip: missing }, async () => {
  for (const [text, message] of [
    ['export default 1', /plugin.js exports no plugin by default; write `export default extractor/],
    ['let a = ;', /plugin.js:1:8/],
    ["import 'node:fs';\nexport default 1", /node:fs is a part of Node.js, which no plugin has/],
    ["import { check } from '@dpone/sdk';\nexport default check({\n  observe() {},\n});", /the check defines no finish\(\).*\(at plugin.js:2\)/],
  ]) {
    const { status, stderr } = build(await project({ 'plugin.js': text }));
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
});

test('a module becomes a component', { skip: missing || (wit ? false : 'set DPONE_WIT to the contract') }, async () => {
  const folder = await project({ 'plugin.js': "import { check } from '@dpone/sdk';\nexport default check({ observe() {}, finish: () => ({ passed: true, message: 'ok' }) });" });
  const { status, stdout, stderr } = build(folder, wit);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /check orders 1.2.3, \d+\.\d MB, built in/);
  const component = await readFile(join(folder, 'out.wasm'));
  assert.deepEqual([...component.subarray(0, 8)], [0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]);
  const { componentWit } = await import('@bytecodealliance/jco');
  const text = await componentWit(component);
  const imports = [...text.matchAll(/import (\S+)@/g)].map(([, name]) => name).filter((name) => name.startsWith('wasi:'));
  assert.deepEqual(imports.sort(), [
    'wasi:cli/stderr', 'wasi:clocks/monotonic-clock', 'wasi:clocks/wall-clock', 'wasi:io/error', 'wasi:io/poll',
    'wasi:io/streams', 'wasi:random/random',
  ]);
});
