import { projectsToEvaluate, openStorage } from '@errata/storage';
import type { Storage } from '@errata/storage';
import { uuidV7 } from '@errata/platform';
import { createTestDatabase } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { ManualClock, occur, seedProject } from '../../test/alert-rig.js';
import { evaluateProject } from './evaluate-project.js';
import type { EvaluateDeps } from './evaluate-project.js';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

describe('evaluateProject', () => {
  let database: TestDatabase;
  let storage: Storage;
  let clock: ManualClock;
  let project: number;

  const evaluate = (change: Partial<EvaluateDeps> = {}) =>
    evaluateProject({ storage, clock, publicUrl: 'http://errata.example', ...change }, project);
  const states = async () =>
    (await storage.db.incident.findMany({ where: { projectId: project } })).map((one) => one.state);

  beforeAll(async () => {
    database = await createTestDatabase();
    storage = await openStorage({ databaseUrl: database.url, poolSize: 3 });
  });
  afterAll(async () => {
    await storage.close();
    await database.drop();
  });
  beforeEach(async () => {
    clock = new ManualClock(Date.now());
    project = await seedProject(storage, clock.now() - 2 * DAY);
  });

  it('pages once for an event that came late, and again only for a newer one', async () => {
    await occur(storage, project, { at: clock.now() - 6 * MINUTE });
    expect(await evaluate()).toMatchObject({ fired: 1, resolved: 0 });
    expect(await evaluate()).toMatchObject({ fired: 0, resolved: 0 });
    clock.advance(5 * MINUTE);
    expect(await evaluate()).toMatchObject({ fired: 0, resolved: 1 });
    clock.advance(MINUTE);
    expect(await evaluate()).toMatchObject({ fired: 0, resolved: 0 });
    const restarted = await openStorage({ databaseUrl: database.url, poolSize: 1 });
    expect(await evaluate({ storage: restarted })).toMatchObject({ fired: 0, resolved: 0 });
    await restarted.close();
    // Newer than the last, though older than the resolve: nobody was told of it.
    await occur(storage, project, { at: clock.now() - 7 * MINUTE });
    expect(await evaluate()).toMatchObject({ fired: 1 });
    expect((await states()).sort()).toEqual(['firing', 'resolved']);
  });

  it('finds a late event by the tick alone', async () => {
    await occur(storage, project, { at: clock.now() - 600 * MINUTE });
    expect(await projectsToEvaluate(storage.db, clock.now())).toContain(project);
    expect(await evaluate()).toMatchObject({ fired: 1 });
  });

  it('pages nobody for what is older than a day or than the rule', async () => {
    await occur(storage, project, { at: clock.now() - DAY - MINUTE });
    expect(await evaluate()).toMatchObject({ fired: 0 });
    await storage.db.alertRule.updateMany({
      where: { projectId: project },
      data: { createdAt: new Date(clock.now() - MINUTE) },
    });
    await occur(storage, project, { at: clock.now() - MINUTE - 1 });
    expect(await evaluate()).toMatchObject({ fired: 0 });
    await occur(storage, project, { at: clock.now() - MINUTE });
    expect(await evaluate()).toMatchObject({ fired: 1 });
  });

  describe('beside a rule that cannot be evaluated', () => {
    let broken: string;
    beforeEach(async () => {
      // Sorted before the project's own rule, so that what follows a failure is seen to go on.
      broken = uuidV7(clock.now() - 3 * DAY);
      await storage.db.alertRule.create({
        data: {
          projectId: project,
          id: broken,
          name: 'Broken',
          kind: 'threshold',
          filters: { status: ['1e300'] },
          groupBy: ['code'],
          params: { threshold: 1, window_seconds: 300 },
          severity: 'high',
          updatedAt: new Date(clock.now()),
        },
      });
      await occur(storage, project, { at: clock.now() });
    });

    it('pages by the others and reports it', async () => {
      const failed: string[] = [];
      const result = await evaluate({ onRuleError: (ruleId) => failed.push(ruleId) });
      expect(result).toMatchObject({ fired: 1 });
      expect(failed).toEqual([broken]);
      expect(await states()).toEqual(['firing']);
    });

    it('fails after the others are stored where nobody is told', async () => {
      await expect(evaluate()).rejects.toThrow(`rules that could not be evaluated: ${broken}`);
      expect(await states()).toEqual(['firing']);
    });
  });
});
