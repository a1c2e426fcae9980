import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { createTestDatabase, createTestProject, eventually, startProcess } from '@errata/testing';
import type { TestDatabase, TestProcess, TestProject } from '@errata/testing';

interface Problem {
  code: string;
  detail: string;
  request_id: string;
  retryable: boolean;
  type: string;
  errors?: Array<{ field: string; message: string }>;
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const good = { tenant: 'acme', error: { code: 'RATE_LIMIT_EXCEEDED' } };

/** Every way of getting it wrong gets a documented code, the field and the fix, over real HTTP. */
describe('bad input', () => {
  let database: TestDatabase;
  let project: TestProject;
  let strict: TestProject;
  let limited: TestProject;
  let api: TestProcess;
  let worker: TestProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    project = await createTestProject(database.url);
    strict = await createTestProject(database.url, { multiTenant: true });
    limited = await createTestProject(database.url, { ratePerSecond: 1, burst: 5 });
    const env = { DATABASE_URL: database.url, MAX_BODY_BYTES: '2000000', MAX_EVENT_BYTES: '200000' };
    [api, worker] = await Promise.all([startProcess('api', env), startProcess('worker', env)]);
  });
  afterAll(async () => {
    await Promise.all([api.stop(), worker.stop()]);
    await database.drop();
  });

