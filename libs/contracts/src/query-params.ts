import { CATEGORIES, DAY, HOUR, MINUTE, RETRYABILITIES, SEVERITIES } from '@errata/core';
import { z } from 'zod';

/** Parameters of the query API: one source of their validation, their types and the OpenAPI document. */

/** What counts can be grouped by. */
export const GROUPINGS = [
  'code',
  'tenant',
  'environment',
  'service',
  'status',
  'retryability',
  'category',
  'severity',
] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Bucket lengths of series, in milliseconds. All of them divide a UTC day. */
export const INTERVALS = {
  '1m': MINUTE,
  '5m': 5 * MINUTE,
  '10m': 10 * MINUTE,
  '15m': 15 * MINUTE,
  '30m': 30 * MINUTE,
  '1h': HOUR,
  '3h': 3 * HOUR,
  '6h': 6 * HOUR,
  '12h': 12 * HOUR,
  '1d': DAY,
} as const;
export type IntervalName = keyof typeof INTERVALS;
const INTERVAL_NAMES = Object.keys(INTERVALS) as IntervalName[];

/** Longest stretch of time that one query may look at, in milliseconds. */
export const MAX_RANGE = 400 * DAY;
/** Most buckets that one series may have. */
export const MAX_BUCKETS = 2_000;
/** Most values of one filter. */
export const MAX_FILTER_VALUES = 100;
/** Most lines of one grouped series; the rest counts under `__other__`. */
export const MAX_LINES = 50;

const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values as unknown as [T[number], ...T[number][]], { error: `must be one of ${values.join(', ')}` });

const listOf = <T extends z.ZodType>(item: T, description: string) =>
  z
    .array(item)
    .max(MAX_FILTER_VALUES, `must be at most ${MAX_FILTER_VALUES} values`)
    .optional()
    .describe(`${description} Repeat it or separate values by commas; \`\\,\` is a comma inside a value.`);

const name = z.string().max(200, 'must be at most 200 characters');
const EMPTY = 'An empty value finds events that name none.';

const window = {
  from: z
    .string()
    .default('-24h')
    .describe('Start, inclusive: RFC 3339, `now`, or before now, e.g. `-15m`, `-24h`, `-7d`.'),
  to: z.string().default('now').describe('End, exclusive; like `from`. At most 400 days after it.'),
};

const filtersButCode = {
  tenant: listOf(name, `Tenants. ${EMPTY}`),
  environment: listOf(name, `Environments. ${EMPTY}`),
  service: listOf(name, `Services. ${EMPTY}`),
  status: listOf(
    z.string().regex(/^([1-5]\d\d|[1-5]xx|)$/i, 'must be an HTTP status like 404, or a class like 5xx'),
    `HTTP statuses, or classes such as \`5xx\`. ${EMPTY}`,
  ),
  retryability: listOf(oneOf(RETRYABILITIES), 'Whether the same request may succeed later.'),
  category: listOf(oneOf(CATEGORIES), 'Categories.'),
  severity: listOf(oneOf(SEVERITIES), 'Severities.'),
};

const filters = { code: listOf(name, 'Error codes.'), ...filtersButCode };

const limit = (most: number, usual: number) =>
  z.coerce
    .number({ error: 'must be a whole number' })
    .int('must be a whole number')
    .min(1, `must be between 1 and ${most}`)
    .max(most, `must be between 1 and ${most}`)
    .default(usual);

const page = {
  limit: limit(1_000, 100).describe('Most items in one answer.'),
  cursor: z.string().optional().describe('`next_cursor` of the page before, with the same other parameters.'),
};

const interval = oneOf(['auto', ...INTERVAL_NAMES])
  .default('auto')
  .describe('Length of a bucket; `auto` chooses one that gives up to 200 buckets.');

export const summaryParams = z.object({ ...window, ...filters });

export const seriesParams = z.object({
  ...window,
  ...filters,
  interval,
  group_by: oneOf(GROUPINGS).optional().describe('One line for each of the most frequent values.'),
  limit: limit(MAX_LINES, 10).describe('Most lines with `group_by`; the rest counts under `__other__`.'),
});

export const topParams = z.object({
  ...window,
  ...filters,
  by: oneOf(GROUPINGS).describe('What to rank.'),
  limit: limit(1_000, 10).describe('Most items in the answer.'),
});

/** Of `events`, `codes` and `tenants`. */
export const listParams = z.object({ ...window, ...filters, ...page });

/** Of `codes/:code`. */
export const codeParams = z.object({ ...window, ...filtersButCode });

export const outcomesParams = z.object({ ...window, interval });

/** Of routes that take no parameters. */
export const noParams = z.object({});

/** Names of the parameters that hold a list. */
export const LIST_PARAMS: ReadonlySet<string> = new Set(Object.keys(filters));
