import { ApiError } from '@errata/contracts';
import type { CallerToken } from '../auth/policy.js';

/** What a new token would be allowed to do. */
export interface TokenGrant {
  scopes: readonly string[];
  projectId: number | null;
  tenant: string | null;
  expiresAt: Date | null;
}

/**
 * Nobody gives away more than they have, and a token of one tenant reads its events and nothing else.
 * @throws ApiError SCOPE_REQUIRED, PROJECT_NOT_FOUND or INVALID_FIELD
 */
export function checkGrant(
  caller: Pick<CallerToken, 'scopes' | 'projectId'>,
  grant: TokenGrant,
  now: number,
): void {
  if (caller.projectId !== null && grant.projectId !== caller.projectId) {
    throw new ApiError('PROJECT_NOT_FOUND', 'This token is bound to another project.', {
      errors: [{ field: 'project_id', message: 'is not a project that this token may see' }],
    });
  }
  const missing = grant.scopes.filter((scope) => !caller.scopes.includes(scope));
  if (missing.length > 0) {
    const message = `must be scopes that the calling token has itself; it lacks ${missing.join(', ')}`;
    throw new ApiError('SCOPE_REQUIRED', `\`scopes\` ${message}.`, {
      errors: [{ field: 'scopes', message }],
    });
  }
  // Everything but events is kept for whole projects and would show other tenants.
  if (grant.tenant !== null && grant.scopes.some((scope) => scope !== 'events:read')) {
    throw invalid('scopes', 'must be events:read alone for a token of one tenant');
  }
  if (grant.expiresAt !== null && grant.expiresAt.getTime() <= now)
    throw invalid('expires_at', 'must lie in the future');
}

const invalid = (field: string, message: string) =>
  new ApiError('INVALID_FIELD', `\`${field}\` ${message}.`, { errors: [{ field, message }] });
