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
   * @param bytes size of the request's body, as a measure of the memory that its events hold
   * @returns when the batch is durably queued
   * @throws ApiError QUEUE_UNAVAILABLE or OVERLOADED; then nothing of this request was accepted for
   *   certain, and the client should send it again
   */
  add(
    projectId: number,
    receivedAt: number,
    events: ErrorEvent[],
    rejected: RejectedCount[],
    bytes: number,
  ): Promise<void>;
  /**
   * Counts turned-away events with a later batch, without making anybody wait. They are kept until a
   * batch takes them, in memory that grows with projects, minutes and reasons but not with calls.
   */
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
  /** Bytes that may wait for the queue at once; a single request always may. 64 MiB unless given. */
  maxBytesInFlight?: number;
  /** Bytes at which a batch is queued at once. 2 MiB unless given. */
  maxBatchBytes?: number;
  onError?: (error: unknown) => void;
}

/** Counts of one project and minute whose requests were answered already: a failed batch still owes them. */
interface Owed {
  projectId: number;
  receivedAt: number;
  rejected: RejectedCount[];
}

interface Open {
  parts: Map<number, BatchPart>;
  events: number;
  bytes: number;
  waiters: Array<{ resolve: () => void; reject: (error: unknown) => void }>;
  owed: Owed[];
}

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

/** Pause before owed counts are tried again. */
const OWED_RETRY_MS = 1_000;

/** Makes the coalescer of one API process. */
export function createCoalescer(options: CoalescerOptions): Coalescer {
  return new BatchCoalescer(options);
}

class BatchCoalescer implements Coalescer {
  private open: Open | undefined;
  private timer: NodeJS.Timeout | undefined;
  private inFlight = { events: 0, bytes: 0 };
  private readonly owed = new Map<string, Owed>();
  private owedTimer: NodeJS.Timeout | undefined;
  /** Whether the queue refused the latest batch. */
  private failing = false;
  private readonly running = new Set<Promise<void>>();

  constructor(private readonly options: CoalescerOptions) {}

  add(
    projectId: number,
    receivedAt: number,
    events: ErrorEvent[],
    rejected: RejectedCount[],
    bytes: number,
  ): Promise<void> {
    if (!this.hasRoom(events.length, bytes)) {
      const detail = 'Too many events wait for the queue. Slow down and send the batch again.';
      return Promise.reject(new ApiError('OVERLOADED', detail, { retryAfter: 2 }));
    }
    const open = this.opened();
    const part = partOf(open, projectId, receivedAt);
    for (const event of events) part.events.push(event);
    mergeCounts(part.rejected, rejected);
    this.inFlight.events += events.length;
    this.inFlight.bytes += bytes;
    open.events += events.length;
    open.bytes += bytes;
    const queued = new Promise<void>((resolve, reject) => open.waiters.push({ resolve, reject }));
    const { maxEvents, maxBatchBytes = 2 * MIB } = this.options;
    if (open.events >= maxEvents || open.bytes >= maxBatchBytes) this.flush();
    return queued;
  }

  count(projectId: number, receivedAt: number, rejected: RejectedCount[]): void {
    if (rejected.length === 0) return;
    this.owe({ projectId, receivedAt, rejected });
    this.payLater();
  }

  async drain(): Promise<void> {
    do {
      this.flush();
      await Promise.all(this.running);
    } while (this.running.size > 0 || this.open !== undefined || (this.owed.size > 0 && !this.failing));
  }

  private hasRoom(events: number, bytes: number): boolean {
    const { maxInFlight, maxBytesInFlight = 64 * MIB } = this.options;
    if (this.inFlight.events + events > maxInFlight) return false;
    // A body above the bound by itself must still pass when nothing else waits.
    return this.inFlight.bytes === 0 || this.inFlight.bytes + bytes <= maxBytesInFlight;
  }

  private opened(): Open {
    if (this.open === undefined) {
      this.open = { parts: new Map(), events: 0, bytes: 0, waiters: [], owed: [] };
      this.timer = setTimeout(() => this.flush(), this.options.maxWaitMs);
    }
    return this.open;
  }

  private flush(): void {
    if (this.owed.size > 0) this.takeOwed(this.opened());
    clearTimeout(this.timer);
    this.timer = undefined;
    const batch = this.open;
    this.open = undefined;
    if (batch === undefined) return;
    const sent = this.send(batch).finally(() => {
      this.running.delete(sent);
      this.payLater();
    });
    this.running.add(sent);
  }

  private async send(batch: Open): Promise<void> {
    const now = this.options.clock.now();
    const job: DigestJob = { v: 1, batchId: uuidV7(now), createdAt: now, parts: [...batch.parts.values()] };
    try {
      await this.options.enqueue(job);
      this.failing = false;
      for (const waiter of batch.waiters) waiter.resolve();
    } catch (error) {
      this.failing = true;
      this.options.onError?.(error);
      // Events of waiting requests come again with the resend; what is only counted would be lost.
      for (const owed of batch.owed) this.owe(owed);
      const unavailable = new ApiError(
        'QUEUE_UNAVAILABLE',
        'The queue did not confirm the batch in time. Send it again with the same event_id and timestamp: what was stored is not counted twice.',
        { retryAfter: 2 },
      );
      for (const waiter of batch.waiters) waiter.reject(unavailable);
    } finally {
      this.inFlight.events -= batch.events;
      this.inFlight.bytes -= batch.bytes;
    }
  }

  private owe({ projectId, receivedAt, rejected }: Owed): void {
    const key = `${projectId} ${minuteOf(receivedAt)}`;
    const known = this.owed.get(key) ?? { projectId, receivedAt, rejected: [] };
    this.owed.set(key, known);
    mergeCounts(known.rejected, rejected);
  }

  // A batch commits one part per project, and a part is one minute: other minutes wait for the next batch.
  private takeOwed(batch: Open): void {
    for (const [key, owed] of this.owed) {
      const part = partOf(batch, owed.projectId, owed.receivedAt);
      if (minuteOf(part.receivedAt) !== minuteOf(owed.receivedAt)) continue;
      mergeCounts(part.rejected, owed.rejected);
      batch.owed.push(owed);
      this.owed.delete(key);
    }
  }

  // While the queue is slow or away, counts gather for a second instead of making a batch each.
  private payLater(): void {
    if (this.owed.size === 0 || this.owedTimer !== undefined) return;
    const busy = this.failing || this.running.size > 0;
    const pause = busy ? OWED_RETRY_MS : this.options.maxWaitMs;
    this.owedTimer = setTimeout(() => {
      this.owedTimer = undefined;
      this.flush();
      // A busy project has a part of the current minute in every batch, so an older one gets its own.
      if (this.owed.size > 0) this.flush();
    }, pause).unref();
  }
}

function minuteOf(time: number): number {
  return Math.floor(time / MINUTE_MS);
}

function partOf(open: Open, projectId: number, receivedAt: number): BatchPart {
  const known = open.parts.get(projectId);
  if (known !== undefined) return known;
  const part: BatchPart = { projectId, receivedAt, events: [], rejected: [] };
  open.parts.set(projectId, part);
  return part;
}

function mergeCounts(into: RejectedCount[], more: readonly RejectedCount[]): void {
  for (const { outcome, reason, count } of more) {
    const same = into.find((known) => known.outcome === outcome && known.reason === reason);
    if (same === undefined) into.push({ outcome, reason, count });
    else same.count += count;
  }
}
