import { Inject, Injectable } from '@nestjs/common';
import { queuedEvent } from '@errata/contracts';
import type { BatchPart, DigestJob } from '@errata/contracts';
import { digestBatch } from '@errata/core';
import type { CardinalityState, DigestRow, ErrorEvent } from '@errata/core';
import { uuidFromContent } from '@errata/platform';
import type { Clock, Logger, Metrics } from '@errata/platform';
import {
  commitDigest,
  faultKind,
  forgetPartitions,
  fullMessage,
  isMissingPartition,
  sqlState,
} from '@errata/storage';
import type { CommitPlan, CommitResult, DeadLetter, Storage } from '@errata/storage';
import { CLOCK, LOGGER, METRICS, STORAGE } from '../tokens.js';
import { findBadRows } from './bisect.js';
import { createCatalogCache } from './catalog-cache.js';
import type { CatalogCache } from './catalog-cache.js';

/** The worker's half of an event's path: parse again, classify, commit, set aside what cannot be stored. */
@Injectable()
export class DigestService {
  private readonly catalogs: CatalogCache;
  private readonly cardinality = new Map<number, CardinalityState>();

  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {
    this.catalogs = createCatalogCache(storage, clock);
  }

  /**
   * Digests one batch; every project's part commits on its own, exactly once.
   * @returns projects that gained events
   * @throws infrastructure faults only, so that the job is retried
   */
  async digest(job: DigestJob): Promise<number[]> {
    const touched: number[] = [];
    const faults: unknown[] = [];
    for (const part of job.parts) {
      const started = this.clock.now();
      // A project in trouble does not hold up its neighbours: what they commit now, their gates remember.
      const result = await this.digestPart(job, part).catch((error: unknown) => void faults.push(error));
      if (result === undefined) continue;
      if (result.inserted > 0) touched.push(part.projectId);
      this.metrics.digestSeconds.observe((this.clock.now() - started) / 1000);
      this.metrics.acceptedToStored.observe(Math.max(0, this.clock.now() - part.receivedAt) / 1000);
    }
    if (faults.length > 0) throw faults[0];
    return touched;
  }

  /** Files every event of a batch that the queue gave up on, each under its own project. */
  async giveUp(job: DigestJob, reason: string): Promise<void> {
    for (const part of job.parts) {
      const letters = part.events.map((raw, i) =>
        deadLetter(job.batchId, i, 'queue', 'GAVE_UP', reason, raw),
      );
      await commitDigest(this.storage, {
        projectId: part.projectId,
        batchId: job.batchId,
        createdAt: job.createdAt,
        receivedAt: part.receivedAt,
        rows: [],
        rejected: [...part.rejected, ...failures(letters)],
        deadLetters: letters,
      });
    }
  }

  private async digestPart(job: DigestJob, part: BatchPart): Promise<CommitResult> {
    const { events, sources, letters } = parseEvents(job.batchId, part);
    const rows = digestBatch(
      part.projectId,
      events,
      await this.catalogs.get(part.projectId),
      this.stateOf(part.projectId),
    ).rows;
    const plan: CommitPlan = {
      projectId: part.projectId,
      batchId: job.batchId,
      createdAt: job.createdAt,
      receivedAt: part.receivedAt,
      rows,
      rejected: [...part.rejected, ...failures(letters)],
      deadLetters: letters,
    };
    return this.commit(plan, sources);
  }

  private async commit(plan: CommitPlan, sources: readonly unknown[]): Promise<CommitResult> {
    try {
      return this.count(plan, await commitDigest(this.storage, plan));
    } catch (error) {
      if (isMissingPartition(error)) forgetPartitions(this.storage.db);
      if (faultKind(error) === 'infrastructure') throw error;
      return this.commitWithoutBadRows(plan, sources);
    }
  }

