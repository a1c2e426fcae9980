import { DAY, bucketStart } from '@errata/core';
import type { DigestRow } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';
import { ensureDays } from '../partitions.js';
import type { PartitionedTable } from '../partitions.js';
import type { Storage } from '../storage.js';
import { commitStatement } from './digest-sql.js';

/** An event that could not be stored, with the reason, kept until somebody replays or discards it. */
export interface DeadLetter {
  id: string;
  stage: 'parse' | 'digest' | 'commit' | 'queue';
  reasonCode: string;
  reason: string;
  payload: string;
}

/** What one project's part of a batch changes, all of it or nothing. */
export interface CommitPlan {
  projectId: number;
  batchId: string;
  /** Milliseconds, as they travel in the job: the gate's partition follows them. */
  createdAt: number;
  receivedAt: number;
  rows: readonly DigestRow[];
  rejected: ReadonlyArray<{ outcome: string; reason: string; count: number }>;
  deadLetters: readonly DeadLetter[];
}

export interface CommitResult {
  /** False when this batch had been committed before: a redelivery, and nothing was done. */
  first: boolean;
  inserted: number;
  duplicates: number;
  /** What was really inserted, by code and retryability. */
  codes: Array<{ code: string; retryability: string; count: number }>;
}

/** Days already seen to exist, per database client. */
const knownDays = new WeakMap<PrismaClient, Set<string>>();

/**
 * Writes a plan in one statement: gate, events, rollups of exactly the inserted events, outcomes,
 * first-seen pairs and dead letters.
 * @param options.dryRun rolls everything back; used to find the row that breaks a batch
 * @throws whatever the database says; see `faultKind`
 */
export async function commitDigest(
  storage: Storage,
  plan: CommitPlan,
  options: { dryRun?: boolean } = {},
): Promise<CommitResult> {
  await ensurePartitions(storage.db, plan);
  const ids = await resolveIds(storage, plan);
  const statement = commitStatement(plan, ids);
  const answer =
    options.dryRun === true ? await rolledBack(storage.db, statement) : await run(storage.db, statement);
  return {
    first: answer.first,
    inserted: Number(answer.inserted),
    duplicates: Number(answer.offered - answer.inserted),
    codes: (answer.codes ?? []).map(({ c, k, n }) => {
      const row = plan.rows[ids.findIndex((id) => id.code === c && id.classId === k)]!;
      return { code: row.code, retryability: row.classification.retryability, count: n };
    }),
  };
}

/** Ids of one row, in the order of `DigestRow`s. */
export interface RowIds {
  code: number;
  tenant: number;
  environment: number;
  service: number;
  release: number;
  route: number;
  rollupCode: number;
  rollupTenant: number;
  classId: number;
}

async function resolveIds(storage: Storage, plan: CommitPlan): Promise<RowIds[]> {
  const { dictionary } = storage;
  const { projectId, rows } = plan;
  const column = (kind: Parameters<typeof dictionary.resolve>[1], key: keyof DigestRow) =>
    dictionary.resolve(
      projectId,
      kind,
      rows.map((row) => row[key] as string),
    );
  const code = await column('code', 'code');
  const tenant = await column('tenant', 'tenant');
  const environment = await column('environment', 'environment');
  const service = await column('service', 'service');
  const release = await column('release', 'release');
  const route = await column('route', 'route');
  const rollupCode = await column('code', 'rollupCode');
  const rollupTenant = await column('tenant', 'rollupTenant');
  const classId = await dictionary.resolveClasses(
    projectId,
    rows.map((row) => row.classification),
  );
  return rows.map((_, i) => ({
    code: code[i]!,
    tenant: tenant[i]!,
    environment: environment[i]!,
    service: service[i]!,
    release: release[i]!,
    route: route[i]!,
    rollupCode: rollupCode[i]!,
    rollupTenant: rollupTenant[i]!,
    classId: classId[i]!,
  }));
}

async function ensurePartitions(db: PrismaClient, plan: CommitPlan): Promise<void> {
  await ensureKnown(db, 'ingest_batch', [plan.createdAt]);
  await ensureKnown(
    db,
    'error_event',
    plan.rows.map((row) => row.occurredAt),
  );
}

async function ensureKnown(db: PrismaClient, table: PartitionedTable, times: number[]): Promise<void> {
  const known = knownDays.get(db) ?? new Set<string>();
  knownDays.set(db, known);
  const missing = new Set<number>();
  for (const at of times) {
    const day = bucketStart(at, DAY);
    if (!known.has(`${table} ${day}`)) missing.add(day);
  }
  if (missing.size === 0) return;
  await ensureDays(db, table, missing);
  for (const day of missing) known.add(`${table} ${day}`);
}

/** Forgets which days exist, after retention dropped some or a write met a missing one. */
export function forgetPartitions(db: PrismaClient): void {
  knownDays.delete(db);
}

type Runner = Pick<PrismaClient, '$queryRawUnsafe'>;

interface Answer {
  first: boolean;
  offered: bigint;
  inserted: bigint;
  codes: Array<{ c: number; k: number; n: number }> | null;
}

async function run(db: Runner, statement: { text: string; values: unknown[] }): Promise<Answer> {
  const rows = await db.$queryRawUnsafe<Answer[]>(statement.text, ...statement.values);
  return rows[0]!;
}

class RolledBack extends Error {}

async function rolledBack(db: PrismaClient, statement: { text: string; values: unknown[] }): Promise<Answer> {
  let result: Answer | undefined;
  await db
    .$transaction(
      async (tx) => {
        result = await run(tx, statement);
        throw new RolledBack();
      },
      { maxWait: 10_000, timeout: 20_000 },
    )
    .catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  return result!;
}
