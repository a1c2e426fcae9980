import { z } from 'zod';
import * as admin from './admin.js';
import * as alerts from './alerts.js';
import { ingestAnswer, wireEvent } from './ingest.js';
import * as query from './query.js';
import * as params from './query-params.js';
import type { Scope } from './scopes.js';

/** One operation of the public API. */
export interface ApiRoute {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With parameters in braces. */
  path: string;
  /** Unique; generated clients name their methods after it. */
  id: string;
  tag: string;
  summary: string;
  /** A scope of API tokens, an ingest key, or nothing. */
  policy: Scope | 'ingest' | 'public';
  query?: z.ZodObject;
  /** Name of an input component. */
  body?: keyof typeof INPUTS;
  /** Whether the body may be left out. */
  bodyOptional?: boolean;
  status: number;
  /** Name of an output component; none where the answer is empty. */
  answer?: keyof typeof OUTPUTS;
  /** Media type of the answer where it is not JSON. */
  media?: string;
  /** Codes that only this route answers with, besides those that its policy and inputs imply. */
  errors?: readonly string[];
}

const listOf = <T extends z.ZodType>(item: T) => z.object({ data: z.array(item) });

/** What clients send. */
export const INPUTS = {
  Event: wireEvent,
  EventBatch: z.object({ events: z.array(wireEvent) }),
  CreateProject: admin.createProjectBody,
  UpdateProject: admin.updateProjectBody,
  CreateKey: admin.createKeyBody,
  RotateKey: admin.rotateKeyBody,
  AttachCatalogs: admin.attachCatalogsBody,
  CreateToken: admin.createTokenBody,
  CreateAlertRule: alerts.ruleInput,
  UpdateAlertRule: z
    .object(Object.fromEntries(alerts.RULE_FIELDS.map((field) => [field, z.unknown().optional()])))
    .describe('Any fields of CreateAlertRule; the result is checked as a whole.'),
  CreateChannel: alerts.channelInput,
  UpdateChannel: alerts.channelPatch,
  ReplayDeadLetters: z.object({ ids: z.array(z.uuid()).optional() }),
} as const;

const incidentDetail = z.object({
  ...alerts.incidentView.shape,
  timeline: z.array(alerts.timelineEntry),
  notifications: z.array(alerts.deliveryView),
});

const deadLetter = z.object({
  id: z.uuid(),
  stage: z.string(),
  reason_code: z.string(),
  reason: z.string(),
  status: z.enum(['pending', 'replayed', 'discarded']),
  received_at: z.iso.datetime(),
  created_at: z.iso.datetime(),
  payload: z.unknown(),
});

/** What the API answers with. */
export const OUTPUTS = {
  IngestAnswer: ingestAnswer,
  Summary: query.summaryAnswer,
  Series: query.seriesAnswer,
  Top: query.topAnswer,
  Events: query.eventsAnswer,
  EventDetail: query.eventAnswer,
  Codes: query.codesAnswer,
  CodeDetail: query.codeAnswer,
  Tenants: query.tenantsAnswer,
  Outcomes: query.outcomesAnswer,
  Project: admin.projectAnswer,
  Projects: admin.projectsAnswer,
  Key: admin.keyAnswer,
  Keys: admin.keysAnswer,
  RotatedKey: admin.rotatedAnswer,
  Catalogs: admin.catalogsAnswer,
  Tokens: admin.tokensAnswer,
  CreatedToken: admin.createdTokenAnswer,
  AlertRule: alerts.ruleView,
  AlertRules: listOf(alerts.ruleView),
  Channel: alerts.channelView,
  Channels: listOf(alerts.channelView),
  Notification: alerts.deliveryView,
  Incidents: z.object({ data: z.array(alerts.incidentView), next_cursor: z.string().nullable() }),
  Incident: incidentDetail,
  Notifications: listOf(alerts.deliveryView),
  DeadLetters: listOf(deadLetter),
  ReplayedDeadLetters: z.object({
    queued: z.int(),
    refused: z.array(z.object({ id: z.uuid(), reason: z.string() })),
  }),
  Health: z.object({ status: z.string() }),
  Readiness: z.object({ status: z.string(), checks: z.record(z.string(), z.string()) }),
} as const;

type Short = Omit<ApiRoute, 'tag' | 'policy' | 'status' | 'method' | 'path' | 'id' | 'summary'> & {
  status?: number;
};

const routes = (tag: string, base: string) => {
  const made: ApiRoute[] = [];
  const add = (
    [method, path]: [ApiRoute['method'], string],
    policy: ApiRoute['policy'],
    [id, summary]: [string, string],
    rest: Short = {},
  ) => {
    made.push({ method, path: base + path, id, tag, summary, policy, ...rest, status: rest.status ?? 200 });
    return { add, made };
  };
  return { add, made };
};

const PROJECT = '/api/v1/projects/{projectId}';

const ingestRoutes = routes('Ingest', '').add(
  ['post', '/v1/events'],
  'ingest',
  ['sendEvents', 'Send one event, `{"events": […]}`, or NDJSON; 202 once they are durably queued'],
  { body: 'EventBatch', status: 202, answer: 'IngestAnswer' },
).made;

