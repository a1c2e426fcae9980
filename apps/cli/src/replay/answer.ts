import { Failure, oneLine } from './failure.js';
import { parseObject } from './json.js';
import { isRetryableStatus, retryAfterMs } from './retry.js';

/** One event that the server did not take. */
export interface RejectedEvent {
  /** Place in the request, from 0. */
  index: number;
  code: string;
  message: string;
  field?: string;
}

/** What became of one request. */
export type Answer =
  | { kind: 'taken'; accepted: number; rejected: RejectedEvent[]; requestId?: string }
  | { kind: 'retry'; reason: string; retryAfter?: number }
  | { kind: 'too_large'; code: string; message: string }
  | { kind: 'refused'; failure: Failure };

/**
 * Reads the server's answer to a post of events.
 * @param text the body, read whole
 * @param now milliseconds since the epoch
 */
export function readAnswer(response: Response, text: string, now: number): Answer {
  const { status } = response;
  const body = parseObject(text);
  if (response.ok) return readAccepted(status, body);
  const code = textOf(body?.['code']);
  const detail = textOf(body?.['detail']) ?? textOf(body?.['title']);
  if (isRetryableStatus(status)) {
    const retryAfter = retryAfterMs(response.headers.get('retry-after'), now);
    const reason = oneLine([`the server answered ${status}`, code].filter(Boolean).join(' '));
    return { kind: 'retry', reason, ...(retryAfter !== undefined && { retryAfter }) };
  }
  if (status === 413) {
    return { kind: 'too_large', code: code ?? 'TOO_LARGE', message: detail ?? 'the event is too large' };
  }
  return { kind: 'refused', failure: refusal(status, code, detail, body) };
}

function readAccepted(status: number, body: Record<string, unknown> | undefined): Answer {
  const accepted = body?.['accepted'];
  if (typeof accepted !== 'number') {
    const failure = new Failure(
      `the server answered ${status} without saying what it accepted; is the DSN that of an Errata server?`,
    );
    return { kind: 'refused', failure };
  }
  const rejected = Array.isArray(body?.['rejected']) ? body['rejected'] : [];
  const requestId = textOf(body?.['request_id']);
  return { kind: 'taken', accepted, rejected: rejected.map(readRejected), ...(requestId && { requestId }) };
}

function readRejected(entry: unknown): RejectedEvent {
  const fields = (entry ?? {}) as Record<string, unknown>;
  const field = textOf(fields['field']);
  return {
    index: typeof fields['index'] === 'number' ? fields['index'] : -1,
    code: textOf(fields['code']) ?? 'UNKNOWN',
    message: textOf(fields['message']) ?? '',
    ...(field !== undefined && { field }),
  };
}

function refusal(
  status: number,
  code: string | undefined,
  detail: string | undefined,
  body: Record<string, unknown> | undefined,
): Failure {
  if (code === undefined && detail === undefined) {
    return new Failure(`the server answered ${status}; is the DSN that of an Errata server?`);
  }
  const [first] = Array.isArray(body?.['errors']) ? (body['errors'] as unknown[]) : [];
  const { field, message } = (first ?? {}) as { field?: unknown; message?: unknown };
  const example = textOf(field) && textOf(message) ? ` (${textOf(field)}: ${textOf(message)})` : '';
  const requestId = textOf(body?.['request_id']);
  const trace = requestId ? ` [request ${requestId}]` : '';
  return new Failure(
    `the server refused the events: ${status} ${code ?? ''}: ${detail ?? ''}${example}${trace}`.replace(
      ' :',
      ':',
    ),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? oneLine(value) : undefined;
}
