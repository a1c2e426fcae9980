import { InjectQueue } from '@nestjs/bullmq';
import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiError, JOBS, queuedEvent } from '@errata/contracts';
import type { DigestJob } from '@errata/contracts';
import { jobOptions, uuidV7, withTimeout } from '@errata/platform';
import type { Clock, Env } from '@errata/platform';
import { listDeadLetters } from '@errata/storage';
import type { Storage, StoredLetter } from '@errata/storage';
import type { Queue } from 'bullmq';
import { z } from 'zod';
import { Policy, ProjectId } from '../auth/policy.js';
import { CLOCK, ENV, STORAGE } from '../tokens.js';
import { readInput } from './read-input.js';

const MAX_LISTED = 1_000;

const listQuery = z.strictObject({
  status: z.enum(['pending', 'replayed', 'discarded']).default('pending'),
  limit: z.coerce.number().int().min(1).max(MAX_LISTED).default(100),
});

const replayBody = z.strictObject({
  ids: z
    .array(z.uuid())
    .min(1)
    .max(MAX_LISTED)
    .optional()
    .describe('Which to replay; all pending ones without it.'),
});

/** Events that could not be stored: what they were, why, and a second chance for them. */
@Controller('api/v1/projects/:projectId/dead-letters')
export class DeadLettersController {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(ENV) private readonly env: Env,
    @InjectQueue('ingest') private readonly queue: Queue,
  ) {}

  @Get()
  @Policy('project:read')
  async list(@ProjectId() projectId: number, @Query() query: unknown) {
    const { status, limit } = readInput(listQuery, query, 'INVALID_PARAMETER', 'UNKNOWN_FILTER');
    const letters = await listDeadLetters(this.storage.db, { projectId, status, limit });
    return { data: letters.map(present) };
  }

  /** Queues the events again under their own identity: one that was stored meanwhile stays one. */
  @Post('replay')
  @Policy('project:write')
  @HttpCode(202)
  async replay(@ProjectId() projectId: number, @Body() body: unknown) {
    const { ids } = readInput(replayBody, body ?? {}, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    const filter = { projectId, status: 'pending', limit: MAX_LISTED, ...(ids === undefined ? {} : { ids }) };
    const letters = await listDeadLetters(this.storage.db, filter);
    const missing = (ids ?? []).filter((id) => !letters.some((letter) => letter.id === id));
    if (missing.length > 0) {
      throw new ApiError(
        'DEAD_LETTER_NOT_FOUND',
        `There is no pending dead letter ${missing[0]} in this project.`,
      );
    }
    const { events, refused } = replayable(letters);
    if (events.length > 0) await this.enqueue(projectId, events);
    return { queued: events.length, refused };
  }

  private async enqueue(projectId: number, events: unknown[]): Promise<void> {
    const now = this.clock.now();
    const job: DigestJob = {
      v: 1,
      batchId: uuidV7(now),
      createdAt: now,
      parts: [{ projectId, receivedAt: now, events, rejected: [] }],
    };
    try {
      await withTimeout(
        this.queue.add('digest', job, jobOptions(JOBS.digest, job.batchId)),
        this.env.QUEUE_TIMEOUT_MS,
      );
    } catch {
      throw new ApiError('QUEUE_UNAVAILABLE', 'The queue did not confirm the replay in time. Try again.', {
        retryAfter: 2,
      });
    }
  }
}

function replayable(letters: readonly StoredLetter[]) {
  const events: unknown[] = [];
  const refused: Array<{ id: string; reason: string }> = [];
  for (const letter of letters) {
    const parsed = queuedEvent.safeParse(parse(letter.payload));
    if (parsed.success) events.push({ ...parsed.data, replayOf: letter.id });
    else
      refused.push({ id: letter.id, reason: `its payload is no event: ${parsed.error.issues[0]!.message}` });
  }
  return { events, refused };
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}

function present(letter: StoredLetter) {
  return {
    id: letter.id,
    stage: letter.stage,
    reason_code: letter.reasonCode,
    reason: letter.reason,
    status: letter.status,
    received_at: letter.receivedAt.toISOString(),
    created_at: letter.createdAt.toISOString(),
    payload: parse(letter.payload) ?? letter.payload,
  };
}
