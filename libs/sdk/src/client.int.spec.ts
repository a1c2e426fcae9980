import { IngestServer, accept, json, until } from '../test/ingest-server.js';
import type { Answer } from '../test/ingest-server.js';
import * as sdk from './index.js';
import type { Drop, InitOptions } from './index.js';

const hang: Answer = () => undefined;
const clients: sdk.ErrataClient[] = [];
let server: IngestServer;

async function connect(options: Partial<InitOptions> = {}, ...script: Answer[]): Promise<sdk.ErrataClient> {
  server = await new IngestServer(script).start();
  const client = new sdk.ErrataClient({ dsn: server.dsn, flushInterval: 5, maxRetryDelay: 20, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close(0)));
  await server?.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('the buffer', () => {
  it('keeps the oldest, drops the newest and counts them', async () => {
    const drops: Drop[] = [];
    const client = await connect({ maxBuffer: 3, flushInterval: 10_000, onDrop: (drop) => drops.push(drop) });
    for (const code of ['A', 'B', 'C', 'D', 'E']) client.captureEvent({ error: { code } });
    expect(client.stats()).toMatchObject({ dropped: { buffer_overflow: 2 }, buffered: 3 });
    expect(drops).toEqual(Array.from({ length: 2 }, () => ({ reason: 'buffer_overflow', count: 1 })));
    await client.flush();
    expect(server.events.map((event) => event.error?.code)).toEqual(['A', 'B', 'C']);
    expect(client.stats()).toMatchObject({ accepted: 3, buffered: 0 });
  });
});

describe('close', () => {
  it('sends what is left, then refuses and counts', async () => {
    const client = await connect({ flushInterval: 10_000 });
    client.captureError('before');
    const closing = client.close(2_000);
    client.captureError('during');
    expect(await closing).toBe(true);
    client.captureError('after');
    await client.captureResponse(new Response('x', { status: 500 }));
    expect(await client.flush(100)).toBe(true);
    expect(await client.close()).toBe(true);
    expect(server.events.map((event) => event.error?.message)).toEqual(['before']);
    expect(client.stats()).toMatchObject({ accepted: 1, dropped: { closed: 3 }, buffered: 0 });
  });

  it('drops and counts what the time does not suffice for', async () => {
    const client = await connect({}, hang);
    client.captureError('stuck');
    await until(() => server.received.length === 1);
    const started = performance.now();
    expect(await client.close(80)).toBe(false);
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(client.stats()).toMatchObject({ accepted: 0, dropped: { closed: 1 }, buffered: 0 });
    await pause(60);
    expect(server.received).toHaveLength(1);
  });
});

describe('signals', () => {
  it.each([
    ['a send in flight', hang],
    ['a wait', json(503, {}, { 'retry-after': '3600' })],
  ])('the one of init cancels %s and ends the client', async (_, answer) => {
    const controller = new AbortController();
    const client = await connect({ signal: controller.signal }, answer);
    client.captureError('one');
    await until(() => server.received.length === 1);
    const flushed = client.flush(5_000);
    const started = performance.now();
    controller.abort();
    await flushed;
    expect(performance.now() - started).toBeLessThan(3_000);
    client.captureError('two');
    expect(client.stats()).toMatchObject({ accepted: 0, dropped: { aborted: 2 }, buffered: 0 });
    await pause(50);
    expect(server.received).toHaveLength(1);
  });

  it('an aborted one ends the client before it starts', async () => {
    const client = await connect({ signal: AbortSignal.abort() });
    client.captureError('one');
    expect(await client.close()).toBe(true);
    expect(client.stats().dropped.aborted).toBe(1);
    expect(server.received).toHaveLength(0);
  });

  it('the one of flush ends that wait only', async () => {
    const slow: Answer = (request, response) => setTimeout(() => accept(request, response), 100);
    const client = await connect({}, slow);
    client.captureError('one');
    const controller = new AbortController();
    const flushed = client.flush(5_000, { signal: controller.signal });
    controller.abort();
    expect(await flushed).toBe(false);
    expect(await client.flush(5_000, { signal: AbortSignal.abort() })).toBe(false);
    await until(() => client.stats().accepted === 1);
    expect(server.received).toHaveLength(1);
  });
});

describe('hooks', () => {
  it('beforeSend may change and drop, but not the identity', async () => {
    const client = await connect({
      beforeSend: (event) => {
        if (event.error?.message === 'noise') return null;
        if (event.error?.message === 'broken') throw new Error('hook');
        return { ...event, user: 'changed', event_id: 'x', timestamp: 'y' };
      },
    });
    for (const message of ['noise', 'broken']) client.captureError(message);
    const id = client.captureError('kept');
    await client.flush();
    expect(server.events).toMatchObject([{ event_id: id, user: 'changed', error: { message: 'kept' } }]);
    expect(Number.isNaN(Date.parse(server.events[0]!.timestamp))).toBe(false);
    expect(client.stats().dropped.before_send).toBe(2);
  });

  it('what they throw or capture stays out of the application', async () => {
    const client: sdk.ErrataClient = await connect({
      maxBuffer: 1,
      flushInterval: 10_000,
      tenant: () => {
        throw new Error('no tenant');
      },
      onDrop: () => {
        client.captureError('about a loss');
        throw new Error('hook');
      },
    });
    expect(() => [1, 2].map((n) => client.captureError(n))).not.toThrow();
    expect(client.stats()).toMatchObject({ dropped: { buffer_overflow: 2 }, buffered: 1 });
  });

  it('debug tells on the console what is lost and why, and silence is the default', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    try {
      const client = await connect({ debug: true }, json(400, { code: 'EMPTY_BATCH' }));
      client.captureError('x');
      await client.flush();
      expect(warn.mock.calls).toEqual([['[errata] 1 lost: invalid 400 EMPTY_BATCH']]);
      const quiet = new sdk.ErrataClient({ dsn: server.dsn, signal: AbortSignal.abort() });
      quiet.captureError('x');
      expect(warn).toHaveBeenCalledTimes(1);
    } finally {
      warn.mockRestore();
    }
  });
});