  // The bad rows are found by trying halves in transactions that are rolled back; then one commit
  // stores the good ones and the dead letters together, under the batch's own gate.
  private async commitWithoutBadRows(plan: CommitPlan, sources: readonly unknown[]): Promise<CommitResult> {
    const tryRows = async (rows: readonly DigestRow[]) => {
      try {
        await commitDigest(this.storage, { ...plan, rows, deadLetters: [], rejected: [] }, { dryRun: true });
        return undefined;
      } catch (error) {
        if (faultKind(error) === 'infrastructure') throw error;
        return error;
      }
    };
    const bad = await findBadRows(plan.rows, tryRows);
    // A replay that fails again is still the dead letter that it came from.
    const fresh = bad.filter(({ row }) => row.replayOf === undefined);
    const letters = fresh.map(({ row, error }) => {
      const index = plan.rows.indexOf(row);
      const code = sqlState(error) ?? 'DATA';
      return deadLetter(plan.batchId, index, 'commit', code, fullMessage(error), sources[index]);
    });
    this.logger.warn(
      { projectId: plan.projectId, batchId: plan.batchId, events: bad.length },
      'events set aside',
    );
    const badRows = new Set(bad.map(({ row }) => row));
    const rest: CommitPlan = {
      ...plan,
      rows: plan.rows.filter((row) => !badRows.has(row)),
      deadLetters: [...plan.deadLetters, ...letters],
      rejected: [...plan.rejected, ...failures(letters)],
    };
    return this.count(rest, await commitDigest(this.storage, rest));
  }

  private stateOf(projectId: number): CardinalityState {
    const known = this.cardinality.get(projectId);
    if (known !== undefined) return known;
    const state: CardinalityState = new Map();
    this.cardinality.set(projectId, state);
    return state;
  }

  private count(plan: CommitPlan, result: CommitResult): CommitResult {
    if (!result.first) return result;
    if (result.inserted > 0) this.metrics.events.inc({ outcome: 'accepted', reason: '' }, result.inserted);
    if (result.duplicates > 0)
      this.metrics.events.inc({ outcome: 'duplicate', reason: '' }, result.duplicates);
    for (const letter of plan.deadLetters)
      this.metrics.events.inc({ outcome: 'failed', reason: letter.reasonCode });
    for (const { code, retryability, count } of result.codes)
      this.metrics.countCode(code, retryability, count);
    return result;
  }
}

/** Parses each event on its own: what is no event becomes a dead letter, its neighbours go on. */
function parseEvents(batchId: string, part: BatchPart) {
  const events: ErrorEvent[] = [];
  const sources: unknown[] = [];
  const letters: DeadLetter[] = [];
  part.events.forEach((raw, i) => {
    const parsed = queuedEvent.safeParse(raw);
    if (parsed.success) {
      events.push(parsed.data);
      sources.push(raw);
    } else {
      const issue = parsed.error.issues[0]!;
      letters.push(
        deadLetter(batchId, i, 'parse', 'PAYLOAD', `${issue.path.join('.')}: ${issue.message}`, raw),
      );
    }
  });
  return { events, sources, letters };
}

// The id follows from batch, place and payload, so that a redelivery makes the same letter.
function deadLetter(
  batchId: string,
  index: number,
  stage: DeadLetter['stage'],
  reasonCode: string,
  reason: string,
  raw: unknown,
): DeadLetter {
  const payload = JSON.stringify(raw) ?? 'null';
  const id = uuidFromContent(`${batchId} ${stage} ${index} ${payload}`);
  return { id, stage, reasonCode, reason: safe(reason), payload };
}

// Reasons quote the data, and the data may hold what Postgres refuses.
function safe(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed().slice(0, 2_000);
}

function failures(letters: readonly DeadLetter[]) {
  const counts = new Map<string, number>();
  for (const { reasonCode } of letters) counts.set(reasonCode, (counts.get(reasonCode) ?? 0) + 1);
  return [...counts].map(([reason, count]) => ({ outcome: 'failed' as const, reason, count }));
}
