import { JOBS, QUEUES, digestJob, queuedEvent } from './jobs.js';

describe('the job catalog', () => {
  it('names a queue that exists for every job', () => {
    for (const job of Object.values(JOBS)) expect(QUEUES).toContain(job.queue);
  });

  it('takes any 128 bits as an event id, whatever version they claim to be', () => {
    for (const eventId of ['ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000001']) {
      expect(queuedEvent.safeParse({ eventId, occurredAt: 1 }).success).toBe(true);
    }
    expect(queuedEvent.safeParse({ eventId: 'x', occurredAt: 1 }).success).toBe(false);
  });

  it('keeps fields of an event that it does not know, for a newer worker', () => {
    const event = { eventId: 'ffffffff-ffff-ffff-ffff-ffffffffffff', occurredAt: 1, later: { a: 1 } };
    expect(queuedEvent.parse(event)).toEqual(event);
  });

  it('refuses a batch of another version', () => {
    expect(
      digestJob.safeParse({ v: 2, batchId: '01a20117-0e4a-7e8e-baf7-75e8df3200b7', createdAt: 1, parts: [] })
        .success,
    ).toBe(false);
  });
});
