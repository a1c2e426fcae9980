import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { readAnswer } from './answer.js';
import type { Answer, RejectedEvent } from './answer.js';
import { Failure, messageOf } from './failure.js';
import { retryDelayMs } from './retry.js';
import type { Target } from './target.js';

const compress = promisify(gzip);

/** Requests on the way at the same time. */
const IN_FLIGHT = 2;
const REQUEST_TIMEOUT_MS = 60_000;

/** Events that travel in one request. */
export interface Batch {
  /** JSON of each event. */
  events: string[];
  /** Line number of each event. */
  positions: number[];
}

/** An event that the server did not take, with the line it came from. */
export interface Rejection extends RejectedEvent {
  position?: number;
}

/** What the server said about a batch. */
export interface Delivery {
  /** Events of the batch. */
  sent: number;
  /** Acknowledged as durable. Duplicates are among them: they are found later, in the worker. */
  accepted: number;
  rejected: Rejection[];
  requestId?: string;
}

export interface SenderOptions {
  target: Target;
  /** Longest time without any acknowledged batch before giving up, in milliseconds. */
  giveUpAfterMs: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** In [0, 1), for jitter. */
  random: () => number;
  onDelivery: (delivery: Delivery) => void;
  /** Called before each wait for another try. */
  onRetry: (reason: string, waitMs: number) => void;
}

/**
 * Posts batches, up to two at a time, and repeats a batch until the server takes it: resends are safe,
 * because every event carries its id. The first failure stops everything.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #progressAt = Number.NEGATIVE_INFINITY;
  #failure?: Error;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /**
   * Takes a batch as soon as there is a free place for it.
   * @throws Failure where an earlier batch was refused or the time to give up has come
   */
  async submit(batch: Batch): Promise<void> {
    while (this.#inFlight.size >= IN_FLIGHT) await Promise.race(this.#inFlight);
    this.#throwFailure();
    const task: Promise<void> = this.#deliver(batch)
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
        this.#stop.abort();
      })
      .finally(() => this.#inFlight.delete(task));
    this.#inFlight.add(task);
  }

  /**
   * Waits until everything submitted is acknowledged.
   * @throws Failure as {@link submit}
   */
  async drain(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #deliver(batch: Batch): Promise<void> {
    const { now, random, onRetry } = this.#options;
    const body = await compress(`{"events":[${batch.events.join(',')}]}`);
    const startedAt = now();
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#post(body);
      if (answer.kind === 'refused') throw answer.failure;
      if (answer.kind !== 'retry') return this.#settle(batch, answer);
      const waited = now() - Math.max(startedAt, this.#progressAt);
      const left = this.#options.giveUpAfterMs - waited;
      if (left <= 0 || (answer.retryAfter ?? 0) > left) throw gaveUp(answer, waited);
      const wait = Math.min(retryDelayMs(attempt, answer.retryAfter, random()), left);
      onRetry(answer.reason, wait);
      await sleep(wait, undefined, { signal: this.#stop.signal });
    }
  }

  async #post(body: Buffer): Promise<Answer> {
    const { target, now } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    try {
      const response = await fetch(target.eventsUrl, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${target.key}`,
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
        body: new Uint8Array(body),
        redirect: 'manual',
        signal,
      });
      return readAnswer(response, await response.text(), now());
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      return { kind: 'retry', reason: `cannot reach ${new URL(target.eventsUrl).host}: ${messageOf(error)}` };
    }
  }

  async #settle(batch: Batch, answer: Extract<Answer, { kind: 'taken' | 'too_large' }>): Promise<void> {
    if (answer.kind === 'too_large' && batch.events.length > 1) {
      for (const half of halves(batch)) await this.#deliver(half);
      return;
    }
    this.#progressAt = this.#options.now();
    const {
      accepted,
      rejected,
      requestId,
    }: Omit<Extract<Answer, { kind: 'taken' }>, 'kind'> = answer.kind === 'taken'
      ? answer
      : { accepted: 0, rejected: [{ index: 0, code: answer.code, message: answer.message }] };
    this.#options.onDelivery({
      sent: batch.events.length,
      accepted,
      rejected: rejected.map((entry) => {
        const position = batch.positions[entry.index];
        return position === undefined ? entry : { ...entry, position };
      }),
      ...(requestId !== undefined && { requestId }),
    });
  }
}

function halves(batch: Batch): Batch[] {
  const middle = Math.ceil(batch.events.length / 2);
  return [
    { events: batch.events.slice(0, middle), positions: batch.positions.slice(0, middle) },
    { events: batch.events.slice(middle), positions: batch.positions.slice(middle) },
  ];
}

function gaveUp(answer: Extract<Answer, { kind: 'retry' }>, waited: number): Failure {
  const asked =
    answer.retryAfter === undefined ? '' : ` and asked to wait ${Math.ceil(answer.retryAfter / 1_000)} s`;
  const seconds = Math.round(waited / 1_000);
  return new Failure(
    `gave up after ${seconds} s without progress: ${answer.reason}${asked}; --give-up-after sets the patience.`,
  );
}
