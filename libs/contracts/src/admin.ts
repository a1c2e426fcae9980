import { z } from 'zod';
import { SCOPES } from './scopes.js';

/** Bodies and answers of the admin API: projects, their keys and catalogs, and API tokens. */

/** Refuses what the database cannot keep as text: NUL, and halves of surrogate pairs. */
export function storable<T extends z.ZodType<string>>(schema: T): T {
  // With the u flag a paired surrogate is one character, so that only halves match.
  return schema.refine(
    (given) => !/\0|\p{Surrogate}/u.test(given),
    'must not contain NUL or unpaired surrogates',
  );
}

const time = z.iso.datetime();
const label = storable(z.string().trim().max(200, 'must be at most 200 characters'));
const filled = label.min(1, 'must not be empty');
const slug = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be lower-case words joined by dashes')
  .max(100);
const whole = (min: number, max: number) =>
  z
    .int('must be a whole number')
    .min(min, `must be between ${min} and ${max}`)
    .max(max, `must be between ${min} and ${max}`);

const retention = whole(1, 400).describe('Days that raw events are kept.');

export const projectAnswer = z.object({
  id: z.int(),
  slug: z.string(),
  name: z.string(),
  retention_days: z.int(),
  created_at: time,
});
export type ProjectAnswer = z.infer<typeof projectAnswer>;
export const projectsAnswer = z.object({ data: z.array(projectAnswer) });

export const createProjectBody = z.strictObject({
  name: filled,
  slug: slug.optional().describe('Unique in the organization; made from the name by default.'),
  retention_days: retention.default(30),
});
export const updateProjectBody = z.strictObject({
  name: filled.optional(),
  retention_days: retention.optional(),
});

export const keyAnswer = z.object({
  id: z.string(),
  public_key: z.string().describe('Write-only; it may sit in a browser.'),
  dsn: z.string().describe('What an SDK is set up with.'),
  label: z.string(),
  multi_tenant: z.boolean().describe('Whether every event must name its tenant.'),
  rate_per_second: z.int(),
  burst: z.int(),
  created_at: time,
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
});
export type KeyAnswer = z.infer<typeof keyAnswer>;
export const keysAnswer = z.object({ data: z.array(keyAnswer) });

export const createKeyBody = z.strictObject({
  label: label.default(''),
  multi_tenant: z.boolean().default(false),
  rate_per_second: whole(1, 1_000_000).default(1_000).describe('Events a second, sustained.'),
  burst: whole(1, 10_000_000).default(10_000).describe('Events at once.'),
});

export const rotateKeyBody = z.strictObject({
  grace_seconds: whole(0, 30 * 86_400)
    .default(86_400)
    .describe('How long the old key goes on working; 0 ends it at once.'),
});
export const rotatedAnswer = z.object({ key: keyAnswer, replaced: keyAnswer });

export const attachment = z.strictObject({
  slug: filled,
  codes_only: z.boolean().default(false).describe('Ignore its statuses: they say nothing about this API.'),
  pinned_version: whole(1, 2_147_483_647)
    .nullable()
    .default(null)
    .describe('Null follows the newest version.'),
});

export const attachCatalogsBody = z.strictObject({
  catalogs: z
    .array(attachment)
    .max(50, 'must be at most 50')
    .describe('In the order in which they are asked.'),
});

export const catalogsAnswer = z.object({
  catalogs: z.array(
    z.object({
      slug: z.string(),
      title: z.string(),
      version: z.int().describe('The version in use.'),
      codes_only: z.boolean(),
      pinned_version: z.int().nullable(),
    }),
  ),
});
export type CatalogsAnswer = z.infer<typeof catalogsAnswer>;

export const tokenAnswer = z.object({
  id: z.string(),
  name: z.string(),
  last_four: z.string(),
  scopes: z.array(z.string()),
  project_id: z.int().nullable().describe('Null sees every project of the organization.'),
  tenant: z.string().nullable().describe('Where set, it sees the events of this tenant only.'),
  requests_per_minute: z.int(),
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
  revoked_at: time.nullable(),
});
export type TokenAnswer = z.infer<typeof tokenAnswer>;
export const tokensAnswer = z.object({ data: z.array(tokenAnswer) });

export const createdTokenAnswer = z.object({
  ...tokenAnswer.shape,
  token: z.string().describe('Shown this once; only its hash is stored.'),
});

export const createTokenBody = z.strictObject({
  name: filled,
  scopes: z
    .array(z.enum(SCOPES, { error: `must be one of ${SCOPES.join(', ')}` }))
    .min(1, 'must name at least one scope'),
  project_id: whole(1, 2_147_483_647).nullable().default(null),
  tenant: filled.nullable().default(null).describe('Only with the one scope `events:read`.'),
  requests_per_minute: whole(1, 100_000).default(120),
  expires_at: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).nullable().default(null),
});
