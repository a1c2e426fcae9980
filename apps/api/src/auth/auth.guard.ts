import { Inject, Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiError } from '@errata/contracts';
import type { Clock, RateLimiter } from '@errata/platform';
import type { Storage } from '@errata/storage';
import type { FastifyReply } from 'fastify';
import { UnreadableBody } from '../body-parser.js';
import { CLOCK, KEY_CACHE, RATE_LIMITER, STORAGE, TOKEN_CACHE } from '../tokens.js';
import type { ApiToken, IngestKey } from './key-cache.js';
import { POLICY } from './policy.js';
import type { AuthorizedRequest, PolicyName } from './policy.js';
import type { TtlCache } from './ttl-cache.js';

/** Lets a request through if its key or token may do what the route's policy says. Denies by default. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(KEY_CACHE) private readonly keys: TtlCache<IngestKey>,
    @Inject(TOKEN_CACHE) private readonly tokens: TtlCache<ApiToken>,
    @Inject(RATE_LIMITER) private readonly limiter: RateLimiter,
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.getAllAndOverride<PolicyName | undefined>(POLICY, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (policy === undefined) throw new ApiError('INTERNAL_ERROR', 'This route declares no policy.');
    if (policy === 'public') return true;
    const request = context.switchToHttp().getRequest<AuthorizedRequest>();
    if (policy === 'ingest') {
      request.ingestKey = await this.ingestKey(request);
      return true;
    }
    const token = await this.token(request);
    await this.limit(token, context.switchToHttp().getResponse<FastifyReply>());
    if (!token.scopes.includes(policy)) {
      throw new ApiError(
        'SCOPE_REQUIRED',
        `This token has the scopes ${token.scopes.join(', ')}; the route needs ${policy}.`,
      );
    }
    request.caller = token;
    await this.authorizeProject(request, token);
    if (request.body instanceof UnreadableBody) throw request.body.error;
    return true;
  }

  private async ingestKey(request: AuthorizedRequest): Promise<IngestKey> {
    const text = bearer(request) ?? header(request, 'x-errata-key');
    if (text === undefined) {
      throw new ApiError(
        'KEY_MISSING',
        'Send the ingest key as `Authorization: Bearer <key>` or `X-Errata-Key: <key>`.',
      );
    }
    const key = /^[0-9a-f]{32}$/i.test(text) ? await lookUp(this.keys, text.toLowerCase()) : undefined;
    if (key === undefined) {
      throw new ApiError(
        'KEY_INVALID',
        'No such ingest key. A key is 32 hex digits: the part of the DSN before the @.',
      );
    }
    const ended =
      key.revokedAt ??
      (key.expiresAt !== null && key.expiresAt.getTime() <= this.clock.now() ? key.expiresAt : null);
    if (ended !== null) {
      throw new ApiError(
        'KEY_REVOKED',
        `This ingest key ended at ${ended.toISOString()}. Use a current key of the project.`,
      );
    }
    return key;
  }

  private async token(request: AuthorizedRequest): Promise<ApiToken> {
    const text = bearer(request);
    if (text === undefined) {
      throw new ApiError('TOKEN_MISSING', 'Send an API token as `Authorization: Bearer errata_…`.', {
        headers: { 'www-authenticate': 'Bearer realm="errata"' },
      });
    }
    const token = await lookUp(this.tokens, text);
    if (token === undefined)
      throw new ApiError('TOKEN_INVALID', 'No such API token; check that it was copied whole.');
    if (token.revokedAt !== null) {
      throw new ApiError('TOKEN_REVOKED', `This API token was revoked at ${token.revokedAt.toISOString()}.`);
    }
    if (token.expiresAt !== null && token.expiresAt.getTime() <= this.clock.now()) {
      throw new ApiError('TOKEN_EXPIRED', `This API token expired at ${token.expiresAt.toISOString()}.`);
    }
    return token;
  }

  private async limit(token: ApiToken, reply: FastifyReply): Promise<void> {
    const quota = token.requestsPerMinute;
    const decision = await this.limiter.take(
      `token:${token.tokenId}`,
      { ratePerSecond: quota / 60, burst: quota },
      1,
      this.clock.now(),
    );
    const wait = Math.ceil(decision.allowed ? decision.resetMs / 1000 : decision.retryAfterSeconds);
    const headers = {
      'ratelimit-policy': `"token";q=${quota};w=60`,
      ratelimit: `"token";r=${Math.max(0, Math.floor(decision.remaining))};t=${wait}`,
    };
    if (decision.allowed) {
      void reply.headers(headers);
      return;
    }
    throw new ApiError(
      'RATE_LIMITED',
      `This token may make ${quota} requests a minute. Try again after ${decision.retryAfterSeconds} s.`,
      {
        retryAfter: decision.retryAfterSeconds,
        headers,
      },
    );
  }

  // A project of another organization answers exactly as one that does not exist.
  private async authorizeProject(request: AuthorizedRequest, token: ApiToken): Promise<void> {
    const { projectId: text } = request.params as { projectId?: string };
    if (text === undefined) return;
    const id = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
    const visible = id !== undefined && (token.projectId === null || token.projectId === id);
    const project = visible
      ? await this.storage.db.project.findFirst({
          where: { id, organizationId: token.organizationId },
          select: { id: true },
        })
      : null;
    if (project === null) {
      throw new ApiError(
        'PROJECT_NOT_FOUND',
        `There is no project ${JSON.stringify(text)} that this token may see.`,
      );
    }
    request.projectId = project.id;
  }
}

// A database that is away is no reason to call a key wrong; the client should come back.
async function lookUp<T>(cache: TtlCache<T>, text: string): Promise<T | undefined> {
  try {
    return await cache.get(text);
  } catch {
    throw new ApiError('NOT_READY', 'Keys and tokens cannot be checked at the moment. Try again.', {
      retryAfter: 5,
    });
  }
}

function bearer(request: AuthorizedRequest): string | undefined {
  const value = header(request, 'authorization');
  const match = value === undefined ? null : /^bearer\s+(\S+)$/i.exec(value);
  return match?.[1];
}

function header(request: AuthorizedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
