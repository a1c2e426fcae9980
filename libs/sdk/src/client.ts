import { endpointOf, parseDsn } from './dsn.js';
import type { CaptureContext, EventInput, PlainResponse, WireEvent } from './event.js';
import { fromResponse, merge, textOf, withContext } from './event.js';
import { member, toJson } from './json.js';
import type { Drop, DropReason, InitOptions, Stats } from './options.js';
import { DROP_REASONS, numberOption } from './options.js';
import { readBody } from './read-body.js';
import { readError } from './read-error.js';
import { Sender } from './sender.js';
import { later, onAbort } from './sleep.js';
import { createTransport } from './transport.js';
import { uuidV7 } from './uuid.js';

/** Milliseconds that `flush` and `close` wait when not told. */
const FLUSH_TIMEOUT = 10_000;

/**
 * Records errors of an API and delivers them to Errata in the background. Once it is made, no method
 * throws into the application or rejects; what is lost is counted in {@link ErrataClient.stats}.
 */
export class ErrataClient {
  readonly #options: InitOptions;
  readonly #sender: Sender;
  readonly #maxBuffer: number;
  /** Events whose response body is still being read, and what ends that. */
  readonly #reading = new Map<Promise<string>, AbortController>();
  readonly #dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Stats['dropped'];
  readonly #forgetSignal: () => void;
  #accepted = 0;
  #rejected = 0;
  #refusing: DropReason | undefined;
  #closing: Promise<boolean> | undefined;
  #reporting = false;

