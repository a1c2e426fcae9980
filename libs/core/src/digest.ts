import type { Classification } from './classify.js';
import { classify } from './classify.js';
import type { CompiledCatalogs } from './compile-catalog.js';
import { readResponse } from './envelope/index.js';
import type { ReadResponse } from './envelope/index.js';
import { OTHER, UNCATALOGUED } from './event.js';
import type { ErrorEvent } from './event.js';
import { MINUTE, bucketStart } from './time.js';

/** One event, classified and flattened into what storage writes. Empty text means absent. */
export interface DigestRow {
  eventId: string;
  occurredAt: number;
  timeless: boolean;
  code: string;
  tenant: string;
  environment: string;
  service: string;
  release: string;
  route: string;
  status: number;
  attempt: number;
  classification: Classification;
  /** Code and tenant that the rollup counts under: `__other__` past the cardinality limit. */
  rollupCode: string;
  rollupTenant: string;
  detail: Record<string, unknown>;
  replayOf?: string;
}

export interface DigestPlan {
  projectId: number;
  rows: DigestRow[];
}

/** How many distinct values one project may bring into the rollups of one minute. */
export interface CardinalityLimits {
  codes: number;
  tenants: number;
}

export const DEFAULT_CARDINALITY: CardinalityLimits = { codes: 500, tenants: 2_000 };

/** Distinct values seen per minute of one project: the state of {@link boundCardinality}. */
export type CardinalityState = Map<number, { codes: Set<string>; tenants: Set<string> }>;

const MINUTES_REMEMBERED = 120;

/**
 * Classifies every event of one project's part of a batch.
 * @param state cardinality seen so far; updated in place, so that a flood of made-up tenants in one
 *   minute lands under `__other__` instead of in millions of rollup rows
 */
export function digestBatch(
  projectId: number,
  events: readonly ErrorEvent[],
  catalogs: CompiledCatalogs,
  state: CardinalityState = new Map(),
  limits: CardinalityLimits = DEFAULT_CARDINALITY,
): DigestPlan {
  return { projectId, rows: events.map((event) => digestEvent(event, catalogs, state, limits)) };
}

function digestEvent(
  event: ErrorEvent,
  catalogs: CompiledCatalogs,
  state: CardinalityState,
  limits: CardinalityLimits,
): DigestRow {
  const read = readResponse(event);
  const classification = classify(event, catalogs, read);
  const tenant = event.tenant ?? '';
  const seen = minuteOf(state, event.occurredAt);
  return {
    eventId: event.eventId,
    occurredAt: event.occurredAt,
    timeless: event.timeless ?? false,
    code: classification.code,
    tenant,
    environment: event.environment ?? '',
    service: event.service ?? '',
    release: event.release ?? '',
    route: event.http?.route ?? '',
    status: classification.status,
    attempt: event.attempt ?? 0,
    classification,
    rollupCode: isInvented(classification)
      ? bounded(seen.codes, classification.code, limits.codes)
      : classification.code,
    rollupTenant: tenant === '' ? '' : bounded(seen.tenants, tenant, limits.tenants),
    detail: detailOf(event, read),
    ...(event.replayOf === undefined ? {} : { replayOf: event.replayOf }),
  };
}

function minuteOf(state: CardinalityState, at: number) {
  const minute = bucketStart(at, MINUTE);
  let seen = state.get(minute);
  if (seen === undefined) {
    seen = { codes: new Set(), tenants: new Set() };
    state.set(minute, seen);
    // Oldest first: a Map keeps insertion order, and late minutes are rare.
    if (state.size > MINUTES_REMEMBERED) state.delete(state.keys().next().value as number);
  }
  return seen;
}

// Only codes that no document knows are bounded: a flood of made-up ones must not hide a documented code
// from its rule, and the documented ones are finite anyway.
function isInvented({ matchedBy, code, entryCode }: Classification): boolean {
  const documented = matchedBy === 'code' || matchedBy === 'alias' || code === entryCode;
  return !documented && code !== UNCATALOGUED;
}

function bounded(seen: Set<string>, value: string, limit: number): string {
  if (seen.has(value)) return value;
  if (seen.size >= limit) return OTHER;
  seen.add(value);
  return value;
}

/** What is kept for reading but never counted by: everything the columns do not hold. */
function detailOf(event: ErrorEvent, read: ReadResponse): Record<string, unknown> {
  const detail: Record<string, unknown> = {
    message: event.error?.message ?? read.message,
    type: event.error?.type,
    stack: event.error?.stack,
    details: event.error?.details ?? read.details,
    request_id: event.requestId ?? read.requestId,
    trace_id: event.traceId,
    user: event.user,
    method: event.http?.method,
    retry_after: event.http?.retryAfter ?? read.retryAfter,
    other_codes: read.others.length > 0 ? read.others : undefined,
    response: event.response,
    attributes: event.attributes,
    notes: event.notes,
  };
  return Object.fromEntries(Object.entries(detail).filter(([, value]) => value !== undefined));
}
