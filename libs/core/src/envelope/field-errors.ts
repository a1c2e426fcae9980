import type { JsonRecord } from './fields.js';
import { firstCode, firstText, isRecord, own, text } from './fields.js';

/** One invalid field of the request. */
export interface FieldError {
  /** As the API writes it: a name, a dotted path or a JSON pointer. */
  field: string;
  message?: string;
  code?: string;
}

const MAX_FIELD_ERRORS = 50;
const MAX_PATH = 16;
const FIELD = ['field', 'pointer', 'param', 'parameter', 'property', 'propertyref', 'target', 'name'];
const MESSAGE = ['message', 'msg', 'detail', 'description', 'defaultMessage', 'reason', 'title'];
const CODE = ['code', 'type', 'rule', 'keyword'];
const LISTS = ['fields', 'errors', 'invalid_fields', 'invalidFields', 'violations', 'fieldViolations'];

/**
 * The invalid fields that a part of a body names, at most 50; `undefined` where it names none. Reads
 * lists of `{"field","message","code"}` (also `path`, `loc`, `source.pointer`, `target`), a single such object,
 * maps from a field to its messages, and objects that hold one of these under `fields` or `errors`.
 */
export function fieldErrorsOf(value: unknown): FieldError[] | undefined {
  const found = Array.isArray(value) ? fromList(value) : isRecord(value) ? fromRecord(value) : [];
  return found.length === 0 ? undefined : found;
}

/**
 * The entries of a map from field names to a message or a list of messages, as frameworks write under
 * `errors`. The first message of a field stands for it; at most 50 fields.
 */
export function fieldMapOf(map: JsonRecord): FieldError[] {
  const found: FieldError[] = [];
  for (const name of Object.keys(map)) {
    if (found.length >= MAX_FIELD_ERRORS) break;
    const field = text(name);
    const value = map[name];
    const message = text(Array.isArray(value) ? value[0] : value);
    if (field !== undefined && message !== undefined) found.push({ field, message });
  }
  return found;
}

function fromList(list: readonly unknown[]): FieldError[] {
  return list
    .slice(0, MAX_FIELD_ERRORS)
    .map((item) => (isRecord(item) ? fromItem(item) : undefined))
    .filter((item) => item !== undefined);
}

function fromRecord(record: JsonRecord): FieldError[] {
  for (const name of LISTS) {
    const inner = own(record, name);
    if (Array.isArray(inner)) return fromList(inner);
    if (isRecord(inner)) return fieldMapOf(inner);
  }
  if (typeof own(record, 'field') === 'string') {
    const single = fromItem(record);
    return single === undefined ? [] : [single];
  }
  // Any object may hold texts; only lists of texts under every name say that the names are fields.
  const isMap = Object.values(record).every((item) => Array.isArray(item) && typeof item[0] === 'string');
  return isMap ? fieldMapOf(record) : [];
}

function fromItem(item: JsonRecord): FieldError | undefined {
  const field = fieldOf(item);
  if (field === undefined) return undefined;
  const found: FieldError = { field };
  const message = firstText(item, MESSAGE);
  const code = firstCode(item, CODE);
  if (message !== undefined) found.message = message;
  if (code !== undefined) found.code = code;
  return found;
}

function fieldOf(item: JsonRecord): string | undefined {
  const source = own(item, 'source');
  if (isRecord(source)) {
    const pointed = firstText(source, ['pointer', 'parameter', 'header']);
    if (pointed !== undefined) return pointed;
  }
  return pathOf(own(item, 'loc')) ?? pathOf(own(item, 'path')) ?? firstText(item, FIELD);
}

function pathOf(value: unknown): string | undefined {
  if (!Array.isArray(value)) return text(value);
  const parts = value
    .slice(0, MAX_PATH)
    .filter((part) => typeof part === 'string' || typeof part === 'number');
  return text(parts.join('.'));
}
