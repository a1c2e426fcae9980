import { z } from 'zod';
import type { ErrorEvent } from '@errata/core';

/**
 * The job catalog: every job that travels in a queue, with its schema and options. Producers and
 * handlers take their types from here, and payloads are parsed again when they are consumed.
 *
 * A new field is optional, with a note on which release made it so: jobs of the previous release
 * are still in the queue during a rolling deploy.
 */

const errorEvent = z.looseObject({
  // Any 128 bits that a client calls an id, whatever version they claim to be.
  eventId: z.guid(),
  occurredAt: z.int(),
}) as unknown as z.ZodType<ErrorEvent>;

/** Events turned away at the edge, counted here so that their outcome is as durable as the batch. */
export const rejectedCount = z.object({
  outcome: z.enum(['invalid', 'rate_limited', 'filtered', 'failed']),
  reason: z.string(),
  count: z.int().positive(),
});
export type RejectedCount = z.infer<typeof rejectedCount>;

export const batchPart = z.object({
  projectId: z.int().positive(),
  receivedAt: z.int(),
  events: z.array(z.unknown()),
  rejected: z.array(rejectedCount),
});

/** One coalesced batch: what several requests of a few milliseconds brought, by project. */
export const digestJob = z.object({
  v: z.literal(1),
  batchId: z.uuid(),
  /** Milliseconds. Travels with the job, because the gate of the batch is partitioned by it. */
  createdAt: z.int(),
  parts: z.array(batchPart).min(1),
});
export type DigestJob = z.infer<typeof digestJob>;
export type BatchPart = z.infer<typeof batchPart>;

/** One event inside a batch, parsed on its own so that a bad one does not fail its neighbours. */
export const queuedEvent = errorEvent;

export const evaluateJob = z.object({ projectId: z.int().positive() });
export const tickJob = z.object({});
export const notifyJob = z.object({});

export const QUEUES = ['ingest', 'evaluate', 'notify', 'maintain'] as const;
export type QueueName = (typeof QUEUES)[number];

export interface JobDefinition<T> {
  queue: QueueName;
  schema: z.ZodType<T>;
  /** Infrastructure faults are retried for ever; whatever the data is to blame for is dead-lettered. */
  attempts: number;
  /** Finished jobs kept, for looking at. */
  keepCompleted: number;
}

const RETRY_FOR_EVER = 1_000_000;

export const JOBS = {
  digest: { queue: 'ingest', schema: digestJob, attempts: RETRY_FOR_EVER, keepCompleted: 0 },
  evaluate: { queue: 'evaluate', schema: evaluateJob, attempts: 3, keepCompleted: 0 },
  'evaluate-tick': { queue: 'evaluate', schema: tickJob, attempts: 1, keepCompleted: 0 },
  notify: { queue: 'notify', schema: notifyJob, attempts: 3, keepCompleted: 0 },
  maintain: { queue: 'maintain', schema: tickJob, attempts: 3, keepCompleted: 0 },
} as const satisfies Record<string, JobDefinition<unknown>>;

export type JobName = keyof typeof JOBS;
export type JobPayload<N extends JobName> = z.infer<(typeof JOBS)[N]['schema']>;
