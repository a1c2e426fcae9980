import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiError, createKeyBody, rotateKeyBody } from '@errata/contracts';
import type { KeyAnswer } from '@errata/contracts';
import { toRfc3339 } from '@errata/core';
import { normalizeUuid } from '@errata/platform';
import type { Clock } from '@errata/platform';
import { createIngestKey, dsnOf, listIngestKeys, revokeIngestKey, rotateIngestKey } from '@errata/storage';
import type { IngestKeyRecord, Storage } from '@errata/storage';
import { Caller, Policy, ProjectId } from '../auth/policy.js';
import type { CallerToken } from '../auth/policy.js';
import { CLOCK, PUBLIC_URL, STORAGE } from '../tokens.js';
import { actorOf } from './actor.js';
import { readInput } from './read-input.js';

/** Ingest keys of a project. */
@Controller('api/v1/projects/:projectId/keys')
export class KeysController {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(PUBLIC_URL) private readonly publicUrl: () => string,
  ) {}

  @Get()
  @Policy('project:read')
  async list(@ProjectId() projectId: number): Promise<{ data: KeyAnswer[] }> {
    const keys = await listIngestKeys(this.storage.db, projectId);
    return { data: keys.map((key) => this.present(key)) };
  }

  @Post()
  @Policy('project:write')
  async create(
    @Caller() caller: CallerToken,
    @ProjectId() projectId: number,
    @Body() body: unknown,
  ): Promise<KeyAnswer> {
    const input = readInput(createKeyBody, body ?? {}, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    const key = await createIngestKey(
      this.storage,
      {
        projectId,
        label: input.label,
        multiTenant: input.multi_tenant,
        ratePerSecond: input.rate_per_second,
        burst: input.burst,
        actor: actorOf(caller),
      },
      this.clock.now(),
    );
    return this.present(key);
  }

  @Post(':keyId/rotate')
  @Policy('project:write')
  async rotate(
    @Caller() caller: CallerToken,
    @ProjectId() projectId: number,
    @Param('keyId') id: string,
    @Body() body: unknown,
  ): Promise<{ key: KeyAnswer; replaced: KeyAnswer }> {
    const { grace_seconds } = readInput(rotateKeyBody, body ?? {}, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    const keyId = keyIdOf(id);
    const rotation = await rotateIngestKey(
      this.storage.db,
      target(caller, projectId),
      keyId,
      grace_seconds,
      this.clock.now(),
    );
    if (rotation.done)
      return { key: this.present(rotation.created), replaced: this.present(rotation.replaced) };
    if (rotation.ended)
      throw new ApiError('CONFLICT', 'This key has ended; make a new one instead of rotating it.');
    throw notFound(id);
  }

  @Delete(':keyId')
  @Policy('project:write')
  @HttpCode(204)
  async revoke(
    @Caller() caller: CallerToken,
    @ProjectId() projectId: number,
    @Param('keyId') id: string,
  ): Promise<void> {
    const found = await revokeIngestKey(
      this.storage.db,
      target(caller, projectId),
      keyIdOf(id),
      this.clock.now(),
    );
    if (!found) throw notFound(id);
  }

  private present(key: IngestKeyRecord): KeyAnswer {
    return {
      id: key.id,
      public_key: key.publicKey,
      dsn: dsnOf(this.publicUrl(), key.publicKey, key.projectId),
      label: key.label,
      multi_tenant: key.multiTenant,
      rate_per_second: key.ratePerSecond,
      burst: key.burst,
      created_at: toRfc3339(key.createdAt.getTime()),
      expires_at: key.expiresAt === null ? null : toRfc3339(key.expiresAt.getTime()),
      revoked_at: key.revokedAt === null ? null : toRfc3339(key.revokedAt.getTime()),
    };
  }
}

const target = (caller: CallerToken, projectId: number) => ({
  organizationId: caller.organizationId,
  projectId,
  actor: actorOf(caller),
});

const notFound = (id: string) =>
  new ApiError('KEY_NOT_FOUND', `This project has no ingest key ${JSON.stringify(id)}.`);

function keyIdOf(text: string): string {
  const id = normalizeUuid(text);
  if (id === undefined) throw notFound(text);
  return id;
}
