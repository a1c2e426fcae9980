import { z } from 'zod';
import { INCIDENT_STATES, RETRYABILITIES, RULE_KINDS, SEVERITIES } from '@errata/core';

/**
 * The body of a webhook: a Standard Webhooks message (`type`, `timestamp`, `data`). The id, the time
 * of sending and the signature are in its headers; the id stays the same over all attempts.
 */

const time = z.iso.datetime();
const link = z.string();

const documented = z.object({
  catalog: z.string().describe('Title of the catalog that documents the code.'),
  section: z.string(),
  title: z.string(),
  meaning: z.string(),
  causes: z.array(z.string()),
  resolution: z.string().describe('What to do about it, as documented.'),
  retry: z.object({
    retryability: z.enum(RETRYABILITIES),
    strategy: z.enum(['backoff', 'retry_after', 'wait_for']).optional(),
    condition: z.string().optional(),
    maxAttempts: z.number().optional(),
    minDelaySeconds: z.number().optional(),
  }),
  docs_url: link.nullable(),
});

export const alertPayload = z.object({
  type: z.enum(['incident.firing', 'incident.resolved']),
  timestamp: time,
  data: z.object({
    summary: z.string().describe('The alert in one line of words.'),
    incident: z.object({
      id: z.string().describe('The same in the firing and the resolved message: deduplicate pages by it.'),
      state: z.enum(INCIDENT_STATES),
      severity: z.enum(SEVERITIES),
      labels: z.record(z.string(), z.string()),
      value: z.number().describe('Events inside the window now; an estimate where the window cuts a minute.'),
      peak: z.number(),
      started_at: time,
      resolved_at: time.nullable(),
      url: link,
    }),
    rule: z.object({
      id: z.string(),
      name: z.string(),
      kind: z.enum(RULE_KINDS).nullable().describe('Null where the rule was deleted.'),
      runbook_url: link.nullable(),
    }),
    project: z.object({ id: z.int(), name: z.string() }),
    code: z.string().nullable().describe('Null where the incident spans several codes.'),
    tenant: z
      .string()
      .nullable()
      .describe('Null where the incident spans several tenants, or events name none.'),
    count: z.int().describe('Whole events inside the window; in a resolved message, at the peak.'),
    window_seconds: z.int().nullable(),
    documented: documented.nullable(),
    retryability: z.enum(RETRYABILITIES).nullable(),
  }),
});
export type AlertPayload = z.infer<typeof alertPayload>;

/** What `POST …/channels/:id/test` sends. */
export const testPayload = z.object({
  type: z.literal('channel.test'),
  timestamp: time,
  data: z.object({
    summary: z.string(),
    channel: z.object({ id: z.string(), name: z.string() }),
    project: z.object({ id: z.int(), name: z.string() }),
  }),
});
export type TestPayload = z.infer<typeof testPayload>;
