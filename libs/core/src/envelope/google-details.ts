import type { EnvelopeReading } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import { codesAt, firstText, isRecord, own, recordsIn } from './fields.js';
import { durationSeconds } from './retry-advice.js';
import type { StatedRetry } from './retry-advice.js';

/** What the typed details of a google.rpc.Status say. */
export interface StatusDetails extends Pick<EnvelopeReading, 'requestId' | 'fieldErrors' | 'retry'> {
  /** Reasons of the ErrorInfo details, each more specific than the status. */
  reasons: string[];
  /** Text for the end user, where no other message is there. */
  localized?: string;
}

/**
 * Reads `details[]` of google.rpc.Status in JSON (AIP-193): ErrorInfo, RetryInfo, BadRequest, RequestInfo and
 * LocalizedMessage, told apart by `@type`, or by `type` and `debug` as Connect writes them.
 */
export function statusDetails(value: unknown): StatusDetails {
  const found: StatusDetails = { reasons: [] };
  for (const detail of recordsIn(value)) readDetail(detail, found);
  return found;
}

function readDetail(item: JsonRecord, found: StatusDetails): void {
  const type = firstText(item, ['@type', 'type']) ?? '';
  const debug = own(item, 'debug');
  const detail = isRecord(debug) ? debug : item;
  switch (type.slice(type.lastIndexOf('.') + 1)) {
    case 'ErrorInfo':
      found.reasons.push(...codesAt(detail, ['reason']));
      break;
    case 'RetryInfo':
      found.retry ??= retryInfo(own(detail, 'retryDelay') ?? own(detail, 'retry_delay'));
      break;
    case 'BadRequest':
      found.fieldErrors ??= fieldErrorsOf(own(detail, 'fieldViolations') ?? own(detail, 'field_violations'));
      break;
    case 'RequestInfo':
      found.requestId ??= firstText(detail, ['requestId', 'request_id']);
      break;
    case 'LocalizedMessage':
      found.localized ??= firstText(detail, ['message']);
      break;
  }
}

/** RetryInfo says when a client can retry, so its presence is the permission to. */
function retryInfo(delay: unknown): StatedRetry {
  const stated: StatedRetry = { source: 'retry-info', shouldRetry: true };
  const seconds = durationSeconds(delay);
  if (seconds !== undefined) stated.afterSeconds = seconds;
  return stated;
}

/** AIP-194: without a word from the server, UNAVAILABLE alone is retried automatically. */
export function statusConvention(name: string | undefined): StatedRetry | undefined {
  return name === 'UNAVAILABLE' ? { shouldRetry: true, source: 'convention' } : undefined;
}
