import type { Envelope } from './envelope.js';
import { detailsOf, firstText, own } from './fields.js';
import { statusConvention, statusDetails } from './google-details.js';
import { grpcCodeOf } from './grpc-codes.js';

/**
 * google.rpc.Status as JSON: grpc-gateway's `{"code":5,"message","details":[]}` and Connect's
 * `{"code":"not_found","message","details"?:[]}`. A number alone could mean anything, so it needs `details`.
 */
export const grpcStatus: Envelope = {
  name: 'grpc-status',
  read(body) {
    const code = own(body, 'code');
    const list = own(body, 'details');
    if (typeof code === 'number' && !Array.isArray(list)) return undefined;
    const canonical = grpcCodeOf(code);
    if (canonical === undefined || typeof own(body, 'message') !== 'string') return undefined;
    const name = typeof code === 'string' ? code : canonical.name;
    const details = statusDetails(list);
    const [first = name, ...others] = [...details.reasons, name];
    return {
      code: first,
      message: firstText(body, ['message']) ?? details.localized,
      requestId: details.requestId,
      details: detailsOf(list),
      others,
      status: canonical.httpStatus,
      fieldErrors: details.fieldErrors,
      retry: details.retry ?? statusConvention(canonical.name),
    };
  },
};
