import { ApiError } from '@errata/contracts';
import type { BatchPart, DigestJob, RejectedCount } from '@errata/contracts';
import type { ErrorEvent } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import type { Clock } from '@errata/platform';

/**
 * Gathers the events of requests that arrive within a few milliseconds of each other into one queue
 * job: a queue takes about as long to make one event durable as five hundred.
 */
export interface Coalescer {
  /**
   * Adds one request's events to the open batch.
   * @returns when the batch is durably queued
   * @throws ApiError QUEUE_UNAVAILABLE or OVERLOADED; then nothing of this request was accepted for
   *   certain, and the client should send it again
   */
  add(projectId: number, receivedAt: number, events: ErrorEvent[], rejected: RejectedCount[]): Promise<void>;
  /** Counts turned-away events with the next batch, without making anybody wait. */
  count(projectId: number, receivedAt: number, rejected: RejectedCount[]): void;
  /** Queues what is open and waits until everything under way is settled. */
  drain(): Promise<void>;
}

export interface CoalescerOptions {
  /** Makes a batch durable; rejects when it could not. */
  enqueue: (job: DigestJob) => Promise<void>;
  clock: Clock;
  maxWaitMs: number;
  maxEvents: number;
  /** Events that may wait for the queue at once, so that a stuck queue cannot fill the memory. */
  maxInFlight: number;
  onError?: (error: unknown) => void;
}

interface Open {
  parts: Map<number, BatchPart>;
  events: number;
  waiters: Array<{ resolve: () => void; reject: (error: unknown) => void }>;
  /** Counts of requests that were answered already: a failed batch still owes them. */
  owed: Array<[projectId: number, receivedAt: number, rejected: RejectedCount[]]>;
}

/** Pause before owed counts are tried again. */
const OWED_RETRY_MS = 1_000;

/** Makes the coalescer of one API process. */
export function createCoalescer(options: CoalescerOptions): Coalescer {
  let open: Open | undefined;
  let timer: NodeJS.Timeout | undefined;
  let inFlight = 0;
  const running = new Set<Promise<void>>();

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const batch = open;
    open = undefined;
    if (batch === undefined) return;
    const sent = send(batch).finally(() => running.delete(sent));
    running.add(sent);
  };

  const send = async (batch: Open): Promise<void> => {
    const now = options.clock.now();
    const job: DigestJob = { v: 1, batchId: uuidV7(now), createdAt: now, parts: [...batch.parts.values()] };
    try {
      await options.enqueue(job);
      for (const waiter of batch.waiters) waiter.resolve();
    } catch (error) {
      options.onError?.(error);
      keepCounts(batch);
      const unavailable = new ApiError(
        'QUEUE_UNAVAILABLE',
        'The queue did not confirm the batch in time. Send it again with the same event_id and timestamp: what was stored is not counted twice.',
        { retryAfter: 2 },
      );
      for (const waiter of batch.waiters) waiter.reject(unavailable);
    } finally {
      inFlight -= batch.events;
    }
  };

  // Events of waiting requests come again with the resend; what is only counted would be lost.
  const keepCounts = (batch: Open) => {
    if (batch.owed.length === 0) return;
    setTimeout(() => batch.owed.forEach((owed) => count(...owed)), OWED_RETRY_MS).unref();
  };

  const partOf = (projectId: number, receivedAt: number): BatchPart => {
    if (open === undefined) {
      open = { parts: new Map(), events: 0, waiters: [], owed: [] };
      timer = setTimeout(flush, options.maxWaitMs);
    }
    const known = open.parts.get(projectId);
    if (known !== undefined) return known;
    const part: BatchPart = { projectId, receivedAt, events: [], rejected: [] };
    open.parts.set(projectId, part);
    return part;
  };

  const count = (projectId: number, receivedAt: number, rejected: RejectedCount[]) => {
    if (rejected.length === 0) return;
    mergeCounts(partOf(projectId, receivedAt).rejected, rejected);
    open!.owed.push([projectId, receivedAt, rejected]);
  };

  return {
    count,
    add: (projectId, receivedAt, events, rejected) => {
      if (inFlight + events.length > options.maxInFlight) {
        const detail = 'Too many events wait for the queue. Slow down and send the batch again.';
        return Promise.reject(new ApiError('OVERLOADED', detail, { retryAfter: 2 }));
      }
      const part = partOf(projectId, receivedAt);
      for (const event of events) part.events.push(event);
      mergeCounts(part.rejected, rejected);
      inFlight += events.length;
      open!.events += events.length;
      const queued = new Promise<void>((resolve, reject) => open!.waiters.push({ resolve, reject }));
      if (open!.events >= options.maxEvents) flush();
      return queued;
    },
    drain: async () => {
      flush();
      while (running.size > 0) await Promise.all(running);
    },
  };
}

function mergeCounts(into: RejectedCount[], more: readonly RejectedCount[]): void {
  for (const { outcome, reason, count } of more) {
    const same = into.find((known) => known.outcome === outcome && known.reason === reason);
    if (same === undefined) into.push({ outcome, reason, count });
    else same.count += count;
  }
}
