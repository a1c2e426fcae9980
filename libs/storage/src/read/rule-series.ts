import { GROUP_DIMENSIONS, effectiveFilters, relevantMinutes, toRfc3339 } from '@errata/core';
import type { AlertRule, FilterDimension, GroupDimension, RuleKind, RuleSeries } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';

type Reader = Pick<PrismaClient, '$queryRawUnsafe'>;

/**
 * Most series that one rule may bring up in one evaluation: those of open incidents, however many, then
 * the busiest (`threshold`) or the newest (`never`) up to this number.
 */
export const MAX_SERIES = 500;

/** Columns of error_rollup_minute (r) and classification (c) behind the dimensions. */
const COLUMNS: Record<FilterDimension, string> = {
  code: 'r.code_id',
  tenant: 'r.tenant_id',
  environment: 'r.environment_id',
  service: 'r.service_id',
  status: 'r.status',
  retryability: 'c.retryability',
  category: 'c.category',
  severity: 'c.severity',
  expectation: 'c.expectation',
};
const NAMED = ['code', 'tenant', 'environment', 'service'] as const;
type NamedDimension = (typeof NAMED)[number];
const isNamed = (name: FilterDimension): name is NamedDimension =>
  (NAMED as readonly string[]).includes(name);

/**
 * Counts per minute of every series of a rule, from the minute rollups alone.
 * @param openKeys group keys of the rule's open incidents; their series come whatever they count
 * @returns series that could be breached, at most {@link MAX_SERIES} together with those of open
 *   incidents, which are never cut off: an open incident without a series is really quiet
 */
export async function readRuleSeries(
  db: Reader,
  projectId: number,
  rule: AlertRule,
  openKeys: readonly string[],
  now: number,
): Promise<RuleSeries[]> {
  const { text, values } = seriesStatement(projectId, rule, openKeys, now);
  const rows = await db.$queryRawUnsafe<SeriesRow[]>(text, ...values);
  return rows.map((row) => seriesOf(row, rule.groupBy));
}

interface SeriesRow {
  code: string | null;
  tenant: string | null;
  environment: string | null;
  service: string | null;
  status: number | null;
  retryability: string | null;
  buckets: Array<[number, number]>;
  last_at: number;
  reported_at: number | null;
  class_id: number;
}

function seriesOf(row: SeriesRow, groupBy: readonly GroupDimension[]): RuleSeries {
  const series: RuleSeries = {
    labels: Object.fromEntries(groupBy.map((name) => [name, String(row[name] ?? '')])),
    buckets: row.buckets.map(([minute, count]) => ({ minute, count })),
    lastAt: row.last_at,
    classId: row.class_id,
  };
  if (row.reported_at !== null) series.reportedAt = row.reported_at;
  if (row.code !== null) series.code = row.code;
  if (row.tenant !== null) series.tenant = row.tenant;
  return series;
}

/** The statement of {@link readRuleSeries}. */
export function seriesStatement(
  projectId: number,
  rule: AlertRule,
  openKeys: readonly string[],
  now: number,
): { text: string; values: unknown[] } {
  const { after, until, windowAfter } = relevantMinutes(rule, now);
  // The sliding count is never above the plain sum, so what sums to less cannot be breached.
  const least = rule.kind === 'threshold' ? Math.ceil(rule.params.threshold ?? 1) : 1;
  const values: unknown[] = [
    projectId,
    toRfc3339(after),
    toRfc3339(until),
    // What is above every bigint is above every count too.
    Math.min(least, Number.MAX_SAFE_INTEGER),
    `[${openKeys.join(',')}]`,
    MAX_SERIES,
    toRfc3339(windowAfter),
    rule.id,
  ];
  const conditions = Object.entries(effectiveFilters(rule)).map(([name, wanted]) => {
    values.push(name === 'status' ? wanted.map(Number) : wanted);
    return condition(name as FilterDimension, values.length);
  });
  return { text: statement(rule, conditions), values };
}

function condition(name: FilterDimension, parameter: number): string {
  if (name === 'status') return `r.status = ANY ($${parameter}::int[])`;
  if (!isNamed(name)) return `${COLUMNS[name]} = ANY ($${parameter}::text[])`;
  // Id 0 is "absent", which a filter names by the empty text.
  return `(${COLUMNS[name]} IN (SELECT id FROM dimension_value
      WHERE project_id = $1::int AND kind = '${name}' AND value = ANY ($${parameter}::text[]))
    OR (${COLUMNS[name]} = 0 AND '' = ANY ($${parameter}::text[])))`;
}

