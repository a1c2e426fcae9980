const DEPTH = 12;
const NODES = 2_000;
const CHARS = 200_000;

/** Longest text kept in one field, in UTF-16 units: what the server keeps of one string. */
export const LONGEST_TEXT = 65_536;

interface Budget {
  nodes: number;
  chars: number;
}

/**
 * Serializes anything: cycles, getters that throw, BigInt and huge values included.
 * @returns JSON of at most about 200,000 characters of text in 2,000 values, 12 levels deep; what is
 *   beyond is cut, so that one odd `details` object can neither throw nor eat the application's memory
 */
export function toJson(value: unknown): string {
  return JSON.stringify(plain(value, [], { nodes: NODES, chars: CHARS }));
}

/** The first `length` UTF-16 units, without half a surrogate pair at the end. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}

function plain(value: unknown, parents: readonly unknown[], budget: Budget): unknown {
  budget.nodes -= 1;
  if (typeof value === 'string') return text(value, budget);
  // BigInt, NaN and the infinities have no JSON.
  if (typeof value === 'bigint' || typeof value === 'number')
    return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (parents.includes(value) || parents.length >= DEPTH) return '[Truncated]';
  const inside = [...parents, value];
  const json = member(value, 'toJSON');
  if (typeof json !== 'function') return entries(value, inside, budget);
  const made = attempt(() => json.call(value) as unknown);
  return plain(made, inside, budget);
}

function entries(value: object, inside: readonly unknown[], budget: Budget): Record<string, unknown> {
  const out: Record<string, unknown> = Array.isArray(value) ? ([] as object as typeof out) : {};
  // An Error keeps the two that matter where enumeration does not look.
  const keys = value instanceof Error ? ['name', 'message', ...Object.keys(value)] : Object.keys(value);
  for (const key of keys) {
    if (budget.nodes <= 0) break;
    // The server refuses this name, and assigning it would change the copy's prototype.
    if (key !== '__proto__') out[text(key, budget)] = plain(member(value, key), inside, budget);
  }
  return out;
}

function text(value: string, budget: Budget): string {
  const kept = cut(value, Math.min(LONGEST_TEXT, budget.chars));
  budget.chars -= kept.length;
  return kept;
}

/** Reads a property that may be a throwing getter; undefined where it is, or where there is no object. */
export function member(value: unknown, key: string): unknown {
  return attempt(() => (value as Record<string, unknown> | null | undefined)?.[key]);
}

function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}
