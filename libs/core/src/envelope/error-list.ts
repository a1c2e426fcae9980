import type { Envelope } from './envelope.js';
import { codeOf, detailsOf, firstText, isRecord, own, text } from './fields.js';

const MAX_ERRORS = 50;
const MESSAGES_JOINED = 5;

/**
 * `{"errors":[{"message","code"?},…]}`. The first code stands for the response and the codes after it
 * are kept beside it; the messages are joined.
 */
export const errorList: Envelope = {
  name: 'error-list',
  read(body) {
    const list = own(body, 'errors');
    if (!Array.isArray(list)) return undefined;
    const errors = list.slice(0, MAX_ERRORS).filter(isRecord);
    if (errors.length === 0) return undefined;
    const codes = errors.map((error) => codeOf(own(error, 'code'))).filter((code) => code !== undefined);
    const messages = errors.map((error) => text(own(error, 'message'))).filter((m) => m !== undefined);
    return {
      code: codes[0],
      message: text(messages.slice(0, MESSAGES_JOINED).join('; ')),
      requestId: firstText(body, ['request_id', 'requestId']),
      details: errors.length > 1 ? detailsOf(errors) : detailsOf(own(errors[0] ?? {}, 'details')),
      others: codes.slice(1),
    };
  },
};
