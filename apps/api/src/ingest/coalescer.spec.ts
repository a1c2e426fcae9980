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
      coalescer.add(1, NOW, [event(1)], []),
      coalescer.add(2, NOW, [event(2)], []),
      coalescer.add(1, NOW, [event(3)], [{ outcome: 'invalid', reason: 'A', count: 1 }]),
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
    const added = coalescer.add(1, NOW, [event(1)], []).then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 11));
    expect(answered && jobs.length === 0).toBe(false);
    await added;
    expect(jobs).toHaveLength(1);
  });

  it('queues at once when the batch is full', async () => {
    const full = make({ maxWaitMs: 60_000, maxEvents: 3 });
    await full.add(1, NOW, [event(1), event(2), event(3)], []);
    expect(jobs).toHaveLength(1);
  });

  it('fails every request of a batch that the queue did not take', async () => {
    fail = true;
    const results = await Promise.allSettled([
      coalescer.add(1, NOW, [event(1)], []),
      coalescer.add(1, NOW, [event(2)], []),
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

  it('refuses what would not fit into memory while the queue is stuck', async () => {
    const small = make({ maxInFlight: 2 });
    const first = small.add(1, NOW, [event(1), event(2)], []);
    await expect(small.add(1, NOW, [event(3)], [])).rejects.toMatchObject({ code: 'OVERLOADED' });
    await first;
    await small.add(1, NOW, [event(4)], []);
    expect(jobs).toHaveLength(2);
  });

  it('queues what is open when it is drained', async () => {
    const slow = make({ maxWaitMs: 60_000 });
    const added = slow.add(1, NOW, [event(1)], []);
    await slow.drain();
    await added;
    expect(jobs).toHaveLength(1);
  });
});
