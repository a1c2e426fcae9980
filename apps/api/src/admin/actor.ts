import type { CallerToken } from '../auth/policy.js';

/** Who made a change, as the audit log names them. */
export const actorOf = (caller: Pick<CallerToken, 'tokenId'>): string => `token:${caller.tokenId}`;
