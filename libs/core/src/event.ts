/**
 * The words of the domain: what an error event is, and what can become of it.
 *
 * Three times, never mixed: `occurredAt` (client), `receivedAt` (API), `digestedAt` (worker). All of
 * them are milliseconds since the epoch, UTC, wherever they are numbers.
 */

export const RETRYABILITIES = ['retryable', 'conditional', 'permanent', 'unknown'] as const;
/** Whether the same request may succeed later, only after something changes, or never. */
export type Retryability = (typeof RETRYABILITIES)[number];

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const EXPECTATIONS = ['never', 'rare', 'normal'] as const;
/** How often the documentation expects a code: a `never` code pages on its first occurrence. */
export type Expectation = (typeof EXPECTATIONS)[number];

export const CATEGORIES = [
  'authentication',
  'authorization',
  'validation',
  'not_found',
  'conflict',
  'rate_limit',
  'quota',
  'billing',
  'availability',
  'server',
  'client',
  'other',
] as const;
export type Category = (typeof CATEGORIES)[number];

export const OUTCOMES = ['accepted', 'duplicate', 'invalid', 'filtered', 'rate_limited', 'failed'] as const;
/** The one counted end of every event that reaches us. */
export type Outcome = (typeof OUTCOMES)[number];

/** The code under which an event counts when neither it nor its response names one. */
export const UNCATALOGUED = 'UNCATALOGUED';

/** Where values past the cardinality limit of a project and minute are counted. */
export const OTHER = '__other__';

/** The raw API error response as the client saw it, read by the worker. */
export interface EventResponse {
  status?: number;
  /** Lower-case names. */
  headers?: Record<string, string>;
  /** Text, or JSON that was already parsed. */
  body?: unknown;
}

/**
 * One error event after validation, with its identity fixed: this is what travels in the queue.
 * Optional fields are absent rather than empty.
 */
export interface ErrorEvent {
  /** UUID, lower case with dashes. */
  eventId: string;
  /** Milliseconds since the epoch. Part of the identity, so it never changes after the API. */
  occurredAt: number;
  /** True where the client named no time: the identity is then held by a gate, not by the key. */
  timeless?: boolean;
  environment?: string;
  service?: string;
  release?: string;
  tenant?: string;
  user?: string;
  requestId?: string;
  traceId?: string;
  http?: { method?: string; route?: string; status?: number; retryAfter?: string };
  error?: { code?: string; message?: string; type?: string; stack?: string; details?: unknown };
  response?: EventResponse;
  /** 1 for the first try. */
  attempt?: number;
  attributes?: Record<string, unknown>;
  /** Names of fields that were cut, repaired or redacted on the way in. */
  notes?: string[];
  /** The dead letter that this event was replayed from. */
  replayOf?: string;
}
