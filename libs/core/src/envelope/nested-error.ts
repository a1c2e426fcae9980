import type { Envelope } from './envelope.js';
import { codeOf, detailsOf, firstText, isRecord, own } from './fields.js';

const REQUEST_ID = ['request_id', 'requestId'];

/** `{"success":false,"error":{"code","message","details"}}`; the `success` flag may be missing. */
export const nestedError: Envelope = {
  name: 'nested-error',
  read(body) {
    const error = own(body, 'error');
    if (!isRecord(error)) return undefined;
    return {
      code: codeOf(own(error, 'code')),
      message: firstText(error, ['message']),
      requestId: firstText(error, REQUEST_ID) ?? firstText(body, REQUEST_ID),
      details: detailsOf(own(error, 'details')),
    };
  },
};
