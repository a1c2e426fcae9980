import fc from 'fast-check';
import type { ErrorEvent, EventResponse } from '../event.js';
import { readResponse } from './index.js';
import type { ReadResponse } from './index.js';

const NAMES = [
  ...[
    'error',
    'errors',
    'code',
    'message',
    'status',
    'statusCode',
    'detail',
    'details',
    'title',
    'type',
    'innerError',
  ],
  ...[
    'innererror',
    '__type',
    '@type',
    'reason',
    'extensions',
    'source',
    'pointer',
    'loc',
    'path',
    'field',
    'odata.error',
  ],
  ...[
    'error_description',
    'retry_after',
    'retryable',
    'timestamp',
    'Message',
    'ModelState',
    'instance',
    'debug',
    'meta',
  ],
];
const WORDS = [
  'BAD',
  'UNAVAILABLE',
  'google.rpc.RetryInfo',
  'ns#E:u',
  '3.5s',
  'about:blank',
  '',
  'a b',
  '\u0000',
  '\ud800',
];

const { body } = fc.letrec<{ body: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(...WORDS),
    fc.string(),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  ),
  body: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('body'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('body'), { maxKeys: 6 }),
  ),
}));

const PIECES = [
  '<',
  '>',
  '</',
  '/>',
  '<!--',
  '-->',
  '<![CDATA[',
  ']]>',
  '<?xml',
  '<title>',
  '<h1>',
  '</h1>',
  '<script>',
];
const markup = fc
  .array(fc.oneof(fc.constantFrom(...PIECES, '&lt;', '&#0;', '&#x110000;', '<Code>', '<html>'), fc.string()))
  .map((parts) => `<${parts.join('')}`);

const HEADERS = [
  'retry-after',
  'retry-after-ms',
  'grpc-status',
  'grpc-message',
  'date',
  'www-authenticate',
  'ratelimit',
];
const MORE = [
  'x-amzn-errortype',
  'stripe-should-retry',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'content-type',
];
const TYPES = [
  'text/html',
  'application/problem+json',
  'application/vnd.api+json',
  'application/graphql-response+json',
];
const headers = fc.dictionary(
  fc.constantFrom(...HEADERS, ...MORE, 'grpc-retry-pushback-ms', 'traceparent'),
  fc.oneof(fc.string(), fc.nat().map(String), fc.constantFrom('0', '-1', 'true', ...TYPES)),
);

const response: fc.Arbitrary<EventResponse> = fc.record({
  headers,
  body: fc.oneof(
    body,
    body.map((value) => JSON.stringify(value) ?? ''),
    markup,
    fc.string({ unit: 'binary' }),
  ),
});

function read(given: EventResponse): ReadResponse {
  const event: ErrorEvent = { eventId: '0', occurredAt: 1_768_478_400_000, response: given };
  return readResponse(event);
}

function expectStorable(value: string | undefined): void {
  if (value === undefined) return;
  expect(value).not.toBe('');
  expect(value.length).toBeLessThanOrEqual(2_000);
  expect(value).not.toContain('\u0000');
  expect(value.isWellFormed()).toBe(true);
}

describe('readResponse over every envelope', () => {
  it('never throws, and what it says is bounded and can be stored', () => {
    fc.assert(
      fc.property(response, (given) => {
        const got = read(given);
        const fields = (got.fieldErrors ?? []).flatMap(({ field, message, code }) => [field, message, code]);
        for (const value of [got.code, got.message, got.requestId, ...got.others, ...fields])
          expectStorable(value);
        expect(got.others.length).toBeLessThanOrEqual(20);
        expect(new Set([got.code, ...got.others]).size).toBe(got.others.length + 1);
        expect((got.fieldErrors ?? []).length).toBeLessThanOrEqual(50);
        if (got.status !== undefined) expect(got.status >= 100 && got.status <= 599).toBe(true);
        const wait = got.retryAdvice?.retryAfterSeconds ?? 0;
        expect(wait >= 0 && wait <= 31_536_000).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('says the same twice and leaves what it reads as it was', () => {
    fc.assert(
      fc.property(response, (given) => {
        const before = structuredClone(given);
        expect(read(given)).toEqual(read(structuredClone(given)));
        expect(given).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });

  it('shows nothing of a script', () => {
    const safe = fc.string().filter((value) => !value.includes('<'));
    fc.assert(
      fc.property(safe, safe, (before, after) => {
        const page = `<html><script>${before}<h1>SECRET</h1>${after}</script><h1>Down</h1></html>`;
        expect(read({ body: page }).message).toBe('Down');
      }),
    );
  });
});

describe('time of readResponse', () => {
  const hostile: [string, (size: number) => unknown][] = [
    ['nested arrays', (size) => '['.repeat(size / 2) + ']'.repeat(size / 2)],
    ['nested errors', (size) => '{"error":'.repeat(size / 10) + '1' + '}'.repeat(size / 10)],
    ['inner errors', (size) => `{"error":${'{"innerError":'.repeat(size / 16)}{}${'}'.repeat(size / 16)}}`],
    ['a long list', (size) => `{"errors":[${'{"code":"A"},'.repeat(size / 14)}{}]}`],
    ['many members', (size) => `{${Array.from({ length: size / 12 }, (_, i) => `"k${i}":1`).join()}}`],
    [
      'many fields',
      (size) => `{"errors":{${Array.from({ length: size / 14 }, (_, i) => `"k${i}":["x"]`).join()}}}`,
    ],
    ['a long text', (size) => ({ error: 'a_'.repeat(size / 2) })],
    ['a long type', (size) => ({ type: '/'.repeat(size), title: 'T', status: 400 })],
    ['opening brackets', (size) => '<'.repeat(size)],
    ['unclosed tags', (size) => '<a '.repeat(size / 3)],
    ['empty tags', (size) => '<a>'.repeat(size / 3)],
    ['unclosed comments', (size) => '<html>' + '<!--'.repeat(size / 4)],
    ['unclosed sections', (size) => '<e>' + '<![CDATA['.repeat(size / 9)],
    ['an endless script', (size) => '<html><script>' + '</scrip'.repeat(size / 7)],
    ['endless headings', (size) => '<html><h1>' + 'a<b>'.repeat(size / 4)],
    ['ray ids', (size) => '<html><h1>x</h1>' + 'Ray ID: <a '.repeat(size / 11)],
    ['entities', (size) => '<Error><Code>' + '&#1;&am'.repeat(size / 7)],
    ['white space', (size) => `x${' \n'.repeat(size / 2)}`],
    ['a form', (size) => 'error=' + '%&'.repeat(size / 2)],
  ];

  /** Milliseconds of the fastest of five: other programs only ever make a run slower. */
  function fastest(make: (size: number) => unknown, size: number): number {
    const given = { body: make(size), headers: { 'www-authenticate': 'error="'.repeat(size / 7) } };
    const runs = Array.from({ length: 5 }, () => {
      const start = performance.now();
      read(given);
      return performance.now() - start;
    });
    return Math.min(...runs);
  }

  // Eight times the size takes about eight times as long; were it quadratic, sixty-four times.
  it.each(hostile)('grows in proportion with %s', (_name, make) => {
    const small = fastest(make, 32_000);
    const large = fastest(make, 256_000);
    expect(large).toBeLessThan(Math.max(small, 1) * 24);
    expect(large).toBeLessThan(500);
  });
});
