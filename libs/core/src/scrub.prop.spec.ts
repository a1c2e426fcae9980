import fc from 'fast-check';
import { FILTERED, cleanJson, cleanText, isSecretName } from './scrub.js';

const fragments = fc.constantFrom(
  'password',
  'token',
  '=',
  ':',
  ' ',
  '"',
  "'",
  '\\',
  '\\"',
  '4111111111111111',
  '4111 1111 1111 1111',
  'Bearer ',
  'basic ',
  'abc1',
  'eyJhbGci.eyJzdWIi.',
  'postgres://u:p@h',
  '@',
  '/',
  '-',
  '[Filtered]',
  '[',
  ']',
  '{',
  '}',
  ',',
  ';',
  'cookie: ',
  'a=b',
  '\n',
  '\0',
  '\ud83d',
  '\ude00',
  '😀',
  'AKIAIOSFODNN7EXAMPLE',
  '-----BEGIN PRIVATE KEY-----',
  '-----END PRIVATE KEY-----',
  'DE89370400440532013000',
  'author',
  'count',
  'max_',
  's',
  '.',
  'sk_live_abcdefghij',
  '0',
  '7',
);
const text = fc.oneof(
  fc.array(fragments, { maxLength: 14 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);
const key = fc.oneof(
  text,
  fc.constantFrom('name', 'key', 'value', 'password', 'Set-Cookie', 'author', 'token_count', '__proto__'),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    text,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('tree'), { maxLength: 6 }),
  map: fc.dictionary(key, tie('tree'), { maxKeys: 6, noNullPrototype: true }),
}));
const value = fc.oneof(
  tree,
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
);

describe('cleanJson', () => {
  it('is idempotent', () => {
    fc.assert(
      fc.property(value, (input) => {
        const once = cleanJson(input).value;
        expect(cleanJson(once).value).toStrictEqual(once);
      }),
      { numRuns: 500 },
    );
  });

  it('gives JSON that Postgres takes, and never throws', () => {
    fc.assert(
      fc.property(value, (input) => {
        const clean = cleanJson(input).value;
        const json = JSON.stringify(clean);
        expect(json).not.toContain('\\u0000');
        expect(json.isWellFormed() && !/\\ud[89a-f]/i.test(json)).toBe(true);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(JSON.parse(json))));
      }),
      { numRuns: 500 },
    );
  });

  it('does not change its input', () => {
    fc.assert(
      fc.property(tree, (input) => {
        const before = structuredClone(input);
        cleanJson(input);
        expect(input).toEqual(before);
      }),
    );
  });

  it('lets nothing under a secret name survive', () => {
    fc.assert(
      fc.property(tree, (input) => {
        expect(survivors(cleanJson(input).value)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps ordinary values as they are', () => {
    const plain = fc.dictionary(
      fc.stringMatching(/^[b-z]{1,3}$/),
      fc.oneof(fc.integer({ min: -1e9, max: 1e9 }), fc.boolean()),
    );
    fc.assert(
      fc.property(plain, (input) => expect(cleanJson(input)).toEqual({ value: { ...input }, notes: [] })),
    );
  });
});

describe('cleanText', () => {
  it('is idempotent and bounded at every length', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 80 }), (input, max) => {
        const once = cleanText(input, max).text;
        expect(once.length).toBeLessThanOrEqual(max);
        expect(once.isWellFormed() && !once.includes('\0')).toBe(true);
        expect(cleanText(once, max)).toEqual({ text: once, notes: [] });
      }),
      { numRuns: 1_500 },
    );
  });

  it('takes every card number out of a text, whatever its grouping', () => {
    const body = fc
      .tuple(fc.integer({ min: 2, max: 6 }), fc.stringMatching(/^\d{14}$/))
      .map(([first, rest]) => `${first}${rest}`);
    fc.assert(
      fc.property(body, fc.constantFrom('', ' ', '-'), (head, separator) => {
        const card = withCheckDigit(head).replace(/(\d{4})(?=\d)/g, `$1${separator}`);
        expect(cleanText(`paid with ${card} today`).text).toBe(`paid with ${FILTERED} today`);
      }),
    );
  });
});

function survivors(node: unknown): unknown[] {
  if (typeof node !== 'object' || node === null) return [];
  if (Array.isArray(node)) return node.flatMap(survivors);
  return Object.entries(node).flatMap(([name, inner]: [string, unknown]) => {
    if (!isSecretName(name)) return survivors(inner);
    return inner === FILTERED || inner === null || inner === '' || typeof inner === 'boolean' ? [] : [inner];
  });
}

function withCheckDigit(head: string): string {
  for (let digit = 0; digit < 10; digit++) {
    const digits = [...`${head}${digit}`].reverse().map(Number);
    const sum = digits.reduce((total, d, i) => total + (i % 2 === 0 ? d : d < 5 ? d * 2 : d * 2 - 9), 0);
    if (sum % 10 === 0) return `${head}${digit}`;
  }
  throw new Error('unreachable: one of ten digits always fits');
}
