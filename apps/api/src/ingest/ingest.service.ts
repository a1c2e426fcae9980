import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '@errata/contracts';
import type { IngestAnswer, RejectedCount, RejectedEvent } from '@errata/contracts';
import type { ErrorEvent } from '@errata/core';
import { uuidFromContent, uuidV7 } from '@errata/platform';
import type { Clock, Env, RateLimiter } from '@errata/platform';
import type { Counter } from 'prom-client';
import type { IngestKey } from '../auth/key-cache.js';
import { CLOCK, COALESCER, ENV, INGEST_METRICS, RATE_LIMITER } from '../tokens.js';
import type { Coalescer } from './coalescer.js';
import { normalizeEvent } from './normalize-event.js';
import type { Normalized } from './normalize-event.js';
import { TooManyEventsError, parseRequest } from './parse-request.js';
import type { Entry } from './parse-request.js';

export interface IngestMetrics {
  /** Events turned away at the edge; the worker counts what became of the others. */
  outcomes: Counter<'outcome' | 'reason'>;
}

/** The edge's half of an event's path: parse, limit, repair, fix the identity, queue. */
@Injectable()
export class IngestService {
  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(COALESCER) private readonly coalescer: Coalescer,
    @Inject(RATE_LIMITER) private readonly limiter: RateLimiter,
    @Inject(INGEST_METRICS) private readonly metrics: IngestMetrics,
  ) {}

  /**
   * Takes one request's events.
   * @returns once everything acceptable is durably queued
   * @throws ApiError where nothing of the body is usable, the key is over its rate, or the queue is away
   */
  async take(
    key: IngestKey,
    body: Buffer,
    contentType: string | undefined,
    requestId: string,
  ): Promise<IngestAnswer> {
    const now = this.clock.now();
    const entries = this.parse(key, body, contentType, now);
    await this.limit(key, entries.length, now);
    const { events, rejected } = this.sort(key, entries, body.length, now);
    const counts = countsOf(rejected);
    if (events.length === 0) {
      this.turnAway(key, now, counts);
      const codes = new Set(rejected.map(({ code }) => code));
      throw new ApiError(
        codes.size === 1 ? rejected[0]!.code : 'INVALID_EVENT',
        `None of the ${entries.length} events could be used. ${describe(rejected[0]!)}`,
        {
          errors: rejected.slice(0, 100).map(fieldError),
        },
      );
    }
    await this.coalescer.add(key.projectId, now, events, counts, body.length);
    for (const { outcome, reason, count } of counts) this.metrics.outcomes.inc({ outcome, reason }, count);
    return { accepted: events.length, rejected, request_id: requestId };
  }

  /** Counts a request whose body could not even be read, under the code of its refusal. */
  countRefused(key: IngestKey, code: string): void {
    this.turnAway(key, this.clock.now(), [{ outcome: 'invalid', reason: code, count: 1 }]);
  }

  /** Counts events that are refused before anybody could look at them one by one. */
  private turnAway(key: IngestKey, now: number, counts: RejectedCount[]): void {
    this.coalescer.count(key.projectId, now, counts);
    for (const { outcome, reason, count } of counts) this.metrics.outcomes.inc({ outcome, reason }, count);
  }

  private parse(key: IngestKey, body: Buffer, contentType: string | undefined, now: number): Entry[] {
    try {
      return parseRequest(body, contentType, this.env.MAX_BATCH_EVENTS);
    } catch (error) {
      if (error instanceof ApiError) {
        const count = error instanceof TooManyEventsError ? error.count : 1;
        this.turnAway(key, now, [{ outcome: 'invalid', reason: error.code, count }]);
      }
      throw error;
    }
  }

  private async limit(key: IngestKey, cost: number, now: number): Promise<void> {
    const limit = { ratePerSecond: key.ratePerSecond, burst: key.burst };
    const decision = await this.limiter.take(`key:${key.keyId}`, limit, cost, now);
    if (decision.allowed) return;
    this.turnAway(key, now, [{ outcome: 'rate_limited', reason: 'key', count: cost }]);
    const detail = `This key may send ${key.ratePerSecond} events a second with bursts of ${key.burst}.`;
    if (decision.never) {
      throw new ApiError(
        'TOO_MANY_EVENTS',
        `${detail} A batch of ${cost} can never pass: send smaller ones.`,
      );
    }
    throw new ApiError(
      'RATE_LIMITED',
      `${detail} Send the batch again after ${decision.retryAfterSeconds} s.`,
      {
        retryAfter: decision.retryAfterSeconds,
        headers: {
          'ratelimit-policy': `"key";q=${key.burst};w=${Math.ceil(key.burst / key.ratePerSecond)}`,
          ratelimit: `"key";r=${Math.max(0, Math.floor(decision.remaining))};t=${decision.retryAfterSeconds}`,
        },
      },
    );
  }

  private sort(key: IngestKey, entries: Entry[], bodyBytes: number, now: number) {
    const events: ErrorEvent[] = [];
    const rejected: RejectedEvent[] = [];
    const identical = new Map<string, number>();
    const sizesMatter = bodyBytes > this.env.MAX_EVENT_BYTES;
    const tooLarge = (value: unknown) =>
      sizesMatter && Buffer.byteLength(JSON.stringify(value)) > this.env.MAX_EVENT_BYTES;
    entries.forEach((entry, index) => {
      // Measured raw as well: repairing and scrubbing take seconds for a body of megabytes.
      const large = entry.ok && tooLarge(entry.value);
      const result: Normalized = large
        ? this.tooLarge()
        : entry.ok
          ? normalizeEvent(entry.value, key, now)
          : entry;
      const taken = result.ok && tooLarge(result.event) ? this.tooLarge() : result;
      if (taken.ok) {
        events.push(withIdentity(key.projectId, taken.event, entry, identical, now));
      } else {
        const { code, message, field } = taken;
        rejected.push({ index, code, message, ...(field === undefined ? {} : { field }) });
      }
    });
    return { events, rejected };
  }

  private tooLarge(): Normalized {
    const message = `is larger than ${this.env.MAX_EVENT_BYTES} bytes; shorten its stack, response or attributes`;
    return { ok: false, code: 'EVENT_TOO_LARGE', message };
  }
}

