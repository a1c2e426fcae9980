import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import { detailsOf, firstCode, firstText, httpStatusOf, isRecord, own, requestIdOf } from './fields.js';

/** `{"success":false,"error":{"code","message","details"}}`; the `success` flag may be missing. */
export const nestedError: Envelope = {
  name: 'nested-error',
  read(body) {
    const error = own(body, 'error');
    if (!isRecord(error)) return undefined;
    const details = own(error, 'details') ?? own(error, 'errors');
    return {
      code: firstCode(error, ['code', 'errorCode', 'error_code']),
      message: firstText(error, ['message', 'detail', 'description']),
      requestId: requestIdOf(error) ?? requestIdOf(body),
      details: detailsOf(details),
      status: httpStatusOf(own(error, 'status') ?? own(error, 'statusCode')),
      fieldErrors: fieldErrorsOf(details),
    };
  },
};
