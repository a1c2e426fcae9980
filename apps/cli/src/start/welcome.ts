import type { ReadyFile } from '../replay/target.js';

/** What a person needs after the start: where it is, how to send, how to read. */
export function welcome(ready: ReadyFile): string {
  const event = JSON.stringify({
    tenant: 'acme',
    error: { code: 'RATE_LIMIT_EXCEEDED', message: 'Too many requests' },
    http: { method: 'GET', route: '/orders/:id', status: 429 },
  });
  return `
Errata is running.

  URL        ${ready.url}
  API docs   ${ready.url}/docs
  DSN        ${ready.dsn}
  API token  ${ready.apiToken}

Send a first event:

  curl -sS -X POST '${ready.url}/v1/events' -H 'Authorization: Bearer ${ready.ingestKey}' -H 'Content-Type: application/json' -d '${event}'

See it:

  curl -sS '${ready.url}/api/v1/projects/${ready.projectId}/events' -H 'Authorization: Bearer ${ready.apiToken}'

Ctrl-C stops everything in order.
`;
}
