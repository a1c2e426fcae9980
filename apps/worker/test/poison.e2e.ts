import { JOBS } from '@errata/contracts';
import type { DigestJob } from '@errata/contracts';
import { jobOptions, producerOptions, selectQueueBackend, uuidV7 } from '@errata/platform';
import {
  anEvent,
  createTestDatabase,
  createTestProject,
  eventually,
  queueBackends,
  startProcess,
} from '@errata/testing';
import type { TestDatabase, TestProcess, TestProject } from '@errata/testing';
import { Queue } from 'bullmq';

/** Payloads that no check at the edge let through, put straight into the queue. */
describe.each(queueBackends())('poison in the queue, on $name', (backend) => {
  let database: TestDatabase;
  let project: TestProject;
  let api: TestProcess;
  let worker: TestProcess;
  let queue: Queue;

  beforeAll(async () => {
    database = await createTestDatabase();
    project = await createTestProject(database.url);
    const env = backend.env(database.url);
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

  it('files a job that is no job at all and goes on', async () => {
    await queue.add('digest', { v: 99, what: 'garbage' }, jobOptions(JOBS.digest));
    await add(jobOf([anEvent()]));
    await eventually(
      async () => expect(await one(`SELECT count(*) AS n FROM dead_letter WHERE project_id = 0`)).toBe(1),
      20_000,
    );
    await eventually(async () => expect(await outcome('accepted')).toBe(10), 20_000);
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
