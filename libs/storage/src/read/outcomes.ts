import { DAY, OUTCOMES } from '@errata/core';
import type { Outcome } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';
import { minuteAligned, select } from './filters.js';
import type { TimeWindow } from './filters.js';
import { bucketsOf, linesOf } from './series.js';
import type { Series } from './series.js';
import { binder } from './statement.js';
import type { Statement } from './statement.js';

/** How many events ended in one outcome, and why. */
export interface OutcomeTotal {
  outcome: Outcome;
  total: number;
  reasons: Array<{ reason: string; count: number }>;
}

/** Counts outcomes by the minute of receipt. */
export function outcomesStatement(projectId: number, window: TimeWindow, interval: number): Statement {
  const b = binder();
  const text = `
SELECT date_bin(make_interval(secs => ${b.bind(interval / 1000, 'float8')}), minute, to_timestamp(0)) AS bucket,
  outcome, reason, sum(count)::float8 AS count
FROM outcome_minute
WHERE project_id = ${b.bind(projectId, 'int')} AND minute >= ${b.time(window.from)} AND minute < ${b.time(window.to)}
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
  return { text, values: b.values };
}

interface OutcomeRow {
  bucket: Date;
  outcome: Outcome;
  reason: string;
  count: number;
}

/**
 * What became of everything that a project was sent, in total, by reason and over time.
 * @param interval bucket length in milliseconds, a multiple of a minute
 */
export async function readOutcomes(
  db: PrismaClient,
  projectId: number,
  asked: TimeWindow,
  interval: number,
): Promise<Series & { totals: OutcomeTotal[] }> {
  const window = minuteAligned(asked);
  const buckets = bucketsOf(window, interval);
  const rows = await select<OutcomeRow>(db, outcomesStatement(projectId, window, interval));
  const lines = linesOf(
    rows.map((row) => ({ bucket: row.bucket, value: row.outcome, count: row.count })),
    buckets,
    interval,
  );
  return { window, buckets, lines, totals: totalsOf(rows) };
}

/** Totals by outcome alone. */
export async function readOutcomeTotals(
  db: PrismaClient,
  projectId: number,
  asked: TimeWindow,
): Promise<OutcomeTotal[]> {
  return (await readOutcomes(db, projectId, asked, DAY)).totals;
}

function totalsOf(rows: readonly OutcomeRow[]): OutcomeTotal[] {
  return OUTCOMES.map((outcome) => {
    const reasons = new Map<string, number>();
    for (const row of rows) {
      if (row.outcome === outcome) reasons.set(row.reason, (reasons.get(row.reason) ?? 0) + row.count);
    }
    const counted = [...reasons]
      .map(([reason, count]) => ({ reason, count }))
      .filter(({ count }) => count !== 0);
    return {
      outcome,
      total: counted.reduce((sum, { count }) => sum + count, 0),
      reasons: counted.filter(({ reason }) => reason !== '').sort((a, b) => b.count - a.count),
    };
  });
}
