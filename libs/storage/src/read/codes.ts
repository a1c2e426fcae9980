import type { Category, MatchedBy, Retryability, Severity } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';
import { classJoin, minuteAligned, resolveFilters, rollupWhere, select } from './filters.js';
import type { ResolvedFilters, Selection, TimeWindow } from './filters.js';
import { binder } from './statement.js';
import type { Binder, Statement } from './statement.js';
import { readSummary, readTop } from './summary.js';
import type { Summary, Top } from './summary.js';

/** What the events of a code were classified as. */
export interface SeenClass {
  catalog: string | null;
  catalogVersion: number | null;
  entryCode: string | null;
  section: string | null;
  category: Category;
  severity: Severity;
  retryability: Retryability;
  matchedBy: MatchedBy;
}

/** One code that was counted in a window, with its most frequent classification. */
export interface SeenCode {
  code: string;
  count: number;
  tenants: number;
  /** Milliseconds; ever, not only in the window. Null for `__other__`. */
  firstSeenAt: number | null;
  lastSeenAt: number;
  class: SeenClass;
}

const CLASS_COLUMNS = `nullif(c.catalog, '') AS catalog, nullif(c.catalog_version, 0) AS catalog_version,
  nullif(c.entry_code, '') AS entry_code, nullif(c.section, '') AS section,
  c.category, c.severity, c.retryability, c.matched_by`;

/**
 * One page of the codes of a window, by name in byte order: that order stays put while counts move.
 * @param window whole minutes
 */
export function codesStatement(
  projectId: number,
  window: TimeWindow,
  filters: ResolvedFilters,
  page: { limit: number; after?: string },
): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const text = `
WITH grouped AS MATERIALIZED (
  SELECT r.code_id AS id, r.class_id, r.tenant_id, sum(r.count) AS count, max(r.last_at) AS last_at
  FROM error_rollup_minute r WHERE ${rollupWhere(b, project, window, filters)}
  GROUP BY 1, 2, 3
),
page AS (
  SELECT k.*, d.value FROM (
    SELECT id, sum(count) AS count, max(last_at) AS last_at,
      count(DISTINCT tenant_id) FILTER (WHERE tenant_id <> 0) AS tenants
    FROM grouped GROUP BY 1
  ) k JOIN dimension_value d ON d.project_id = ${project} AND d.id = k.id
  ${page.after === undefined ? '' : `WHERE d.value COLLATE "C" > ${b.bind(page.after, 'text')}`}
  ORDER BY d.value COLLATE "C" LIMIT ${b.bind(page.limit, 'int')}
),
r AS (
  SELECT DISTINCT ON (id) id, class_id FROM grouped GROUP BY 1, 2 ORDER BY 1, sum(count) DESC, 2
)
SELECT page.value AS code, page.count::float8 AS count, page.tenants::int AS tenants, page.last_at,
  ${firstSeenSql(b, project, 'page.id', filters)} AS first_at, ${CLASS_COLUMNS}
FROM page JOIN r ON r.id = page.id ${classJoin(project)}
ORDER BY page.value COLLATE "C"`;
  return { text, values: b.values };
}

function firstSeenSql(b: Binder, project: string, code: string, filters: ResolvedFilters): string {
  const tenants =
    filters.tenant === undefined ? '' : ` AND s.tenant_id = ANY (${b.bind(filters.tenant, 'int[]')})`;
  return `(SELECT min(s.first_seen_at) FROM code_tenant_first_seen s
    WHERE s.project_id = ${project} AND s.code_id = ${code}${tenants})`;
}

interface ClassRow {
  catalog: string | null;
  catalog_version: number | null;
  entry_code: string | null;
  section: string | null;
  category: Category;
  severity: Severity;
  retryability: Retryability;
  matched_by: MatchedBy;
}

interface CodeRow extends ClassRow {
  code: string;
  count: number;
  tenants: number;
  last_at: Date;
  first_at: Date | null;
}

const classOf = (row: ClassRow): SeenClass => ({
  catalog: row.catalog,
  catalogVersion: row.catalog_version,
  entryCode: row.entry_code,
  section: row.section,
  category: row.category,
  severity: row.severity,
  retryability: row.retryability,
  matchedBy: row.matched_by,
});

/** Codes seen in a window, from rollups; `next` is the name to go on after. */
export async function readCodes(
  db: PrismaClient,
  selection: Selection,
  page: { limit: number; after?: string },
): Promise<{ window: TimeWindow; codes: SeenCode[]; next?: string }> {
  const window = minuteAligned(selection.window);
  const filters = await resolveFilters(db, selection.projectId, selection.filters);
  if (filters === undefined) return { window, codes: [] };
  const rows = await select<CodeRow>(
    db,
    codesStatement(selection.projectId, window, filters, { ...page, limit: page.limit + 1 }),
  );
  const codes = rows.slice(0, page.limit).map((row) => ({
    code: row.code,
    count: row.count,
    tenants: row.tenants,
    firstSeenAt: row.first_at?.getTime() ?? null,
    lastSeenAt: row.last_at.getTime(),
    class: classOf(row),
  }));
  const next = rows.length > page.limit ? codes.at(-1)?.code : undefined;
  return { window, codes, ...(next === undefined ? {} : { next }) };
}

/** Everything that was counted under one code. */
export interface CodeCounts {
  summary: Summary;
  tenants: Top;
  classes: Array<SeenClass & { count: number }>;
  /** Milliseconds; undefined where the code was never stored for the tenants asked for. */
  firstSeenAt?: number;
}

const TOP_TENANTS = 10;

/** Counts of one code in a window, from rollups. Other filters of the selection apply as well. */
export async function readCode(db: PrismaClient, selection: Selection, code: string): Promise<CodeCounts> {
  const narrowed: Selection = { ...selection, filters: { ...selection.filters, code: [code] } };
  const summary = await readSummary(db, narrowed);
  const tenants = await readTop(db, narrowed, 'tenant', TOP_TENANTS);
  const filters = await resolveFilters(db, selection.projectId, narrowed.filters);
  const classes =
    filters === undefined
      ? []
      : await select<ClassRow & { count: number }>(
          db,
          classesStatement(selection.projectId, summary.window, filters),
        );
  const firstSeenAt = await firstSeen(db, selection, code);
  return {
    summary,
    tenants,
    classes: classes.map((row) => ({ ...classOf(row), count: row.count })),
    ...(firstSeenAt === undefined ? {} : { firstSeenAt }),
  };
}

function classesStatement(projectId: number, window: TimeWindow, filters: ResolvedFilters): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const text = `
WITH r AS (
  SELECT r.class_id, sum(r.count) AS count FROM error_rollup_minute r
  WHERE ${rollupWhere(b, project, window, filters)} GROUP BY 1
)
SELECT ${CLASS_COLUMNS}, r.count::float8 AS count FROM r ${classJoin(project)} ORDER BY r.count DESC, r.class_id`;
  return { text, values: b.values };
}

async function firstSeen(db: PrismaClient, selection: Selection, code: string): Promise<number | undefined> {
  const { tenant } = selection.filters;
  const asked = { code: [code], ...(tenant === undefined ? {} : { tenant }) };
  const filters = await resolveFilters(db, selection.projectId, asked);
  if (filters?.code?.[0] === undefined) return undefined;
  const b = binder();
  const sql = firstSeenSql(b, b.bind(selection.projectId, 'int'), b.bind(filters.code[0], 'int'), filters);
  const rows = await select<{ first_at: Date | null }>(db, {
    text: `SELECT ${sql} AS first_at`,
    values: b.values,
  });
  return rows[0]?.first_at?.getTime();
}
