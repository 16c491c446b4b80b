#!/usr/bin/env node
// The command that `dpone plugin build` runs.

import { parseArgs } from 'node:util';

const USAGE = 'usage: dpone-sdk-build PROJECT_DIR --wit WIT_DIR --out FILE.wasm';

function argumentsOf(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { wit: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return undefined;
  if (positionals.length !== 1 || !values.wit || !values.out) {
    throw new TypeError('one project, --wit and --out are needed');
  }
  return { project: positionals[0], wit: values.wit, out: values.out };
}

async function main() {
  let of;
  try {
    of = argumentsOf(process.argv.slice(2));
  } catch (error) {
    console.error(`error: ${error.message}\n${USAGE}`);
    return 2;
  }
  if (!of) {
    console.log(USAGE);
    return 0;
  }
  try {
    const { buildPlugin } = await import('../build/build.js');
    const { kind, name, version, bytes, seconds } = await buildPlugin(of);
    console.log(`${of.out}: ${kind} ${name} ${version}, ${(bytes / 1e6).toFixed(1)} MB, built in ${seconds.toFixed(1)} s`);
    return 0;
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') {
      console.error(`error: ${error.message}\n  hint: run \`npm install\` in the plugin's project first`);
    } else {
      console.error(`error: ${error.name === 'BuildError' ? error.message : error.stack}`);
    }
    return 1;
  }
}

process.exitCode = await main();
