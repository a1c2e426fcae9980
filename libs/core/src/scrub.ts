import { FILTERED, MAX_TEXT, cleanText, isSecretName } from './scrub-text.js';

export { FILTERED, MAX_TEXT, cleanText, isSecretName } from './scrub-text.js';
export type { CleanNote, CleanText } from './scrub-text.js';

/** Bounds of one cleaned value; texts count in UTF-16 units. */
export interface CleanLimits {
  maxDepth: number;
  /** Object keys in the whole value. */
  maxKeys: number;
  /** Elements of one array. */
  maxArray: number;
  maxText: number;
}

export const CLEAN_LIMITS: CleanLimits = { maxDepth: 64, maxKeys: 5_000, maxArray: 1_000, maxText: MAX_TEXT };

const TOO_DEEP = '[Too deep]';
const MAX_NOTES = 20;
const MAX_KEY = 256;
const MAX_PATH = 200;
/** Array elements and keys together; without it a value that holds itself twice would double at each level. */
const MAX_NODES = 50_000;

interface Walk {
  limits: CleanLimits;
  keys: number;
  nodes: number;
  path: (string | number)[];
  notes: string[];
}

/**
 * A copy of a value that is safe to queue, to store and to show; the value itself is never changed.
 *
 * Texts are cleaned as by `cleanText`; what stands under a secret name becomes `[Filtered]` (booleans, null
 * and empty texts stay); numbers that JSON cannot carry and big integers become text; whatever is past a
 * limit is dropped. The result survives JSON and a jsonb column, and cleaning it again changes nothing.
 *
 * @param at the name of the field that holds the value, the head of every path in the notes
 * @returns `notes` like `attributes.password: filtered`, at most 20
 */
export function cleanJson(
  value: unknown,
  limits: CleanLimits = CLEAN_LIMITS,
  at?: string,
): { value: unknown; notes: string[] } {
  const walk: Walk = { limits, keys: 0, nodes: 0, path: at === undefined ? [] : [at], notes: [] };
  try {
    return { value: cleanValue(walk, value, 0) ?? null, notes: walk.notes };
  } catch {
    // Only a getter or a proxy can throw here; parsed JSON has neither.
    return { value: null, notes: [`${at ?? 'value'}: unreadable`] };
  }
}

function note(walk: Walk, what: string): void {
  if (walk.notes.length >= MAX_NOTES) return;
  let path = '';
  for (const part of walk.path)
    path += typeof part === 'number' ? `[${part}]` : path === '' ? part : `.${part}`;
  walk.notes.push(`${path === '' ? 'value' : path.slice(0, MAX_PATH).toWellFormed()}: ${what}`);
}

function cleanValue(walk: Walk, value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return cleanString(walk, value);
    case 'number':
      return cleanNumber(walk, value);
    case 'bigint':
      return cleanString(walk, value.toString());
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : cleanObject(walk, value, depth);
    default:
      return undefined;
  }
}

function cleanString(walk: Walk, value: string): string {
  const { text, notes } = cleanText(value, walk.limits.maxText);
  for (const what of notes) note(walk, what);
  return text;
}

function cleanNumber(walk: Walk, value: number): number | string {
  if (!Number.isFinite(value)) {
    note(walk, 'repaired');
    return String(value);
  }
  if (value < 2e12 || value >= 7e18 || !Number.isInteger(value)) return value;
  const text = cleanString(walk, String(value));
  return text.includes(FILTERED) ? text : value;
}

function cleanObject(walk: Walk, value: object, depth: number): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= walk.limits.maxDepth) {
    note(walk, 'too deep');
    return TOO_DEEP;
  }
  return Array.isArray(value) ? cleanArray(walk, value, depth) : cleanRecord(walk, value, depth);
}

function cleanArray(walk: Walk, items: unknown[], depth: number): unknown[] {
  const clean: unknown[] = [];
  const length = Math.max(Math.min(items.length, walk.limits.maxArray, MAX_NODES - walk.nodes), 0);
  if (length < items.length) note(walk, 'cut');
  walk.nodes += length;
  for (let i = 0; i < length; i++) {
    walk.path.push(i);
    clean.push(cleanValue(walk, items[i], depth + 1) ?? null);
    walk.path.pop();
  }
  return clean;
}

interface Name {
  key: string;
  secret: boolean;
}

// The names of a project's events are few and come with every event.
const names = new Map<string, Name>();

function judgeName(name: string): Name {
  const known = names.get(name);
  if (known !== undefined) return known;
  const key = cleanText(name, MAX_KEY).text;
  const judged = { key, secret: isSecretName(name) || isSecretName(key) };
  if (name.length <= MAX_KEY) {
    if (names.size >= 4_096) names.clear();
    names.set(name, judged);
  }
  return judged;
}

function cleanRecord(walk: Walk, record: object, depth: number): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  const source = record as Record<string, unknown>;
  // Header lists name the secret in one property and hold it in the next: {name: 'X-Api-Key', value: '…'}.
  const labelled = 'value' in source && (isSecretLabel(source['name']) || isSecretLabel(source['key']));
  for (const name of Object.keys(source)) {
    if (walk.keys >= walk.limits.maxKeys || walk.nodes >= MAX_NODES) {
      note(walk, 'cut');
      break;
    }
    const { key, secret: announced } = judgeName(name);
    if (key === '__proto__') continue;
    walk.path.push(key);
    walk.nodes++;
    const secret = announced || (labelled && name === 'value');
    const value = secret ? filterAll(walk, source[name]) : cleanValue(walk, source[name], depth + 1);
    if (value !== undefined) {
      walk.keys++;
      clean[key] = value;
    }
    walk.path.pop();
  }
  return clean;
}

// Judged before and after cleaning: what is shown must look as it was treated.
function isSecretLabel(label: unknown): boolean {
  if (typeof label !== 'string' || label.length > MAX_KEY) return false;
  return isSecretName(label) || isSecretName(cleanText(label).text);
}

function filterAll(walk: Walk, value: unknown): unknown {
  if (value === null || value === '' || value === FILTERED || typeof value === 'boolean') return value;
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') return undefined;
  note(walk, 'filtered');
  return FILTERED;
}
