import { fromResponse, merge, routeOf, withContext } from './event.js';
import { pickHeaders } from './headers.js';

describe('withContext', () => {
  it('lets what the application says win, field by field', () => {
    const found = {
      request_id: 'read',
      http: { method: 'GET', status: 500, route: '/a', retry_after: '1' },
      error: { code: 'READ', message: 'read', type: 'T' },
    };
    const context = {
      code: 'SAID',
      tenant: 't',
      user: 'u',
      requestId: 'r',
      traceId: 'tr',
      http: { route: '/users/:id', status: 503, retryAfter: 30 },
      attempt: 2,
      attributes: { region: 'eu' },
      environment: 'prod',
      service: 'api',
      release: '1.2.3',
      message: 'said',
    };
    expect(withContext(found, context)).toEqual({
      environment: 'prod',
      service: 'api',
      release: '1.2.3',
      tenant: 't',
      user: 'u',
      request_id: 'r',
      trace_id: 'tr',
      attempt: 2,
      attributes: { region: 'eu' },
      http: { method: 'GET', status: 503, route: '/users/:id', retry_after: '30' },
      error: { code: 'SAID', message: 'said', type: 'T' },
    });
  });

  it('adds nothing where nothing is known', () => {
    expect(withContext({})).toEqual({});
    expect(withContext({ request_id: 'r' }, { http: {}, requestId: undefined })).toEqual({ request_id: 'r' });
  });
});

describe('merge', () => {
  it('skips what is undefined and is undefined where nothing is left', () => {
    expect(merge({ a: 1, b: 2 }, undefined, { a: undefined, b: 3 })).toEqual({ a: 1, b: 3 });
    expect(merge({ a: undefined }, undefined)).toBeUndefined();
  });
});

describe('fromResponse', () => {
  it('takes request id and wait from the headers and keeps the response', () => {
    const headers = { 'request-id': 'r1', 'retry-after': '9' };
    expect(fromResponse(429, { ...headers, cookie: 'c' }, 'slow down', 'https://h/v1/jobs')).toEqual({
      request_id: 'r1',
      http: { route: '/v1/jobs', status: 429, retry_after: '9' },
      response: { status: 429, headers, body: 'slow down' },
    });
  });
});

describe('routeOf', () => {
  it.each([
    ['https://api.example.com/v1/users/42?key=secret#top', '/v1/users/:id'],
    ['https://user:pw@host:8080/a', '/a'],
    ['https://host', '/'],
    ['/relative/0189f7ea-ae0c-7d7f-8d2b-8d2f3c1a9b11/x', '/relative/:id/x'],
    ['/b/5f2b6c1de3a94f0001c0ffee', '/b/:id'],
    ['/c/cus_NffrFeUfNV2Hib7pQ1', '/c/:id'],
    ['/v2/documentation-pages-of-the-project', '/v2/documentation-pages-of-the-project'],
    [`/${'long-'.repeat(100)}`, `/${'long-'.repeat(100)}`.slice(0, 200)],
    ['', undefined],
    [undefined, undefined],
  ])('turns %p into %p', (url, route) => {
    expect(routeOf(url)).toBe(route);
  });
});

describe('pickHeaders', () => {
  const all = {
    'Retry-After': 5,
    'X-Request-ID': 'r',
    'Content-Type': 'application/json',
    'RateLimit-Policy': 'p',
    RateLimit: 'x',
    'X-RateLimit-Remaining': '0',
    'Stripe-Should-Retry': 'true',
    'x-amzn-ErrorType': 'Throttled',
    Cookie: 'c',
    'Set-Cookie': ['a', 'b'],
    Authorization: 'Bearer s',
    'X-Api-Key': 'k',
    Server: 'nginx',
  };
  const kept = {
    'retry-after': '5',
    'x-request-id': 'r',
    'content-type': 'application/json',
    'ratelimit-policy': 'p',
    ratelimit: 'x',
    'x-ratelimit-remaining': '0',
    'stripe-should-retry': 'true',
    'x-amzn-errortype': 'Throttled',
  };

  it('keeps the named ones only, from an object, a Map and Headers', () => {
    expect(pickHeaders(all)).toEqual(kept);
    expect(pickHeaders(new Map(Object.entries(all)))).toEqual(kept);
    expect(pickHeaders(new Headers({ 'retry-after': '1', cookie: 'c' }))).toEqual({ 'retry-after': '1' });
  });

  it('is undefined where none is kept', () => {
    expect([
      pickHeaders({ cookie: 'c' }),
      pickHeaders(undefined),
      pickHeaders('x'),
      pickHeaders(null),
    ]).toEqual([undefined, undefined, undefined, undefined]);
  });
});
