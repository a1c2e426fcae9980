import type { ErrorEvent } from '../event.js';
import { awsRetry } from './aws-json.js';
import type { EnvelopeReading } from './envelope.js';
import type { FieldError } from './field-errors.js';
import { isRecord, recordsIn, statedCode, text } from './fields.js';
import type { JsonRecord } from './fields.js';
import { statusConvention } from './google-details.js';
import { amazonCode, headerRequestId, lowerCased, readHeaders } from './headers.js';
import type { HeaderReading } from './headers.js';
import { ENVELOPES, TEXT_ENVELOPES } from './registry.js';
import { retryAdviceOf, statedRetryOf } from './retry-advice.js';
import type { RetryAdvice, StatedRetry } from './retry-advice.js';

export type { Envelope, EnvelopeReading, TextEnvelope } from './envelope.js';
export type { FieldError } from './field-errors.js';
export { ENVELOPES, TEXT_ENVELOPES } from './registry.js';
export { RETRY_SOURCES } from './retry-advice.js';
export type { RetryAdvice, RetrySource } from './retry-advice.js';

/** What the client's event and the API's answer say together. Absent rather than empty. */
export interface ReadResponse {
  code?: string;
  message?: string;
  requestId?: string;
  /** As sent: seconds or an HTTP date. */
  retryAfter?: string;
  details?: unknown;
  /**
   * Further codes of the same response, each once, at most 20. Codes nested in one error come first, from
   * the most specific outward; codes of its neighbours follow.
   */
  others: string[];
  /** HTTP status that the body or a gRPC status names; the transport may have carried another. */
  status?: number;
  /** Invalid fields of the request, at most 50. */
  fieldErrors?: FieldError[];
  /** What response and event say about trying again; absent where they are silent. */
  retryAdvice?: RetryAdvice;
}

/** Longer bodies are kept with the event but not parsed. */
const MAX_BODY = 262_144;
const MAX_OTHERS = 20;

/**
 * Reads code, message, request id, details and retry advice of an event's API response. What the
 * client stated itself (`error.code`, `http.retryAfter`) wins over the body and the headers. Dates are
 * compared with the response's `Date`, else with the time of the event.
 * Never throws, whatever the body holds; takes time linear in the size of the body.
 */
export function readResponse(event: ErrorEvent): ReadResponse {
  const headers = lowerCased(event.response?.headers);
  const body = readableBody(event.response?.body);
  const read = readBody(body, text(headers['content-type'])?.toLowerCase() ?? '');
  const beside = readHeaders(headers);
  const amazon = amazonCode(headers);
  const code = statedCode(event.error?.code) ?? amazon ?? read.code ?? beside.codes[0];
  const stated = statedRetry(read, body, amazon, beside);
  return present(otherCodes(read, beside, amazon, code), {
    code,
    message: read.message ?? beside.message,
    requestId: read.requestId ?? headerRequestId(headers),
    retryAfter: text(event.http?.retryAfter) ?? text(headers['retry-after']),
    details: read.details,
    status: read.status ?? beside.status,
    fieldErrors: read.fieldErrors,
    retryAdvice: retryAdviceOf(event, headers, stated),
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
  if (found.status !== undefined) read.status = found.status;
  if (found.fieldErrors !== undefined) read.fieldErrors = found.fieldErrors;
  if (found.retryAdvice !== undefined) read.retryAdvice = found.retryAdvice;
  return read;
}

/** A code that the client's own statement or a header overrode counts as another one. */
function otherCodes(
  read: EnvelopeReading,
  beside: HeaderReading,
  amazon: string | undefined,
  code: string | undefined,
): string[] {
  const others = new Set(read.others);
  if (read.code !== undefined) others.add(read.code);
  if (amazon !== undefined) others.add(amazon);
  for (const header of beside.codes) others.add(header);
  if (code !== undefined) others.delete(code);
  return [...others].slice(0, MAX_OTHERS);
}

/** A statement of this response outweighs the convention of its protocol. */
function statedRetry(
  read: EnvelopeReading,
  body: unknown,
  amazon: string | undefined,
  beside: HeaderReading,
): StatedRetry | undefined {
  if (read.retry !== undefined && read.retry.source !== 'convention') return read.retry;
  const stated = isRecord(body) ? statedRetryOf(body) : undefined;
  return stated ?? read.retry ?? awsRetry(amazon) ?? statusConvention(beside.grpc);
}

function readBody(body: unknown, contentType: string): EnvelopeReading {
  if (isRecord(body)) return readObject(body, contentType) ?? {};
  if (Array.isArray(body)) return readArray(body, contentType);
  if (typeof body !== 'string' || body === '') return {};
  for (const envelope of TEXT_ENVELOPES) {
    const read = envelope.read(body, contentType);
    if (read !== undefined) return read;
  }
  return {};
}

function readObject(body: JsonRecord, contentType: string): EnvelopeReading | undefined {
  for (const envelope of ENVELOPES) {
    const read = envelope.read(body, contentType);
    if (read !== undefined) return read;
  }
  return undefined;
}

/** Some APIs answer with a bare list of errors, or of answers: the first error stands for all. */
function readArray(list: readonly unknown[], contentType: string): EnvelopeReading {
  const readings = recordsIn(list)
    .map((item) => readObject(item, contentType) ?? readObject({ errors: [item] }, contentType))
    .filter((reading) => reading !== undefined);
  const [first, ...rest] = readings;
  if (first === undefined) return {};
  const codes = rest.flatMap((reading) => [reading.code, ...(reading.others ?? [])]);
  return { ...first, others: [...(first.others ?? []), ...codes.filter((code) => code !== undefined)] };
}

/** The parsed value of JSON, other text trimmed, or nothing where there is nothing to read. */
function readableBody(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  if (body.length > MAX_BODY) return undefined;
  const trimmed = body.trim();
  // A parser that throws costs more than all the rest, so it is asked only about what may be JSON.
  if (!/^[{["\d\-tfn]/.test(trimmed)) return trimmed;
  try {
    const parsed: unknown = JSON.parse(trimmed);
    return typeof parsed === 'object' ? parsed : undefined;
  } catch {
    return trimmed;
  }
}
