import type { Envelope } from './envelope.js';
import { fieldErrorsOf } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import { codesAt, detailsOf, firstText, isRecord, own, requestIdOf, text } from './fields.js';

const ABOUT = ['doc_url', 'param', 'advice_code', 'details'];

/**
 * Errors with a class and a code: Stripe's `{"error":{"type","code","decline_code","param","doc_url"}}`, and with the
 * same members OpenAI, Anthropic, Meta (`error_subcode`, `fbtrace_id`) and Elasticsearch (`reason`). `code`
 * is the code, else `type`; the more specific decline or sub-code comes first among the others, the type last.
 */
export const stripe: Envelope = {
  name: 'stripe',
  read(body) {
    const error = own(body, 'error');
    if (!isRecord(error) || typeof own(error, 'type') !== 'string') return undefined;
    const codes = codesAt(error, ['code', 'decline_code', 'error_subcode', 'type']);
    const [code, ...others] = codes;
    return {
      code,
      message: firstText(error, ['message', 'reason']),
      requestId: idOf(error) ?? requestIdOf(body),
      details: detailsOf(aboutOf(error)),
      others,
      fieldErrors: paramOf(error, code) ?? fieldErrorsOf(own(error, 'details')),
    };
  },
};

function idOf(error: JsonRecord): string | undefined {
  return requestIdOf(error) ?? firstText(error, ['fbtrace_id']) ?? loggedId(own(error, 'request_log_url'));
}

/** Stripe links to its own log of the request, and the link ends in the id. */
function loggedId(value: unknown): string | undefined {
  return /\/(req_\w{1,64})(?:\?|$)/.exec(text(value) ?? '')?.[1];
}

function aboutOf(error: JsonRecord): unknown {
  const kept = ABOUT.filter((name) => own(error, name) !== undefined && own(error, name) !== null);
  if (kept.length === 1 && kept[0] === 'details') return own(error, 'details');
  return Object.fromEntries(kept.map((name) => [name, own(error, name)]));
}

function paramOf(error: JsonRecord, code: string | undefined) {
  const field = firstText(error, ['param']);
  if (field === undefined) return undefined;
  const message = firstText(error, ['message']);
  return [{ field, ...(message === undefined ? {} : { message }), ...(code === undefined ? {} : { code }) }];
}
