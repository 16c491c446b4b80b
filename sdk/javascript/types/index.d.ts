// Types of the SDK. They are written by hand: a plugin's options, state and context are inferred
// from its definition, which types derived from the source would lose.

// ---- options ----

/** A declared option; `T` is what the plugin reads. */
export interface Option<T> {
  readonly schema: object;
  readonly optional: boolean;
  readonly read: (value: Value, where: string) => T;
}

export type OptionShape = Readonly<Record<string, Option<any>>>;
export type OptionsOf<O extends OptionShape> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

interface Given { description?: string; optional?: false }
interface Optional { description?: string; optional: true }
type StringRules = { minLength?: number; pattern?: string };
type NumberRules = { minimum?: number; maximum?: number };
type ListRules = { minItems?: number; maxItems?: number };

/** A string. `choices` lists all that are allowed. */
export function string<const C extends string>(settings: { choices: readonly C[] } & StringRules & Optional): Option<C | undefined>;
export function string<const C extends string>(settings: { choices: readonly C[]; default?: NoInfer<C> } & StringRules & Given): Option<C>;
export function string(settings: StringRules & Optional): Option<string | undefined>;
export function string(settings?: StringRules & Given & { default?: string }): Option<string>;
/** A number as JavaScript has it, rounded to 53 bits. */
export function number(settings: NumberRules & Optional): Option<number | undefined>;
export function number(settings?: NumberRules & Given & { default?: number }): Option<number>;
/** A whole number below 2^53. */
export function integer(settings: NumberRules & Optional): Option<number | undefined>;
export function integer(settings?: NumberRules & Given & { default?: number }): Option<number>;
/** A number as the text that the manifest has, never rounded. A default is text too. */
export function decimal(settings: Optional): Option<string | undefined>;
export function decimal(settings?: Given & { default?: string }): Option<string>;
export function boolean(settings: Optional): Option<boolean | undefined>;
export function boolean(settings?: Given & { default?: boolean }): Option<boolean>;
/** A list whose items are all alike. */
export function list<T>(item: Option<T>, settings: ListRules & Optional): Option<T[] | undefined>;
export function list<T>(item: Option<T>, settings?: ListRules & Given & { default?: T[] }): Option<T[]>;
/** One item or a list of them; it is always read as a list. */
export function oneOrMany<T>(item: Option<T>, settings: Optional): Option<T[] | undefined>;
export function oneOrMany<T>(item: Option<T>, settings?: Given & { default?: T[] }): Option<T[]>;
/** An object with fields of its own. */
export function object<const O extends OptionShape>(fields: O, settings: Optional): Option<OptionsOf<O> | undefined>;
export function object<const O extends OptionShape>(fields: O, settings?: Given): Option<OptionsOf<O>>;
/** An object whose field names are free and whose values are all alike. */
export function record<T>(item: Option<T>, settings: Optional): Option<Record<string, T> | undefined>;
export function record<T>(item: Option<T>, settings?: Given & { default?: Record<string, T> }): Option<Record<string, T>>;
/** Any JSON value, as a `Value` that keeps its text. `type` narrows it, as in JSON Schema. */
export function json(settings: { type?: string | string[] } & Optional): Option<Value | undefined>;
export function json(settings?: { type?: string | string[]; default?: unknown } & Given): Option<Value>;

// ---- values ----

export const Kind: {
  readonly missing: 0; readonly null: 1; readonly false: 2; readonly true: 3;
  readonly number: 4; readonly string: 5; readonly array: 6; readonly object: 7;
};
export type Kind = (typeof Kind)[keyof typeof Kind];