  const post = async (
    body: string | Buffer,
    headers: Record<string, string> = {},
    key = project.ingestKey,
  ) => {
    const response = await fetch(`${api.address}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Problem & { accepted: number; rejected: unknown[] },
    };
  };
  const get = async (path: string, token: string | null = project.apiToken) => {
    const response = await fetch(`${api.address}${path}`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Problem };
  };
  const query = (path: string) => get(`/api/v1/projects/${project.projectId}/${path}`);
  const expectProblem = (
    answer: { status: number; headers: Headers; body: Problem },
    status: number,
    code: string,
  ) => {
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.headers.get('x-request-id')).toBe(answer.body.request_id);
    expect(answer.body.type).toMatch(new RegExp(`/docs/errors#${code}$`));
    expect(answer.body.detail.length).toBeGreaterThan(10);
  };

  it.each([
    ['malformed JSON', '{"error":', 400, 'MALFORMED_JSON'],
    ['an empty body', '', 400, 'EMPTY_BATCH'],
    ['a batch of nothing', '{"events":[]}', 400, 'EMPTY_BATCH'],
    ['a wrong type', JSON.stringify({ ...good, tenant: 7 }), 400, 'INVALID_EVENT'],
    [
      'a timestamp outside the window',
      JSON.stringify({ ...good, timestamp: '2001-01-01T00:00:00Z' }),
      400,
      'TIMESTAMP_OUT_OF_WINDOW',
    ],
    ['an object with nothing to say', '{"tenant":"acme"}', 400, 'INVALID_EVENT'],
    ['a body too deep', nested(5_000), 400, 'TOO_DEEP'],
    [
      'a body too large',
      JSON.stringify({ ...good, attributes: { x: 'y'.repeat(2_100_000) } }),
      413,
      'BODY_TOO_LARGE',
    ],
    ['too many events', JSON.stringify(Array.from({ length: 1_001 }, () => good)), 413, 'TOO_MANY_EVENTS'],
  ])('answers %s', async (_, body, status, code) => {
    expectProblem(await post(body), status, code);
  });

  it('names the field of what is wrong in a single event', async () => {
    const { body } = await post(JSON.stringify({ ...good, http: { status: 999 } }));
    expect(body.errors).toEqual([
      { field: 'events[0].http.status', message: expect.stringMatching(/between 100 and 599/) },
    ]);
  });

  it('takes the good neighbours of bad events and says what was wrong with each', async () => {
    const old = { ...good, timestamp: '2001-01-01T00:00:00Z' };
    const large = {
      ...good,
      attributes: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, 'y'.repeat(30_000)])),
    };
    const { status, body } = await post(
      JSON.stringify({ events: [good, old, { tenant: 'x' }, large, good] }),
    );
    expect(status).toBe(202);
    expect(body.accepted).toBe(2);
    expect(body.rejected).toMatchObject([
      { index: 1, code: 'TIMESTAMP_OUT_OF_WINDOW', field: 'timestamp' },
      { index: 2, code: 'INVALID_EVENT', field: 'error' },
      { index: 3, code: 'EVENT_TOO_LARGE' },
    ]);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ])('reads %s and stops a bomb of it', async (encoding, compress) => {
    const fine = await post(compress(Buffer.from(JSON.stringify(good))), { 'content-encoding': encoding });
    expect(fine.status).toBe(202);
    expectProblem(
      await post(compress(Buffer.alloc(20_000_000, 32)), { 'content-encoding': encoding }),
      413,
      'BODY_TOO_LARGE',
    );
    expectProblem(
      await post(Buffer.from('no such stream'), { 'content-encoding': encoding }),
      400,
      'DECOMPRESSION_FAILED',
    );
  });

  it('names the encodings that it reads', async () => {
    const answer = await post('x', { 'content-encoding': 'compress' });
    expectProblem(answer, 415, 'UNSUPPORTED_ENCODING');
    expect(answer.body.detail).toMatch(/gzip/);
  });

  it('tells a missing, a wrong and a revoked key apart', async () => {
    const without = await fetch(`${api.address}/v1/events`, { method: 'POST', body: '{}' });
    expect([without.status, ((await without.json()) as Problem).code]).toEqual([401, 'KEY_MISSING']);
    expectProblem(await post('{}', {}, 'f'.repeat(32)), 401, 'KEY_INVALID');
    const keys = `${api.address}/api/v1/projects/${project.projectId}/keys`;
    const headers = { authorization: `Bearer ${project.apiToken}`, 'content-type': 'application/json' };
    const made = (await (
      await fetch(keys, { method: 'POST', headers, body: '{"label":"short-lived"}' })
    ).json()) as { id: string; public_key: string };
    expect((await post(JSON.stringify(good), {}, made.public_key)).status).toBe(202);
    await fetch(`${keys}/${made.id}`, { method: 'DELETE', headers });
    await eventually(
      async () => expectProblem(await post(JSON.stringify(good), {}, made.public_key), 401, 'KEY_REVOKED'),
      3_000,
    );
  });

  it('demands a tenant of a multi-tenant key', async () => {
    const { status, body } = await post(
      JSON.stringify({ events: [{ error: { code: 'X' } }, good] }),
      {},
      strict.ingestKey,
    );
    expect(status).toBe(202);
    expect(body.rejected).toMatchObject([{ index: 0, code: 'TENANT_REQUIRED', field: 'tenant' }]);
    expectProblem(await post('{"error":{"code":"X"}}', {}, strict.ingestKey), 400, 'TENANT_REQUIRED');
  });

  it('limits a key in events and says exactly when to come back', async () => {
    expect((await post(JSON.stringify([good, good, good, good, good]), {}, limited.ingestKey)).status).toBe(
      202,
    );
    const answer = await post(JSON.stringify([good, good]), {}, limited.ingestKey);
    expectProblem(answer, 429, 'RATE_LIMITED');
    expect(answer.body.retryable).toBe(true);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('ratelimit-policy')).toBe('"key";q=5;w=5');
  });

  it.each([
    ['a project that is not there', () => get('/api/v1/projects/999999/summary'), 404, 'PROJECT_NOT_FOUND'],
    ['a project that is no number', () => get('/api/v1/projects/x/summary'), 404, 'PROJECT_NOT_FOUND'],
    ['no token', () => get('/api/v1/projects', null), 401, 'TOKEN_MISSING'],
    ['a wrong token', () => get('/api/v1/projects', 'errata_wrong'), 401, 'TOKEN_INVALID'],
    ['a broken cursor', () => query('events?cursor=garbage'), 400, 'INVALID_CURSOR'],
    [
      'from after to',
      () => query('summary?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z'),
      400,
      'INVALID_RANGE',
    ],
    ['an unknown filter', () => query('summary?tennant=acme'), 400, 'UNKNOWN_FILTER'],
    ['an unknown enum', () => query('summary?retryability=maybe'), 400, 'INVALID_PARAMETER'],
    [
      'an event that is not there',
      () => query('events/00000000-0000-4000-8000-000000000000'),
      404,
      'EVENT_NOT_FOUND',
    ],
    ['a route that is not there', () => get('/api/v1/nothing'), 404, 'ROUTE_NOT_FOUND'],
  ])('answers %s', async (_, request, status, code) => {
    expectProblem(await request(), status, code);
  });

  it.each([
    ['a management body that is not JSON', 'POST', 'channels', '{bad', {}, 400, 'MALFORMED_JSON'],
    [
      'a management body that is not gzip',
      'POST',
      'alert-rules',
      '{}',
      { 'content-encoding': 'gzip' },
      400,
      'DECOMPRESSION_FAILED',
    ],
    [
      'a management body too large',
      'POST',
      'alert-rules',
      `"${'x'.repeat(1_500_000)}"`,
      {},
      413,
      'BODY_TOO_LARGE',
    ],
    ['a method that the path does not take', 'PUT', 'events', '{}', {}, 405, 'METHOD_NOT_ALLOWED'],
  ] as Array<[string, string, string, string, Record<string, string>, number, string]>)(
    'answers %s',
    async (_, method, route, body, headers, status, code) => {
      const response = await fetch(`${api.address}/api/v1/projects/${project.projectId}/${route}`, {
        method,
        headers: {
          authorization: `Bearer ${project.apiToken}`,
          'content-type': 'application/json',
          ...headers,
        },
        body,
      });
      expectProblem(
        { status: response.status, headers: response.headers, body: (await response.json()) as Problem },
        status,
        code,
      );
    },
  );

  it('answers a browser before it sends', async () => {
    const response = await fetch(`${api.address}/v1/events`, {
      method: 'OPTIONS',
      headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
    });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    expect(response.headers.get('access-control-allow-headers')).toMatch(/Authorization.*Content-Encoding/);
  });

  it('counts everything that it turned away under its reason', async () => {
    await eventually(
      async () => {
        const rows = await database.query<{ key: string; n: string }>(
          `SELECT outcome || ':' || reason AS key, sum(count) AS n FROM outcome_minute GROUP BY 1`,
        );
        const counted = Object.fromEntries(rows.map((row) => [row.key, Number(row.n)]));
        expect(counted).toMatchObject({
          'invalid:MALFORMED_JSON': 1,
          'invalid:EMPTY_BATCH': 2,
          'invalid:EVENT_TOO_LARGE': 1,
          'invalid:TENANT_REQUIRED': 2,
          'invalid:TIMESTAMP_OUT_OF_WINDOW': 2,
          'rate_limited:key': 2,
        });
        const [stored] = await database.query<{ n: string }>('SELECT count(*) AS n FROM error_event');
        expect(Number(stored!.n)).toBe(counted['accepted:']);
      },
      20_000,
      200,
    );
  });
});
