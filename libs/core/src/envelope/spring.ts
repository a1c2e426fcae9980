import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import { detailsOf, firstCode, firstText, httpStatusOf, own, requestIdOf, tokenOf } from './fields.js';

/**
 * Spring Boot's default: `{"timestamp","status":404,"error":"Not Found","path","message"?,"errors"?}`. `error` is the
 * reason phrase, so it is a code only where an application put one there; `message` may be empty.
 */
export const spring: Envelope = {
  name: 'spring',
  read(body) {
    const status = httpStatusOf(own(body, 'status'));
    const error = own(body, 'error');
    if (status === undefined || typeof error !== 'string' || !Object.hasOwn(body, 'timestamp'))
      return undefined;
    const message = firstText(body, ['message']);
    return {
      code: firstCode(body, ['code', 'errorCode']) ?? tokenOf(error),
      message:
        message === undefined || message === 'No message available' ? firstText(body, ['error']) : message,
      requestId: requestIdOf(body),
      details: detailsOf(own(body, 'errors')),
      status,
      fieldErrors: fieldErrorsOf(own(body, 'errors')),
    };
  },
};