  /** @throws InvalidDsnError where the DSN cannot be read */
  constructor(options: InitOptions) {
    const dsn = parseDsn(options.dsn);
    this.#options = options;
    this.#maxBuffer = numberOption(options.maxBuffer, 1000, 1);
    this.#sender = new Sender({
      transport: createTransport({
        endpoint: endpointOf(dsn),
        key: dsn.key,
        // Bound: browsers refuse a fetch that is called as another object's method.
        fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
        timeout: numberOption(options.timeout, 10_000, 1),
      }),
      maxBuffer: this.#maxBuffer,
      maxBatch: numberOption(options.maxBatch, 100, 1),
      flushInterval: numberOption(options.flushInterval, 1000, 0),
      maxRetryDelay: numberOption(options.maxRetryDelay, 30_000, 0),
      gzip: options.gzip ?? true,
      onDrop: (reason, count, detail) => this.#lose(reason, count, detail),
      onAccepted: (count) => (this.#accepted += count),
      log: (message) => this.#log(message),
    });
    this.#forgetSignal = onAbort(options.signal, () => this.#stop('aborted'));
  }

  /**
   * Records whatever was thrown, with the code, status and response it carries.
   * @returns the event's id
   */
  captureError(error: unknown, context?: CaptureContext): string {
    return this.#record(() => withContext(readError(error), context));
  }

  /**
   * Records an API's error response. A `Response` stays unread for the application: up to 64 KiB of
   * its body are read from a clone.
   * @returns the event's id; for a `Response` once its body was read
   */
  captureResponse(response: Response, context?: CaptureContext): Promise<string>;
  captureResponse(response: PlainResponse, context?: CaptureContext): string;
  captureResponse(response: Response | PlainResponse, context?: CaptureContext): Promise<string> | string {
    const make = (body: unknown) =>
      withContext(fromResponse(response.status, response.headers, body, response.url), context);
    if (typeof member(response, 'clone') === 'function') {
      return Promise.resolve(this.#record(make, response as Response));
    }
    return this.#record(() => make(response.body));
  }

  /**
   * Records an event of the application's own making, in the wire's field names.
   * @returns the event's id: its own, or a new one
   */
  captureEvent(event: EventInput): string {
    return this.#record(() => event);
  }

  /**
   * Sends what was captured so far without waiting for company.
   * @param timeoutMs milliseconds to wait at most, 10,000
   * @param options.signal ends this wait; what was captured stays and is sent in the background
   * @returns true where everything captured before is settled, be it accepted, rejected or dropped;
   *   false where the wait ended first
   */
  flush(timeoutMs?: number, options?: { signal?: AbortSignal }): Promise<boolean> {
    return new Promise((resolve) => {
      const undo: (() => void)[] = [];
      const finish = (settled: boolean) => {
        for (const one of undo) one();
        resolve(settled);
      };
      const giveUp = () => finish(false);
      // The application waits for this, so the process must live to see it end.
      undo.push(later(numberOption(timeoutMs, FLUSH_TIMEOUT, 0), giveUp, true));
      undo.push(onAbort(options?.signal, giveUp));
      void Promise.all(this.#reading.keys()).then(() => undo.push(this.#sender.flush(() => finish(true))));
    });
  }

  /**
   * Refuses further captures, sends what is left and drops what the time does not suffice for.
   * @param timeoutMs milliseconds to wait at most, 10,000
   * @returns true where nothing was left to drop
   */
  close(timeoutMs?: number): Promise<boolean> {
    this.#refusing ??= 'closed';
    this.#closing ??= this.flush(timeoutMs).then((settled) => {
      this.#stop('closed');
      return settled;
    });
    return this.#closing;
  }

  /** What became of the events so far. */
  stats(): Stats {
    const buffered = this.#sender.buffered + this.#reading.size;
    return { accepted: this.#accepted, rejected: this.#rejected, dropped: { ...this.#dropped }, buffered };
  }

  /** Records what `make` makes, given the body of the response where there is one to read. */
  #record(make: () => EventInput): string;
  #record(make: (body?: string) => EventInput, response: Response): Promise<string> | string;
  #record(make: (body?: string) => EventInput, response?: Response): Promise<string> | string {
    const now = Date.now();
    const id = uuidV7(now);
    // Asked now: the request that it belongs to may be over when the body has come.
    const tenant = this.#tenant();
    const full = response && this.stats().buffered >= this.#maxBuffer;
    const refused = this.#refusing ?? (full ? 'buffer_overflow' : undefined);
    if (refused) this.#lose(refused);
    if (refused) return id;
    if (!response) return this.#take(id, now, tenant, make);
    // Starts at once: the clone must be taken before the application reads.
    const limit = new AbortController();
    const reading = readBody(response, limit).then((body) => {
      this.#reading.delete(reading);
      return this.#take(id, now, tenant, () => make(body));
    });
    this.#reading.set(reading, limit);
    return reading;
  }

  /** Builds the event and hands it to the sender; whatever goes wrong is counted. Returns its id. */
  #take(id: string, now: number, tenant: string | undefined, make: () => EventInput): string {
    const { environment, service, release, beforeSend } = this.#options;
    const timestamp = new Date(now).toISOString();
    let reason: DropReason | undefined = 'internal';
    try {
      const made = make();
      const event = merge<EventInput>(
        { event_id: id, timestamp, environment, service, release, tenant },
        made,
      ) as WireEvent;
      id = event.event_id;
      const identity = { event_id: id, timestamp: event.timestamp };
      reason = 'before_send';
      const kept = beforeSend ? beforeSend(event) : event;
      if (kept) {
        reason = 'internal';
        // Identity stands first, where no cut can reach it, and is not the hook's to change.
        const json = toJson({ ...identity, ...kept, ...identity });
        reason = this.#sender.stopped.aborted ? this.#refusing : this.#sender.offer(json);
      }
    } catch (error) {
      this.#log(`capture failed: ${textOf(error, 'message')}`);
    }
    if (reason) this.#lose(reason);
    return id;
  }

  #tenant(): string | undefined {
    const { tenant } = this.#options;
    try {
      return typeof tenant === 'function' ? tenant() : tenant;
    } catch {
      return undefined;
    }
  }

  #stop(reason: DropReason): void {
    this.#refusing ??= reason;
    this.#forgetSignal?.();
    for (const limit of this.#reading.values()) limit.abort();
    this.#sender.stop(reason);
  }

  #lose(reason: Drop['reason'], count = 1, detail?: string): void {
    if (reason === 'rejected') this.#rejected += count;
    else this.#dropped[reason] += count;
    this.#log(`${count} lost: ${reason} ${detail ?? ''}`);
    // A hook that captures what it is told would report its own losses without end.
    if (this.#reporting) return;
    this.#reporting = true;
    try {
      this.#options.onDrop?.({ reason, count, ...(detail && { detail }) });
    } catch (error) {
      this.#log(`onDrop threw: ${textOf(error, 'message')}`);
    }
    this.#reporting = false;
  }

  #log(message: string): void {
    if (this.#options.debug) console.warn(`[errata] ${message.trim()}`);
  }
}
