import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import { codeOf, codesAt, detailsOf, firstText, isRecord, own, recordsIn, requestIdOf } from './fields.js';

const MAX_INNER = 16;
const INNER = ['innererror', 'innerError', 'internalexception'];
const REQUEST_IDS = ['request-id', 'client-request-id', 'transactionid', 'requestId', 'traceId'];

/**
 * OData, Microsoft Graph and Azure: `{"error":{"code","message","target"?,"details"?:[{"code","message"}],"innererror"?}}`, also
 * under `odata.error` and with `message` as `{"lang","value"}`. The outer code is the code; those of the
 * inner errors follow from the innermost, most specific one outward, then those of `details`.
 */
export const odata: Envelope = {
  name: 'odata',
  read(body) {
    const error = own(body, 'error') ?? own(body, 'odata.error');
    if (!isRecord(error) || !isOdata(body, error)) return undefined;
    const chain = innerErrors(error);
    const details = recordsIn(own(error, 'details'));
    const outer = codeOf(own(error, 'code'));
    const inner = [...chain.toReversed(), ...details].flatMap((item) => codesAt(item, ['code', 'errorCode']));
    const code = outer ?? inner[0];
    return {
      code,
      message: messageOf(error) ?? firstDefined(chain, messageOf),
      requestId: firstDefined(chain, idOf) ?? requestIdOf(error) ?? requestIdOf(body),
      details: detailsOf(own(error, 'details') ?? chain[0]),
      others: inner.filter((one) => one !== code),
      fieldErrors: fieldErrorsOf(details) ?? fieldErrorsOf(chain[0] && own(chain[0], 'errordetails')),
    };
  },
};

function isOdata(body: JsonRecord, error: JsonRecord): boolean {
  if (Object.hasOwn(body, 'odata.error') || isRecord(own(error, 'message'))) return true;
  if (INNER.some((name) => isRecord(own(error, name)))) return true;
  const first = recordsIn(own(error, 'details'))[0];
  return first !== undefined && codeOf(own(first, 'code')) !== undefined && !Object.hasOwn(first, 'field');
}

/** Outermost first. */
function innerErrors(error: JsonRecord): JsonRecord[] {
  const chain: JsonRecord[] = [];
  let inner = innerOf(error);
  while (inner !== undefined && chain.length < MAX_INNER) {
    chain.push(inner);
    inner = innerOf(inner);
  }
  return chain;
}

function innerOf(error: JsonRecord): JsonRecord | undefined {
  return INNER.map((name) => own(error, name)).find(isRecord);
}

function messageOf(error: JsonRecord): string | undefined {
  const message = own(error, 'message');
  return isRecord(message) ? firstText(message, ['value']) : firstText(error, ['message']);
}

function idOf(error: JsonRecord): string | undefined {
  return firstText(error, REQUEST_IDS);
}

function firstDefined<T>(
  chain: readonly JsonRecord[],
  read: (error: JsonRecord) => T | undefined,
): T | undefined {
  for (const error of chain) {
    const found = read(error);
    if (found !== undefined) return found;
  }
  return undefined;
}
