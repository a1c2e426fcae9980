import type { Envelope } from './envelope.js';
import { fieldErrorsOf, fieldMapOf } from './field-errors.js';
import type { FieldError } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import { codeOf, detailsOf, firstText, httpStatusOf, isRecord, own, requestIdOf, text } from './fields.js';

const INVALID_FIELDS = ['errors', 'invalid-params', 'invalid_params', 'invalidParams', 'violations'];

/**
 * RFC 9457 `application/problem+json`: `{"type","title","status","detail","code"?,"errors"?}`, with what
 * ASP.NET (`errors` as a map, `traceId`), older drafts (`invalid-params`) and the rate-limit
 * problem types (`violated-policies`) add to it.
 */
export const problem: Envelope = {
  name: 'problem',
  read(body, contentType) {
    if (!isProblem(body, contentType)) return undefined;
    const invalid = INVALID_FIELDS.map((name) => own(body, name)).find((value) => value !== undefined);
    return {
      code: codeOf(own(body, 'code')) ?? codeOfType(own(body, 'type')),
      message: firstText(body, ['detail', 'title', 'message']),
      requestId: requestIdOf(body) ?? occurrence(own(body, 'instance')),
      details: detailsOf(invalid ?? own(body, 'violated-policies')),
      status: httpStatusOf(own(body, 'status')),
      fieldErrors: fieldsOf(invalid),
    };
  },
};

/** The media type decides; without it, two members of the right kind do. */
function isProblem(body: JsonRecord, contentType: string): boolean {
  if (contentType.startsWith('application/problem+json')) return true;
  const named = typeof own(body, 'title') === 'string' || typeof own(body, 'type') === 'string';
  return named && (typeof own(body, 'detail') === 'string' || typeof own(body, 'status') === 'number');
}

/**
 * The last part of the problem type, as in `…/problems/out-of-credit` or `…#quota-exceeded`: the type
 * is the identifier that the RFC gives clients to act on. Types that only repeat the HTTP status, as
 * frameworks fill in by default, identify nothing.
 */
export function codeOfType(value: unknown): string | undefined {
  const type = text(value);
  if (type === undefined || type === 'about:blank') return undefined;
  const name = codeOf(type.split(/[/#:]/).findLast((part) => part !== ''));
  return name === undefined || /^\d{3}$|^section-[\d.]+$/.test(name) ? undefined : name;
}

/** Many frameworks put the path of the request into `instance`; only a URN is sure to name one occurrence. */
function occurrence(value: unknown): string | undefined {
  const instance = text(value);
  return instance !== undefined && /^urn:/i.test(instance) ? instance : undefined;
}

function fieldsOf(invalid: unknown): FieldError[] | undefined {
  if (!isRecord(invalid)) return fieldErrorsOf(invalid);
  const fields = fieldMapOf(invalid);
  return fields.length === 0 ? undefined : fields;
}
