import { getEventListeners } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { IngestServer, KEY, accept, json, until } from '../test/ingest-server.js';
import type { Answer } from '../test/ingest-server.js';
import { encode } from './encode.js';
import type { Drop, InitOptions } from './index.js';
import { ErrataClient } from './index.js';
import { createTransport } from './transport.js';

const hang: Answer = () => undefined;
const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let server: IngestServer;
const clients: ErrataClient[] = [];

async function serve(...script: Answer[]): Promise<IngestServer> {
  server = await new IngestServer(script).start();
  return server;
}

function connect(options: Partial<InitOptions> = {}): ErrataClient {
  const dsn = options.dsn ?? server.dsn;
  const client = new ErrataClient({ dsn, flushInterval: 5, maxRetryDelay: 20, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close(0)));
  await server.stop();
});

/** Captures the codes C0, C1, … and returns their ids. */
function captureCodes(client: ErrataClient, count: number): string[] {
  return Array.from({ length: count }, (_, index) => client.captureEvent({ error: { code: `C${index}` } }));
}

describe('delivery', () => {
  it('posts events with identity, time and defaults under the key of the DSN', async () => {
    await serve();
    const dsn = server.dsn.replace('/42', '/errata/42');
    let tenant: string | undefined = 'acme';
    const client = connect({ dsn, environment: 'prod', service: 'api', release: '1', tenant: () => tenant });
    const before = Date.now();
    const id = client.captureError(Object.assign(new Error('no'), { code: 'TENANT_ACCESS_DENIED' }));
    tenant = undefined;
    client.captureError('plain', { tenant: 'other', environment: 'test' });
    expect(await client.flush(2_000)).toBe(true);

    const [request] = server.received;
    expect(request).toMatchObject({
      path: '/errata/v1/events',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    });
    const [first, second] = server.events;
    expect(first).toMatchObject({
      event_id: id,
      environment: 'prod',
      service: 'api',
      release: '1',
      tenant: 'acme',
      error: { code: 'TENANT_ACCESS_DENIED', message: 'no', type: 'Error' },
    });
    expect(id).toMatch(V7);
    expect(new Date(first!.timestamp).toISOString()).toBe(first!.timestamp);
    expect(Date.parse(first!.timestamp)).toBeGreaterThanOrEqual(before);
    expect(second).toMatchObject({ tenant: 'other', environment: 'test', service: 'api' });
    expect(client.stats()).toMatchObject({ accepted: 2, rejected: 0, buffered: 0 });
  });

  it('gathers events of an interval, and sends a full batch at once', async () => {
    await serve();
    const client = connect({ flushInterval: 500, maxBatch: 3 });
    captureCodes(client, 2);
    const started = performance.now();
    await until(() => server.received.length === 1);
    expect(server.received[0]!.at - started).toBeGreaterThan(400);
    expect(server.events).toHaveLength(2);

    const patient = connect({ flushInterval: 60_000, maxBatch: 3 });
    captureCodes(patient, 3);
    await until(() => server.received.length === 2);
    expect(server.events).toHaveLength(5);
  });

  it('has one batch in flight at a time, in the order of capture', async () => {
    const slow: Answer = (request, response) => setTimeout(() => accept(request, response), 20);
    await serve(slow, slow, slow, slow, slow);
    const client = connect({ maxBatch: 4 });
    const ids = captureCodes(client, 18);
    await Promise.all([client.flush(), client.flush(), client.flush()]);
    expect(server.mostOpen).toBe(1);
    expect(server.received.map((request) => request.events.length)).toEqual([4, 4, 4, 4, 2]);
    expect(server.events.map((event) => event.event_id)).toEqual(ids);
  });

  it('gzips what is above 1 KiB and leaves smaller bodies and gzip: false alone', async () => {
    await serve();
    const client = connect();
    client.captureError('small');
    await client.flush();
    client.captureError('large '.repeat(1_000));
    await client.flush();
    const plain = connect({ gzip: false });
    plain.captureError('large '.repeat(1_000));
    await plain.flush();
    const encodings = server.received.map((request) => request.headers['content-encoding']);
    expect(encodings).toEqual([undefined, 'gzip', undefined]);
    expect(server.received[1]!.bytes.length).toBeLessThan(1_000);
    expect(server.events[1]!.error!.message).toBe('large '.repeat(1_000));
  });

  it('counts partial rejects and says why', async () => {
    const drops: Drop[] = [];
    const rejected = [{ index: 1, code: 'TENANT_REQUIRED', message: 'name a tenant', field: 'tenant' }];
    await serve(json(202, { accepted: 2, rejected, request_id: 'r' }));
    const client = connect({ onDrop: (drop) => drops.push(drop) });
    captureCodes(client, 3);
    expect(await client.flush()).toBe(true);
    expect(client.stats()).toMatchObject({ accepted: 2, rejected: 1, buffered: 0 });
    expect(drops).toEqual([
      { reason: 'rejected', count: 1, detail: '202 TENANT_REQUIRED tenant name a tenant' },
    ]);
    expect(server.received).toHaveLength(1);
  });
});

