import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { init } from '@errata/sdk';
import {
  createTestDatabase,
  createTestProject,
  eventually,
  queueBackends,
  startProcess,
} from '@errata/testing';
import type { TestDatabase, TestProcess, TestProject } from '@errata/testing';
import { Webhook } from 'standardwebhooks';

interface Delivery {
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

/** A burst through the SDK, the page it causes, and the resolve: the product's main job on real processes. */
describe.each(queueBackends())('from the SDK to the page, queue on $name', (backend) => {
  let database: TestDatabase;
  let project: TestProject;
  let api: TestProcess;
  let worker: TestProcess;
  let receiver: Server;
  const deliveries: Delivery[] = [];

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        deliveries.push({ headers: request.headers, body, at: Date.now() });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    database = await createTestDatabase();
    project = await createTestProject(database.url);
    const env = { ...backend.env(database.url), EVALUATE_TICK_SECONDS: '1' };
    [api, worker] = await Promise.all([startProcess('api', env), startProcess('worker', env)]);
    deliveries.length = 0;
  });
  afterAll(async () => {
    await Promise.all([api.stop(), worker.stop()]);
    await new Promise((resolve) => receiver.close(resolve));
    await database.drop();
  });

  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${api.address}/api/v1/projects/${project.projectId}${path}`, {
      method,
      headers: { authorization: `Bearer ${project.apiToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };

  it('sends one signed page that says what to do, and one resolve', async () => {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const channel = await call<{ id: string; secret: string }>('POST', '/channels', {
      kind: 'webhook',
      name: 'on-call',
      config: { url },
    });
    const { data: rules } = await call<{ data: Array<{ id: string; kind: string }> }>('GET', '/alert-rules');
    const never = rules.find((rule) => rule.kind === 'never')!;
    await call('PATCH', `/alert-rules/${never.id}`, {
      params: { window_seconds: 5 },
      resolve_after_seconds: 2,
    });

    const client = init({
      dsn: `http://${project.ingestKey}@${new URL(api.address).host}/${project.projectId}`,
      flushInterval: 20,
    });
    const started = Date.now();
    for (let i = 0; i < 12; i++) {
      client.captureError(new Error("another tenant's scan was asked for"), {
        code: 'TENANT_ACCESS_DENIED',
        tenant: 'acme',
        http: { method: 'GET', route: '/scans/:id', status: 403 },
      });
    }
    expect(await client.close(5_000)).toBe(true);
    expect(client.stats()).toMatchObject({ accepted: 12, rejected: 0 });

    await eventually(() => expect(deliveries).toHaveLength(1), 15_000, 20);
    const page = deliveries[0]!;
    process.stdout.write(`event to page, ${backend.name}: ${page.at - started} ms\n`);
    const verified = new Webhook(channel.secret).verify(page.body, page.headers as Record<string, string>);
    expect(verified).toMatchObject({
      type: 'incident.firing',
      data: {
        code: 'TENANT_ACCESS_DENIED',
        tenant: 'acme',
        documented: {
          catalog: 'Aether365 API',
          meaning: expect.stringMatching(/.{20}/),
          resolution: expect.stringMatching(/.{10}/),
        },
        retryability: 'permanent',
      },
    });
    const { data } = JSON.parse(page.body) as { data: { count: number; summary: string } };
    expect(data.count).toBeGreaterThan(0);
    expect(data.count).toBeLessThanOrEqual(12);
    expect(data.summary).toContain('TENANT_ACCESS_DENIED');

    await eventually(() => expect(deliveries).toHaveLength(2), 40_000, 100);
    const resolve = JSON.parse(deliveries[1]!.body) as { type: string; data: { incident: { id: string } } };
    expect(resolve.type).toBe('incident.resolved');
    expect(resolve.data.incident.id).toBe((JSON.parse(page.body) as typeof resolve).data.incident.id);
    // Nothing else comes after the resolve.
    await new Promise((resolve_) => setTimeout(resolve_, 2_500));
    expect(deliveries).toHaveLength(2);
    const log = await call<{ data: Array<{ state: string }> }>('GET', '/incidents?state=resolved');
    expect(log.data).toHaveLength(1);
  }, 90_000);
});
