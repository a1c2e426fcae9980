import { DAY, MINUTE, SECOND } from '@errata/core';
import type { Category, Expectation, MatchedBy, Retryability, Severity } from '@errata/core';
import { uuidV7Time } from '@errata/platform';
import type { PrismaClient } from '../generated/client.js';
import { filterSql, resolveFilters, select } from './filters.js';
import type { EventFilters, ResolvedFilters, Selection, TimeWindow } from './filters.js';
import { binder } from './statement.js';
import type { Binder, Statement } from './statement.js';

/** One stored event as a list shows it. Times in milliseconds; null stands for absent. */
export interface EventRow {
  eventId: string;
  occurredAt: number;
  receivedAt: number;
  digestedAt: number;
  /** Points to the classification; see `readDocumentedEntry`. */
  classId: number;
  code: string;
  tenant: string | null;
  environment: string | null;
  service: string | null;
  release: string | null;
  route: string | null;
  method: string | null;
  status: number | null;
  attempt: number | null;
  catalog: string | null;
  catalogVersion: number | null;
  entryCode: string | null;
  section: string | null;
  category: Category;
  severity: Severity;
  retryability: Retryability;
  expectation: Expectation;
  matchedBy: MatchedBy;
  mismatches: string[];
  /** Cut after {@link MESSAGE_PREVIEW} characters in lists. */
  message: string | null;
  requestId: string | null;
}

/** An event with everything that was kept of it. */
export interface EventDetail extends EventRow {
  detail: Record<string, unknown>;
}

/** Characters of the message that a list shows. */
export const MESSAGE_PREVIEW = 1_000;

/** The place of one event in the order newest first: the key of the page after it. */
export interface EventPosition {
  occurredAt: number;
  eventId: string;
}

const COLUMNS = `
  e.event_id, e.class_id, e.occurred_at, e.received_at, e.digested_at, code.value AS code, tenant.value AS tenant,
  environment.value AS environment, service.value AS service, release.value AS release, route.value AS route,
  nullif(e.status, 0) AS status, nullif(e.attempt, 0) AS attempt,
  nullif(c.catalog, '') AS catalog, nullif(c.catalog_version, 0) AS catalog_version,
  nullif(c.entry_code, '') AS entry_code, nullif(c.section, '') AS section,
  c.category, c.severity, c.retryability, c.expectation, c.matched_by, c.mismatches`;

const NAMES = `
  JOIN classification c ON c.project_id = e.project_id AND c.id = e.class_id
  ${['code', 'tenant', 'environment', 'service', 'release', 'route']
    .map(
      (kind) =>
        `LEFT JOIN dimension_value ${kind} ON ${kind}.project_id = e.project_id AND ${kind}.id = e.${kind}_id`,
    )
    .join('\n  ')}`;

/**
 * One page of raw events, newest first by (occurred_at, event_id). Names are looked up after the page is cut.
 */
export function eventsStatement(
  projectId: number,
  window: TimeWindow,
  filters: ResolvedFilters,
  page: { limit: number; after?: EventPosition },
): Statement {
  const b = binder();
  const text = `
WITH e AS MATERIALIZED (
  SELECT * FROM error_event e
  WHERE e.project_id = ${b.bind(projectId, 'int')} AND e.occurred_at >= ${b.time(window.from)}
    AND e.occurred_at < ${b.time(window.to)}${afterSql(b, page.after)}${filterSql(b, 'e', filters)}
  ORDER BY e.occurred_at DESC, e.event_id DESC LIMIT ${b.bind(page.limit, 'int')}
)
SELECT ${COLUMNS}, e.detail->>'method' AS method, e.detail->>'request_id' AS request_id,
  left(e.detail->>'message', ${MESSAGE_PREVIEW}) AS message
FROM e ${NAMES}
ORDER BY e.occurred_at DESC, e.event_id DESC`;
  return { text, values: b.values };
}

// The first condition is implied by the second, but only it lets the planner leave newer days out.
function afterSql(b: Binder, after: EventPosition | undefined): string {
  if (after === undefined) return '';
  const at = b.time(after.occurredAt);
  return ` AND e.occurred_at <= ${at} AND (e.occurred_at, e.event_id) < (${at}, ${b.bind(after.eventId, 'uuid')})`;
}

