import type { Envelope } from './envelope.js';
import type { JsonRecord } from './fields.js';
import { detailsOf, firstCode, isRecord, own, recordsIn, requestIdOf, text } from './fields.js';

const MESSAGES_JOINED = 5;
const EXTENSION_CODES = ['code', 'errorCode', 'error_code', 'classification'];

/**
 * GraphQL over HTTP: `{"data"?,"errors":[{"message","locations","path","extensions":{"code"}}]}`. Also reads the
 * code where servers put it beside the message: `type` (GitHub) and `errorType` (AppSync).
 */
export const graphql: Envelope = {
  name: 'graphql',
  read(body, contentType) {
    const errors = recordsIn(own(body, 'errors'));
    const first = errors[0];
    if (first === undefined || !isGraphql(first, contentType)) return undefined;
    const codes = errors.map(codeOfError).filter((code) => code !== undefined);
    const messages = errors.map((error) => text(own(error, 'message'))).filter((m) => m !== undefined);
    const extensions = extensionsOf(first);
    return {
      code: codes[0],
      message: text(messages.slice(0, MESSAGES_JOINED).join('; ')),
      requestId: requestIdOf(extensions) ?? requestIdOf(extensionsOf(body)) ?? requestIdOf(body),
      details: detailsOf(errors),
      others: codes.slice(1),
    };
  },
};

function isGraphql(first: JsonRecord, contentType: string): boolean {
  if (contentType.startsWith('application/graphql')) return true;
  if (isRecord(own(first, 'extensions'))) return true;
  return Array.isArray(own(first, 'locations')) || typeof own(first, 'errorType') === 'string';
}

function codeOfError(error: JsonRecord): string | undefined {
  return firstCode(extensionsOf(error), EXTENSION_CODES) ?? firstCode(error, ['errorType', 'type', 'code']);
}

function extensionsOf(record: JsonRecord): JsonRecord {
  const extensions = own(record, 'extensions');
  return isRecord(extensions) ? extensions : {};
}
