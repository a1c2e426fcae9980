import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable } from '@nestjs/common';
import {
  ApiError,
  JOBS,
  channelInput,
  channelPatch,
  channelSecretContext,
  webhookSecrets,
} from '@errata/contracts';
import type {
  ChannelPatch,
  ChannelView,
  DeliveryView,
  TestPayload,
  WebhookConfig,
  WebhookSecrets,
} from '@errata/contracts';
import { DAY, toRfc3339 } from '@errata/core';
import {
  checkUrl,
  jobOptions,
  newWebhookSecret,
  openSecret,
  sealSecret,
  signWebhook,
  uuidV7,
  withTimeout,
} from '@errata/platform';
import type { Clock, Env, Logger } from '@errata/platform';
import { addToOutbox, writeAudit } from '@errata/storage';
import type { Prisma, Storage } from '@errata/storage';
import type { Queue } from 'bullmq';
import { z } from 'zod';
import { CLOCK, ENV, LOGGER, SECRET_KEY, STORAGE } from '../tokens.js';
import { auditOf } from './alert-rules.service.js';
import type { Actor } from './alert-rules.service.js';
import { readDeliveries } from './incidents.service.js';
import { readInput } from './read-input.js';

const MAX_CHANNELS = 50;
/** How long a test waits for its first attempt: the longest that a receiver may take. */
const TEST_WAIT_MS = 16_000;
const TEST_LOOK_MS = 100;

type ChannelRow = Prisma.ChannelModel;

