import type { Envelope } from './envelope.js';
import { codeOf, detailsOf, firstText, own, text } from './fields.js';

/** `{"error":"text","code":null | "…","request_id":null | "…"}`. */
export const flatError: Envelope = {
  name: 'flat-error',
  read(body) {
    const error = own(body, 'error');
    if (typeof error !== 'string') return undefined;
    return {
      code: codeOf(own(body, 'code')),
      message: text(error),
      requestId: firstText(body, ['request_id', 'requestId']),
      details: detailsOf(own(body, 'details')),
    };
  },
};
