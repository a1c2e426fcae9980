import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import { detailsOf, firstCode, firstText, httpStatusOf, own, requestIdOf } from './fields.js';

const CODES = ['code', 'errorCode', 'error_code', 'Code', 'errcode', 'err_code'];
const MESSAGES = [
  'message',
  'errorMessage',
  'error_message',
  'errorSummary',
  'errmsg',
  'msg',
  'description',
  'errors',
];

/**
 * A message with or without a code at the top, which is all that many APIs send: `{"code","message"}`,
 * `{"errorCode","errorSummary"}`, `{"message"}`. The last resort for objects, so it wants a message.
 */
export const flatCode: Envelope = {
  name: 'flat-code',
  read(body) {
    const message = firstText(body, MESSAGES);
    if (message === undefined) return undefined;
    const details = own(body, 'details') ?? own(body, 'errorCauses');
    return {
      code: firstCode(body, CODES),
      message,
      requestId: requestIdOf(body) ?? firstText(body, ['errorId']),
      details: detailsOf(details),
      status: httpStatusOf(own(body, 'status')),
      fieldErrors: fieldErrorsOf(details),
    };
  },
};
