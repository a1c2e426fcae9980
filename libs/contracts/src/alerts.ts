import { z } from 'zod';
import {
  CATEGORIES,
  EXPECTATIONS,
  GROUP_DIMENSIONS,
  INCIDENT_STATES,
  RETRYABILITIES,
  RULE_KINDS,
  SEVERITIES,
} from '@errata/core';
import { storable } from './admin.js';

/** Alert rules, channels and incidents as the REST API speaks them. Objects are strict: a misspelt key is an error. */

const DAY_SECONDS = 86_400;
/** Events in one window; more than any window holds. */
const MAX_THRESHOLD = 1_000_000_000;

const name = storable(
  z.string().trim().min(1, 'must not be empty').max(200, 'must be at most 200 characters'),
);
const seconds = (min: number, max: number) =>
  z
    .int('must be a whole number of seconds')
    .min(min, `must be at least ${min} seconds`)
    .max(max, `must be at most ${max} seconds`);
const link = storable(
  z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .max(500, 'must be at most 500 characters'),
);

/** One value or a list of them, always a list afterwards. */
const oneOrMany = <T extends z.ZodType>(value: T) =>
  z.preprocess(
    (given) => (given === undefined || Array.isArray(given) ? given : [given]),
    z.array(value).min(1, 'must name at least one value').max(100, 'must name at most 100 values').optional(),
  );
const text = storable(z.string().max(200, 'must be at most 200 characters'));
const status = z
  .union([
    z.int().min(0).max(599),
    z.string().regex(/^[1-5]\d\d$/, 'must be an HTTP status between 100 and 599'),
  ])
  .transform(String);

export const ruleFilters = z.strictObject({
  code: oneOrMany(text),
  tenant: oneOrMany(text),
  environment: oneOrMany(text),
  service: oneOrMany(text),
  status: oneOrMany(status),
  retryability: oneOrMany(z.enum(RETRYABILITIES)),
  category: oneOrMany(z.enum(CATEGORIES)),
  severity: oneOrMany(z.enum(SEVERITIES)),
  expectation: oneOrMany(z.enum(EXPECTATIONS)),
});

const thresholdParams = z.strictObject({
  threshold: z
    .int('must be a whole number of events')
    .min(1, 'must be at least 1')
    .max(MAX_THRESHOLD, `must be at most ${MAX_THRESHOLD}`),
  window_seconds: seconds(60, DAY_SECONDS).multipleOf(
    60,
    'must be a multiple of 60, because counts are kept by the minute',
  ),
  direction: z.literal('above', 'must be "above", the only direction there is').optional(),
});
const neverParams = z.strictObject({ window_seconds: seconds(5, 3_600).default(300) });

const kind = z.enum(RULE_KINDS, `must be one of the supported kinds: ${RULE_KINDS.join(', ')}`);

const ruleFields = {
  name,
  enabled: z.boolean().default(true),
  filters: ruleFilters.default({}),
  group_by: z
    .array(z.enum(GROUP_DIMENSIONS, `must be one of ${GROUP_DIMENSIONS.join(', ')}`))
    .refine((names) => new Set(names).size === names.length, 'must not name a dimension twice')
    .default(['code', 'tenant'])
    .describe(
      'Each combination of these is an incident of its own. An empty list counts everything together.',
    ),
  for_seconds: seconds(0, DAY_SECONDS).default(0).describe('How long a breach must hold before it fires.'),
  resolve_after_seconds: seconds(1, DAY_SECONDS)
    .default(300)
    .describe('How long it must be quiet before it resolves.'),
  severity: z.enum(SEVERITIES).default('high'),
  labels: z
    .record(z.string().regex(/^[a-zA-Z_]\w{0,49}$/, 'must be a label name such as team'), text)
    .refine((labels) => Object.keys(labels).length <= 10, 'must be at most 10 labels')
    .default({}),
  runbook_url: link.nullable().default(null),
  channel_ids: z
    .array(z.uuid('must be the id of a channel'))
    .min(1, 'must name at least one channel; null means every channel')
    .max(50, 'must name at most 50 channels')
    .nullable()
    .default(null),
};

/** A whole rule: what POST takes, and what a PATCH must come to. */
export const ruleInput = z
  .strictObject({ ...ruleFields, kind, params: z.unknown().optional() })
  .transform((rule, context) => {
    const schema = rule.kind === 'threshold' ? thresholdParams : neverParams;
    const params = schema.safeParse(rule.params ?? {});
    if (params.success) return { ...rule, params: params.data };
    for (const issue of params.error.issues) {
      context.issues.push({ ...issue, path: ['params', ...issue.path], input: rule.params } as never);
    }
    return z.NEVER;
  });
export type RuleInput = z.output<typeof ruleInput>;

/** Names that a PATCH of a rule may carry. */
export const RULE_FIELDS = [...Object.keys(ruleFields), 'kind', 'params'] as const;

