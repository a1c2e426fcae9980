import { retryDelay } from './backoff.js';
import { EventBuffer } from './buffer.js';
import { encode } from './encode.js';
import type { Drop, DropReason } from './options.js';
import { later, sleep } from './sleep.js';
import type { SendResult, Transport } from './transport.js';

/**
 * Characters in one request at most: as UTF-8 that stays under 1 MiB, where servers begin to suspect
 * well-compressing bodies.
 */
const MAX_BATCH_CHARS = 256 * 1024;

export interface SenderOptions {
  transport: Transport;
  maxBuffer: number;
  maxBatch: number;
  flushInterval: number;
  maxRetryDelay: number;
  gzip: boolean;
  /** Every event that leaves the buffer is reported once, here or in `onAccepted`. */
  onDrop: (reason: Drop['reason'], count: number, detail?: string) => void;
  onAccepted: (count: number) => void;
  log: (message: string) => void;
}

/** Sends what is buffered, one batch in flight at a time, until the server has settled every event. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #buffer: EventBuffer;
  readonly #stop = new AbortController();
  /** Called at every change. */
  readonly #waiting = new Set<() => void>();
  /** Sizes of the batches next in line after a split, the first one last. */
  #sizes: number[] = [];
  #running = false;
  #cancelTimer: (() => void) | undefined;
  /** Everything captured up to here is sent without waiting for company. */
  #flushUpTo = 0;
  #refusedUntil = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#buffer = new EventBuffer(options.maxBuffer);
  }

  get buffered(): number {
    return this.#buffer.size;
  }

  /** Aborts when the sender stops. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Takes one serialized event, or says why not. */
  offer(event: string): DropReason | undefined {
    if (Date.now() < this.#refusedUntil) return 'unauthorized';
    if (!this.#buffer.push(event)) return 'buffer_overflow';
    this.#wake();
    return undefined;
  }

  /**
   * Sends what is buffered now without delay, though never before a time the server asked for, and
   * calls back once all of it is settled; returns the canceller of the call.
   */
  flush(done: () => void): () => void {
    const target = (this.#flushUpTo = this.#buffer.pushed);
    const check = () => {
      if (this.#buffer.settled >= target && this.#waiting.delete(check)) done();
    };
    this.#waiting.add(check);
    this.#wake();
    check();
    return () => this.#waiting.delete(check);
  }

  /** Ends everything at once; what is left is dropped under the reason. */
  stop(reason: DropReason): void {
    this.#stop.abort();
    this.#cancelTimer?.();
    this.#drop(this.#buffer.size, reason);
  }

  get #due(): boolean {
    return this.#buffer.size >= this.#options.maxBatch || this.#buffer.settled < this.#flushUpTo;
  }

  #wake(): void {
    if (this.#running || this.#buffer.size === 0 || this.stopped.aborted) return;
    if (this.#due) {
      void this.#run();
    } else {
      this.#cancelTimer ??= later(this.#options.flushInterval, () => void this.#run());
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    do {
      await this.#sendBatch();
    } while (!this.stopped.aborted && (this.#sizes.length > 0 || this.#due));
    this.#running = false;
    this.#wake();
  }

  /** Sends one batch until it is settled, split or the sender stops. */
  async #sendBatch(): Promise<void> {
    const { maxBatch, maxRetryDelay, transport, gzip } = this.#options;
    const size = this.#sizes.pop() ?? this.#buffer.fit(maxBatch, MAX_BATCH_CHARS);
    const payload = await encode(`{"events":[${this.#buffer.peek(size).join(',')}]}`, gzip);
    for (let attempt = 0; !this.stopped.aborted; attempt += 1) {
      const result = await transport(payload, this.stopped);
      if (this.stopped.aborted) return;
      if (result.kind !== 'retry') return this.#settle(result, size);
      const delay = retryDelay(attempt, Math.random(), maxRetryDelay, result.retryAfter);
      this.#options.log(`${result.detail}; ${size} events wait ${Math.round(delay)} ms`);
      // Timers may fire a fraction early, and the server's time is a minimum.
      await sleep(Math.ceil(delay) + 1, this.stopped);
    }
  }

  #settle({ kind, accepted = 0, detail }: SendResult, size: number): void {
    const half = size >> 1;
    if (kind === 'accepted') {
      const taken = Math.min(size, accepted);
      this.#options.onAccepted(taken);
      this.#drop(size, 'rejected', detail, size - taken);
    } else if (kind === 'too_large' && half > 0) {
      this.#sizes.push(size - half, half);
    } else if (kind === 'unauthorized') {
      // Every further batch would be refused alike: let go of all, and leave the server alone for a while.
      this.#refusedUntil = Date.now() + this.#options.maxRetryDelay;
      this.#sizes = [];
      this.#drop(this.#buffer.size, kind, detail);
    } else if (kind !== 'retry') {
      this.#drop(size, kind, detail);
    }
  }

  /** Takes the oldest events out and reports as many of them as were lost. */
  #drop(size: number, reason: Drop['reason'], detail?: string, count = size): void {
    this.#buffer.remove(size);
    if (count > 0) this.#options.onDrop(reason, count, detail);
    for (const check of this.#waiting) check();
  }
}
