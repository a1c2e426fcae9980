import { DAY } from '@errata/core';
import type { PrismaClient } from './generated/client.js';
import { DAYS_AHEAD, dropDaysBefore, ensureDays } from './partitions.js';

/** How long a batch's gate outlives it: longer than any queue may hold a job back. */
export const GATE_DAYS = 7;

/** Days that finished deliveries, resolved dead letters and outcomes are kept. */
export const HISTORY_DAYS = 90;

/** Days that counts are kept: they are small, and comparisons with last year want them. */
export const ROLLUP_DAYS = 400;

/** Rows deleted by one statement, so that no lock is held for long. */
const CHUNK = 5_000;

const before = (column: string) => `${column} < to_timestamp($1::float8 / 1000)`;

/** What is deleted when it is old, with the column that says how old it is. */
const AGEING: ReadonlyArray<{ days: number; from: string }> = [
  { days: GATE_DAYS, from: `event_gate WHERE ${before('occurred_at')}` },
  { days: HISTORY_DAYS, from: `notification WHERE ${before('at')}` },
  { days: HISTORY_DAYS, from: `outbox WHERE ${before('finished_at')}` },
  { days: HISTORY_DAYS, from: `dead_letter WHERE ${before('resolved_at')}` },
  { days: HISTORY_DAYS, from: `outcome_minute WHERE ${before('minute')}` },
  { days: ROLLUP_DAYS, from: `error_rollup_minute WHERE ${before('minute')}` },
];

export interface MaintenanceReport {
  droppedPartitions: string[];
  deletedRows: number;
}

/**
 * Makes the days ahead, drops the days that every project is done with, and deletes in chunks what
 * single projects are done with. Safe to run twice, and on several workers.
 */
export async function maintain(db: PrismaClient, now: number): Promise<MaintenanceReport> {
  const ahead = Array.from({ length: DAYS_AHEAD + 1 }, (_, i) => now + i * DAY);
  await ensureDays(db, 'error_event', [now - DAY, ...ahead]);
  await ensureDays(db, 'ingest_batch', [now - DAY, ...ahead]);
  const longest = await longestRetention(db);
  const dropped = [
    ...(await dropDaysBefore(db, 'error_event', now - longest * DAY)),
    ...(await dropDaysBefore(db, 'ingest_batch', now - GATE_DAYS * DAY)),
  ];
  let deletedRows = 0;
  for (const { days, from } of AGEING) deletedRows += await deleteChunked(db, from, now - days * DAY);
  for (const project of await db.project.findMany({ select: { id: true, retentionDays: true } })) {
    if (project.retentionDays >= longest) continue;
    deletedRows += await deleteChunked(
      db,
      `error_event WHERE project_id = ${project.id} AND ${before('occurred_at')}`,
      now - project.retentionDays * DAY,
    );
  }
  return { droppedPartitions: dropped, deletedRows };
}

async function longestRetention(db: PrismaClient): Promise<number> {
  const { _max } = await db.project.aggregate({ _max: { retentionDays: true } });
  return _max.retentionDays ?? 30;
}

async function deleteChunked(db: PrismaClient, fromWhere: string, cutoff: number): Promise<number> {
  const [table, where] = fromWhere.split(' WHERE ') as [string, string];
  let total = 0;
  for (;;) {
    const deleted = await db.$executeRawUnsafe(
      `DELETE FROM ${table} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM ${table} WHERE ${where} LIMIT ${CHUNK})`,
      cutoff,
    );
    total += deleted;
    if (deleted < CHUNK) return total;
  }
}
