import fc from 'fast-check';
import { parseJson, scanJson } from './json-guard.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

describe('scanJson', () => {
  it.each([
    ['[[[1]]]', 3, true],
    ['[[[[1]]]]', 3, false],
    ['{"a":{"b":{}}}', 3, true],
    ['{"a":{"b":{"c":[]}}}', 3, false],
    ['"[[[[[["', 1, true],
    ['["\\"[[[[", "\\\\", {}]', 2, true],
    ['["\\\\"[[', 2, false],
    ['[{},{},{},[]]', 2, true],
    ['', 0, true],
  ])('%s within %i levels: %s', (text, maxDepth, ok) => {
    expect(scanJson(bytes(text), { maxDepth }).ok).toBe(ok);
  });

  it('names the first level past the limit', () => {
    expect(scanJson(bytes('['.repeat(200_000)), { maxDepth: 64 })).toEqual({
      ok: false,
      code: 'TOO_DEEP',
      depth: 65,
    });
  });

  it('measures the same depth as a walk over the parsed value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = bytes(JSON.stringify(value));
        const depth = depthOf(value);
        expect(scanJson(text, { maxDepth: depth }).ok).toBe(true);
        if (depth > 0) expect(scanJson(text, { maxDepth: depth - 1 }).ok).toBe(false);
      }),
    );
  });
});

describe('parseJson', () => {
  it.each([
    ['{"a":1,}', 1, 8, `expected a key in double quotes but found '}'`],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, `expected ',' or '}' but found '"'`],
    ['[1,2', 1, 5, `expected ',' or ']' but found the end of the text`],
    ['', 1, 1, 'expected a value but found the end of the text'],
    ["{'a':1}", 1, 2, `expected a key in double quotes or '}' but found '''`],
    ['{"a" 1}', 1, 6, `expected ':' but found '1'`],
    ['[nul]', 1, 2, `expected a value but found 'n'`],
    ['{"a":1} x', 1, 9, `expected the end of the text but found 'x'`],
    ['"a\\q"', 1, 3, `expected a valid escape but found '\\'`],
    ['"open', 1, 6, `expected '"' to close the string but found the end of the text`],
    ['"a\nb"', 1, 3, `expected '"' to close the string but found the character U+000A`],
    ['[01]', 1, 3, `expected ',' or ']' but found '1'`],
    ['[1]]', 1, 4, `expected the end of the text but found ']'`],
  ])('%j: says where and what', (text, line, column, words) => {
    const parsed = parseJson(text);
    expect(parsed).toMatchObject({ ok: false, code: 'MALFORMED_JSON', line, column });
    if (!parsed.ok) expect(parsed.message).toBe(`Invalid JSON at line ${line}, column ${column}: ${words}.`);
  });

  it('finds a place in every document that the engine refuses, and only in those', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '1',
      '-',
      'true',
      ' ',
      '\n',
      '\\',
      '0',
      'e',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        const text = tokens.join('');
        const parsed = parseJson(text);
        expect(parsed.ok).toBe(engineAccepts(text));
        if (!parsed.ok) expect(parsed.message).not.toContain('expected valid JSON');
      }),
      { numRuns: 3_000 },
    );
  });

  it('finds the place past millions of line ends in a blink', () => {
    const started = performance.now();
    expect(parseJson(`[${'\n'.repeat(4_000_000)}x`)).toMatchObject({ ok: false, line: 4_000_001, column: 1 });
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('does not look for the place where nobody asks', () => {
    expect(parseJson('[1,\n x]', { explain: false })).toEqual({
      ok: false,
      code: 'MALFORMED_JSON',
      message: 'Invalid JSON.',
      line: 1,
      column: 1,
    });
    expect(parseJson('{"__proto__":{},"a":1}', { explain: false })).toEqual({ ok: true, value: { a: 1 } });
  });

  it('survives a huge string that is never closed', () => {
    expect(parseJson('"' + 'x'.repeat(8_000_000))).toMatchObject({ ok: false, column: 8_000_002 });
  });

  it('drops keys that reach a prototype, however they are spelled, and keeps the rest', () => {
    const text = `[{"a":1,"__proto__":{"polluted":1}},
      {"\\u005f\\u005fproto__":{"polluted":1},"b":{"constructor":{"prototype":{"polluted":1}},"c":2}}]`;
    const parsed = parseJson(text);
    expect(parsed).toEqual({ ok: true, value: [{ a: 1 }, { b: { c: 2 } }] });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    if (parsed.ok) expect(Object.getPrototypeOf((parsed.value as object[])[0])).toBe(Object.prototype);
  });

  it('keeps a harmless constructor key', () => {
    const text = '{"constructor":"Acme Builders","prototype":"v1"}';
    expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it('returns what JSON.parse returns for everything else', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(!text.includes('__proto__') && !text.includes('prototype'));
        expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });
});

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function engineAccepts(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
