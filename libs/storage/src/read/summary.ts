import type { PrismaClient } from '../generated/client.js';
import {
  classJoin,
  dimensionSql,
  minuteAligned,
  previousWindow,
  resolveFilters,
  rollupWhere,
  select,
} from './filters.js';
import type { Dimension, ResolvedFilters, Selection, TimeWindow } from './filters.js';
import { binder } from './statement.js';
import type { Statement } from './statement.js';

/** A value and how often it was counted; null stands for events that name none. */
export interface Counted {
  value: string | null;
  count: number;
}

/** Totals of a window. `distinct*` count `__other__` as one and "absent" not at all. */
export interface Summary {
  window: TimeWindow;
  total: number;
  previousTotal: number;
  distinctCodes: number;
  distinctTenants: number;
  /** Milliseconds; undefined where the window holds nothing. */
  newestAt?: number;
  byRetryability: Counted[];
  byCategory: Counted[];
  byStatus: Counted[];
}

/** @param window whole minutes */
export function summaryStatement(projectId: number, window: TimeWindow, filters: ResolvedFilters): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const text = `
WITH base AS MATERIALIZED (
  SELECT r.code_id, r.tenant_id, r.class_id, r.status, sum(r.count) AS count, max(r.last_at) AS last_at
  FROM error_rollup_minute r WHERE ${rollupWhere(b, project, window, filters)}
  GROUP BY 1, 2, 3, 4
),
classed AS (
  SELECT c.retryability, c.category, sum(r.count) AS count FROM base r ${classJoin(project)} GROUP BY 1, 2
)
SELECT 'total' AS part, NULL AS value, coalesce(sum(count), 0)::float8 AS count,
  count(DISTINCT code_id) FILTER (WHERE code_id <> 0)::int AS codes,
  count(DISTINCT tenant_id) FILTER (WHERE tenant_id <> 0)::int AS tenants, max(last_at) AS last_at
FROM base
UNION ALL
SELECT 'previous', NULL, coalesce(sum(r.count), 0)::float8, NULL, NULL, NULL
FROM error_rollup_minute r WHERE ${rollupWhere(b, project, previousWindow(window), filters)}
UNION ALL
SELECT 'retryability', retryability, sum(count)::float8, NULL, NULL, NULL FROM classed GROUP BY 2
UNION ALL
SELECT 'category', category, sum(count)::float8, NULL, NULL, NULL FROM classed GROUP BY 2
UNION ALL
SELECT 'status', nullif(status, 0)::text, sum(count)::float8, NULL, NULL, NULL FROM base GROUP BY 2
ORDER BY 3 DESC, 2`;
  return { text, values: b.values };
}

interface SummaryRow {
  part: string;
  value: string | null;
  count: number;
  codes: number | null;
  tenants: number | null;
  last_at: Date | null;
}

/** Counts of a window, of the window before it, and by what may be done about them; from rollups. */
export async function readSummary(db: PrismaClient, selection: Selection): Promise<Summary> {
  const window = minuteAligned(selection.window);
  const filters = await resolveFilters(db, selection.projectId, selection.filters);
  const rows =
    filters === undefined
      ? []
      : await select<SummaryRow>(db, summaryStatement(selection.projectId, window, filters));
  const part = (name: string) => rows.filter((row) => row.part === name);
  const counted = (name: string) => part(name).map(({ value, count }) => ({ value, count }));
  const total = part('total')[0];
  const newest = total?.last_at ?? null;
  return {
    window,
    total: total?.count ?? 0,
    previousTotal: part('previous')[0]?.count ?? 0,
    distinctCodes: total?.codes ?? 0,
    distinctTenants: total?.tenants ?? 0,
    ...(newest === null ? {} : { newestAt: newest.getTime() }),
    byRetryability: counted('retryability'),
    byCategory: counted('category'),
    byStatus: counted('status'),
  };
}

/** One value of a dimension in a window. */
export interface TopItem extends Counted {
  previous: number;
  lastAt: number;
}

export interface Top {
  window: TimeWindow;
  /** Of everything selected, not only of the items returned. */
  total: number;
  /** How many values there are, of which `items` are the most frequent. */
  values: number;
  items: TopItem[];
}

/** @param window whole minutes */
export function topStatement(
  projectId: number,
  window: TimeWindow,
  filters: ResolvedFilters,
  by: Dimension,
  limit: number,
): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const from = b.time(window.from);
  const sql = dimensionSql(by, project);
  const text = `
WITH k AS (
  SELECT ${sql.key} AS key,
    sum(r.count) FILTER (WHERE r.minute >= ${from}) AS count,
    coalesce(sum(r.count) FILTER (WHERE r.minute < ${from}), 0) AS previous,
    max(r.last_at) FILTER (WHERE r.minute >= ${from}) AS last_at
  FROM error_rollup_minute r ${sql.join}
  WHERE ${rollupWhere(b, project, { from: previousWindow(window).from, to: window.to }, filters)}
  GROUP BY 1
)
SELECT ${sql.value} AS value, k.count::float8 AS count, k.previous::float8 AS previous, k.last_at,
  sum(k.count) OVER ()::float8 AS total, count(*) OVER ()::int AS values
FROM k ${sql.names}
WHERE k.count IS NOT NULL
ORDER BY k.count DESC, ${sql.value} COLLATE "C" LIMIT ${b.bind(limit, 'int')}`;
  return { text, values: b.values };
}

interface TopRow {
  value: string | null;
  count: number;
  previous: number;
  last_at: Date;
  total: number;
  values: number;
}

/** The most frequent values of one dimension, with their counts in the window before; from rollups. */
export async function readTop(
  db: PrismaClient,
  selection: Selection,
  by: Dimension,
  limit: number,
): Promise<Top> {
  const window = minuteAligned(selection.window);
  const filters = await resolveFilters(db, selection.projectId, selection.filters);
  const rows =
    filters === undefined
      ? []
      : await select<TopRow>(db, topStatement(selection.projectId, window, filters, by, limit));
  return {
    window,
    total: rows[0]?.total ?? 0,
    values: rows[0]?.values ?? 0,
    items: rows.map(({ value, count, previous, last_at }) => ({
      value,
      count,
      previous,
      lastAt: last_at.getTime(),
    })),
  };
}
