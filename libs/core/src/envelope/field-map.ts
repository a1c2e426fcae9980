import type { Envelope } from './envelope.js';
import { fieldMapOf } from './field-errors.js';
import { detailsOf, firstCode, firstText, httpStatusOf, isRecord, own, requestIdOf } from './fields.js';

/** Laravel and Rails: `{"message"?,"errors":{"email":["is taken"]}}`. Names no code of its own. */
export const fieldMap: Envelope = {
  name: 'field-map',
  read(body) {
    const errors = own(body, 'errors');
    if (!isRecord(errors)) return undefined;
    const fields = fieldMapOf(errors);
    const first = fields[0];
    if (first === undefined) return undefined;
    return {
      code: firstCode(body, ['code', 'error_code', 'errorCode']),
      message: firstText(body, ['message']) ?? `${first.field}: ${first.message ?? ''}`,
      requestId: requestIdOf(body),
      details: detailsOf(errors),
      status: httpStatusOf(own(body, 'status')),
      fieldErrors: fields,
    };
  },
};
