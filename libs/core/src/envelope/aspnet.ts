import type { Envelope } from './envelope.js';
import { fieldMapOf } from './field-errors.js';
import { detailsOf, firstText, isRecord, own } from './fields.js';

/**
 * ASP.NET Web API before ProblemDetails: `{"Message","MessageDetail"?,"ModelState"?:{"field":["…"]},"ExceptionMessage"?,"ExceptionType"?}`.
 * Names no code; the type of an exception says something about the server, not about the request.
 */
export const aspnet: Envelope = {
  name: 'aspnet',
  read(body) {
    if (typeof own(body, 'Message') !== 'string') return undefined;
    const state = own(body, 'ModelState');
    const fields = isRecord(state) ? fieldMapOf(state) : [];
    return {
      message: firstText(body, ['ExceptionMessage', 'MessageDetail', 'Message']),
      details: detailsOf(state),
      fieldErrors: fields.length === 0 ? undefined : fields,
    };
  },
};
