import { parseRetryAfter } from './backoff.js';
import type { Payload } from './encode.js';
import { textOf } from './event.js';
import { member } from './json.js';
import { later, onAbort } from './sleep.js';

/** What one request came to. */
export interface SendResult {
  kind: 'accepted' | 'invalid' | 'unauthorized' | 'too_large' | 'retry';
  /** How many events the server took, where the kind is `accepted`. */
  accepted?: number;
  /** Milliseconds, where the server named a time. */
  retryAfter?: number;
  /** Status and reason, for people. */
  detail: string;
}

export interface TransportOptions {
  endpoint: string;
  key: string;
  fetch: typeof fetch;
  /** Milliseconds for the whole exchange. */
  timeout: number;
}

/** Posts one payload; never rejects. A request that was cut off by the signal comes back as `retry`. */
export type Transport = (payload: Payload, signal: AbortSignal) => Promise<SendResult>;

/** Makes the function that posts batches and reads the answer. */
export function createTransport({ endpoint, key, fetch: send, timeout }: TransportOptions): Transport {
  return async ({ body, encoding }, signal) => {
    const request = new AbortController();
    const cancel = () => request.abort();
    const stopTimer = later(timeout, cancel);
    const forgetSignal = onAbort(signal, cancel);
    try {
      const response = await send(endpoint, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${key}`,
          'Content-Type': 'application/json',
          ...(encoding && { 'Content-Encoding': encoding }),
        },
        body,
        signal: request.signal,
      });
      // Read whole even where unused, so that the connection can serve the next request.
      return readAnswer(response, await response.json().catch(() => undefined));
    } catch (error) {
      const cause = textOf(member(error, 'cause'), 'code') ?? textOf(error, 'message');
      return { kind: 'retry', detail: request.signal.aborted ? 'timeout' : `no connection: ${cause}` };
    } finally {
      stopTimer();
      forgetSignal();
    }
  };
}

function readAnswer({ ok, status, headers }: Response, answer: unknown): SendResult {
  const accepted = member(answer, 'accepted');
  const told = member(member(answer, 'rejected'), '0') ?? answer;
  const reasons = ['code', 'field', 'detail', 'message'].map((key) => textOf(told, key));
  const detail = [status, ...reasons].filter(Boolean).join(' ');
  if (ok && typeof accepted === 'number') return { kind: 'accepted', accepted, detail };
  return { kind: kindOf(status), retryAfter: waitOf(headers), detail };
}

/** Also a 2xx that does not say what it took is retried: a proxy wrote it or it was cut; resends are harmless. */
function kindOf(status: number): SendResult['kind'] {
  if (status === 413) return 'too_large';
  if ([401, 403, 404].includes(status)) return 'unauthorized';
  return status < 400 || status >= 500 || [408, 425, 429].includes(status) ? 'retry' : 'invalid';
}

/** A date is read against the server's own clock where it shows one, which may differ from ours. */
function waitOf(headers: Headers): number | undefined {
  const served = Date.parse(headers.get('date') ?? '');
  return parseRetryAfter(headers.get('retry-after'), served || Date.now());
}
