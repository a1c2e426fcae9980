import { CATEGORIES, EXPECTATIONS, MATCHED_BY, OUTCOMES, RETRYABILITIES, SEVERITIES } from '@errata/core';
import { z } from 'zod';
import { GROUPINGS, INTERVALS } from './query-params.js';
import type { IntervalName } from './query-params.js';

/** Answers of the query API. Times are RFC 3339 in UTC; null stands for absent. */

const time = z.iso.datetime();
const count = z.int().min(0);
const share = z.number().describe('Part of the total, 0 to 1.');
const text = z.string().nullable();
const interval = z.enum(Object.keys(INTERVALS) as [IntervalName, ...IntervalName[]]);

const applied = {
  from: time.describe('Start as applied, inclusive. Counts are kept by the minute, so it is a whole one.'),
  to: time.describe('End as applied, exclusive.'),
};
const exact = {
  from: time.describe('Start as applied, inclusive.'),
  to: time.describe('End as applied, exclusive.'),
};
const nextCursor = text.describe('Give it as `cursor` to go on; null on the last page.');

export const countedValue = z.object({
  value: text.describe('Null counts what names none; `__other__` what came past the cardinality limit.'),
  count,
  share,
});

export const outcomeCounts = z
  .object(
    Object.fromEntries(OUTCOMES.map((outcome) => [outcome, z.int()])) as Record<
      (typeof OUTCOMES)[number],
      z.ZodInt
    >,
  )
  .describe('What became of every event received in the window. Not narrowed by filters.');

export const summaryAnswer = z.object({
  ...applied,
  total: count,
  previous: z
    .object({ from: time, to: time, total: count })
    .describe('The window of the same length just before, with the same filters.'),
  change: z.number().nullable().describe('Growth against the previous window: 0.5 is half as much again.'),
  distinct_codes: count,
  distinct_tenants: count,
  newest_event_at: time.nullable(),
  outcomes: outcomeCounts.nullable().describe('Null for a token that sees one tenant only.'),
  by_retryability: z.array(countedValue),
  by_category: z.array(countedValue),
  by_status: z.array(countedValue),
});
export type SummaryAnswer = z.infer<typeof summaryAnswer>;

export const seriesLine = z.object({
  value: text.describe('The value of `group_by`; null for what names none, or where nothing is grouped.'),
  total: count,
  counts: z.array(z.int()).describe('One count for each of `buckets`.'),
});

const bucketed = {
  interval,
  interval_seconds: z.int(),
  buckets: z
    .array(time)
    .describe('Starts of the UTC buckets. The first counts from `from`, the last up to `to`.'),
};

export const seriesAnswer = z.object({
  ...applied,
  ...bucketed,
  group_by: z.enum(GROUPINGS).nullable(),
  series: z.array(seriesLine),
});
export type SeriesAnswer = z.infer<typeof seriesAnswer>;

export const topItem = z.object({
  ...countedValue.shape,
  previous_count: count.describe('In the window of the same length just before.'),
  last_seen: time,
});

export const topAnswer = z.object({
  ...applied,
  by: z.enum(GROUPINGS),
  total: count,
  values: count.describe('How many values there are.'),
  data: z.array(topItem),
});
export type TopAnswer = z.infer<typeof topAnswer>;

const classified = {
  retryability: z.enum(RETRYABILITIES),
  category: z.enum(CATEGORIES),
  severity: z.enum(SEVERITIES),
  matched_by: z.enum(MATCHED_BY).describe('What led to the documented entry.'),
  catalog: text,
  catalog_version: z.int().nullable(),
  entry_code: text,
  section: text,
};

