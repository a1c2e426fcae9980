import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiError, createTokenBody } from '@errata/contracts';
import type { TokenAnswer } from '@errata/contracts';
import { toRfc3339 } from '@errata/core';
import { normalizeUuid } from '@errata/platform';
import type { Clock } from '@errata/platform';
import { createApiToken, findProject, listApiTokens, revokeApiToken } from '@errata/storage';
import type { ApiTokenRecord, Storage } from '@errata/storage';
import { Caller, Policy } from '../auth/policy.js';
import type { CallerToken } from '../auth/policy.js';
import { CLOCK, STORAGE } from '../tokens.js';
import { actorOf } from './actor.js';
import { readInput } from './read-input.js';
import { checkGrant } from './token-grant.js';

/** API tokens of the caller's organization. */
@Controller('api/v1/tokens')
export class TokensController {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Policy('project:read')
  async list(@Caller() caller: CallerToken): Promise<{ data: TokenAnswer[] }> {
    const tokens = await listApiTokens(this.storage.db, caller.organizationId, caller.projectId ?? undefined);
    return { data: tokens.map(present) };
  }

  @Post()
  @Policy('project:write')
  async create(
    @Caller() caller: CallerToken,
    @Body() body: unknown,
  ): Promise<TokenAnswer & { token: string }> {
    const input = readInput(createTokenBody, body ?? {}, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    const now = this.clock.now();
    const expiresAt = input.expires_at === null ? null : new Date(input.expires_at);
    const grant = { ...input, expiresAt, projectId: input.project_id ?? caller.projectId };
    checkGrant(caller, grant, now);
    if (grant.projectId !== null) await this.checkProject(caller, grant.projectId);
    const { token, record } = await createApiToken(
      this.storage,
      {
        organizationId: caller.organizationId,
        projectId: grant.projectId,
        name: input.name,
        scopes: [...new Set(input.scopes)],
        tenant: input.tenant,
        requestsPerMinute: input.requests_per_minute,
        expiresAt,
        actor: actorOf(caller),
      },
      now,
    );
    return { ...present(record), token };
  }

  @Delete(':tokenId')
  @Policy('project:write')
  @HttpCode(204)
  async revoke(@Caller() caller: CallerToken, @Param('tokenId') id: string): Promise<void> {
    const tokenId = normalizeUuid(id);
    const { organizationId, projectId } = caller;
    const target = { organizationId, ...(projectId === null ? {} : { projectId }), actor: actorOf(caller) };
    const found =
      tokenId !== undefined &&
      (await revokeApiToken(this.storage.db, { ...target, tokenId }, this.clock.now()));
    if (!found)
      throw new ApiError('KEY_NOT_FOUND', `There is no API token with the id ${JSON.stringify(id)}.`);
  }

  private async checkProject(caller: CallerToken, projectId: number): Promise<void> {
    const project = await findProject(this.storage.db, caller.organizationId, projectId);
    if (project !== undefined) return;
    throw new ApiError('PROJECT_NOT_FOUND', `There is no project ${projectId}.`, {
      errors: [{ field: 'project_id', message: 'is not a project that this token may see' }],
    });
  }
}

const timeOrNull = (at: Date | null) => (at === null ? null : toRfc3339(at.getTime()));

const present = (token: ApiTokenRecord): TokenAnswer => ({
  id: token.id,
  name: token.name,
  last_four: token.lastFour,
  scopes: token.scopes,
  project_id: token.projectId,
  tenant: token.tenant,
  requests_per_minute: token.requestsPerMinute,
  created_at: toRfc3339(token.createdAt.getTime()),
  expires_at: timeOrNull(token.expiresAt),
  last_used_at: timeOrNull(token.lastUsedAt),
  revoked_at: timeOrNull(token.revokedAt),
});
