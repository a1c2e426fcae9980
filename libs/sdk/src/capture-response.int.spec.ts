import { IngestServer, json } from '../test/ingest-server.js';
import type { Answer } from '../test/ingest-server.js';
import { ErrataClient } from './index.js';
import type { InitOptions } from './index.js';

let server: IngestServer;
let client: ErrataClient;

async function connect(options: Partial<InitOptions> = {}, ...script: Answer[]): Promise<ErrataClient> {
  server = await new IngestServer(script).start();
  return (client = new ErrataClient({ dsn: server.dsn, flushInterval: 5, ...options }));
}

afterEach(async () => {
  await client.close(0);
  await server.stop();
});

describe('captureResponse', () => {
  it('reads a clone and leaves the body to the application', async () => {
    const client = await connect();
    const body = '{"success":false,"error":{"code":"SCAN_ALREADY_RUNNING"}}';
    const headers = {
      'x-request-id': 'r1',
      'retry-after': '30',
      'set-cookie': 'a=b',
      'content-type': 'application/json',
    };
    const response = new Response(body, { status: 409, headers });
    const captured = client.captureResponse(response, {
      tenant: 't',
      http: { method: 'POST', route: '/scans' },
    });
    expect(await response.text()).toBe(body);
    const id = await captured;
    await client.flush();
    expect(server.events).toEqual([
      {
        event_id: id,
        timestamp: expect.stringMatching(/Z$/) as string,
        tenant: 't',
        request_id: 'r1',
        http: { method: 'POST', route: '/scans', status: 409, retry_after: '30' },
        response: {
          status: 409,
          headers: { 'x-request-id': 'r1', 'retry-after': '30', 'content-type': 'application/json' },
          body,
        },
      },
    ]);
  });

  it('reads a real fetch, and flush waits for its body', async () => {
    const client = await connect({}, json(404, { error: 'gone' }));
    const url = `http://127.0.0.1:${server.port}/users/42?q=1`;
    void client.captureResponse(await fetch(url, { method: 'POST', body: '{"events":[]}' }));
    expect(client.stats().buffered).toBe(1);
    expect(await client.flush()).toBe(true);
    expect(server.events[0]).toMatchObject({
      http: { route: '/users/:id', status: 404 },
      response: { body: '{"error":"gone"}' },
    });
  });

  it('takes a plain object, parsed body and all', async () => {
    const client = await connect();
    const id = client.captureResponse({
      status: 402,
      headers: { Cookie: 'c' },
      body: { error: 'unpaid', code: null },
    });
    await client.flush();
    expect(server.events).toMatchObject([
      {
        event_id: id,
        http: { status: 402 },
        response: { status: 402, body: { error: 'unpaid', code: null } },
      },
    ]);
    expect(server.events[0]!.response!.headers).toBeUndefined();
  });

  it('reads 64 KiB of a body without end, and waits two seconds at most for one that stalls', async () => {
    const client = await connect();
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('é'.repeat(5_000))),
    });
    const stalled = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('begun')),
    });
    const captured = [endless, stalled].map((body) =>
      client.captureResponse(new Response(body, { status: 500 })),
    );
    await Promise.all(captured);
    await client.flush();
    expect(server.events.map((event) => event.response?.body)).toEqual(['é'.repeat(32_768), 'begun']);
  });

  it('does without a body that was read before', async () => {
    const client = await connect();
    const response = new Response('spent', { status: 500 });
    await response.text();
    await client.captureResponse(response);
    await client.flush();
    expect(server.events[0]!.response).toEqual({
      status: 500,
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
    });
  });

  it('counts bodies that are still being read against the buffer', async () => {
    const client = await connect({ maxBuffer: 1 });
    const bodies = ['one', 'two'].map((text) => new Response(text, { status: 500 }));
    const captured = bodies.map((response) => client.captureResponse(response));
    expect(client.stats()).toMatchObject({ dropped: { buffer_overflow: 1 }, buffered: 1 });
    await Promise.all(captured);
    expect(client.stats()).toMatchObject({ dropped: { buffer_overflow: 1 }, buffered: 1 });
  });

  it('gives up on a body when the client closes', async () => {
    const client = await connect();
    const captured = client.captureResponse(new Response(new ReadableStream(), { status: 500 }));
    const started = performance.now();
    expect(await client.close(50)).toBe(false);
    await captured;
    expect(performance.now() - started).toBeLessThan(1_700);
    expect(client.stats()).toMatchObject({ dropped: { closed: 1 }, buffered: 0 });
  });
});
