import type { Envelope } from './envelope.js';
import type { JsonRecord } from './fields.js';
import {
  codesAt,
  detailsOf,
  firstCode,
  firstText,
  httpStatusOf,
  isRecord,
  own,
  recordsIn,
  requestIdOf,
} from './fields.js';
import { statusConvention, statusDetails } from './google-details.js';
import { grpcCodeOf } from './grpc-codes.js';

/**
 * Google AIP-193: `{"error":{"code":403,"status":"PERMISSION_DENIED","message","details":[{"@type":…}]}}`, and the older
 * `{"error":{"code":403,"errors":[{"domain","reason","message"}]}}`. The reason is the most specific code,
 * the status is kept beside it; the number is the HTTP status.
 */
export const google: Envelope = {
  name: 'google',
  read(body) {
    const error = own(body, 'error');
    if (!isRecord(error) || !isGoogle(error)) return undefined;
    const details = statusDetails(own(error, 'details'));
    const status = firstCode(error, ['status']);
    const legacy = recordsIn(own(error, 'errors')).flatMap((item) => codesAt(item, ['reason']));
    const [code, ...others] = [...details.reasons, ...legacy, ...(status === undefined ? [] : [status])];
    return {
      code,
      message: firstText(error, ['message']) ?? details.localized,
      requestId: details.requestId ?? requestIdOf(error),
      details: detailsOf(own(error, 'details') ?? own(error, 'errors')),
      others,
      status: httpStatusOf(own(error, 'code')),
      fieldErrors: details.fieldErrors,
      retry: details.retry ?? statusConvention(status),
    };
  },
};

function isGoogle(error: JsonRecord): boolean {
  if (typeof own(error, 'code') === 'number') {
    if (grpcCodeOf(own(error, 'status')) !== undefined) return true;
    const first = recordsIn(own(error, 'errors'))[0];
    if (first !== undefined && typeof own(first, 'reason') === 'string') return true;
  }
  return recordsIn(own(error, 'details')).some((detail) => typeof own(detail, '@type') === 'string');
}
