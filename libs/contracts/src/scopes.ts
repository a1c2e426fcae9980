/** What an API token may be allowed to do. */
export const SCOPES = [
  'events:read',
  'alerts:read',
  'alerts:write',
  'project:read',
  'project:write',
] as const;
export type Scope = (typeof SCOPES)[number];
