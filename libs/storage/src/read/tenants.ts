import type { PrismaClient } from '../generated/client.js';
import { minuteAligned, resolveFilters, rollupWhere, select } from './filters.js';
import type { ResolvedFilters, Selection, TimeWindow } from './filters.js';
import { binder } from './statement.js';
import type { Statement } from './statement.js';

/** One tenant that met errors in a window. */
export interface SeenTenant {
  tenant: string;
  count: number;
  codes: number;
  topCode: string;
  /** Milliseconds: when the first of the codes seen in the window met this tenant for the first time ever. */
  firstSeenAt: number | null;
  lastSeenAt: number;
}

/**
 * One page of the tenants of a window, by name in byte order: that order stays put while counts move.
 * @param window whole minutes
 */
export function tenantsStatement(
  projectId: number,
  window: TimeWindow,
  filters: ResolvedFilters,
  page: { limit: number; after?: string },
): Statement {
  const b = binder();
  const project = b.bind(projectId, 'int');
  const text = `
WITH grouped AS MATERIALIZED (
  SELECT r.tenant_id AS id, r.code_id, sum(r.count) AS count, max(r.last_at) AS last_at
  FROM error_rollup_minute r
  WHERE r.tenant_id <> 0 AND ${rollupWhere(b, project, window, filters)}
  GROUP BY 1, 2
),
page AS (
  SELECT k.*, d.value FROM (
    SELECT id, sum(count) AS count, max(last_at) AS last_at, count(*) AS codes FROM grouped GROUP BY 1
  ) k JOIN dimension_value d ON d.project_id = ${project} AND d.id = k.id
  ${page.after === undefined ? '' : `WHERE d.value COLLATE "C" > ${b.bind(page.after, 'text')}`}
  ORDER BY d.value COLLATE "C" LIMIT ${b.bind(page.limit, 'int')}
),
main AS (
  SELECT DISTINCT ON (id) id, code_id FROM grouped ORDER BY id, count DESC, code_id
),
first AS (
  SELECT grouped.id, min(s.first_seen_at) AS first_at FROM grouped
  JOIN code_tenant_first_seen s
    ON s.project_id = ${project} AND s.code_id = grouped.code_id AND s.tenant_id = grouped.id
  WHERE grouped.id IN (SELECT id FROM page) GROUP BY 1
)
SELECT page.value AS tenant, page.count::float8 AS count, page.codes::int AS codes, page.last_at,
  code.value AS top_code, first.first_at
FROM page JOIN main ON main.id = page.id LEFT JOIN first ON first.id = page.id
  JOIN dimension_value code ON code.project_id = ${project} AND code.id = main.code_id
ORDER BY page.value COLLATE "C"`;
  return { text, values: b.values };
}

interface Row {
  tenant: string;
  count: number;
  codes: number;
  last_at: Date;
  top_code: string;
  first_at: Date | null;
}

/** Tenants seen in a window, from rollups; `next` is the name to go on after. */
export async function readTenants(
  db: PrismaClient,
  selection: Selection,
  page: { limit: number; after?: string },
): Promise<{ window: TimeWindow; tenants: SeenTenant[]; next?: string }> {
  const window = minuteAligned(selection.window);
  const filters = await resolveFilters(db, selection.projectId, selection.filters);
  if (filters === undefined) return { window, tenants: [] };
  const rows = await select<Row>(
    db,
    tenantsStatement(selection.projectId, window, filters, { ...page, limit: page.limit + 1 }),
  );
  const tenants = rows.slice(0, page.limit).map((row) => ({
    tenant: row.tenant,
    count: row.count,
    codes: row.codes,
    topCode: row.top_code,
    firstSeenAt: row.first_at?.getTime() ?? null,
    lastSeenAt: row.last_at.getTime(),
  }));
  const next = rows.length > page.limit ? tenants.at(-1)?.tenant : undefined;
  return { window, tenants, ...(next === undefined ? {} : { next }) };
}
