import type { Envelope } from './envelope.js';
import type { JsonRecord } from './fields.js';
import { codeOf, codesAt, firstText, own, requestIdOf } from './fields.js';

/** Codes of RFC 6749, 6750, 7009, 8628, 9449 and OpenID Connect, which may come without a description. */
const REGISTERED = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'unsupported_token_type',
  'invalid_scope',
  'access_denied',
  'server_error',
  'temporarily_unavailable',
  'invalid_token',
  'insufficient_scope',
  'authorization_pending',
  'slow_down',
  'expired_token',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'interaction_required',
  'login_required',
  'consent_required',
]);

/**
 * OAuth 2 (RFC 6749 §5.2): `{"error":"invalid_grant","error_description"?,"error_uri"?}`, with Microsoft Entra's `suberror`,
 * `error_codes` and the AADSTS code at the head of its description.
 */
export const oauth: Envelope = {
  name: 'oauth',
  read(body) {
    const code = typeof own(body, 'error') === 'string' ? codeOf(own(body, 'error')) : undefined;
    if (code === undefined || Object.hasOwn(body, 'code')) return undefined;
    const described = typeof own(body, 'error_description') === 'string' || Object.hasOwn(body, 'error_uri');
    if (!described && !REGISTERED.has(code)) return undefined;
    return {
      code,
      message: firstText(body, ['error_description', 'message']) ?? code,
      requestId: requestIdOf(namedIds(body)),
      others: moreSpecific(body),
    };
  },
};

/** Entra's trace id is what its support asks for; the correlation id is the client's own. */
function namedIds(body: JsonRecord): JsonRecord {
  return {
    request_id: own(body, 'request_id') ?? own(body, 'trace_id'),
    correlation_id: own(body, 'correlation_id'),
  };
}

function moreSpecific(body: JsonRecord): string[] {
  const described = firstText(body, ['error_description']) ?? '';
  const head = /^AADSTS\d{1,10}(?=:)/.exec(described)?.[0];
  const list = own(body, 'error_codes');
  const numbers = Array.isArray(list)
    ? list
        .slice(0, 10)
        .map(codeOf)
        .filter((code) => code !== undefined)
    : [];
  return [...(head === undefined ? [] : [head]), ...codesAt(body, ['suberror']), ...numbers];
}
