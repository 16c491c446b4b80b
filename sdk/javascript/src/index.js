// Plugins for dpone in JavaScript and TypeScript.

export { Batch } from './batch.js';
export { Column, Kind, Value } from './column.js';
export { Plugin, check, extractor, signer, slicer, transform } from './define.js';
export { distinct } from './distinct.js';
export { Edits, replaced, unchanged } from './edits.js';
export { AnswerError, PluginError } from './error.js';
export { Response, http } from './http.js';
export { log } from './log.js';
export { compareNumbers } from './numbers.js';
export { boolean, decimal, integer, json, list, number, object, oneOrMany, record, string } from './options.js';
export { Page } from './page.js';
export { Records, Request, Secret, Step, secret } from './request.js';
export { SliceStep, slice } from './slices.js';
export { Outgoing, Signature, Term, term } from './terms.js';
export { Verdict } from './verdict.js';