describe('retries', () => {
  // An hour ahead of the client: only the server's own Date can tell what its date means.
  const hourAhead = Date.now() + 3_600_000;
  const utc = (at: number) => new Date(at).toUTCString();

  it.each([
    ['seconds', { 'retry-after': '1' }],
    ['a date', { 'retry-after': utc(hourAhead + 1_000), date: utc(hourAhead) }],
  ])('waits at least the Retry-After in %s, past its own cap', async (_, headers) => {
    await serve(json(429, {}, headers));
    const client = connect({ maxRetryDelay: 5 });
    captureCodes(client, 2);
    expect(await client.flush(15_000)).toBe(true);
    const [first, second] = server.received;
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(1_000);
    expect(second!.at - first!.at).toBeLessThan(10_000);
    expect(client.stats().accepted).toBe(2);
  });

  it('resends the same bytes after 503, 500, 408, an answer that is none, and a cut connection', async () => {
    const cut: Answer = (_, response) => response.destroy();
    const page: Answer = (_, response) => response.end('<html>welcome</html>');
    await serve(json(503, {}), json(500, {}), json(408, {}), page, cut);
    const client = connect();
    captureCodes(client, 2);
    await until(() => server.received.length === 1);
    client.captureError('came later');
    expect(await client.flush(5_000)).toBe(true);
    const [first, ...others] = server.received;
    expect(others).toHaveLength(6);
    for (const again of others.slice(0, 5)) expect(again.bytes.equals(first!.bytes)).toBe(true);
    expect(others[5]!.events).toHaveLength(1);
    expect(client.stats()).toMatchObject({ accepted: 3, buffered: 0 });
  });

  it('backs off longer and longer', async () => {
    await serve(...Array.from({ length: 4 }, () => json(503, {})));
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.1);
    try {
      const client = connect({ maxRetryDelay: 30_000 });
      captureCodes(client, 1);
      await client.flush(10_000);
    } finally {
      random.mockRestore();
    }
    const times = server.received.map((request) => request.at);
    const gaps = times.slice(1).map((at, index) => at - times[index]!);
    [50, 100, 200, 400].forEach((delay, index) => expect(gaps[index]).toBeGreaterThanOrEqual(delay));
    // Without jitter it would take 7.5 s.
    expect(times.at(-1)! - times[0]!).toBeLessThan(5_000);
  });

  it('gives up on a server that hangs after the timeout, and tries again', async () => {
    const halfway: Answer = (_, response) => void response.writeHead(202).write('{"accepted":');
    await serve(hang, halfway);
    const client = connect({ timeout: 60 });
    captureCodes(client, 1);
    expect(await client.flush(5_000)).toBe(true);
    expect(server.received).toHaveLength(3);
    expect(server.received[1]!.at - server.received[0]!.at).toBeGreaterThan(25);
    expect(client.stats().accepted).toBe(1);
  });

  it('leaves no listener behind on the signal of a request', async () => {
    await serve(json(503, {}));
    const { signal } = new AbortController();
    const transport = createTransport({
      endpoint: `http://127.0.0.1:${server.port}`,
      key: KEY,
      fetch,
      timeout: 1_000,
    });
    const { body } = await encode('{"events":[]}', false);
    expect((await transport({ body }, signal)).kind).toBe('retry');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('waits for a server that is not up yet', async () => {
    const probe = createServer();
    const port = await new Promise<number>((resolve) => {
      probe.listen(0, '127.0.0.1', () => resolve((probe.address() as AddressInfo).port));
    });
    await new Promise((resolve) => probe.close(resolve));
    server = new IngestServer();
    const client = connect({ dsn: `http://${KEY}@127.0.0.1:${port}/42` });
    captureCodes(client, 2);
    expect(await client.flush(100)).toBe(false);
    expect(client.stats()).toMatchObject({ accepted: 0, buffered: 2 });
    await server.start(port);
    expect(await client.flush(5_000)).toBe(true);
    expect(client.stats()).toMatchObject({ accepted: 2, buffered: 0 });
  });
});

describe('refusals', () => {
  it('halves a batch that is too large until it passes', async () => {
    const small: Answer = (request, response) =>
      request.events.length > 2 ? json(413, {})(request, response) : accept(request, response);
    await serve(...Array.from({ length: 20 }, () => small));
    const client = connect();
    const ids = captureCodes(client, 7);
    expect(await client.flush()).toBe(true);
    expect(server.received.map((request) => request.events.length)).toEqual([7, 3, 1, 2, 4, 2, 2]);
    const taken = server.received.filter((request) => request.events.length <= 2).flatMap((r) => r.events);
    expect(taken.map((event) => event.event_id)).toEqual(ids);
    expect(client.stats().accepted).toBe(7);
  });

  it('drops the one event that is too large by itself, and only that', async () => {
    const picky: Answer = (request, response) =>
      request.events.some((event) => event.error?.code === 'C2')
        ? json(413, {})(request, response)
        : accept(request, response);
    await serve(...Array.from({ length: 20 }, () => picky));
    const client = connect();
    captureCodes(client, 5);
    expect(await client.flush()).toBe(true);
    expect(client.stats()).toMatchObject({ accepted: 4, dropped: { too_large: 1 }, buffered: 0 });
  });

  it.each([400, 415, 422])('drops a batch answered with %d, and goes on', async (status) => {
    const drops: Drop[] = [];
    await serve(json(status, { code: 'EMPTY_BATCH', detail: 'nothing usable' }));
    const client = connect({ onDrop: (drop) => drops.push(drop) });
    captureCodes(client, 2);
    await client.flush();
    captureCodes(client, 1);
    await client.flush();
    expect(client.stats()).toMatchObject({ accepted: 1, dropped: { invalid: 2 }, buffered: 0 });
    expect(drops).toEqual([{ reason: 'invalid', count: 2, detail: `${status} EMPTY_BATCH nothing usable` }]);
  });

  it.each([401, 403, 404])('on %d lets all go and leaves the server alone for a while', async (status) => {
    await serve(json(status, { code: 'KEY_INVALID' }));
    const client = connect({ maxBatch: 2, maxRetryDelay: 1_500 });
    captureCodes(client, 5);
    await client.flush();
    captureCodes(client, 3);
    await client.flush();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.received).toHaveLength(1);
    expect(client.stats()).toMatchObject({ accepted: 0, dropped: { unauthorized: 8 }, buffered: 0 });

    await new Promise((resolve) => setTimeout(resolve, 1_450));
    captureCodes(client, 1);
    await client.flush();
    expect(client.stats().accepted).toBe(1);
  });
});