function statement(rule: AlertRule, conditions: readonly string[]): string {
  const ordered = GROUP_DIMENSIONS.filter((name) => rule.groupBy.includes(name));
  return `
WITH ${countedSql(ordered, conditions)},
reported AS (
  SELECT group_key::jsonb AS group_key, max(last_breach_at) AS at FROM incident
  WHERE project_id = $1::int AND rule_id = $8::uuid AND last_breach_at > $2::timestamptz
  GROUP BY 1
),
keyed AS (
  SELECT named.*, reported.at AS reported_at,
    named.group_key IN (SELECT jsonb_array_elements($5::jsonb)) AS is_open
  FROM named LEFT JOIN reported ON reported.group_key = named.group_key
),
ranked AS (
  SELECT keyed.*, row_number() OVER (ORDER BY is_open DESC, ${URGENCY[rule.kind]}) AS place
  FROM keyed WHERE is_open OR (total >= $4::bigint AND ${UNREPORTED[rule.kind]})
)
SELECT code, tenant, environment, service, status, retryability, buckets, class_id,
  (extract(epoch FROM last_at) * 1000)::float8 AS last_at,
  (extract(epoch FROM reported_at) * 1000)::float8 AS reported_at
FROM ranked WHERE is_open OR place <= $6::int
ORDER BY place`;
}

const URGENCY: Record<RuleKind, string> = {
  threshold: 'total DESC, last_at DESC',
  never: 'last_at DESC, total DESC',
};

/** Series that a `never` rule has told of would fill the limit for a day and hide new ones. */
const UNREPORTED: Record<RuleKind, string> = {
  threshold: 'true',
  never: '(reported_at IS NULL OR last_at > reported_at)',
};

/** The counts by minute, by series, and with names and group key in place of ids. */
function countedSql(ordered: readonly GroupDimension[], conditions: readonly string[]): string {
  const keys = ordered.map((name) => `key_${name}`);
  // One id where all rows agree, NULL where they differ; a grouped dimension always agrees.
  const single = NAMED.map(
    (name) => `CASE WHEN min(${name}_low) = max(${name}_high) THEN min(${name}_low) END AS ${name}_id`,
  );
  return `per_minute AS (
  SELECT ${[...ordered.map((name) => `${COLUMNS[name]} AS key_${name}`), 'r.minute'].join(', ')},
    sum(r.count) AS count, max(r.last_at) AS last_at,
    ${NAMED.map((name) => `min(${COLUMNS[name]}) AS ${name}_low, max(${COLUMNS[name]}) AS ${name}_high`).join(',\n    ')},
    (array_agg(r.class_id ORDER BY r.last_at DESC))[1] AS class_id
  FROM error_rollup_minute r
  LEFT JOIN classification c ON c.project_id = r.project_id AND c.id = r.class_id
  WHERE r.project_id = $1::int AND r.minute > $2::timestamptz AND r.minute <= $3::timestamptz
    ${conditions.map((text) => `AND ${text}`).join('\n    ')}
  GROUP BY ${[...ordered.map((name) => COLUMNS[name]), 'r.minute'].join(', ')}
),
series AS (
  SELECT ${[...keys, ...single].join(',\n    ')},
    sum(count) AS total, max(last_at) AS last_at,
    coalesce(json_agg(json_build_array(extract(epoch FROM minute) * 1000, count) ORDER BY minute)
      FILTER (WHERE minute > $7::timestamptz), '[]') AS buckets,
    (array_agg(class_id ORDER BY last_at DESC))[1] AS class_id
  FROM per_minute ${keys.length > 0 ? `GROUP BY ${keys.join(', ')}` : ''}
  HAVING count(*) > 0
),
texts AS (
  SELECT ${NAMED.map((name) => `CASE WHEN ${name}_id = 0 THEN '' ELSE ${name}.value END AS ${name}`).join(', ')},
    ${ordered.includes('status') ? 'key_status' : 'NULL::int'} AS status,
    ${ordered.includes('retryability') ? 'key_retryability' : 'NULL::text'} AS retryability,
    series.total, series.last_at, series.buckets, series.class_id
  FROM series
  ${NAMED.map((name) => `LEFT JOIN dimension_value ${name} ON ${name}.project_id = $1::int AND ${name}.id = ${name}_id`).join('\n  ')}
),
named AS (SELECT texts.*, ${keyOf(ordered)} AS group_key FROM texts)`;
}

/** The group key as core writes it, as jsonb: pairs of name and text in the fixed order. */
function keyOf(ordered: readonly GroupDimension[]): string {
  const pairs = ordered.map((name) => `jsonb_build_array('${name}', coalesce(${name}::text, ''))`);
  return pairs.length === 0 ? `'[]'::jsonb` : `jsonb_build_array(${pairs.join(', ')})`;
}
