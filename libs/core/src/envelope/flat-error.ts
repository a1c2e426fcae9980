import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import {
  codeOf,
  detailsOf,
  firstCode,
  firstText,
  httpStatusOf,
  own,
  requestIdOf,
  text,
  tokenOf,
} from './fields.js';

/**
 * `{"error":"text","code":null | "…","request_id":null | "…"}`. Where there is no place for a code beside it,
 * `error` may be the code itself, as in `{"error":"rate_limited","message":"…"}` or Slack's `{"ok":false,"error":"ratelimited"}`.
 */
export const flatError: Envelope = {
  name: 'flat-error',
  read(body) {
    const error = own(body, 'error');
    if (typeof error !== 'string') return undefined;
    const details = own(body, 'details') ?? own(body, 'errors');
    const token = codeBesideNothing(body, error);
    return {
      code: firstCode(body, ['code', 'error_code', 'errorCode']) ?? token,
      message: (token === undefined ? undefined : firstText(body, ['message', 'detail'])) ?? text(error),
      requestId: requestIdOf(body),
      details: detailsOf(details),
      status: httpStatusOf(own(body, 'status')),
      fieldErrors: fieldErrorsOf(details),
    };
  },
};

function codeBesideNothing(body: JsonRecord, error: string): string | undefined {
  if (Object.hasOwn(body, 'code')) return undefined;
  return own(body, 'ok') === false ? codeOf(error) : tokenOf(error);
}
