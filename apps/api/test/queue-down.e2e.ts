import {
  createTestDatabase,
  createTestProject,
  eventually,
  queueBackends,
  startFaultProxy,
  startProcess,
} from '@errata/testing';
import type { FaultProxy, ProxyMode, TestDatabase, TestProcess, TestProject } from '@errata/testing';

/** The queue is away: a request gets its 503 in time, and nothing of it is half accepted. */
describe.each(queueBackends())('the queue goes away, on $name', (backend) => {
  let database: TestDatabase;
  let project: TestProject;
  let proxy: FaultProxy;
  let api: TestProcess;
  let worker: TestProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    project = await createTestProject(database.url);
    const env = backend.env(database.url);
    proxy = await startFaultProxy(env.REDIS_URL ?? database.url);
    const proxied =
      env.REDIS_URL === undefined ? { ...env, DATABASE_URL: proxy.url } : { ...env, REDIS_URL: proxy.url };
    [api, worker] = await Promise.all([
      startProcess('api', { ...proxied, QUEUE_TIMEOUT_MS: '1000' }),
      startProcess('worker', env),
    ]);
  });
  afterAll(async () => {
    await Promise.all([api.stop(), worker.stop()]);
    await proxy.close();
    await database.drop();
  });

  const post = (n: number) =>
    fetch(`${api.address}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${project.ingestKey}` },
      body: JSON.stringify({
        event_id: `${n}`.padStart(32, 'f'),
        timestamp: new Date().toISOString(),
        error: { code: 'X' },
      }),
    });
  const stored = async () =>
    Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM error_event'))[0]!.n);

  it.each<[ProxyMode, number]>([
    ['cut', 1],
    ['blackhole', 2],
  ])(
    '%s: 503 with Retry-After, and all is well again by itself',
    async (mode, n) => {
      expect((await post(n * 10)).status).toBe(202);
      await eventually(async () => expect(await stored()).toBe(n * 2 - 1), 20_000);
      proxy.set(mode);
      const refused = await post(n * 10 + 1);
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await refused.json()).toMatchObject({
        retryable: true,
        code: expect.stringMatching(/^(QUEUE_UNAVAILABLE|NOT_READY)$/),
      });
      const readiness = await fetch(`${api.address}/readyz`);
      expect(readiness.status).toBe(503);
      expect((await fetch(`${api.address}/healthz`)).status).toBe(200);
      proxy.set('pass');
      // A connection that lost bytes in the black hole is of no use any more.
      if (mode === 'blackhole') {
        proxy.set('cut');
        proxy.set('pass');
      }
      await eventually(async () => expect((await post(n * 10 + 1)).status).toBe(202), 30_000, 250);
      await eventually(async () => expect(await stored()).toBe(n * 2), 20_000);
    },
    90_000,
  );
});
