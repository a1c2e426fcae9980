import { readResponse } from './index.js';
import type { ReadResponse } from './index.js';
import type { ErrorEvent, EventResponse } from '../event.js';

function read(response: EventResponse, over: Partial<ErrorEvent> = {}): ReadResponse {
  return readResponse({ eventId: '0', occurredAt: 0, response, ...over });
}

describe('readResponse', () => {
  const rows: [string, unknown, Partial<ReadResponse>][] = [
    [
      'a nested error',
      { success: false, error: { code: 'A_B', message: 'no', details: { field: 'x' } } },
      { code: 'A_B', message: 'no', details: { field: 'x' }, fieldErrors: [{ field: 'x' }] },
    ],
    [
      'a nested error with empty details',
      { error: { code: 'A', message: 'no', details: {} } },
      { code: 'A', message: 'no' },
    ],
    [
      'a flat error',
      { error: 'Document not found', code: 'document_not_found', request_id: 'req_1' },
      { code: 'document_not_found', message: 'Document not found', requestId: 'req_1' },
    ],
    ['a flat error without code', { error: 'no', code: null, request_id: null }, { message: 'no' }],
    [
      'a list of messages',
      { errors: [{ message: 'one' }, { message: 'two' }] },
      { message: 'one; two', details: [{ message: 'one' }, { message: 'two' }] },
    ],
    [
      'a list with codes',
      {
        errors: [
          { message: 'one', code: 'A' },
          { message: 'two', code: 'B' },
          { message: '2', code: 'A' },
        ],
      },
      { code: 'A', message: 'one; two; 2', others: ['B'], details: expect.any(Array) as unknown },
    ],
    [
      'a problem with a code and field errors',
      {
        type: 'about:blank',
        title: 'Bad',
        status: 400,
        detail: 'why',
        code: 'BAD',
        errors: [{ field: 'a', message: 'm' }],
        request_id: 'r',
      },
      {
        code: 'BAD',
        message: 'why',
        requestId: 'r',
        details: [{ field: 'a', message: 'm' }],
        status: 400,
        fieldErrors: [{ field: 'a', message: 'm' }],
      },
    ],
    [
      'a problem named by its type',
      { type: 'https://x.example/problems/out-of-credit', title: 'No credit', status: 403 },
      { code: 'out-of-credit', message: 'No credit', status: 403 },
    ],
    [
      'a problem type with a fragment',
      { type: 'https://x.example/problems#quota-exceeded/', title: 'T', status: 429 },
      { code: 'quota-exceeded', message: 'T', status: 429 },
    ],
    [
      'a problem type that repeats the status',
      { type: 'https://x.example/404', title: 'T', status: 404 },
      { message: 'T', status: 404 },
    ],
    [
      'a problem type that cites the RFC',
      { type: 'https://tools.ietf.org/html/rfc9110#section-15.5.5', title: 'T', status: 404 },
      { message: 'T', status: 404 },
    ],
    ['a numeric code', { error: { code: 1007 } }, { code: '1007' }],
    ['a sentence in the place of a code', { error: { code: 'not a code', message: 'm' } }, { message: 'm' }],
    ['a body of another kind', { ok: false }, {}],
    ['an empty list', { errors: [] }, {}],
    ['a list of texts', { errors: ['x', 'y'] }, { message: 'x; y' }],
    ['a list of numbers', { errors: [1] }, {}],
    ['an array', [1], {}],
    ['nothing', undefined, {}],
  ];

  it.each(rows)('reads %s, parsed or as text', (_name, body, expected) => {
    const wanted = { others: [], ...expected };
    expect(read({ body })).toEqual(wanted);
    if (body !== undefined) expect(read({ body: JSON.stringify(body) })).toEqual(wanted);
  });

  it.each(['<html>502</html>', '{"error":', '', 'null', '"text"'])('reads nothing out of %j', (body) => {
    expect(read({ body })).toEqual({ others: [] });
  });

  it('lets the media type decide on a problem', () => {
    const headers = { 'content-type': 'application/problem+json; charset=utf-8' };
    expect(read({ headers, body: { title: 'T', code: 'X' } })).toEqual({
      code: 'X',
      message: 'T',
      others: [],
    });
    expect(read({ body: { title: 'T', code: 'X' } })).toEqual({ others: [] });
  });

  it('lets the code that the client states win and keeps the other', () => {
    const event = { error: { code: 'STATED' } };
    expect(read({ body: { error: 'x', code: 'SENT' } }, event)).toMatchObject({
      code: 'STATED',
      others: ['SENT'],
    });
    expect(read({ body: { error: 'x', code: 'STATED' } }, event)).toMatchObject({
      code: 'STATED',
      others: [],
    });
  });

  it('reads Retry-After and the request id from the headers', () => {
    const headers = { 'retry-after': '60', 'x-request-id': 'r1' };
    expect(read({ headers })).toEqual({
      retryAfter: '60',
      requestId: 'r1',
      others: [],
      retryAdvice: { retryAfterSeconds: 60, source: 'retry-after' },
    });
    expect(read({ headers }, { http: { retryAfter: '5' } }).retryAfter).toBe('5');
    expect(read({ headers: { 'Retry-After': '7' } }).retryAfter).toBe('7');
    expect(read({ headers, body: { error: 'x', request_id: 'r2' } }).requestId).toBe('r2');
  });

  it('drops NUL and lone surrogates, which would fail the commit', () => {
    const body = '{"error":{"code":"A","message":"a\\u0000b\\ud800","details":{"k\\u0000":["\\u0000x"]}}}';
    expect(read({ body })).toEqual({
      code: 'A',
      message: 'ab\ufffd',
      details: { k: ['x'] },
      fieldErrors: [{ field: 'k', message: 'x' }],
      others: [],
    });
  });

  it('bounds the details in depth and number', () => {
    let deep: unknown = 'end';
    for (let level = 0; level < 5_000; level += 1) deep = [deep];
    expect(JSON.stringify(read({ body: { error: { details: deep } } }).details)).toBe('[[[[[[[["…"]]]]]]]]');
    const wide = read({ body: { error: { details: Array.from({ length: 100_000 }, (_, i) => i) } } });
    expect((wide.details as unknown[]).length).toBeLessThanOrEqual(500);
  });

  it('survives bodies of the greatest depth that it parses', () => {
    const depth = 120_000;
    const body = `{"error":{"code":"A","details":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
    expect(read({ body })).toMatchObject({ code: 'A' });
    expect(read({ body: '{"error":'.repeat(25_000) })).toEqual({ others: [] });
  });

  it('leaves a body over 256 KiB unread', () => {
    const body = JSON.stringify({ error: 'x', code: 'A', padding: 'x'.repeat(262_144) });
    expect(read({ body })).toEqual({ others: [] });
  });

  it('bounds the number of further codes', () => {
    const errors = Array.from({ length: 1_000 }, (_, i) => ({ code: `C${i}` }));
    expect(read({ body: { errors } }).others).toHaveLength(20);
  });
});
