import { JOBS } from '@errata/contracts';
import type { DigestJob } from '@errata/contracts';
import { consumerOptions, jobOptions, producerOptions, selectQueueBackend, uuidV7 } from '@errata/platform';
import {
  anEvent,
  createTestDatabase,
  createTestProject,
  eventually,
  queueBackends,
  startProcess,
} from '@errata/testing';
import type { TestDatabase, TestProcess, TestProject } from '@errata/testing';
import { Queue, UnrecoverableError, Worker } from 'bullmq';

/** Payloads that no check at the edge let through, put straight into the queue. */
describe.each(queueBackends())('poison in the queue, on $name', (backend) => {
  let database: TestDatabase;
  let project: TestProject;
  let api: TestProcess;
  let worker: TestProcess;
  let queue: Queue;
  let env: ReturnType<typeof backend.env>;

  beforeAll(async () => {
    database = await createTestDatabase();
    project = await createTestProject(database.url);
    env = backend.env(database.url);
    [api, worker] = await Promise.all([startProcess('api', env), startProcess('worker', env)]);
    selectQueueBackend(env);
    queue = new Queue('ingest', producerOptions({ ...env, QUEUE_TIMEOUT_MS: 2_000 }));
    await queue.waitUntilReady();
  });
  afterAll(async () => {
    await queue.close();
    selectQueueBackend({});
    await Promise.all([api.stop(), worker.stop()]);
    await database.drop();
  });

  const jobOf = (events: unknown[]): DigestJob => {
    const now = Date.now();
    return {
      v: 1,
      batchId: uuidV7(now),
      createdAt: now,
      parts: [{ projectId: project.projectId, receivedAt: now, events, rejected: [] }],
    };
  };
  const add = (job: DigestJob) => queue.add('digest', job, jobOptions(JOBS.digest, job.batchId));
  const one = async (text: string, values: unknown[] = []) =>
    Number((await database.query<{ n: string }>(text, values))[0]!.n);
  const outcome = (name: string) =>
    one('SELECT coalesce(sum(count), 0) AS n FROM outcome_minute WHERE project_id = $1 AND outcome = $2', [
      project.projectId,
      name,
    ]);
  const letters = () =>
    database.query<{ id: string; stage: string; reason_code: string; status: string }>(
      'SELECT id, stage, reason_code, status FROM dead_letter WHERE project_id = $1 ORDER BY stage',
      [project.projectId],
    );

  // The edge would have refused this attempt; Postgres finds that no smallint holds it.
  const poison = anEvent({ attempt: 99_999 });

  it('stores the neighbours, files the poison with its reason, and counts each once', async () => {
    const events = [
      ...Array.from({ length: 9 }, () => anEvent()),
      poison,
      { eventId: 'no id', occurredAt: 'never' },
    ];
    await add(jobOf(events));
    await eventually(async () => expect(await outcome('accepted')).toBe(9), 20_000);
    expect(await outcome('failed')).toBe(2);
    const filed = await letters();
    expect(filed.map(({ stage, reason_code }) => `${stage}/${reason_code}`)).toEqual([
      'commit/22003',
      'parse/PAYLOAD',
    ]);
  });

  it('tries a batch again and again while the infrastructure is in trouble, and then stores it', async () => {
    const before = await outcome('accepted');
    await database.query('ALTER TABLE event_gate RENAME TO event_gate_away');
    await add(jobOf([anEvent()]));
    // Far past the one stall and the one failure that BullMQ's defaults would allow.
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    const stuck = await queue.getJobCounts('failed', 'delayed', 'waiting', 'active');
    expect(stuck['failed']).toBe(0);
    expect(stuck['delayed']! + stuck['waiting']! + stuck['active']!).toBe(1);
    await database.query('ALTER TABLE event_gate_away RENAME TO event_gate');
    await eventually(async () => expect(await outcome('accepted')).toBe(before + 1), 40_000, 200);
  }, 90_000);

  it('files a batch that the queue gave up on, event by event, and it can be replayed', async () => {
    const before = await outcome('accepted');
    const job = jobOf([anEvent(), anEvent()]);
    await worker.stop();
    const added = await add(job);
    // As if it had killed its worker too often.
    const holder = new Worker('ingest', undefined, {
      ...consumerOptions({ ...env, QUEUE_TIMEOUT_MS: 2_000 }),
      autorun: false,
    });
    const taken = await holder.getNextJob('test');
    expect(taken.id).toBe(added.id);
    await taken.moveToFailed(new UnrecoverableError('job stalled more than allowable limit'), 'test', false);
    await holder.close();
    await worker.restart();
    await eventually(
      async () =>
        expect((await letters()).filter((letter) => letter.reason_code === 'GAVE_UP')).toHaveLength(2),
      20_000,
    );
    expect(await queue.getFailedCount()).toBe(0);
    const response = await fetch(`${api.address}/api/v1/projects/${project.projectId}/dead-letters/replay`, {
      method: 'POST',
      headers: { authorization: `Bearer ${project.apiToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ids: (await letters()).filter((letter) => letter.reason_code === 'GAVE_UP').map(({ id }) => id),
      }),
    });
    expect(response.status).toBe(202);
    await eventually(async () => expect(await outcome('accepted')).toBe(before + 2), 20_000);
  }, 90_000);

  it('files a job that is no job at all and goes on', async () => {
    await queue.add('digest', { v: 99, what: 'garbage' }, jobOptions(JOBS.digest));
    await add(jobOf([anEvent()]));
    await eventually(
      async () => expect(await one(`SELECT count(*) AS n FROM dead_letter WHERE project_id = 0`)).toBe(1),
      20_000,
    );
    await eventually(async () => expect(await outcome('accepted')).toBe(13), 20_000);
  });

  it('replays a dead letter once its cause is gone, and takes back its failed outcome', async () => {
    const event = anEvent();
    const id = uuidV7(Date.now());
    await database.query(
      `INSERT INTO dead_letter (project_id, id, stage, reason_code, reason, payload, received_at)
       VALUES ($1, $2, 'commit', 'TEST', 'put there by hand', convert_to($3, 'UTF8'), now())`,
      [project.projectId, id, JSON.stringify(event)],
    );
    await database.query(
      `INSERT INTO outcome_minute (project_id, minute, outcome, reason, count) VALUES ($1, date_trunc('minute', now()), 'failed', 'TEST', 1)`,
      [project.projectId],
    );
    const before = await outcome('failed');
    const response = await fetch(`${api.address}/api/v1/projects/${project.projectId}/dead-letters/replay`, {
      method: 'POST',
      headers: { authorization: `Bearer ${project.apiToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ids: [id] }),
    });
    expect([response.status, await response.json()]).toEqual([202, { queued: 1, refused: [] }]);
    await eventually(
      async () => expect((await letters()).find((letter) => letter.id === id)?.status).toBe('replayed'),
      20_000,
    );
    expect(await outcome('failed')).toBe(before - 1);
    expect(await one('SELECT count(*) AS n FROM error_event WHERE event_id = $1', [event.eventId])).toBe(1);
  });
});
