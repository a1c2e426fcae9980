import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import {
  codeOf,
  detailsOf,
  firstText,
  httpStatusOf,
  isRecord,
  own,
  recordsIn,
  requestIdOf,
  text,
} from './fields.js';
import { codeOfType } from './problem.js';

const MESSAGES_JOINED = 5;

/**
 * JSON:API 1.1: `{"errors":[{"id","status":"422","code","title","detail","source":{"pointer"},"links":{"type"}}]}`.
 * Without a `code`, the type link identifies the kind of error. `id` names the occurrence.
 */
export const jsonApi: Envelope = {
  name: 'json-api',
  read(body, contentType) {
    const errors = recordsIn(own(body, 'errors'));
    const first = errors[0];
    if (first === undefined || !isJsonApi(first, contentType)) return undefined;
    const codes = errors.map(codeOfError).filter((code) => code !== undefined);
    const messages = errors
      .map((error) => firstText(error, ['detail', 'title']))
      .filter((m) => m !== undefined);
    const meta = own(body, 'meta');
    return {
      code: codes[0],
      message: text(messages.slice(0, MESSAGES_JOINED).join('; ')),
      requestId: firstText(first, ['id']) ?? requestIdOf(isRecord(meta) ? meta : body),
      details: detailsOf(errors),
      others: codes.slice(1),
      status: httpStatusOf(own(first, 'status')),
      fieldErrors: fieldErrorsOf(errors.filter((error) => isRecord(own(error, 'source')))),
    };
  },
};

function isJsonApi(first: JsonRecord, contentType: string): boolean {
  if (contentType.startsWith('application/vnd.api+json')) return true;
  if (typeof own(first, 'message') === 'string') return false;
  return isRecord(own(first, 'source')) || firstText(first, ['detail', 'title']) !== undefined;
}

function codeOfError(error: JsonRecord): string | undefined {
  const code = codeOf(own(error, 'code'));
  if (code !== undefined) return code;
  const links = own(error, 'links');
  const type = isRecord(links) ? own(links, 'type') : undefined;
  return codeOfType(isRecord(type) ? own(type, 'href') : type);
}