const queryRoutes = routes('Query', PROJECT)
  .add(
    ['get', '/summary'],
    'events:read',
    ['getSummary', 'Totals of a window, compared with the one before'],
    {
      query: params.summaryParams,
      answer: 'Summary',
    },
  )
  .add(['get', '/series'], 'events:read', ['getSeries', 'Counts over time, by any dimension'], {
    query: params.seriesParams,
    answer: 'Series',
  })
  .add(['get', '/top'], 'events:read', ['getTop', 'The most frequent values of a dimension'], {
    query: params.topParams,
    answer: 'Top',
  })
  .add(['get', '/events'], 'events:read', ['listEvents', 'Raw events, newest first'], {
    query: params.listParams,
    answer: 'Events',
  })
  .add(['get', '/events/{eventId}'], 'events:read', ['getEvent', 'One event with all its detail'], {
    query: params.noParams,
    answer: 'EventDetail',
    errors: ['EVENT_NOT_FOUND'],
  })
  .add(['get', '/codes'], 'events:read', ['listCodes', 'Codes seen in a window, by name'], {
    query: params.listParams,
    answer: 'Codes',
  })
  .add(['get', '/codes/{code}'], 'events:read', ['getCode', 'What a code means, and what was seen of it'], {
    query: params.codeParams,
    answer: 'CodeDetail',
    errors: ['CODE_NOT_FOUND'],
  })
  .add(['get', '/tenants'], 'events:read', ['listTenants', 'Tenants seen in a window, by name'], {
    query: params.listParams,
    answer: 'Tenants',
  })
  .add(['get', '/outcomes'], 'events:read', ['getOutcomes', 'What became of everything that was sent'], {
    query: params.outcomesParams,
    answer: 'Outcomes',
  }).made;

const adminRoutes = routes('Admin', '/api/v1')
  .add(['get', '/projects'], 'project:read', ['listProjects', 'Projects that the token may see'], {
    answer: 'Projects',
  })
  .add(
    ['post', '/projects'],
    'project:write',
    ['createProject', 'Make a project with default rules and catalogs'],
    {
      body: 'CreateProject',
      status: 201,
      answer: 'Project',
      errors: ['CONFLICT'],
    },
  )
  .add(['get', '/projects/{projectId}'], 'project:read', ['getProject', 'One project'], { answer: 'Project' })
  .add(
    ['patch', '/projects/{projectId}'],
    'project:write',
    ['updateProject', 'Rename it, or keep events longer'],
    {
      body: 'UpdateProject',
      answer: 'Project',
    },
  )
  .add(['get', '/projects/{projectId}/keys'], 'project:read', ['listKeys', 'Ingest keys'], { answer: 'Keys' })
  .add(['post', '/projects/{projectId}/keys'], 'project:write', ['createKey', 'Make an ingest key'], {
    body: 'CreateKey',
    bodyOptional: true,
    status: 201,
    answer: 'Key',
  })
  .add(
    ['post', '/projects/{projectId}/keys/{keyId}/rotate'],
    'project:write',
    ['rotateKey', 'Make a successor; the old key works on for a while'],
    {
      body: 'RotateKey',
      bodyOptional: true,
      status: 201,
      answer: 'RotatedKey',
      errors: ['KEY_NOT_FOUND', 'CONFLICT'],
    },
  )
  .add(
    ['delete', '/projects/{projectId}/keys/{keyId}'],
    'project:write',
    ['revokeKey', 'End a key at once'],
    {
      status: 204,
      errors: ['KEY_NOT_FOUND'],
    },
  )
  .add(
    ['get', '/projects/{projectId}/catalogs'],
    'project:read',
    ['listCatalogs', 'Attached catalogs, in order'],
    {
      answer: 'Catalogs',
    },
  )
  .add(
    ['put', '/projects/{projectId}/catalogs'],
    'project:write',
    ['attachCatalogs', 'Replace the catalogs'],
    {
      body: 'AttachCatalogs',
      answer: 'Catalogs',
      errors: ['CATALOG_NOT_FOUND'],
    },
  )
  .add(
    ['get', '/projects/{projectId}/dead-letters'],
    'project:read',
    ['listDeadLetters', 'Events that failed'],
    {
      query: z.object({
        status: z.enum(['pending', 'replayed', 'discarded']).default('pending'),
        limit: z.int().min(1).max(1_000).default(100),
      }),
      answer: 'DeadLetters',
    },
  )
  .add(
    ['post', '/projects/{projectId}/dead-letters/replay'],
    'project:write',
    ['replayDeadLetters', 'Queue failed events again'],
    {
      body: 'ReplayDeadLetters',
      bodyOptional: true,
      status: 202,
      answer: 'ReplayedDeadLetters',
      errors: ['DEAD_LETTER_NOT_FOUND', 'QUEUE_UNAVAILABLE'],
    },
  )
  .add(['get', '/tokens'], 'project:read', ['listTokens', 'API tokens, without their text'], {
    answer: 'Tokens',
  })
  .add(['post', '/tokens'], 'project:write', ['createToken', 'Make an API token; it is shown this once'], {
    body: 'CreateToken',
    status: 201,
    answer: 'CreatedToken',
    errors: ['PROJECT_NOT_FOUND'],
  })
  .add(['delete', '/tokens/{tokenId}'], 'project:write', ['revokeToken', 'End an API token at once'], {
    status: 204,
    errors: ['KEY_NOT_FOUND'],
  }).made;

const healthRoutes = routes('Operation', '')
  .add(['get', '/healthz'], 'public', ['getHealth', 'The process answers'], { answer: 'Health' })
  .add(['get', '/readyz'], 'public', ['getReadiness', 'Whether requests can be served; 503 where not'], {
    answer: 'Readiness',
  })
  .add(['get', '/metrics'], 'public', ['getMetrics', 'Prometheus metrics'], { media: 'text/plain' }).made;

export { adminRoutes, healthRoutes, ingestRoutes, queryRoutes, routes };
