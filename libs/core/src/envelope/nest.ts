import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import { detailsOf, firstCode, firstText, httpStatusOf, own, requestIdOf, text, tokenOf } from './fields.js';

const MESSAGES_JOINED = 5;

/**
 * Nest, Fastify and Express with http-errors: `{"statusCode":400,"message":"…" | ["…"],"error":"Bad Request","code"?}`.
 * `error` is the reason phrase, so it is a code only where an application put one there.
 */
export const nest: Envelope = {
  name: 'nest',
  read(body) {
    const status = httpStatusOf(own(body, 'statusCode'));
    if (status === undefined) return undefined;
    const message = own(body, 'message');
    const many = Array.isArray(message);
    const texts = many
      ? message
          .slice(0, MESSAGES_JOINED)
          .map(text)
          .filter((m) => m !== undefined)
      : [];
    const invalid = own(body, 'errors') ?? own(body, 'validation');
    return {
      code: firstCode(body, ['code', 'errorCode', 'error_code']) ?? tokenOf(own(body, 'error')),
      message: many ? text(texts.join('; ')) : firstText(body, ['message', 'error']),
      requestId: requestIdOf(body),
      details: detailsOf(own(body, 'details') ?? invalid ?? (many ? message : undefined)),
      status,
      fieldErrors: fieldErrorsOf(invalid) ?? fieldErrorsOf(own(body, 'details')) ?? fieldErrorsOf(message),
    };
  },
};
