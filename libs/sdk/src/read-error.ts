import type { ErrorPart, EventInput, HttpPart } from './event.js';
import { LONGEST_NAME, fromResponse, merge, textOf } from './event.js';
import { cut, member, toJson } from './json.js';

// Codes of an HTTP client or the system: they say how the call failed, not what the API answered.
const CLIENT_CODE = /^(ERR_|E[A-Z]+$)/;

/**
 * Reads whatever was thrown. Understood: `code`, `status`/`statusCode`, `headers`, `requestId`,
 * `retryAfter`, `details`; a `response` with `status`, `headers` and `data`/`body` as axios and got
 * attach it, or a bare body as Nest's HttpException does; the code of a `cause`; plain text.
 */
export function readError(error: unknown): EventInput {
  if (typeof error !== 'object' || error === null) return { error: { message: String(error) } };
  const found = readCarried(error);
  const request = member(error, 'config') ?? member(error, 'request');
  const code = textOf(error, 'code') ?? textOf(member(error, 'cause'), 'code') ?? '';
  const answered = found.response?.body !== undefined;
  return {
    request_id: textOf(error, 'requestId', 'request_id', 'requestID') ?? found.request_id,
    http: merge<HttpPart>(found.http, {
      method: textOf(request, 'method')?.toUpperCase(),
      retry_after: textOf(error, 'retryAfter', 'retry_after'),
    }),
    error: merge<ErrorPart>({
      code: answered && CLIENT_CODE.test(code) ? undefined : cut(code, LONGEST_NAME) || undefined,
      message: textOf(error, 'message') ?? (error instanceof Error ? undefined : toJson(error)),
      type: textOf(error, 'name'),
      stack: textOf(error, 'stack'),
      details: member(error, 'details'),
    }),
    response: found.response,
  };
}

/** The response that the error carries, or what its own fields say about one. */
function readCarried(error: object): EventInput {
  const response = member(error, 'response');
  const status = statusOf(error);
  const url = textOf(member(error, 'config'), 'url') ?? textOf(response, 'url');
  if (!response) return fromResponse(status, member(error, 'headers'), undefined, url);
  const headers = member(response, 'headers');
  // Without headers it is no HTTP response but the body itself.
  if (!headers) return fromResponse(status, undefined, response, url);
  const body = member(response, 'data') ?? member(response, 'body');
  // A stream is the application's to read.
  const stream = member(body, 'getReader') ?? member(body, 'pipe');
  return fromResponse(statusOf(response) ?? status, headers, stream ? undefined : body, url);
}

/** A status given as a number or as digits. */
function statusOf(value: unknown): number | undefined {
  const found = Number(textOf(value, 'status', 'statusCode'));
  return Number.isInteger(found) ? found : undefined;
}