const time = z.iso.datetime();

export const ruleView = z.object({
  id: z.uuid(),
  name: z.string(),
  kind: z.string(),
  enabled: z.boolean(),
  filters: z.record(z.string(), z.unknown()),
  group_by: z.array(z.string()),
  params: z.record(z.string(), z.unknown()),
  for_seconds: z.int(),
  resolve_after_seconds: z.int(),
  severity: z.string(),
  labels: z.record(z.string(), z.unknown()),
  runbook_url: z.string().nullable(),
  channel_ids: z.array(z.uuid()).nullable().describe('Null: every enabled channel of the project.'),
  origin: z.enum(['user', 'default']),
  created_at: time,
  updated_at: time,
});
export type RuleView = z.infer<typeof ruleView>;

/** Kinds of channels that can be made. */
export const CHANNEL_KINDS = ['webhook'] as const;

export const webhookConfig = z.strictObject({
  url: storable(
    z
      .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
      .max(2_000, 'must be at most 2000 characters'),
  ),
});
export type WebhookConfig = z.infer<typeof webhookConfig>;

/** Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. */
const secret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'must be whsec_ followed by base64')
  .refine((given) => {
    const bytes = Math.floor((given.slice('whsec_'.length).replace(/=+$/, '').length * 3) / 4);
    return bytes >= 24 && bytes <= 64;
  }, 'must hold 24 to 64 bytes');

export const channelInput = z.strictObject({
  kind: z.enum(CHANNEL_KINDS, `must be one of the supported kinds: ${CHANNEL_KINDS.join(', ')}`),
  name,
  config: webhookConfig,
  secret: secret
    .optional()
    .describe('The signing secret. Left out: one is made and shown once in the answer.'),
  enabled: z.boolean().default(true),
});
export type ChannelInput = z.output<typeof channelInput>;

export const channelPatch = z.strictObject({
  name: name.optional(),
  config: webhookConfig.optional(),
  enabled: z.boolean().optional(),
  secret: secret.optional().describe('A new signing secret; the old one signs beside it for another day.'),
  rotate_secret: z
    .literal(true, 'must be true, or be left out')
    .optional()
    .describe('Makes a new secret and shows it once.'),
});
export type ChannelPatch = z.output<typeof channelPatch>;

export const channelView = z.object({
  id: z.uuid(),
  kind: z.string(),
  name: z.string(),
  config: webhookConfig,
  secret_last_four: z.string().nullable().describe('Null where the secret was sealed under another key.'),
  enabled: z.boolean(),
  disabled_reason: z.string().nullable(),
  created_at: time,
  updated_at: time,
  secret: z.string().optional().describe('Only in the answer that made it.'),
});
export type ChannelView = z.infer<typeof channelView>;

/** What is sealed in a webhook channel's `secret`: during a rotation both sign. */
export const webhookSecrets = z.object({
  current: z.string(),
  previous: z.string().optional(),
  /** Milliseconds until which the previous one signs too. */
  previousUntil: z.int().optional(),
});
export type WebhookSecrets = z.infer<typeof webhookSecrets>;

/** The context that a channel's secret is sealed to: it opens for this channel only. */
export function channelSecretContext(projectId: number, channelId: string): string {
  return `${projectId}:${channelId}`;
}

export const incidentView = z.object({
  id: z.uuid(),
  rule_id: z.uuid(),
  state: z.enum(INCIDENT_STATES),
  severity: z.string(),
  labels: z.record(z.string(), z.unknown()),
  value: z.number(),
  peak: z.number(),
  pending_at: time,
  fired_at: time.nullable(),
  acknowledged_at: time.nullable(),
  acknowledged_by: z.string().nullable(),
  snoozed_until: time.nullable(),
  resolved_at: time.nullable(),
  last_breach_at: time,
  last_notified_at: time.nullable(),
});
export type IncidentView = z.infer<typeof incidentView>;

export const deliveryView = z.object({
  id: z.uuid().describe('The `webhook-id` of every attempt.'),
  channel_id: z.uuid(),
  channel_name: z.string().nullable().describe('Null where the channel was deleted.'),
  reason: z.string(),
  state: z.enum(['pending', 'delivered', 'failed']),
  created_at: time,
  next_attempt_at: time.nullable(),
  finished_at: time.nullable(),
  attempts: z.array(
    z.object({
      attempt: z.int(),
      at: time,
      outcome: z.enum(['delivered', 'retry', 'failed']),
      response_status: z.int().nullable(),
      error: z.string().nullable(),
      duration_ms: z.int(),
    }),
  ),
});
export type DeliveryView = z.infer<typeof deliveryView>;

export const timelineEntry = z.object({
  at: time,
  type: z.string(),
  reason: z.string(),
  actor: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type TimelineEntry = z.infer<typeof timelineEntry>;
