import type { DigestJob } from '@errata/contracts';
import { createCoalescer } from './coalescer.js';
import type { Coalescer } from './coalescer.js';

const NOW = 1_760_000_000_000;
const event = (n: number) => ({
  eventId: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  occurredAt: NOW,
});

describe('createCoalescer', () => {
  let jobs: DigestJob[];
  let fail: boolean;
  let coalescer: Coalescer;
  const make = (more: Partial<Parameters<typeof createCoalescer>[0]> = {}) =>
    createCoalescer({
      enqueue: async (job) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (fail) throw new Error('queue away');
        jobs.push(job);
      },
      clock: { now: () => NOW },
      maxWaitMs: 10,
      maxEvents: 100,
      maxInFlight: 1_000,
      ...more,
    });
  beforeEach(() => {
    jobs = [];
    fail = false;
    coalescer = make();
  });

  it('puts requests of the same moment into one job, by project', async () => {
    await Promise.all([
      coalescer.add(1, NOW, [event(1)], [], 100),
      coalescer.add(2, NOW, [event(2)], [], 100),
      coalescer.add(1, NOW, [event(3)], [{ outcome: 'invalid', reason: 'A', count: 1 }], 100),
    ]);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]!.parts.map((part) => [part.projectId, part.events.length])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(jobs[0]!.parts[0]!.rejected).toEqual([{ outcome: 'invalid', reason: 'A', count: 1 }]);
  });

  it('answers only after the job is queued', async () => {
    let answered = false;
    const added = coalescer.add(1, NOW, [event(1)], [], 100).then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 11));
    expect(answered && jobs.length === 0).toBe(false);
    await added;
    expect(jobs).toHaveLength(1);
  });

  it('queues at once when the batch is full', async () => {
    const full = make({ maxWaitMs: 60_000, maxEvents: 3 });
    await full.add(1, NOW, [event(1), event(2), event(3)], [], 100);
    expect(jobs).toHaveLength(1);
  });

  it('fails every request of a batch that the queue did not take', async () => {
    fail = true;
    const results = await Promise.allSettled([
      coalescer.add(1, NOW, [event(1)], [], 100),
      coalescer.add(1, NOW, [event(2)], [], 100),
    ]);
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'QUEUE_UNAVAILABLE', options: { retryAfter: expect.any(Number) } },
      });
    }
  });

  it('still owes what it only counted when the queue comes back', async () => {
    fail = true;
    coalescer.count(1, NOW, [{ outcome: 'rate_limited', reason: 'key', count: 7 }]);
    await coalescer.drain();
    fail = false;
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await coalescer.drain();
    expect(jobs.map((job) => job.parts[0]!.rejected)).toEqual([
      [{ outcome: 'rate_limited', reason: 'key', count: 7 }],
    ]);
  });

  it('keeps what it owes merged, however often it counts while the queue is away', async () => {
    fail = true;
    const sizes: number[] = [];
    const away = make({
      maxWaitMs: 0,
      enqueue: async (job) => {
        sizes.push(job.parts.flatMap((part) => part.rejected).length);
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (fail) throw new Error('queue away');
        jobs.push(job);
      },
    });
    for (let i = 0; i < 50; i++) {
      for (const reason of ['A', 'B']) away.count(1, NOW + i, [{ outcome: 'invalid', reason, count: 2 }]);
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await away.drain();
    expect(sizes.length).toBeLessThan(5);
    expect(Math.max(...sizes)).toBe(2);
    fail = false;
    await away.drain();
    expect(jobs.flatMap((job) => job.parts.flatMap((part) => part.rejected))).toEqual([
      { outcome: 'invalid', reason: 'A', count: 100 },
      { outcome: 'invalid', reason: 'B', count: 100 },
    ]);
  });

  it('keeps counts under their own minute, with one part a project in each batch', async () => {
    for (const minute of [0, 1, 1, 2])
      coalescer.count(1, NOW + minute * 60_000, [{ outcome: 'invalid', reason: 'A', count: 1 }]);
    await coalescer.drain();
    expect(jobs.map((job) => job.parts.map((part) => [part.receivedAt, part.rejected[0]!.count]))).toEqual([
      [[NOW, 1]],
      [[NOW + 60_000, 2]],
      [[NOW + 120_000, 1]],
    ]);
  });

  it('pays an old minute although the project has a part of the current one in every batch', async () => {
    const asked: DigestJob[] = [];
    const busy = make({
      enqueue: async (job) => {
        asked.push(job);
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    busy.count(1, NOW - 60_000, [{ outcome: 'invalid', reason: 'A', count: 1 }]);
    await busy.add(1, NOW, [event(1)], [], 100);
    expect(asked.map((job) => job.parts.map((part) => [part.receivedAt, part.rejected.length]))).toEqual([
      [[NOW, 0]],
      [[NOW - 60_000, 1]],
    ]);
  });

  it('does not owe the counts of a request that is told to come again', async () => {
    fail = true;
    const counts = [{ outcome: 'invalid' as const, reason: 'A', count: 1 }];
    await expect(coalescer.add(1, NOW, [event(1)], counts, 100)).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
    fail = false;
    await coalescer.drain();
    expect(jobs).toEqual([]);
  });

  it('bounds the bytes that wait, but takes a single large request', async () => {
    const small = make({ maxBytesInFlight: 1_000 });
    const first = small.add(1, NOW, [event(1)], [], 5_000);
    await expect(small.add(1, NOW, [event(2)], [], 1)).rejects.toMatchObject({ code: 'OVERLOADED' });
    await first;
    await Promise.all([small.add(1, NOW, [event(3)], [], 500), small.add(1, NOW, [event(4)], [], 500)]);
    expect(jobs).toHaveLength(2);
  });

  it('queues at once when the batch is heavy', async () => {
    const heavy = make({ maxWaitMs: 60_000 });
    const light = heavy.add(1, NOW, [event(1)], [], 1024 * 1024);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(jobs).toHaveLength(0);
    await Promise.all([light, heavy.add(1, NOW, [event(2)], [], 1024 * 1024)]);
    expect(jobs).toHaveLength(1);
  });

  it('refuses what would not fit into memory while the queue is stuck', async () => {
    const small = make({ maxInFlight: 2 });
    const first = small.add(1, NOW, [event(1), event(2)], [], 100);
    await expect(small.add(1, NOW, [event(3)], [], 100)).rejects.toMatchObject({ code: 'OVERLOADED' });
    await first;
    await small.add(1, NOW, [event(4)], [], 100);
    expect(jobs).toHaveLength(2);
  });

  it('queues what is open when it is drained', async () => {
    const slow = make({ maxWaitMs: 60_000 });
    const added = slow.add(1, NOW, [event(1)], [], 100);
    await slow.drain();
    await added;
    expect(jobs).toHaveLength(1);
  });
});
