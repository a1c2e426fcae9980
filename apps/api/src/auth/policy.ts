import { SetMetadata, createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { Scope } from '@errata/contracts';
import type { FastifyRequest } from 'fastify';
import type { IngestKey } from './key-cache.js';

/** A scope of API tokens; `public` needs no token, `ingest` an ingest key. */
export type PolicyName = Scope | 'public' | 'ingest';

export const POLICY = Symbol('policy');

/** Declares who may call a route. A route without a policy is refused, and a test finds it. */
export const Policy = (name: PolicyName) => SetMetadata(POLICY, name);

/** The API token of a request, after the guard has let it through. */
export interface CallerToken {
  tokenId: string;
  organizationId: string;
  /** Set where the token sees one project only. */
  projectId: number | null;
  scopes: readonly string[];
  /** Set where the token sees one tenant only. */
  tenant: string | null;
  requestsPerMinute: number;
}

/** What the guard leaves on the request. */
export interface AuthorizedRequest extends FastifyRequest {
  caller?: CallerToken;
  ingestKey?: IngestKey;
  projectId?: number;
}

const requestOf = (context: ExecutionContext) => context.switchToHttp().getRequest<AuthorizedRequest>();

/** The calling token. */
export const Caller = createParamDecorator(
  (_: unknown, context: ExecutionContext) => requestOf(context).caller,
);

/** The project of the route, which the caller is known to be allowed to see. */
export const ProjectId = createParamDecorator(
  (_: unknown, context: ExecutionContext) => requestOf(context).projectId,
);
