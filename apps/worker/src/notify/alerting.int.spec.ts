import { createLogger } from '@errata/platform';
import { addToOutbox, openStorage, projectsToEvaluate } from '@errata/storage';
import type { Storage } from '@errata/storage';
import { createTestDatabase, eventually } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { DENIED, KEY, ManualClock, Receiver, addChannel, occur, seedProject } from '../../test/alert-rig.js';
import { evaluateProject } from '../evaluate/evaluate-project.js';
import { channelRegistry } from './channels/channel.js';
import { WebhookChannel } from './channels/webhook.js';
import { LEASE_MS, OutboxSender } from './outbox-sender.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const logger = createLogger('test', 'silent');

describe('alerting', () => {
  let database: TestDatabase;
  let storage: Storage;
  let receiver: Receiver;
  let url: string;
  let clock: ManualClock;
  let project: number;
  let channel: { id: string; secret: string };
  const senders: OutboxSender[] = [];

  const newSender = (from: Storage = storage, key = KEY) => {
    const channels = channelRegistry([
      new WebhookChannel({ allowPrivate: true, allowHttp: true, allowHosts: [] }),
    ]);
    const sender = new OutboxSender({ storage: from, clock, logger, secretKey: key, channels });
    senders.push(sender);
    return sender;
  };
  const evaluate = (from: Storage = storage) =>
    evaluateProject({ storage: from, clock, publicUrl: 'http://errata.example' }, project);
  const deliver = async (sender = newSender()) => {
    await sender.kick();
    await sender.idle();
  };
  const rule = (change: object) =>
    storage.db.alertRule.updateMany({ where: { projectId: project }, data: change });
  const incidents = () =>
    storage.db.incident.findMany({ where: { projectId: project }, orderBy: { pendingAt: 'asc' } });
  const outbox = () =>
    storage.db.outbox.findMany({ where: { projectId: project }, orderBy: { createdAt: 'asc' } });
  const log = () =>
    storage.db.notification.findMany({ where: { projectId: project }, orderBy: { attempt: 'asc' } });
  const quick = () => rule({ params: { window_seconds: 5 }, resolveAfterSeconds: 1 });

  beforeAll(async () => {
    database = await createTestDatabase();
    storage = await openStorage({ databaseUrl: database.url, poolSize: 6 });
  });
  afterAll(async () => {
    await storage.close();
    await database.drop();
  });
  beforeEach(async () => {
    receiver = new Receiver();
    url = await receiver.listen();
    // Near the real time, because receivers refuse signatures of another.
    clock = new ManualClock(Date.now());
    project = await seedProject(storage, clock.now());
    channel = await addChannel(storage, project, url, clock.now());
  });
  afterEach(async () => {
    await Promise.all(senders.splice(0).map((sender) => sender.stop(0)));
    await receiver.close();
  });

  it('pages once for a burst, in full, signed, and resolves later', async () => {
    await occur(storage, project, { at: clock.now(), count: 12 });
    expect(await evaluate()).toEqual({ fired: 1, resolved: 0, messages: 1 });
    await deliver();
    expect(receiver.received).toHaveLength(1);
    const [incident] = await incidents();
    expect(receiver.verify(0, channel.secret)).toMatchObject({
      type: 'incident.firing',
      data: {
        summary: 'TENANT_ACCESS_DENIED: 12 events for acme in 5 min (this code should never occur)',
        code: 'TENANT_ACCESS_DENIED',
        tenant: 'acme',
        count: 12,
        window_seconds: 300,
        retryability: 'permanent',
        incident: {
          id: incident!.id,
          state: 'firing',
          severity: 'critical',
          url: `http://errata.example/api/v1/projects/${project}/incidents/${incident!.id}`,
        },
        rule: { name: 'Codes that should never occur', kind: 'never' },
        project: { id: project, name: 'Shop API' },
        documented: {
          catalog: 'Aether 365',
          meaning: 'Data of another tenant was asked for.',
          resolution: 'Contact support.',
        },
      },
    });
    expect(receiver.received[0]!.headers['content-type']).toBe('application/json');
    expect(incident!.lastNotifiedAt?.getTime()).toBe(clock.now());

    await occur(storage, project, { at: clock.now(), count: 30 });
    await evaluate();
    await deliver();
    expect(receiver.received).toHaveLength(1);

    clock.advance(5 * MINUTE - SECOND);
    expect(await evaluate()).toMatchObject({ resolved: 0 });
    clock.advance(SECOND);
    expect(await evaluate()).toEqual({ fired: 0, resolved: 1, messages: 1 });
    await deliver();
    expect(receiver.types()).toEqual(['incident.firing', 'incident.resolved']);
    expect(receiver.received[1]!.message.data).toMatchObject({
      summary: 'Resolved: TENANT_ACCESS_DENIED for acme (at its peak 42 events in 5 min)',
      code: 'TENANT_ACCESS_DENIED',
      tenant: 'acme',
      incident: { id: incident!.id, state: 'resolved', peak: 42 },
      documented: { resolution: 'Contact support.' },
    });
    expect((await incidents()).map((one) => one.state)).toEqual(['resolved']);
    const timeline = await storage.db.incidentEvent.findMany({
      where: { projectId: project },
      orderBy: { at: 'asc' },
    });
    expect(timeline.map((event) => `${event.type} ${event.reason}`)).toEqual([
      'fired breach',
      'resolved recovered',
    ]);
  });

  it('opens a new incident for a breach after the end', async () => {
    await quick();
    await occur(storage, project, { at: clock.now() });
    await evaluate();
    clock.advance(10 * SECOND);
    await evaluate();
    await deliver();
    await occur(storage, project, { at: clock.now() });
    await evaluate();
    await deliver();
    expect(receiver.types()).toEqual(['incident.firing', 'incident.resolved', 'incident.firing']);
    expect((await incidents()).map((one) => one.state)).toEqual(['resolved', 'firing']);
    expect(receiver.verify(1, channel.secret)).toMatchObject({ type: 'incident.resolved' });
  });

  it('goes on after a restart as if nothing had been', async () => {
    await occur(storage, project, { at: clock.now() });
    await evaluate();
    await deliver();
    const restarted = await openStorage({ databaseUrl: database.url, poolSize: 2 });
    await evaluate(restarted);
    await deliver(newSender(restarted));
    expect(receiver.received).toHaveLength(1);
    clock.advance(11 * MINUTE);
    await evaluate(restarted);
    await deliver(newSender(restarted));
    expect(receiver.types()).toEqual(['incident.firing', 'incident.resolved']);
    await restarted.close();
  });

  it('pages once when several replicas evaluate and deliver at the same time', async () => {
    const other = await openStorage({ databaseUrl: database.url, poolSize: 4 });
    await occur(storage, project, { at: clock.now() });
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => evaluate(i % 2 === 0 ? other : storage)));
    expect(results.map((one) => one.fired).sort()).toEqual([0, 0, 0, 0, 0, 1]);
    const replicas = [newSender(), newSender(other), newSender(), newSender(other)];
    await Promise.all(replicas.map((sender) => deliver(sender)));
    expect(receiver.received).toHaveLength(1);
    expect(await incidents()).toHaveLength(1);
    await other.close();
  });

  it('keeps tenants apart', async () => {
    await occur(storage, project, { at: clock.now(), tenant: 'acme' });
    await occur(storage, project, { at: clock.now(), tenant: 'zenith' });
    expect(await evaluate()).toMatchObject({ fired: 2, messages: 2 });
  });

  it('pages nobody for replayed history and for codes that may occur', async () => {
    await occur(storage, project, { at: clock.now() - 3 * 60 * MINUTE, count: 5_000 });
    await occur(storage, project, {
      at: clock.now(),
      of: { ...DENIED, code: 'NORMAL', expectation: 'normal' },
    });
    expect(await evaluate()).toEqual({ fired: 0, resolved: 0, messages: 0 });
    expect(await incidents()).toEqual([]);
  });

  it('takes a pending incident back without a trace when the breach ends', async () => {
    await rule({ kind: 'threshold', params: { threshold: 10, window_seconds: 60 }, forSeconds: 30 });
    await occur(storage, project, { at: clock.now(), count: 10 });
    await evaluate();
    expect((await incidents()).map((one) => one.state)).toEqual(['pending']);
    clock.advance(3 * MINUTE);
    await evaluate();
    expect(await incidents()).toEqual([]);
    expect(await storage.db.incidentEvent.count({ where: { projectId: project } })).toBe(0);
    expect(await outbox()).toEqual([]);
  });

  it('fires a threshold that holds for its time, with the documented meaning', async () => {
    await rule({
      kind: 'threshold',
      params: { threshold: 10, window_seconds: 600 },
      forSeconds: 30,
      filters: { code: 'TENANT_ACCESS_DENIED' },
    });
    await occur(storage, project, { at: clock.now(), count: 10 });
    await evaluate();
    clock.advance(29 * SECOND);
    expect(await evaluate()).toMatchObject({ fired: 0 });
    clock.advance(SECOND);
    expect(await evaluate()).toMatchObject({ fired: 1 });
    await deliver();
    expect(receiver.received[0]!.message.data).toMatchObject({
      summary: 'TENANT_ACCESS_DENIED: 10 events for acme in 10 min (the threshold is 10)',
      documented: { title: 'Tenant access denied' },
    });
  });

  it.each([
    ['disabled', () => rule({ enabled: false }), 'rule_disabled', 'Codes that should never occur'],
    [
      'deleted',
      () => storage.db.alertRule.deleteMany({ where: { projectId: project } }),
      'rule_deleted',
      'Deleted rule',
    ],
  ])('resolves what a rule opened when it is %s', async (_, change, reason, name) => {
    await occur(storage, project, { at: clock.now() });
    await evaluate();
    await change();
    expect(await projectsToEvaluate(storage.db, clock.now())).toContain(project);
    clock.advance(SECOND);
    expect(await evaluate()).toMatchObject({ resolved: 1, messages: 1 });
    await deliver();
    expect(receiver.types()).toEqual(['incident.firing', 'incident.resolved']);
    expect(receiver.received[1]!.message.data).toMatchObject({ rule: { name }, tenant: 'acme' });
    const last = await storage.db.incidentEvent.findFirst({
      where: { projectId: project, type: 'resolved' },
    });
    expect(last!.reason).toBe(reason);
  });

  describe('channels', () => {
    it('tells the channels that the rule names and that are enabled', async () => {
      const second = await addChannel(storage, project, url, clock.now());
      const off = await addChannel(storage, project, url, clock.now());
      await storage.db.channel.updateMany({ where: { id: off.id }, data: { enabled: false } });
      await rule({ channelIds: [second.id, off.id] });
      await occur(storage, project, { at: clock.now() });
      await evaluate();
      expect((await outbox()).map((one) => one.channelId)).toEqual([second.id]);
    });

    it('tells nobody the end who did not hear the beginning', async () => {
      await quick();
      await occur(storage, project, { at: clock.now() });
      await evaluate();
      await addChannel(storage, project, url, clock.now());
      clock.advance(10 * SECOND);
      await evaluate();
      expect((await outbox()).map((one) => [one.reason, one.channelId])).toEqual([
        ['fired', channel.id],
        ['resolved', channel.id],
      ]);
    });

    it('keeps the incident where there is no channel', async () => {
      await storage.db.channel.deleteMany({ where: { projectId: project } });
      await occur(storage, project, { at: clock.now() });
      expect(await evaluate()).toEqual({ fired: 1, resolved: 0, messages: 0 });
      expect(await incidents()).toMatchObject([{ state: 'firing', lastNotifiedAt: null }]);
    });
  });

  describe('delivery', () => {
    const page = async () => {
      await occur(storage, project, { at: clock.now() });
      await evaluate();
    };

    it('tries again by the schedule, under the same id, until the receiver recovers', async () => {
      receiver.answers = [500, 503];
      await page();
      await deliver();
      clock.advance(4 * SECOND);
      await deliver();
      expect(receiver.received).toHaveLength(1);
      clock.advance(SECOND);
      await deliver();
      expect(receiver.received).toHaveLength(2);
      expect(receiver.verify(1, channel.secret)).toMatchObject({ type: 'incident.firing' });
      clock.advance(5 * MINUTE);
      await deliver();
      expect(receiver.received).toHaveLength(3);
      expect(new Set(receiver.received.map((one) => one.id)).size).toBe(1);
      expect(new Set(receiver.received.map((one) => one.body)).size).toBe(1);
      expect(await outbox()).toMatchObject([
        { state: 'delivered', attempts: 3, id: receiver.received[0]!.id },
      ]);
      expect(await log()).toMatchObject([
        { attempt: 1, outcome: 'retry', responseStatus: 500, error: 'HTTP 500' },
        { attempt: 2, outcome: 'retry', responseStatus: 503 },
        { attempt: 3, outcome: 'delivered', responseStatus: 200, error: null, nextAttemptAt: null },
      ]);
    });

    it('obeys Retry-After', async () => {
      receiver.answers = [{ status: 429, headers: { 'retry-after': '90' } }];
      await page();
      await deliver();
      clock.advance(89 * SECOND);
      await deliver();
      expect(receiver.received).toHaveLength(1);
      clock.advance(SECOND);
      await deliver();
      expect(receiver.received).toHaveLength(2);
    });

    it('gives up after the tenth attempt', async () => {
      receiver.answers = Array.from({ length: 20 }, () => 500);
      await page();
      for (let i = 0; i < 12; i++) {
        await deliver();
        clock.advance(25 * 60 * MINUTE);
      }
      expect(receiver.received).toHaveLength(10);
      expect(await outbox()).toMatchObject([{ state: 'failed', attempts: 10, finishedAt: expect.any(Date) }]);
      expect((await log()).at(-1)).toMatchObject({ outcome: 'failed', attempt: 10 });
    });

    it('disables a channel whose receiver is gone, and fails what waits for it', async () => {
      receiver.answers = [410];
      await occur(storage, project, { at: clock.now(), tenant: 'acme' });
      await evaluate();
      await deliver();
      const row = await storage.db.channel.findFirst({ where: { id: channel.id } });
      expect(row).toMatchObject({ enabled: false, disabledReason: 'The receiver answered 410 Gone.' });
      expect(await outbox()).toMatchObject([{ state: 'failed', attempts: 1 }]);
      const message = {
        id: (await incidents())[0]!.id,
        incidentId: (await incidents())[0]!.id,
        channelId: channel.id,
      };
      const payload = { type: 'incident.resolved', timestamp: '', data: {} };
      await addToOutbox(storage.db, project, [{ ...message, reason: 'resolved', payload }], clock.now());
      await deliver();
      expect(receiver.received).toHaveLength(1);
      expect((await outbox()).map((one) => one.state)).toEqual(['failed', 'failed']);
      expect((await log()).map((one) => one.error)).toContain('the channel is disabled');
    });

    it('does not follow a redirect', async () => {
      const elsewhere = new Receiver();
      receiver.answers = [{ status: 302, headers: { location: await elsewhere.listen() } }];
      await page();
      await deliver();
      expect(elsewhere.received).toEqual([]);
      expect(await log()).toMatchObject([{ outcome: 'retry', responseStatus: 302 }]);
      await elsewhere.close();
    });

    it('sends again, under the same id, what was sent but could not be recorded', async () => {
      receiver.meanwhile = async () => {
        await database.query('ALTER TABLE notification RENAME TO notification_away');
      };
      await page();
      await deliver();
      receiver.meanwhile = undefined;
      await database.query('ALTER TABLE notification_away RENAME TO notification');
      expect(await outbox()).toMatchObject([{ state: 'pending', attempts: 0 }]);
      clock.advance(LEASE_MS - SECOND);
      await deliver();
      expect(receiver.received).toHaveLength(1);
      clock.advance(SECOND);
      await deliver();
      expect(receiver.received).toHaveLength(2);
      expect(receiver.received[0]!.id).toBe(receiver.received[1]!.id);
      expect(await outbox()).toMatchObject([{ state: 'delivered', attempts: 1 }]);
    });

    it('leaves an attempt that a stop broke off to the next process', async () => {
      receiver.answers = ['hang'];
      await page();
      const stopped = newSender();
      await stopped.kick();
      await eventually(() => expect(receiver.received).toHaveLength(1));
      await stopped.stop(0);
      expect(await log()).toEqual([]);
      await stopped.kick();
      clock.advance(LEASE_MS);
      await deliver();
      expect(receiver.received.map((one) => one.id)).toEqual([
        receiver.received[0]!.id,
        receiver.received[0]!.id,
      ]);
      expect(await outbox()).toMatchObject([{ state: 'delivered' }]);
    });

    it('lets a receiver that hangs hold up nobody else', async () => {
      const slow = new Receiver();
      slow.answers = ['hang'];
      await addChannel(storage, project, await slow.listen(), clock.now());
      await page();
      const sender = newSender();
      await sender.kick();
      await eventually(() => expect(receiver.received).toHaveLength(1), 3_000);
      await eventually(() => expect(slow.received).toHaveLength(1), 3_000);
      await occur(storage, project, { at: clock.now(), tenant: 'zenith' });
      await evaluate();
      await sender.kick();
      await eventually(() => expect(receiver.received).toHaveLength(2), 3_000);
      await sender.stop(0);
      await slow.close();
    });

    it('delivers firing before resolved, also when firing comes late', async () => {
      await quick();
      receiver.answers = [500];
      await page();
      await deliver();
      clock.advance(4 * SECOND);
      await storage.db.errorRollupMinute.deleteMany({ where: { projectId: project } });
      await evaluate();
      await deliver();
      expect((await outbox()).map((one) => one.state)).toEqual(['pending', 'pending']);
      expect(receiver.received).toHaveLength(1);
      clock.advance(SECOND);
      await deliver();
      expect(receiver.types()).toEqual(['incident.firing', 'incident.firing', 'incident.resolved']);
    });

    it('signs with the old secret beside the new one until its day is over', async () => {
      const { id } = channel;
      const { sealSecret } = await import('@errata/platform');
      const current = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
      const secrets = JSON.stringify({
        current,
        previous: channel.secret,
        previousUntil: clock.now() + SECOND,
      });
      const secret = new Uint8Array(sealSecret(KEY, secrets, `${project}:${id}`));
      await storage.db.channel.updateMany({ where: { id }, data: { secret } });
      await page();
      await deliver();
      expect(receiver.verify(0, current)).toEqual(receiver.verify(0, channel.secret));
      clock.advance(2 * SECOND);
      await occur(storage, project, { at: clock.now(), tenant: 'zenith' });
      await evaluate();
      await deliver();
      expect(receiver.verify(1, current)).toBeDefined();
      expect(() => receiver.verify(1, channel.secret)).toThrow();
    });

    it('says why it cannot send where the secret was sealed under another key', async () => {
      await page();
      await deliver(newSender(storage, Buffer.alloc(32, 9)));
      expect(receiver.received).toEqual([]);
      expect(await log()).toMatchObject([{ outcome: 'retry', error: expect.stringMatching(/another key/) }]);
    });

    it('refuses private addresses by default, at the moment of sending', async () => {
      const channels = channelRegistry([
        new WebhookChannel({ allowPrivate: false, allowHttp: true, allowHosts: [] }),
      ]);
      const sender = new OutboxSender({ storage, clock, logger, secretKey: KEY, channels });
      await page();
      await deliver(sender);
      expect(receiver.received).toEqual([]);
      expect(await log()).toMatchObject([{ outcome: 'retry', responseStatus: null }]);
    });

    it('tries a test message once, also through a disabled channel', async () => {
      receiver.answers = [500];
      await storage.db.channel.updateMany({ where: { id: channel.id }, data: { enabled: false } });
      const message = {
        id: channel.id,
        incidentId: channel.id,
        channelId: channel.id,
        reason: 'test' as const,
      };
      const payload = { type: 'channel.test', timestamp: '', data: {} };
      await addToOutbox(storage.db, project, [{ ...message, payload }], clock.now());
      await deliver();
      clock.advance(MINUTE);
      await deliver();
      expect(receiver.types()).toEqual(['channel.test']);
      expect(await outbox()).toMatchObject([{ state: 'failed', attempts: 1 }]);
    });
  });
});