/** One JSON value: its text as the source wrote it, and accessors that refuse other kinds. */
export class Value {
  constructor(json?: string, kind?: Kind);
  readonly json: string;
  readonly kind: Kind;
  /** As it is called in messages, such as `a string`. */
  readonly kindName: string;
  /** Neither missing nor null. */
  readonly isPresent: boolean;
  text(): string | undefined;
  boolean(): boolean | undefined;
  /** A number exactly as it was written. */
  numberText(): string | undefined;
  /** A number as JavaScript has it, rounded to 53 bits. */
  number(): number | undefined;
  elements(): Value[] | undefined;
  fields(): Map<string, Value> | undefined;
  /** The whole value as `JSON.parse` gives it, numbers rounded. */
  parse(): unknown;
}

/** Compares the texts of two JSON numbers exactly, as a sort function answers. */
export function compareNumbers(a: string, b: string): number;

/** The values of one field over a batch, one a record. */
export class Column implements Iterable<Value> {
  constructor(jsonTexts?: Iterable<string>);
  static ofTexts(texts: Iterable<string | null | undefined>): Column;
  readonly length: number;
  kind(index: number): Kind;
  json(index: number): string;
  get(index: number): Value;
  text(index: number): string | undefined;
  isPresent(index: number): boolean;
  countPresent(): number;
  mapText(change: (text: string, index: number) => string | null | undefined): Column;
  push(value: Value): this;
  pushJson(json: string): this;
  pushText(text: string | null | undefined): this;
  pushNull(): this;
  pushMissing(): this;
  [Symbol.iterator](): Iterator<Value>;
}

/** One page of the API's answer. It is good for the call that it is handed to. */
export class Page {
  private constructor();
  static forTest(page: string | Uint8Array | {
    status?: number; headers?: [string, string][]; url?: string; body?: string | Uint8Array;
  }): Page;
  readonly status: number;
  readonly url: string;
  header(name: string): string[];
  get(path: string): string | undefined;
  value(path: string): Value;
  text(path: string): string | undefined;
  count(path: string): number | undefined;
  last(path: string): string | undefined;
  body(): Uint8Array;
  bodyText(): string;
}

/** The records of one page. It is good for the call that it is handed to. */
export class Batch {
  private constructor();
  static forTest(ndjson: string, at?: { page?: number }): Batch;
  readonly length: number;
  column(field: string): Column;
  bytes(): Uint8Array;
  lines(): string[];
}

// ---- requests and steps ----

export class Secret { constructor(name: string); readonly name: string }
/** A granted secret as a request's value. */
export function secret(name: string): Secret;
export type RequestValue = string | number | bigint | Secret;

/** What differs from the manifest's own request. It never changes: each method answers a new one. */
export class Request {
  static unchanged(): Request;
  static toUrl(url: string): Request;
  query(name: string, value: RequestValue): Request;
  body(name: string, value: unknown): Request;
  bodyJson(name: string, json: string): Request;
  header(name: string, value: RequestValue): Request;
  method(method: string): Request;
  path(path: string): Request;
  /** A 404 or 400 to it ends the walk as an empty page would: it may ask for more than the API has. */
  mayBePastEnd(): Request;
}

/** Where a page's records are. */
export class Records {
  private constructor();
  private readonly tag: string;
  static none(): Records;
  static at(path: string): Records;
  static bytes(ndjson: string | Uint8Array): Records;
  static rows(rows: Iterable<object>): Records;
}

export class Step<S = undefined> {
  private constructor();
  readonly records: Records;
  readonly next: Request | undefined;
  readonly state: S;
  static first(request: Request): Step<undefined>;
  static first<S>(request: Request, state: S): Step<S>;
  static more(records: Records, request: Request): Step<undefined>;
  static more<S>(records: Records, request: Request, state: S): Step<S>;
  static last(records: Records): Step<undefined>;
  static last<S>(records: Records, state: S): Step<S>;
  readonly ended: Ending | undefined;
  /** Says why the walk ends: a short name in kebab case, one line, and the path or `header NAME` looked at. */
  because(reason: string, message: string, at?: { lookedAt?: string }): Step<S>;
}
export interface Ending { readonly reason: string; readonly message: string; readonly lookedAt?: string }

