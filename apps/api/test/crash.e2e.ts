import {
  createTestDatabase,
  createTestProject,
  eventually,
  queueBackends,
  startProcess,
} from '@errata/testing';
import type { TestDatabase, TestProcess, TestProject } from '@errata/testing';

const TOTAL = 50_000;
const BATCH = 250;
const KILLS = 3;

/**
 * The promise of the whole: what was acknowledged is stored once, whatever is killed. Api and worker
 * are killed with SIGKILL while a client sends and, where it got no answer, sends again.
 */
describe.each(queueBackends())('kill -9 in the middle of a replay, queue on $name', (backend) => {
  let database: TestDatabase;
  let project: TestProject;
  let api: TestProcess;
  let worker: TestProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    project = await createTestProject(database.url, { ratePerSecond: 1_000_000, burst: 1_000_000 });
    const env = backend.env(database.url);
    [api, worker] = await Promise.all([startProcess('api', env), startProcess('worker', env)]);
  });
  afterAll(async () => {
    await Promise.all([api.stop(), worker.stop()]);
    await database.drop();
  });

  const count = async (text: string) =>
    Number((await database.query<{ n: string }>(text, [project.projectId]))[0]!.n);

  it(`stores ${TOTAL} events exactly once`, async () => {
    const batches = makeBatches();
    let acknowledged = 0;
    let resent = 0;
    const send = async (body: string): Promise<void> => {
      for (;;) {
        try {
          const response = await fetch(`${api.address}/v1/events`, {
            method: 'POST',
            headers: { authorization: `Bearer ${project.ingestKey}`, 'content-type': 'application/json' },
            body,
            signal: AbortSignal.timeout(10_000),
          });
          const answer = (await response.json()) as { accepted?: number };
          if (response.status === 202) {
            acknowledged += answer.accepted!;
            return;
          }
          if (response.status < 500) throw new Fatal(`${response.status} ${JSON.stringify(answer)}`);
        } catch (error) {
          if (error instanceof Fatal) throw error;
        }
        resent += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const sender = async () => {
      for (let body = batches.pop(); body !== undefined; body = batches.pop()) await send(body);
    };
    const sending = Promise.all([sender(), sender(), sender(), sender()]);
    const killAt = Array.from({ length: KILLS }, (_, i) =>
      Math.round((batches.length * (KILLS - i)) / (KILLS + 1)),
    );
    for (const left of killAt) {
      await eventually(() => expect(batches.length).toBeLessThanOrEqual(left), 60_000, 5);
      await Promise.all([api.kill(), worker.kill()]);
      await Promise.all([api.restart(), worker.restart()]);
    }
    await sending;
    // One batch again after everything: a resend of what is stored adds nothing.
    await send(makeBatches()[0]!);
    await eventually(
      async () =>
        expect(await count('SELECT count(*) AS n FROM error_event WHERE project_id = $1')).toBe(TOTAL),
      90_000,
      250,
    );
    await eventually(
      async () =>
        expect(
          await count(
            `SELECT coalesce(sum(count), 0) AS n FROM outcome_minute WHERE project_id = $1 AND outcome = 'duplicate'`,
          ),
        ).toBeGreaterThanOrEqual(BATCH),
      30_000,
      100,
    );
    expect(resent).toBeGreaterThan(0);
    expect(acknowledged).toBe(TOTAL + BATCH);
    expect(await count('SELECT count(DISTINCT event_id) AS n FROM error_event WHERE project_id = $1')).toBe(
      TOTAL,
    );
    expect(await count('SELECT sum(count) AS n FROM error_rollup_minute WHERE project_id = $1')).toBe(TOTAL);
    expect(
      await count(
        `SELECT sum(count) AS n FROM outcome_minute WHERE project_id = $1 AND outcome = 'accepted'`,
      ),
    ).toBe(TOTAL);
    expect(await count(`SELECT count(*) AS n FROM dead_letter WHERE project_id = $1 OR project_id = 0`)).toBe(
      0,
    );
  }, 240_000);
});

class Fatal extends Error {}

function makeBatches(): string[] {
  const start = Date.parse(new Date().toISOString().slice(0, 13) + ':00:00Z') - 3_600_000;
  return Array.from({ length: TOTAL / BATCH }, (_, b) =>
    JSON.stringify({
      events: Array.from({ length: BATCH }, (_, i) => {
        const n = b * BATCH + i;
        return {
          event_id: `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`,
          timestamp: new Date(start + n * 60).toISOString(),
          tenant: `tenant-${n % 50}`,
          service: 'orders',
          error: {
            code: ['RATE_LIMIT_EXCEEDED', 'AUTH_INVALID_TOKEN', 'INTERNAL_ERROR'][n % 3],
            message: `event ${n}`,
          },
          http: { method: 'GET', route: '/orders/:id', status: [429, 401, 500][n % 3] },
        };
      }),
    }),
  );
}
