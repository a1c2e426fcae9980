import { DAY, bucketStart, toRfc3339, utcDayName } from '@errata/core';
import type { PrismaClient } from './generated/client.js';

/**
 * Daily partitions, made and dropped in this one file. There is no default partition: a row for a
 * day that does not exist fails as an infrastructure error and is retried, instead of landing in a
 * place from which no retention could drop it.
 */
export const PARTITIONED = ['error_event', 'ingest_batch'] as const;
export type PartitionedTable = (typeof PARTITIONED)[number];

/** Days made ahead by maintenance, so that the write path hardly ever has to. */
export const DAYS_AHEAD = 3;

// Held while a partition is made, so that workers do not race for the same name.
const LOCK_KEY = 0x65727274;

/** Makes the partitions of the given UTC days where they are missing; safe to run concurrently. */
export async function ensureDays(
  db: PrismaClient,
  table: PartitionedTable,
  days: Iterable<number>,
): Promise<void> {
  for (const day of new Set([...days].map((at) => bucketStart(at, DAY)))) {
    await ensureDay(db, table, day);
  }
}

async function ensureDay(db: PrismaClient, table: PartitionedTable, day: number): Promise<void> {
  const name = partitionName(table, day);
  if (await exists(db, name)) return;
  const from = `${toRfc3339(day).slice(0, 10)} 00:00:00+00`;
  const to = `${toRfc3339(day + DAY).slice(0, 10)} 00:00:00+00`;
  await db.$transaction(
    async (tx) => {
      await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock($1::int, $2::int)`, LOCK_KEY, 0);
      if (await exists(tx as PrismaClient, name)) return;
      // Attaching takes a weaker lock on the parent than CREATE TABLE ... PARTITION OF, which would
      // stop every reader and writer of every other day.
      await tx.$executeRawUnsafe(`CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL)`);
      await tx.$executeRawUnsafe(
        `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}')`,
      );
    },
    { maxWait: 10_000, timeout: 20_000 },
  );
}

/**
 * Drops the partitions whose whole day lies before an instant.
 * @returns names of what was dropped
 */
export async function dropDaysBefore(
  db: PrismaClient,
  table: PartitionedTable,
  before: number,
): Promise<string[]> {
  const names = await listDays(db, table);
  const old = names.filter((name) => dayOf(name) + DAY <= before);
  for (const name of old) await db.$executeRawUnsafe(`DROP TABLE IF EXISTS ${name}`);
  return old;
}

/** Names of the partitions of a table, oldest first. */
export async function listDays(db: PrismaClient, table: PartitionedTable): Promise<string[]> {
  const rows = await db.$queryRawUnsafe<Array<{ name: string }>>(
    `SELECT c.relname AS name FROM pg_inherits i
     JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = $1::text::regclass AND c.relname ~ '_p[0-9]{8}$' ORDER BY 1`,
    table,
  );
  return rows.map((row) => row.name);
}

/** Start of the UTC day that a partition holds, in milliseconds. */
export function dayOf(name: string): number {
  const digits = name.slice(-8);
  return Date.parse(`${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}T00:00:00Z`);
}

function partitionName(table: PartitionedTable, day: number): string {
  return `${table}_p${utcDayName(day)}`;
}

async function exists(db: PrismaClient, name: string): Promise<boolean> {
  const rows = await db.$queryRawUnsafe<Array<{ found: boolean }>>(
    `SELECT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass($1::text)) AS found`,
    name,
  );
  return rows[0]?.found ?? false;
}
