import { OTHER } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';
import { dimensionSql, minuteAligned, resolveFilters, rollupWhere, select } from './filters.js';
import type { Dimension, ResolvedFilters, Selection, TimeWindow } from './filters.js';
import { binder } from './statement.js';
import type { Binder, Statement } from './statement.js';

/** Counts of one value, or of everything, along the buckets of a {@link Series}. */
export interface SeriesLine {
  value: string | null;
  total: number;
  counts: number[];
}

export interface Series {
  window: TimeWindow;
  /** Starts of the UTC buckets; the first may lie before the window, which it counts from. */
  buckets: number[];
  lines: SeriesLine[];
}

/** Starts of the buckets, aligned to the epoch, that a window touches. */
export function bucketsOf(window: TimeWindow, interval: number): number[] {
  const first = Math.floor(window.from / interval) * interval;
  const count = Math.max(0, Math.ceil((window.to - first) / interval));
  return Array.from({ length: count }, (_, i) => first + i * interval);
}

const bucketSql = (b: Binder, interval: number, column: string) =>
  `date_bin(make_interval(secs => ${b.bind(interval / 1000, 'float8')}), ${column}, to_timestamp(0))`;

/** @param interval bucket length in milliseconds, a multiple of a minute */
export function plainSeriesStatement(
  projectId: number,
  window: TimeWindow,
  filters: ResolvedFilters,
  interval: number,
): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const text = `
SELECT ${bucketSql(b, interval, 'r.minute')} AS bucket, NULL AS value, sum(r.count)::float8 AS count
FROM error_rollup_minute r WHERE ${rollupWhere(b, project, window, filters)}
GROUP BY 1 ORDER BY 1`;
  return { text, values: b.values };
}

/** Like {@link plainSeriesStatement}, one line for each of the `limit` largest values and one for the rest. */
export function groupedSeriesStatement(
  projectId: number,
  window: TimeWindow,
  filters: ResolvedFilters,
  interval: number,
  group: { by: Dimension; limit: number },
): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const sql = dimensionSql(group.by, project);
  const other = b.bind(OTHER, 'text');
  const text = `
WITH base AS MATERIALIZED (
  SELECT ${bucketSql(b, interval, 'r.minute')} AS bucket, ${sql.key} AS key, sum(r.count) AS count
  FROM error_rollup_minute r ${sql.join}
  WHERE ${rollupWhere(b, project, window, filters)}
  GROUP BY 1, 2
),
named AS (
  SELECT k.key, ${sql.value} AS value, k.total
  FROM (SELECT key, sum(count) AS total FROM base GROUP BY 1) k ${sql.names}
),
-- What the digest already put under "other" joins the rest of this ranking instead of competing in it.
ranked AS (
  SELECT key, value, value IS DISTINCT FROM ${other} AND row_number() OVER (
    ORDER BY value IS NOT DISTINCT FROM ${other}, total DESC, value COLLATE "C") <= ${b.bind(group.limit, 'int')} AS shown
  FROM named
)
SELECT base.bucket, CASE WHEN ranked.shown THEN ranked.value ELSE ${other} END AS value,
  sum(base.count)::float8 AS count
FROM base JOIN ranked ON ranked.key = base.key
GROUP BY 1, 2 ORDER BY 1, 2`;
  return { text, values: b.values };
}

interface SeriesRow {
  bucket: Date;
  value: string | null;
  count: number;
}

/**
 * Counts over time, zero-filled, from rollups; the sum of all lines is the total of the window.
 * @param options.interval bucket length in milliseconds, a multiple of a minute
 * @param options.group makes one line per value, largest first, with the rest under `__other__`
 */
export async function readSeries(
  db: PrismaClient,
  selection: Selection,
  options: { interval: number; group?: { by: Dimension; limit: number } },
): Promise<Series> {
  const { projectId } = selection;
  const { interval, group } = options;
  const window = minuteAligned(selection.window);
  const buckets = bucketsOf(window, interval);
  const filters = await resolveFilters(db, projectId, selection.filters);
  if (filters === undefined) return { window, buckets, lines: group ? [] : [emptyLine(null, buckets)] };
  const statement =
    group === undefined
      ? plainSeriesStatement(projectId, window, filters, interval)
      : groupedSeriesStatement(projectId, window, filters, interval, group);
  const lines = linesOf(await select<SeriesRow>(db, statement), buckets, interval);
  return { window, buckets, lines: group || lines.length > 0 ? lines : [emptyLine(null, buckets)] };
}

const emptyLine = (value: string | null, buckets: readonly number[]): SeriesLine => ({
  value,
  total: 0,
  counts: buckets.map(() => 0),
});

/** Zero-filled lines of rows, largest first, `__other__` last. */
export function linesOf(
  rows: ReadonlyArray<{ bucket: Date; value: string | null; count: number }>,
  buckets: readonly number[],
  interval: number,
): SeriesLine[] {
  const lines = new Map<string | null, SeriesLine>();
  for (const row of rows) {
    const line = lines.get(row.value) ?? emptyLine(row.value, buckets);
    lines.set(row.value, line);
    line.counts[(row.bucket.getTime() - buckets[0]!) / interval]! += row.count;
    line.total += row.count;
  }
  const rest = (line: SeriesLine) => (line.value === OTHER ? 1 : 0);
  return [...lines.values()].sort(
    (a, b) => rest(a) - rest(b) || b.total - a.total || order(a.value, b.value),
  );
}

const order = (a: string | null, b: string | null) => ((a ?? '') < (b ?? '') ? -1 : 1);
