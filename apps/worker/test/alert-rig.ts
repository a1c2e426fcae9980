import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { channelSecretContext } from '@errata/contracts';
import { MINUTE, bucketStart, toRfc3339 } from '@errata/core';
import type { CatalogEntry, Classification } from '@errata/core';
import { newWebhookSecret, sealSecret, uuidV7 } from '@errata/platform';
import { createDefaultRules } from '@errata/storage';
import type { Storage } from '@errata/storage';
import { Webhook } from 'standardwebhooks';

/** A project with a documented code, and a receiver that people would listen at. */

export const KEY = Buffer.alloc(32, 7);

export const DENIED: Classification = {
  code: 'TENANT_ACCESS_DENIED',
  status: 403,
  catalog: 'aether',
  catalogVersion: 1,
  entryCode: 'TENANT_ACCESS_DENIED',
  section: 'Tenants',
  category: 'authorization',
  severity: 'critical',
  retryability: 'permanent',
  expectation: 'never',
  matchedBy: 'code',
  mismatches: [],
};

const ENTRY: CatalogEntry = {
  code: 'TENANT_ACCESS_DENIED',
  aliases: [],
  statuses: ['403'],
  section: 'Tenants',
  title: 'Tenant access denied',
  meaning: 'Data of another tenant was asked for.',
  causes: ['A token of another tenant.'],
  resolution: 'Contact support.',
  retry: { retryability: 'permanent' },
  category: 'authorization',
  severity: 'critical',
  expectation: 'never',
};

export class ManualClock {
  constructor(private at: number) {}
  readonly now = (): number => this.at;
  advance(milliseconds: number): void {
    this.at += milliseconds;
  }
}

/** Makes a project with its default rules and a catalog. @returns its id */
export async function seedProject(storage: Storage, now: number): Promise<number> {
  const { db } = storage;
  const organizationId = uuidV7(now);
  await db.organization.create({ data: { id: organizationId, slug: organizationId, name: 'Org' } });
  const project = await db.project.create({ data: { organizationId, slug: 'shop', name: 'Shop API' } });
  const catalog = await db.catalog.upsert({
    where: { organizationId_slug: { organizationId, slug: 'aether' } },
    create: { id: uuidV7(now), organizationId, slug: 'aether', title: 'Aether 365' },
    update: {},
  });
  const document = { slug: 'aether', title: 'Aether 365', version: 1, entries: [ENTRY] };
  await db.catalogVersion.create({
    data: {
      catalogId: catalog.id,
      version: 1,
      checksum: 'one',
      document: JSON.parse(JSON.stringify(document)) as object,
    },
  });
  await createDefaultRules(db, project.id, now);
  return project.id;
}

/** Counts events as the digest does. */
export async function occur(
  storage: Storage,
  projectId: number,
  given: { at: number; count?: number; tenant?: string; of?: Classification },
): Promise<void> {
  const { at, count = 1, tenant = 'acme', of = DENIED } = given;
  const { dictionary, db } = storage;
  const [code] = await dictionary.resolve(projectId, 'code', [of.code]);
  const [tenantId] = await dictionary.resolve(projectId, 'tenant', [tenant]);
  const [classId] = await dictionary.resolveClasses(projectId, [of]);
  await db.$executeRawUnsafe(
    `INSERT INTO error_rollup_minute AS r VALUES ($1::int, $2::timestamptz, $3::int, $4::int, 0, 0, $5::int, $6::int, $7::int, $8::timestamptz)
     ON CONFLICT (project_id, minute, code_id, tenant_id, environment_id, service_id, class_id, status)
     DO UPDATE SET count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at)`,
    projectId,
    toRfc3339(bucketStart(at, MINUTE)),
    code,
    tenantId,
    classId,
    of.status,
    count,
    toRfc3339(at),
  );
}

/** Adds a webhook channel. @returns its id and the secret to verify with */
export async function addChannel(storage: Storage, projectId: number, url: string, now: number) {
  const id = uuidV7(now);
  const secret = newWebhookSecret();
  const sealed = sealSecret(KEY, JSON.stringify({ current: secret }), channelSecretContext(projectId, id));
  await storage.db.channel.create({
    data: {
      projectId,
      id,
      kind: 'webhook',
      name: 'On call',
      config: { url },
      secret: new Uint8Array(sealed),
    },
  });
  return { id, secret };
}

export interface Received {
  id: string;
  headers: Record<string, string>;
  body: string;
  message: { type: string; timestamp: string; data: Record<string, never> & { incident: { id: string } } };
}

/** How the receiver answers the next request; `hang` never does. */
export type Answer = number | 'hang' | { status: number; headers: Record<string, string> };

/** A local HTTP receiver that keeps what it was sent. */
export class Receiver {
  readonly received: Received[] = [];
  /** Answers to come; 200 after the last. */
  answers: Answer[] = [];
  /** Runs while a request is open, before it is answered. */
  meanwhile: (() => Promise<void>) | undefined;
  private readonly server = http.createServer((request, response) => void this.take(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  types(): string[] {
    return this.received.map((one) => one.message.type);
  }

  /** What a receiver does with the npm package: throws where the signature is not right. */
  verify(index: number, secret: string): unknown {
    const { body, headers } = this.received[index]!;
    return new Webhook(secret).verify(body, headers);
  }

  private async take(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const headers = request.headers as Record<string, string>;
    this.received.push({
      id: headers['webhook-id']!,
      headers,
      body,
      message: JSON.parse(body) as Received['message'],
    });
    const answer = this.answers.shift() ?? 200;
    await this.meanwhile?.();
    if (answer === 'hang') return;
    const { status, headers: extra } = typeof answer === 'number' ? { status: answer, headers: {} } : answer;
    response.writeHead(status, extra).end('hello');
  }
}
