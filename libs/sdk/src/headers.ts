import { member } from './json.js';

// Named one by one: cookies and credentials must not leave the application.
const KEPT =
  /^(retry-after|content-type|(x-)?(request-id|ratelimit.*)|stripe-should-retry|x-amzn-errortype)$/;

/**
 * The headers of a response worth sending, with lower-case names, from a `Headers`, a `Map` or a
 * plain object whose values may be lists; undefined where none is kept.
 */
export function pickHeaders(headers: unknown): Record<string, string> | undefined {
  const kept: Record<string, string> = {};
  const keep = (value: unknown, name: unknown) => {
    const lower = String(name).toLowerCase();
    if (KEPT.test(lower) && value !== undefined && value !== null)
      kept[lower] = `${value as string}`.slice(0, 1024);
  };
  if (typeof member(headers, 'forEach') === 'function') {
    (headers as Map<unknown, unknown>).forEach(keep);
  } else {
    Object.entries(headers ?? {}).forEach(([name, value]) => keep(value, name));
  }
  return Object.keys(kept).length > 0 ? kept : undefined;
}
