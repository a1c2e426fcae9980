import type { Envelope } from './envelope.js';
import type { JsonRecord } from './fields.js';
import { codeOf, detailsOf, firstText, own, text } from './fields.js';

/** RFC 9457 `application/problem+json`: `{"type","title","status","detail","code"?,"errors"?}`. */
export const problem: Envelope = {
  name: 'problem',
  read(body, contentType) {
    if (!isProblem(body, contentType)) return undefined;
    return {
      code: codeOf(own(body, 'code')) ?? codeOfType(own(body, 'type')),
      message: firstText(body, ['detail', 'title']),
      requestId: firstText(body, ['request_id', 'requestId']),
      details: detailsOf(own(body, 'errors')),
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
function codeOfType(value: unknown): string | undefined {
  const type = text(value);
  if (type === undefined || type === 'about:blank') return undefined;
  const name = codeOf(type.split(/[/#:]/).findLast((part) => part !== ''));
  return name === undefined || /^\d{3}$|^section-[\d.]+$/.test(name) ? undefined : name;
}
