import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { DigestJob } from '@errata/contracts';
import { createMemoryRateLimiter } from '@errata/platform';
import type { Env } from '@errata/platform';
import { Counter, Registry } from 'prom-client';
import type { IngestKey } from '../auth/key-cache.js';
import type { AuthorizedRequest } from '../auth/policy.js';
import { createCoalescer } from './coalescer.js';
import type { Coalescer } from './coalescer.js';
import { IngestController } from './ingest.controller.js';
import { IngestService } from './ingest.service.js';

const NOW = Date.parse('2026-11-22T10:00:00Z');
const KEY = {
  keyId: 1,
  projectId: 7,
  multiTenant: false,
  retentionDays: 30,
  ratePerSecond: 10,
  burst: 10,
} as unknown as IngestKey;
const ENV = { MAX_BATCH_EVENTS: 3, MAX_EVENT_BYTES: 10_000, MAX_BODY_BYTES: 4_000_000 } as Env;
const good = { error: { code: 'X' } };

describe('what ingest refuses', () => {
  let jobs: DigestJob[];
  let coalescer: Coalescer;
  let service: IngestService;
  let controller: IngestController;
  beforeEach(() => {
    const clock = { now: () => NOW };
    jobs = [];
    coalescer = createCoalescer({
      enqueue: async (job) => void jobs.push(job),
      clock,
      maxWaitMs: 0,
      maxEvents: 100,
      maxInFlight: 100,
    });
    const outcomes = new Counter({
      name: 'events',
      help: 'events',
      labelNames: ['outcome', 'reason'] as const,
      registers: [new Registry()],
    });
    service = new IngestService(ENV, clock, coalescer, createMemoryRateLimiter({ clock }), { outcomes });
    controller = new IngestController(service, ENV);
  });

  const take = (body: unknown) => service.take(KEY, Buffer.from(JSON.stringify(body)), undefined, 'r');
  const counted = async () => {
    await coalescer.drain();
    return jobs.flatMap((job) => job.parts.flatMap(({ projectId, rejected }) => [projectId, ...rejected]));
  };

  it.each([
    ['too large', 'BODY_TOO_LARGE', Buffer.alloc(4_000_001), undefined],
    ['a bomb', 'BODY_TOO_LARGE', gzipSync(Buffer.alloc(8_000_000)), 'gzip'],
    ['damaged', 'DECOMPRESSION_FAILED', Buffer.from('no such stream'), 'gzip'],
    ['in an unknown encoding', 'UNSUPPORTED_ENCODING', Buffer.from('x'), 'compress'],
  ])('counts a body that is %s', async (_, code, body, encoding) => {
    const headers = encoding === undefined ? {} : { 'content-encoding': encoding };
    const request = { ingestKey: KEY, headers, id: 'r' } as AuthorizedRequest;
    await expect(controller.events(request, Readable.from([body]))).rejects.toMatchObject({ code });
    expect(await counted()).toEqual([7, { outcome: 'invalid', reason: code, count: 1 }]);
  });

  it('counts each of too many events', async () => {
    await expect(take([good, good, good, good])).rejects.toMatchObject({ code: 'TOO_MANY_EVENTS' });
    expect(await counted()).toEqual([7, { outcome: 'invalid', reason: 'TOO_MANY_EVENTS', count: 4 }]);
  });

  it('refuses an event by its raw size, before it is repaired and scrubbed', async () => {
    // Its other fault would be found first by anything that looked inside.
    const large = { ...good, http: { status: 42 }, attributes: { x: 'y'.repeat(20_000) } };
    const answer = await take([good, large]);
    expect(answer).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: 'EVENT_TOO_LARGE' }] });
    expect(await counted()).toEqual([7, { outcome: 'invalid', reason: 'EVENT_TOO_LARGE', count: 1 }]);
  });

  it('tells the coalescer how much memory a request holds', async () => {
    const body = [good, { ...good, attributes: { x: 'y'.repeat(5_000) } }];
    const sizes: number[] = [];
    const add = coalescer.add.bind(coalescer);
    coalescer.add = (...parameters) => {
      sizes.push(parameters[4]);
      return add(...parameters);
    };
    await take(body);
    expect(sizes).toEqual([JSON.stringify(body).length]);
  });
});