/** Raw events of a window, newest first; `next` is set where there are more. */
export async function readEvents(
  db: PrismaClient,
  selection: Selection,
  page: { limit: number; after?: EventPosition },
): Promise<{ events: EventRow[]; next?: EventPosition }> {
  const filters = await resolveFilters(db, selection.projectId, selection.filters);
  if (filters === undefined) return { events: [] };
  const statement = eventsStatement(selection.projectId, selection.window, filters, {
    ...page,
    limit: page.limit + 1,
  });
  const rows = (await select<Row>(db, statement)).map(eventOf);
  const events = rows.slice(0, page.limit);
  const last = events.at(-1);
  if (rows.length <= page.limit || last === undefined) return { events };
  return { events, next: { occurredAt: last.occurredAt, eventId: last.eventId } };
}

/** Finds one event by its id, within a stretch of time where one is given; the newest if several days hold it. */
export function findEventStatement(
  projectId: number,
  eventId: string,
  filters: ResolvedFilters,
  within?: TimeWindow,
): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const id = b.bind(eventId, 'uuid');
  const time =
    within === undefined
      ? ''
      : ` AND e.occurred_at >= ${b.time(within.from)} AND e.occurred_at < ${b.time(within.to)}`;
  const text = `
WITH e AS MATERIALIZED (
  SELECT * FROM error_event e
  WHERE e.project_id = ${project} AND e.event_id = ${id}${time}${filterSql(b, 'e', filters)}
  ORDER BY e.occurred_at DESC LIMIT 1
)
SELECT ${COLUMNS}, e.detail, e.detail->>'method' AS method, e.detail->>'request_id' AS request_id,
  e.detail->>'message' AS message
FROM e ${NAMES}`;
  return { text, values: b.values };
}

/** Distances around the time inside a UUIDv7, nearest first: clients usually make id and time together. */
const HINTS = [10 * SECOND, 10 * MINUTE, DAY];

/**
 * One event with all its detail. Events are stored by time, so a likely time is tried first: the gate's for
 * events that came without one, the one inside a UUIDv7; only then every day, newest first.
 * @param eventId UUID, lower case with dashes
 * @returns undefined where there is none, or none that the filters let through
 */
export async function readEvent(
  db: PrismaClient,
  projectId: number,
  eventId: string,
  asked: EventFilters = {},
): Promise<EventDetail | undefined> {
  const filters = await resolveFilters(db, projectId, asked);
  if (filters === undefined) return undefined;
  for (const within of await likelyTimes(db, projectId, eventId)) {
    const rows = await select<Row>(db, findEventStatement(projectId, eventId, filters, within));
    if (rows[0] !== undefined) return { ...eventOf(rows[0]), detail: rows[0].detail ?? {} };
  }
  return undefined;
}

async function likelyTimes(
  db: PrismaClient,
  projectId: number,
  eventId: string,
): Promise<Array<TimeWindow | undefined>> {
  const gated = await db.$queryRawUnsafe<Array<{ occurred_at: Date }>>(
    `SELECT occurred_at FROM event_gate WHERE project_id = $1::int AND event_id = $2::uuid`,
    projectId,
    eventId,
  );
  const made = uuidV7Time(eventId);
  return [
    ...gated.map((row) => around(row.occurred_at.getTime(), 1)),
    ...(made === undefined ? [] : HINTS.map((distance) => around(made, distance))),
    undefined,
  ];
}

const around = (at: number, distance: number): TimeWindow => ({ from: at - distance, to: at + distance });

interface Row {
  event_id: string;
  occurred_at: Date;
  received_at: Date;
  digested_at: Date;
  class_id: number;
  code: string;
  tenant: string | null;
  environment: string | null;
  service: string | null;
  release: string | null;
  route: string | null;
  method: string | null;
  status: number | null;
  attempt: number | null;
  catalog: string | null;
  catalog_version: number | null;
  entry_code: string | null;
  section: string | null;
  category: Category;
  severity: Severity;
  retryability: Retryability;
  expectation: Expectation;
  matched_by: MatchedBy;
  mismatches: string[];
  message: string | null;
  request_id: string | null;
  detail?: Record<string, unknown>;
}

function eventOf(row: Row): EventRow {
  const { event_id, occurred_at, received_at, digested_at, class_id, catalog_version, entry_code, ...rest } =
    row;
  const { matched_by, request_id, detail: _, ...same } = rest;
  return {
    ...same,
    eventId: event_id,
    occurredAt: occurred_at.getTime(),
    receivedAt: received_at.getTime(),
    digestedAt: digested_at.getTime(),
    classId: class_id,
    catalogVersion: catalog_version,
    entryCode: entry_code,
    matchedBy: matched_by,
    requestId: request_id,
  };
}
