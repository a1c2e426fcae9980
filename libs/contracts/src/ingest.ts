import { z } from 'zod';

/**
 * `POST /v1/events`: the wire format of an event, in the field's snake_case. One schema is the
 * source of the types, the validation and the OpenAPI document.
 */

/** Longest code, tenant, environment, service, release, route and user. Cutting one would merge two. */
export const MAX_NAME = 200;
const name = z.string().max(MAX_NAME, `must be at most ${MAX_NAME} characters`);
const named = (what: string) => name.describe(what).optional();

/** What clients send where they have nothing: null means absent. */
const orNull = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

const status = z
  .int('must be a whole number')
  .min(100, 'must be an HTTP status between 100 and 599')
  .max(599, 'must be an HTTP status between 100 and 599');

const record = z.record(z.string(), z.unknown());

export const wireEvent = z.object({
  event_id: orNull(
    z.string().describe('UUID, with or without dashes. Send it, so that a resend is not counted twice.'),
  ),
  timestamp: orNull(
    z
      .union([z.string(), z.number()])
      .describe('RFC 3339, or Unix seconds. When the error happened; default: now.'),
  ),
  environment: orNull(named('E.g. `production`.')),
  service: orNull(named('The part of the API or the client that saw the error.')),
  release: orNull(named('Version of that service.')),
  tenant: orNull(named("The API's customer that the error happened to.")),
  user: orNull(z.union([name, z.number()]).describe('Who made the request; an opaque id, not a name.')),
  request_id: orNull(z.string()),
  trace_id: orNull(z.string()),
  http: orNull(
    z.object({
      method: orNull(z.string().max(20, 'must be at most 20 characters')),
      route: orNull(name.describe('Route template, e.g. `/orders/:id`, never the query string.')),
      status: orNull(status),
      retry_after: orNull(
        z.union([z.string(), z.number()]).describe('As in the header: seconds or an HTTP date.'),
      ),
    }),
  ),
  error: orNull(
    z.object({
      code: orNull(z.union([name, z.number()]).describe('The documented error code.')),
      message: orNull(z.string()),
      type: orNull(z.string()),
      stack: orNull(z.string()),
      details: z.unknown().optional(),
    }),
  ),
  response: orNull(
    z.object({
      status: orNull(status),
      headers: orNull(record),
      body: z
        .unknown()
        .optional()
        .describe('The raw API error response, text or JSON; Errata reads the code out of it.'),
    }),
  ),
  attempt: orNull(
    z.int('must be a whole number').min(1, 'the first try is 1').max(32_767, 'must be at most 32767'),
  ),
  attributes: orNull(record.describe('Anything else worth searching, bounded in size and depth.')),
});

export type WireEvent = z.infer<typeof wireEvent>;

/** Names of the fields that an event may have, for hints at misspelt ones. */
export const WIRE_FIELDS = Object.keys(wireEvent.shape);

export const rejectedEvent = z.object({
  index: z.int().describe('Position in the request, from 0.'),
  code: z.string(),
  message: z.string(),
  field: z.string().optional(),
});
export type RejectedEvent = z.infer<typeof rejectedEvent>;

export const ingestAnswer = z.object({
  accepted: z.int().describe('Events that are now on disk.'),
  rejected: z.array(rejectedEvent),
  request_id: z.string(),
});
export type IngestAnswer = z.infer<typeof ingestAnswer>;
