import { ApiError } from '@errata/contracts';
import { checkGrant } from './token-grant.js';
import type { TokenGrant } from './token-grant.js';

const NOW = 1_000_000;
const caller = { scopes: ['events:read', 'project:write'], projectId: null as number | null };
const grant: TokenGrant = { scopes: ['events:read'], projectId: null, tenant: null, expiresAt: null };

const outcome = (from: Partial<typeof caller>, change: Partial<TokenGrant>): string => {
  try {
    checkGrant({ ...caller, ...from }, { ...grant, ...change }, NOW);
    return 'granted';
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.options.errors?.[0]?.field}`;
    throw error;
  }
};

describe('checkGrant', () => {
  it.each<[string, Partial<typeof caller>, Partial<TokenGrant>, string]>([
    ['fewer scopes', {}, {}, 'granted'],
    ['its own scopes', {}, { scopes: caller.scopes }, 'granted'],
    ['a scope it lacks', {}, { scopes: ['alerts:read'] }, 'SCOPE_REQUIRED scopes'],
    ['its own project', { projectId: 1 }, { projectId: 1 }, 'granted'],
    ['another project', { projectId: 1 }, { projectId: 2 }, 'PROJECT_NOT_FOUND project_id'],
    ['all projects, bound to one', { projectId: 1 }, {}, 'PROJECT_NOT_FOUND project_id'],
    ['one tenant', {}, { tenant: 'acme' }, 'granted'],
    [
      'one tenant and more than events',
      {},
      { tenant: 'acme', scopes: caller.scopes },
      'INVALID_FIELD scopes',
    ],
    ['an end in the past', {}, { expiresAt: new Date(NOW) }, 'INVALID_FIELD expires_at'],
    ['an end to come', {}, { expiresAt: new Date(NOW + 1) }, 'granted'],
  ])('%s', (_, from, change, expected) => {
    expect(outcome(from, change)).toBe(expected);
  });
});
