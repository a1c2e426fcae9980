/**
 * Reading values out of bodies that nobody has checked: every function here takes `unknown`, never
 * throws, and looks at a bounded part of its input.
 */

/** Longest text that can still be a code; longer ones are prose and are ignored. */
const MAX_CODE = 128;
const MAX_TEXT = 2_000;
const MAX_DEPTH = 8;
const MAX_NODES = 500;
const MAX_ITEMS = 50;

/** Words of one case joined by `_`, `.` or `-`: the two alternatives start with different letters. */
const TOKEN = /^(?:[A-Z][A-Z0-9]*(?:[_.-][A-Z0-9]+)+|[a-z][a-z0-9]*(?:[_.-][a-z0-9]+)+)$/;

export type JsonRecord = Record<string, unknown>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own property, so that a body cannot reach for `constructor` or `toString`. */
export function own(record: JsonRecord, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The first of several own properties that is a text. */
export function firstText(record: JsonRecord, names: readonly string[]): string | undefined {
  for (const name of names) {
    const found = text(own(record, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

const REQUEST_IDS = [
  'request_id',
  'requestId',
  'requestID',
  'traceId',
  'trace_id',
  'correlationId',
  'correlation_id',
];

/** The id under which the API knows the request, from the members that usually carry it. */
export function requestIdOf(record: JsonRecord): string | undefined {
  return firstText(record, REQUEST_IDS);
}

/** An HTTP status, 100 to 599, as a number or as digits. */
export function httpStatusOf(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof status === 'number' && Number.isInteger(status) && status >= 100 && status <= 599
    ? status
    : undefined;
}

/** The records among the first 50 items of a list; nothing where the value is no list. */
export function recordsIn(value: unknown): JsonRecord[] {
  return Array.isArray(value) ? value.slice(0, MAX_ITEMS).filter(isRecord) : [];
}

/** The first of several own properties that is a code. */
export function firstCode(record: JsonRecord, names: readonly string[]): string | undefined {
  for (const name of names) {
    const found = codeOf(own(record, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Every code that the named own properties hold, in the order of the names. */
export function codesAt(record: JsonRecord, names: readonly string[]): string[] {
  return names.map((name) => codeOf(own(record, name))).filter((code) => code !== undefined);
}

/** Text without NUL and lone surrogates, which Postgres refuses, cut to 2,000 characters. */
export function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const clean = storable(value.slice(0, MAX_TEXT)).trim();
  return clean === '' ? undefined : clean;
}

/**
 * A machine-readable code. Integers count, as some APIs number their errors. White space inside,
 * control characters or more than 128 characters mean that the value is not a code.
 */
export function codeOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value !== 'string' || value.length > 2 * MAX_CODE) return undefined;
  const clean = value.trim();
  if (clean === '' || clean.length > MAX_CODE || /[\s\p{Cc}]/u.test(clean)) return undefined;
  return storable(clean);
}

/**
 * A text in a place that may hold a code or a sentence: `rate_limited`, `EMAIL_TAKEN`, `user.not_found`
 * are codes, a single plain word such as `Forbidden` is not.
 */
export function tokenOf(value: unknown): string | undefined {
  const code = typeof value === 'string' ? codeOf(value) : undefined;
  return code !== undefined && TOKEN.test(code) ? code : undefined;
}

/** A code that the client states itself: taken as it is, since it says that this is the code. */
export function statedCode(value: unknown): string | undefined {
  return typeof value === 'number' ? codeOf(value) : text(value);
}

/**
 * A copy of a details value that is safe to store: at most 8 levels, 500 values and 2,000
 * characters per text; deeper levels become `…`, what comes after is left out. Empty values become `undefined`.
 */
export function detailsOf(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return undefined;
  if (Array.isArray(value) && value.length === 0) return undefined;
  if (isRecord(value) && Object.keys(value).length === 0) return undefined;
  return bounded(value, MAX_DEPTH, { left: MAX_NODES });
}

function bounded(value: unknown, depth: number, budget: { left: number }): unknown {
  budget.left -= 1;
  if (typeof value === 'string') return storable(value.slice(0, MAX_TEXT));
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean' || value === null) return value;
  if (typeof value !== 'object') return null;
  if (depth === 0 || budget.left <= 0) return '…';
  return Array.isArray(value) ? boundedArray(value, depth, budget) : boundedRecord(value, depth, budget);
}

function boundedArray(value: readonly unknown[], depth: number, budget: { left: number }): unknown[] {
  const copy: unknown[] = [];
  for (const item of value) {
    if (budget.left <= 0) break;
    copy.push(bounded(item, depth - 1, budget));
  }
  return copy;
}

function boundedRecord(value: object, depth: number, budget: { left: number }): JsonRecord {
  const copy: [string, unknown][] = [];
  for (const key of Object.keys(value)) {
    if (budget.left <= 0) break;
    copy.push([storable(key.slice(0, MAX_TEXT)), bounded((value as JsonRecord)[key], depth - 1, budget)]);
  }
  return Object.fromEntries(copy);
}

/** Most texts have nothing to mend, and one pass over them says so. */
function storable(value: string): string {
  if (!/[\u0000\ud800-\udfff]/.test(value)) return value;
  return value.replaceAll('\u0000', '').replace(/[\ud800-\udfff]/gu, '\ufffd');
}