describe('a refused key in the middle of a split', () => {
  it('starts afresh with whole batches', async () => {
    await serve(json(413, {}), json(401, {}));
    const client = connect({ maxRetryDelay: 50 });
    captureCodes(client, 4);
    await client.flush();
    await new Promise((resolve) => setTimeout(resolve, 60));
    captureCodes(client, 4);
    await client.flush();
    expect(server.received.map((request) => request.events.length)).toEqual([4, 2, 4]);
  });
});

describe('conservation', () => {
  it('captured = accepted + rejected + dropped + buffered, whatever the server answers', async () => {
    const answers: Answer[] = [
      accept,
      json(202, { accepted: 1, rejected: [{ index: 0, code: 'X', message: 'x', field: 'y' }] }),
      json(202, { accepted: 99, rejected: [] }),
      json(400, {}),
      json(401, {}),
      json(413, {}),
      json(429, {}),
      json(503, {}),
      (_, response) => response.destroy(),
    ];
    await serve(
      ...Array.from({ length: 400 }, (_, index) => answers[(index * 7 + (index >> 3)) % answers.length]!),
    );
    const client = connect({ maxBuffer: 40, maxBatch: 7, flushInterval: 1, maxRetryDelay: 2 });
    for (let captured = 0; captured < 600;) {
      captureCodes(client, 20);
      captured += 20;
      await new Promise((resolve) => setTimeout(resolve, 3));
      const { accepted, rejected, dropped, buffered } = client.stats();
      const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
      expect(accepted + rejected + lost + buffered).toBe(captured);
    }
    expect(await client.flush(5_000)).toBe(true);
    expect(client.stats()).toMatchObject({ buffered: 0 });
    expect(client.stats().accepted).toBeGreaterThan(0);
  });
});
