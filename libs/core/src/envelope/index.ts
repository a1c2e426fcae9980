import type { ErrorEvent } from '../event.js';
import type { Envelope, EnvelopeReading } from './envelope.js';
import { errorList } from './error-list.js';
import { firstText, isRecord, statedCode, text } from './fields.js';
import type { JsonRecord } from './fields.js';
import { flatError } from './flat-error.js';
import { nestedError } from './nested-error.js';
import { problem } from './problem.js';

export type { Envelope, EnvelopeReading } from './envelope.js';

/**
 * The known envelopes, most telling first: a problem may carry an `errors` list of its own, so it is
 * asked before the list. The first that recognises a body reads it.
 */
export const ENVELOPES: readonly Envelope[] = [problem, nestedError, flatError, errorList];

/** What the client's event and the API's answer say together. Absent rather than empty. */
export interface ReadResponse {
  code?: string;
  message?: string;
  requestId?: string;
  /** As sent: seconds or an HTTP date. */
  retryAfter?: string;
  details?: unknown;
  /** Further codes of the same response, each once, at most 20. */
  others: string[];
}

/** Longer bodies are kept with the event but not parsed. */
const MAX_BODY = 262_144;
const MAX_OTHERS = 20;
const REQUEST_ID_HEADERS = ['x-request-id', 'request-id', 'x-correlation-id'];

/**
 * Reads code, message, request id, details and Retry-After of an event's API response. What the
 * client stated itself (`error.code`, `http.retryAfter`) wins over the body and the headers.
 * Never throws, whatever the body holds; takes time linear in the size of the body.
 */
export function readResponse(event: ErrorEvent): ReadResponse {
  const headers = lowerCased(event.response?.headers);
  const body = parsedBody(event.response?.body);
  const read = body === undefined ? {} : readBody(body, text(headers['content-type'])?.toLowerCase() ?? '');
  const code = statedCode(event.error?.code) ?? read.code;
  return present(otherCodes(read, code), {
    code,
    message: read.message,
    requestId: read.requestId ?? firstText(headers, REQUEST_ID_HEADERS),
    retryAfter: text(event.http?.retryAfter) ?? text(headers['retry-after']),
    details: read.details,
  });
}

/** Assigned one by one: spreading an object per field cost as much as parsing the body. */
function present(others: string[], found: Omit<ReadResponse, 'others'>): ReadResponse {
  const read: ReadResponse = { others };
  if (found.code !== undefined) read.code = found.code;
  if (found.message !== undefined) read.message = found.message;
  if (found.requestId !== undefined) read.requestId = found.requestId;
  if (found.retryAfter !== undefined) read.retryAfter = found.retryAfter;
  if (found.details !== undefined) read.details = found.details;
  return read;
}

/** A code of the body that the client's own statement overrode counts as another one. */
function otherCodes(read: EnvelopeReading, code: string | undefined): string[] {
  const others = new Set(read.others);
  if (read.code !== undefined) others.add(read.code);
  if (code !== undefined) others.delete(code);
  return [...others].slice(0, MAX_OTHERS);
}

function readBody(body: JsonRecord, contentType: string): EnvelopeReading {
  for (const envelope of ENVELOPES) {
    const read = envelope.read(body, contentType);
    if (read !== undefined) return read;
  }
  return {};
}

function parsedBody(body: unknown): JsonRecord | undefined {
  if (isRecord(body)) return body;
  if (typeof body !== 'string' || body.length > MAX_BODY) return undefined;
  try {
    const parsed: unknown = JSON.parse(body.replace(/^\ufeff/, ''));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    // An HTML error page of a proxy, or JSON that was cut: there is nothing to read.
    return undefined;
  }
}

/** Header names are lower case by contract; a client that forgot is still understood. */
function lowerCased(headers: unknown): JsonRecord {
  const lowered: JsonRecord = Object.create(null) as JsonRecord;
  if (!isRecord(headers)) return lowered;
  for (const name of Object.keys(headers)) lowered[name.toLowerCase()] ??= headers[name];
  return lowered;
}
