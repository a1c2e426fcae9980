import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import { detailsOf, firstCode, firstText, isRecord, own, recordsIn, requestIdOf, text } from './fields.js';

const MESSAGES_JOINED = 5;

/**
 * FastAPI and Django REST framework: `{"detail":"…"}`, `{"detail":[{"loc","msg","type"}]}`, and `{"detail":{"code","message"}}`
 * where the application raised an object. The types of a validation list say what is wrong with a field,
 * so they stay with the fields.
 */
export const fastapi: Envelope = {
  name: 'fastapi',
  read(body) {
    const detail = own(body, 'detail');
    if (typeof detail === 'string') {
      return { code: codeIn(body), message: text(detail), requestId: requestIdOf(body) };
    }
    if (Array.isArray(detail)) return readList(body, detail);
    if (!isRecord(detail)) return undefined;
    return {
      code: codeIn(detail) ?? codeIn(body),
      message: firstText(detail, ['message', 'msg', 'detail', 'error']),
      requestId: requestIdOf(detail) ?? requestIdOf(body),
      details: detailsOf(detail),
      fieldErrors: fieldErrorsOf(detail),
    };
  },
};

function readList(body: JsonRecord, list: unknown[]) {
  const messages = recordsIn(list).map((item) => firstText(item, ['msg', 'message']));
  const known = messages.filter((message) => message !== undefined);
  if (known.length === 0) return undefined;
  return {
    code: codeIn(body),
    message: text(known.slice(0, MESSAGES_JOINED).join('; ')),
    requestId: requestIdOf(body),
    details: detailsOf(list),
    fieldErrors: fieldErrorsOf(list),
  };
}

function codeIn(record: JsonRecord): string | undefined {
  return firstCode(record, ['code', 'error_code', 'errorCode']);
}
