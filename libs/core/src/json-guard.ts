/** What a byte scan of JSON text says about its nesting; `depth` is the first level past the limit. */
export type DepthScan = { ok: true } | { ok: false; code: 'TOO_DEEP'; depth: number };

/** A parsed value, or where and why the text is not JSON (line and column count from 1, in UTF-16 units). */
export type JsonParse =
  | { ok: true; value: unknown }
  | { ok: false; code: 'MALFORMED_JSON'; message: string; line: number; column: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Bounds the nesting of JSON text before anything recursive touches it.
 *
 * One pass over UTF-8 bytes, no allocation; brackets inside strings do not count. It does not check that
 * the text is JSON: an unclosed string hides what follows it, and then the parser refuses the text anyway.
 */
export function scanJson(bytes: Uint8Array, limits: { maxDepth: number }): DepthScan {
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = endOfString(bytes, i + 1);
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > limits.maxDepth) return { ok: false, code: 'TOO_DEEP', depth };
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    }
  }
  return { ok: true };
}

function endOfString(bytes: Uint8Array, from: number): number {
  let i = from;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

/**
 * Parses JSON text without letting a key reach a prototype.
 *
 * `__proto__` keys are dropped, and so is a `constructor` whose value carries a `prototype`; the rest of the
 * document stays, because one hostile key must not cost its neighbours. Nothing is thrown for bad text.
 * Time and memory are linear in the text.
 * @param options `explain: false` spares the second reading that finds the fault; the place is then 1:1
 */
export function parseJson(text: string, options: { explain?: boolean } = {}): JsonParse {
  try {
    const value: unknown = JSON.parse(text);
    // An escape such as \u005f can spell a dangerous key that the plain search would miss.
    if (text.includes('__proto__') || text.includes('prototype') || text.includes('\\u'))
      dropProtoKeys(value);
    return { ok: true, value };
  } catch {
    if (options.explain === false)
      return { ok: false, code: 'MALFORMED_JSON', message: 'Invalid JSON.', line: 1, column: 1 };
    return explain(text);
  }
}

function dropProtoKeys(root: unknown): void {
  const open: unknown[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (typeof node !== 'object' || node === null) continue;
    if (Array.isArray(node)) {
      for (const item of node as unknown[]) if (typeof item === 'object' && item !== null) open.push(item);
      continue;
    }
    const record = node as Record<string, unknown>;
    for (const key of Object.keys(record)) {
      if (key === '__proto__' || (key === 'constructor' && carriesPrototype(record[key]))) delete record[key];
      else if (typeof record[key] === 'object' && record[key] !== null) open.push(record[key]);
    }
  }
}

function carriesPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}

interface Fault {
  at: number;
  expected: string;
}

function explain(text: string): JsonParse {
  const fault = findFault(text) ?? { at: text.length, expected: 'valid JSON' };
  const { line, column } = placeOf(text, fault.at);
  const found = describe(text, fault.at);
  const message = `Invalid JSON at line ${line}, column ${column}: expected ${fault.expected} but found ${found}.`;
  return { ok: false, code: 'MALFORMED_JSON', message, line, column };
}

// Counted without splitting: a body of nothing but line ends would become millions of strings.
function placeOf(text: string, at: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', end + 1)) {
    line++;
    lineStart = end + 1;
  }
  return { line, column: at - lineStart + 1 };
}

function describe(text: string, at: number): string {
  const point = text.codePointAt(at);
  if (point === undefined) return 'the end of the text';
  const printable = point > 0x20 && point !== 0x7f && !(point >= 0xd800 && point <= 0xdfff);
  return printable
    ? `'${String.fromCodePoint(point)}'`
    : `the character U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

type State = 'value' | 'opened' | 'key' | 'after';
interface Reader {
  text: string;
  at: number;
  state: State;
  /** The brackets that are still to be closed. */
  closers: string[];
}

// The engine's own messages name a position in some versions and none in others, so the place of the fault
// comes from a second, iterative reading that only failing documents pay for.
function findFault(text: string): Fault | undefined {
  const reader: Reader = { text, at: skip(SPACE, text, 0), state: 'value', closers: [] };
  for (;;) {
    const closer = reader.closers.at(-1);
    if (reader.state === 'after' && closer === undefined) {
      return reader.at < text.length ? { at: reader.at, expected: 'the end of the text' } : undefined;
    }
    const fault = step(reader, closer);
    if (fault !== undefined) return fault;
  }
}

function step(reader: Reader, closer: string | undefined): Fault | undefined {
  const char = reader.text[reader.at];
  if (reader.state === 'opened' && char === closer) return close(reader);
  if (reader.state === 'after') return afterValue(reader, char, closer);
  if (reader.state === 'key' || (reader.state === 'opened' && closer === '}')) return readKey(reader);
  if (char === '{' || char === '[') {
    reader.closers.push(char === '{' ? '}' : ']');
    return advance(reader, reader.at + 1, 'opened');
  }
  return advance(reader, char === '"' ? endOfText(reader) : endOfScalar(reader), 'after');
}

function advance(reader: Reader, end: number | Fault, state: State): Fault | undefined {
  if (typeof end !== 'number') return end;
  reader.at = skip(SPACE, reader.text, end);
  reader.state = state;
  return undefined;
}

function close(reader: Reader): Fault | undefined {
  reader.closers.pop();
  return advance(reader, reader.at + 1, 'after');
}

function afterValue(reader: Reader, char: string | undefined, closer: string | undefined): Fault | undefined {
  if (char === closer) return close(reader);
  if (char !== ',') return { at: reader.at, expected: `',' or '${closer}'` };
  return advance(reader, reader.at + 1, closer === '}' ? 'key' : 'value');
}

function readKey(reader: Reader): Fault | undefined {
  const { text, at, state } = reader;
  if (text[at] !== '"') {
    return { at, expected: state === 'opened' ? `a key in double quotes or '}'` : 'a key in double quotes' };
  }
  const end = endOfText(reader);
  if (typeof end !== 'number') return end;
  const colon = skip(SPACE, text, end);
  return text[colon] === ':' ? advance(reader, colon + 1, 'value') : { at: colon, expected: `':'` };
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

// Read by hand: a starred group over a string of megabytes would exhaust the regex engine's stack.
function endOfText({ text, at }: Reader): number | Fault {
  let i = at + 1;
  for (;;) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code === BACKSLASH) {
      const end = skip(ESCAPE, text, i);
      if (end === i) return { at: i, expected: 'a valid escape' };
      i = end;
    } else if (code >= 0x20) {
      i++;
    } else {
      return { at: i, expected: `'"' to close the string` };
    }
  }
}

function endOfScalar({ text, at }: Reader): number | Fault {
  const end = skip(SCALAR, text, at);
  return end > at ? end : { at, expected: 'a value' };
}