/** Where alerts go. A signing secret leaves only in the answer that made it. */
@Injectable()
export class ChannelsService {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(ENV)
    private readonly env: Pick<Env, 'WEBHOOK_ALLOW_PRIVATE' | 'WEBHOOK_ALLOW_HOSTS' | 'QUEUE_TIMEOUT_MS'>,
    @Inject(SECRET_KEY) private readonly key: Buffer,
    @Inject(LOGGER) private readonly logger: Pick<Logger, 'warn'>,
    @InjectQueue('notify') private readonly queue: Pick<Queue, 'add'>,
  ) {}

  async list(projectId: number): Promise<ChannelView[]> {
    const rows = await this.storage.db.channel.findMany({ where: { projectId }, orderBy: { id: 'asc' } });
    return rows.map((row) => this.viewOf(row));
  }

  /** @throws ApiError CHANNEL_NOT_FOUND */
  async get(projectId: number, id: string): Promise<ChannelView> {
    return this.viewOf(await this.find(projectId, id));
  }

  /** @throws ApiError INVALID_FIELD, UNKNOWN_FIELD, CHANNEL_ADDRESS_REFUSED, CONFLICT */
  async create(projectId: number, body: unknown, actor: Actor): Promise<ChannelView> {
    const input = readInput(channelInput, body, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    this.checkAddress(input.config);
    checkSecret(input.secret);
    const { db } = this.storage;
    if ((await db.channel.count({ where: { projectId } })) >= MAX_CHANNELS) {
      throw new ApiError(
        'CONFLICT',
        `The project has ${MAX_CHANNELS} channels, which is the limit. Delete one first.`,
      );
    }
    const { kind, name, config, enabled } = input;
    const now = this.clock.now();
    const id = uuidV7(now);
    const current = input.secret ?? newWebhookSecret();
    const times = { createdAt: new Date(now), updatedAt: new Date(now) };
    return db.$transaction(async (tx) => {
      const secret = this.seal(projectId, id, { current });
      const row = await tx.channel.create({
        data: { projectId, id, kind, name, config, enabled, secret, ...times },
      });
      await writeAudit(tx, auditOf(actor, 'channel.create', id, name), now);
      return { ...this.viewOf(row), secret: current };
    });
  }

  /** @throws ApiError CHANNEL_NOT_FOUND, INVALID_FIELD, UNKNOWN_FIELD, CHANNEL_ADDRESS_REFUSED */
  async update(projectId: number, id: string, body: unknown, actor: Actor): Promise<ChannelView> {
    const patch = readInput(channelPatch, body, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    const before = await this.find(projectId, id);
    if (patch.config !== undefined) this.checkAddress(patch.config);
    const made = newSecretOf(patch);
    const now = this.clock.now();
    const { name, config, enabled } = patch;
    const data: Prisma.ChannelUncheckedUpdateInput = { updatedAt: new Date(now) };
    if (name !== undefined) data.name = name;
    if (config !== undefined) data.config = config;
    if (enabled !== undefined) Object.assign(data, { enabled, disabledReason: null });
    if (made !== undefined) data.secret = this.seal(projectId, id, this.rotated(before, made, now));
    return this.storage.db.$transaction(async (tx) => {
      const row = await tx.channel.update({ where: { projectId_id: { projectId, id } }, data });
      const action = made === undefined ? 'channel.update' : 'channel.rotate_secret';
      await writeAudit(tx, auditOf(actor, action, id, row.name), now);
      return { ...this.viewOf(row), ...(made === undefined ? {} : { secret: made }) };
    });
  }

  /** @throws ApiError CHANNEL_NOT_FOUND; CONFLICT while a rule names the channel, which would then tell nobody */
  async remove(projectId: number, id: string, actor: Actor): Promise<void> {
    const { name } = await this.find(projectId, id);
    await this.storage.db.$transaction(async (tx) => {
      const rules = await tx.alertRule.findMany({
        where: { projectId, channelIds: { has: id } },
        select: { name: true },
      });
      if (rules.length > 0) {
        const names = rules.map((rule) => JSON.stringify(rule.name)).join(', ');
        throw new ApiError(
          'CONFLICT',
          `The channel is named by the rules ${names}. Change their channel_ids first.`,
        );
      }
      await tx.channel.deleteMany({ where: { projectId, id } });
      await writeAudit(tx, auditOf(actor, 'channel.delete', id, name), this.clock.now());
    });
  }

  /**
   * Sends a test message the way that alerts go, and waits for what became of it.
   * @returns its delivery; still `pending` where no worker took it in time
   * @throws ApiError CHANNEL_NOT_FOUND
   */
  async test(projectId: number, id: string): Promise<DeliveryView> {
    const channel = await this.find(projectId, id);
    const project = await this.storage.db.project.findUniqueOrThrow({ where: { id: projectId } });
    const now = this.clock.now();
    const payload: TestPayload = {
      type: 'channel.test',
      timestamp: toRfc3339(now),
      data: {
        summary: `Test of the channel ${channel.name}: alerts of ${project.name} will arrive like this.`,
        channel: { id, name: channel.name },
        project: { id: project.id, name: project.name },
      },
    };
    // It belongs to no incident; an id of its own keeps it out of every queue of messages.
    const message = {
      id: uuidV7(now),
      incidentId: uuidV7(now),
      channelId: id,
      reason: 'test' as const,
      payload,
    };
    await addToOutbox(this.storage.db, projectId, [message], now);
    await this.askForDelivery();
    return this.awaitDelivery(projectId, message.incidentId);
  }

  private async askForDelivery(): Promise<void> {
    const options = { ...jobOptions(JOBS.notify), deduplication: { id: 'notify', keepLastIfActive: true } };
    await withTimeout(this.queue.add('notify', {}, options), this.env.QUEUE_TIMEOUT_MS).catch(
      (error: unknown) =>
        this.logger.warn({ err: error }, 'no delivery could be asked for; the worker looks by itself'),
    );
  }

  private async awaitDelivery(projectId: number, incidentId: string): Promise<DeliveryView> {
    for (let waited = 0; ; waited += TEST_LOOK_MS) {
      const [delivery] = await readDeliveries(this.storage, projectId, incidentId);
      if (delivery!.state !== 'pending' || waited >= TEST_WAIT_MS) return delivery!;
      await new Promise((resolve) => setTimeout(resolve, TEST_LOOK_MS));
    }
  }

  private async find(projectId: number, id: string): Promise<ChannelRow> {
    const known = z.uuid().safeParse(id).success;
    const row = known ? await this.storage.db.channel.findFirst({ where: { projectId, id } }) : null;
    if (row === null)
      throw new ApiError('CHANNEL_NOT_FOUND', `This project has no channel ${JSON.stringify(id)}.`);
    return row;
  }

  private checkAddress({ url }: WebhookConfig): void {
    const { WEBHOOK_ALLOW_PRIVATE: open, WEBHOOK_ALLOW_HOSTS: allowHosts } = this.env;
    const check = checkUrl(url, { allowPrivate: open, allowHttp: open, allowHosts });
    if (check.ok) return;
    const errors = [{ field: 'config.url', message: check.message }];
    throw new ApiError('CHANNEL_ADDRESS_REFUSED', `config.url: ${check.message}`, { errors });
  }

  private rotated(before: ChannelRow, current: string, now: number): WebhookSecrets {
    const previous = this.secretsOf(before)?.current;
    return previous === undefined ? { current } : { current, previous, previousUntil: now + DAY };
  }

  private seal(projectId: number, id: string, secrets: WebhookSecrets): Uint8Array<ArrayBuffer> {
    return new Uint8Array(sealSecret(this.key, JSON.stringify(secrets), channelSecretContext(projectId, id)));
  }

  /** Undefined where there is none or where it was sealed under another key. */
  private secretsOf({ projectId, id, secret }: ChannelRow): WebhookSecrets | undefined {
    if (secret === null) return undefined;
    try {
      return webhookSecrets.parse(
        JSON.parse(openSecret(this.key, secret, channelSecretContext(projectId, id))),
      );
    } catch {
      return undefined;
    }
  }

  private viewOf(row: ChannelRow): ChannelView {
    return {
      id: row.id,
      kind: row.kind,
      name: row.name,
      config: row.config as WebhookConfig,
      secret_last_four: this.secretsOf(row)?.current.slice(-4) ?? null,
      enabled: row.enabled,
      disabled_reason: row.disabledReason,
      created_at: row.createdAt.toISOString(),
      updated_at: row.updatedAt.toISOString(),
    };
  }
}

function newSecretOf(patch: ChannelPatch): string | undefined {
  if (patch.secret !== undefined && patch.rotate_secret !== undefined) {
    const errors = [{ field: 'rotate_secret', message: 'must be left out where secret is given' }];
    throw new ApiError('INVALID_FIELD', 'rotate_secret: give either secret or rotate_secret.', { errors });
  }
  checkSecret(patch.secret);
  return patch.secret ?? (patch.rotate_secret ? newWebhookSecret() : undefined);
}

// What cannot sign must not be stored: it would be found out at the first page.
function checkSecret(secret: string | undefined): void {
  if (secret === undefined) return;
  try {
    signWebhook({ id: 'check', timestampSeconds: 0, body: '', secrets: [secret] });
  } catch {
    const message = 'must be whsec_ followed by 24 to 64 bytes in base64';
    throw new ApiError('INVALID_FIELD', `secret: ${message}.`, { errors: [{ field: 'secret', message }] });
  }
}
