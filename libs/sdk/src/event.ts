import { pickHeaders } from './headers.js';
import { cut, member } from './json.js';

export interface HttpPart {
  method?: string;
  route?: string;
  status?: number;
  /** `Retry-After` as received: seconds or an HTTP date. */
  retry_after?: string;
}

export interface ErrorPart {
  code?: string;
  message?: string;
  type?: string;
  stack?: string;
  details?: unknown;
}

export interface ResponsePart {
  status?: number;
  /** Lower-case names, from an allow-list. */
  headers?: Record<string, string>;
  /** Text, or JSON that was already parsed. */
  body?: unknown;
}

/** One event as it goes over the wire. Identity and time are fixed once, so that resends deduplicate. */
export interface WireEvent {
  /** UUID. */
  event_id: string;
  /** RFC 3339, UTC, milliseconds. */
  timestamp: string;
  environment?: string;
  service?: string;
  release?: string;
  tenant?: string;
  user?: string;
  request_id?: string;
  trace_id?: string;
  http?: HttpPart;
  error?: ErrorPart;
  response?: ResponsePart;
  /** 1 for the first try. */
  attempt?: number;
  attributes?: Record<string, unknown>;
}

/** An event of the application's own making: the SDK adds identity, time and defaults where absent. */
export type EventInput = Partial<WireEvent>;

/** What the application knows about a failure beyond the error itself; it wins over what is read from it. */
export interface CaptureContext {
  code?: string;
  message?: string;
  tenant?: string;
  user?: string;
  requestId?: string;
  traceId?: string;
  http?: { method?: string; route?: string; status?: number; retryAfter?: string | number };
  /** 1 for the first try. */
  attempt?: number;
  attributes?: Record<string, unknown>;
  environment?: string;
  service?: string;
  release?: string;
}

/** An API's error response as a plain object. */
export interface PlainResponse {
  status: number;
  headers?: object;
  /** Text, or JSON that was already parsed. */
  body?: unknown;
  url?: string;
}

type Fields = Record<string, unknown>;

/** Lays what the application said over what was read from the error or response, field by field. */
export function withContext(found: EventInput, context: CaptureContext = {}): EventInput {
  const { code, message, requestId, traceId, http } = context;
  const said: EventInput = {
    ...Object.fromEntries(SAID.map((key) => [key, context[key]])),
    request_id: requestId,
    trace_id: traceId,
    http: merge<HttpPart>(found.http, {
      method: http?.method,
      route: http?.route,
      status: http?.status,
      retry_after: textOf(http, 'retryAfter'),
    }),
    error: merge<ErrorPart>(found.error, { code, message }),
  };
  return merge<EventInput>(found, said) ?? {};
}

// The fields that are called the same on the wire.
const SAID = ['environment', 'service', 'release', 'tenant', 'user', 'attempt', 'attributes'] as const;

/** The later value wins where it is there; undefined where nothing is. */
export function merge<T extends object>(...parts: (T | undefined)[]): T | undefined;
export function merge(...parts: (Fields | undefined)[]): Fields | undefined {
  const out: Fields = {};
  for (const part of parts) {
    for (const key of Object.keys(part ?? {})) if (part![key] !== undefined) out[key] = part![key];
  }
  return Object.keys(out).length > 0 ? out : undefined;
}

/** What a response says, whoever carried it: status, headers worth keeping, request id, wait and route. */
export function fromResponse(
  status: unknown,
  allHeaders?: unknown,
  body?: unknown,
  url?: unknown,
): EventInput {
  const headers = pickHeaders(allHeaders);
  // Anything else called status, as 0 of an opaque response, would have the whole event refused.
  const number = Number(status) >= 100 && Number(status) < 600 ? Number(status) : undefined;
  return {
    request_id: textOf(headers, 'x-request-id', 'request-id'),
    http: merge<HttpPart>({
      route: routeOf(url),
      status: number,
      retry_after: textOf(headers, 'retry-after'),
    }),
    response: merge<ResponsePart>({ status: number, headers, body: body ?? undefined }),
  };
}

/** Longest code and route that the server takes, in UTF-16 units. */
export const LONGEST_NAME = 200;

const ID_LIKE = /^(\d+|(?=.*\d)[\w-]{16,})$/;

/**
 * A route from an address: the path with segments that look like ids replaced by `:id`, because
 * routes are counted by and an id in each would make every one its own; no query, it may hold secrets.
 */
export function routeOf(url: unknown): string | undefined {
  if (typeof url !== 'string' || url === '') return undefined;
  const path = url.replace(/^\w+:\/\/[^/?#]*/, '').replace(/[?#].*$/s, '');
  const segments = (path || '/').split('/').map((segment) => (ID_LIKE.test(segment) ? ':id' : segment));
  return cut(segments.join('/'), LONGEST_NAME);
}

/** The first of the properties that holds text or a number, as text. */
export function textOf(value: unknown, ...keys: string[]): string | undefined {
  for (const key of keys) {
    const found = member(value, key);
    if ((typeof found === 'string' && found !== '') || typeof found === 'number') return String(found);
  }
  return undefined;
}