export const eventItem = z.object({
  id: z.string().describe('What `events/{eventId}` takes; the same as `event_id`.'),
  event_id: z.string(),
  occurred_at: time,
  received_at: time,
  digested_at: time,
  code: z.string(),
  tenant: text,
  environment: text,
  service: text,
  release: text,
  route: text,
  method: text,
  status: z.int().nullable(),
  attempt: z.int().nullable(),
  ...classified,
  expectation: z.enum(EXPECTATIONS),
  mismatches: z.array(z.string()).describe('How the event differs from its documentation.'),
  message: text.describe('In lists, the first 1,000 characters.'),
  request_id: text,
});
export type EventItem = z.infer<typeof eventItem>;

export const eventsAnswer = z.object({ ...exact, data: z.array(eventItem), next_cursor: nextCursor });
export type EventsAnswer = z.infer<typeof eventsAnswer>;

export const documentedEntry = z.object({
  catalog: z.string(),
  catalog_version: z.int(),
  code: z.string(),
  aliases: z.array(z.string()),
  statuses: z.array(z.string()),
  section: z.string(),
  title: z.string(),
  meaning: z.string(),
  causes: z.array(z.string()),
  resolution: z.string(),
  retry: z.object({
    retryability: z.enum(RETRYABILITIES),
    strategy: z.enum(['backoff', 'retry_after', 'wait_for']).nullable(),
    condition: text,
    max_attempts: z.int().nullable(),
    min_delay_seconds: z.number().nullable(),
  }),
  category: z.enum(CATEGORIES),
  severity: z.enum(SEVERITIES),
  expectation: z.enum(EXPECTATIONS),
  docs_url: text,
});
export type DocumentedEntry = z.infer<typeof documentedEntry>;

export const eventAnswer = z.object({
  ...eventItem.shape,
  documented: documentedEntry
    .nullable()
    .describe('As worded by the catalog version that classified the event.'),
  type: text,
  stack: text,
  details: z.unknown(),
  trace_id: text,
  user: text,
  retry_after: text,
  other_codes: z.array(z.unknown()).describe('Further errors in the same response.'),
  response: z.unknown(),
  attributes: z.unknown(),
  notes: z.array(z.string()).describe('Fields that were cut, repaired or redacted on the way in.'),
});
export type EventAnswer = z.infer<typeof eventAnswer>;

const seen = {
  first_seen: time.nullable().describe('Ever, not only in the window.'),
  last_seen: time.nullable().describe('In the window.'),
};

export const codeItem = z.object({
  code: z.string(),
  count,
  tenants: count,
  ...seen,
  ...classified,
  documented: z
    .object({ title: z.string(), meaning: z.string(), resolution: z.string() })
    .nullable()
    .describe('Null where no attached catalog documents it.'),
});

export const codesAnswer = z.object({ ...applied, data: z.array(codeItem), next_cursor: nextCursor });
export type CodesAnswer = z.infer<typeof codesAnswer>;

export const codeAnswer = z.object({
  ...applied,
  code: z.string(),
  count,
  previous_count: count,
  ...seen,
  documented: z.array(documentedEntry).describe('Every entry of the attached catalogs, in their order.'),
  classifications: z.array(z.object({ ...classified, count })),
  statuses: z.array(countedValue),
  tenants: z.array(topItem).describe('The ten that met it most.'),
});
export type CodeAnswer = z.infer<typeof codeAnswer>;

export const tenantItem = z.object({
  tenant: z.string(),
  count,
  codes: count.describe('Distinct codes.'),
  top_code: z.string(),
  ...seen,
});

export const tenantsAnswer = z.object({ ...applied, data: z.array(tenantItem), next_cursor: nextCursor });
export type TenantsAnswer = z.infer<typeof tenantsAnswer>;

export const outcomesAnswer = z.object({
  ...applied,
  ...bucketed,
  total: z.int(),
  data: z.array(
    z.object({
      outcome: z.enum(OUTCOMES),
      total: z.int(),
      reasons: z.array(z.object({ reason: z.string(), count: z.int() })),
    }),
  ),
  series: z.array(seriesLine).describe('One line for each outcome that occurred.'),
});
export type OutcomesAnswer = z.infer<typeof outcomesAnswer>;
