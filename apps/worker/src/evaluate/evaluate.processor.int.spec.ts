import { getQueueToken } from '@nestjs/bullmq';
import { parseEnv } from '@errata/platform';
import { openStorage } from '@errata/storage';
import type { Storage } from '@errata/storage';
import { createTestDatabase, eventually, queueBackends } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import type { Queue } from 'bullmq';
import { KEY, Receiver, addChannel, occur, seedProject } from '../../test/alert-rig.js';
import { createApp } from '../app.js';
import type { WorkerApp } from '../app.js';

describe.each(queueBackends())('evaluation and delivery through the queue on $name', (backend) => {
  let database: TestDatabase;
  let storage: Storage;
  let receiver: Receiver;
  let app: WorkerApp;
  let project: number;
  let secret: string;

  const start = (tickSeconds: number) =>
    createApp(
      parseEnv({
        ...backend.env(database.url),
        LOG_LEVEL: 'silent',
        WEBHOOK_ALLOW_PRIVATE: 'true',
        EVALUATE_TICK_SECONDS: String(tickSeconds),
        PUBLIC_URL: 'http://errata.example/',
      }),
      KEY,
    );
  const queue = (name: string) => app.nest.get<Queue>(getQueueToken(name));

  beforeEach(async () => {
    database = await createTestDatabase();
    storage = await openStorage({ databaseUrl: database.url, poolSize: 2 });
    receiver = new Receiver();
    project = await seedProject(storage, Date.now());
    ({ secret } = await addChannel(storage, project, await receiver.listen(), Date.now()));
  });
  afterEach(async () => {
    await app.close();
    await receiver.close();
    await storage.close();
    await database.drop();
  });

  it('pages within three seconds of the job that follows the events', async () => {
    app = await start(300);
    await occur(storage, project, { at: Date.now(), count: 12 });
    await queue('evaluate').add('evaluate', { projectId: project });
    await eventually(() => expect(receiver.received).toHaveLength(1), 3_000);
    expect(receiver.verify(0, secret)).toMatchObject({ type: 'incident.firing', data: { count: 12 } });
    expect(receiver.received[0]!.message.data.incident).toMatchObject({
      url: expect.stringMatching(/^http:\/\/errata\.example\/api\/v1\/projects\/\d+\/incidents\//),
    });
    await queue('evaluate').add('evaluate', { projectId: project });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(receiver.received).toHaveLength(1);
  });

  it('pages and resolves by the tick alone', async () => {
    const params = { window_seconds: 5 };
    await storage.db.alertRule.updateMany({
      where: { projectId: project },
      data: { params, resolveAfterSeconds: 1 },
    });
    await occur(storage, project, { at: Date.now() });
    app = await start(1);
    await eventually(
      () => expect(receiver.types()).toEqual(['incident.firing', 'incident.resolved']),
      20_000,
    );
    expect(receiver.verify(1, secret)).toMatchObject({ type: 'incident.resolved' });
  });

  it('finds messages that no job told of', async () => {
    await occur(storage, project, { at: Date.now() });
    app = await start(300);
    const { evaluateProject } = await import('./evaluate-project.js');
    const clock = { now: () => Date.now() };
    await evaluateProject({ storage, clock, publicUrl: 'http://errata.example' }, project);
    await eventually(() => expect(receiver.received).toHaveLength(1), 8_000);
  });

  it('fails a job that does not parse, once', async () => {
    app = await start(300);
    const job = await queue('evaluate').add('evaluate', { projectId: 'x' }, { attempts: 5 });
    await eventually(async () => expect(await queue('evaluate').getFailedCount()).toBe(1));
    const failed = await queue('evaluate').getJob(job.id!);
    expect(failed).toMatchObject({ attemptsMade: 1, failedReason: 'the payload does not parse' });
  });
});
