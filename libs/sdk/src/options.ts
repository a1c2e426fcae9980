import type { WireEvent } from './event.js';

export const DROP_REASONS = [
  /** The buffer was full. */
  'buffer_overflow',
  /** `beforeSend` returned nothing or threw. */
  'before_send',
  /** The server could use nothing of the batch. */
  'invalid',
  /** The key or project was refused. */
  'unauthorized',
  /** One event alone was over the server's limit. */
  'too_large',
  /** Captured after `close`, or still waiting when it ran out of time. */
  'closed',
  /** The signal given to `init` was aborted. */
  'aborted',
  /** The event could not be built. */
  'internal',
] as const;
/** Why the SDK itself let an event go. */
export type DropReason = (typeof DROP_REASONS)[number];

/** Events lost for one reason. `rejected` ones were refused one by one by the server. */
export interface Drop {
  reason: DropReason | 'rejected';
  count: number;
  /** What the server said, where it said something. */
  detail?: string;
}

/** What became of the events; captured = accepted + rejected + all dropped + buffered, at every moment. */
export interface Stats {
  /** The server has them durably. */
  accepted: number;
  /** The server refused them one by one. */
  rejected: number;
  dropped: Record<DropReason, number>;
  /** Waiting or in flight. */
  buffered: number;
}

export interface InitOptions {
  /** `http(s)://<key>@<host>[:port][/path]/<projectId>` */
  dsn: string;
  environment?: string;
  service?: string;
  release?: string;
  /** The watched API's customer; a function is asked at every capture. */
  tenant?: string | (() => string | undefined);
  /** Events held at most, 1000. */
  maxBuffer?: number;
  /** Events in one request at most, 100. */
  maxBatch?: number;
  /** Milliseconds that an event waits for company, 1000. */
  flushInterval?: number;
  /** Milliseconds for one request, 10,000. */
  timeout?: number;
  /** Milliseconds between two tries at most, unless the server asks for more, 30,000. */
  maxRetryDelay?: number;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
  /** Compress requests above 1 KiB, true. */
  gzip?: boolean;
  /** Say on the console what goes wrong. */
  debug?: boolean;
  /** Sees every event before it is stored; may change it, or return null to drop it. */
  beforeSend?: (event: WireEvent) => WireEvent | null | undefined;
  /** Told of every loss. */
  onDrop?: (drop: Drop) => void;
  /** Aborting it ends the client: waits and sends are cancelled, what is left is dropped and counted. */
  signal?: AbortSignal;
}

/** A number option: the fallback where it is absent, under the least or no number. */
export function numberOption(value: number | undefined, fallback: number, least: number): number {
  return value !== undefined && value >= least ? value : fallback;
}
