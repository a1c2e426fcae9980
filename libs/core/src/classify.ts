import type { CatalogEntry } from './catalog.js';
import { codeKeys, documentedStatuses, statusClass } from './compile-catalog.js';
import type { CatalogMatch, CompiledCatalogs } from './compile-catalog.js';
import { statedCode } from './envelope/fields.js';
import type { ReadResponse } from './envelope/index.js';
import { UNCATALOGUED } from './event.js';
import type { Category, ErrorEvent, Expectation, Retryability, Severity } from './event.js';

/** What led from an event to its catalog entry, strongest first. */
export const MATCHED_BY = ['code', 'alias', 'status', 'status_class', 'message', 'none'] as const;
export type MatchedBy = (typeof MATCHED_BY)[number];

export const MISMATCHES = ['status_undocumented', 'retry_after_on_permanent'] as const;
/**
 * Where the answer departs from its documentation: a status that the code's entry does not list, or a
 * Retry-After on an error documented as permanent.
 */
export type Mismatch = (typeof MISMATCHES)[number];

/** Names one catalog entry. */
export interface EntryRef {
  catalog: string;
  entryCode: string;
  section: string;
}

/** The answer to "which documented error is this, and what may the client do?". */
export interface Classification {
  /** The code the event counts under: as reported, else the entry's, else `UNCATALOGUED`. */
  code: string;
  /** HTTP status of the answer, 0 when unknown. */
  status: number;
  /** Empty strings and version 0 when nothing documents the event. */
  catalog: string;
  catalogVersion: number;
  entryCode: string;
  section: string;
  category: Category;
  severity: Severity;
  retryability: Retryability;
  expectation: Expectation;
  matchedBy: MatchedBy;
  /** Values of {@link MISMATCHES}, e.g. `status_undocumented`: documented 403, seen 500. */
  mismatches: string[];
  entry?: CatalogEntry;
  /** Further entries of the same code, in order of precedence. Absent where there is only one. */
  alternatives?: EntryRef[];
}

export type { ErrorEvent };

interface Found {
  match: CatalogMatch;
  by: MatchedBy;
  others: readonly CatalogMatch[];
}

/**
 * Finds the documentation of an event: by code, then by another spelling or alias of the code, then by
 * status, then by class of status. Ids, times and messages play no part. Never throws.
 * @param response what `readResponse` made of the same event
 */
export function classify(
  event: ErrorEvent,
  compiled: CompiledCatalogs,
  response: ReadResponse,
): Classification {
  const status = statusOf(event);
  const reported = statedCode(event.error?.code) ?? response.code;
  const found = findByCode(compiled, reported, status) ?? findByStatus(compiled, status);
  if (found === undefined) return undocumented(reported, status);
  const { entry } = found.match;
  const byCode = found.by === 'code' || found.by === 'alias';
  return {
    code: reported ?? entry.code,
    status,
    catalog: found.match.catalog,
    catalogVersion: found.match.version,
    entryCode: entry.code,
    section: entry.section,
    category: entry.category,
    severity: entry.severity,
    retryability: entry.retry.retryability,
    expectation: entry.expectation,
    matchedBy: found.by,
    mismatches: mismatchesOf(entry, byCode ? status : 0, response.retryAfter ?? event.http?.retryAfter),
    entry,
    ...(found.others.length === 0 ? {} : { alternatives: found.others.map(refOf) }),
  };
}

function statusOf(event: ErrorEvent): number {
  const isStatus = (status: number | undefined) =>
    Number.isInteger(status) && Number(status) >= 100 && Number(status) <= 599;
  return [event.http?.status, event.response?.status].find(isStatus) ?? 0;
}

function findByCode(compiled: CompiledCatalogs, code: string | undefined, status: number): Found | undefined {
  if (code === undefined) return undefined;
  const exact = compiled.codes.get(code);
  if (exact !== undefined) return choose(exact, 'code', status);
  for (const key of codeKeys(code)) {
    const spelled = compiled.aliases.get(key);
    if (spelled !== undefined) return choose(spelled, 'alias', status);
  }
  return undefined;
}

function findByStatus(compiled: CompiledCatalogs, status: number): Found | undefined {
  const match = compiled.statuses.get(status);
  return match === undefined ? undefined : { match, by: match.by, others: [] };
}

/** The entry whose documented status fits best; among equals the first. */
function choose(matches: readonly CatalogMatch[], by: MatchedBy, status: number): Found | undefined {
  let best = matches[0];
  for (const match of matches) {
    if (best !== undefined && statusFit(match.entry, status) > statusFit(best.entry, status)) best = match;
  }
  return best && { match: best, by, others: matches.filter((match) => match !== best) };
}

/** 3 for the very status, 2 for its class, 1 where either side names none, 0 for a contradiction. */
function statusFit(entry: CatalogEntry, status: number): number {
  const statuses = documentedStatuses(entry);
  if (status === 0 || statuses.length === 0) return 1;
  if (statuses.includes(String(status))) return 3;
  return statuses.includes(statusClass(status)) ? 2 : 0;
}

function mismatchesOf(entry: CatalogEntry, status: number, retryAfter: string | undefined): Mismatch[] {
  const mismatches: Mismatch[] = [];
  if (statusFit(entry, status) === 0) mismatches.push('status_undocumented');
  if (entry.retry.retryability === 'permanent' && retryAfter !== undefined) {
    mismatches.push('retry_after_on_permanent');
  }
  return mismatches;
}

function refOf({ catalog, entry }: CatalogMatch): EntryRef {
  return { catalog, entryCode: entry.code, section: entry.section };
}

function undocumented(reported: string | undefined, status: number): Classification {
  return {
    code: reported ?? UNCATALOGUED,
    status,
    catalog: '',
    catalogVersion: 0,
    entryCode: '',
    section: '',
    category: categoryOfStatus(status),
    severity: status >= 500 ? 'high' : 'medium',
    retryability: retryabilityOfStatus(status),
    expectation: 'normal',
    matchedBy: 'none',
    mismatches: [],
  };
}

const CATEGORY_BY_STATUS: ReadonlyMap<number, Category> = new Map([
  ...[401, 407, 511].map((status) => [status, 'authentication'] as const),
  [403, 'authorization'],
  [402, 'billing'],
  ...[404, 410].map((status) => [status, 'not_found'] as const),
  ...[409, 412, 423, 428].map((status) => [status, 'conflict'] as const),
  ...[400, 411, 413, 414, 415, 416, 422, 431].map((status) => [status, 'validation'] as const),
  [429, 'rate_limit'],
  ...[408, 425, 502, 503, 504].map((status) => [status, 'availability'] as const),
]);

/** Category of an HTTP status that nothing documents (RFC 9110, RFC 6585). */
export function categoryOfStatus(status: number): Category {
  const known = CATEGORY_BY_STATUS.get(status);
  if (known !== undefined) return known;
  if (status >= 500) return 'server';
  return status >= 400 ? 'client' : 'other';
}

const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);
const CONDITIONAL_STATUSES: ReadonlySet<number> = new Set([401, 402, 407, 409, 423, 424, 511]);

/**
 * Retryability of an HTTP status that nothing documents (RFC 9110 §15, RFC 6585, RFC 8470). A plain 500
 * stays `unknown`: the RFC does not say that the same request may succeed, and the catalog that
 * would say so is not attached.
 */
export function retryabilityOfStatus(status: number): Retryability {
  if (RETRYABLE_STATUSES.has(status)) return 'retryable';
  if (CONDITIONAL_STATUSES.has(status)) return 'conditional';
  return status >= 400 && status <= 499 ? 'permanent' : 'unknown';
}
