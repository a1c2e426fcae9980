import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import { codesAt, codeOf, detailsOf, firstText, own, recordsIn, requestIdOf } from './fields.js';
import type { StatedRetry } from './retry-advice.js';

/** Codes for which the AWS SDKs retry: the throttling list and the transient one. */
const RETRIED = new Set([
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'RequestThrottledException',
  'TooManyRequestsException',
  'ProvisionedThroughputExceededException',
  'TransactionInProgressException',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
  'LimitExceededException',
  'RequestThrottled',
  'SlowDown',
  'PriorRequestNotComplete',
  'EC2ThrottledException',
  'RequestTimeout',
  'RequestTimeoutException',
]);

/**
 * AWS JSON protocols (Smithy awsJson1.x): `{"__type":"ns#Code:uri","message"|"Message"}`, with the
 * fields of a ValidationException and the codes of DynamoDB's cancellation reasons.
 */
export const awsJson: Envelope = {
  name: 'aws-json',
  read(body) {
    const type = own(body, '__type');
    if (typeof type !== 'string') return undefined;
    const code = awsCode(type);
    return {
      code,
      message: firstText(body, ['message', 'Message', 'errorMessage']),
      requestId: requestIdOf(body),
      details: detailsOf(own(body, 'fieldList') ?? own(body, 'CancellationReasons')),
      others: cancellationCodes(body),
      fieldErrors: fieldErrorsOf(own(body, 'fieldList')),
      retry: awsRetry(code),
    };
  },
};

/** The bare error name: what stands before the first `#` and after the first `:` is left out (Smithy). */
export function awsCode(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const name = value.slice(0, 1_024);
  const bare = name.slice(name.indexOf('#') + 1);
  const colon = bare.indexOf(':');
  return codeOf(colon < 0 ? bare : bare.slice(0, colon));
}

/** The convention of the AWS SDKs for a code; silent on codes that they do not list. */
export function awsRetry(code: string | undefined): StatedRetry | undefined {
  return code !== undefined && RETRIED.has(code) ? { shouldRetry: true, source: 'convention' } : undefined;
}

function cancellationCodes(body: JsonRecord): string[] {
  const reasons = recordsIn(own(body, 'CancellationReasons'));
  return reasons.flatMap((reason) => codesAt(reason, ['Code'])).filter((code) => code !== 'None');
}
