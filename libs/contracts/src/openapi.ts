import type { Catalog } from '@errata/core';
import { z } from 'zod';
import { alertRoutes } from './openapi-alert-routes.js';
import { INPUTS, OUTPUTS, adminRoutes, healthRoutes, ingestRoutes, queryRoutes } from './openapi-routes.js';
import type { ApiRoute } from './openapi-routes.js';

export { OUTPUTS } from './openapi-routes.js';
export type { ApiRoute } from './openapi-routes.js';

/** Every public operation, in the order of the document. */
export const API_ROUTES: readonly ApiRoute[] = [
  ...ingestRoutes,
  ...queryRoutes,
  ...alertRoutes,
  ...adminRoutes,
  ...healthRoutes,
];

const problem = z
  .object({
    type: z.string().describe('Link to the documentation of the code.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What was wrong with this request and how to fix it.'),
    code: z.string().describe('Documented, stable: branch on this.'),
    request_id: z.string(),
    retryable: z.boolean().describe('Whether the same request may succeed later.'),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .describe('RFC 9457 problem details.');

type Json = Record<string, unknown>;

export interface OpenApiOptions {
  version: string;
  /** Address under which clients reach the API. */
  serverUrl: string;
  /** Our own error codes: they say which status each code comes with. */
  errors: Catalog;
}

/**
 * The OpenAPI 3.1 document of the whole public API, complete enough to generate a client from.
 * @throws where a route names a code that is not in the error catalog
 */
export function buildOpenApi(options: OpenApiOptions): Json {
  const paths: Record<string, Json> = {};
  for (const route of API_ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route, options.errors) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Errata',
      version: options.version,
      description: 'Which documented error is rising, for which tenant, and is it retryable.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.serverUrl }],
    tags: [...new Set(API_ROUTES.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: { schemas: componentSchemas(), securitySchemes: SECURITY_SCHEMES, headers: HEADERS },
  };
}

const SECURITY_SCHEMES = {
  apiToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'API token `errata_…`, for reading and administration.',
  },
  ingestKey: { type: 'http', scheme: 'bearer', description: 'Ingest key: 32 hex digits, write-only.' },
  ingestKeyHeader: { type: 'apiKey', in: 'header', name: 'X-Errata-Key', description: 'Ingest key.' },
};

const HEADERS = {
  RequestId: { description: 'Names this request in our logs.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
};

function operation(route: ApiRoute, errors: Catalog): Json {
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.policy === 'public' || route.policy === 'ingest'
      ? {}
      : { description: `Needs the scope \`${route.policy}\`.` }),
    security: security(route),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(route.body === undefined ? {} : { requestBody: requestBody(route, route.body) }),
    responses: { [route.status]: success(route), ...problems(route, errors) },
  };
}

function security(route: ApiRoute): Json[] {
  if (route.policy === 'public') return [];
  return route.policy === 'ingest' ? [{ ingestKey: [] }, { ingestKeyHeader: [] }] : [{ apiToken: [] }];
}

function pathParameters(route: ApiRoute): Json[] {
  return [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'projectId' ? { type: 'integer' } : { type: 'string' },
  }));
}

