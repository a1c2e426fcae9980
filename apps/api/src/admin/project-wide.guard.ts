import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ApiError } from '@errata/contracts';
import type { AuthorizedRequest } from '../auth/policy.js';

/**
 * Refuses tokens that may see one tenant only: rules, channels and incidents span the tenants of a project, and
 * none of them can be shown in part.
 */
@Injectable()
export class ProjectWideGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { caller } = context.switchToHttp().getRequest<AuthorizedRequest>();
    if (caller !== undefined && caller.tenant === null) return true;
    throw new ApiError(
      'SCOPE_REQUIRED',
      'This token sees one tenant only; alerting needs a token for the whole project.',
    );
  }
}
