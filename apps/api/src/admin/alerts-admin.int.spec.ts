import { channelSecretContext, webhookSecrets } from '@errata/contracts';
import type { Problem } from '@errata/contracts';
import { openSecret, parseEnv, uuidV7 } from '@errata/platform';
import { claimDue, createApiToken, createProject, openStorage, recordAttempt } from '@errata/storage';
import type { Storage } from '@errata/storage';
import { createTestDatabase, queueBackends } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { createApp } from '../app.js';
import type { ApiApp } from '../app.js';

const KEY = Buffer.alloc(32, 3);
const UNKNOWN = '01990000-0000-7000-8000-00000000dead';
const threshold = { name: 'Many errors', kind: 'threshold', params: { threshold: 100, window_seconds: 300 } };
const webhook = { kind: 'webhook', name: 'On call', config: { url: 'https://hooks.example/errata' } };

type Body = Record<string, unknown> & { id: string; data: Array<Record<string, unknown> & { id: string }> };

describe('alerting over the API', () => {
  let database: TestDatabase;
  let storage: Storage;
  let app: ApiApp;
  let project: number;
  let other: number;
  let token: string;

  const newToken = async (change: object = {}) => {
    const { organizationId } = await storage.db.project.findUniqueOrThrow({ where: { id: project } });
    const scopes = ['alerts:read', 'alerts:write'];
    const input = { organizationId, name: 't', scopes, requestsPerMinute: 10_000, ...change };
    return (await createApiToken(storage, input, Date.now())).token;
  };

  async function call(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    as = token,
    of = project,
  ) {
    const response = await app.nest.inject({
      method,
      url: `/api/v1/projects/${of}/${path}`,
      headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    const json = response.body === '' ? {} : (JSON.parse(response.body) as unknown);
    return { status: response.statusCode, body: json as Body, problem: json as Problem };
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    storage = await openStorage({ databaseUrl: database.url, poolSize: 3 });
    const organizationId = uuidV7(Date.now());
    await storage.db.organization.create({ data: { id: organizationId, slug: 'org', name: 'Org' } });
    const make = (name: string) =>
      createProject(storage, { organizationId, name, actor: 'test' }, Date.now());
    project = (await make('Shop')).id;
    other = (await make('Other')).id;
    token = await newToken();
    app = await createApp(parseEnv({ ...queueBackends()[0]!.env(database.url), LOG_LEVEL: 'silent' }), KEY);
  });
  afterAll(async () => {
    await app.close();
    await storage.close();
    await database.drop();
  });

  describe('alert-rules', () => {
    it('has the default rule of every project', async () => {
      const { status, body } = await call('GET', 'alert-rules');
      expect(status).toBe(200);
      expect(body.data).toMatchObject([
        {
          name: 'Codes that should never occur',
          kind: 'never',
          severity: 'critical',
          group_by: ['code', 'tenant'],
          params: { window_seconds: 300 },
          channel_ids: null,
          origin: 'default',
        },
      ]);
    });

    it('makes, shows, changes and deletes a rule', async () => {
      const made = await call('POST', 'alert-rules', {
        ...threshold,
        filters: { status: 429, code: ['A', 'B'] },
      });
      expect(made.status).toBe(201);
      expect(made.body).toMatchObject({
        ...threshold,
        filters: { status: ['429'], code: ['A', 'B'] },
        origin: 'user',
      });
      const path = `alert-rules/${made.body.id}`;
      expect((await call('GET', path)).body).toEqual(made.body);
      const changed = await call('PATCH', path, {
        enabled: false,
        params: { threshold: 5, window_seconds: 60 },
      });
      expect(changed.status).toBe(200);
      expect(changed.body).toEqual({
        ...made.body,
        enabled: false,
        params: { threshold: 5, window_seconds: 60 },
        updated_at: changed.body['updated_at'],
      });
      expect((await call('PATCH', path, { kind: 'never' })).body).toMatchObject({
        kind: 'never',
        params: { window_seconds: 300 },
      });
      expect((await call('DELETE', path)).status).toBe(204);
      expect((await call('GET', path)).problem).toMatchObject({ status: 404, code: 'RULE_NOT_FOUND' });
      const actions = await storage.db.auditLog.findMany({
        where: { target: made.body.id },
        orderBy: { id: 'asc' },
      });
      expect(actions.map((entry) => entry.action).sort()).toEqual([
        'alert_rule.create',
        'alert_rule.delete',
        'alert_rule.update',
        'alert_rule.update',
      ]);
    });

    it.each<[string, object, string, string]>([
      ['a kind of a later release', { ...threshold, kind: 'spike' }, 'INVALID_FIELD', 'kind'],
      [
        'a bad parameter',
        { ...threshold, params: { threshold: 1, window_seconds: 61 } },
        'INVALID_FIELD',
        'params.window_seconds',
      ],
      ['a channel of nobody', { ...threshold, channel_ids: [UNKNOWN] }, 'INVALID_FIELD', 'channel_ids'],
      ['a misspelt field', { ...threshold, thresold: 1 }, 'UNKNOWN_FIELD', 'thresold'],
      [
        'a misspelt parameter',
        { ...threshold, params: { ...threshold.params, widow: 1 } },
        'UNKNOWN_FIELD',
        'widow',
      ],
    ])('refuses %s', async (_, input, code, field) => {
      const { problem } = await call('POST', 'alert-rules', input);
      expect(problem).toMatchObject({
        status: 400,
        code,
        errors: expect.arrayContaining([{ field, message: expect.any(String) }]),
      });
    });

    it('refuses a change that leaves the rule invalid, and names of things that cannot change', async () => {
      const { body } = await call('POST', 'alert-rules', threshold);
      const path = `alert-rules/${body.id}`;
      expect((await call('PATCH', path, { kind: 'never', params: threshold.params })).problem.code).toBe(
        'UNKNOWN_FIELD',
      );
      expect((await call('PATCH', path, { origin: 'default' })).problem.code).toBe('UNKNOWN_FIELD');
      expect((await call('PATCH', path, { severity: 'loud' })).problem).toMatchObject({
        code: 'INVALID_FIELD',
        status: 400,
      });
      expect((await call('GET', path)).body).toEqual(body);
    });
  });

  describe('channels', () => {
    it('shows the secret once, and stores it sealed', async () => {
      const made = await call('POST', 'channels', webhook);
      expect(made.status).toBe(201);
      const secret = made.body['secret'] as string;
      expect(secret).toMatch(/^whsec_/);
      const shown = await call('GET', `channels/${made.body.id}`);
      expect(shown.body).not.toHaveProperty('secret');
      expect(shown.body).toMatchObject({ ...webhook, enabled: true, secret_last_four: secret.slice(-4) });
      const row = await storage.db.channel.findFirstOrThrow({ where: { id: made.body.id } });
      expect(Buffer.from(row.secret!).includes(secret)).toBe(false);
      const opened = openSecret(KEY, row.secret!, channelSecretContext(project, made.body.id));
      expect(webhookSecrets.parse(JSON.parse(opened))).toEqual({ current: secret });
    });

    it('rotates: the new secret is shown once, the old one stays beside it for a day', async () => {
      const made = await call('POST', 'channels', webhook);
      const rotated = await call('PATCH', `channels/${made.body.id}`, { rotate_secret: true });
      expect(rotated.body['secret']).not.toBe(made.body['secret']);
      const row = await storage.db.channel.findFirstOrThrow({ where: { id: made.body.id } });
      const opened = openSecret(KEY, row.secret!, channelSecretContext(project, made.body.id));
      const sealed = webhookSecrets.parse(JSON.parse(opened));
      expect(sealed).toMatchObject({ current: rotated.body['secret'], previous: made.body['secret'] });
      expect(sealed.previousUntil! - Date.now()).toBeGreaterThan(23 * 3_600_000);
    });

    it('takes a secret of the caller and clears the reason of a channel that is enabled again', async () => {
      const secret = `whsec_${Buffer.alloc(24, 5).toString('base64')}`;
      const { body } = await call('POST', 'channels', { ...webhook, secret });
      expect(body['secret']).toBe(secret);
      await storage.db.channel.updateMany({
        where: { id: body.id },
        data: { enabled: false, disabledReason: 'gone' },
      });
      const changed = await call('PATCH', `channels/${body.id}`, { enabled: true, name: 'Night' });
      expect(changed.body).toMatchObject({ enabled: true, disabled_reason: null, name: 'Night' });
      expect(changed.body).not.toHaveProperty('secret');
    });

    it.each<[string, object, string, string]>([
      [
        'an address in a private network',
        { ...webhook, config: { url: 'https://10.0.0.1/' } },
        'CHANNEL_ADDRESS_REFUSED',
        'config.url',
      ],
      [
        'this machine',
        { ...webhook, config: { url: 'https://localhost/' } },
        'CHANNEL_ADDRESS_REFUSED',
        'config.url',
      ],
      [
        'plain http',
        { ...webhook, config: { url: 'http://hooks.example/' } },
        'CHANNEL_ADDRESS_REFUSED',
        'config.url',
      ],
      ['a secret that cannot sign', { ...webhook, secret: 'whsec_short' }, 'INVALID_FIELD', 'secret'],
      ['a kind that is not built', { ...webhook, kind: 'slack' }, 'INVALID_FIELD', 'kind'],
      ['a misspelt field', { ...webhook, titel: 'x' }, 'UNKNOWN_FIELD', 'titel'],
    ])('refuses %s', async (_, input, code, field) => {
      expect((await call('POST', 'channels', input)).problem).toMatchObject({
        status: 400,
        code,
        errors: [{ field }],
      });
    });

    it('checks the address of a change too, and refuses two ways to a new secret', async () => {
      const { body } = await call('POST', 'channels', webhook);
      const path = `channels/${body.id}`;
      expect((await call('PATCH', path, { config: { url: 'https://127.0.0.1/' } })).problem.code).toBe(
        'CHANNEL_ADDRESS_REFUSED',
      );
      const both = { rotate_secret: true, secret: `whsec_${Buffer.alloc(24, 5).toString('base64')}` };
      expect((await call('PATCH', path, both)).problem).toMatchObject({
        code: 'INVALID_FIELD',
        errors: [{ field: 'rotate_secret' }],
      });
    });

    it('keeps a channel that a rule names', async () => {
      const { body } = await call('POST', 'channels', webhook);
      const rule = await call('POST', 'alert-rules', { ...threshold, name: 'Named', channel_ids: [body.id] });
      expect((await call('DELETE', `channels/${body.id}`)).problem).toMatchObject({
        status: 409,
        code: 'CONFLICT',
        detail: expect.stringContaining('"Named"'),
      });
      await call('DELETE', `alert-rules/${rule.body.id}`);
      expect((await call('DELETE', `channels/${body.id}`)).status).toBe(204);
      expect((await call('GET', `channels/${body.id}`)).problem.code).toBe('CHANNEL_NOT_FOUND');
    });

    it('tests a channel on the way that alerts go, and says what became of it', async () => {
      const { body } = await call('POST', 'channels', webhook);
      const answer = call('POST', `channels/${body.id}/test`);
      // The part of a worker: it takes the message and reports.
      for (;;) {
        const [message] = await claimDue(storage.db, { now: Date.now(), leaseMs: 60_000, limit: 1 });
        if (message === undefined) continue;
        expect(message).toMatchObject({
          reason: 'test',
          channelId: body.id,
          payload: { type: 'channel.test' },
        });
        const record = {
          outcome: 'failed' as const,
          at: Date.now(),
          durationMs: 5,
          responseStatus: 500,
          error: 'HTTP 500',
        };
        await recordAttempt(storage.db, message, record);
        break;
      }
      const { status, body: delivery } = await answer;
      expect(status).toBe(200);
      expect(delivery).toMatchObject({
        reason: 'test',
        state: 'failed',
        channel_name: 'On call',
        attempts: [
          { attempt: 1, outcome: 'failed', response_status: 500, error: 'HTTP 500', duration_ms: 5 },
        ],
      });
    });
  });

  describe('incidents', () => {
    const ids: string[] = [];
    const at = (second: number) => new Date(Date.UTC(2026, 10, 22, 12, 0, second));

    beforeAll(async () => {
      for (const [i, state] of ['resolved', 'firing', 'acknowledged', 'pending', 'resolved'].entries()) {
        const id = uuidV7(Date.now());
        ids.push(id);
        // Two begin in the same moment, so that only the id tells them apart.
        const pendingAt = at(Math.floor(i / 2));
        const labels = { code: 'X' };
        const row = {
          projectId: project,
          id,
          ruleId: UNKNOWN,
          groupKey: `g${i}`,
          labels,
          state,
          severity: 'high',
        };
        await storage.db.incident.create({
          data: { ...row, pendingAt, lastBreachAt: pendingAt, value: 2, peak: 3 },
        });
      }
      const event = { projectId: project, incidentId: ids[1]!, at: at(1), type: 'fired', reason: 'breach' };
      await storage.db.incidentEvent.create({ data: { ...event, id: uuidV7(Date.now()) } });
    });

    it('lists newest first, page by page, each once', async () => {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const { body }: { body: Body } = await call(
          'GET',
          `incidents?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
        );
        seen.push(...body.data.map((one) => one.id));
        cursor = body['next_cursor'] as string | null;
      }
      expect(seen).toHaveLength(5);
      expect([...seen].sort()).toEqual([...ids].sort());
      expect(seen[0]).toBe(ids[4]);
    });

    it.each([
      ['open', ['acknowledged', 'firing', 'pending']],
      ['firing', ['firing']],
      ['firing,resolved', ['firing', 'resolved', 'resolved']],
    ])('filters by state %s', async (state, expected) => {
      const { body } = await call('GET', `incidents?state=${state}`);
      expect(body.data.map((one) => one['state']).sort()).toEqual(expected);
    });

    it('shows one with its timeline and notifications', async () => {
      const { body } = await call('GET', `incidents/${ids[1]}`);
      expect(body).toMatchObject({
        id: ids[1],
        state: 'firing',
        labels: { code: 'X' },
        value: 2,
        peak: 3,
        timeline: [{ type: 'fired', reason: 'breach', actor: 'errata', at: at(1).toISOString() }],
        notifications: [],
      });
      expect((await call('GET', `incidents/${ids[1]}/notifications`)).body).toEqual({ data: [] });
    });

    it.each([
      ['incidents?state=burning', 'INVALID_PARAMETER', 400],
      ['incidents?limit=0', 'INVALID_PARAMETER', 400],
      ['incidents?sate=firing', 'UNKNOWN_FILTER', 400],
      ['incidents?cursor=garbage', 'INVALID_CURSOR', 400],
      [`incidents/${UNKNOWN}`, 'INCIDENT_NOT_FOUND', 404],
      ['incidents/not-an-id', 'INCIDENT_NOT_FOUND', 404],
      [`incidents/${UNKNOWN}/notifications`, 'INCIDENT_NOT_FOUND', 404],
      ['channels/not-an-id', 'CHANNEL_NOT_FOUND', 404],
      ['alert-rules/not-an-id', 'RULE_NOT_FOUND', 404],
    ])('answers %s with %s', async (path, code, status) => {
      expect((await call('GET', path)).problem).toMatchObject({ code, status });
    });

    it('refuses a cursor under another filter', async () => {
      const { body } = await call('GET', 'incidents?limit=1');
      const { problem } = await call('GET', `incidents?state=firing&cursor=${body['next_cursor'] as string}`);
      expect(problem.code).toBe('INVALID_CURSOR');
    });
  });

  describe('who may', () => {
    it('shows nothing of one project in another', async () => {
      const rule = await call('POST', 'alert-rules', threshold);
      const channel = await call('POST', 'channels', webhook);
      expect((await call('GET', `alert-rules/${rule.body.id}`, undefined, token, other)).problem.code).toBe(
        'RULE_NOT_FOUND',
      );
      expect(
        (await call('DELETE', `channels/${channel.body.id}`, undefined, token, other)).problem.code,
      ).toBe('CHANNEL_NOT_FOUND');
      expect((await call('GET', 'incidents', undefined, token, other)).body.data).toEqual([]);
      const { problem } = await call(
        'POST',
        'alert-rules',
        { ...threshold, channel_ids: [channel.body.id] },
        token,
        other,
      );
      expect(problem.code).toBe('INVALID_FIELD');
    });

    it.each(['alert-rules', 'channels', 'incidents'])('refuses a token of one tenant on %s', async (path) => {
      expect((await call('GET', path, undefined, await newToken({ tenant: 'acme' }))).problem).toMatchObject({
        status: 403,
        code: 'SCOPE_REQUIRED',
      });
    });

    it('lets nobody write who may only read', async () => {
      const reader = await newToken({ scopes: ['alerts:read'] });
      expect((await call('GET', 'alert-rules', undefined, reader)).status).toBe(200);
      expect((await call('POST', 'alert-rules', threshold, reader)).problem.code).toBe('SCOPE_REQUIRED');
      expect((await call('POST', 'channels', webhook, reader)).problem.code).toBe('SCOPE_REQUIRED');
    });
  });
});