function queryParameters(route: ApiRoute): Json[] {
  if (route.query === undefined) return [];
  const schema = clean(z.toJSONSchema(route.query, { io: 'input', override: tidy('input') }));
  const required = new Set((schema['required'] as string[] | undefined) ?? []);
  return Object.entries((schema['properties'] ?? {}) as Record<string, Json>).map(([name, property]) => {
    const { description, ...rest } = property;
    return {
      name,
      in: 'query',
      required: required.has(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

function requestBody(route: ApiRoute, body: keyof typeof INPUTS): Json {
  const required = route.bodyOptional !== true;
  if (body !== 'EventBatch') return { required, content: { 'application/json': { schema: ref(body) } } };
  return {
    required,
    description: 'May be compressed: Content-Encoding gzip, deflate, br or zstd.',
    content: {
      'application/json': { schema: { anyOf: [ref('EventBatch'), ref('Event')] } },
      'application/x-ndjson': { schema: { type: 'string', description: 'One Event a line.' } },
    },
  };
}

function success(route: ApiRoute): Json {
  const headers = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };
  const media = route.media ?? 'application/json';
  if (route.answer === undefined && route.media === undefined) return { description: 'Done.', headers };
  const schema = route.answer === undefined ? { type: 'string' } : ref(route.answer);
  return { description: route.summary, headers, content: { [media]: { schema } } };
}

const TOKEN_CODES = ['TOKEN_MISSING', 'TOKEN_INVALID', 'TOKEN_REVOKED', 'TOKEN_EXPIRED', 'SCOPE_REQUIRED'];
const BODY_CODES = [
  'MALFORMED_JSON',
  'BODY_TOO_LARGE',
  'TOO_DEEP',
  'UNSUPPORTED_ENCODING',
  'DECOMPRESSION_FAILED',
];
const INGEST_CODES = [
  'KEY_MISSING',
  'KEY_INVALID',
  'KEY_REVOKED',
  'INVALID_EVENT',
  'EMPTY_BATCH',
  'TENANT_REQUIRED',
  'TIMESTAMP_OUT_OF_WINDOW',
  'EVENT_TOO_LARGE',
  'TOO_MANY_EVENTS',
  'RATE_LIMITED',
  'QUEUE_UNAVAILABLE',
  'OVERLOADED',
];

/** Codes that a route can answer with. */
export function errorCodesOf(route: ApiRoute): string[] {
  const { policy, query, body, path } = route;
  if (policy === 'public') return ['INTERNAL_ERROR'];
  const shape = query?.shape ?? {};
  return [
    ...(policy === 'ingest' ? INGEST_CODES : [...TOKEN_CODES, 'RATE_LIMITED']),
    ...(path.includes('{projectId}') ? ['PROJECT_NOT_FOUND'] : []),
    ...(query === undefined ? [] : ['UNKNOWN_FILTER', 'INVALID_PARAMETER']),
    ...('from' in shape ? ['INVALID_RANGE'] : []),
    ...('cursor' in shape ? ['INVALID_CURSOR'] : []),
    ...(body === undefined ? [] : [...BODY_CODES, 'INVALID_FIELD', 'UNKNOWN_FIELD']),
    ...(route.errors ?? []),
    'INTERNAL_ERROR',
  ];
}

function problems(route: ApiRoute, errors: Catalog): Json {
  const byStatus = new Map<string, string[]>();
  for (const code of new Set(errorCodesOf(route))) {
    const status = errors.entries.find((entry) => entry.code === code)?.statuses[0];
    if (status === undefined)
      throw new Error(`${route.id} answers with ${code}, which is not in the error catalog`);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      problemResponse(codes, status === '429' || status === '503'),
    ]),
  );
}

function problemResponse(codes: readonly string[], waits: boolean): Json {
  const schema = { allOf: [ref('Problem'), { properties: { code: { enum: codes } } }] };
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/RequestId' },
      ...(waits ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } : {}),
    },
    content: { 'application/problem+json': { schema } },
  };
}

function componentSchemas(): Record<string, Json> {
  return { ...componentsOf(INPUTS, 'input'), ...componentsOf({ ...OUTPUTS, Problem: problem }, 'output') };
}

function componentsOf(
  named: Readonly<Record<string, z.ZodType>>,
  io: 'input' | 'output',
): Record<string, Json> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: tidy(io),
  }) as unknown as { schemas: Record<string, Json> };
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, clean(schema)]));
}

// Answers may grow, so clients must not refuse what they do not know; and what may be anything may be missing.
const tidy =
  (io: 'input' | 'output') =>
  ({ jsonSchema }: { jsonSchema: Json }): void => {
    if (io === 'output' && jsonSchema['additionalProperties'] === false)
      delete jsonSchema['additionalProperties'];
    const { properties, required } = jsonSchema as { properties?: Record<string, Json>; required?: string[] };
    if (io !== 'input' || properties === undefined || required === undefined) return;
    const needed = required.filter((name) =>
      Object.keys(properties[name] ?? {}).some((key) => key !== 'description'),
    );
    if (needed.length === 0) delete jsonSchema['required'];
    else jsonSchema['required'] = needed;
  };

const clean = ({ $schema: _schema, $id: _id, ...schema }: Json): Json => schema;
