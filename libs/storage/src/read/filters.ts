import type { Category, Retryability, Severity } from '@errata/core';
import { MINUTE } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';
import { ABSENT } from '../write/dictionary.js';
import type { Binder, Statement } from './statement.js';
import { binder } from './statement.js';

/** What to look at. Several values of one filter mean "any of them"; an empty text means "names none". */
export interface EventFilters {
  code?: readonly string[];
  tenant?: readonly string[];
  environment?: readonly string[];
  service?: readonly string[];
  /** HTTP statuses; 0 stands for events without one. */
  status?: readonly number[];
  retryability?: readonly Retryability[];
  category?: readonly Category[];
  severity?: readonly Severity[];
}

/** Milliseconds since the epoch: from inclusive, to exclusive. */
export interface TimeWindow {
  from: number;
  to: number;
}

/** One project, a stretch of time, and what to look at in it. */
export interface Selection {
  projectId: number;
  window: TimeWindow;
  filters: EventFilters;
}

/** The same filters as the numbers that events and rollups store. An absent key filters nothing. */
export interface ResolvedFilters {
  code?: number[];
  tenant?: number[];
  environment?: number[];
  service?: number[];
  class?: number[];
  status?: number[];
}

const DICTIONARY_KEYS = ['code', 'tenant', 'environment', 'service'] as const;
const CLASS_KEYS = ['retryability', 'category', 'severity'] as const;

/** Widens a window to whole minutes, the grain of the rollups. */
export function minuteAligned(window: TimeWindow): TimeWindow {
  return {
    from: Math.floor(window.from / MINUTE) * MINUTE,
    to: Math.ceil(window.to / MINUTE) * MINUTE,
  };
}

/** The window of the same length that ends where this one begins. */
export function previousWindow(window: TimeWindow): TimeWindow {
  return { from: window.from - (window.to - window.from), to: window.from };
}

/**
 * Looks the names of the filters up in the project's dictionaries.
 * @returns undefined where a filter names only what this project has never seen: nothing can match
 */
export async function resolveFilters(
  db: PrismaClient,
  projectId: number,
  filters: EventFilters,
): Promise<ResolvedFilters | undefined> {
  const resolved: ResolvedFilters = {
    ...(await resolveNames(db, projectId, filters)),
    ...(await resolveClasses(db, projectId, filters)),
    ...(filters.status === undefined ? {} : { status: [...filters.status] }),
  };
  return Object.values(resolved).some((ids: number[]) => ids.length === 0) ? undefined : resolved;
}

async function resolveNames(
  db: PrismaClient,
  projectId: number,
  filters: EventFilters,
): Promise<ResolvedFilters> {
  const asked = DICTIONARY_KEYS.filter((key) => filters[key] !== undefined);
  // No stored text holds NUL, and Postgres refuses a parameter that does.
  const pairs = asked.flatMap((kind) => filters[kind]!.map((value) => ({ kind, value })));
  const known = pairs.filter(({ value }) => value !== '' && !value.includes('\0'));
  const rows = known.length === 0 ? [] : await selectIds(db, projectId, known);
  return Object.fromEntries(
    asked.map((kind) => [
      kind,
      [
        ...(filters[kind]!.includes('') ? [ABSENT] : []),
        ...rows.filter((row) => row.kind === kind).map((row) => row.id),
      ],
    ]),
  );
}

function selectIds(
  db: PrismaClient,
  projectId: number,
  pairs: ReadonlyArray<{ kind: string; value: string }>,
) {
  return db.$queryRawUnsafe<Array<{ kind: string; id: number }>>(
    `SELECT kind, id FROM dimension_value
     WHERE project_id = $1::int AND (kind, value) IN (SELECT * FROM unnest($2::text[], $3::text[]))`,
    projectId,
    pairs.map((pair) => pair.kind),
    pairs.map((pair) => pair.value),
  );
}

async function resolveClasses(db: PrismaClient, projectId: number, filters: EventFilters) {
  const asked = CLASS_KEYS.filter((key) => filters[key] !== undefined);
  if (asked.length === 0) return {};
  const b = binder();
  const project = b.bind(projectId, 'int');
  const conditions = asked.map((key) => `AND ${key} = ANY (${b.bind(filters[key], 'text[]')})`);
  const rows = await db.$queryRawUnsafe<Array<{ id: number }>>(
    `SELECT id FROM classification WHERE project_id = ${project} ${conditions.join(' ')}`,
    ...b.values,
  );
  return { class: rows.map((row) => row.id) };
}

/** ` AND …` conditions for a table with the id columns of events and rollups. */
export function filterSql(b: Binder, alias: string, filters: ResolvedFilters): string {
  const columns = Object.entries(filters) as Array<[keyof ResolvedFilters, number[] | undefined]>;
  return columns
    .filter(([, ids]) => ids !== undefined)
    .map(([key, ids]) =>
      key === 'status'
        ? ` AND ${alias}.status = ANY (${b.bind(ids, 'smallint[]')})`
        : ` AND ${alias}.${key}_id = ANY (${b.bind(ids, 'int[]')})`,
    )
    .join('');
}

/** Condition of the rollup `r`: a window of whole minutes and the filters. */
export function rollupWhere(
  b: Binder,
  project: string,
  window: TimeWindow,
  filters: ResolvedFilters,
): string {
  const time = `r.minute >= ${b.time(window.from)} AND r.minute < ${b.time(window.to)}`;
  return `r.project_id = ${project} AND ${time}${filterSql(b, 'r', filters)}`;
}

/** What the rollups can be grouped by. */
export const DIMENSIONS = [
  'code',
  'tenant',
  'environment',
  'service',
  'status',
  'retryability',
  'category',
  'severity',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** How one dimension is read: grouped by a number where there is one, named once the groups are few. */
export interface DimensionSql {
  /** Expression over the rollup `r` (and the classification `c`). */
  key: string;
  join: string;
  /** Name of a group `k`; null where the events name none. */
  value: string;
  names: string;
}

/** @param project placeholder of the project id */
export function dimensionSql(dimension: Dimension, project: string): DimensionSql {
  switch (dimension) {
    case 'status':
      return { key: 'r.status::int', join: '', value: 'nullif(k.key, 0)::text', names: '' };
    case 'retryability':
    case 'category':
    case 'severity':
      return { key: `c.${dimension}`, join: classJoin(project), value: 'k.key', names: '' };
    default:
      return {
        key: `r.${dimension}_id`,
        join: '',
        value: 'd.value',
        names: `LEFT JOIN dimension_value d ON d.project_id = ${project} AND d.id = k.key`,
      };
  }
}

/** Joins the rollup `r` with what its classification said. */
export function classJoin(project: string): string {
  return `JOIN classification c ON c.project_id = ${project} AND c.id = r.class_id`;
}

/** Runs a statement. */
export function select<T>(db: PrismaClient, statement: Statement): Promise<T[]> {
  return db.$queryRawUnsafe<T[]>(statement.text, ...statement.values);
}