export interface Slice { readonly id: string; readonly request: Request; readonly lower?: string; readonly upper?: string }
export function slice(id: string, of?: { request?: Request; lower?: string; upper?: string }): Slice;

export class SliceStep<S = undefined> {
  private constructor();
  readonly slices: Slice[];
  readonly next: Request | undefined;
  readonly state: S;
  static first(request: Request): SliceStep<undefined>;
  static first<S>(request: Request, state: S): SliceStep<S>;
  static more(slices: Slice[], request: Request): SliceStep<undefined>;
  static more<S>(slices: Slice[], request: Request, state: S): SliceStep<S>;
  static last(slices: Slice[]): SliceStep<any>;
  static last<S>(slices: Slice[], state: S): SliceStep<S>;
}

// ---- answers of transforms, checks and signers ----

export interface Needs { fields?: readonly string[]; bytes?: boolean }

export class Edits {
  readonly mask: Uint8Array | undefined;
  readonly renames: [string, string][];
  readonly drops: string[];
  readonly columns: [string, Column][];
  keep(records: Iterable<boolean>): this;
  rename(from: string, to: string): this;
  drop(field: string): this;
  set(field: string, values: Column): this;
}
export interface Unchanged { readonly tag: 'unchanged' }
export const unchanged: Unchanged;
export interface Replaced { readonly ndjson: Uint8Array }
export function replaced(ndjson: string | Uint8Array): Replaced;
export type Outcome = Edits | Unchanged | Replaced;

export class Verdict {
  constructor(passed: boolean, message: string, observed?: unknown);
  readonly passed: boolean;
  readonly message: string;
  readonly observed: unknown;
}
export interface Counts { sourceRows: number; rows: number; acknowledged: number | undefined; pages: number }

export interface Occurrence { page: number; record: number }
export const distinct: {
  add(set: string, batch: Batch, fields: string[]): void;
  repeats(set: string): { rows: number; examples: { value: string; first: Occurrence; second: Occurrence }[] };
  clearForTest(): void;
};

export type Hash = 'sha1' | 'sha256' | 'sha512';
export type Termlike = Term | string | Uint8Array;
export class Term { private constructor(); readonly isText: boolean }
export const term: {
  text(text: string): Term;
  bytes(bytes: Uint8Array): Term;
  secret(name: string): Term;
  concat(...parts: Termlike[]): Term;
  hash(hash: Hash, message: Termlike): Term;
  hmac(hash: Hash, key: Termlike, message: Termlike): Term;
  hex(value: Termlike): Term;
  base64(value: Termlike): Term;
  base64url(value: Termlike): Term;
  percent(value: Termlike): Term;
};
export class Signature {
  header(name: string, value: Term | string): this;
  query(name: string, value: Term | string): this;
}
interface OutgoingParts {
  method: string; url: string; headers: [string, string][]; bodySha256: string; sentAt: string; nonce: Uint8Array;
}
/** The request as it is about to be sent, without the connection's own credentials. */
export class Outgoing {
  private constructor();
  static forTest(parts?: Partial<OutgoingParts>): Outgoing;
  readonly method: string;
  readonly url: string;
  readonly headers: [string, string][];
  readonly bodySha256: string;
  readonly sentAt: string;
  readonly nonce: Uint8Array;
  readonly path: string;
  readonly query: string;
  readonly httpDate: string;
  header(name: string): string[];
}

// ---- errors and log ----

export class PluginError extends Error {
  constructor(code: string, message: string, at?: { record?: number; field?: string; cause?: unknown });
  readonly code: string;
  readonly record: number | undefined;
  readonly field: string | undefined;
  readonly blames: 'plugin' | 'answer';
}
/** Thrown where what the API answered is the cause: the run ends as with any other error of the source. */
export class AnswerError extends PluginError {}
/** What came back, whatever its status. */
export class Response {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Decoded from its content encoding, at most `limits.output` bytes. */
  readonly body: Uint8Array;
  /** The first value of a header, by name without regard to case. */
  header(name: string): string | undefined;
  text(): string;
  /** The body's value; numbers are rounded to what JavaScript has. */
  json(): any;
}
export interface OwnRequest {
  /** Absolute, of a host that the manifest grants under `grants.http`. */
  url: string;
  /** GET unless set. */
  method?: string;
  headers?: Readonly<Record<string, RequestValue>>;
  body?: string | Uint8Array;
}
/**
 * Requests of the plugin's own. The host sends them; the time counts towards the call's wall clock. Where
 * there was no answer, `PluginError` with the code `http` is thrown.
 */