type Unidentified = Omit<ErrorEvent, 'eventId'> & { eventId: string | undefined };

// Without an id from the client, an event with a time gets one from its content, so that a resend is
// recognised; the n-th identical event of a request is another one. Without a time too, nothing can
// tell a resend from a second error, and each counts.
function withIdentity(
  projectId: number,
  event: Unidentified,
  entry: Entry,
  identical: Map<string, number>,
  now: number,
): ErrorEvent {
  if (event.eventId !== undefined) return event as ErrorEvent;
  if (!hasTimestamp(entry)) return { ...event, eventId: uuidV7(now) };
  const content = `${projectId} ${JSON.stringify(event)}`;
  const ordinal = identical.get(content) ?? 0;
  identical.set(content, ordinal + 1);
  return { ...event, eventId: uuidFromContent(`${ordinal} ${content}`) };
}

function hasTimestamp(entry: Entry): boolean {
  const { timestamp } = (entry.ok ? entry.value : {}) as { timestamp?: unknown };
  return timestamp !== undefined && timestamp !== null && timestamp !== '';
}

function countsOf(rejected: readonly RejectedEvent[]): RejectedCount[] {
  const counts = new Map<string, number>();
  for (const { code } of rejected) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([reason, count]) => ({ outcome: 'invalid', reason, count }));
}

function fieldError(rejection: RejectedEvent) {
  const field = `events[${rejection.index}]${rejection.field === undefined ? '' : `.${rejection.field}`}`;
  return { field, message: rejection.message };
}

function describe(rejection: RejectedEvent): string {
  const { field, message } = fieldError(rejection);
  return `First: ${field} ${message}.`;
}