describe('captures', () => {
  it('never throw, whatever they are given', async () => {
    const client = await connect();
    const hostile = new Proxy(
      {},
      { get: () => JSON.parse('{') as unknown, ownKeys: () => JSON.parse('{') as [] },
    );
    for (const value of [null, undefined, hostile, Object.create(null), 1n]) {
      expect(() => client.captureError(value)).not.toThrow();
      expect(() => client.captureError('x', value as never)).not.toThrow();
      expect(() => client.captureResponse(value as never)).not.toThrow();
      expect(() => client.captureEvent(value as never)).not.toThrow();
    }
    await client.flush();
    const { accepted, dropped, buffered } = client.stats();
    expect([accepted + dropped.internal, buffered]).toEqual([20, 0]);
  });

  it('keep the id and time of an event that has them', async () => {
    const client = await connect();
    const own = { event_id: '0189f7ea-ae0c-7d7f-8d2b-8d2f3c1a9b11', timestamp: '2026-01-01T00:00:00.000Z' };
    expect(client.captureEvent(own)).toBe(own.event_id);
    await client.flush();
    expect(server.events).toEqual([own]);
  });
});

describe('timers', () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

  it('keep a process alive only while the application waits for a flush', async () => {
    const client = await connect({}, json(503, {}, { 'retry-after': '60' }));
    const before = timers();
    client.captureError('x');
    expect(timers()).toBe(before);
    await until(() => server.received.length === 1);
    await pause(20);
    const waiting = timers();
    const flushed = client.flush(30);
    expect(timers()).toBe(waiting + 1);
    expect(await flushed).toBe(false);
    expect(timers()).toBe(waiting);
  });
});

describe('the default client', () => {
  it('does nothing before init, and is the last one made', async () => {
    await jest.isolateModulesAsync(async () => {
      const fresh = await import('./index.js');
      expect(fresh.captureError(new Error('x'))).toBe('');
      expect(await fresh.captureResponse({ status: 500 })).toBe('');
      expect([await fresh.flush(), await fresh.close()]).toEqual([true, true]);

      server = await new IngestServer().start();
      const client = fresh.init({ dsn: server.dsn });
      const ids = [fresh.captureError('a'), await fresh.captureResponse({ status: 500 })];
      expect(await fresh.flush()).toBe(true);
      expect(server.events.map((event) => event.event_id)).toEqual(ids);
      expect(await fresh.close()).toBe(true);
      expect(client.stats()).toMatchObject({ accepted: 2, buffered: 0 });
    });
  });

  it('refuses a bad DSN with a typed error', () => {
    expect(() => sdk.init({ dsn: 'https://example.com' })).toThrow(sdk.InvalidDsnError);
  });
});