export const http: {
  send(request: OwnRequest): Response;
  get(url: string, headers?: Readonly<Record<string, RequestValue>>): Response;
};
export const log: Record<'debug' | 'info' | 'warn' | 'error', (message: string) => void>;

// ---- the five kinds ----

export interface Plugin<Calls> {
  readonly kind: string;
  forTest(options?: object | string, settings?: { recordsPath?: string; secrets?: string[] }): Calls;
}
type Context<O extends OptionShape, P, Rest = {}> = Readonly<{ options: OptionsOf<O>; prepared: P } & Rest>;
type Unprepared<O extends OptionShape, Rest = {}> = Readonly<{ options: OptionsOf<O> } & Rest>;
type Walk = { recordsPath: string };
type Granted = { secrets: string[] };

export interface ExtractorCalls<S> {
  start(): Step<S>;
  next(page: Page, state: S): Step<S>;
  ahead(state: S, n: number): Request[];
}
export function extractor<const O extends OptionShape = {}, P = undefined, S = undefined>(definition: {
  options?: O;
  prepare?(context: Unprepared<O, Walk>): P;
  start(context: Context<O, P, Walk>): Step<S>;
  next(page: Page, state: S, context: Context<O, P, Walk>): Step<NoInfer<S>>;
  ahead?(state: S, n: number, context: Context<O, P, Walk>): Request[];
}): Plugin<ExtractorCalls<S>>;

export function transform<const O extends OptionShape = {}, P = undefined>(definition: {
  options?: O;
  prepare?(context: Unprepared<O>): P;
  needs?(context: Context<O, P>): Needs;
  apply(batch: Batch, context: Context<O, P>): Outcome;
}): Plugin<{ needs: Needs; apply(batch: Batch): Outcome }>;

export function check<const O extends OptionShape = {}, P = undefined, S = undefined>(definition: {
  options?: O;
  stage?: 'before-publish' | 'after-delivery';
  /** What the first call gets. */
  state?: S;
  prepare?(context: Unprepared<O>): P;
  needs?(context: Context<O, P>): Needs;
  observe(batch: Batch, state: S, context: Context<O, P>): NoInfer<S> | void;
  finish(counts: Counts, state: S, context: Context<O, P>): Verdict | { passed: boolean; message: string; observed?: unknown };
}): Plugin<{
  needs: Needs;
  stage: string;
  observe(batch: Batch, state?: S): S;
  finish(counts: Partial<Counts>, state?: S): Verdict;
}>;

/** What is to be cut. */
export interface Load { lower?: string; upper?: string; startedAt: string }
export function slicer<const O extends OptionShape = {}, P = undefined, S = undefined>(definition: {
  options?: O;
  prepare?(context: Unprepared<O>): P;
  start(load: Load, context: Context<O, P>): SliceStep<S> | Slice[];
  next?(page: Page, state: S, context: Context<O, P>): SliceStep<NoInfer<S>> | Slice[];
}): Plugin<{ start(load?: Partial<Load>): SliceStep<S>; next(page: Page, state: S): SliceStep<S> }>;

export function signer<const O extends OptionShape = {}, P = undefined>(definition: {
  options?: O;
  prepare?(context: Unprepared<O, Granted>): P;
  sign(request: Outgoing, context: Context<O, P, Granted>): Signature;
}): Plugin<{ sign(request: Outgoing): Signature }>;
