import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import {
  detailsOf,
  firstCode,
  firstText,
  httpStatusOf,
  own,
  recordsIn,
  requestIdOf,
  text,
} from './fields.js';

const MESSAGES_JOINED = 5;
const CODES = ['code', 'errorCode', 'error_code', 'Code'];
const MESSAGES = ['message', 'errorMessage', 'msg', 'Message'];

/**
 * `{"errors":[{"message","code"?},…]}`, also with texts in the list (Rails). The first code stands for the
 * response and the codes after it are kept beside it; the messages are joined.
 */
export const errorList: Envelope = {
  name: 'error-list',
  read(body) {
    const list = own(body, 'errors');
    if (!Array.isArray(list)) return undefined;
    const errors = recordsIn(list);
    const texts = list
      .slice(0, MESSAGES_JOINED)
      .map(text)
      .filter((item) => item !== undefined);
    if (errors.length === 0 && texts.length === 0) return undefined;
    const codes = errors.map((error) => firstCode(error, CODES)).filter((code) => code !== undefined);
    const messages = errors.map((error) => firstText(error, MESSAGES)).filter((m) => m !== undefined);
    const joined = text([...texts, ...messages].slice(0, MESSAGES_JOINED).join('; '));
    return {
      code: firstCode(body, CODES) ?? codes[0],
      message: joined ?? firstText(body, ['message']),
      requestId: requestIdOf(body),
      details: errors.length > 1 ? detailsOf(errors) : detailsOf(own(errors[0] ?? {}, 'details')),
      others: codes,
      status: httpStatusOf(own(body, 'status')),
      fieldErrors: fieldErrorsOf(errors),
    };
  },
};
