import { readError } from './read-error.js';

const thrown = (message: string, fields: object, type = Error) => Object.assign(new type(message), fields);

describe('readError', () => {
  it('reads a plain Error', () => {
    const error = new RangeError('too far');
    expect(readError(error)).toMatchObject({
      error: { message: 'too far', type: 'RangeError', stack: error.stack },
    });
  });

  it.each([
    ['text', 'boom', 'boom'],
    ['nothing', undefined, 'undefined'],
    ['a number', 42, '42'],
    ['a symbol', Symbol('x'), 'Symbol(x)'],
    ['an object without a message', { a: 1 }, '{"a":1}'],
  ])('reads %s that was thrown', (_, value, message) => {
    expect(readError(value)).toMatchObject({ error: { message } });
  });

  it('reads the typed error of an API client', () => {
    const error = thrown('Slow down', {
      code: 'RATE_LIMIT_EXCEEDED',
      status: 429,
      headers: new Headers({ 'x-request-id': 'r1', 'retry-after': '60', 'set-cookie': 'a=b' }),
      details: { limit: 120 },
    });
    expect(readError(error)).toMatchObject({
      request_id: 'r1',
      http: { status: 429, retry_after: '60' },
      error: { code: 'RATE_LIMIT_EXCEEDED', details: { limit: 120 } },
      response: { status: 429, headers: { 'x-request-id': 'r1', 'retry-after': '60' } },
    });
  });

  it.each([
    [{ statusCode: 503 }, { http: { status: 503 } }],
    [{ status: '404' }, { http: { status: 404 } }],
    [{ requestId: 'a' }, { request_id: 'a' }],
    [{ request_id: 'b' }, { request_id: 'b' }],
    [{ retryAfter: 3 }, { http: { retry_after: '3' } }],
    [{ code: 17 }, { error: { code: '17' } }],
    [{ cause: { code: 'ECONNREFUSED' } }, { error: { code: 'ECONNREFUSED' } }],
  ])('reads %p', (fields, expected) => {
    expect(readError(thrown('failed', fields))).toMatchObject(expected);
  });

  it('reads the response of an axios error, and lets its body speak instead of the client code', () => {
    const found = readError(
      thrown('Request failed with status code 403', {
        code: 'ERR_BAD_REQUEST',
        config: { method: 'get', url: 'https://api.example.com/tenants/77/users?token=s3cret' },
        response: {
          status: 403,
          headers: { 'X-Request-Id': 'r2', 'Set-Cookie': ['a=b'] },
          data: { success: false, error: { code: 'TENANT_ACCESS_DENIED' } },
        },
      }),
    );
    expect(found).toMatchObject({
      request_id: 'r2',
      http: { method: 'GET', route: '/tenants/:id/users', status: 403 },
      response: {
        status: 403,
        headers: { 'x-request-id': 'r2' },
        body: { success: false, error: { code: 'TENANT_ACCESS_DENIED' } },
      },
    });
    expect(found.error?.code).toBeUndefined();
    expect(JSON.stringify(found)).not.toMatch(/s3cret|a=b/);
  });

  it('keeps the client code where no response came', () => {
    expect(readError(thrown('timeout', { code: 'ECONNABORTED', config: {} })).error?.code).toBe(
      'ECONNABORTED',
    );
  });

  it('reads a response with statusCode and body', () => {
    const found = readError(
      thrown('x', { response: { statusCode: 409, headers: {}, body: '{"error":"busy"}' } }),
    );
    expect(found.response).toEqual({ status: 409, body: '{"error":"busy"}' });
  });

  it('takes a response without headers for the body, as in Nest', () => {
    const body = { statusCode: 403, message: 'Forbidden resource', error: 'Forbidden' };
    expect(readError(thrown('Forbidden resource', { status: 403, response: body })).response).toEqual({
      status: 403,
      body,
    });
    expect(readError(thrown('no', { status: 400, response: 'no' })).response).toEqual({
      status: 400,
      body: 'no',
    });
  });

  it('leaves the stream of a carried Response to the application', () => {
    const response = new Response('{}', { status: 500, headers: { 'request-id': 'r3' } });
    const found = readError(thrown('x', { response }));
    expect(found).toMatchObject({ request_id: 'r3', response: { status: 500 } });
    expect(found.response?.body).toBeUndefined();
    expect(response.bodyUsed).toBe(false);
  });

  it('leaves out what the server would refuse the event for', () => {
    expect(readError(thrown('x', { status: 5, code: 'c'.repeat(300) }))).toMatchObject({
      http: undefined,
      error: { code: 'c'.repeat(200) },
    });
    expect(readError(thrown('x', { response: Response.error() })).response).toBeUndefined();
  });

  it('survives properties that throw', () => {
    const error = new Error('odd');
    Object.defineProperty(error, 'response', { get: () => JSON.parse('{') as unknown });
    expect(readError(error).error?.message).toBe('odd');
  });
});
